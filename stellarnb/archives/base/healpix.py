"""Regions of the sky as ranges of source_id, and checks of polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bounding_circle", "cone_ranges", "position_pad", "sides_cross", "unit_vectors"]

#: A source_id holds the nested HEALPix pixel of this order above this bit.
ORDER, SHIFT = 12, 35
#: Side of the twelve pixels of order 0 [deg]; the corners lie nearer to the centre than that.
_SIDE = 58.7
#: A wider cone [deg] is not worth its ranges.
_WIDEST = 45.0
#: Planning a range takes DuckDB as long as looking at some ten thousand rows.
_MOST = 4
#: Stars farther [deg] from their pixel than this do not have Gaia identifiers.
_MAX_PAD = 0.5

Floats = NDArray[np.float64]


def unit_vectors(ra: Any, dec: Any) -> Floats:
    """Return the unit vectors [n, 3] of positions [deg], each of shape [n]."""
    lon, lat = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    out = np.empty((len(lon), 3))
    across = np.cos(lat)
    np.multiply(across, np.cos(lon), out=out[:, 0])
    np.multiply(across, np.sin(lon), out=out[:, 1])
    np.sin(lat, out=out[:, 2])
    return out


def cone_ranges(
    ra: float, dec: float, radius: float, pad: float = 0.0, most: int = _MOST
) -> list[tuple[int, int]] | None:
    """Return ranges of source_id that hold every star of a cone, and some around it."""
    reach = radius + pad
    if reach > _WIDEST:
        return None
    from astropy import units as u
    from astropy_healpix import HEALPix

    # Pixels about a tenth of the cone: some hundred of them, and a margin that costs little.
    order = int(np.clip(math.log2(8 * _SIDE / max(reach, 1e-6)), 0, ORDER))
    # A pixel counts if its centre is near, so that the radius grows by the size of a pixel.
    search = min(reach + _SIDE / 2**order, 180.0)
    grid = HEALPix(nside=2**order, order="nested")
    centre = (ra % 360) * u.deg, dec * u.deg
    pixels = np.sort(grid.cone_search_lonlat(*centre, radius=search * u.deg))
    bits = SHIFT + 2 * (ORDER - order)
    gaps = np.diff(pixels)
    breaks = np.flatnonzero(gaps > 1)
    if len(breaks) >= most:
        breaks = np.sort(breaks[np.argsort(gaps[breaks])[len(breaks) - most + 1 :]])
    first = pixels[np.r_[0, breaks + 1]]
    last = pixels[np.r_[breaks, len(pixels) - 1]]
    return [(int(a) << bits, ((int(b) + 1) << bits) - 1) for a, b in zip(first, last, strict=True)]


def position_pad(source_id: NDArray[np.int64], ra: Floats, dec: Floats) -> float | None:
    """Return how far [deg] stars lie at most from the centres of their source_id's pixels."""
    from astropy import units as u
    from astropy.coordinates import angular_separation
    from astropy_healpix import healpix_to_lonlat

    pixel = source_id >> SHIFT
    sound = np.isfinite(ra) & np.isfinite(dec) & (pixel >= 0) & (pixel < 12 * 4**ORDER)
    if len(ra) == 0 or not sound.all():
        return None
    lon, lat = healpix_to_lonlat(pixel, nside=2**ORDER, order="nested")
    apart = angular_separation(lon, lat, ra * u.deg, dec * u.deg)
    pad = float(np.max(apart).to_value(u.deg))
    return pad * (1 + 1e-9) + 1e-9 if pad <= _MAX_PAD else None


def bounding_circle(corners: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return a circle (ra, dec, radius) [deg] around a polygon."""
    vectors = unit_vectors(*np.transpose(np.asarray(corners, float)))
    total = vectors.sum(axis=0)
    length = float(np.linalg.norm(total))
    if length < 1e-9:
        return 0.0, 0.0, 180.0
    x, y, z = (total / length).tolist()
    chord = np.linalg.norm(vectors - total / length, axis=1).max()
    radius = 2 * math.degrees(math.asin(min(float(chord) / 2, 1.0)))
    return (
        math.degrees(math.atan2(y, x)) % 360,
        math.degrees(math.atan2(z, math.hypot(x, y))),
        radius,
    )


def sides_cross(corners: Sequence[tuple[float, float]]) -> bool:
    """Return whether two sides of a polygon cross, as where its corners are out of order."""
    vectors = unit_vectors(*np.transpose(np.asarray(corners, float)))
    n = len(vectors)
    sides = [(vectors[i], vectors[(i + 1) % n]) for i in range(n)]
    for i in range(n):
        for j in range(i + 2, n):
            if (j + 1) % n != i and _cross(*sides[i], *sides[j]):
                return True
    return False


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    """Return whether the arcs a-b and c-d of great circles meet inside both."""
    ab, cd = np.cross(a, b), np.cross(c, d)
    signs = np.sign([ab @ c, -(ab @ d), -(cd @ a), cd @ b])
    return bool(np.all(signs == signs[0]) and signs[0] != 0)
