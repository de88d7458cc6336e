"""Convert sky positions and distances to Galactocentric places and velocities, with errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAME",
    "KM_S_PER_MAS_YR_KPC",
    "SUN",
    "Frame",
    "frame",
    "places",
    "sky_basis",
    "unit_vectors",
    "velocities",
]

#: How the frame is named in every product.
FRAME = "astropy galactocentric_frame_defaults v4.0"
#: Where the Sun stands [kpc], as `frame` has it from astropy, which takes half a second to import.
SUN = (-8.1219733661223, 0.0, 0.0208)
#: Tangential velocity [km/s] of 1 mas/yr at 1 kpc: one au a year.
KM_S_PER_MAS_YR_KPC = 4.740470463533349

#: Keeps a star on the very axis [kpc] from a division by zero.
_TINY = 1e-9

Floats = NDArray[np.float64]
Columns = dict[str, Floats]


@dataclass(frozen=True)
class Frame:
    """Map ICRS to the Galactocentric frame: a rotation [3, 3], and the Sun's [kpc] and [km/s]."""

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
    # The map is affine: the images of the origin and of three unit vectors define it.
    corners = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)
    still = CartesianDifferential(np.zeros((3, 4)) * u.km / u.s)
    points = ICRS(CartesianRepresentation(corners * u.kpc, differentials=still))
    image = points.transform_to(target)
    xyz = image.cartesian.xyz.to_value(u.kpc)
    velocity = image.velocity.d_xyz.to_value(u.km / u.s)
    return Frame(xyz[:, 1:] - xyz[:, :1], xyz[:, 0], velocity[:, 0])


def unit_vectors(lon: NDArray[Any], lat: NDArray[Any]) -> Floats:
    """Return the unit vectors, shape [3, n], of positions on the sky [deg]."""
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


def places(ra: NDArray[Any], dec: NDArray[Any], distance: Floats, error: Floats) -> Columns:
    """Return ``X Y Z R`` [kpc] and ``phi`` [deg, 0 to 360] with their ``_error``, shape [n] each.

    From ICRS ra and dec [deg] and a distance with its error [kpc], propagated linearly.
    """
    along = frame().matrix @ unit_vectors(ra, dec)
    x, y, z = along * distance + frame().sun[:, None]
    r = np.maximum(np.hypot(x, y), _TINY)
    outward, sideward = (along[0] * x + along[1] * y) / r, (along[1] * x - along[0] * y) / r
    turn = np.degrees(np.abs(sideward) * error / r)
    return {
        "X": x,
        "Y": y,
        "Z": z,
        "R": r,
        "phi": np.degrees(np.arctan2(y, x)) % 360.0,
        "X_error": np.abs(along[0]) * error,
        "Y_error": np.abs(along[1]) * error,
        "Z_error": np.abs(along[2]) * error,
        "R_error": np.abs(outward) * error,
        "phi_error": np.minimum(turn, 180.0),
    }


def velocities(
    sky: tuple[Floats, Floats],
    distance: tuple[Floats, Floats],
    pmra: tuple[Floats, Floats],
    pmdec: tuple[Floats, Floats],
    radial_velocity: tuple[Floats, Floats],
) -> Columns:
    """Return ``v_R v_phi v_Z`` [km/s] and ``Lz`` [kpc km/s] with errors; positive along the rotation.

    From (value, error) pairs in [kpc], [mas/yr] (pmra with cos dec) and [km/s], taken as independent.
    """
    matrix, d = frame().matrix, distance[0]
    axes = [matrix @ axis for axis in (unit_vectors(*sky), *sky_basis(*sky))]
    x, y, _ = axes[0] * d + frame().sun[:, None]
    r = np.maximum(np.hypot(x, y), _TINY)
    scale = KM_S_PER_MAS_YR_KPC
    sideways = scale * (pmra[0] * axes[1] + pmdec[0] * axes[2])
    total = radial_velocity[0] * axes[0] + sideways * d + frame().sun_velocity[:, None]
    out = _cylindrical(x, y, r, total)
    # How each measurement changes the components; the distance moves the star's place as well.
    by_distance = _cylindrical(x, y, r, sideways)
    for name, extra in _turned(x, y, r, total, axes[0]).items():
        by_distance[name] += extra
    changes = (
        (by_distance, distance[1]),
        (_cylindrical(x, y, r, scale * d * axes[1]), pmra[1]),
        (_cylindrical(x, y, r, scale * d * axes[2]), pmdec[1]),
        (_cylindrical(x, y, r, axes[0]), radial_velocity[1]),
    )
    for name in tuple(out):
        squares = sum((change[name] * error) ** 2 for change, error in changes)
        out[f"{name}_error"] = np.sqrt(squares)
    return out


def _cylindrical(x: Floats, y: Floats, r: Floats, v: Floats) -> Columns:
    spin = y * v[0] - x * v[1]
    return {"v_R": (x * v[0] + y * v[1]) / r, "v_phi": spin / r, "v_Z": v[2].copy(), "Lz": spin}


def _turned(x: Floats, y: Floats, r: Floats, v: Floats, along: Floats) -> Columns:
    """Return how the components of a velocity change as the star moves along a direction."""
    dx, dy, _ = along
    turn = (x * dy - y * dx) / r**2
    spin = y * v[0] - x * v[1]
    return {
        "v_R": -turn * spin / r,
        "v_phi": turn * (x * v[0] + y * v[1]) / r,
        "v_Z": np.zeros_like(r),
        "Lz": dy * v[0] - dx * v[1],
    }
