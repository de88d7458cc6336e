"""How good hybrid networks are on spectra that no emulator made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models import fit_spectra, load_emulator, load_model
from stellarnb.models.model import Model
from stellarnb.models.synthetic.instrument import response
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.compare import robust_sigma
from stellarnb.training.data.apogee_xp import load_library
from stellarnb.training.emulate.recipe import Nodes, load_nodes
from stellarnb.training.populations.gaia import DATA, populate
from stellarnb.training.populations.labels import MH_OFFSET, node_truth
from stellarnb.training.populations.parallax import draw_parallax
from stellarnb.training.populations.rave import donated_photometry
from stellarnb.training.spectra.nuisance import SpectrumMaker
from stellarnb.training.spectra.sources import EmulatedStars
from stellarnb.training.xp.recipe import make_stars

__all__ = ["SNRS", "HeldOut", "evaluate_hybrid", "held_out_stars"]

#: Signal to noise at the continuum for which figures are given.
SNRS = (20.0, 50.0, 100.0)
#: Spectra of one figure; stars come round again with other noise.
N_SPECTRA = 900

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class HeldOut:
    """n synthesised spectra and what else is known of those stars."""

    flux: Floats  #: [n, n_nodes_pix]: at full resolution
    wavelength: Floats  #: [n_nodes_pix]: in air [Angstrom]
    truth: Floats  #: [n, n_labels]: the survey's labels that networks are to predict
    #: [n, n_labels]: labels of the synthesis; they differ from the survey's by an error like the
    #: survey's own.
    synthesised: Floats
    scalars: dict[str, Floats]  #: [n]: inputs by name
    xp: SpectrumSet | None  #: Real XP spectra

    def __len__(self) -> int:
        return len(self.truth)


def held_out_stars(name: str, recipe: Any, data: Path = DATA) -> HeldOut:
    """Return the test stars of a model, those inside the domain of its recipe."""
    labels = [label["name"] for label in recipe["card"]["labels"]]
    window = {"gaia-rvs": "xp_test", "rave": "cat", "ges-lithium": "hr15n"}[name]
    nodes = load_nodes(data / "synthetic_nodes" / f"{window}.npz")
    stars = (
        _gaia_stars(nodes, labels, data)
        if name == "gaia-rvs"
        else _node_stars(name, nodes, labels, recipe, data)
    )
    low, high = np.array(recipe["stars"]["domain"], dtype=float).T
    inside = ((stars.truth >= low) & (stars.truth <= high)).all(axis=1)
    inside &= ((stars.synthesised >= low) & (stars.synthesised <= high)).all(axis=1)
    return HeldOut(
        stars.flux[inside],
        stars.wavelength,
        stars.truth[inside],
        stars.synthesised[inside],
        {key: values[inside] for key, values in stars.scalars.items()},
        None if stars.xp is None else stars.xp[inside],
    )


def _gaia_stars(nodes: Nodes, labels: Sequence[str], data: Path) -> HeldOut:
    """Real test-split stars: spectra synthesised at their labels, real XP spectra and photometry."""
    with np.load(data / "synthetic_nodes" / "xp_test.npz", allow_pickle=False) as file:
        source_id = file["source_id"].astype(np.int64)
    library = load_library()
    library = library.take(np.searchsorted(library.source_id, source_id))
    assert np.array_equal(library.source_id, source_id), "all are stars of the library"  # noqa: S101
    stars = make_stars(library)
    teff, logg, fe_h, alpha = stars.labels.T
    rng = np.random.default_rng(0)
    parallax, error = draw_parallax(nodes.labels, stars.magnitudes[:, 0], stars.extinction, rng)
    scalars = {"parallax": parallax, "parallax_error": error}
    for i, band in enumerate(("g", "bp", "rp")):
        scalars[f"phot_{band}_mean_mag"] = stars.magnitudes[:, i]
    half = library.flux.astype(np.float16), library.flux_error.astype(np.float16)
    return HeldOut(
        nodes.flux.astype(np.float64),
        nodes.wavelength,
        np.stack([teff, logg, fe_h + MH_OFFSET, alpha, fe_h], axis=1),
        node_truth(nodes.labels, nodes.names, list(labels)),
        scalars,
        SpectrumSet(np.arange(len(source_id)), get_instrument("gaia-xp").wavelength, *half),
    )


def _node_stars(name: str, nodes: Nodes, labels: Sequence[str], recipe: Any, data: Path) -> HeldOut:
    """Held-out nodes; for RAVE also those made for the hybrid, and photometry of test-split stars."""
    given, flux = nodes.labels[nodes.held_out], nodes.flux[nodes.held_out].astype(np.float64)
    if name != "rave":
        truth = node_truth(given, nodes.names, list(labels))
        return HeldOut(flux, nodes.wavelength, truth, truth, {}, None)
    more = load_nodes(data / "synthetic_nodes" / "xp_test.npz")
    flux = np.concatenate([flux, more.flux.astype(np.float64)])
    truth = node_truth(np.concatenate([given, more.labels]), nodes.names, list(labels))
    near, scalars = _donated(truth, recipe, data)
    return HeldOut(flux[near], nodes.wavelength, truth[near], truth[near], scalars, None)


def _donated(truth: Floats, recipe: Any, data: Path) -> tuple[NDArray[np.bool_], dict[str, Floats]]:
    """Return which nodes have a star of the RAVE test split near, and photometry from it."""
    stars = {**recipe["stars"], "draws": 1, "wide": {}}
    emulator = load_emulator("rave")
    every, donors = (populate("rave", emulator, stars, p, data=data) for p in ("train", "test"))
    return donated_photometry(truth, every, donors, np.random.default_rng(1))


def observe(
    stars: HeldOut, recipe: Any, snr: float, n: int, seed: int
) -> tuple[NDArray[np.int64], SpectrumSet]:
    """Return which stars, and their spectra as the instrument delivers them.

    Rotation, macroturbulence, velocity, resolution, continuum and noise are drawn as in training.
    """
    instrument = get_instrument(recipe["card"]["instrument"])
    maker = SpectrumMaker(
        load_emulator(instrument.id), instrument, {**recipe["spectra"], "settings": 24}, 77 + seed
    )
    rng = np.random.default_rng([seed, 5])
    rows = np.resize(np.arange(len(stars)), n)
    flux = np.empty((n, instrument.n_pix), dtype=np.float32)
    for group, setting in zip(
        np.array_split(rng.permutation(n), len(maker.settings)), maker.settings, strict=True
    ):
        matrix = response(stars.wavelength, instrument, **setting)
        flux[group] = (matrix @ stars.flux[rows[group]].T).T
    levels = np.full(n, snr, dtype=np.float32)
    flux, error, usable = maker.observe(flux, levels, rng, gaps=False)
    spectra = SpectrumSet(
        np.arange(n), instrument.wavelength, flux, error, ~usable, instrument=instrument
    )
    return rows, spectra


def evaluate_hybrid(
    name: str,
    card: str,
    recipe: Any,
    data: Path = DATA,
    *,
    n: int = N_SPECTRA,
    baseline: bool = True,
) -> Rows:
    """Evaluate a hybrid model on synthesised spectra, beside fits with the emulator.

    Returns ``label, snr, inputs, n, bias, sigma, pull, baseline_sigma``: median and 1.4826 MAD of
    (label - survey's), 1.4826 MAD of the same over the error, both without the card's zero point
    and floor, which are for real spectra; and sigma of `fit_spectra` on the same spectra (None for
    labels that it does not give). ``pull_synthesis`` compares with the labels of the synthesis
    instead. For ``gaia-rvs`` also of metal-poor stars, and of the whole test split with emulated
    spectra.
    """
    stars = held_out_stars(name, recipe, data)
    model = load_model(card)
    rows: Rows = []
    snrs = (15.0, *SNRS) if name == "gaia-rvs" else SNRS
    for snr in snrs:
        which, spectra = observe(stars, recipe, snr, n, round(snr))
        peer = _baseline(model, stars, which, spectra) if baseline else {}
        for inputs, labels in _predictions(model, stars, which, spectra).items():
            for i, spec in enumerate(model.card.labels):
                head = {"label": spec.name, "snr": f"{snr:g}", "inputs": inputs}
                row = _figures(spec, labels, stars, which, i)
                sigma = peer.get(spec.name) if inputs == "all" else None
                rows.append(head | row | {"baseline_sigma": sigma})
    if name != "gaia-rvs":
        return rows
    return rows + _metal_poor(model, stars, recipe) + _whole_split(model, recipe, data)


def _baseline(
    model: Model, stars: HeldOut, which: NDArray[np.int64], spectra: SpectrumSet
) -> dict[str, float]:
    """Return sigma of fits to the same spectra, by label."""
    fitted = fit_spectra(spectra, _fitted(model), floor=False, progress=False)
    out = {}
    for i, spec in enumerate(model.card.labels):
        if spec.name in fitted.colnames:
            out[spec.name] = robust_sigma(fitted[spec.name] - stars.truth[which, i])
        elif spec.name == "m_h":
            out["m_h"] = robust_sigma(fitted["fe_h"] + MH_OFFSET - stars.truth[which, i])
    return out


def _fitted(model: Model) -> list[str]:
    known = load_emulator(model.card.instrument).card.network["fitted"]
    names = [spec.name for spec in model.card.labels if spec.name in known]
    return list(dict.fromkeys(["teff", "logg", "fe_h", *names]))


def _predictions(
    model: Model, stars: HeldOut, which: NDArray[np.int64], spectra: SpectrumSet
) -> dict[str, Any]:
    """Return labels with all inputs, and without some, by the names of the inputs."""
    ids = np.arange(len(which))
    table = {"source_id": ids, **{key: values[which] for key, values in stars.scalars.items()}}
    more: dict[str, Any] = {"check_lines": False, "progress": False}
    if not stars.scalars:
        return {"all": model.predict(spectra, **more)}
    if stars.xp is None:
        return {
            "all": model.predict(spectra, table, **more),
            "spectrum": model.predict(spectra, **more),
        }
    xp = stars.xp[which]
    xp.source_id = ids
    return {
        "all": model.predict(spectra, table, xp=xp, **more),
        "no xp": model.predict(spectra, table, **more),
        "no spectrum": model.predict(None, table, xp=xp, **more),
        "spectrum": model.predict(spectra, **more),
    }


def _figures(
    spec: Any, labels: Any, stars: HeldOut, which: NDArray[np.int64], i: int
) -> dict[str, Any]:
    # Zero point and floor are for the step to real spectra, which these are not.
    value = labels[spec.name].astype(np.float64) - spec.zero_point
    error = np.sqrt(labels[f"{spec.name}_error"].astype(np.float64) ** 2 - spec.floor**2)
    delta = value - stars.truth[which, i]
    return {
        "n": len(which),
        "bias": float(np.median(delta)),
        "sigma": robust_sigma(delta),
        "pull": robust_sigma(delta / error),
        "pull_synthesis": robust_sigma((value - stars.synthesised[which, i]) / error),
    }


def _whole_split(model: Model, recipe: Any, data: Path, snr: float = 20.0) -> Rows:
    """Return figures on all clean stars of the test split, with emulated spectra.

    They are ten times as many as those that were synthesised: enough to tell what a branch adds.
    """
    emulator, instrument = load_emulator("gaia-rvs"), get_instrument("gaia-rvs")
    split = populate("gaia-rvs", emulator, {**recipe["stars"], "draws": 1}, "test", data=data)
    rows = np.arange(len(split))
    made = EmulatedStars(emulator, instrument, np.zeros((0, 0, 0), dtype=np.float32))
    flux, error, _ = made.seen(
        recipe, split, rows, np.zeros_like(rows), snr=(snr, snr), flaws=False, seed=20
    )
    spectra = SpectrumSet(rows, instrument.wavelength, flux, error, instrument=instrument)
    low = split.xp
    assert low is not None, "stars of the library have XP spectra"  # noqa: S101
    stars = HeldOut(
        np.empty((0, 0)),
        emulator.wavelength,
        split.targets,
        node_truth(split.nodes[:, 0], emulator.names, [s.name for s in model.card.labels]),
        {name: values[:, 0] for name, values in split.scalars.items()},
        SpectrumSet(rows, get_instrument("gaia-xp").wavelength, low.flux, low.error),
    )
    out: Rows = []
    for inputs, labels in _predictions(model, stars, rows, spectra).items():
        for i, spec in enumerate(model.card.labels):
            head = {"label": spec.name, "snr": f"{snr:g}, emulated", "inputs": inputs}
            out.append(head | _figures(spec, labels, stars, rows, i) | {"baseline_sigma": None})
    return out


def _metal_poor(model: Model, stars: HeldOut, recipe: Any) -> Rows:
    """Return bias and sigma of metal-poor stars, with their number; no pulls of so few."""
    poor = (stars.truth[:, 2] > -2.5) & (stars.truth[:, 2] < -1.8)
    which, spectra = observe(stars, recipe, 50.0, 3 * len(stars), 50)
    chosen = poor[which]
    rows: Rows = []
    for inputs, labels in _predictions(model, stars, which, spectra).items():
        for i, spec in enumerate(model.card.labels):
            delta = labels[spec.name].astype(np.float64) - spec.zero_point
            delta -= stars.truth[which, i]
            rows.append(
                {
                    "label": spec.name,
                    "snr": "50, -2.5 < [M/H] < -1.8",
                    "inputs": inputs,
                    "n": int(poor.sum()),
                    "bias": float(np.median(delta[chosen])),
                    "sigma": robust_sigma(delta[chosen]),
                    "pull": None,
                    "pull_synthesis": None,
                    "baseline_sigma": None,
                }
            )
    return rows
