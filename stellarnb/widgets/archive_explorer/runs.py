"""Run what an archive explorer asks: preview, count, query, spectra; and keep the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from stellarnb.archives.transport.progress import Progress
from stellarnb.errors import InvalidInput, MissingInput, QueryError, TooLarge
from stellarnb.progress import Cancel
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer.contract import ExplorerControls
from stellarnb.widgets.archive_explorer.form import Form
from stellarnb.widgets.archive_explorer.names import OwnNames
from stellarnb.widgets.archive_explorer.panel import Panel
from stellarnb.widgets.archive_explorer.query import ExplorerQuery
from stellarnb.widgets.archive_explorer.source import Source
from stellarnb.widgets.archive_explorer.state import Entry
from stellarnb.widgets.core.formatting import error_words, time_words
from stellarnb.widgets.core.task import Report, State, TaskBar, TaskRun, beside

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
    """Return the spectra of a table of stars, and report the progress; refuse too many stars."""
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


class Runs:
    """The runs of an explorer: `current` tells its source and options, `alive` if it is open."""

    def __init__(
        self,
        view: ExplorerControls,
        form: Form,
        panel: Panel,
        names: OwnNames,
        *,
        current: Callable[[], tuple[Source, Mapping[str, Any]]],
        alive: Callable[[], bool],
    ) -> None:
        self._view, self._form, self._panel, self._names = view, form, panel, names
        self._current, self._alive = current, alive
        self.bar = TaskBar(resume="Run the cell again, and then the query.")
        self.history: tuple[Entry, ...] = ()
        self.source_of_result: Source | None = None
        #: Which spectra the explorer's `spectra` has.
        self.fetched = ""

    @property
    def failure(self) -> str:
        """Why the last run failed; empty if it did not fail."""
        run = self.bar.task.run
        return run.words if run is not None and run.state == "failed" else ""

    def preview(self) -> None:
        """Start to fetch the first rows."""
        source, query = self._asked()

        def work(cancel: Cancel, report: Report) -> Result:
            return self._told(source, source.preview, query, cancel, report)

        name = self._view.archive
        self.start("Preview", work, lambda rows: self._panel.show_preview(rows, name), query)

    def estimate(self) -> None:
        """Start to count the rows."""
        source, query = self._asked()

        def work(cancel: Cancel, report: Report) -> int:
            return self._told(source, source.count, query, cancel, report)

        def show(rows: int) -> None:
            self._view.rows = rows
            time = datetime.now(UTC).strftime("%H:%M UTC")
            text = f"{rows:,} rows, counted"
            if source.remote:
                text = (
                    f"about {rows:,} rows: an estimate, counted by {self._view.archive} at {time}"
                )
            self._panel.show_rows(text)

        self.start("Counting rows", work, show, query)

    def run(self) -> None:
        """Start the query."""
        source, query = self._asked()
        self._names.check(self._view.variable, overwrite=self._view.overwrite)

        def ask(query: ExplorerQuery, cancel: Cancel, progress: Any) -> Result:
            return source.run(source.call(query), cancel, progress)

        def work(cancel: Cancel, report: Report) -> Result:
            return self._told(source, ask, query, cancel, report)

        def land(found: Result) -> None:
            self._land(found, query, source)

        self.start("Query", work, land, query, remember=True)

    def fetch_spectra(self) -> None:
        """Start to fetch the spectra of the result."""
        stars, source = self._view.result, self.source_of_result
        if stars is None or source is None:
            raise MissingInput("There is no result to fetch spectra of: run a query first.")
        known = source.archive.products
        if not known:
            raise InvalidInput(f"{source.archive.name!r} has no spectra.")
        self._names.check(self._view.spectra_variable, overwrite=self._view.overwrite)
        wanted = self._view.product if self._view.product in known else known[0]

        def work(cancel: Cancel, report: Report) -> Any:
            return all_spectra(source, stars, wanted, cancel, report)

        self.start("Spectra", work, lambda found: self._land_spectra(found, wanted), unit="stars")

    def cancel(self) -> bool:
        """Stop what runs; return whether there was something to stop."""
        return self.bar.cancel()

    def wait(self, seconds: float | None = None) -> State:
        """Wait for the end of what runs; return how it ended."""
        return self.bar.task.wait(seconds)

    def close(self) -> None:
        """Stop what runs."""
        self.bar.close()

    def set_history(self, entries: Sequence[Entry]) -> None:
        """Keep the latest of these entries, and show them."""
        self.history = tuple(entries[:MOST_ENTRIES])
        self._panel.show_history(self.history)

    def _asked(self) -> tuple[Source, ExplorerQuery]:
        """Return the source and a checked query; mark an error of the query in the editor."""
        source, query = self._current()[0], self._view.query
        if query.adql is not None:
            try:
                source.check(query.adql)
            except QueryError as error:
                self._form.editor.show_error(error, query.adql)
                raise
        else:
            with suppress(MissingInput):  # the run looks up what is not known yet
                source.call(query, ask=False)
        return source, query

    def _told(
        self,
        source: Source,
        ask: Callable[[ExplorerQuery, Cancel, Any], T],
        query: ExplorerQuery,
        cancel: Cancel,
        report: Report,
    ) -> T:
        """Ask an archive; on Cancel, do not wait for one that cannot be stopped."""
        beside(lambda: source.prepare(query), cancel)
        tell = reporter(report)
        found = (
            ask(query, cancel, tell)
            if source.remote
            else beside(lambda: ask(query, cancel, tell), cancel)
        )
        report(0)
        return found

    def start(
        self,
        label: str,
        work: Callable[[Cancel, Report], Any],
        then: Callable[[Any], None],
        query: ExplorerQuery | None = None,
        *,
        unit: str = "",
        remember: bool = False,
    ) -> None:
        """Do something in a thread, and show what came of it in the explorer."""
        archive, options = self._view.archive, dict(self._current()[1])

        def ended(run: TaskRun) -> None:
            if not self._alive():
                return
            if remember and query is not None:
                rows = len(run.result) if run.state == "done" else None
                note = error_words(run.error) if run.error is not None else ""
                note = "stopped" if run.state == "stopped" else note
                time = datetime.now(UTC).isoformat(timespec="seconds")
                entry = Entry(archive, options, query, time, rows, note)
                self.set_history([entry, *self.history])
            if run.state == "done":
                self._view.guarded(lambda: then(run.result))
            elif isinstance(run.error, QueryError) and query is not None and query.adql:
                self._form.editor.show_error(run.error, query.adql)

        self.bar.start(work, label=f"{label} at {archive}", unit=unit or "bytes", ended=ended)
        self._view.say_error(None)

    def _land(self, found: Result, query: ExplorerQuery, source: Source) -> None:
        """Put an answer into the explorer and the variable."""
        where = self._put(self._view.variable, found, ".result")
        self.source_of_result, self.fetched = source, ""
        self._view.spectra = None
        self._view.result = found
        self._panel.show_result(found, where, source.archive.name, query.limit)

    def _land_spectra(self, found: Any, product: str) -> None:
        """Put spectra into the explorer and the variable."""
        where = self._put(self._view.spectra_variable, found, ".spectra")
        self.fetched = product
        self._view.spectra = found
        self._panel.show_spectra(found, where, product)

    def _put(self, name: str, value: Any, here: str) -> str:
        """Set the variable if it may be set; return a phrase that tells where the value is."""
        try:
            if self._names.put(name, value, overwrite=self._view.overwrite):
                return f"in {here} and in the variable {name}"
        except InvalidInput as error:  # it came into being while the query ran
            return f"in {here} alone. {error}"
        return f"in {here}"
