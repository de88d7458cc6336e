"""Compute an absolute G magnitude from Teff, log g and a mass.

Sources: bolometric correction of Andrae et al. (2018, A&A 616, A8), equation 7 and table 4;
masses of dwarfs and subgiants of Torres, Andersen & Giménez (2010, A&ARv 18, 67), section 8;
A_G / A_V and A_K / A_V of Wang & Chen (2019, ApJ 877, 116), table 3; solar values of IAU 2015 resolutions B2, B3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "A_G_PER_A_K",
    "A_G_PER_A_V",
    "BC_RANGE",
    "BC_SCATTER",
    "absolute_g",
    "bolometric_correction",
    "expected_mass",
    "surface_gravity",
]

#: Extinction in G for one magnitude in V, and for one in K.
A_G_PER_A_V = 0.789
A_G_PER_A_K = 0.789 / 0.078
#: Teff [K] between which the bolometric correction was fitted.
BC_RANGE = (3300.0, 8000.0)
#: Scatter [mag] of the correction about its polynomial, from log g and metallicity.
BC_SCATTER = 0.08

_SUN_TEFF = 5772.0
_SUN_LOGG = 4.438
_SUN_M_BOL = 4.74
#: Coefficients in powers of Teff - 5772 K, above and below 4000 K.
_BC_WARM = (6.000e-2, 6.731e-5, -6.647e-8, 2.859e-11, -7.197e-15)
_BC_COOL = (1.749, 1.977e-3, 3.737e-7, -8.966e-11, -4.183e-14)
#: log g below which a star is a giant here, and the width of the passage.
_GIANT_LOGG, _PASSAGE = 3.5, 0.25
#: log10 of the mass [solar] of a red giant, and its scatter.
_GIANT_MASS, _GIANT_SCATTER = 0.05, 0.10
_DWARF_SCATTER = 0.04

Floats = NDArray[np.float64]


def bolometric_correction(teff: NDArray[Any]) -> Floats:
    """Return BC_G [mag] for Teff [K], shape [n]; NaN beyond 3300-8000 K."""
    t = np.asarray(teff, dtype=np.float64)
    x = t - _SUN_TEFF
    warm, cool = (np.polynomial.polynomial.polyval(x, c) for c in (_BC_WARM, _BC_COOL))
    inside = (t >= BC_RANGE[0]) & (t <= BC_RANGE[1])
    return np.where(inside, np.where(t >= 4000.0, warm, cool), np.nan)


def expected_mass(
    teff: NDArray[Any], logg: NDArray[Any], m_h: NDArray[Any]
) -> tuple[Floats, Floats]:
    """Return mean and scatter of log10(mass / solar mass) as a prior: 0.05 ± 0.10 for red giants.

    Dwarfs and subgiants: Torres et al. (2010); the two are blended over log g of 3.25 to 3.75.
    """
    x = np.log10(np.asarray(teff, dtype=np.float64)) - 4.1
    g = np.asarray(logg, dtype=np.float64)
    metals = np.nan_to_num(np.asarray(m_h, dtype=np.float64), nan=0.0)
    dwarf = 1.5689 + 1.3787 * x + 0.4243 * x**2 + 1.139 * x**3
    dwarf += -0.1425 * g**2 + 0.01969 * g**3 + 0.1010 * metals
    share = np.clip((g - _GIANT_LOGG) / (2 * _PASSAGE) + 0.5, 0.0, 1.0)
    mean = share * dwarf + (1 - share) * _GIANT_MASS
    return mean, share * _DWARF_SCATTER + (1 - share) * _GIANT_SCATTER


def absolute_g(teff: NDArray[Any], logg: NDArray[Any], log_mass: NDArray[Any]) -> Floats:
    """Return absolute G [mag] from Teff [K], log g and log10 of solar masses.

    L follows from R² = G M / g and L = 4 π R² σ Teff⁴, in solar units.
    """
    log_lum = log_mass - (logg - _SUN_LOGG) + 4 * np.log10(np.asarray(teff) / _SUN_TEFF)
    out: Floats = _SUN_M_BOL - 2.5 * log_lum - bolometric_correction(teff)
    return out


def surface_gravity(teff: NDArray[Any], m_g: NDArray[Any], log_mass: NDArray[Any]) -> Floats:
    """Return log g [dex(cm s-2)], the inverse of `absolute_g`; shape [n]."""
    log_lum = (_SUN_M_BOL - m_g - bolometric_correction(teff)) / 2.5
    out: Floats = _SUN_LOGG + log_mass + 4 * np.log10(np.asarray(teff) / _SUN_TEFF) - log_lum
    return out
