"""The archive explorer: query an archive by a form or in ADQL, and look at the answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import traitlets

from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.base.positions import as_position
from stellarnb.archives.registry import open_archive
from stellarnb.errors import InvalidInput, MissingInput, StellarnbError
from stellarnb.widgets.archive_explorer.form import Form
from stellarnb.widgets.archive_explorer.names import OwnNames
from stellarnb.widgets.archive_explorer.panel import Panel
from stellarnb.widgets.archive_explorer.query import ExplorerQuery, parse_center
from stellarnb.widgets.archive_explorer.reading import Reading
from stellarnb.widgets.archive_explorer.runs import Runs
from stellarnb.widgets.archive_explorer.source import Source
from stellarnb.widgets.archive_explorer.state import (
    OPTIONS,
    Entry,
    check_address,
    check_filters,
    check_limit,
    check_radius,
    query_from,
    query_values,
    read_options,
)
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.checks import refuse_unknown
from stellarnb.widgets.core.task import State
from stellarnb.widgets.core.variables import check_variable, user_variables

__all__ = ["ArchiveExplorer"]

#: Traits that say what is asked.
_QUERY = (
    *("archive", "mode", "table", "columns", "center", "radius", "filters", "limit", "adql"),
    "allow_truncated",
)
_KEYWORDS = (
    *("table", "columns", "center", "radius", "filters", "limit", "adql", "allow_truncated"),
    *("variable", "spectra_variable", "overwrite", "product", "namespace", "state", *OPTIONS),
)


class ArchiveExplorer(BaseWidget):
    """Query an archive by a form or in ADQL; the answer goes to a variable of the notebook.

    Pick the archive, a table and columns, a cone, filters; look at 50 rows, have the rows
    counted, run. Long work runs beside the cells, with progress and a Cancel that stops the
    archive's job too. Each control has a trait: setting the trait moves the control, and
    the other way round; `to_code` gives the Python that returns the same table.

    Parameters
    ----------
    archive : str, path-like or archive, optional
        As for `stellarnb.open_archive`; or an archive that is open.
    table : str, optional
        Which table; the archive's main one by default.
    columns : sequence of str, optional
        Which columns; all by default.
    center : str, astropy SkyCoord, or (ra, dec), optional
        Centre of a cone: ``"M 67"``, ``"132.85 +11.81"`` [deg, ICRS], ``"08:51:18 +11:48:00"``.
    radius : float or Quantity, optional
        Of the cone [deg].
    filters : dict, optional
        A column and what it must be, as in ``archive.stars(has_rvs=True, snr=(15, 25))``: see
        `filters`.
    limit : int, optional
        Rows at most.
    adql : str, optional
        A query in ADQL; the explorer then opens on the editor.
    allow_truncated : bool, optional
        Accept an incomplete answer if the archive held back rows.
    variable, spectra_variable : str, optional
        Names of the variables that the result and its spectra go to.
    overwrite : bool, optional
        Whether a variable may be replaced that was not written from here.
    product : str, optional
        Which spectra; the archive's usual ones by default.
    namespace : dict, optional
        Where the variables are; those of the notebook by default.
    state : path-like or dict, optional
        A file of ``save("explorer.json")``, or its values, to begin with.
    **options
        ``url``, ``mirror``, ``data_url``, ``offline``, ``cache`` of `stellarnb.open_archive`.

    Attributes
    ----------
    archive : str
        Name, folder or address of the archive.
    mode : {'form', 'adql'}
        Whether the form is asked, or the query in the editor.
    table : str
        The table of the form.
    columns : list of str
        Its columns; all where empty.
    center : str
        Centre of the cone; no cone where empty.
    radius : float
        Of the cone [deg].
    filters : dict
        A column and what it must be: ``(low, high)``, both included, None for an open side,
        ``(None, None)`` for any value at all; True or False; a number or text; a list: one of
        them; None: no value. A number may be a Quantity, or text with a unit (``"5 kK"``).
    limit : int or None
        Rows at most.
    adql : str
        The query in the editor.
    allow_truncated, overwrite : bool
        See the parameters.
    variable, spectra_variable, product : str
        See the parameters.
    result : Result or None
        The answer of the last run; it keeps ``.truncated`` and ``.missing``.
    spectra : SpectrumSet or None
        Spectra of the result; ``.missing`` names the stars that have none.

    Raises
    ------
    InvalidInput
        If there is no such archive, table, column or keyword.

    Examples
    --------
    >>> import stellarnb as snb
    >>> explorer = snb.ArchiveExplorer("sample", table="apogee", columns=["source_id", "teff"])
    >>> explorer.filters = {"snr": (100, None)}
    >>> explorer.run()
    >>> explorer.wait()
    'done'
    >>> len(explorer.result)
    2263
    >>> explorer.close()
    """

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

    _source: Source
    _options: Mapping[str, Any]
    _given = False

    def __init__(
        self,
        archive: Any = "sample",
        *,
        table: str | None = None,
        columns: Sequence[str] = (),
        center: Any = "",
        radius: Any = 0.5,
        filters: Mapping[str, Any] | None = None,
        limit: int | None = None,
        adql: str | None = None,
        allow_truncated: bool = False,
        variable: str = "stars",
        spectra_variable: str = "spectra",
        overwrite: bool = False,
        product: str = "",
        namespace: MutableMapping[str, Any] | None = None,
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__("Archive explorer")
        self._compose(OwnNames(user_variables() if namespace is None else namespace))
        form: dict[str, Any] = {
            "table": table,
            "center": center,
            "radius": radius,
            "limit": limit,
            "columns": list(columns),
            "filters": dict(filters or {}),
            "variable": variable,
            "spectra_variable": spectra_variable,
            "overwrite": overwrite,
            "allow_truncated": allow_truncated,
            "product": product,
        }
        try:
            refuse_unknown(
                "ArchiveExplorer", {k: v for k, v in options.items() if k not in OPTIONS}, _KEYWORDS
            )
            self.choose_archive(archive, **options)
            if not isinstance(center, str):
                form["center"] = "{!r} {!r}".format(*as_position(center))
            for name, value in form.items():
                if value is not None:
                    self.set_trait(name, value)
            if adql is not None:
                self.adql, self.mode = adql, "adql"
            self._form.arrange()
            self._form.show_radius()
            self.begin(state)
        except BaseException:
            self.close()
            raise

    def _compose(self, names: OwnNames) -> None:
        """Make the parts and connect them; the order of the observers matters."""
        self._form = Form(self)
        self._panel = Panel(self)
        self._runs = self.own(
            Runs(
                self,
                self._form,
                self._panel,
                names,
                current=lambda: (self._source, self._options),
                alive=lambda: not self._closed,
            )
        )
        self._reading = self.own(
            Reading(
                self._form, wanted=self._wanted, choose=self._choose_table, refresh=self.refresh
            )
        )
        self.own(names)
        self._form.editor.on_run(lambda: self.guarded(self.run))
        self.observe(lambda _: self._form.guard_editor(self._source), ["adql", "mode"])
        self.observe(lambda _: self._changed(), list(_QUERY))
        self.observe(lambda _: self._on_table(), "table")
        self.observe(self._on_archive, "archive")
        self.observe(lambda _: self._panel.show_product(), "product")
        parts = (*self._form.parts, *self._panel.above, self._runs.bar, *self._panel.below)
        self.show_parts(*parts)

    @property
    def query(self) -> ExplorerQuery:
        """The query as the form or the editor holds it now.

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

    def choose_archive(self, archive: Any, **options: Any) -> None:
        """Open another archive, as the button does; table, columns and filters begin anew.

        Parameters
        ----------
        archive : str, path-like or archive
            As for `stellarnb.open_archive`; or an archive that is open.
        **options
            ``url``, ``mirror``, ``data_url``, ``offline``, ``cache`` of `stellarnb.open_archive`.

        Raises
        ------
        InvalidInput
            If there is no such archive, or an address carries a password; the explorer stays as
            it was.
        """
        given = archive if hasattr(archive, "query") and hasattr(archive, "columns") else None
        if given is None:
            options = read_options(options)
            name = check_address(os.fspath(archive).strip())
            if not name:
                raise InvalidInput("No archive is named. Give a name such as sample, or a folder.")
            source = Source(open_archive(name, **options), keeps=options.get("cache", True))
        elif options:
            raise InvalidInput(
                "Options are for opening an archive; this one is open already. Leave them out."
            )
        else:
            name, source = str(given.name), Source(given)
        self._adopt(source, name, options, given=given is not None)

    @property
    def history(self) -> tuple[Entry, ...]:
        """The queries that were run, the latest first."""
        return self._runs.history

    @property
    def status(self) -> str:
        """What went wrong last; empty if nothing did."""
        return str(self._foot.error) or self._runs.failure

    def preview(self) -> None:
        """Show the first 50 rows, as the button does; returns at once, see `wait`."""
        self._runs.preview()

    def estimate(self) -> None:
        """Have the rows counted, as the button does: `rows` has the number, see `wait`."""
        self._runs.estimate()

    def run(self) -> None:
        """Ask the archive, as the button does; returns at once, see `wait`.

        The answer is then in `result` and in the variable.

        Raises
        ------
        InvalidInput
            If something is running, the form cannot be asked as it is, or the variable is not
            ours to write.
        QueryError
            If the query cannot be one.
        """
        self._runs.run()

    def fetch_spectra(self, product: str | None = None) -> None:
        """Fetch the spectra of the result, as the button does; returns at once, see `wait`.

        They are then in `spectra`, whose ``.missing`` names the stars without one, and in the
        variable `spectra_variable`.

        Parameters
        ----------
        product : str, optional
            Which ones; see `product`.

        Raises
        ------
        MissingInput
            If there is no result.
        InvalidInput
            If something is running, there is no such product, or the variable is not ours.
        """
        if product is not None:
            self.product = product
        self._runs.fetch_spectra()

    def cancel(self) -> bool:
        """Stop what runs, and the archive's job; return whether there was something to stop."""
        return self._runs.cancel()

    def wait(self, seconds: float | None = None) -> State:
        """Wait for the end of what runs; return ``idle running stopped failed`` or ``done``."""
        self._reading.wait(seconds)
        return self._runs.wait(seconds)

    def recall(self, number: int = 0) -> None:
        """Put a query of the history back into the form or the editor; 0 is the latest.

        Raises
        ------
        InvalidInput
            If there is none of this number, or its archive is not there any more.
        """
        if not 0 <= number < len(self.history):
            raise InvalidInput(
                f"The history has {len(self.history)} entries, numbered from 0: there is no {number}."
            )
        entry = self.history[number]
        if (entry.archive, dict(entry.options)) != (self.archive, dict(self._options)):
            self.choose_archive(entry.archive, **entry.options)
        query = entry.query
        if query.adql is not None:
            self.allow_truncated = query.allow_truncated
            self.adql, self.mode = query.adql, "adql"
        else:
            self._put_form(query)
            self.mode = "form"

    def rerun(self, number: int = 0) -> None:
        """Run a query of the history again; see `recall` and `run`."""
        self.recall(number)
        self.run()

    def edit_as_adql(self) -> None:
        """Put the form's query into the editor, as the button does; names are looked up first."""
        query = self._form_query
        try:
            self._edit(self._source.text(query, ask=False))
        except MissingInput:
            source = self._source
            self._runs.start("Writing the query", lambda *_: source.text(query), self._edit)

    def to_code(self) -> str:
        """Return Python that makes the same table, and the spectra if they were fetched.

        Raises
        ------
        MissingInput
            If a name has not been looked up yet, or a table's columns have not been read: after
            a preview or a run they have.
        InvalidInput
            If the form cannot be asked as it is.
        """
        call = self._source.call(self.query, ask=False)
        more = "".join(f", {key}={value!r}" for key, value in self._options.items())
        opened = f"archive = snb.open_archive({self.archive!r}{more})"
        lines = ["import stellarnb as snb", "", opened]
        if self._given:
            told = " ".join(repr(self._source.archive).split())
            lines = [f"# archive: {told}, as it was given to ArchiveExplorer"]
        lines.append(call.code("archive", check_variable(self.variable)))
        if self.spectra is not None and self._source is self._runs.source_of_result:
            product = f", product={self._runs.fetched!r}"
            lines.append(f"{self.spectra_variable} = archive.spectra({self.variable}{product})")
        return "\n".join(lines) + "\n"

    def state_values(self) -> dict[str, Any]:
        """Return the query and the history as plain values, without stars or passwords."""
        return {
            "archive": self.archive,
            "options": dict(self._options),
            "mode": self.mode,
            "form": query_values(self._form_query),
            "adql": self.adql,
            "variable": self.variable,
            "spectra_variable": self.spectra_variable,
            "product": self.product,
            "history": [entry.values() for entry in self.history],
        }

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` said; see `restore`."""
        form = query_from(values["form"])
        history = [Entry.read(entry) for entry in values["history"]]
        options = read_options(values["options"])
        if not isinstance(values["archive"], str):
            raise InvalidInput(
                f"The archive's name in the state must be a text, not {values['archive']!r}."
            )
        # An archive that was given as an object cannot be opened by its name.
        if not (self._given and values["archive"] == self.archive):
            self.choose_archive(values["archive"], **options)
        self._put_form(form)
        self.adql, self.mode = values["adql"], values["mode"]
        self.variable = values["variable"]
        self.spectra_variable, self.product = values["spectra_variable"], values["product"]
        self._runs.set_history(history)

    def still(self) -> str:
        """Return what the explorer shows, in a sentence."""
        asked = (
            f"query {' '.join(self.adql.split())[:200]!r}"
            if self.mode == "adql"
            else f"table {self.table or 'none yet'}"
        )
        came = ""
        if self.result is not None:
            came = f"; last result, in {self.variable}: {len(self.result):,} rows"
        return f"Archive explorer of {self.archive}, {asked}{came}"

    def _put_form(self, form: Any) -> None:
        if form.table:
            self.table = form.table
        self.columns, self.filters = list(form.columns), dict(form.filters)
        self.center, self.radius, self.limit = form.center, form.radius, form.limit
        self.allow_truncated = form.allow_truncated

    def _edit(self, text: str) -> None:
        self.adql, self.mode = text, "adql"

    def _adopt(self, source: Source, name: str, options: Mapping[str, Any], *, given: bool) -> None:
        """Go on with another archive."""
        self._source, self._options, self._given = source, dict(options), given
        with self._reading.adopt():
            self.archive = name
            self.table, self.columns, self.filters, self.product = "", [], {}, ""
            self.table = source.usual
        self._form.show_archive(name, source)
        self._panel.show_archive(source.archive.products, remote=source.remote)
        self._reading.start(source, name, self.table)

    def _wanted(self, source: Source, table: str) -> bool:
        """Return whether what was read about a table is still what is on show."""
        return not self._closed and source is self._source and table == self.table

    def _choose_table(self, table: str) -> None:
        if table != self.table:
            with self._reading.adopt():
                self.table = table

    def _on_archive(self, change: Any) -> None:
        if self._reading.adopting:
            return
        try:
            self.choose_archive(change["new"])
        except StellarnbError:
            with self._reading.adopt():
                self.archive = change["old"]
            raise

    def _on_table(self) -> None:
        if not self._reading.adopting:
            self.columns, self.filters = [], {}
            self._reading.start(self._source, self.archive, self.table)

    def _changed(self) -> None:
        """Forget the number of rows, which was counted for another query."""
        self.rows = None
        self._panel.show_rows("")

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
