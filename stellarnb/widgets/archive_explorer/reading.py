"""How an archive explorer gets to know its archive: tables and columns, read beside the cells."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stellarnb.errors import StellarnbError
from stellarnb.progress import Cancel
from stellarnb.widgets.archive_explorer.form import Form, words
from stellarnb.widgets.archive_explorer.panel import Panel
from stellarnb.widgets.archive_explorer.source import Source, TableEntry
from stellarnb.widgets.archive_explorer.traits import ExplorerTraits
from stellarnb.widgets.core.formatting import error_words
from stellarnb.widgets.core.task import Report, Task, TaskRun, beside

__all__ = ["Reading"]


class Reading(ExplorerTraits):
    """What an archive explorer knows of its archive; see `ArchiveExplorer`."""

    _form: Form
    _panel: Panel
    _reader: Task
    #: Whether traits are set with nothing else following, by thread: the thread that reads must not
    #: keep the user's own changes from being followed.
    _adopting: threading.local

    @abstractmethod
    def choose_archive(self, archive: Any, **options: Any) -> None:
        """Open another archive."""

    def _adopt(self, source: Source, name: str, options: Mapping[str, Any], *, given: bool) -> None:
        """Go on with another archive."""
        self._source, self._options, self._given = source, dict(options), given
        with self._alone():
            self.archive = name
            self.table, self.columns, self.filters, self.product = "", [], {}, ""
            self.table = source.usual
        self._form.show_archive(name, source)
        self._panel.show_archive(source.archive.products, remote=source.remote)
        self._read()

    def _on_archive(self, change: Any) -> None:
        if self._adopts:
            return
        try:
            self.choose_archive(change["new"])
        except StellarnbError:
            with self._alone():
                self.archive = change["old"]
            raise

    def _on_table(self) -> None:
        if not self._adopts:
            self.columns, self.filters = [], {}
            self._read()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Set traits with nothing else following from it."""
        before, self._adopting.on = self._adopts, True
        try:
            yield
        finally:
            self._adopting.on = before

    @property
    def _adopts(self) -> bool:
        return bool(getattr(self._adopting, "on", False))

    def _read(self) -> None:
        """Find out what tables and columns there are: here at once, elsewhere in a thread."""
        source, table, form = self._source, self.table, self._form
        self._reader.cancel()
        self._reader.wait(5)
        form.reading.value = ""
        if not source.remote:
            self._offer(source.tables(), table)
            return
        form.offer_columns(None)
        form.reading.value = words(f"Reading the tables and columns of {self.archive} …")

        def work(cancel: Cancel, _: Report) -> tuple[list[TableEntry], str]:
            if table:
                beside(lambda: source.known(table), cancel)
            entries = beside(source.tables, cancel)
            first = table or (entries[0].name if entries else "")
            if first:
                beside(lambda: source.known(first), cancel)
            return entries, first

        def ended(run: TaskRun) -> None:
            if self._closed or source is not self._source or table != self.table:
                return
            if run.state == "done":
                form.reading.value = ""
                self._offer(*run.result)
                self.refresh()
            elif run.error is not None:
                if table and source.knows(table):  # the list alone is missing
                    self._offer([TableEntry(table, None, "")], table)
                form.reading.value = words(
                    f"Tables and columns could not be read. {error_words(run.error)} Press Open "
                    "to try again; a query in ADQL needs no list.",
                    warn=True,
                )

        self._reader.start(work, label=f"Reading {self.archive}", ended=ended)

    def _offer(self, entries: list[TableEntry], table: str) -> None:
        source = self._source
        if table != self.table:
            with self._alone():
                self.table = table
        known = source.known(table) if table else None
        self._form.offer_tables(entries)
        self._form.offer_columns(known)
        self._form.offer_names(entries, source, known)
