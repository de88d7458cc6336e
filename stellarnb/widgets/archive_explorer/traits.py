"""What an archive explorer can be told, each thing checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from stellarnb.archives.base.catalog import nearest
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.widgets.archive_explorer.query import ExplorerQuery, parse_center
from stellarnb.widgets.archive_explorer.source import Source
from stellarnb.widgets.archive_explorer.state import check_filters, check_limit, check_radius
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.variables import check_variable

__all__ = ["QUERY", "ExplorerTraits"]

#: Traits that say what is asked.
QUERY = (
    *("archive", "mode", "table", "columns", "center", "radius", "filters", "limit", "adql"),
    "allow_truncated",
)


class ExplorerTraits(BaseWidget):
    """The traits of an archive explorer; see `ArchiveExplorer`."""

    _source: Source
    _options: Mapping[str, Any]
    _given = False

    archive = traitlets.Unicode("", help="Name, folder or address of the archive.")
    mode = traitlets.Enum(("form", "adql"), "form", help="What is asked: the form or the editor.")
    table = traitlets.Unicode("", help="The table of the form.")
    columns: Any = traitlets.List(traitlets.Unicode(), help="Its columns; all where empty.")
    center = traitlets.Unicode("", help="Centre of the cone; no cone where empty.")
    radius: Any = traitlets.Any(0.5, help="Radius of the cone [deg].")
    filters: Any = traitlets.Any({}, help="A column and what it must be.")
    limit: Any = traitlets.Any(None, allow_none=True, help="Rows at most; None for all.")
    adql = traitlets.Unicode("", help="The query in the editor.")
    allow_truncated = traitlets.Bool(False, help="Take what came if rows were held back.")
    variable = traitlets.Unicode("stars", help="The variable that the result goes to.")
    spectra_variable = traitlets.Unicode("spectra", help="The variable that spectra go to.")
    overwrite = traitlets.Bool(False, help="Replace variables that were not written from here.")
    product = traitlets.Unicode("", help="Which spectra; the usual ones where empty.")
    result: Any = traitlets.Any(None, allow_none=True, help="The answer of the last run.")
    spectra: Any = traitlets.Any(None, allow_none=True, help="Spectra of the result.")
    rows: Any = traitlets.Any(None, allow_none=True, help="Rows as counted or estimated last.")

    @property
    def query(self) -> ExplorerQuery:
        """What is asked as things stand.

        Raises
        ------
        InvalidInput
            If it is the editor's query, and that is empty.
        """
        if self.mode == "form":
            return self._form_query
        if not self.adql.strip():
            raise InvalidInput("The query is empty. Write, say, SELECT TOP 10 * FROM a_table.")
        return ExplorerQuery(adql=self.adql, allow_truncated=self.allow_truncated)

    @property
    def _form_query(self) -> ExplorerQuery:
        return ExplorerQuery(
            self.table,
            tuple(self.columns),
            self.center,
            self.radius,
            tuple(self.filters.items()),
            self.limit,
            None,
            self.allow_truncated,
        )

    @traitlets.validate("table")
    def _check_table(self, proposal: Any) -> str:
        return self._source.spelling(proposal["value"]) if proposal["value"] else ""

    @traitlets.validate("columns")
    def _check_columns(self, proposal: Any) -> list[str]:
        names = [self._spelled(name) for name in proposal["value"]]
        return list(dict.fromkeys(names))

    @traitlets.validate("filters")
    def _check_filters(self, proposal: Any) -> dict[str, Any]:
        found = check_filters(proposal["value"])
        for name in found:
            self._spelled(name)
        return found

    @traitlets.validate("center")
    def _check_center(self, proposal: Any) -> str:
        parse_center(proposal["value"])
        return str(proposal["value"]).strip()

    @traitlets.validate("radius")
    def _check_radius(self, proposal: Any) -> float:
        return check_radius(proposal["value"])

    @traitlets.validate("limit")
    def _check_limit(self, proposal: Any) -> int | None:
        return check_limit(proposal["value"])

    @traitlets.validate("variable", "spectra_variable")
    def _check_variable(self, proposal: Any) -> str:
        return check_variable(proposal["value"])

    @traitlets.validate("product")
    def _check_product(self, proposal: Any) -> str:
        value, known = str(proposal["value"]), tuple(self._source.archive.products)
        if value and value not in known:
            raise InvalidInput(
                f"{self.archive!r} has no product {value!r}{nearest(value, known)} "
                f"(products: {', '.join(known) or 'none at all'})."
            )
        return value

    def _spelled(self, name: str) -> str:
        """Return a column as the archive spells it, as far as its columns are known."""
        try:
            return self._source.known(self.table, ask=False).column(name)
        except MissingInput:
            return name
