"""A crossmatch as a table: one's own columns beside the archive's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.catalog import ColumnInfo, TableInfo
from stellarnb.archives.crossmatch import Pairs, SkyTree
from stellarnb.archives.uploads import Upload, describe_table
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Result
from stellarnb.tables.convert import column_to_numpy
from stellarnb.tables.names import find_column

__all__ = ["as_table", "crossmatch_table", "sky_positions"]

#: Returns rows of the archive's table: its name, the numbers of the rows, the columns.
Take = Callable[[str, NDArray[np.int64], Sequence[str]], pa.Table]
Floats = NDArray[np.float64]


def crossmatch_table(
    stars: Any,
    tree: SkyTree,
    radius: float,
    keep: str,
    info: TableInfo,
    columns: Sequence[str] | None,
    take: Take,
) -> Result:
    """Return the pairs of a table with an archive's; see `LocalArchive.crossmatch`.

    Parameters
    ----------
    stars : table, or SkyCoord
        One's own.
    tree : SkyTree
        Positions of the archive's table.
    radius : float
        Degrees.
    keep : {"best", "all", "mutual"}
        Which pairs.
    info : TableInfo
        The archive's table.
    columns : sequence of str or None
        Which of its columns.
    take : callable
        See `Take`.

    Returns
    -------
    Result
        Its provenance says how the match was made and what it left out.
    """
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
    """Return right ascension and declination [deg] of a table, NaN where there is none.

    Parameters
    ----------
    upload : Upload
        Columns by their usual names, in degrees or in the unit that the table states.

    Raises
    ------
    MissingInput
        If there is no such column.
    InvalidInput
        If one holds no numbers, or its unit is no angle.
    """
    out = []
    for wanted in ("ra", "dec"):
        name = find_column(upload.rows.column_names, wanted)
        if name is None:
            known = ", ".join(upload.rows.column_names)
            raise MissingInput(f"The table to match has no column {wanted!r}; it has: {known}.")
        column = upload.rows[name]
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise InvalidInput(f"{name} is {kind}; degrees are needed, not text.")
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
        raise InvalidInput(f"{name} is in {column.unit}, which is no angle.") from error


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
