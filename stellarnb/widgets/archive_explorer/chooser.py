"""A list to search and choose from: tables, or columns with units and descriptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import traitlets
from anywidget import AnyWidget

from stellarnb.widgets.core.formatting import page_file

__all__ = ["Chooser"]

#: Most entries sent to the page; if there are more, only those that fit the search.
MOST = 2000


class Chooser(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """A list with a search field; what is in it is shown as plain text."""

    _esm = traitlets.Unicode(page_file("archive_explorer_chooser.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("archive_explorer_chooser.css")).tag(sync=True)

    label = traitlets.Unicode("").tag(sync=True)
    multiple = traitlets.Bool(False).tag(sync=True)
    none_chosen = traitlets.Unicode("").tag(sync=True)
    entries: Any = traitlets.List().tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    chosen: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    search = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str, *, multiple: bool = False, none_chosen: str = "") -> None:
        super().__init__(label=label, multiple=multiple, none_chosen=none_chosen)
        self._all: list[tuple[str, str, str]] = []
        self.observe(lambda _: self._offer_fitting(), "search")

    def offer(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Show other entries: a key, which is its name too, a unit or a number, a description."""
        self._all = list(entries)
        with self.hold_sync():
            self.search = ""
            self._offer_fitting()

    def choose(self, keys: Sequence[str]) -> None:
        """Choose entries; one that is not in the list yet is chosen all the same."""
        self.chosen = list(keys)

    def _offer_fitting(self) -> None:
        wanted = self.search.lower().split()
        fitting = [
            entry
            for entry in self._all
            if len(self._all) <= MOST or all(word in " ".join(entry).lower() for word in wanted)
        ]
        with self.hold_sync():
            self.total = len(self._all)
            self.entries = [list(entry) for entry in fitting[:MOST]]
