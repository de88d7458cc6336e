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
    """Join the members of an ensemble.

    Parameters
    ----------
    mean, variance : numpy.ndarray, shape [n_networks, n, n_labels]
        As each network states them.

    Returns
    -------
    centre, sigma, spread : numpy.ndarray, shape [n, n_labels]
        Mean of the means; square root of mean variance plus variance of the means
        (Lakshminarayanan et al. 2017, arXiv:1612.01474); standard deviation of the means.
    """
    centre, spread = mean.mean(axis=0), mean.std(axis=0)
    sigma = np.sqrt(variance.mean(axis=0) + spread**2)
    return centre, sigma, spread


def missing_pattern(magnitudes: NDArray[Any]) -> NDArray[np.intp]:
    """Return for each star which of `PATTERNS` (by its place) describes what it lacks.

    Parameters
    ----------
    magnitudes : numpy.ndarray, shape [n, 6]
        NaN where missing. A star that lacks bands of both surveys counts as having none.

    Returns
    -------
    numpy.ndarray of int, shape [n]
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
    """Apply the card's calibration, in scaled units.

    Parameters
    ----------
    card : Card
        Has for each label an offset, a power and a factor by pattern, measured on the clean
        stars of the validation split.
    centre, sigma : numpy.ndarray, shape [n, n_labels]
        From `ensemble`.
    pattern : numpy.ndarray of int, shape [n]
        Which of `names` a star has.
    names : sequence of str
        The patterns of missing inputs.

    Returns
    -------
    value, error : numpy.ndarray, shape [n, n_labels]
        centre - offset, and factor * sigma ** power.
    """
    specs = card.labels
    factor = np.array([[spec.error_factor[name] for spec in specs] for name in names])
    value = centre - np.array([spec.offset for spec in specs])
    error = factor[pattern] * sigma ** np.array([spec.error_power for spec in specs])
    return value, error
