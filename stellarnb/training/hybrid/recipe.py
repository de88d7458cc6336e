"""The recipe of the hybrid networks: stars, synthetic spectra, scaling, ensemble, weights."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stellarnb.models.families.branches import GaiaScalars, NoScalars, RaveScalars, ScalarBranch
from stellarnb.models.families.hybrid import HybridFamily, SpectrumScaler
from stellarnb.models.families.rave import absolute_magnitudes
from stellarnb.models.fitting.prior import BAD_LINES
from stellarnb.models.inputs.continuum import Continuum
from stellarnb.models.inputs.features import XPScaler
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.networks.hybrid import HybridNetwork, build_hybrid_network
from stellarnb.models.synthetic.emulator import load_emulator
from stellarnb.models.trust.hybrid_novelty import HybridNovelty
from stellarnb.progress import progress_bar
from stellarnb.spectra import Instrument, get_instrument
from stellarnb.training.hybrid.batches import HybridBatches
from stellarnb.training.loop import checkpoint_key, load_checkpoint, save_checkpoint, train_member
from stellarnb.training.populations.gaia import DATA, populate
from stellarnb.training.populations.labels import Population
from stellarnb.training.populations.rave import RAVE_SCALARS
from stellarnb.training.spectra.nuisance import SpectrumMaker, air_wavelength
from stellarnb.training.spectra.sources import EmulatedStars, StarSpectra, emulate
from stellarnb.training.xp.recipe import take_pixels

__all__ = ["HybridTraining", "measure", "member_config", "prepare", "train_ensemble", "weights_of"]

#: Clean spectra from which the mean and the continuum pixels are measured.
N_MEAN = 3000
#: Flux that becomes 1 in scaled spectra.
UNIT = 0.1

Recipe = Mapping[str, Any]
Prepare = Callable[[Recipe, Path], "HybridTraining"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HybridTraining:
    """Everything that the members of an ensemble share."""

    instrument: Instrument  #: Whose spectra
    #: train, validation: The stars.
    train: Population
    validation: Population
    spectra: StarSpectra  #: Of both
    family: HybridFamily  #: Scaling of the inputs; it has learned no novelty yet
    labels: LabelScaler  #: Of the labels
    #: components, deviations: Of scaled XP spectra.
    components: torch.Tensor | None
    deviations: torch.Tensor | None


def prepare(recipe: Recipe, folder: Path | None = None, data: Path = DATA) -> HybridTraining:
    """Gather the stars, and measure all scaling on those for training."""
    card = recipe["card"]
    instrument = get_instrument(card["instrument"])
    emulator = load_emulator(instrument.id)
    name = card["name"]
    train, validation = (
        populate(name, emulator, recipe["stars"], part, data=data)
        for part in ("train", "validation")
    )
    spectra = EmulatedStars(emulator, instrument, emulate(emulator, train.nodes, folder))
    rng = np.random.default_rng(5)
    rows = rng.integers(len(train), size=N_MEAN)
    maker = SpectrumMaker(emulator, instrument, {**recipe["spectra"], "settings": 8}, 5)
    flux = maker.clean(spectra.coefficients[rows, 0], rng)
    return measure(recipe, train, validation, spectra, flux)


def measure(
    recipe: Recipe,
    train: Population,
    validation: Population,
    spectra: StarSpectra,
    flux: NDArray[np.float32],
) -> HybridTraining:
    """Measure all scaling on training stars.

    flux [n, n_pix]: spectra of training stars from which the mean and the continuum's pixels are
    measured.
    """
    card = recipe["card"]
    instrument = get_instrument(card["instrument"])
    spectrum = _spectrum_scaler(recipe, instrument, flux)
    scalars = _scalar_branch(card["network"]["scalars"], train)
    xp, components, deviations = _xp_scaling(recipe, train)
    logarithm = np.array([label["name"] == "teff" for label in card["labels"]])
    targets = np.where(logarithm, np.log10(np.where(logarithm, train.targets, 1.0)), train.targets)
    labels = LabelScaler(targets.mean(axis=0), targets.std(axis=0), logarithm)
    return HybridTraining(
        instrument,
        train,
        validation,
        spectra,
        HybridFamily(spectrum, scalars, xp, None),
        labels,
        components,
        deviations,
    )


def _spectrum_scaler(
    recipe: Recipe, instrument: Instrument, flux: NDArray[np.float32]
) -> SpectrumScaler:
    """Choose the pixels to read and those of the continuum; measure the mean spectrum."""
    table = recipe["scaling"]
    air = air_wavelength(instrument)
    read = np.ones(len(air), dtype=bool)
    for centre, half in (*BAD_LINES, *table["cores"]):
        read &= np.abs(air - centre) > half
    clear = read.copy()
    for centre, half in table["no_continuum"]:
        clear &= np.abs(air - centre) > half
    # In a line-rich star the level may be low, but it must not vary with the labels much.
    low = np.quantile(flux, 0.2, axis=0)
    limit = np.quantile(low[clear], 1.0 - table["continuum_part"])
    continuum = Continuum.of(clear & (low >= limit), int(table["degree"]))
    level, _ = continuum.fit(flux, np.ones(flux.shape, dtype=bool))
    return SpectrumScaler(read, continuum, (flux / level).mean(axis=0), UNIT)


def _scalar_branch(kind: str, train: Population) -> ScalarBranch:
    """Measure centres and widths of the scalars (median and 1.4826 MAD)."""
    if kind == "none":
        return NoScalars()
    values = {name: array[:, 0] for name, array in train.scalars.items()}
    if kind == "gaia":
        g, bp, rp = (values[f"phot_{band}_mean_mag"] for band in ("g", "bp", "rp"))
        return GaiaScalars(*_centre_and_width(np.stack([bp - rp, g - rp], axis=1)))
    magnitudes = [
        absolute_magnitudes(values[name], values["parallax"]) for name in RAVE_SCALARS[1:-1]
    ]
    stacked = np.stack([*magnitudes, values["av"]], axis=1)
    return RaveScalars(RAVE_SCALARS, *_centre_and_width(stacked))


def _centre_and_width(values: Floats) -> tuple[Floats, Floats]:
    centre = np.nanmedian(values, axis=0)
    return centre, 1.4826 * np.nanmedian(np.abs(values - centre), axis=0)


def _xp_scaling(
    recipe: Recipe, train: Population
) -> tuple[XPScaler | None, torch.Tensor | None, torch.Tensor | None]:
    """Measure the scaling and the components of XP spectra, where there are any."""
    if train.xp is None or train.magnitudes is None:
        return None, None, None
    table = recipe["scaling"]
    real = train.xp.alive
    pixels = take_pixels(train.xp, real)
    scaler = XPScaler.fit(pixels, train.magnitudes[real], table["softening"])
    scaled = scaler.flux(pixels).astype(np.float64)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    count = recipe["card"]["network"]["n_components"]
    components = vectors[:, ::-1][:, :count].T
    components = components * np.sign(components.sum(axis=1, keepdims=True))
    variance = np.clip(values[::-1][:count], 0, None)
    deviations = np.sqrt(variance + table["component_floor"] ** 2)
    return (
        scaler,
        torch.as_tensor(components.copy(), dtype=torch.float32),
        torch.as_tensor(deviations, dtype=torch.float32),
    )


def member_config(recipe: Recipe, member: int) -> dict[str, Any]:
    """Return all that decides the weights of one member, with a seed of its own."""
    keys = ("stars", "spectra", "scaling")
    return {
        **recipe["fit"],
        "seed": recipe["fit"]["seed"] + member,
        "sizes": dict(recipe["card"]["network"]),
        **{key: dict(recipe[key]) for key in keys},
    }


def build_network(recipe: Recipe, prepared: HybridTraining) -> HybridNetwork:
    """Return one network, untrained, with the components of its XP spectra."""
    network = build_hybrid_network(recipe["card"]["network"])
    if prepared.components is not None and prepared.deviations is not None:
        network.set_components(prepared.components, prepared.deviations)
    return network


def _member(task: tuple[Prepare, Recipe, int, str]) -> int:
    """Train one member on one thread, unless its checkpoint is there; in a process of its own."""
    make, recipe, member, folder = task
    config = member_config(recipe, member)
    key, path = checkpoint_key(config), Path(folder) / f"member{member}.safetensors"
    if load_checkpoint(path, key) is None:
        torch.set_num_threads(1)
        prepared = make(recipe, Path(folder))
        torch.manual_seed(config["seed"])
        network = build_network(recipe, prepared)
        batches = HybridBatches(
            prepared.train,
            prepared.spectra.training(recipe, config["seed"]),
            prepared.family,
            prepared.labels,
            config,
        )
        done = Path(folder) / f"member{member}.log"

        def advance(count: int) -> None:
            with done.open("a", encoding="utf-8") as stream:
                stream.write("epoch\n" * count)

        save_checkpoint(path, train_member(network, batches, config, advance), key)
    return member


def train_ensemble(
    make: Prepare, recipe: Recipe, prepared: HybridTraining, folder: Path, workers: int
) -> list[HybridNetwork]:
    """Train all members, one process and one thread each; resume where a run was stopped."""
    members = range(int(recipe["card"]["network"]["members"]))
    tasks = [(make, recipe, member, str(folder)) for member in members]
    # numpy's own threads would only get in each other's way; children read this as they start.
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        with (
            multiprocessing.get_context("spawn").Pool(workers) as pool,
            progress_bar(len(tasks), "training", unit=" networks") as advance,
        ):
            for _ in pool.imap_unordered(_member, tasks):
                advance(1)
    finally:
        if before is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = before
    networks = []
    for member in members:
        key = checkpoint_key(member_config(recipe, member))
        weights = load_checkpoint(folder / f"member{member}.safetensors", key)
        assert weights is not None, "each member has just been written"  # noqa: S101
        network = build_network(recipe, prepared)
        network.load_state_dict({name: v.half().float() for name, v in weights.items()})
        networks.append(network.eval())
    return networks


def weights_of(
    networks: Sequence[HybridNetwork], prepared: HybridTraining, novelty: HybridNovelty
) -> dict[str, torch.Tensor]:
    """Return all tensors of the weights file; networks in half precision."""
    tensors: dict[str, torch.Tensor] = {}
    if prepared.components is not None and prepared.deviations is not None:
        tensors |= {
            "shared.components": prepared.components,
            "shared.deviations": prepared.deviations,
        }
    for i, network in enumerate(networks):
        for name, value in network.state_dict().items():
            tensors[f"network{i}.{name}"] = value.half()
    family = prepared.family
    parts: dict[str, Mapping[str, Any]] = {
        "spectrum": family.spectrum.to_arrays(),
        "scalars": family.scalars.to_arrays(),
        "xp": {} if family.xp is None else family.xp.to_arrays(),
        "labels": prepared.labels.to_arrays(),
        "novelty": novelty.to_arrays(),
    }
    for prefix, arrays in parts.items():
        for name, array in arrays.items():
            tensors[f"{prefix}.{name}"] = torch.from_numpy(np.array(array))
    return {name: value.contiguous() for name, value in tensors.items()}
