"""Define the mock Milky Way: components, chemistry, stars, dust.

A plausible invention in the spirit of the Besançon model (Robin et al. 2003, A&A 409, 523), not a
fit to anything: round numbers that put gradients, two sequences and a flare where a test finds them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COMPONENTS",
    "Component",
    "alpha_of",
    "dust",
    "magnitudes",
    "mass_of",
    "signal_to_noise",
    "teff_of",
    "truth",
]

Floats = NDArray[np.float64]

#: Radius [kpc] at which the metallicities below hold, on the plane.
PIVOT = 8.122
#: The two sequences as ([M/H], [α/M]) nodes, and their intrinsic scatter [dex].
SEQUENCES: dict[str, dict[str, Any]] = {
    "low": {"m_h": (-1.0, -0.45, 0.0, 0.5), "alpha_m": (0.14, 0.08, 0.03, 0.02), "scatter": 0.020},
    "high": {
        "m_h": (-2.5, -0.8, -0.45, 0.1, 0.5),
        "alpha_m": (0.29, 0.29, 0.26, 0.10, 0.06),
        "scatter": 0.025,
    },
}
#: Scale height of the dust [kpc], A_V of a kiloparsec in the plane, and its scatter.
DUST_HEIGHT, DUST_PER_KPC, DUST_SCATTER = 0.15, 0.6, 0.15
#: The faintest G [mag]: about where Gaia's RVS spectra reach a S/N of 15.
G_LIMIT = 14.0
#: S/N at `G_LIMIT`; log10 of its growth to brighter stars, a magnitude, and where that tires [mag].
SNR_LIMIT, SNR_GROWTH, SNR_TIRES = 15.0, 0.53, 3.2
#: Absolute G against Teff along an old isochrone of solar metallicity, and mass [solar].
_TRACK_G = (-3.2, -2.0, -1.0, 0.0, 1.0, 2.0, 2.8, 3.3, 3.7, 4.2, 4.7, 5.5, 6.3, 7.0, 8.0)
_TRACK_TEFF = (
    *(3550, 3900, 4200, 4520, 4750, 4900, 5050, 5400, 5850, 6050),
    *(5850, 5400, 4950, 4500, 4050),
)
#: Their number in each magnitude and unit of volume, relative; the red clump comes on top.
_TRACK_NUMBER = (
    *(1e-4, 3e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.15, 0.3),
    *(0.4, 0.5, 0.6, 0.7, 0.8),
)
_CLUMP = {"m_g": 0.45, "width": 0.12, "number": 0.004}


@dataclass(frozen=True)
class Component:
    """Describe one population: [dex], [kpc], [km/s]; metallicities hold at `PIVOT` on the plane.

    Density is at the Sun, relative to the thin disc's; `flare` is the e-folding length of the height.
    """

    name: str
    density: float
    m_h: float
    scatter: float
    dm_h_dr: float
    dm_h_dz: float
    length: float
    height: float
    flare: float
    v_phi: float
    dispersion: tuple[float, float, float]
    alpha: str

    def at(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Return the number density at Galactocentric positions [kpc]."""
        r, height = np.hypot(x, y), np.abs(z)
        if self.name == "halo":
            q = np.sqrt(r**2 + (z / 0.7) ** 2 + 0.5**2) / PIVOT
            return np.asarray(self.density * q**-2.8)
        if self.name == "bar":
            c, s = np.cos(np.radians(27.0)), np.sin(np.radians(27.0))
            along, across = (x * c - y * s) / self.length, (x * s + y * c) / 0.6
            inner = np.exp(-np.sqrt(along**2 + across**2 + (z / self.height) ** 2))
            return np.asarray(self.density * inner * np.exp(-((r / 3.5) ** 4)))
        grown = np.exp((r - PIVOT) / self.flare) if self.flare else np.ones_like(r)
        h = self.height * np.maximum(grown, 0.5)
        surface = np.exp(-(r - PIVOT) / self.length)
        return np.asarray(self.density * surface * np.exp(-height / h) * (self.height / h))


COMPONENTS = (
    Component("thin", 1.0, 0.0, 0.14, -0.06, -0.12, 2.9, 0.30, 9.0, 222.0, (36, 25, 20), "low"),
    Component("thick", 0.10, -0.42, 0.20, -0.01, -0.06, 2.1, 0.90, 0, 185.0, (65, 50, 45), "high"),
    Component("bar", 40.0, 0.0, 0.30, 0.0, 0.0, 1.7, 0.35, 0, 90.0, (110, 90, 90), "both"),
    Component("halo", 0.0025, -1.3, 0.35, 0.0, 0.0, 0, 0, 0, 10.0, (140, 100, 90), "high"),
)


def truth() -> dict[str, Any]:
    """Return what was put in, as plain numbers, for the provenance and for tests."""
    keys = ("m_h", "scatter", "dm_h_dr", "dm_h_dz", "alpha")
    return {
        "pivot_kpc": PIVOT,
        "components": {part.name: {key: asdict(part)[key] for key in keys} for part in COMPONENTS},
        "sequences": {
            name: {key: list(v) if isinstance(v, tuple) else v for key, v in entry.items()}
            for name, entry in SEQUENCES.items()
        },
        "g_limit": G_LIMIT,
        "snr_limit": SNR_LIMIT,
    }


def alpha_of(m_h: Floats, high: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return [α/M] on the sequence of each star, and that sequence's scatter; shape [n] each."""
    low_line, high_line = (
        np.interp(m_h, SEQUENCES[name]["m_h"], SEQUENCES[name]["alpha_m"])
        for name in ("low", "high")
    )
    scatter = np.where(high, SEQUENCES["high"]["scatter"], SEQUENCES["low"]["scatter"])
    return np.where(high, high_line, low_line), scatter


def dust(distance: Floats, lon: Floats, sin_b: Floats) -> Floats:
    """Return A_V [mag] of a layer of dust, thinner with height and away from the centre."""
    slope = np.maximum(np.abs(sin_b), 1e-4) / DUST_HEIGHT
    # Z of the Sun is a tenth of the layer's height: left out.
    towards_centre = 1.0 + 0.5 * np.cos(np.radians(lon))
    return np.asarray(DUST_PER_KPC * towards_centre * -np.expm1(-distance * slope) / slope)


def signal_to_noise(g: Floats) -> Floats:
    """Return the S/N of a spectrum by its G [mag]; shape [n]."""
    brighter = np.maximum(G_LIMIT - g, 0.0)
    growth = SNR_GROWTH * SNR_TIRES * -np.expm1(-brighter / SNR_TIRES)
    return np.asarray(SNR_LIMIT * 10.0**growth)


def magnitudes() -> tuple[Floats, Floats]:
    """Return absolute G [mag], rising, and how many stars are brighter, relative; shape [k] each."""
    m_g = np.linspace(_TRACK_G[0], _TRACK_G[-1], 449)
    number = np.exp(np.interp(m_g, _TRACK_G, np.log(_TRACK_NUMBER)))
    clump = np.exp(-0.5 * ((m_g - _CLUMP["m_g"]) / _CLUMP["width"]) ** 2)
    number += _CLUMP["number"] / (_CLUMP["width"] * np.sqrt(2 * np.pi)) * clump
    return m_g, np.concatenate([[0.0], np.cumsum(0.5 * (number[1:] + number[:-1]))])


def teff_of(m_g: Floats, m_h: Floats) -> Floats:
    """Return Teff [K]: metal-poor stars are hotter, giants more so."""
    slope = np.interp(m_g, (2.5, 4.5), (-200.0, -100.0))
    return np.maximum(
        np.interp(m_g, _TRACK_G, _TRACK_TEFF) + slope * np.clip(m_h, -2.5, 0.5), 3400.0
    )


def mass_of(m_g: Floats) -> tuple[Floats, Floats]:
    """Return log10 of the mass [solar] and its scatter; shape [n] each."""
    mean = np.interp(m_g, (2.8, 3.7, 4.7, 6.3, 8.0), (0.05, 0.05, 0.0, -0.10, -0.19))
    return mean, np.interp(m_g, (2.8, 4.2), (0.10, 0.04))
