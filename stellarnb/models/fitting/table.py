"""From where a fit ended to the columns of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.fitting.settings import FitSettings
from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.models.trust.ca_cores import CA_CORES, CORE_HALF_WIDTH, CORE_LIMIT
from stellarnb.spectra import SpectrumSet
from stellarnb.spectra.line_spread import convert_wavelength

if TYPE_CHECKING:
    from stellarnb.models.fitting.solver import FitResult, FitTask

__all__ = [
    "LEVELS",
    "VARIATION",
    "columns_of",
    "describe",
]

#: A parameter this near to its limit, as a part of the range, stopped there.
AT_LIMIT = 1e-4
#: Flux by which a good fit to a real star may be off beside the noise; and by how many times
#: more (as a variance) novelty calls it unlike the synthesis.
TOLERANCE, MISFIT_LIMIT = 0.015, 2.0
#: Continuum within which a fit is accepted: its level, and how far it may vary over the window.
LEVELS, VARIATION = (0.3, 1.7), 0.3

Floats = NDArray[np.float64]


def columns_of(
    spectra: SpectrumSet,
    emulator: Emulator,
    settings: FitSettings,
    task: FitTask,
    fit: FitResult,
    usable: NDArray[np.bool_],
    flux_error: NDArray[np.floating[Any]],
) -> dict[str, Any]:
    """Return the columns of one batch; `usable` and `flux_error` are [n, n_pix].

    A spectrum without usable pixels has NaN labels, all flags set and is not good.
    """
    k = len(emulator.names)
    values = emulator.unscale(fit.parameters[:, :k])
    errors = np.sqrt(np.einsum("nii->ni", fit.covariance))
    lost = usable.sum(axis=1) <= len(task.low)
    stopped = _stopped(task, fit)
    columns: dict[str, Any] = {"source_id": spectra.source_id}
    columns |= _label_columns(emulator, settings, values, errors, stopped, lost)
    misfit = _misfit(task, fit)
    sparsity = emulator.sparsity(np.where(lost[:, None], emulator.limits.mean(axis=1), values))
    excess, excess_error = _core_excess(spectra, fit, flux_error)
    filled = np.nan_to_num(np.clip(excess - 2.0 * excess_error, 0.0, None)) / CORE_LIMIT
    novelty = np.maximum.reduce([misfit / MISFIT_LIMIT, sparsity, filled])
    columns["novelty"] = np.where(lost, np.inf, novelty)
    curve = fit.parameters[:, k + 2 :] @ task.continuum.double().numpy()
    level, variation = np.median(curve, axis=1), np.ptp(curve, axis=1)
    refused = (level < LEVELS[0]) | (level > LEVELS[1]) | (variation > VARIATION)
    refused |= (stopped[:, k] != 0) & (settings.velocity_limit > 0)
    wanted = [emulator.names.index(name) for name in ("teff", "logg", "fe_h", *settings.labels)]
    inside = (stopped[:, wanted] == 0).all(axis=1)
    masked = 1.0 - (~spectra.mask).sum(axis=1) / spectra.flux.shape[1]
    good = inside & ~refused & ~lost & (novelty <= 1.0) & (masked <= emulator.card.max_masked)
    columns["good"] = good
    columns["chi2"] = np.where(lost, np.nan, fit.chi2)
    columns["noise"] = np.where(lost, np.nan, fit.noise)
    speed, turn = fit.parameters[:, k], np.sqrt(fit.parameters[:, k + 1])
    columns["radial_velocity"] = np.where(lost, np.nan, speed)
    columns["radial_velocity_error"] = np.where(lost, np.nan, errors[:, k])
    columns["vsini"] = np.where(lost, np.nan, turn)
    columns["continuum_level"] = np.where(lost, np.nan, level)
    columns["continuum_variation"] = np.where(lost, np.nan, variation)
    columns["core_excess"] = np.where(lost, np.nan, excess)
    columns["core_excess_error"] = np.where(lost, np.nan, excess_error)
    columns["at_bound"] = _words(emulator, settings, stopped, level, variation, lost)
    columns["masked_fraction"] = masked.astype(np.float32)
    return columns


def _label_columns(
    emulator: Emulator,
    settings: FitSettings,
    values: Floats,
    errors: Floats,
    stopped: NDArray[np.int64],
    lost: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return values, errors and flags of the labels, and the boundary string."""
    columns: dict[str, Any] = {}
    for name in settings.labels:
        i = emulator.names.index(name)
        unit = values[:, 0] ** 2 / 5040.0 if name == "teff" else 1.0
        columns[name] = np.where(lost, np.nan, values[:, i]).astype(np.float32)
        error = errors[:, i] * emulator.width[i] * unit
        error = np.hypot(error, emulator.card.network["interpolation"].get(name, 0.0))
        if settings.floor:
            error = np.hypot(error, emulator.card.labels[i].floor)
        columns[f"{name}_error"] = np.where(lost, np.nan, error).astype(np.float32)
        columns[f"{name}_flag"] = (stopped[:, i] != 0) | lost
    digits = np.stack([columns[f"{name}_flag"] for name in settings.labels], axis=1)
    columns["boundary"] = np.array(["".join(row) for row in np.where(digits, "1", "0")], dtype=str)
    return columns


def _stopped(task: FitTask, fit: FitResult) -> NDArray[np.int64]:
    """Return -1 or 1 where a parameter stopped at its lower or upper limit, else 0."""
    slack = AT_LIMIT * (task.high - task.low)
    free = task.high > task.low
    low = free & (fit.parameters <= task.low + slack)
    high = free & (fit.parameters >= task.high - slack)
    return high.astype(np.int64) - low.astype(np.int64)


def _misfit(task: FitTask, fit: FitResult) -> Floats:
    """Return the mean square of the residuals over that of noise and tolerance together."""
    used = task.precision > 0
    allowed = 1.0 / task.precision.clamp(min=1e-30) + TOLERANCE**2
    squares = (used * fit.residual**2 / allowed).sum(dim=1) / used.sum(dim=1).clamp(min=1)
    return np.asarray(squares.double().numpy())


def _core_excess(
    spectra: SpectrumSet, fit: FitResult, error: NDArray[np.floating[Any]]
) -> tuple[Floats, Floats]:
    """Return how much more light the Ca II cores have than the model, and its error."""
    instrument = spectra.instrument
    grid = spectra.wavelength.value
    air = convert_wavelength(grid, instrument.unit, instrument.medium, "Angstrom", "air")
    core = np.any([np.abs(air - at) <= CORE_HALF_WIDTH for at in CA_CORES], axis=0)
    model = fit.model.numpy()[:, core].astype(np.float64)
    used = ~spectra.mask[:, core] & (model > 0)
    safe = np.where(used, model, 1.0)
    ratio = np.where(used, spectra.flux[:, core], 0.0) / safe
    count = used.sum(axis=1)
    excess = ratio.sum(axis=1) / np.maximum(count, 1) - 1.0
    squares = (np.where(used, error[:, core], 0.0) / safe) ** 2
    spread = np.sqrt(squares.sum(axis=1) * np.maximum(fit.noise, 1.0)) / np.maximum(count, 1)
    nothing = count == 0
    return np.where(nothing, np.nan, excess), np.where(nothing, np.nan, spread)


def _words(
    emulator: Emulator,
    settings: FitSettings,
    stopped: NDArray[np.int64],
    level: Floats,
    variation: Floats,
    lost: NDArray[np.bool_],
) -> NDArray[np.str_]:
    """Return what stopped at which limit, one text a star; empty where nothing did."""
    k = len(emulator.names)
    out = []
    for row in range(len(stopped)):
        if lost[row]:
            out.append("no usable pixels")
            continue
        words = []
        for i in np.flatnonzero(stopped[row, :k]):
            # Scaled Teff runs backwards: it is 5040 K / Teff.
            sign = -stopped[row, i] if emulator.names[i] == "teff" else stopped[row, i]
            limit = emulator.limits[i, 0 if sign < 0 else 1]
            words.append(f"{emulator.names[i]} at {limit:g}")
        if stopped[row, k]:
            words.append(f"velocity at {stopped[row, k] * settings.velocity_limit:g} km/s")
        if not LEVELS[0] <= level[row] <= LEVELS[1]:
            words.append(f"continuum level {level[row]:.2f} beyond {LEVELS[0]:g}-{LEVELS[1]:g}")
        if variation[row] > VARIATION:
            words.append(f"continuum varies by {variation[row]:.2f}, more than {VARIATION:g}")
        out.append("; ".join(words))
    return np.array(out, dtype=str)


def describe(emulator: Emulator, labels: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return units and descriptions of the columns."""
    units = dict.fromkeys(("radial_velocity", "radial_velocity_error", "vsini"), "km s-1")
    descriptions = {
        "boundary": "1 = stopped at a limit of the emulator: " + ", ".join(labels),
        "novelty": "misfit beyond noise and the synthesis' usual flaws, or distance from its nodes; above 1 the star is unlike them",
        "good": "labels, velocity and continuum within limits, novelty at most 1, enough pixels",
        "chi2": "reduced chi-square by the errors as given",
        "noise": "power of the residuals at a line's width, in units of the stated variance; the errors hold its root",
        "radial_velocity": "velocity that was left in the spectrum",
        "at_bound": "what stopped at which limit",
        "continuum_level": "median of the polynomial that the model was multiplied by",
        "continuum_variation": "its largest minus its smallest value",
        "core_excess": "mean of flux over model in the cores of Ca II, less 1; none where no such line is",
        "masked_fraction": "fraction of the pixels that were masked on arrival",
    }
    for spec in emulator.card.labels:
        if spec.name in labels:
            units |= {spec.name: spec.unit, f"{spec.name}_error": spec.unit}
            descriptions[f"{spec.name}_error"] = (
                "from the curvature, times the root of noise; with the card's floor"
            )
            descriptions[f"{spec.name}_flag"] = "True = stopped at a limit of the emulator"
    return units, descriptions
