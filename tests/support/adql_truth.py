"""What ADQL means, in numpy: values with NULL, conditions with three truths, regions of the sky.

Nothing here is shared with `stellarnb.archives`: separations come from dot products, and a polygon
is the sky on one side of each of its sides, so that a mistake in one is seen in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.tables import Result

__all__ = ["Truth", "Values", "in_circle", "in_polygon", "made_up_sky"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: So near to an edge [deg] rounding may decide.
EDGE = 1e-6


@dataclass(frozen=True)
class Values:
    """A column."""

    #: Values; anything where NULL.
    data: NDArray[Any]
    #: False where NULL.
    there: Bools

    @classmethod
    def of(cls, data: Any) -> Values:
        """Return values without NULL."""
        array = np.asarray(data)
        return cls(array, np.ones(len(array), dtype=bool))

    def with_(self, other: Values, data: NDArray[Any]) -> Values:
        """Return what was computed of two columns: NULL where one of them is."""
        return Values(data, self.there & other.there)

    def take(self, rows: Any) -> Values:
        """Return some rows; row -1 is NULL."""
        rows = np.asarray(rows)
        return Values(self.data[rows], self.there[rows] & (rows >= 0))

    def cells(self) -> list[Any]:
        """Return the values as Python has them, None where NULL."""
        pairs = zip(self.data.tolist(), self.there.tolist(), strict=True)
        return [value if there else None for value, there in pairs]


@dataclass(frozen=True)
class Truth:
    """A condition: true, false, or neither where NULL is in it; bool, shape [n]."""

    yes: Bools
    no: Bools

    @classmethod
    def of(cls, condition: Bools, there: Bools | None = None) -> Truth:
        """Return a condition that is known where the values in it are there."""
        there = np.ones(len(condition), dtype=bool) if there is None else there
        return cls(condition & there, ~condition & there)

    def __and__(self, other: Truth) -> Truth:
        return Truth(self.yes & other.yes, self.no | other.no)

    def __or__(self, other: Truth) -> Truth:
        return Truth(self.yes | other.yes, self.no & other.no)

    def __invert__(self) -> Truth:
        return Truth(self.no, self.yes)


def vectors(ra: Any, dec: Any) -> Floats:
    """Return unit vectors [n, 3] of positions [deg]."""
    lon, lat = np.radians(ra), np.radians(dec)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]).T


def apart(a: Floats, b: Floats) -> Floats:
    """Return angles [deg] between unit vectors of shapes that broadcast to [n, 3]."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    angle: Floats = np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1)))
    return angle


def in_circle(stars: Floats, ra: Any, dec: Any, radius: Any) -> tuple[Bools, Bools]:
    """Return which stars lie in a circle, and which so near its edge that rounding may decide."""
    angle = apart(stars, vectors(ra, dec))
    return angle <= radius, np.abs(angle - radius) < EDGE


def in_polygon(stars: Floats, corners: Sequence[tuple[float, float]]) -> tuple[Bools, Bools]:
    """Return which stars lie in a convex polygon, and which on its edge; see `in_circle`."""
    points = vectors(*np.transpose(corners))
    normals = np.cross(points, np.roll(points, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals *= np.sign(normals @ points.sum(axis=0))[:, np.newaxis]
    side = np.degrees(np.arcsin(np.clip(stars @ normals.T, -1, 1)))
    return np.all(side > 0, axis=1), np.any(np.abs(side) < EDGE, axis=1)


def made_up_sky(n: int = 1500, seed: int = 11) -> dict[str, Result]:
    """Return made-up tables to ask: stars over the sky, dense where it is difficult, and labels."""
    from astropy import units as u
    from astropy_healpix import lonlat_to_healpix

    rng = np.random.default_rng(seed)
    third, sixth = n // 3, n // 6
    rest = n - third - 3 * sixth
    ra = [rng.uniform(0, 360, third), rng.uniform(0, 360, 2 * sixth), rng.normal(0, 2, sixth) % 360]
    dec = [
        np.degrees(np.arcsin(rng.uniform(-1, 1, third))),
        rng.choice([-1, 1], 2 * sixth) * (90 - np.abs(rng.normal(0, 3, 2 * sixth))),
        rng.normal(0, 3, sixth),
    ]
    lon = np.concatenate([*ra, rng.normal(83, 1, rest)])
    lat = np.concatenate([*dec, rng.normal(-5, 1, rest)])
    pixel = lonlat_to_healpix(lon * u.deg, lat * u.deg, nside=4096, order="nested")
    ids = (pixel.astype(np.int64) << 35) + np.arange(n)
    order = np.argsort(ids)
    g = rng.uniform(3, 18, n).round(3)
    words = np.array(["alpha", "Beta", "gamma_1", "de%lta", "it's"])[rng.integers(0, 5, n)]
    stars = {
        "source_id": ids[order],
        "ra": lon[order],
        "dec": lat[order],
        "g": np.ma.MaskedArray(g, mask=rng.random(n) < 0.15),
        "n": rng.integers(-4, 5, n).astype(np.int32),
        "word": np.ma.MaskedArray(words.astype(object), mask=rng.random(n) < 0.1),
    }
    known = rng.choice(ids, n // 2, replace=False)
    labels = {
        "source_id": np.concatenate([known, np.arange(1, 20)]),
        "teff": rng.uniform(3500, 8000, n // 2 + 19).round(1),
        "snr": rng.integers(5, 200, n // 2 + 19).astype(np.int32),
    }
    title = "Made up, for tests of ADQL"
    return {
        "stars": Result(stars, provenance={"title": title}),
        "labels": Result(labels, provenance={"title": title}),
    }
