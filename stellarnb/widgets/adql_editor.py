"""An editor for ADQL that colours words, marks errors and completes names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import traitlets
from anywidget import AnyWidget

from stellarnb.widgets.core.formatting import page_file

__all__ = ["AdqlEditor", "error_place"]

#: How archives report the place of an error in a query: line and column, from 1.
_LINE_COLUMN = (
    re.compile(r"line:?\s*(\d+)\s*,\s*col(?:umn)?:?\s*(\d+)", re.IGNORECASE),
    re.compile(r"\[l\.(\d+) c\.(\d+)"),
)
#: Or the offset, from 0.
_OFFSET = re.compile(r"at char(?:acter)?\s+(\d+)", re.IGNORECASE)
_WORD = re.compile(r"\"(?:[^\"]|\"\")*\"?|'(?:[^']|'')*'?|[\w.]+|\S")


def error_place(message: str, text: str) -> tuple[int, int] | None:
    """Return start and end of an error in a query; None if the message does not tell.

    Known are "line 2, column 5", "[l.2 c.5 - l.2 c.9]" and "at char 12".
    """
    start = _start(message, text)
    if start is None:
        return None
    word = _WORD.match(text, start)
    if word is not None:
        return start, word.end()
    return (start, start + 1) if start < len(text) else (max(len(text) - 1, 0), len(text))


def _start(message: str, text: str) -> int | None:
    for pattern in _LINE_COLUMN:
        found = pattern.search(message)
        if found is not None:
            lines = text.split("\n")
            line, column = int(found[1]), int(found[2])
            if not 1 <= line <= len(lines):
                return None
            before = sum(len(part) + 1 for part in lines[: line - 1])
            return before + min(max(column - 1, 0), len(lines[line - 1]))
    offset = _OFFSET.search(message)
    return min(int(offset[1]), len(text)) if offset is not None else None


class AdqlEditor(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """A field for a query whose words are coloured by kind.

    Ctrl+Space completes names of tables, columns and functions, Ctrl+Enter asks to run. Tab goes
    on to the next control, as in any form.

    Parameters
    ----------
    value : str, optional
        The query to begin with.

    Attributes
    ----------
    value : str
        The query.
    label : str
        What a screen reader calls the field.
    names : list of dict
        What can be completed: ``{"name", "kind", "note"}`` with the name as it stands in a query.
    error : dict
        What is wrong, see `show_error`; empty where nothing is.
    read_only : bool
        Whether it can only be read.
    """

    _esm = traitlets.Unicode(page_file("adql_editor.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("adql_editor.css")).tag(sync=True)

    value = traitlets.Unicode("", help="The query.").tag(sync=True)
    label = traitlets.Unicode("ADQL query", help="Name of the field.").tag(sync=True)
    names: Any = traitlets.List(help="Names to complete: name, kind, note.").tag(sync=True)
    error: Any = traitlets.Dict(help="What is wrong, and where.").tag(sync=True)
    read_only = traitlets.Bool(False, help="Whether it can only be read.").tag(sync=True)

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(value=value, **options)
        self._runners: list[Callable[[], object]] = []
        self.on_msg(self._hear)

    def show_error(self, error: Exception | str, text: str | None = None) -> None:
        """Show an error below the query, and mark its place in it.

        Parameters
        ----------
        error : Exception or str
            What went wrong; shown as plain text.
        text : str, optional
            The query that the error is about; the present one by default. Once the field holds
            another, the mark is gone.
        """
        about = self.value if text is None else text
        words = str(error)
        place = error_place(words, about)
        # Our own errors repeat the line and put a caret below it: here the mark does that.
        words = re.sub(r"\n .*\n *\^$", "", words)
        self.error = {
            "message": words,
            "text": about,
            "start": None if place is None else place[0],
            "end": None if place is None else place[1],
        }

    def clear_error(self) -> None:
        """Remove the error and its mark."""
        self.error = {}

    def complete_with(self, names: Iterable[tuple[str, str, str]]) -> None:
        """Offer names: each with its kind, such as ``column``, and a note."""
        self.names = [{"name": n, "kind": kind, "note": note} for n, kind, note in names]

    def on_run(self, run: Callable[[], object]) -> None:
        """Call a function when the user presses Ctrl+Enter."""
        self._runners.append(run)

    def _hear(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "run":
            text = content.get("value")
            if isinstance(text, str):  # typed just now, and perhaps not yet told
                self.value = text
            for run in self._runners:
                run()
