"""Read the tables and columns of an explorer's archive, in a thread if it is remote."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stellarnb.progress import Cancel
from stellarnb.widgets.archive_explorer.form import Form, words
from stellarnb.widgets.archive_explorer.source import Source, TableEntry
from stellarnb.widgets.core.formatting import error_words
from stellarnb.widgets.core.task import Report, Task, TaskRun, beside

__all__ = ["Reading"]


class Reading:
    """The list of tables and columns: `wanted` refuses late answers, `choose` sets the table."""

    def __init__(
        self,
        form: Form,
        *,
        wanted: Callable[[Source, str], bool],
        choose: Callable[[str], None],
        refresh: Callable[[], None],
    ) -> None:
        self._form = form
        self._wanted, self._choose, self._refresh = wanted, choose, refresh
        self._task = Task()
        #: By thread: the thread that reads must not keep the user's own changes from being followed.
        self._adopting = threading.local()

    @property
    def adopting(self) -> bool:
        """Whether this thread sets traits that nothing else should follow from."""
        return bool(getattr(self._adopting, "on", False))

    @contextmanager
    def adopt(self) -> Iterator[None]:
        """Set traits with nothing else following from it."""
        before, self._adopting.on = self.adopting, True
        try:
            yield
        finally:
            self._adopting.on = before

    def start(self, source: Source, archive: str, table: str) -> None:
        """Find out what tables and columns there are: local ones now, remote ones in a thread."""
        form = self._form
        self._task.cancel()
        self._task.wait(5)
        form.reading.value = ""
        if not source.remote:
            self._offer(source, source.tables(), table)
            return
        form.offer_columns(None)
        form.reading.value = words(f"Reading the tables and columns of {archive} …")

        def work(cancel: Cancel, _: Report) -> tuple[list[TableEntry], str]:
            if table:
                beside(lambda: source.known(table), cancel)
            entries = beside(source.tables, cancel)
            first = table or (entries[0].name if entries else "")
            if first:
                beside(lambda: source.known(first), cancel)
            return entries, first

        def ended(run: TaskRun) -> None:
            if not self._wanted(source, table):
                return
            if run.state == "done":
                form.reading.value = ""
                self._offer(source, *run.result)
                self._refresh()
            elif run.error is not None:
                if table and source.knows(table):  # only the list is missing
                    self._offer(source, [TableEntry(table, None, "")], table)
                form.reading.value = words(
                    f"Tables and columns could not be read. {error_words(run.error)} Press Open "
                    "to try again; a query in ADQL needs no list.",
                    warn=True,
                )

        self._task.start(work, label=f"Reading {archive}", ended=ended)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until nothing is read any more."""
        self._task.wait(seconds)

    def close(self) -> None:
        """Stop reading."""
        self._task.close()

    def _offer(self, source: Source, entries: list[TableEntry], table: str) -> None:
        self._choose(table)
        known = source.known(table) if table else None
        self._form.offer_tables(entries)
        self._form.offer_columns(known)
        self._form.offer_names(entries, source, known)
