"""What holds the labels that a fit was not asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.models.synthetic.relations import ALPHA, CORE

__all__ = ["BAD_LINES", "CORES", "Prior", "Pull", "unfit_pixels"]

#: A label that is held may move by this part of its spread over the nodes.
HELD = 1e-3
#: Step in scaled labels for the slope of a relation.
STEP = 1e-4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pull:
    """Cost [n], negative gradient [n, n_labels] and curvature [n, n_labels, n_labels]."""

    cost: Floats
    gradient: Floats
    curvature: Floats


class Prior:
    """Gaussian constraints on the labels that are not free.

    Parameters
    ----------
    emulator : Emulator
        Whose nodes say what a label is like, given Teff, logg, [Fe/H] and [alpha/M].
    free : sequence of str
        Labels that the spectrum alone decides; Teff, logg and [Fe/H] are always free.
    held : mapping of str to numpy.ndarray, shape [n]
        Labels known from elsewhere.
    """

    def __init__(self, emulator: Emulator, free: Sequence[str], held: Mapping[str, Floats]) -> None:
        self.emulator = emulator
        names = emulator.names
        self.held = {names.index(name): np.asarray(v, dtype=float) for name, v in held.items()}
        let_go = {names.index(name) for name in (*free, *CORE)}
        self.related = [i for i in range(len(names)) if i not in let_go and i not in self.held]
        self.parents = [names.index(name) for name in (*CORE, ALPHA)]

    def at(self, scaled: Floats, rows: NDArray[np.int64]) -> Pull:
        """Return the pull at scaled labels [m, n_labels] of the stars `rows`."""
        emulator = self.emulator
        labels = emulator.unscale(scaled)
        m, k = scaled.shape
        off, slope = [], []
        for i in self.related:
            sigma = emulator.relations.scatter[i]
            off.append((labels[:, i] - emulator.relations.expected(labels, i)) / sigma)
            line = np.zeros((m, k))
            line[:, i] = emulator.width[i] / sigma
            for parent in self.parents:
                if parent == i:
                    continue
                moved = scaled.copy()
                moved[:, parent] += STEP
                there = emulator.relations.expected(emulator.unscale(moved), i)
                here = emulator.relations.expected(labels, i)
                line[:, parent] -= (there - here) / STEP / sigma
            slope.append(line)
        for i, value in self.held.items():
            target = np.tile(emulator.node_labels[:1], (m, 1))
            target[:, i] = value[rows]
            off.append((scaled[:, i] - emulator.scale(target)[:, i]) / HELD)
            line = np.zeros((m, k))
            line[:, i] = 1.0 / HELD
            slope.append(line)
        if not off:
            return Pull(np.zeros(m), np.zeros((m, k)), np.zeros((m, k, k)))
        z, j = np.stack(off, axis=1), np.stack(slope, axis=1)
        gradient = -np.einsum("nz,nzk->nk", z, j)
        return Pull((z * z).sum(axis=1), gradient, np.einsum("nzk,nzl->nkl", j, j))


#: Cores that a chromosphere fills and LTE misses: centre and half-width, in air [Angstrom]. Of
#: Halpha the whole line as Nepal et al. (2023, A&A 671, A61) cut it: its wings are what the
#: continuum of a reduced spectrum is least sure of.
CORES = (
    (8498.02, 2.0),
    (8542.09, 2.5),
    (8662.14, 2.5),
    (6562.81, 8.0),
)
#: Lines too deep in the synthesis and not understood, and lines that were taken out of it.
BAD_LINES = (
    (6504.19, 0.4),
    (6592.66, 0.4),
    (6730.30, 0.4),
    (6784.99, 0.4),
    (6539.005, 0.3),
    (6711.820, 0.3),
    (6724.091, 0.3),
    (6765.450, 0.3),
    (8501.796, 0.4),
)


def unfit_pixels(air: NDArray[np.float64], *, mask_cores: bool) -> NDArray[np.bool_]:
    """Return which pixels [n_pix] to leave out, from wavelengths in air [Angstrom]."""
    out = np.zeros(len(air), dtype=bool)
    for centre, half in (*BAD_LINES, *(CORES if mask_cores else ())):
        out |= np.abs(air - centre) <= half
    return out
