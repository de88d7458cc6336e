"""Cones around a point, the nearest star first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.catalog import TableInfo, quoted
from stellarnb.archives.base.crossmatch import separations
from stellarnb.archives.base.healpix import cone_ranges
from stellarnb.archives.local.engine import Engine

__all__ = ["cone_adql", "quick_cone"]

#: Right ascension, declination and radius [deg].
Cone = tuple[float, float, float]
#: Rounding must lose no star on the edge [deg].
_MARGIN = 1e-9


def cone_adql(
    info: TableInfo, columns: Sequence[str] | None, cone: Cone, top: int | None = None
) -> str:
    """Return the ADQL of a cone."""
    ra, dec, radius = cone
    first = "" if top is None else f"TOP {top} "
    chosen = ", ".join(map(quoted, columns)) if columns else "*"
    last = ", source_id" if "source_id" in info.columns else ""
    return (
        f"SELECT {first}{chosen} FROM {info.written} "  # noqa: S608 - names are known, numbers are numbers
        f"WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, {radius!r})) "
        f"ORDER BY DISTANCE(POINT(ra, dec), POINT({ra!r}, {dec!r})){last}"
    )


def quick_cone(
    engine: Engine, info: TableInfo, columns: Sequence[str] | None, cone: Cone
) -> pa.Table | None:
    """Return the rows of a cone by ranges of source_id; None if every row must be read.

    Separations are computed here, which takes less time than planning the formula as SQL.
    """
    if not {"source_id", "ra", "dec"} <= set(info.columns):
        return None
    pad = engine.pad(info.name)
    ranges = None if pad is None else cone_ranges(*cone, pad)
    if ranges is None:
        return None
    ra, dec, radius = cone
    chosen = list(columns) if columns else list(info.columns)
    needed = dict.fromkeys([*chosen, "source_id", "ra", "dec"])
    near = " OR ".join(f"source_id BETWEEN {first} AND {last}" for first, last in ranges)
    reach = radius + _MARGIN
    rows = engine.run(
        f"SELECT {', '.join(map(quoted, needed))} FROM {quoted(info.name)} "  # noqa: S608 - as above
        f"WHERE ({near}) AND dec BETWEEN {dec - reach!r} AND {dec + reach!r}",
        [info.name],
    )
    apart = separations(rows["ra"].to_numpy(), rows["dec"].to_numpy(), ra, dec)
    inside = np.flatnonzero(apart <= radius)
    order = np.lexsort((rows["source_id"].to_numpy()[inside], apart[inside]))
    return rows.select(chosen).take(pa.array(inside[order]))
