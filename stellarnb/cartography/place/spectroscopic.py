"""Spectroscopic distances: how bright a star of such a Teff and log g is, against how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.place.luminosity import (
    BC_SCATTER,
    absolute_g,
    bolometric_correction,
    expected_mass,
)

__all__ = ["SpectroscopicInputs", "spectroscopic_distances"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpectroscopicInputs:
    """Hold what a spectroscopic distance needs [K, dex, mag], shape [n]; NaN [M/H] is solar."""

    teff: Floats
    teff_error: Floats
    logg: Floats
    logg_error: Floats
    m_h: Floats
    g: Floats
    a_g: Floats
    a_g_error: Floats


def spectroscopic_distances(
    inputs: SpectroscopicInputs, mass: tuple[float, float] | None = None
) -> tuple[Floats, Floats]:
    """Return spectroscopic distances and errors [kpc]; NaN without Teff, log g or G.

    Errors are propagated linearly and as independent; `mass` (with scatter) replaces `expected_mass`.
    """
    teff = np.where(inputs.teff > 0, inputs.teff, np.nan)
    if mass is None:
        log_mass, log_mass_error = expected_mass(teff, inputs.logg, inputs.m_h)
    else:
        log_mass = np.full_like(teff, np.log10(mass[0]))
        log_mass_error = np.full_like(teff, mass[1] / mass[0] / np.log(10.0))
    modulus = inputs.g - inputs.a_g - absolute_g(teff, inputs.logg, log_mass)
    distance = 10.0 ** (0.2 * modulus - 2.0)
    slope = _slope(teff)
    parts = (
        slope * _known(inputs.teff_error),
        2.5 * _known(inputs.logg_error),
        2.5 * log_mass_error,
        BC_SCATTER,
        _known(inputs.a_g_error),
    )
    modulus_error = np.sqrt(sum(np.square(part) for part in parts))
    error: Any = 0.2 * np.log(10.0) * distance * modulus_error
    return distance, np.asarray(error)


def _slope(teff: Floats) -> Floats:
    """Return how the distance modulus changes with Teff [mag/K]."""
    step = 20.0
    # One-sided at the ends of the correction's range.
    low, high = np.maximum(teff - step, 3300.0), np.minimum(teff + step, 8000.0)
    change = bolometric_correction(high) - bolometric_correction(low)
    return np.asarray(10.0 / (np.log(10.0) * teff) + change / np.where(high > low, high - low, 1))


def _known(error: Floats) -> Floats:
    return np.nan_to_num(error, nan=0.0, posinf=0.0)
