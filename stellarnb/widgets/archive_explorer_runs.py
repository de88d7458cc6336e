"""The work of an archive explorer: read, preview, count, run, fetch spectra, remember."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import ipywidgets as ipw
import traitlets

from stellarnb.errors import InvalidInput, MissingInput, QueryError, StellarnbError
from stellarnb.progress import Cancel
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer_form import Form, row, words
from stellarnb.widgets.archive_explorer_names import OwnNames
from stellarnb.widgets.archive_explorer_query import ExplorerQuery
from stellarnb.widgets.archive_explorer_source import Source, TableEntry
from stellarnb.widgets.archive_explorer_state import Entry
from stellarnb.widgets.archive_explorer_table import TablePager
from stellarnb.widgets.archive_explorer_traits import QUERY, ExplorerTraits
from stellarnb.widgets.archive_explorer_work import all_spectra, attended, reporter
from stellarnb.widgets.task import Report, Run, State, Task, TaskBar
from stellarnb.widgets.words import error_words

__all__ = ["Runs"]

#: Entries of the history, and identifiers that are named where spectra are missing.
MOST_ENTRIES, MOST_NAMED = 50, 5
_STYLE = {"description_width": "initial"}


class Runs(ExplorerTraits):
    """What an archive explorer does; see `ArchiveExplorer`."""

    _form: Form
    _names: OwnNames
    _fetched = ""

    @abstractmethod
    def choose_archive(self, archive: Any, **options: Any) -> None:
        """Open another archive."""

    @property
    def history(self) -> tuple[Entry, ...]:
        """What was run, the latest first."""
        return tuple(self._history)

    @property
    def status(self) -> str:
        """What went wrong last, in words; empty if nothing did."""
        run = self._bar.task.run
        if not self._foot.error and run is not None and run.state == "failed":
            return run.words
        return str(self._foot.error)

    def preview(self) -> None:
        """Show the first 50 rows, as the button does; returns at once, see `wait`."""
        source, query = self._source, self._asked()

        def work(cancel: Cancel, report: Report) -> Result:
            return self._told(source, source.preview, query, cancel, report)

        def show(rows: Result) -> None:
            self._pager.show(rows, f"Preview: the first {len(rows)} rows of {self.archive}")

        self._start("Preview", work, show, query)

    def estimate(self) -> None:
        """Have the rows counted, as the button does: `rows` has the number, see `wait`."""
        source, query = self._source, self._asked()

        def work(cancel: Cancel, report: Report) -> int:
            return self._told(source, source.count, query, cancel, report)

        def show(rows: int) -> None:
            self.rows = rows
            time = datetime.now(UTC).strftime("%H:%M UTC")
            text = f"{rows:,} rows, counted"
            if source.remote:
                text = f"about {rows:,} rows: an estimate, counted by {self.archive} at {time}"
            self._estimate.value = words(text)

        self._start("Counting rows", work, show, query)

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
        source, query = self._source, self._asked()
        self._names.check(self.variable, overwrite=self.overwrite)

        def work(cancel: Cancel, report: Report) -> Result:
            return self._told(
                source, lambda q, *how: source.run(source.call(q), *how), query, cancel, report
            )

        self._start("Query", work, lambda found: self._land(found, query), query, remember=True)

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
        stars, source = self.result, self._source_of_result
        if stars is None or source is None:
            raise MissingInput("There is no result to fetch spectra of: run a query first.")
        if not source.archive.products:
            raise InvalidInput(f"{source.archive.name!r} has no spectra.")
        self._names.check(self.spectra_variable, overwrite=self.overwrite)
        wanted = self.product or source.archive.products[0]

        def work(cancel: Cancel, report: Report) -> Any:
            return all_spectra(source, stars, wanted, cancel, report)

        self._start("Spectra", work, lambda found: self._land_spectra(found, wanted), unit="stars")

    def cancel(self) -> bool:
        """Stop what runs, and the archive's job; return whether there was something to stop."""
        return self._bar.cancel()

    def wait(self, seconds: float | None = None) -> State:
        """Wait for the end of what runs; return ``idle running stopped failed`` or ``done``."""
        self._reader.wait(seconds)
        return self._bar.task.wait(seconds)

    def recall(self, number: int = 0) -> None:
        """Put a query of the history back into the form or the editor; 0 is the latest.

        Raises
        ------
        InvalidInput
            If there is none of this number, or its archive is not there any more.
        """
        if not 0 <= number < len(self._history):
            raise InvalidInput(f"The history has {len(self._history)} entries, and no {number}.")
        entry = self._history[number]
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

    @abstractmethod
    def _put_form(self, form: ExplorerQuery) -> None:
        """Show a form."""

    def _build(self) -> list[ipw.Widget]:
        """Return the controls that do something, and what they show."""
        self._bar = self.own(TaskBar(resume="Run the cell again, and then the query."))
        self._reader = self.own(Task())
        self._history: list[Entry] = []
        self._source_of_result: Source | None = None
        self._pager = TablePager()
        self._estimate, self._note, self._spectra_note = ipw.HTML(), ipw.HTML(), ipw.HTML()
        self._form.editor.on_run(lambda: self.guarded(self.run))
        self.observe(lambda _: self._form.guard_editor(self._source), ["adql", "mode"])
        self.observe(lambda _: self._changed(), list(QUERY))
        self.observe(lambda _: self._table_changed(), "table")
        self.observe(lambda change: self._archive_changed(change), "archive")
        return [
            self._actions(),
            self._bar,
            self._estimate,
            self._note,
            self._pager,
            self._spectra_controls(),
            self._spectra_note,
            self._history_controls(),
        ]

    def _actions(self) -> ipw.Widget:
        variable = _name_field(self, "variable", "result in variable")
        overwrite = _box(self, "overwrite", "replace a variable that is there")
        self._partial = _box(self, "allow_truncated", "take an incomplete answer")
        return row(
            self._button("Preview 50 rows", ".preview()", self.preview),
            self._button("Estimate rows", ".estimate()", self.estimate),
            self._button("Run", ".run()", self.run, "primary"),
            variable,
            overwrite,
            self._partial,
        )

    def _spectra_controls(self) -> ipw.Widget:
        self._product = ipw.Dropdown(
            description="spectra", tooltip=".product", style=_STYLE, layout={"width": "240px"}
        )

        def told(_: Any) -> None:
            if self._product.value is not None:
                self.guarded(lambda: self.set_trait("product", self._product.value))

        self._product.observe(told, "value")
        self.observe(lambda _: self._show_product(), "product")
        self._spectra_row = row(
            self._product,
            self._button("Fetch spectra", ".fetch_spectra()", self.fetch_spectra),
            _name_field(self, "spectra_variable", "spectra in variable"),
        )
        return self._spectra_row

    def _history_controls(self) -> ipw.Widget:
        self._list = ipw.Select(
            description="history", tooltip=".history", rows=4, style=_STYLE, layout={"width": "95%"}
        )
        chosen = lambda: self._list.value if self._list.value is not None else 0  # noqa: E731
        self._history_box = ipw.VBox(
            [
                self._list,
                row(
                    self._button("Run again", ".rerun(i)", lambda: self.rerun(chosen())),
                    self._button("Take back", ".recall(i)", lambda: self.recall(chosen())),
                ),
            ]
        )
        self._history_box.layout.display = "none"
        return self._history_box

    def _button(
        self, description: str, twin: str, act: Callable[[], None], style: str = ""
    ) -> ipw.Button:
        button = ipw.Button(
            description=description,
            tooltip=twin,
            button_style=style,
            layout=ipw.Layout(width="auto"),
        )
        button.on_click(lambda _: self.guarded(act))
        return button

    def _asked(self) -> ExplorerQuery:
        """Return what is asked, looked over; what is wrong is marked in the editor."""
        query = self.query
        if query.adql is not None:
            try:
                self._source.check(query.adql)
            except QueryError as error:
                self._form.editor.show_error(error, query.adql)
                raise
        elif not query.table:
            raise InvalidInput("No table is chosen. Choose one of the list.")
        return query

    def _told(
        self,
        source: Source,
        ask: Callable[[ExplorerQuery, Cancel, Any], Any],
        query: ExplorerQuery,
        cancel: Cancel,
        report: Report,
    ) -> Any:
        """Ask an archive; one that cannot be stopped is left alone on Cancel."""
        attended(lambda: source.prepare(query), cancel)
        if source.remote:
            return ask(query, cancel, reporter(report))
        return attended(lambda: ask(query, cancel, reporter(report)), cancel)

    def _start(
        self,
        label: str,
        work: Callable[[Cancel, Report], Any],
        then: Callable[[Any], None],
        query: ExplorerQuery | None = None,
        *,
        unit: str = "",
        remember: bool = False,
    ) -> None:
        """Do something in a thread, and show what came of it."""
        archive, options = self.archive, dict(self._options)

        def ended(run: Run) -> None:
            if self._closed:
                return
            if remember and query is not None:
                rows = len(run.result) if run.state == "done" else None
                note = run.words if run.state != "done" else ""
                time = datetime.now(UTC).isoformat(timespec="seconds")
                entry = Entry(archive, options, query, time, rows, note)
                self._set_history([entry, *self._history])
            if run.state == "done":
                self.guarded(lambda: then(run.result))
            elif isinstance(run.error, QueryError) and query is not None and query.adql:
                self._form.editor.show_error(run.error, query.adql)

        self._source_now = self._source
        self._bar.start(work, label=f"{label} at {archive}", unit=unit, ended=ended)
        self.say_error(None)

    def _land(self, found: Result, query: ExplorerQuery) -> None:
        """Take an answer."""
        self._source_of_result, self._fetched = self._source_now, ""
        self._spectra_note.value = ""
        where = f"in .result and in the variable {self.variable}"
        try:
            if not self._names.put(self.variable, found, overwrite=self.overwrite):
                where = "in .result"
        except InvalidInput as error:
            where = f"in .result alone. {error}"
        self.spectra = None
        self.result = found
        lines = [words(f"{len(found):,} rows × {len(found.colnames)} columns, {where}")]
        if found.truncated:
            lines.append(
                words("Incomplete: the archive held back rows (.result.truncated).", warn=True)
            )
        if found.missing:
            lines.append(words(_missing_words(found.missing, "not in the archive"), warn=True))
        if query.limit is not None and len(found) == query.limit:
            lines.append(words(f"That is as many as were asked for (.limit = {query.limit:,})."))
        self._note.value = "".join(lines)
        self._pager.show(found, f"{self.variable}: the result from {self.archive}")

    def _land_spectra(self, found: Any, product: str) -> None:
        """Take spectra."""
        where = f"in .spectra and in the variable {self.spectra_variable}"
        try:
            if not self._names.put(self.spectra_variable, found, overwrite=self.overwrite):
                where = "in .spectra"
        except InvalidInput as error:
            where = f"in .spectra alone. {error}"
        self._fetched = product
        self.spectra = found
        lines = [words(f"{len(found):,} spectra ({product}), {where}")]
        if found.missing:
            said = _missing_words(found.missing, f"without a spectrum {product}")
            lines.append(words(f"{said} (.spectra.missing)", warn=True))
        self._spectra_note.value = "".join(lines)

    def _set_history(self, entries: list[Entry]) -> None:
        self._history = entries[:MOST_ENTRIES]
        self._list.options = [(entry.words, i) for i, entry in enumerate(self._history)]
        self._list.value = 0 if self._history else None
        self._history_box.layout.display = "" if self._history else "none"

    def _adopt(self, source: Source, name: str, options: Mapping[str, Any], *, given: bool) -> None:
        """Go on with another archive."""
        self._source, self._options, self._given = source, dict(options), given
        self._adopting = True
        try:
            self.archive = name
            self.table, self.columns, self.filters = "", [], {}
            self.product = ""
            self.table = source.usual
        finally:
            self._adopting = False
        self._form.show_archive(name, source)
        self._partial.layout.display = "" if source.remote else "none"
        self._show_product()
        self._read()

    def _archive_changed(self, change: Any) -> None:
        if self._adopting:
            return
        try:
            self.choose_archive(change["new"])
        except StellarnbError:
            self._adopting = True
            try:
                self.archive = change["old"]
            finally:
                self._adopting = False
            raise

    def _table_changed(self) -> None:
        if not self._adopting:
            self.columns, self.filters = [], {}
            self._read()

    def _changed(self) -> None:
        """Take note that something else is asked: what was counted is no longer true."""
        self.rows = None
        self._estimate.value = ""

    def _show_product(self) -> None:
        products = tuple(self._source.archive.products)
        self._product.options = [
            (f"{p} (usual)" if not i else p, p) for i, p in enumerate(products)
        ]
        if products:
            self._product.value = self.product or products[0]
        self._spectra_row.layout.display = "" if products else "none"

    def _read(self) -> None:
        """Find out which tables there are, and what columns: here at once, elsewhere in a thread."""
        source, table, form = self._source, self.table, self._form
        self._reader.cancel()
        self._reader.wait(5)
        if not source.remote:
            self._offer(source.tables(), table)
            return
        form.offer_columns(None)
        form.reading.value = words(f"Reading the tables and columns of {self.archive} …")

        def work(cancel: Cancel, _: Report) -> tuple[list[TableEntry], str]:
            entries = attended(source.tables, cancel)
            first = table or (entries[0].name if entries else "")
            if first:
                attended(lambda: source.known(first), cancel)
            return entries, first

        def ended(run: Run) -> None:
            if self._closed or source is not self._source or table != self.table:
                return
            if run.state == "done":
                form.reading.value = ""
                self.guarded(lambda: self._offer(*run.result))
            elif run.error is not None:
                form.reading.value = words(
                    f"Tables and columns could not be read. {error_words(run.error)} Press Open "
                    "to try again; a query in ADQL needs no list.",
                    warn=True,
                )

        self._reader.start(work, label=f"Reading {self.archive}", ended=ended)

    def _offer(self, entries: list[TableEntry], table: str) -> None:
        source = self._source
        if table != self.table:
            self._adopting = True
            try:
                self.table = table
            finally:
                self._adopting = False
        known = source.known(table) if table else None
        self._form.offer_tables(entries)
        self._form.offer_columns(known)
        self._form.offer_names(entries, source, known)


def _missing_words(missing: Any, what: str) -> str:
    named = ", ".join(str(star) for star in missing[:MOST_NAMED])
    more = ", …" if len(missing) > MOST_NAMED else ""
    return f"{len(missing):,} stars {what}: {named}{more}"


def _name_field(view: Runs, trait: str, description: str) -> ipw.Widget:
    """Return a field for the name of a variable."""
    field = ipw.Text(
        value=getattr(view, trait),
        description=description,
        tooltip=f".{trait}",
        continuous_update=False,
        style=_STYLE,
        layout=ipw.Layout(width="260px"),
    )
    field.observe(
        lambda change: view.guarded(lambda: view.set_trait(trait, change["new"].strip())), "value"
    )
    view.observe(lambda change: field.set_trait("value", change["new"]), trait)
    return field


def _box(view: Runs, trait: str, description: str) -> ipw.Widget:
    """Return a box to tick."""
    box = ipw.Checkbox(
        description=description, indent=False, tooltip=f".{trait}", layout={"width": "auto"}
    )
    traitlets.link((view, trait), (box, "value"))
    return box
