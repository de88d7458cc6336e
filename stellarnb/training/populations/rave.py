"""The stars of the RAVE networks: real ones, and others with photometry like theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from stellarnb.models.families.rave import absolute_magnitudes
from stellarnb.models.families.rave_published import split_rows
from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.training.populations.labels import (
    ALPHA_SCATTER,
    Population,
    complete_labels,
    first_fe_h,
    labels_near_nodes,
    node_truth,
    read_table,
    repeated,
)

__all__ = ["RAVE_SCALARS", "donated_photometry", "rave_stars"]

Floats = NDArray[np.float64]

#: What labels of RAVE_COLUMNS err by in APOGEE, about as its tables say (Teff in K).
APOGEE_ERRORS = np.array([20.0, 0.03, 0.01, 0.01, 0.01, 0.015, 0.02, 0.015, 0.012])
RAVE_COLUMNS = ("teff", "logg", "m_h", "fe_h", "alpha_m", "si_fe", "al_fe", "mg_fe", "ni_fe")
RAVE_SCALARS = (
    "parallax", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag",
    "j", "h", "k", "w1", "w2", "av",
)  # fmt: skip
#: A star gets the photometry of one of so many nearest real stars, if their labels differ by no
#: more than this, in units of the training stars' scatter.
NEAREST, NEAR = 4, 0.6


def _part_rows(n: int, part: str) -> NDArray[np.int64]:
    """Return the rows of a part of the RAVE table: the authors' split, a tenth for validation."""
    train, test = split_rows(n)
    rows = {"train": train[len(train) // 10 :], "validation": train[: len(train) // 10]}
    return rows.get(part, test)


def rave_stars(
    emulator: Emulator,
    table: Mapping[str, Any],
    part: str,
    rng: np.random.Generator,
    data: Path,
) -> Population:
    """Return the 3,904 stars of Guiglion et al. (2020): real labels, magnitudes, parallaxes and A_V."""
    folder = data / "rave_cnn_guiglion2020" / "data"
    labels = read_table(folder / "training_sample_labels.csv").iloc[:, 1:].to_numpy(float)
    inputs = read_table(folder / "training_sample_parameters.csv").to_numpy(float)
    first = _part_rows(len(labels), "train")
    every = Population(
        labels[first],
        labels[first, 3],
        np.zeros((0, 0, 0), np.float32),
        {name: inputs[first, i][:, None] for i, name in enumerate(RAVE_SCALARS)},
    )
    rows = _part_rows(len(labels), part)
    labels, inputs = labels[rows], inputs[rows]
    n, draws = len(labels), int(table["draws"])
    nodes = np.empty((n, draws, len(emulator.names)), dtype=np.float32)
    for i in range(draws):
        true = labels + APOGEE_ERRORS * rng.standard_normal(labels.shape)
        given = dict(zip(RAVE_COLUMNS, true.T, strict=True))
        del given["m_h"]
        rest = 0.5 * (3 * given["alpha_m"] - given["si_fe"])
        half = ALPHA_SCATTER * rng.standard_normal(n)
        given |= {"ca_fe": rest + half, "ti_fe": rest - half}
        nodes[:, i] = complete_labels(emulator, given, rng)
    scalars = {name: repeated(inputs[:, i], draws) for i, name in enumerate(RAVE_SCALARS)}
    real = Population(labels, first_fe_h(nodes), nodes, scalars)
    extra = int(table["wide"].get(part, 0))
    if extra == 0:
        return real
    wide = _wide_rave(emulator, extra, every, real, rng, 0.5 if part == "train" else 0.1)
    return _both(real, wide)


def _both(first: Population, second: Population) -> Population:
    """Return the stars of two populations without XP spectra, with as many draws each."""
    draws = max(first.n_draws, second.n_draws)

    def fit(values: NDArray[Any]) -> NDArray[Any]:
        return np.repeat(values, draws // values.shape[1], axis=1)

    return Population(
        np.concatenate([first.targets, second.targets]),
        np.concatenate([first.fe_h, second.fe_h]),
        np.concatenate([fit(first.nodes), fit(second.nodes)]),
        {
            name: np.concatenate([fit(values), fit(second.scalars[name])])
            for name, values in first.scalars.items()
        },
    )


def _wide_rave(
    emulator: Emulator,
    n: int,
    every: Population,
    donors: Population,
    rng: np.random.Generator,
    width: float,
) -> Population:
    """Return stars around the nodes' labels, with photometry that such stars would have.

    Real stars alone would teach that an abundance follows from the others.
    """
    nodes = labels_near_nodes(emulator, n, rng, width)
    targets = node_truth(nodes, emulator.names, list(RAVE_COLUMNS))
    near, scalars = donated_photometry(targets, every, donors, rng)
    nodes = nodes[near][:, None]
    columns = {name: values[:, None] for name, values in scalars.items()}
    return Population(targets[near], first_fe_h(nodes), nodes, columns)


def donated_photometry(
    targets: Floats, every: Population, donors: Population, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], dict[str, Floats]]:
    """Return which stars have a real star near, and the photometry that such a star would have.

    The absolute magnitudes are those that stars of the same Teff, logg and [Fe/H] have (a
    quadratic, fitted to training stars), plus what one of the nearest donors differs by from its
    own; parallax and A_V are the donor's.

    targets [n, 9]: labels in the order of `RAVE_COLUMNS`. Returns near [n]: whether a donor differs
    by no more than `NEAR`.
    """
    where = [0, 1, 3]  # Teff, logg, [Fe/H]
    centre, width = every.targets[:, where].mean(axis=0), every.targets[:, where].std(axis=0)

    def scaled(labels: Floats) -> Floats:
        return np.asarray((labels[:, where] - centre) / width)

    def terms(labels: Floats) -> Floats:
        x = scaled(labels)
        pairs = [x[:, i] * x[:, j] for i in range(3) for j in range(i, 3)]
        return np.stack([np.ones(len(x)), *x.T, *pairs], axis=1)

    distance, index = cKDTree(scaled(donors.targets)).query(scaled(targets), NEAREST)
    pick = rng.integers(NEAREST, size=len(targets))
    # Only those that are near may be picked; the nearest where the other is not.
    one = np.arange(len(targets))
    pick = np.where(distance[one, pick] <= NEAR, pick, 0)
    near, donor = distance[:, 0] <= NEAR, index[one, pick]
    parallax = donors.scalars["parallax"][:, 0]
    scalars = {"parallax": parallax[donor][near], "av": donors.scalars["av"][:, 0][donor][near]}
    fitted, theirs = terms(every.targets), terms(donors.targets)
    for name in RAVE_SCALARS[1:-1]:
        own = absolute_magnitudes(every.scalars[name][:, 0], every.scalars["parallax"][:, 0])
        weights = np.linalg.lstsq(fitted, own, rcond=None)[0]
        known = absolute_magnitudes(donors.scalars[name][:, 0], parallax)
        absolute = terms(targets) @ weights + (known - theirs @ weights)[donor]
        # Back to apparent ones: what 0 mag at that parallax is in absolute terms, taken off.
        scalars[name] = (absolute - absolute_magnitudes(np.zeros(len(donor)), parallax[donor]))[
            near
        ]
    return near, scalars
