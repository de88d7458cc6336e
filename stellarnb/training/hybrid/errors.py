"""What the networks' stated errors are worth, and what their training set looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.backends.loop import run_networks
from stellarnb.models.families.hybrid import colours_of
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.networks.hybrid import HybridNetwork
from stellarnb.models.trust.ca_cores import CA_CORES, CORE_HALF_WIDTH
from stellarnb.models.trust.calibration import ensemble
from stellarnb.models.trust.hybrid_novelty import HybridNovelty
from stellarnb.models.trust.novelty import Novelty, leading_terms
from stellarnb.tables.compare import robust_sigma
from stellarnb.training.hybrid.batches import Scalars, drop_branches, observed
from stellarnb.training.hybrid.recipe import HybridTraining, Recipe
from stellarnb.training.populations.labels import Population
from stellarnb.training.spectra.nuisance import air_wavelength
from stellarnb.training.xp.recipe import take_pixels

__all__ = ["calibrate", "learn_novelty"]

#: Validation spectra; and those from which the novelty is learned.
N_VALIDATION, N_NOVELTY = 6000, 2500
#: S/N of validation spectra, and of those that show what spectra without noise are like.
SNR_VALIDATION, SNR_NOVELTY = (15.0, 200.0), 300.0
#: Groups by stated error in which the scatter is measured.
GROUPS = 8
#: Part of the stars whose errors must grow when a branch is missing. All of them would overstate
#: the errors of stars of which the branch tells nothing.
WIDENED = 0.75
#: Parts of the pixels that are lost where the growth of the errors is measured, and spectra of each.
MASKED_PARTS, N_MASKED = (0.1, 0.2, 0.35), 1500
#: Range of the power that the stated error is raised to.
POWERS = (0.6, 1.7)
#: Principal components of spectra that the novelty knows.
N_COMPONENTS = 50

Floats = NDArray[np.float64]


def _see(
    prepared: HybridTraining,
    recipe: Recipe,
    stars: Population,
    n: int,
    snr: tuple[float, float],
    *,
    flaws: bool,
    seed: int,
) -> tuple[NDArray[np.int64], Pixels, Scalars]:
    """Return rows, spectra and scalars of n stars drawn from a population."""
    rng = np.random.default_rng([seed, 3])
    rows = rng.permutation(np.resize(rng.permutation(len(stars)), n))
    draw = rng.integers(stars.n_draws, size=n)
    _, scalars, low = observed(stars, rows, draw)
    flux, error, usable = prepared.spectra.seen(
        recipe, stars, rows, draw, snr=snr, flaws=flaws, seed=seed
    )
    return rows, Pixels(flux, error, usable, np.ones(n, dtype=bool), low), scalars


def calibrate(
    networks: Sequence[HybridNetwork], prepared: HybridTraining, recipe: Recipe
) -> list[dict[str, Any]]:
    """Fit offset, power and factors of each label on validation stars with emulated spectra.

    Returns ``offset, error_power, error_factor``, one a label: see `LabelSpec`; a factor for each
    set of branches. The robust pull is 1 for each, or less where knowing less would otherwise make
    the errors of more than a few stars smaller.
    """
    stars, family = prepared.validation, prepared.family
    rows, pixels, scalars = _see(
        prepared, recipe, stars, N_VALIDATION, SNR_VALIDATION, flaws=False, seed=1
    )
    truth = prepared.labels.scale(stars.targets[rows])
    found = {}
    for place, name in enumerate(family.patterns):
        if place == 0:
            continue
        there = np.tile([bool(place >> i & 1) for i in range(len(family.branches))], (len(rows), 1))
        scaled = family.scale(*drop_branches(family, there, pixels, scalars))
        whole = scaled.pattern == place
        mean, variance = run_networks(networks, *(x[whole] for x in scaled.inputs))
        found[name] = (whole, *ensemble(mean, variance)[:2])
    full = family.patterns[-1]
    calibration = []
    for i in range(truth.shape[1]):
        whole, mean, sigma = found[full]
        delta = mean[:, i] - truth[whole, i]
        offset = float(np.median(delta))
        power = _power(delta - offset, sigma[:, i])
        factor: dict[str, float] = {family.patterns[0]: 1.0}
        for name in reversed(family.patterns[1:]):
            seen, centre, stated = found[name]
            pull = (centre[:, i] - offset - truth[seen, i]) / stated[:, i] ** power
            factor[name] = robust_sigma(pull)
            if name != full:
                both = seen & whole
                ratio = sigma[both[whole], i] / stated[both[seen], i]
                shrunk = float(np.quantile(ratio, WIDENED) ** power)
                factor[name] = max(factor[name], min(factor[full] * shrunk, 2 * factor[name]))
        calibration.append({"offset": offset, "error_power": power, "error_factor": factor})
    _calibrate_masks(networks, prepared, (pixels, scalars, truth), calibration)
    return calibration


def _calibrate_masks(
    networks: Sequence[HybridNetwork],
    prepared: HybridTraining,
    seen: tuple[Pixels, Scalars, Floats],
    calibration: list[dict[str, Any]],
) -> None:
    """Add ``mask_power`` to each label: how errors of the spectrum alone grow with lost pixels.

    Blocks are lost at both ends, as in a spectrum that was taken with another instrument, and
    within.
    """
    family, (pixels, scalars, truth) = prepared.family, seen
    rng = np.random.default_rng(8)
    some = rng.permutation(len(truth))[:N_MASKED]
    n_pix = pixels.flux.shape[1]
    only = np.tile([name == "spectrum" for name in family.branches], (N_MASKED, 1))
    powers: list[list[float]] = [[] for _ in calibration]
    for part in MASKED_PARTS:
        lost = np.zeros((len(some), n_pix), dtype=bool)
        width = int(part * n_pix)
        ends = rng.random(len(some)) < 0.5
        first = rng.integers(0, width + 1, len(some))
        starts = rng.integers(0, n_pix - width, len(some))
        for row in range(len(some)):
            if ends[row]:
                lost[row, : first[row]] = True
                lost[row, n_pix - (width - first[row]) :] = True
            else:
                lost[row, starts[row] : starts[row] + width] = True
        masked = take_pixels(pixels, some)
        masked = Pixels(masked.flux, masked.error, masked.usable & ~lost, masked.alive)
        few = {name: values[some] for name, values in scalars.items()}
        scaled = family.scale(*drop_branches(family, only, masked, few))
        there = scaled.complete
        mean, variance = run_networks(networks, *(x[there] for x in scaled.inputs))
        centre, stated, _ = ensemble(mean, variance)
        for i, fitted in enumerate(calibration):
            error = fitted["error_factor"]["spectrum"] * stated[:, i] ** fitted["error_power"]
            pull = robust_sigma((centre[:, i] - fitted["offset"] - truth[some][there, i]) / error)
            powers[i].append(float(np.log(pull) / -np.log(1.0 - part)))
    for fitted, found in zip(calibration, powers, strict=True):
        fitted["mask_power"] = max(0.5, float(np.max(found)))


def _power(delta: Floats, sigma: Floats) -> float:
    """Return the slope of log scatter over log stated error."""
    groups = np.array_split(np.argsort(sigma), GROUPS)
    x = [np.log(np.median(sigma[group])) for group in groups]
    y = [np.log(robust_sigma(delta[group])) for group in groups]
    return float(np.clip(np.polyfit(x, y, 1)[0], *POWERS))


def learn_novelty(prepared: HybridTraining, recipe: Recipe) -> HybridNovelty:
    """Learn what the training stars look like; set the limits on validation stars."""
    family = prepared.family
    spectrum = family.spectrum
    air = air_wavelength(prepared.instrument)
    core = np.any([np.abs(air - at) <= CORE_HALF_WIDTH for at in CA_CORES], axis=0)

    def seen(stars: Population, n: int, snr: tuple[float, float], seed: int) -> tuple[Any, ...]:
        _, pixels, scalars = _see(prepared, recipe, stars, n, snr, flaws=True, seed=seed)
        flux, level, there = spectrum.scale(pixels)
        noise = spectrum.noise(pixels, level)
        assert noise is not None and there.all(), "training spectra have errors"  # noqa: S101, PT018
        return flux, noise, colours_of(scalars, n), pixels.flux / level

    flux, noise, colour, normalised = seen(prepared.train, N_NOVELTY, (SNR_NOVELTY,) * 2, 2)
    novelty = Novelty.fit(flux, np.nan_to_num(noise), colour, n_components=N_COMPONENTS)
    flux, noise, colour, _ = seen(prepared.validation, 4000, SNR_VALIDATION, 3)
    novelty = novelty.calibrated(novelty.distances(flux, noise, colour))
    weights: NDArray[Any] = np.zeros(0, dtype=np.float32)
    if core.any():
        flux, _, _, normalised = seen(prepared.train, N_NOVELTY, (SNR_NOVELTY,) * 2, 4)
        terms = leading_terms(novelty, flux)
        gram = terms.T @ terms + np.eye(terms.shape[1])
        weights = np.linalg.solve(gram, terms.T @ normalised[:, core].mean(axis=1))
    return HybridNovelty(novelty, _xp_novelty(prepared), core, weights.astype(np.float32))


def _xp_novelty(prepared: HybridTraining) -> Novelty | None:
    """Learn what XP spectra of training stars look like, where there are any."""
    scaler = prepared.family.xp
    if scaler is None:
        return None

    def inputs(stars: Population) -> tuple[Any, Any, Any]:
        assert stars.xp is not None, "the family reads XP spectra"  # noqa: S101
        real = stars.xp.alive
        pixels = take_pixels(stars.xp, real)
        noise = scaler.noise(pixels)
        assert noise is not None, "library spectra have errors"  # noqa: S101
        first = {name: values[real, 0] for name, values in stars.scalars.items()}
        return scaler.flux(pixels), noise, colours_of(first, int(real.sum()))

    novelty = Novelty.fit(*inputs(prepared.train))
    return novelty.calibrated(novelty.distances(*inputs(prepared.validation)))
