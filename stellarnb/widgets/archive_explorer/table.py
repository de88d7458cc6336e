"""A table in pages: some rows at a time, and every cell as text."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as ipw

from stellarnb.tables import Table

__all__ = ["PAGE", "TablePager", "page_html"]

#: Rows on a page, columns at most, and letters of a cell at most.
PAGE, MOST_COLUMNS, MOST_LETTERS = 50, 60, 120


def page_html(table: Table, first: int, title: str) -> str:
    """Return some rows of a table as HTML; whatever comes from the table is escaped."""
    names = table.colnames[:MOST_COLUMNS]
    rows = table.arrow.slice(first, PAGE).select(range(len(names)))
    head = "".join(_head(table, name) for name in names)
    cells = [column.to_pylist() for column in rows.columns]
    lines = "".join(
        f'<tr><th scope="row">{first + i + 1:,}</th>{"".join(map(_cell, line))}</tr>'
        for i, line in enumerate(zip(*cells, strict=True))
    )
    # A region that scrolls must be reached by the keyboard.
    return (
        f'<div class="snb-scroll" style="max-height: 28em; overflow: auto" tabindex="0" role="group" '
        f'aria-label="{escape(title)}"><table class="snb-table">'
        f'<caption>{escape(title)}</caption><thead style="position: sticky; top: 0"><tr><th scope="col">row</th>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _head(table: Table, name: str) -> str:
    unit = table.units.get(name, "")
    words = table.descriptions.get(name, "")
    under = f"<br><small>{escape(unit)}</small>" if unit else ""
    return f'<th scope="col" title="{escape(words)}">{escape(name)}{under}</th>'


def _cell(value: Any) -> str:
    if value is None:
        return "<td>no value</td>"
    if isinstance(value, float):
        return f'<td class="snb-number">{value:.7g}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="snb-number">{value}</td>'
    text = str(value)
    short = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
    return f"<td>{escape(short)}</td>"


class TablePager(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A table of any length, `PAGE` rows at a time."""

    def __init__(self) -> None:
        self._table: Table | None = None
        self._title = ""
        self.page = 0
        self._view = ipw.HTML()
        self._words = ipw.Label()
        self._buttons = {
            "First": self._button("First", "First page", lambda: 0),
            "Previous": self._button("Previous", "Previous page", lambda: self.page - 1),
            "Next": self._button("Next", "Next page", lambda: self.page + 1),
            "Last": self._button("Last", "Last page", lambda: self.pages - 1),
        }
        self._line = ipw.HBox(
            [*self._buttons.values(), self._words], layout=ipw.Layout(flex_flow="row wrap")
        )
        super().__init__([self._line, self._view], layout=ipw.Layout(width="100%"))
        self.clear()

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return 0 if self._table is None else -(-len(self._table) // PAGE)

    @property
    def html(self) -> str:
        """What the page shows, as HTML."""
        return str(self._view.value)

    def show(self, table: Table, title: str) -> None:
        """Show a table from its beginning."""
        self._table, self._title = table, title
        self.turn(0)

    def clear(self) -> None:
        """Show nothing."""
        self._table, self.page = None, 0
        self._view.value = ""
        self._line.layout.display = "none"
        self.layout.display = "none"

    def turn(self, page: int) -> None:
        """Show a page; beyond the ends the first or the last."""
        if self._table is None:
            return
        self.page = min(max(page, 0), max(self.pages - 1, 0))
        first = self.page * PAGE
        n, columns = len(self._table), len(self._table.colnames)
        hidden = (
            f"; the first {MOST_COLUMNS} of {columns} columns" if columns > MOST_COLUMNS else ""
        )
        if n:
            self._view.value = page_html(self._table, first, self._title)
        else:
            self._view.value = f'<p class="snb-words">{escape(self._title)}: no rows.</p>'
        last = min(first + PAGE, n)
        self._words.value = f"rows {first + 1:,} to {last:,} of {n:,}{hidden}"
        self._buttons["First"].disabled = self._buttons["Previous"].disabled = self.page == 0
        self._buttons["Next"].disabled = self._buttons["Last"].disabled = (
            self.page >= self.pages - 1
        )
        self._line.layout.display = "" if n > PAGE or hidden else "none"
        self.layout.display = ""

    def _button(self, name: str, tooltip: str, to: Any) -> ipw.Button:
        button = ipw.Button(description=name, tooltip=tooltip, layout=ipw.Layout(width="auto"))
        button.on_click(lambda _: self.turn(to()))
        return button
