"""The tables of an archive on this machine, found by name."""

from __future__ import annotations

from collections.abc import Mapping

from stellarnb.archives.base.catalog import TableInfo, nearest
from stellarnb.archives.base.conditions import positions_table
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Table

__all__ = ["TableIndex"]


class TableIndex:
    """Find the tables and columns of the archive `archive` by name."""

    def __init__(self, archive: str, infos: Mapping[str, TableInfo]) -> None:
        self.archive = archive
        self.infos = infos

    def tables(self) -> Table:
        """Return the tables: ``name, rows, description``."""
        infos = self.infos.values()
        return Table(
            {
                "name": [info.name for info in infos],
                "rows": [info.rows for info in infos],
                "description": [info.title for info in infos],
            }
        )

    def columns(self, table: str | None = None) -> Table:
        """Return the columns of a table: ``name, type, unit, description``; or of all tables."""
        infos = list(self.infos.values()) if table is None else [self.find(table)]
        rows = [(info.name, column) for info in infos for column in info.columns.values()]
        where = {"table": [name for name, _ in rows]} if table is None else {}
        return Table(
            {
                **where,
                "name": [column.name for _, column in rows],
                "type": [column.type for _, column in rows],
                "unit": [column.unit for _, column in rows],
                "description": [column.description for _, column in rows],
            }
        )

    @property
    def labels(self) -> dict[str, str]:
        """Where each column is, as ``table.column``; the first table that has it."""
        out: dict[str, str] = {}
        for info in self.infos.values():
            for name in info.columns:
                out.setdefault(name, f"{info.written}.{name}")
        return out

    def find(self, name: str) -> TableInfo:
        """Return the table of a name; raise `InvalidInput` if there is none."""
        key = str(name).lower().removeprefix(f"{self.archive}.")
        if key in self.infos:
            return self.infos[key]
        ends = [info for info in self.infos.values() if info.bare == key]
        if len(ends) == 1:
            return ends[0]
        raise InvalidInput(
            f"{self.archive!r} has no table {name!r}{nearest(key, self.infos)} "
            f"(tables: {', '.join(self.infos)})."
        )

    def main(self, table: str | None) -> TableInfo:
        """Return the table asked for, or the first with positions, or the first."""
        if table is not None:
            return self.find(table)
        if not self.infos:
            raise MissingInput(f"{self.archive!r} has no table.")
        return self.infos[[*positions_table(self.infos), *self.infos][0]]

    def with_positions(self, table: str | None) -> TableInfo:
        """Return the table to search by position: the one asked for, or the first with ra, dec."""
        places = positions_table(self.infos)
        if table is not None:
            info = self.find(table)
            if info.name not in places:
                known = ", ".join(places) or "none"
                raise MissingInput(
                    f"Table {info.name!r} has no ra and dec (tables with them: {known})."
                )
            return info
        if not places:
            raise MissingInput(
                f"No table of {self.archive!r} has ra and dec, so it has no cones. Use a query."
            )
        return self.infos[places[0]]

    @staticmethod
    def columns_of(info: TableInfo, names: object) -> list[str] | None:
        """Return column names as the table has them, None for all; raise for an unknown one."""
        if not names:
            return None
        wanted = [names] if isinstance(names, str) else list(names)  # type: ignore[call-overload]
        for name in wanted:
            if str(name).lower() not in info.columns:
                hint = nearest(str(name).lower(), info.columns)
                raise InvalidInput(f"Table {info.name!r} has no column {name!r}{hint}.")
        return [str(name).lower() for name in wanted]
