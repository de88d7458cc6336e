"""The recipe of ``xp-apogee``: data, scaling, ensemble, calibration, novelty, weights."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stellarnb.models.backends.loop import run_networks
from stellarnb.models.inputs.features import MAGNITUDES, XPScaler, colours
from stellarnb.models.inputs.pixels import Pixels, clean_pixels, match_scalars
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.networks.xp import XPNetwork, build_network
from stellarnb.models.trust.calibration import PATTERNS, ensemble
from stellarnb.models.trust.novelty import Novelty
from stellarnb.progress import progress_bar
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.compare import robust_sigma
from stellarnb.training.data.apogee_xp import LABELS, VALIDATION, ApogeeXP, is_clean, load_library
from stellarnb.training.data.apogee_xp import split as split_digit
from stellarnb.training.loop import checkpoint_key, load_checkpoint, save_checkpoint, train_member
from stellarnb.training.xp.batches import Batches, XPStars

__all__ = ["XPTraining", "calibrate", "make_stars", "prepare", "train_ensemble", "weights_of"]

#: Widths of the masked blocks, in pixels, with which the growth of the errors is measured.
MASKED_WIDTHS = (15, 30, 60)
#: Fraction of the stars whose errors must grow when photometry is missing, or pixels. A block of
#: pixels may hold nothing that a label needs; more than this would overstate the other errors.
WIDENED, WIDENED_MASKED = 0.98, 0.9

Recipe = Mapping[str, Any]
Arrays = NDArray[np.float64]


@dataclass(frozen=True)
class XPTraining:
    """Everything that the members of the ensemble share."""

    #: train, validation: The two parts of the library that may be looked at.
    train: XPStars
    validation: XPStars
    #: scaler, labels: Scaling of inputs and labels.
    scaler: XPScaler
    labels: LabelScaler
    #: components, deviations: [k, n_pix] and [k]: principal components of the scaled training
    #: spectra.
    components: torch.Tensor
    deviations: torch.Tensor


def make_stars(library: ApogeeXP) -> XPStars:
    """Bring stars of the library through the same door as a user's: `clean_pixels`.

    The spectra are rounded to half precision first, as the embedded archive keeps them.
    """
    grid = get_instrument("gaia-xp").wavelength
    half = (library.flux.astype(np.float16), library.flux_error.astype(np.float16))
    spectra = SpectrumSet(library.source_id, grid, *half)
    table = {name: getattr(library, name) for name in ("source_id", *MAGNITUDES)}
    scalars = match_scalars(library.source_id, table, MAGNITUDES)
    a_k = library.ak_targ.astype(float)
    return XPStars(
        pixels=clean_pixels(spectra),
        magnitudes=np.stack([scalars[name] for name in MAGNITUDES], axis=1),
        labels=_stack(library, ""),
        label_errors=_stack(library, "_error"),
        # The library's A_K has outliers from -86 to 14 mag: such values cannot be extinctions.
        extinction=np.where((a_k > -0.05) & (a_k < 3.0), a_k, np.nan),
        clean=is_clean(library),
    )


def _stack(library: ApogeeXP, ending: str) -> Arrays:
    return np.stack([getattr(library, name + ending) for name in LABELS], axis=1).astype(float)


def prepare(recipe: Recipe) -> XPTraining:
    """Load the library, leave out the test split, measure the scaling on the training stars."""
    scaling = recipe["scaling"]
    library = load_library()
    digit = split_digit(library.source_id)
    train = make_stars(library.take(digit > VALIDATION))
    validation = make_stars(library.take(digit == VALIDATION))
    scaler = XPScaler.fit(train.pixels, train.magnitudes, scaling["softening"])
    labels = LabelScaler(
        np.array(scaling["label_centre"]),
        np.array(scaling["label_width"]),
        np.array(scaling["label_logarithm"]),
    )
    use = train.labels[:, 0] < scaling["component_max_teff"]
    scaled = scaler.flux(train.pixels)[use].astype(np.float64)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    count = scaling["n_components"]
    components = vectors[:, ::-1][:, :count].T
    components = components * np.sign(components.sum(axis=1, keepdims=True))
    variance = np.clip(values[::-1][:count], 0, None)
    deviations = np.sqrt(variance + scaling["component_floor"] ** 2)
    return XPTraining(
        train,
        validation,
        scaler,
        labels,
        torch.as_tensor(components.copy(), dtype=torch.float32),
        torch.as_tensor(deviations, dtype=torch.float32),
    )


def member_config(recipe: Recipe, member: int) -> dict[str, Any]:
    """Return the whole configuration of one member: the recipe's, with a seed of its own."""
    fit = {**recipe["fit"], "seed": recipe["fit"]["seed"] + member}
    sizes = recipe["card"]["network"]
    return {**fit, "sizes": dict(sizes), "scaling": dict(recipe["scaling"]), "member": member}


def _member(task: tuple[Recipe, int, str]) -> int:
    """Train one member on one thread, unless its checkpoint is there; in a process of its own."""
    recipe, member, folder = task
    config = member_config(recipe, member)
    key, path = checkpoint_key(config), Path(folder) / f"member{member}.safetensors"
    if load_checkpoint(path, key) is None:
        torch.set_num_threads(1)
        prepared = prepare(recipe)
        torch.manual_seed(config["seed"])
        network = build_network(config["sizes"], member)
        network.set_components(prepared.components, prepared.deviations)
        batches = Batches(prepared.train, prepared.scaler, prepared.labels, config)
        trained = train_member(network, batches, config, lambda count: None)
        save_checkpoint(path, trained, key)
    return member


def train_ensemble(
    recipe: Recipe, prepared: XPTraining, folder: Path, workers: int
) -> list[XPNetwork]:
    """Train all members, one process and one thread each; resume where a run was stopped."""
    sizes = recipe["card"]["network"]
    tasks = [(recipe, member, str(folder)) for member in range(sizes["members"])]
    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(workers) as pool,
        progress_bar(len(tasks), "training", unit=" networks") as advance,
    ):
        for _ in pool.imap_unordered(_member, tasks):
            advance(1)
    networks = []
    for member in range(sizes["members"]):
        key = checkpoint_key(member_config(recipe, member))
        weights = load_checkpoint(folder / f"member{member}.safetensors", key)
        assert weights is not None, "each member has just been written"  # noqa: S101
        network = build_network(sizes, member)
        network.load_state_dict({name: v.half().float() for name, v in weights.items()})
        network.set_components(prepared.components, prepared.deviations)
        networks.append(network.eval())
    return networks


def _predict(
    networks: Sequence[XPNetwork], prepared: XPTraining, pixels: Pixels, magnitudes: Arrays
) -> tuple[Arrays, Arrays]:
    scaler = prepared.scaler
    mean, variance = run_networks(networks, scaler.flux(pixels), scaler.extras(pixels, magnitudes))
    return ensemble(mean, variance)[:2]


def calibrate(networks: Sequence[XPNetwork], prepared: XPTraining) -> list[dict[str, Any]]:
    """Fit offset, power and factors of each label on the clean validation stars.

    Returns ``offset, error_power, error_factor``, one a label: see `LabelSpec`. The power makes the
    errors hold from the best to the worst star (slope of log scatter over log stated error in eight
    groups); the factors make the robust pull 1 for each pattern of photometry.
    """
    stars = prepared.validation
    rows = stars.clean
    truth = prepared.labels.scale(stars.labels[rows])
    pixels = take_pixels(stars.pixels, rows)
    results = {}
    for name, bands in PATTERNS.items():
        magnitudes = stars.magnitudes[rows].copy()
        magnitudes[:, list(bands)] = np.nan
        results[name] = _predict(networks, prepared, pixels, magnitudes)
    calibration = []
    for i in range(len(LABELS)):
        delta, sigma = results["full"][0][:, i] - truth[:, i], results["full"][1][:, i]
        offset = float(np.median(delta))
        groups = np.array_split(np.argsort(sigma), 8)
        x = [np.log(np.median(sigma[group])) for group in groups]
        y = [np.log(robust_sigma(delta[group])) for group in groups]
        power = float(np.clip(np.polyfit(x, y, 1)[0], 0.7, 1.3))
        factor: dict[str, float] = {}
        for name, (mean, stated) in results.items():
            pull = (mean[:, i] - offset - truth[:, i]) / stated[:, i] ** power
            # Knowing less never makes an error smaller, for all but a few stars.
            shrunk = float(np.quantile(sigma / stated[:, i], WIDENED) ** power)
            factor[name] = max(robust_sigma(pull), factor.get("full", 0.0) * shrunk)
        calibration.append({"offset": offset, "error_power": power, "error_factor": factor})
    _calibrate_masks(networks, prepared, calibration)
    return calibration


def _calibrate_masks(
    networks: Sequence[XPNetwork], prepared: XPTraining, calibration: list[dict[str, Any]]
) -> None:
    """Add ``mask_power`` to each label: how errors grow when a block of pixels is left out."""
    stars = prepared.validation
    rows = stars.clean
    truth = prepared.labels.scale(stars.labels[rows])
    n, n_pix = stars.pixels.flux[rows].shape
    rng = np.random.default_rng(0)
    whole = _predict(networks, prepared, take_pixels(stars.pixels, rows), stars.magnitudes[rows])[1]
    powers: list[list[float]] = [[] for _ in calibration]
    for width in MASKED_WIDTHS:
        start = rng.integers(0, n_pix - width, n)[:, None]
        pixel = np.arange(n_pix)
        lost = (pixel >= start) & (pixel < start + width)
        pixels = _mask(take_pixels(stars.pixels, rows), lost)
        mean, stated = _predict(networks, prepared, pixels, stars.magnitudes[rows])
        for i, fitted in enumerate(calibration):
            error = fitted["error_factor"]["full"] * stated[:, i] ** fitted["error_power"]
            pull = robust_sigma((mean[:, i] - fitted["offset"] - truth[:, i]) / error)
            shrunk = (
                np.quantile(whole[:, i] / stated[:, i], WIDENED_MASKED) ** fitted["error_power"]
            )
            powers[i].append(float(np.log(max(pull, shrunk)) / -np.log(1.0 - width / n_pix)))
    for fitted, found in zip(calibration, powers, strict=True):
        fitted["mask_power"] = max(0.5, float(np.max(found)))


def _mask(pixels: Pixels, lost: NDArray[np.bool_]) -> Pixels:
    """Leave pixels out as a user's mask would."""
    assert pixels.error is not None, "library spectra have errors"  # noqa: S101
    grid = get_instrument("gaia-xp").wavelength
    ids = np.arange(len(lost))
    return clean_pixels(SpectrumSet(ids, grid, pixels.flux, np.nan_to_num(pixels.error), lost))


def learn_novelty(prepared: XPTraining) -> Novelty:
    """Learn what the clean training stars look like; set the limits on validation stars."""
    scaler = prepared.scaler

    def inputs(stars: XPStars) -> tuple[Any, Any, Any]:
        pixels = take_pixels(stars.pixels, stars.clean)
        noise = scaler.noise(pixels)
        assert noise is not None, "library spectra have errors"  # noqa: S101
        return scaler.flux(pixels), noise, colours(stars.magnitudes[stars.clean])

    novelty = Novelty.fit(*inputs(prepared.train))
    return novelty.calibrated(novelty.distances(*inputs(prepared.validation)))


def take_pixels(pixels: Pixels, rows: NDArray[Any]) -> Pixels:
    """Return some stars of a Pixels."""
    error = None if pixels.error is None else pixels.error[rows]
    return Pixels(pixels.flux[rows], error, pixels.usable[rows], pixels.alive[rows])


def weights_of(
    networks: Sequence[XPNetwork], prepared: XPTraining, novelty: Novelty
) -> dict[str, torch.Tensor]:
    """Return all tensors of the weights file; networks in half precision."""
    tensors = {
        "shared.components": prepared.components,
        "shared.deviations": prepared.deviations,
    }
    for i, network in enumerate(networks):
        for name, value in network.state_dict().items():
            tensors[f"network{i}.{name}"] = value.half()
    parts = {
        "scaler": prepared.scaler.to_arrays(),
        "labels": prepared.labels.to_arrays(),
        "novelty": novelty.to_arrays(),
    }
    for prefix, arrays in parts.items():
        for name, array in arrays.items():
            tensors[f"{prefix}.{name}"] = torch.from_numpy(np.array(array))
    return {name: value.contiguous() for name, value in tensors.items()}
