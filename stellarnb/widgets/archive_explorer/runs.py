"""The work of an archive explorer: read, preview, count, run, fetch spectra, remember."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from stellarnb.archives.transport.progress import Progress
from stellarnb.errors import InvalidInput, MissingInput, QueryError, TooLarge
from stellarnb.progress import Cancel
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer.form import Form
from stellarnb.widgets.archive_explorer.names import OwnNames
from stellarnb.widgets.archive_explorer.panel import Panel
from stellarnb.widgets.archive_explorer.query import ExplorerQuery
from stellarnb.widgets.archive_explorer.reading import Reading
from stellarnb.widgets.archive_explorer.source import Source
from stellarnb.widgets.archive_explorer.state import Entry
from stellarnb.widgets.archive_explorer.traits import QUERY
from stellarnb.widgets.core.formatting import error_words, time_words
from stellarnb.widgets.core.task import Report, State, Task, TaskBar, TaskRun, beside

if TYPE_CHECKING:
    from stellarnb.spectra import SpectrumSet

__all__ = ["Runs", "all_spectra", "reporter"]

#: Spectra between two reports, and at most.
_CHUNK, MOST_SPECTRA = 2000, 200_000


def reporter(report: Report) -> Callable[[Progress], None]:
    """Return a function that tells a task how far an archive's query is."""

    def tell(progress: Progress) -> None:
        parts = [progress.phase.lower()]
        if progress.parts > 1:
            parts.append(f"part {progress.part} of {progress.parts}")
        if progress.rows is not None:
            parts.append(f"{progress.rows:,} rows so far")
        if progress.bytes and not progress.total:
            parts.append(f"{progress.bytes / 1e6:.1f} MB so far")
        if progress.left is not None and not progress.total:
            parts.append(f"about {time_words(progress.left)} left")
        report(progress.bytes if progress.total else 0, progress.total or 0, ", ".join(parts))

    return tell


def all_spectra(
    source: Source, stars: Result, product: str | None, cancel: Cancel, report: Report
) -> SpectrumSet:
    """Return the spectra of a table of stars, with a word on the way now and then.

    Raises
    ------
    TooLarge
        If there are more stars than should be asked for by a button.
    StellarnbError
        See the archive's ``spectra``.
    """
    n = len(stars)
    if n > MOST_SPECTRA:
        raise TooLarge(
            f"Spectra of {n:,} stars may not fit into memory; at most {MOST_SPECTRA:,} are fetched "
            "from here. Choose fewer, or go through archive.spectra in parts."
        )
    archive = source.archive
    report(0, n, "asking")
    if not source.remote:
        spectra: SpectrumSet = beside(lambda: archive.spectra(stars, product), cancel)
        return spectra
    how: dict[str, Any] = {"progress": False, "cancel": cancel}
    if n > _CHUNK and source.keeps:
        # What has arrived is in the cache, so that the last call finds all of it there.
        for first in range(0, n, _CHUNK):
            archive.spectra(stars.take(slice(first, first + _CHUNK)), product, **how)
            report(min(first + _CHUNK, n), n, "fetching")
    found: SpectrumSet = archive.spectra(stars, product, **how)
    return found


T = TypeVar("T")
#: Entries of the history.
MOST_ENTRIES = 50


class Runs(Reading):
    """What an archive explorer does; see `ArchiveExplorer`."""

    _bar: TaskBar
    _names: OwnNames
    _history: list[Entry]
    _source_of_result: Source | None = None
    #: Which spectra `spectra` has.
    _fetched = ""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._bar = self.own(TaskBar(resume="Run the cell again, and then the query."))
        self._reader = self.own(Task())
        self._history = []
        self._adopting = threading.local()
        self._form = Form(self)
        self._panel = Panel(self)
        self._form.editor.on_run(lambda: self.guarded(self.run))
        self.observe(lambda _: self._form.guard_editor(self._source), ["adql", "mode"])
        self.observe(lambda _: self._changed(), list(QUERY))
        self.observe(lambda _: self._on_table(), "table")
        self.observe(self._on_archive, "archive")
        self.observe(lambda _: self._panel.show_product(), "product")
        self.show_parts(*self._form.parts, *self._panel.above, self._bar, *self._panel.below)

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

        name = self.archive
        self._start("Preview", work, lambda rows: self._panel.show_preview(rows, name), query)

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
            self._panel.show_rows(text)

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

        def ask(query: ExplorerQuery, cancel: Cancel, progress: Any) -> Result:
            return source.run(source.call(query), cancel, progress)

        def work(cancel: Cancel, report: Report) -> Result:
            return self._told(source, ask, query, cancel, report)

        def land(found: Result) -> None:
            self._land(found, query, source)

        self._start("Query", work, land, query, remember=True)

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
        known = source.archive.products
        wanted = self.product if self.product in known else known[0]

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

    def _asked(self) -> ExplorerQuery:
        """Return what is asked, looked over; what is wrong is marked in the editor."""
        query = self.query
        if query.adql is not None:
            try:
                self._source.check(query.adql)
            except QueryError as error:
                self._form.editor.show_error(error, query.adql)
                raise
        else:
            with suppress(MissingInput):  # what is not known yet the work finds out
                self._source.call(query, ask=False)
        return query

    def _told(
        self,
        source: Source,
        ask: Callable[[ExplorerQuery, Cancel, Any], T],
        query: ExplorerQuery,
        cancel: Cancel,
        report: Report,
    ) -> T:
        """Ask an archive; one that cannot be stopped is left alone on Cancel."""
        beside(lambda: source.prepare(query), cancel)
        tell = reporter(report)
        found = (
            ask(query, cancel, tell)
            if source.remote
            else beside(lambda: ask(query, cancel, tell), cancel)
        )
        report(0)
        return found

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

        def ended(run: TaskRun) -> None:
            if self._closed:
                return
            if remember and query is not None:
                rows = len(run.result) if run.state == "done" else None
                note = error_words(run.error) if run.error is not None else ""
                note = "stopped" if run.state == "stopped" else note
                time = datetime.now(UTC).isoformat(timespec="seconds")
                entry = Entry(archive, options, query, time, rows, note)
                self._set_history([entry, *self._history])
            if run.state == "done":
                self.guarded(lambda: then(run.result))
            elif isinstance(run.error, QueryError) and query is not None and query.adql:
                self._form.editor.show_error(run.error, query.adql)

        self._bar.start(work, label=f"{label} at {archive}", unit=unit or "bytes", ended=ended)
        self.say_error(None)

    def _land(self, found: Result, query: ExplorerQuery, source: Source) -> None:
        """Take an answer."""
        where = self._put(self.variable, found, ".result")
        self._source_of_result, self._fetched = source, ""
        self.spectra = None
        self.result = found
        self._panel.show_result(found, where, source.archive.name, query.limit)

    def _land_spectra(self, found: Any, product: str) -> None:
        """Take spectra."""
        where = self._put(self.spectra_variable, found, ".spectra")
        self._fetched = product
        self.spectra = found
        self._panel.show_spectra(found, where, product)

    def _put(self, name: str, value: Any, here: str) -> str:
        """Set a variable, if it is ours to set; return in words where the value is."""
        try:
            if self._names.put(name, value, overwrite=self.overwrite):
                return f"in {here} and in the variable {name}"
        except InvalidInput as error:  # it came into being while the query ran
            return f"in {here} alone. {error}"
        return f"in {here}"

    def _set_history(self, entries: list[Entry]) -> None:
        self._history = entries[:MOST_ENTRIES]
        self._panel.show_history(self._history)

    def _changed(self) -> None:
        """Take note that something else is asked: what was counted is no longer true."""
        self.rows = None
        self._panel.show_rows("")
