"""Give tables, columns, previews and counts of an archive, local or remote."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stellarnb.archives.adql.normalize import Plain, checked, plain
from stellarnb.archives.adql.translate import translate
from stellarnb.archives.base.catalog import ColumnInfo, TableInfo, nearest
from stellarnb.archives.base.tap_schema import schema_infos
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.names import resolve
from stellarnb.archives.surveys.survey import bare
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.settings import settings
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer.query import (
    Call,
    ExplorerQuery,
    TableKnown,
    parse_center,
    table_word,
)

__all__ = ["PREVIEW", "Source", "TableEntry"]

#: Rows of a preview.
PREVIEW = 50
#: Seconds that a preview or a count may take.
_PATIENCE = 120.0
_PLACE = re.compile(r'(\w+)\."?([^"]+?)"?')


@dataclass(frozen=True)
class TableEntry:
    """A table in the list; its rows are None if the archive does not tell."""

    name: str
    rows: int | None
    description: str


class Source:
    """An archive of any kind; `keeps` if it is known to cache what it fetches."""

    def __init__(self, archive: Any, *, keeps: bool = False) -> None:
        self.archive, self.keeps = archive, keeps
        self.remote = archive.capabilities.remote
        self._known: dict[str, TableKnown] = {}
        self._places: dict[str, tuple[float, float]] = {}
        self._infos: dict[str, TableInfo] | None = None

    @property
    def usual(self) -> str:
        """The archive's main table; empty if that is not known."""
        if self.remote:
            parts = self.archive.survey.parts
            return str(parts[0].name) if parts else ""
        return next(
            (info.name for info in self.infos().values() if {"ra", "dec"} <= set(info.columns)),
            next(iter(self.infos()), ""),
        )

    def spelling(self, table: str) -> str:
        """Return a table's name as the archive lists it, if that is known."""
        if self.remote:
            return table.strip()
        key = table.strip().lower().removeprefix(f"{self.archive.name}.")
        ends = [full for full, info in self.infos().items() if info.bare == key]
        if key in self.infos():
            return key
        if len(ends) == 1:
            return ends[0]
        known = ", ".join(self.infos())
        raise InvalidInput(
            f"{self.archive.name!r} has no table {table!r}{nearest(key, self.infos())} "
            f"(tables: {known})."
        )

    def tables(self) -> list[TableEntry]:
        """Return the archive's tables, those of a survey's own first."""
        table = self.archive.tables()
        counts = table["rows"].tolist() if "rows" in table else [None] * len(table)
        rows = zip(table["name"].tolist(), counts, table["description"].tolist(), strict=True)
        found = [
            TableEntry(str(name), None if n is None else int(n), str(words))
            for name, n, words in rows
        ]
        if self.remote:
            own = [bare(part.name) for part in self.archive.survey.parts]
            found.sort(key=lambda e: own.index(bare(e.name)) if bare(e.name) in own else len(own))
        return found

    def known(self, table: str, *, ask: bool = True) -> TableKnown:
        """Return a table's names and columns, from the archive if need be and if `ask` allows it."""
        if not table:
            raise InvalidInput("No table is chosen. Choose one of the list.")
        if table not in self._known:
            if self.remote and not ask:
                raise MissingInput(f"The columns of {table} have not been read yet.")
            listed = self.archive.columns(table)
            columns = {
                row["name"]: ColumnInfo(
                    row["name"], row["type"], row["unit"] or "", row["description"] or ""
                )
                for row in listed.arrow.to_pylist()
            }
            self._known[table] = TableKnown(
                table, self.written(table), columns, self._shared(table, columns)
            )
        return self._known[table]

    def knows(self, table: str) -> bool:
        """Return whether a table's columns are known without a request."""
        return table in self._known or (not self.remote and table in self.infos())

    def infos(self) -> dict[str, TableInfo]:
        """Return the tables and columns of an archive on this machine."""
        if self._infos is None:
            columns = self.archive.columns().arrow.to_pylist()
            out: dict[str, TableInfo] = {}
            for row in self.archive.tables().arrow.to_pylist():
                own = {
                    c["name"]: ColumnInfo(c["name"], c["type"], c["unit"], c["description"])
                    for c in columns
                    if c["table"] == row["name"]
                }
                out[row["name"]] = TableInfo(row["name"], row["rows"], row["description"], own)
            self._infos = out
        return self._infos

    def prepare(self, query: ExplorerQuery) -> None:
        """Look up what a query needs: the table's columns and the position of a named object."""
        if query.adql is None:
            self.known(query.table)
            self.place(query.center)

    def check(self, adql: str) -> None:
        """Check a query as far as possible without a request."""
        if self.remote:
            checked(adql)
        else:
            known = {**schema_infos(), **self.infos()}
            translate(adql, self.archive.name, known, lambda table: None)

    def place(self, center: str, *, ask: bool = True) -> tuple[float, float] | None:
        """Return the position of a cone's centre [deg]; look up a name if `ask` allows it."""
        found = parse_center(center)
        if not isinstance(found, str):
            return found
        if found not in self._places:
            if not ask:
                raise MissingInput(f"Where {found} lies has not been looked up yet.")
            can = self.archive.capabilities
            offline = can.offline if can.remote else settings().offline
            store = Store() if self.keeps or not self.remote else None
            self._places[found] = resolve(found, store, offline=offline)
        return self._places[found]

    def text(self, query: ExplorerQuery, *, ask: bool = True) -> str:
        """Return a query as ADQL; see `ExplorerQuery.text`, `known` and `place`."""
        if query.adql is not None:
            return query.adql
        known, place = self.known(query.table, ask=ask), self.place(query.center, ask=ask)
        return query.text(known, place, self._frame)

    def call(self, query: ExplorerQuery, *, ask: bool = True) -> Call:
        """Return the call that answers a query: ``cone`` for a cone without filters, else ``query``."""
        options: dict[str, Any] = {}
        if query.allow_truncated and self.archive.capabilities.truncates:
            options["allow_truncated"] = True
        center = parse_center(query.center) if query.adql is None else None
        if center is None or query.filters or options:
            return Call("query", (self.text(query, ask=ask),), options)
        known = self.known(query.table, ask=ask)
        options["table"] = known.name
        if query.columns:
            options["columns"] = [known.column(name).lower() for name in query.columns]
        elif self.remote:
            options["columns"] = ["*"]
        if query.limit is not None:
            options["limit"] = query.limit
        where = center if self.remote else self.place(query.center, ask=ask)
        return Call("cone", (where, query.radius), options)

    def run(self, call: Call, cancel: Any, progress: Callable[[Any], None]) -> Result:
        """Ask the archive; see its ``query`` for what is raised."""
        return self._done(call, {"cancel": cancel, "progress": progress})

    def preview(self, query: ExplorerQuery, cancel: Any, progress: Callable[[Any], None]) -> Result:
        """Return the first `PREVIEW` rows of a query."""
        call = self.call(query)
        how = {"cancel": cancel, "progress": progress}
        if call.method == "cone":
            limit = min(PREVIEW, call.options.get("limit", PREVIEW))
            first = Call("cone", call.args, {**call.options, "limit": limit})
            return self._done(first, how)
        text = str(call.args[0])
        if self.remote:
            more = {"maxrec": PREVIEW, "allow_truncated": True, "async_": False}
            call = Call("query", (text,), {**more, "timeout": _PATIENCE})
        else:
            self.check(text)
            parts = plain(text)
            if parts is not None:
                text = f"SELECT TOP {PREVIEW} {parts.items} {_behind(parts)}"
            call = Call("query", (text,), {})
        return self._done(call, how).take(slice(0, PREVIEW))

    def count(self, query: ExplorerQuery, cancel: Any, progress: Callable[[Any], None]) -> int:
        """Return how many rows a query has, as the archive counts them."""
        if query.adql is None:
            known = self.known(query.table)
            text = query.count_text(known, self.place(query.center), self._frame)
        else:
            self.check(query.adql)
            parts = plain(query.adql)
            inner = checked(query.adql)
            text = f"SELECT COUNT(*) AS n FROM (\n{inner}\n) AS counted"  # noqa: S608 - checked
            if parts is not None:
                text = f"SELECT COUNT(*) AS n {_behind(parts)}"
        how = {"cancel": cancel, "progress": progress}
        more = {"async_": False, "timeout": _PATIENCE} if self.remote else {}
        rows = int(self.archive.query(text, **more, **how)["n"][0])
        return rows if query.adql is not None or query.limit is None else min(rows, query.limit)

    def _done(self, call: Call, how: Mapping[str, Any]) -> Result:
        answer: Result = call.do(self.archive, **how)
        return answer

    @property
    def _frame(self) -> str:
        return str(self.archive.survey.frame) if self.remote else ""

    def written(self, table: str) -> str:
        """Return a table's name as it stands in a query."""
        if self.remote:
            return table_word(table)
        written = self.infos()[table].written
        return written if written.startswith('"') else table_word(written)

    def _shared(self, table: str, columns: Mapping[str, ColumnInfo]) -> dict[str, str]:
        """Return the names that surveys share and the columns of this table they stand for."""
        if not self.remote:
            return {}
        aliases = {part.alias: bare(part.name) for part in self.archive.survey.parts}
        spelling = {own.lower(): own for own in columns}
        out: dict[str, str] = {}
        for label, place in self.archive.label_columns.items():
            match = _PLACE.fullmatch(place)
            if match is None or aliases.get(match[1]) != bare(table):
                continue
            own = spelling.get(match[2].lower())
            if own is not None and label not in spelling:
                out[label] = own
        return out


def _behind(parts: Plain) -> str:
    """Return what stands behind the columns of a query."""
    where = f" WHERE {parts.where}" if parts.where else ""
    return f"FROM {parts.source}{where}"
