"""What the labels of the nodes say about each other: the place of a label that nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import InvalidInput

__all__ = ["CORE", "LabelRelations"]

#: Labels that every spectrum depends on.
CORE = ("teff", "logg", "fe_h")
ALPHA = "alpha_m"

Floats = NDArray[np.float64]


class LabelRelations:
    """Each label as a quadratic in teff, logg and fe_h (and linear in alpha_m), with its scatter.

    Parameters
    ----------
    names : sequence of str
        The labels, in order.
    nodes : numpy.ndarray, shape [n, n_labels]
        Their values.
    """

    def __init__(self, names: Sequence[str], nodes: Floats) -> None:
        self.names = tuple(names)
        self.core = [self.names.index(name) for name in CORE]
        self.alpha = self.names.index(ALPHA)
        self.centre, self.width = nodes.mean(axis=0), nodes.std(axis=0)
        scaled = (nodes - self.centre) / self.width
        self.weights: dict[int, Floats] = {}
        self.scatter = np.zeros(len(self.names))
        for i in range(len(self.names)):
            if i in self.core:
                continue
            terms = self._terms(scaled, with_alpha=i != self.alpha)
            self.weights[i] = np.asarray(
                np.linalg.lstsq(terms, nodes[:, i], rcond=None)[0], dtype=np.float64
            )
            self.scatter[i] = np.std(nodes[:, i] - terms @ self.weights[i])

    def _terms(self, scaled: Floats, *, with_alpha: bool) -> Floats:
        x = scaled[:, self.core]
        pairs = [x[:, i] * x[:, j] for i in range(3) for j in range(i, 3)]
        alpha = [scaled[:, self.alpha]] if with_alpha else []
        return np.stack([np.ones(len(x)), *x.T, *pairs, *alpha], axis=1)

    def expected(self, labels: Floats, index: int) -> Floats:
        """Return the mean of one label, given the core (and alpha_m) of labels [n, n_labels]."""
        scaled = (labels - self.centre) / self.width
        terms = self._terms(scaled, with_alpha=index != self.alpha)
        return np.asarray(terms @ self.weights[index])

    def complete(self, given: Mapping[str, ArrayLike]) -> Floats:
        """Return labels [n, n_labels]; absent ones as nodes with such teff, logg, fe_h have them."""
        unknown = [name for name in given if name not in self.names]
        absent = [name for name in CORE if name not in given]
        if unknown or absent:
            raise InvalidInput(
                f"Labels unknown: {', '.join(unknown) or 'none'}; absent: "
                f"{', '.join(absent) or 'none'}. There are: {', '.join(self.names)}."
            )
        columns = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
        try:
            rows = np.broadcast_arrays(*columns.values())
        except ValueError as error:
            raise InvalidInput("Each label needs as many values as the others, or one.") from error
        labels = np.zeros((rows[0].size, len(self.names)))
        for name, row in zip(columns, rows, strict=True):
            labels[:, self.names.index(name)] = row.reshape(-1)
        # alpha_m first: the other abundances follow it.
        for i in (self.alpha, *(k for k in range(len(self.names)) if k != self.alpha)):
            if i in self.weights and self.names[i] not in given:
                labels[:, i] = self.expected(labels, i)
        return labels
