"""Whom the hybrid networks learn from: stars with real labels, and what else is known of them.

A spectrum is made at what a star may really be: the survey's label plus an error as large as the
survey's. Were it made at the label itself, the spectrum would know the label better than any real
one does, and the network would believe it more than the photometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.models.emulator import Emulator
from stellarnb.models.inputs import Pixels
from stellarnb.models.rave_files import split_rows
from stellarnb.training.apogee_xp import TEST, VALIDATION, load_library
from stellarnb.training.apogee_xp import split as split_digit
from stellarnb.training.luminosity import draw_parallax
from stellarnb.training.xp import make_stars, take_pixels

__all__ = ["DATA", "PARTS", "Population", "node_truth", "populate"]

Floats = NDArray[np.float64]

#: Where the published tables lie beside a checkout.
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PARTS = ("train", "validation", "test")
#: [M/H] less [Fe/H] of the stars that RAVE and APOGEE share.
MH_OFFSET = 0.009
#: Scatter of single alpha elements about [alpha/M].
ALPHA_SCATTER = 0.03
#: What labels of RAVE_COLUMNS err by in APOGEE, about as its tables say (Teff in K).
APOGEE_ERRORS = np.array([20.0, 0.03, 0.01, 0.01, 0.01, 0.015, 0.02, 0.015, 0.012])
RAVE_COLUMNS = ("teff", "logg", "m_h", "fe_h", "alpha_m", "si_fe", "al_fe", "mg_fe", "ni_fe")
RAVE_SCALARS = (
    "parallax", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag",
    "j", "h", "k", "w1", "w2", "av",
)  # fmt: skip


@dataclass(frozen=True)
class Population:
    """n stars.

    Attributes
    ----------
    targets : numpy.ndarray, shape [n, n_labels]
        Labels of the card, as the survey has them.
    fe_h : numpy.ndarray, shape [n]
        [Fe/H]: what rare stars are shown more often by.
    nodes : numpy.ndarray of float32, shape [n, n_draws, 14]
        Labels of the emulator, of what the star may really be; none ([n, 1, 0]) of stars with
        real spectra.
    scalars : dict of str to numpy.ndarray, shapes [n, n_draws]
        Inputs by name; NaN = missing.
    xp : Pixels or None
        Real XP spectra.
    magnitudes : numpy.ndarray [n, 6] or None
        Of the stars with XP spectra: G BP RP J H K.
    """

    targets: Floats
    fe_h: Floats
    nodes: NDArray[np.float32]
    scalars: dict[str, Floats]
    xp: Pixels | None = None
    magnitudes: Floats | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def n_draws(self) -> int:
        """How often each star was drawn."""
        return int(self.nodes.shape[1])

    def take(self, rows: NDArray[Any]) -> Population:
        """Return some of the stars."""
        return replace(
            self,
            targets=self.targets[rows],
            fe_h=self.fe_h[rows],
            nodes=self.nodes[rows],
            scalars={name: values[rows] for name, values in self.scalars.items()},
            xp=None if self.xp is None else take_pixels(self.xp, rows),
            magnitudes=None if self.magnitudes is None else self.magnitudes[rows],
        )


def populate(
    name: str, emulator: Emulator, table: Mapping[str, Any], part: str, *, data: Path = DATA
) -> Population:
    """Return the stars of one part of a model's population.

    Parameters
    ----------
    name : str
        Model.
    emulator : Emulator
        Of its window.
    table : mapping
        The recipe's ``stars``: ``domain`` (lower and upper limits of targets), ``draws``, ``seed``,
        and what the survey's own function reads.
    part : {'train', 'validation', 'test'}
        Which.
    data : pathlib.Path, optional
        Folder of the published tables.

    Returns
    -------
    Population
        Of the stars whose labels lie in the domain, and whose draws the emulator covers.

    Raises
    ------
    MissingInput
        If a table is not there.
    """
    rng = np.random.default_rng([int(table["seed"]), PARTS.index(part)])
    stars = _SURVEYS[name](emulator, table, part, rng, data)
    low, high = np.array(table["domain"], dtype=float).T
    # A missing label is NaN, and lies in no domain.
    inside = np.all((stars.targets >= low) & (stars.targets <= high), axis=1)
    flat = stars.nodes.reshape(-1, stars.nodes.shape[-1]).astype(np.float64)
    beyond = emulator.outside(flat).any(axis=1).reshape(stars.nodes.shape[:2])
    return stars.take(inside & ~np.any(beyond, axis=1))


def _complete(
    emulator: Emulator, given: Mapping[str, Floats], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return all labels of the emulator [n, 14]; those not given as nodes of such stars have."""
    out = emulator.relations.complete(given)
    for i, name in enumerate(emulator.names):
        if name not in given:
            out[:, i] += emulator.relations.scatter[i] * rng.standard_normal(len(out))
    low, high = emulator.limits.T
    # Labels that nobody asks for may be anything that the emulator knows.
    asked = [emulator.names.index(name) for name in given]
    free = np.setdiff1d(np.arange(out.shape[1]), asked)
    out[:, free] = np.clip(out[:, free], low[free], high[free])
    return out.astype(np.float32)


def _alphas(
    alpha: Floats, rng: np.random.Generator, scatter: float = ALPHA_SCATTER
) -> dict[str, Floats]:
    """Return Mg, and Ca, Si and Ti with alpha for their mean: what these spectra show of it."""
    three = scatter * rng.standard_normal((len(alpha), 3))
    three += (alpha - three.mean(axis=1))[:, None]
    magnesium = alpha + scatter * rng.standard_normal(len(alpha))
    return {"ca_fe": three[:, 0], "si_fe": three[:, 1], "ti_fe": three[:, 2], "mg_fe": magnesium}


def node_truth(nodes: NDArray[Any], names: tuple[str, ...], labels: list[str]) -> Floats:
    """Return the card's labels of synthesised stars.

    Parameters
    ----------
    nodes : numpy.ndarray, shape [n, 14]
        Labels of the synthesis.
    names : tuple of str
        What they are.
    labels : list of str
        Wanted. [alpha/M] is the mean of Ca, Si and Ti; [M/H] is [Fe/H] + 0.009.

    Returns
    -------
    numpy.ndarray, shape [n, n_labels]
    """
    column = {name: nodes[:, i].astype(np.float64) for i, name in enumerate(names)}
    column["m_h"] = column["fe_h"] + MH_OFFSET
    column["alpha_m"] = (column["ca_fe"] + column["si_fe"] + column["ti_fe"]) / 3
    return np.stack([column[name] for name in labels], axis=1)


def _near_nodes(
    emulator: Emulator, n: int, rng: np.random.Generator, width: float = 0.5
) -> NDArray[np.float32]:
    """Return labels [n, 14] around those of the nodes that the emulator was made from."""
    nodes = emulator.node_labels
    chosen = nodes[rng.integers(len(nodes), size=n)]
    jitter = np.array([150, 0.25, 0.15, 0.05, 0.15, *[0.05] * 8, 0.4]) * width
    out = chosen + jitter * rng.standard_normal(chosen.shape)
    return np.clip(out, emulator.limits[:, 0], emulator.limits[:, 1]).astype(np.float32)


def _first_fe_h(nodes: NDArray[np.float32]) -> Floats:
    """Return [Fe/H] of each star's first draw, shape [n]."""
    return nodes[:, 0, 2].astype(np.float64)


def _repeat(values: NDArray[Any], draws: int) -> NDArray[Any]:
    return np.repeat(values[:, None], draws, axis=1)


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
        nodes[:, i] = _complete(emulator, given | _alphas(true[:, 3], rng), rng)
        parallax[:, i], parallax_error[:, i] = draw_parallax(
            true, magnitudes[:, 0], extinction, rng
        )
    fe_h = stars_labels[:, 2]
    targets = np.stack([*stars_labels[:, :2].T, fe_h + MH_OFFSET, stars_labels[:, 3], fe_h], axis=1)
    scalars = {"parallax": parallax, "parallax_error": parallax_error}
    for i, band in enumerate(("g", "bp", "rp")):
        scalars[f"phot_{band}_mean_mag"] = _repeat(magnitudes[:, i], draws)
    real = Population(
        targets, _first_fe_h(nodes), nodes, scalars, take_pixels(stars.pixels, sound), magnitudes
    )
    extra = int(table["spectrum_only"]) if part == "train" else 0
    return real if extra == 0 else _with_others(real, emulator, extra, draws, rng)


def _with_others(
    real: Population, emulator: Emulator, n: int, draws: int, rng: np.random.Generator
) -> Population:
    """Add stars around the nodes' labels, of which only the spectrum is known."""
    labels = ["teff", "logg", "m_h", "alpha_m", "fe_h"]
    nodes = _repeat(_near_nodes(emulator, n, rng), draws)
    targets = node_truth(nodes[:, 0], emulator.names, labels)
    nothing = np.full((n, draws), np.nan)
    xp = real.xp
    assert xp is not None and xp.error is not None, "the library has XP spectra"  # noqa: S101, PT018
    n_xp = xp.flux.shape[1]
    blank = np.zeros((n, n_xp), dtype=bool)
    return Population(
        np.concatenate([real.targets, targets]),
        np.concatenate([real.fe_h, _first_fe_h(nodes)]),
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


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise MissingInput(
            f"The published table {path} cannot be read ({error}). Give the folder that holds "
            "it with --data."
        ) from error


def _part_rows(n: int, part: str) -> NDArray[np.int64]:
    """Return the rows of a part of the RAVE table: the authors' split, a tenth for validation."""
    train, test = split_rows(n)
    rows = {"train": train[len(train) // 10 :], "validation": train[: len(train) // 10]}
    return rows.get(part, test)


def _rave(
    emulator: Emulator,
    table: Mapping[str, Any],
    part: str,
    rng: np.random.Generator,
    data: Path,
) -> Population:
    """Return the 3,904 stars of Guiglion et al. (2020): real labels, magnitudes, parallaxes and A_V."""
    folder = data / "rave_cnn_guiglion2020" / "data"
    labels = _read_csv(folder / "training_sample_labels.csv").iloc[:, 1:].to_numpy(float)
    inputs = _read_csv(folder / "training_sample_parameters.csv").to_numpy(float)
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
        nodes[:, i] = _complete(emulator, given, rng)
    scalars = {name: _repeat(inputs[:, i], draws) for i, name in enumerate(RAVE_SCALARS)}
    return Population(labels, _first_fe_h(nodes), nodes, scalars)


def _ges_lithium(
    emulator: Emulator,
    table: Mapping[str, Any],
    part: str,
    rng: np.random.Generator,
    data: Path,
) -> Population:
    """Return stars around the 7,031 of Nepal et al. (2023), and around the nodes."""
    path = data / "li_cnn_nepal2023" / "training_data" / "labels_GIRAFFE_HR15N_training.csv"
    real = _read_csv(path).iloc[:, 1:].to_numpy(float)
    n = int(table["stars"]) // (1 if part == "train" else 10)
    n_real = int(n * float(table["real"])) if part == "train" else 0
    chosen = real[rng.integers(len(real), size=n_real)]
    chosen = chosen + np.array(table["jitter"]) * rng.standard_normal(chosen.shape)
    around = _complete(
        emulator, dict(zip(("teff", "logg", "fe_h", "a_li"), chosen.T, strict=True)), rng
    )
    # Validation looks at the nodes' labels themselves: what held-out nodes are like.
    wide = _near_nodes(emulator, n - n_real, rng, 0.5 if part == "train" else 0.1)
    nodes = np.concatenate([around, wide])
    targets = node_truth(nodes, emulator.names, ["teff", "logg", "fe_h", "a_li"])
    return Population(targets, _first_fe_h(nodes[:, None]), nodes[:, None], {})


_SURVEYS = {"gaia-rvs": _gaia_rvs, "rave": _rave, "ges-lithium": _ges_lithium}
