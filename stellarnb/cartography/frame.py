"""The Galactocentric frame: where the Sun stands, and how ICRS turns into X, Y, Z.

It is astropy's ``galactocentric_frame_defaults`` v4.0: the Sun at 8.122 kpc from the centre
(GRAVITY Collaboration 2018, A&A 615, L15), 20.8 pc above the plane (Bennett & Bovy 2019, MNRAS
482, 1417), moving with (12.9, 245.6, 7.78) km/s (Drimmel & Poggio 2018, RNAAS 2, 210). X points
from the Sun through the centre, Y along the rotation at the Sun, Z to the north Galactic pole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "KM_S_PER_MAS_YR_KPC", "SUN", "Frame", "frame", "sky_basis", "unit_vectors"]

#: How the frame is named in every product.
FRAME = "astropy galactocentric_frame_defaults v4.0"
#: Where the Sun stands [kpc], as `frame` has it from astropy, which takes half a second to import.
SUN = (-8.1219733661223, 0.0, 0.0208)
#: Tangential velocity [km/s] of 1 mas/yr at 1 kpc: one au a year.
KM_S_PER_MAS_YR_KPC = 4.740470463533349

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """An affine map from ICRS to the Galactocentric frame.

    Attributes
    ----------
    matrix : numpy.ndarray, shape [3, 3]
        Rotates a vector from ICRS; its inverse is its transpose.
    sun : numpy.ndarray, shape [3]
        Position of the Sun [kpc].
    sun_velocity : numpy.ndarray, shape [3]
        Velocity of the Sun [km/s].
    """

    matrix: Floats
    sun: Floats
    sun_velocity: Floats

    @property
    def sun_radius(self) -> float:
        """Distance of the Sun from the Galactic axis [kpc]."""
        return float(np.hypot(*self.sun[:2]))


@cache
def frame() -> Frame:
    """Return the frame, taken from astropy once."""
    from astropy import units as u
    from astropy.coordinates import (
        ICRS,
        CartesianDifferential,
        CartesianRepresentation,
        Galactocentric,
        galactocentric_frame_defaults,
    )

    with galactocentric_frame_defaults.set("v4.0"):
        target = Galactocentric()
    # The map is affine: the images of the origin and of three unit vectors say all about it.
    corners = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    still = CartesianDifferential(np.zeros((3, 4)) * u.km / u.s)
    points = ICRS(CartesianRepresentation(corners * u.kpc, differentials=still))
    image = points.transform_to(target)
    xyz = image.cartesian.xyz.to_value(u.kpc)
    velocity = image.velocity.d_xyz.to_value(u.km / u.s)
    return Frame(xyz[:, 1:] - xyz[:, :1], xyz[:, 0], velocity[:, 0])


def unit_vectors(lon: NDArray[Any], lat: NDArray[Any]) -> Floats:
    """Return the directions of positions on the sky.

    Parameters
    ----------
    lon, lat : numpy.ndarray, shape [n]
        Degrees.

    Returns
    -------
    numpy.ndarray, shape [3, n]
    """
    a, d = np.radians(lon), np.radians(lat)
    cos_d = np.cos(d)
    return np.stack([np.cos(a) * cos_d, np.sin(a) * cos_d, np.sin(d)])


def sky_basis(lon: NDArray[Any], lat: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the unit vectors towards rising longitude and latitude, shape [3, n] each."""
    a, d = np.radians(lon), np.radians(lat)
    sin_a, cos_a, sin_d = np.sin(a), np.cos(a), np.sin(d)
    east = np.stack([-sin_a, cos_a, np.zeros_like(a)])
    north = np.stack([-cos_a * sin_d, -sin_a * sin_d, np.cos(d)])
    return east, north
