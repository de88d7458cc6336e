"""Pagination: more rows than a service sends at once, by ranges of source_id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stellarnb.archives.adql.normalize import Plain, plain
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.uploads import Upload
from stellarnb.archives.remote.runner import QueryRunner, joined
from stellarnb.archives.tap.service import Query
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import ArchiveDown, Interrupted, QueryError, Truncated
from stellarnb.tables import Result

__all__ = ["paginated"]

#: A source_id holds the HEALPix pixel of order 4 above this bit: 3072 bins over the sky.
_SHIFT = 51
_BINS = 3072
_COARSEST = 59
#: Where nothing is known of the rows, the sky is cut into so many pieces.
_BLIND = 16
#: Pieces are made as large as this part of what the service sends at once.
_FILL = 0.8
#: A piece that is as narrow as one pixel of order 12 is not cut further.
_NARROWEST = 1 << 35


@dataclass(frozen=True)
class _IdRange:
    """Identifiers from `low` on and below `high`, None for an open end; or rows without one."""

    low: int | None = None
    high: int | None = None
    null: bool = False

    def condition(self, column: str) -> str:
        """Return the range in ADQL."""
        if self.null:
            return f"{column} IS NULL"
        ends = []
        if self.low is not None:
            ends.append(f"{column} >= {self.low}")
        if self.high is not None:
            ends.append(f"{column} < {self.high}")
        return " AND ".join(ends) or f"{column} IS NOT NULL"

    def halves(self) -> tuple[_IdRange, _IdRange] | None:
        """Return the range in two halves, or None if it is too narrow."""
        low, high = self.low or 0, self.high if self.high is not None else _BINS << _SHIFT
        if self.null or high - low <= _NARROWEST:
            return None
        middle = low + (high - low) // 2
        return _IdRange(self.low, middle), _IdRange(middle, self.high)


def paginated(
    runner: QueryRunner,
    query: Query,
    uploads: Mapping[str, Upload],
    rows: int,
    options: QueryOptions,
    watch: Watch,
) -> Result | None:
    """Return the whole answer to a query of which a service sent only some rows."""
    bare = plain(query.adql)
    column = _id_column(runner, bare) if bare is not None else None
    if bare is None or column is None:
        return None
    return _Pagination(runner, query, uploads, bare, column, options, watch).whole(rows)


@dataclass(frozen=True)
class _Pagination:
    """One query, split into ranges of source_id."""

    runner: QueryRunner
    query: Query
    uploads: Mapping[str, Upload]
    bare: Plain
    column: str
    options: QueryOptions
    watch: Watch

    def whole(self, rows: int) -> Result:
        """Ask for all ranges, halve those that are too large, and join the answers."""
        ranges, total = self.ranges(rows)
        waiting = list(reversed(ranges))
        parts: list[Result] = []
        name = self.runner.survey.name
        while waiting:
            piece = waiting.pop()
            self.watch.part(len(parts) + 1, len(parts) + 1 + len(waiting))
            try:
                part = self.asked(self.bare.limited(piece.condition(self.column)))
            except Interrupted as stop:
                message = f"{stop} {len(parts)} parts of the answer are stored."
                raise Interrupted(message, self.partial(parts)) from stop
            if not part.truncated:
                parts.append(part)
                self.watch.rows(len(part))
                continue
            halves = piece.halves()
            if halves is None:
                raise Truncated(
                    f"{name}: one pixel of the sky has more rows than the service sends at once. "
                    "Ask for fewer with WHERE."
                )
            waiting += reversed(halves)
        answer = joined(parts)
        if total is not None and answer.table.num_rows != total:
            raise ArchiveDown(
                f"{name} counts {total:,} rows and sent {answer.table.num_rows:,} in {len(parts)} "
                "pieces. Ask again with refresh=True."
            )
        more = {"pieces": len(parts)}
        return self.runner.result(answer, self.query, self.uploads, more=more)

    def asked(self, adql: str) -> Result:
        """Return the answer for one range, complete or truncated."""
        query = replace(self.query, adql=adql)
        return self.runner.cached(query, self.uploads, self.options, self.watch)

    def partial(self, parts: list[Result]) -> Result | None:
        """Return what has arrived, as a truncated table."""
        if not parts:
            return None
        answer = replace(joined(parts), overflow=True)
        return self.runner.result(answer, self.query, self.uploads)

    def ranges(self, rows: int) -> tuple[list[_IdRange], int | None]:
        """Return ranges with about as many rows as are sent at once, and the number of rows."""
        shift = _SHIFT
        while shift < _COARSEST and _BINS >> (shift - _SHIFT) > rows:  # the counts must fit too
            shift += 2
        place = f"FLOOR({self.column} / {float(1 << shift):.1f})"
        try:
            table = self.asked(self.bare.counted(place))
        except QueryError:  # a service that can't count like this
            table = None
        if table is None or table.truncated or not len(table):
            width = (_BINS // _BLIND) << _SHIFT
            cuts = [i * width for i in range(1, _BLIND)]
            return [*_between(cuts), _IdRange(null=True)], None
        counted = table.arrow.filter(table.arrow["bin"].is_valid())
        bins = np.floor(counted["bin"].to_numpy().astype(float)).astype(np.int64)
        counts = counted["n"].to_numpy().astype(np.int64)
        total = int(table.arrow["n"].to_numpy().sum())
        rest = [_IdRange(null=True)] if total > int(counts.sum()) else []
        return [*_between(_cuts(bins, counts, _FILL * rows, shift)), *rest], total


def _between(cuts: list[int]) -> list[_IdRange]:
    ends = [None, *cuts, None]
    return [_IdRange(low, high) for low, high in zip(ends, ends[1:], strict=False)]


def _cuts(bins: NDArray[np.int64], counts: NDArray[np.int64], most: float, shift: int) -> list[int]:
    """Return identifiers between which there are about `most` rows; bins are not divided."""
    cuts: list[int] = []
    filled = 0
    order = np.argsort(bins)
    for place, count in zip(bins[order].tolist(), counts[order].tolist(), strict=True):
        if filled and filled + count > most:
            cuts.append(place << shift)
            filled = 0
        filled += count
    return cuts


def _id_column(runner: QueryRunner, bare: Plain) -> str | None:
    """Return the source_id of the table that a query begins with, as the query writes it."""
    survey = runner.survey
    if not survey.parts or "source_id" not in survey.columns:
        return None
    alias = bare.alias(survey.main.name)
    place = survey.place("source_id")
    if alias is None or not place.startswith("t."):
        return None
    return f"{alias}.{place.removeprefix('t.')}"
