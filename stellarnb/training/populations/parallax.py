"""A parallax that agrees with a star's labels, with an error like Gaia's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.families.branches import typical_parallax_error

__all__ = ["absolute_g", "draw_mass", "draw_parallax"]

Floats = NDArray[np.float64]

#: The Sun: Teff [K], logg, bolometric magnitude (IAU 2015 resolutions B2 and B3).
TEFF_SUN, LOGG_SUN, MBOL_SUN = 5772.0, 4.438, 4.74
#: Bolometric correction to G by (Teff - 5772 K), above and below 4000 K (Andrae et al. 2018,
#: A&A 616, A8, table 4).
WARM = (0.06, 6.731e-5, -6.647e-8, 2.859e-11, -7.197e-15)
COOL = (1.749, 1.977e-3, 3.737e-7, -8.966e-11, -4.183e-14)
#: A_G over A_K, for A_K = 0.114 A_V and A_G = 0.79 A_V.
G_OVER_K = 6.9


def absolute_g(teff: Floats, logg: Floats, mass: Floats) -> Floats:
    """Return the absolute magnitude in G from R (by logg and mass), L and a bolometric correction.

    teff, logg, mass [n]: in K, dex(cm s-2) and solar masses. Returns [n].
    """
    luminosity = np.log10(mass) + 4 * np.log10(teff / TEFF_SUN) + LOGG_SUN - logg
    x = teff - TEFF_SUN
    correction = np.where(teff < 4000, np.polyval(COOL[::-1], x), np.polyval(WARM[::-1], x))
    return np.asarray(MBOL_SUN - 2.5 * luminosity - correction)


def draw_mass(teff: Floats, logg: Floats, rng: np.random.Generator) -> Floats:
    """Return masses from a prior with scatter [solar masses], shape [n].

    Dwarfs by the main sequence, M ~ Teff^1.6, within 10 %; giants 1.15 within 25 %.
    """
    dwarf = np.clip((logg - 3.6) / 0.6, 0.0, 1.0)
    centre = dwarf * 1.6 * np.log(teff / TEFF_SUN) + (1 - dwarf) * np.log(1.15)
    scatter = 0.25 - 0.15 * dwarf
    return np.asarray(np.exp(centre + scatter * rng.standard_normal(len(teff))))


def draw_parallax(
    labels: NDArray[Any], g: Floats, a_k: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return a parallax and its error [mas] for stars of given labels.

    labels [n, >= 2]: Teff [K] and logg of the star as it is, not as a survey measured them; g, a_k
    [n]: apparent magnitude, and extinction in K (NaN = unknown: drawn). Returns parallax, error
    [n]: NaN where there is no magnitude.
    """
    n = len(g)
    teff, logg = labels[:, 0].astype(float), labels[:, 1].astype(float)
    known = np.where(np.isfinite(a_k), np.clip(a_k, 0.0, 1.5), rng.exponential(0.1, n))
    a_g = G_OVER_K * np.clip(known * (1 + 0.1 * rng.standard_normal(n)), 0, None)
    a_g = np.clip(a_g + 0.1 * rng.standard_normal(n), 0.0, None)
    magnitude = absolute_g(teff, logg, draw_mass(teff, logg, rng))
    true = 10.0 ** (0.2 * (magnitude + a_g - g) - 1.0) * 1e3
    error = typical_parallax_error(g) * np.exp(rng.normal(0.1, 0.3, n))
    return true + error * rng.standard_normal(n), error
