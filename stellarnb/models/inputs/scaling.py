"""Scaling of the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelScaler"]


@dataclass(frozen=True)
class LabelScaler:
    """Scaled label = (label - centre) / width, with log10 of the label first where `logarithm`.

    Attributes
    ----------
    centre, width : numpy.ndarray [n_labels]
        Of the label or its logarithm.
    logarithm : numpy.ndarray of bool [n_labels]
        True for Teff: a network that sees hot stars too should not spend itself on them.
    """

    centre: NDArray[np.float64]
    width: NDArray[np.float64]
    logarithm: NDArray[np.bool_]

    def scale(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """Return scaled labels [n, n_labels]; NaN stays NaN."""
        values = np.array(labels, dtype=np.float64)
        values[:, self.logarithm] = np.log10(values[:, self.logarithm])
        return (values - self.centre) / self.width

    def unscale(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """Return labels in physical units [n, n_labels]."""
        values = np.asarray(scaled, dtype=np.float64) * self.width + self.centre
        # Beyond 10^3..10^5 K there is nothing to tell apart; the power must not overflow.
        values[:, self.logarithm] = 10.0 ** np.clip(values[:, self.logarithm], 3.0, 5.0)
        return values

    def slope(self, labels: NDArray[Any]) -> NDArray[np.float64]:
        """Return d label / d scaled label at physical labels [n, n_labels]."""
        ln10 = np.log(10.0)
        return np.where(self.logarithm, labels * ln10 * self.width, self.width)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for a weights file."""
        logarithm = self.logarithm.astype(np.uint8)
        return {"centre": self.centre, "width": self.width, "logarithm": logarithm}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Build it from the arrays that `to_arrays` gave."""
        logarithm = np.asarray(arrays["logarithm"]).astype(bool)
        return cls(np.asarray(arrays["centre"]), np.asarray(arrays["width"]), logarithm)
