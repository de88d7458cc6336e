"""Help on an archive's tables and columns, and finding them by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellarnb import __version__
from stellarnb.archives.base.catalog import TableInfo, nearest
from stellarnb.archives.base.conditions import positions_table
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Table

__all__ = ["Described"]


class Described:
    """What any archive can tell of its tables.

    Attributes
    ----------
    name, title, version : str
        The archive's, and of its data.
    credits : tuple of str
        Whom to thank.
    """

    name: str
    title: str
    version: str
    credits: tuple[str, ...]
    _infos: Mapping[str, TableInfo]

    def tables(self) -> Table:
        """Return the tables: ``name, rows, description``."""
        infos = self._infos.values()
        return Table(
            {
                "name": [info.name for info in infos],
                "rows": [info.rows for info in infos],
                "description": [info.title for info in infos],
            }
        )

    def columns(self, table: str | None = None) -> Table:
        """Return what the columns of a table are: ``name, type, unit, description``.

        Parameters
        ----------
        table : str, optional
            Its name; where not given, the columns of all tables, with ``table`` before the name.

        Raises
        ------
        InvalidInput
            If there is no such table.
        """
        infos = list(self._infos.values()) if table is None else [self._infos[self._table(table)]]
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
    def label_columns(self) -> dict[str, str]:
        """Where each column is: ``{"teff": "apogee.teff", …}``; the first table that has it."""
        out: dict[str, str] = {}
        for info in self._infos.values():
            for name in info.columns:
                out.setdefault(name, f"{info.written}.{name}")
        return out

    def cite(self) -> str:
        """Return the credit lines that belong to the archive's data, one a line."""
        return "\n".join(self.credits)

    def _provenance(self, **more: Any) -> dict[str, Any]:
        return {
            "archive": self.name,
            "title": self.title,
            "version": self.version,
            **more,
            "credits": list(self.credits),
            "stellarnb": __version__,
        }

    def _table(self, name: str) -> str:
        key = str(name).lower().removeprefix(f"{self.name}.")
        ends = [full for full, info in self._infos.items() if info.bare == key]
        if key not in self._infos and len(ends) == 1:
            return ends[0]
        if key not in self._infos:
            known = ", ".join(self._infos)
            hint = nearest(key, self._infos)
            raise InvalidInput(f"{self.name!r} has no table {name!r}{hint} (tables: {known}).")
        return key

    def _main(self, table: str | None) -> str:
        """Return the table asked for, or the first with positions, or the first."""
        if table is not None:
            return self._table(table)
        if not self._infos:
            raise MissingInput(f"{self.name!r} has no table.")
        return [*positions_table(self._infos), *self._infos][0]

    def _positions(self, table: str | None) -> str:
        """Return the table to search: the one asked for, or the first with positions."""
        places = positions_table(self._infos)
        if table is not None:
            name = self._table(table)
            if name not in places:
                known = ", ".join(places) or "none"
                raise MissingInput(f"Table {name!r} has no ra and dec (tables with: {known}).")
            return name
        if not places:
            raise MissingInput(f"No table of {self.name!r} has ra and dec, so there are no cones.")
        return places[0]

    @staticmethod
    def _column(info: TableInfo, column: str) -> str:
        key = str(column).lower()
        if key not in info.columns:
            hint = nearest(key, info.columns)
            raise InvalidInput(f"Table {info.name!r} has no column {column!r}{hint}.")
        return key
