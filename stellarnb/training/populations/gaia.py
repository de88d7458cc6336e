"""Whom the hybrid networks learn from: stars with real labels, and what else is known of them.

A spectrum is made at what a star may really be: the survey's label plus an error as large as the
survey's. Were it made at the label itself, the spectrum would know the label better than any real
one does, and the network would believe it more than the photometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.training.data.apogee_xp import TEST, VALIDATION, load_library
from stellarnb.training.data.apogee_xp import split as split_digit
from stellarnb.training.populations.labels import (
    MH_OFFSET,
    Population,
    alpha_elements,
    complete_labels,
    first_fe_h,
    labels_near_nodes,
    node_truth,
    read_table,
    repeated,
)
from stellarnb.training.populations.parallax import draw_parallax
from stellarnb.training.populations.rave import rave_stars
from stellarnb.training.xp.recipe import make_stars, take_pixels

__all__ = ["DATA", "PARTS", "populate"]

Floats = NDArray[np.float64]

#: Where the published tables lie beside a checkout.
DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
PARTS = ("train", "validation", "test")


def populate(
    name: str, emulator: Emulator, table: Mapping[str, Any], part: str, *, data: Path = DATA
) -> Population:
    """Return the stars of one part of a model's population."""
    rng = np.random.default_rng([int(table["seed"]), PARTS.index(part)])
    stars = _SURVEYS[name](emulator, table, part, rng, data)
    low, high = np.array(table["domain"], dtype=float).T
    # A missing label is NaN, and lies in no domain.
    inside = np.all((stars.targets >= low) & (stars.targets <= high), axis=1)
    flat = stars.nodes.reshape(-1, stars.nodes.shape[-1]).astype(np.float64)
    beyond = emulator.outside(flat).any(axis=1).reshape(stars.nodes.shape[:2])
    return stars.take(inside & ~np.any(beyond, axis=1))


def _gaia_rvs(
    emulator: Emulator,
    table: Mapping[str, Any],
    part: str,
    rng: np.random.Generator,
    data: Path,  # noqa: ARG001 - its stars come with a package
) -> Population:
    """Return stars of the XP-APOGEE library, and for training some of which the spectrum alone is known."""
    library = load_library()
    digit = split_digit(library.source_id)
    chosen = {"train": digit > VALIDATION, "validation": digit == VALIDATION, "test": digit == TEST}
    library = library.take(chosen[part])
    stars = make_stars(library)
    sound = np.all(np.isfinite(stars.labels) & np.isfinite(stars.label_errors), axis=1)
    if part != "train":
        sound &= stars.clean
    stars_labels, errors = stars.labels[sound], np.clip(stars.label_errors[sound], 0, None)
    extinction, magnitudes = stars.extinction[sound], stars.magnitudes[sound]
    n, draws = len(stars_labels), int(table["draws"])
    nodes = np.empty((n, draws, len(emulator.names)), dtype=np.float32)
    parallax, parallax_error = np.empty((n, draws)), np.empty((n, draws))
    for i in range(draws):
        true = stars_labels + errors * rng.standard_normal(stars_labels.shape)
        given = dict(zip(("teff", "logg", "fe_h", "alpha_m"), true.T, strict=True))
        nodes[:, i] = complete_labels(emulator, given | alpha_elements(true[:, 3], rng), rng)
        parallax[:, i], parallax_error[:, i] = draw_parallax(
            true, magnitudes[:, 0], extinction, rng
        )
    fe_h = stars_labels[:, 2]
    targets = np.stack([*stars_labels[:, :2].T, fe_h + MH_OFFSET, stars_labels[:, 3], fe_h], axis=1)
    scalars = {"parallax": parallax, "parallax_error": parallax_error}
    for i, band in enumerate(("g", "bp", "rp")):
        scalars[f"phot_{band}_mean_mag"] = repeated(magnitudes[:, i], draws)
    real = Population(
        targets, first_fe_h(nodes), nodes, scalars, take_pixels(stars.pixels, sound), magnitudes
    )
    extra = int(table["spectrum_only"]) if part == "train" else 0
    return real if extra == 0 else _with_others(real, emulator, extra, draws, rng)


def _with_others(
    real: Population, emulator: Emulator, n: int, draws: int, rng: np.random.Generator
) -> Population:
    """Add stars around the nodes' labels, of which only the spectrum is known."""
    labels = ["teff", "logg", "m_h", "alpha_m", "fe_h"]
    nodes = repeated(labels_near_nodes(emulator, n, rng), draws)
    targets = node_truth(nodes[:, 0], emulator.names, labels)
    nothing = np.full((n, draws), np.nan)
    xp = real.xp
    assert xp is not None and xp.error is not None, "the library has XP spectra"  # noqa: S101, PT018
    n_xp = xp.flux.shape[1]
    blank = np.zeros((n, n_xp), dtype=bool)
    return Population(
        np.concatenate([real.targets, targets]),
        np.concatenate([real.fe_h, first_fe_h(nodes)]),
        np.concatenate([real.nodes, nodes]),
        {name: np.concatenate([values, nothing]) for name, values in real.scalars.items()},
        Pixels(
            np.concatenate([xp.flux, np.ones((n, n_xp), dtype=np.float32)]),
            np.concatenate([xp.error, np.full((n, n_xp), np.nan, dtype=np.float32)]),
            np.concatenate([xp.usable, blank]),
            np.concatenate([xp.alive, blank[:, 0]]),
        ),
        np.concatenate([real.magnitudes, np.full((n, 6), np.nan)])
        if real.magnitudes is not None
        else None,
    )


def _ges_lithium(
    emulator: Emulator,
    table: Mapping[str, Any],
    part: str,
    rng: np.random.Generator,
    data: Path,
) -> Population:
    """Return stars around the 7,031 of Nepal et al. (2023), and around the nodes."""
    path = data / "li_cnn_nepal2023" / "training_data" / "labels_GIRAFFE_HR15N_training.csv"
    real = read_table(path).iloc[:, 1:].to_numpy(float)
    n = int(table["stars"]) // (1 if part == "train" else 10)
    n_real = int(n * float(table["real"])) if part == "train" else 0
    chosen = real[rng.integers(len(real), size=n_real)]
    chosen = chosen + np.array(table["jitter"]) * rng.standard_normal(chosen.shape)
    around = complete_labels(
        emulator, dict(zip(("teff", "logg", "fe_h", "a_li"), chosen.T, strict=True)), rng
    )
    # Validation looks at the nodes' labels themselves: what held-out nodes are like.
    wide = labels_near_nodes(emulator, n - n_real, rng, 0.5 if part == "train" else 0.1)
    nodes = np.concatenate([around, wide])
    targets = node_truth(nodes, emulator.names, ["teff", "logg", "fe_h", "a_li"])
    return Population(targets, first_fe_h(nodes[:, None]), nodes[:, None], {})


_SURVEYS = {"gaia-rvs": _gaia_rvs, "rave": rave_stars, "ges-lithium": _ges_lithium}
