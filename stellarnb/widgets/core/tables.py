"""Tables as HTML for widgets; every value is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

__all__ = ["Cell", "html_list", "html_table", "html_words", "number"]


class Cell(NamedTuple):
    """A cell: its text, and how it looks (``number out good warn``, of base.css)."""

    text: str
    look: str = ""


def html_table(
    head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "", *, label: str = ""
) -> str:
    """Return a table that scrolls sideways; `label`, or the caption, names it to screen readers."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    name = escape(label or caption or "table")
    return (
        f'<div class="snb-scroll" tabindex="0" role="group" aria-label="{name}">'
        f'<table class="snb-table">{said}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def html_words(text: str, look: str = "words") -> str:
    """Return a paragraph."""
    return f'<p class="snb-words snb-{escape(look)}">{escape(text)}</p>'


def html_list(lines: Iterable[str]) -> str:
    """Return a list with bullets."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>"


def number(value: Any, digits: int = 4) -> Cell:
    """Return a number with so many significant digits; a gap where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("–", "number")
    if isinstance(value, int) and not isinstance(value, bool):
        return Cell(f"{value:,}", "number")
    return Cell(f"{value:.{digits}g}", "number")


def _cell(cell: object) -> str:
    text, look = cell if isinstance(cell, Cell) else (str(cell), "")
    classes = " ".join(f"snb-{escape(part)}" for part in look.split())
    return f'<td class="{classes}">{escape(text)}</td>' if classes else f"<td>{escape(text)}</td>"
