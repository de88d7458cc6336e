"""From what the networks state to errors that hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card

__all__ = ["PATTERNS", "calibrated", "ensemble", "masked_growth", "missing_pattern"]

#: Which photometry a star lacks, by the indices of G, BP, RP, J, H, K; each has its own factor.
PATTERNS: dict[str, tuple[int, ...]] = {
    "full": (),
    "no_2mass": (3, 4, 5),
    "no_gaia_colour": (1, 2),
    "none": (0, 1, 2, 3, 4, 5),
}

Floats = NDArray[np.float64]


def ensemble(mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Return centre, sigma and spread [n, n_labels] of an ensemble.

    Mean of the means; root of mean variance plus variance of the means (Lakshminarayanan et al.
    2017, arXiv:1612.01474); standard deviation of the means.
    """
    centre, spread = mean.mean(axis=0), mean.std(axis=0)
    sigma = np.sqrt(variance.mean(axis=0) + spread**2)
    return centre, sigma, spread


def missing_pattern(magnitudes: NDArray[Any]) -> NDArray[np.intp]:
    """Return which of `PATTERNS` describes what each star lacks.

    Magnitudes are [n, 6], NaN where missing; a star that lacks bands of both surveys counts as
    having none.
    """
    missing = np.isnan(magnitudes)
    infrared, optical = missing[:, 3:].any(axis=1), missing[:, :3].any(axis=1)
    return np.where(infrared & optical, 3, np.where(optical, 2, np.where(infrared, 1, 0)))


def masked_growth(card: Card, masked_fraction: NDArray[Any]) -> Floats:
    """Return by how much the errors grow where pixels are left out, shape [n, n_labels]."""
    kept = np.clip(1.0 - np.asarray(masked_fraction, dtype=np.float64), 1e-3, 1.0)
    powers = np.array([spec.mask_power for spec in card.labels])
    growth: Floats = kept[:, None] ** -powers
    return growth


def calibrated(
    card: Card,
    centre: Floats,
    sigma: Floats,
    pattern: NDArray[np.intp],
    names: Sequence[str],
) -> tuple[Floats, Floats]:
    """Return value (centre - offset) and error (factor * sigma ** power), [n, n_labels], in scaled units."""
    specs = card.labels
    factor = np.array([[spec.error_factor[name] for spec in specs] for name in names])
    value = centre - np.array([spec.offset for spec in specs])
    error = factor[pattern] * sigma ** np.array([spec.error_power for spec in specs])
    return value, error
