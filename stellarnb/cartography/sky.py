"""Draw the whole sky: Galactic coordinates and the Mollweide projection.

The map is equal-area, centred on the Galactic centre, with longitude rising to the left as on
the sky. Its ellipse spans ±2√2 in x and ±√2 in y.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = [
    "SKY_X",
    "SKY_Y",
    "X_EDGE",
    "Y_EDGE",
    "galactic",
    "graticule",
    "mollweide",
    "outline",
    "sky_patch",
]

#: What the map's coordinates are called among columns.
SKY_X, SKY_Y = "mollweide_x", "mollweide_y"
#: Half the width and half the height of the map.
X_EDGE = 2.0 * np.sqrt(2.0)
Y_EDGE = np.sqrt(2.0)

Floats = NDArray[np.float64]


def galactic(ra: NDArray[Any], dec: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return Galactic l (0..360) and b [deg] of ICRS positions [deg]; NaN for non-finite ones."""
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    known = np.isfinite(ra) & np.isfinite(dec)
    beyond = known & (np.abs(dec) > 90.0)
    if beyond.any():
        row = int(np.flatnonzero(beyond)[0])
        raise InvalidInput(f"dec: row {row} holds {dec[row]} deg, beyond a pole. Is it in deg?")
    lon, lat = np.full(ra.shape, np.nan), np.full(ra.shape, np.nan)
    if known.any():
        from astropy import units as u
        from astropy.coordinates import SkyCoord

        here = SkyCoord(ra[known] * u.deg, dec[known] * u.deg, frame="icrs").galactic
        lon[known], lat[known] = here.l.deg, here.b.deg
    return lon, lat


def mollweide(lon: NDArray[Any], lat: NDArray[Any]) -> tuple[Floats, Floats]:
    """Project longitude and latitude [deg] onto the map; x is negative for 0 < l < 180."""
    phi = np.radians(np.asarray(lat, dtype=np.float64))
    turn = (np.asarray(lon, dtype=np.float64) + 180.0) % 360.0 - 180.0
    theta = _auxiliary(phi)
    x = -(X_EDGE / 180.0) * turn * np.cos(theta)
    return x, Y_EDGE * np.sin(theta)


def _auxiliary(phi: Floats) -> Floats:
    """Solve 2θ + sin 2θ = π sin φ by Newton's method."""
    goal = np.pi * np.sin(phi)
    # At a pole the slope vanishes; the leading term of the equation there is a good start.
    gap = np.maximum(np.pi - np.abs(goal), 0.0)
    theta = np.sign(phi) * (np.pi / 2 - np.cbrt(0.75 * gap))
    theta = np.where(np.abs(phi) < 1.0, 0.8 * phi, theta)
    for _ in range(12):
        slope = 2.0 + 2.0 * np.cos(2.0 * theta)
        step = (2.0 * theta + np.sin(2.0 * theta) - goal) / np.maximum(slope, 1e-12)
        theta = np.clip(theta - np.where(slope > 1e-10, step, 0.0), -np.pi / 2, np.pi / 2)
    return theta


def outline(points: int = 181) -> tuple[Floats, Floats]:
    """Return x and y of the map's edge as a closed line, shape [points] each."""
    angle = np.linspace(0.0, 2.0 * np.pi, points)
    return X_EDGE * np.cos(angle), Y_EDGE * np.sin(angle)


def sky_patch(lon: tuple[float, float], lat: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the edge, on the map, of a patch from ``lon[0]`` eastwards to ``lon[1]`` [deg].

    Points on its meridians are at most 2 degrees apart; parallels are straight on this map.
    """
    if not np.isfinite([*lon, *lat]).all():
        raise InvalidInput("A patch of the sky needs four finite numbers, in degrees.")
    south, north = sorted(lat)
    if south < -90.0 or north > 90.0 or south == north or lon[0] == lon[1]:
        raise InvalidInput(
            f"l from {lon[0]:g} to {lon[1]:g}, b from {lat[0]:g} to {lat[1]:g} deg is not a "
            "patch of the sky: b must lie within -90 to 90, and neither range may be empty."
        )
    width = (lon[1] - lon[0]) % 360.0 or 360.0
    west = -180.0 if width == 360.0 else (lon[0] + 180.0) % 360.0 - 180.0
    east = west + width
    if east > 180.0:
        raise InvalidInput(
            f"l from {lon[0]:g} to {lon[1]:g} deg reaches across l = 180, where this map has its "
            "two ends: choose one side of it."
        )
    up = np.linspace(south, north, max(2, int(np.ceil((north - south) / 2)) + 1))
    # Just inside ±180, which lie on the same meridian.
    ends = np.clip([west, east], -179.999999, 179.999999)
    x0, y0 = mollweide(np.full(up.shape, ends[0]), up)
    x1, y1 = mollweide(np.full(up.shape, ends[1]), up[::-1])
    return np.concatenate([x0, x1]), np.concatenate([y0, y1])


def graticule(step_lon: int = 60, step_lat: int = 30) -> list[tuple[Floats, Floats]]:
    """Return lines of equal longitude and latitude as (x, y), at steps in degrees."""
    along = np.linspace(-90.0, 90.0, 91)
    # Just inside ±180, since both ends of a parallel lie on the same meridian.
    around = np.linspace(-179.999, 179.999, 91)
    meridians = range(-180 + step_lon, 180, step_lon)
    parallels = range(-90 + step_lat, 90, step_lat)
    return [
        *(mollweide(np.full(along.shape, float(lon)), along) for lon in meridians),
        *(mollweide(around, np.full(around.shape, float(lat))) for lat in parallels),
    ]
