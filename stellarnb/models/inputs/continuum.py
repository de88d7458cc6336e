"""The level of a spectrum, found in the same way when a network is trained and when it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.spectra.rows import row_count

__all__ = ["Continuum"]

#: Continuum that is divided out: its level, and how far it may vary over the spectrum. Beyond
#: that a spectrum is not normalised at all, and no network reads it.
LEVELS, VARIATION = (0.2, 2.0), 0.5
#: Part of the continuum pixels that must be there: fewer do not tell a polynomial.
ENOUGH = 0.3

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Continuum:
    """A low polynomial through pixels that few lines touch, by least squares.

    It is not the true continuum, but the same function of the flux for every star, so that a
    network never sees the level and slope that a pipeline left.

    Attributes
    ----------
    pixels : numpy.ndarray of bool [n_pix]
        Through which the polynomial is laid.
    terms : numpy.ndarray of float32 [n_terms, n_pix]
        Chebyshev polynomials.
    """

    pixels: NDArray[np.bool_]
    terms: NDArray[np.float32]

    @classmethod
    def of(cls, pixels: NDArray[np.bool_], degree: int) -> Continuum:
        """Return the polynomial of some degree through some pixels."""
        x = np.linspace(-1.0, 1.0, len(pixels))
        terms = np.polynomial.chebyshev.chebvander(x, degree).T
        return cls(np.asarray(pixels, dtype=bool), terms.astype(np.float32))

    @property
    def degree(self) -> int:
        """Of the polynomial."""
        return len(self.terms) - 1

    def fit(self, flux: Floats, usable: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the polynomial of each spectrum [n, n_pix], 1 where there is none, and whether there is one [n]."""
        used = usable[:, self.pixels]
        basis = self.terms[:, self.pixels].astype(np.float64)
        enough = row_count(used) >= max(ENOUGH * used.shape[1], len(basis))
        whole = used.all(axis=1)
        coefficients = np.zeros((len(flux), len(basis)))
        coefficients[:, 0] = 1.0
        at = flux[:, self.pixels]
        if whole.any():
            inverse = np.linalg.solve(basis @ basis.T, basis).astype(np.float32)
            coefficients[whole] = at[whole] @ inverse.T
        for row in np.flatnonzero(enough & ~whole):
            some = basis[:, used[row]]
            gram = some @ some.T + 1e-9 * np.eye(len(some))
            coefficients[row] = np.linalg.solve(gram, some @ at[row, used[row]])
        level: Floats = coefficients.astype(np.float32) @ self.terms
        low, high = level.min(axis=1), level.max(axis=1)
        found = enough & (low > LEVELS[0]) & (high < LEVELS[1]) & (high - low < VARIATION)
        level[~found] = 1.0
        return level, np.asarray(found, dtype=np.bool_)
