"""Crossmatches by position: which stars of one list are near those of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.archives.base.healpix import unit_vectors
from stellarnb.archives.base.uploads import Upload, describe_table
from stellarnb.errors import InvalidInput, MissingInput, TooLarge
from stellarnb.tables import Result
from stellarnb.tables.convert import column_to_numpy
from stellarnb.tables.names import find_column

__all__ = [
    "KEEP",
    "Pairs",
    "SkyTree",
    "as_table",
    "crossmatch_table",
    "match_positions",
    "separations",
    "sky_positions",
]

#: Which pairs to keep: the nearest for each row, all, or those who are each other's nearest.
KEEP = ("best", "all", "mutual")
#: More pairs than this are an accident, not a crossmatch.
MOST_PAIRS = 200_000_000

#: Up to so many neighbours a row come as arrays, more as lists.
_FEW = 16

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: Rows of two lists, and the chords between them.
Found = tuple[Ints, Ints, Floats]
_NOTHING: Found = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows of two lists, sorted by the first list, then by separation."""

    #: Rows of the two lists.
    first: Ints
    second: Ints
    #: How far they lie apart [arcsec].
    separation: Floats

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: Any) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.first[rows], self.second[rows], self.separation[rows])

    @property
    def shared(self) -> NDArray[np.int32]:
        """Return for each pair in how many pairs its row of the second list stands, int32 [n]."""
        if not len(self):
            return np.zeros(0, dtype=np.int32)
        counts = np.bincount(self.second)
        return counts[self.second].astype(np.int32)


class SkyTree:
    """A search tree of positions."""

    def __init__(self, ra: Any, dec: Any) -> None:
        from scipy.spatial import cKDTree

        self.ra, self.dec = np.asarray(ra, float), np.asarray(dec, float)
        self._rows = _along_the_sky(self.ra, self.dec)
        vectors = unit_vectors(self.ra[self._rows], self.dec[self._rows])
        # Not balanced: splitting at the middle is built faster and asked as fast.
        self._tree = cKDTree(vectors, balanced_tree=False, compact_nodes=False)

    def __len__(self) -> int:
        return len(self.ra)

    def near(self, ra: Any, dec: Any, radius: float, keep: str = "best") -> Pairs:
        """Return the pairs of other positions with those of the tree."""
        if keep not in KEEP:
            raise InvalidInput(f"keep={keep!r}: expected one of {', '.join(KEEP)}.")
        ra, dec = np.asarray(ra, float), np.asarray(dec, float)
        rows = _along_the_sky(ra, dec)
        vectors = unit_vectors(ra[rows], dec[rows])
        # A chord is compared, and rounding must lose no pair on the edge; separations decide.
        reach = 2 * np.sin(np.radians(min(radius, 180.0)) / 2) * (1 + 1e-9) + 1e-15
        found = (self._all if keep == "all" else self._nearest)(vectors, float(reach))
        first, second, chord = rows[found[0]], self._rows[found[1]], found[2]
        if keep != "all":
            first, second, chord = _in_order(len(ra), first, second, chord)
        pairs = self._pairs(ra, dec, first, second, chord)
        pairs = pairs.take(pairs.separation <= radius * 3600)
        if keep == "all":
            return pairs.take(np.lexsort((pairs.separation, pairs.first)))
        return _mutual(pairs) if keep == "mutual" else pairs

    def _pairs(self, ra: Floats, dec: Floats, first: Ints, second: Ints, chord: Floats) -> Pairs:
        apart = np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))
        far = np.flatnonzero(chord > 1.0)  # beyond 60 degrees a chord says less and less
        if len(far):
            one, other = first[far], second[far]
            apart[far] = separations(ra[one], dec[one], self.ra[other], self.dec[other])
        return Pairs(first, second, apart * 3600)

    def _nearest(self, vectors: Floats, reach: float) -> Found:
        if not len(vectors) or not len(self._rows):
            return _NOTHING
        chord, index = self._tree.query(vectors, distance_upper_bound=reach, workers=-1)
        first = np.flatnonzero(index < len(self._rows))
        return first, index[first].astype(np.int64), chord[first]

    def _all(self, vectors: Floats, reach: float) -> Found:
        if not len(vectors) or not len(self._rows):
            return _NOTHING
        counts = self._tree.query_ball_point(vectors, reach, workers=-1, return_length=True)
        total = int(np.sum(counts))
        if total > MOST_PAIRS:
            raise TooLarge(
                f"{total:,} pairs lie within the radius. Choose a smaller radius, or keep='best'."
            )
        if total == 0:
            return _NOTHING
        first = np.repeat(np.arange(len(vectors)), counts)
        if counts.max() <= _FEW:
            some = list(range(1, int(counts.max()) + 1))
            chord, index = self._tree.query(vectors, k=some, distance_upper_bound=reach, workers=-1)
            there = index < len(self._rows)
            return np.nonzero(there)[0], index[there].astype(np.int64), chord[there]
        found = self._tree.query_ball_point(vectors, reach, workers=-1, return_sorted=False)
        second = np.concatenate([np.asarray(rows, np.int64) for rows in found])
        return first, second, np.linalg.norm(vectors[first] - self._tree.data[second], axis=1)


def match_positions(
    ra1: Any, dec1: Any, ra2: Any, dec2: Any, radius: float, keep: str = "best"
) -> Pairs:
    """Return the pairs of two lists of positions that lie within a radius."""
    return SkyTree(ra2, dec2).near(ra1, dec1, radius, keep)


def separations(ra1: Any, dec1: Any, ra2: Any, dec2: Any) -> Floats:
    """Return the separations of positions [deg], by Vincenty's formula; all [n] in degrees."""
    from astropy.coordinates import angular_separation

    apart = angular_separation(*(np.radians(angle) for angle in (ra1, dec1, ra2, dec2)))
    return np.degrees(np.asarray(apart, dtype=np.float64))


def _sound(ra: Floats, dec: Floats) -> NDArray[np.bool_]:
    return np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)


def _along_the_sky(ra: Floats, dec: Floats) -> Ints:
    """Return the rows that are positions, zone by zone of declination and there by ra.

    Neighbours come one after another then, and what a tree holds of them is in the cache: that
    makes building it and asking it several times as fast.
    """
    rows = np.flatnonzero(_sound(ra, dec))
    zone = ((dec[rows] + 90) * (127 / 180)).astype(np.uint16)
    cell = zone * np.uint16(512) + ((ra[rows] % 360) * (511 / 360)).astype(np.uint16)
    return rows[np.argsort(cell, kind="stable")]


def _in_order(n: int, first: Ints, second: Ints, chord: Floats) -> Found:
    """Return pairs, of which each row of the first list has one at most, in its order."""
    partner, apart = np.full(n, -1, dtype=np.int64), np.empty(n)
    partner[first], apart[first] = second, chord
    there = np.flatnonzero(partner >= 0)
    return there, partner[there], apart[there]


def _mutual(pairs: Pairs) -> Pairs:
    """Keep of the rows that share a nearest one the nearest to it."""
    order = np.lexsort((pairs.separation, pairs.second))
    second = pairs.second[order]
    first_of = np.r_[True, second[1:] != second[:-1]] if len(order) else np.zeros(0, bool)
    return pairs.take(np.sort(order[first_of]))


#: Returns rows of the archive's table: its name, the numbers of the rows, the columns.
Take = Callable[[str, NDArray[np.int64], Sequence[str]], pa.Table]


def crossmatch_table(
    stars: Any,
    tree: SkyTree,
    radius: float,
    keep: str,
    info: TableInfo,
    columns: Sequence[str] | None,
    take: Take,
) -> Result:
    """Return the pairs of a table with an archive's; see `LocalArchive.crossmatch`."""
    mine = describe_table(as_table(stars), "the table to match")
    ra, dec = sky_positions(mine)
    pairs = tree.near(ra, dec, radius, keep)
    chosen = list(columns) if columns is not None else list(info.columns)
    theirs = take(info.name, pairs.second, chosen)
    known = {**mine.info.columns}
    out = {name: mine.rows[name].take(pairs.first) for name in mine.rows.column_names}
    for name in chosen:
        unique = _unique(name, out)
        out[unique], known[unique] = theirs[name], info.columns[name]
    for name, values, about in _of_the_pairs(pairs):
        unique = _unique(name, out)
        out[unique], known[unique] = pa.array(values), about
    note = {
        "crossmatch": {
            "table": info.name,
            "radius_arcsec": radius * 3600,
            "keep": keep,
            "rows": mine.rows.num_rows,
            "without_position": int(np.sum(~(np.isfinite(ra) & np.isfinite(dec)))),
            "with_partner": len(np.unique(pairs.first)),
            "upload": mine.note["sha256"],
        },
        "rows": len(pairs),
    }
    return Result(
        pa.table(out),
        units={name: about.unit for name, about in known.items() if about.unit},
        descriptions={n: about.description for n, about in known.items() if about.description},
        provenance=note,
        missing=_missing(mine, pairs),
    )


def sky_positions(upload: Upload) -> tuple[Floats, Floats]:
    """Return right ascension and declination [deg] of a table, NaN where there is none."""
    out = []
    for wanted in ("ra", "dec"):
        name = find_column(upload.rows.column_names, wanted)
        if name is None:
            known = ", ".join(upload.rows.column_names)
            raise MissingInput(f"The table to match has no column {wanted!r}; it has: {known}.")
        column = upload.rows[name]
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InvalidInput(f"{name} is {kind}; expected numbers in degrees.")
        values = column_to_numpy(column.cast(pa.float64()))
        out.append(np.asarray(values, float) * _to_degrees(name, upload.info.columns[name]))
    return out[0], out[1]


def _to_degrees(name: str, column: ColumnInfo) -> float:
    if not column.unit:
        return 1.0
    from astropy import units as u

    try:
        return float(u.Unit(column.unit).to(u.deg))
    except (u.UnitsError, ValueError) as error:
        raise InvalidInput(
            f"{name} is in {column.unit}: expected a unit of angle, such as deg."
        ) from error


def as_table(stars: Any) -> Any:
    """Return a SkyCoord as a table with ra and dec [deg], and anything else as it is."""
    if not hasattr(stars, "icrs"):
        return stars
    places = stars.icrs
    return {"ra": np.atleast_1d(places.ra.deg), "dec": np.atleast_1d(places.dec.deg)}


def _of_the_pairs(pairs: Pairs) -> list[tuple[str, Any, ColumnInfo]]:
    apart = ColumnInfo("separation", "double", "arcsec", "Separation of the two positions")
    shared = ColumnInfo("n_shared", "int32", "", "Rows in which the archive's star stands")
    return [("separation", pairs.separation, apart), ("n_shared", pairs.shared, shared)]


def _unique(name: str, taken: Any) -> str:
    count, unique = 1, name
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    return unique


def _missing(mine: Upload, pairs: Pairs) -> tuple[int, ...]:
    """Return the source_id of the rows without a partner, each once."""
    name = find_column(mine.rows.column_names, "source_id")
    if name is None or not pa.types.is_integer(mine.rows[name].type):
        return ()
    alone = np.ones(mine.rows.num_rows, dtype=bool)
    alone[pairs.first] = False
    ids = mine.rows[name].filter(pa.array(alone)).drop_null().to_pylist()
    return tuple(dict.fromkeys(ids))
