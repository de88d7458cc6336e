"""What training needs of stars, and labels of stars that a survey might have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.training.xp.recipe import take_pixels

__all__ = [
    "ALPHA_SCATTER",
    "MH_OFFSET",
    "Population",
    "alpha_elements",
    "complete_labels",
    "first_fe_h",
    "labels_near_nodes",
    "node_truth",
    "read_table",
    "repeated",
]

Floats = NDArray[np.float64]

#: [M/H] less [Fe/H] of the stars that RAVE and APOGEE share.
MH_OFFSET = 0.009
#: Scatter of single alpha elements about [alpha/M].
ALPHA_SCATTER = 0.03


@dataclass(frozen=True)
class Population:
    """n stars."""

    targets: Floats  #: [n, n_labels]: labels of the card, as the survey has them
    fe_h: Floats  #: [n]: [Fe/H]: what rare stars are shown more often by
    #: [n, n_draws, 14]: labels of the emulator, of what the star may really be; none ([n, 1, 0]) of
    #: stars with real spectra.
    nodes: NDArray[np.float32]
    scalars: dict[str, Floats]  #: [n, n_draws]: inputs by name; NaN = missing
    xp: Pixels | None = None  #: Real XP spectra
    magnitudes: Floats | None = None  #: [n, 6]: of the stars with XP spectra: G BP RP J H K

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


def complete_labels(
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


def alpha_elements(
    alpha: Floats, rng: np.random.Generator, scatter: float = ALPHA_SCATTER
) -> dict[str, Floats]:
    """Return Mg, and Ca, Si and Ti with alpha for their mean: what these spectra show of it."""
    three = scatter * rng.standard_normal((len(alpha), 3))
    three += (alpha - three.mean(axis=1))[:, None]
    magnesium = alpha + scatter * rng.standard_normal(len(alpha))
    return {"ca_fe": three[:, 0], "si_fe": three[:, 1], "ti_fe": three[:, 2], "mg_fe": magnesium}


def node_truth(nodes: NDArray[Any], names: tuple[str, ...], labels: list[str]) -> Floats:
    """Return the card's labels of synthesised stars.

    nodes [n, 14]: labels of the synthesis; labels: wanted. [alpha/M] is the mean of Ca, Si and Ti;
    [M/H] is [Fe/H] + 0.009. Returns [n, n_labels].
    """
    column = {name: nodes[:, i].astype(np.float64) for i, name in enumerate(names)}
    column["m_h"] = column["fe_h"] + MH_OFFSET
    column["alpha_m"] = (column["ca_fe"] + column["si_fe"] + column["ti_fe"]) / 3
    return np.stack([column[name] for name in labels], axis=1)


def labels_near_nodes(
    emulator: Emulator, n: int, rng: np.random.Generator, width: float = 0.5
) -> NDArray[np.float32]:
    """Return labels [n, 14] around those of the nodes that the emulator was made from."""
    nodes = emulator.node_labels
    chosen = nodes[rng.integers(len(nodes), size=n)]
    jitter = np.array([150, 0.25, 0.15, 0.05, 0.15, *[0.05] * 8, 0.4]) * width
    out = chosen + jitter * rng.standard_normal(chosen.shape)
    return np.clip(out, emulator.limits[:, 0], emulator.limits[:, 1]).astype(np.float32)


def first_fe_h(nodes: NDArray[np.float32]) -> Floats:
    """Return [Fe/H] of each star's first draw, shape [n]."""
    return nodes[:, 0, 2].astype(np.float64)


def repeated(values: NDArray[Any], draws: int) -> NDArray[Any]:
    """Return values [n, ...] as [n, draws, ...]."""
    return np.repeat(values[:, None], draws, axis=1)


def read_table(path: Path) -> pd.DataFrame:
    """Read a published table, or raise `MissingInput`."""
    try:
        return pd.read_csv(path, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise MissingInput(
            f"The published table {path} cannot be read ({error}). Give the folder that holds "
            "it with --data."
        ) from error
