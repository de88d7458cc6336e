"""Labels as a table in pages: values ± errors; a sign, a colour and a word show flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
from numpy.typing import NDArray

from stellarnb.tables import Labels, Table
from stellarnb.views.data.style import axis_title, symbol
from stellarnb.widgets.core.tables import Cell, html_table, html_words, number

__all__ = ["LabelsTable", "comparison_html", "summary_words", "where_words"]

#: Rows of a page: a few kB of HTML, however many stars there are.
PAGE = 20
_SHOWN = ("all stars", "good() only", "flagged only")


class LabelsTable(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A page of labels, and buttons to the others."""

    def __init__(self, guarded: Callable[[Callable[[], None]], Any]) -> None:
        self._labels: Labels | None = None
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._page = 0
        self._html = ipw.HTML(layout=ipw.Layout(width="100%", min_width="0"))
        self._where = ipw.Label()
        self._shown = ipw.Dropdown(options=_SHOWN, description="show", layout={"width": "220px"})
        self._buttons = {}
        steps = {"First": -(10**9), "Previous": -1, "Next": 1, "Last": 10**9}
        for words, step in steps.items():
            button = ipw.Button(
                description=words, tooltip=f"{words} page of the labels", layout={"width": "80px"}
            )
            button.on_click(lambda _, step=step: guarded(lambda: self.turn(step)))
            self._buttons[words] = button
        self._shown.observe(lambda change: guarded(self._choose), "value")
        controls = [self._shown, *self._buttons.values(), self._where]
        row = ipw.HBox(controls, layout=ipw.Layout(flex_flow="row wrap"))
        super().__init__([row, self._html], layout=ipw.Layout(width="100%", min_width="0"))
        self.show(None)

    @property
    def html(self) -> str:
        """The page that is shown."""
        return str(self._html.value)

    def show(self, labels: Labels | None) -> None:
        """Show these labels, from the first page on; None shows nothing."""
        self._labels = labels
        self.layout.display = None if labels is not None and len(labels) else "none"
        self._choose()

    def turn(self, pages: int) -> None:
        """Go so many pages on, or back."""
        last = max(-(-len(self._rows) // PAGE) - 1, 0)
        self._page = min(max(self._page + pages, 0), last)
        for words, button in self._buttons.items():
            at_end = self._page == (0 if words in {"First", "Previous"} else last)
            button.disabled = at_end
        start = self._page * PAGE
        rows = self._rows[start : start + PAGE]
        self._where.value = (
            f"rows {start + 1:,} to {start + len(rows):,} of {len(self._rows):,}"
            if len(rows)
            else "no such star"
        )
        self._html.value = "" if self._labels is None else _page_html(self._labels.take(rows))

    def _choose(self) -> None:
        labels, rows = self._labels, np.empty(0, dtype=np.int64)
        if labels is not None:
            rows = np.arange(len(labels))
            good = np.asarray(labels["good"], dtype=bool) if "good" in labels else None
            if good is not None and self._shown.value != _SHOWN[0]:
                rows = np.flatnonzero(good if self._shown.value == _SHOWN[1] else ~good)
        self._rows, self._page = rows, 0
        self.turn(0)


def summary_words(labels: Labels) -> list[str]:
    """Return lines on how many stars are good, and why the others are not."""
    n = len(labels)
    if n == 0:
        return [f"{labels.model}: no stars."]
    good = int(np.sum(labels["good"]))
    lines = [f"{labels.model}: {n:,} stars, {good:,} ({100 * good / n:.0f} %) of them good()."]
    flags = [(name, int(np.sum(labels[f"{name}_flag"]))) for name in labels.names]
    outside = [f"{symbol(name)} of {count:,}" for name, count in flags if count]
    if outside:
        lines.append(f"Outside the training limits: {', '.join(outside)}.")
    novel = int(np.sum(np.asarray(labels["novelty"]) > 1)) if "novelty" in labels else 0
    if novel:
        lines.append(f"Unlike the training set (novelty above 1): {novel:,}.")
    for key, words in (
        ("unusable_spectra", "Spectra from which nothing can be read"),
        ("incomplete_inputs", "Stars that lack an input, and have no labels"),
    ):
        if labels.provenance.get(key):
            lines.append(f"{words}: {labels.provenance[key]:,}.")
    if labels.provenance.get("line_check"):
        lines.append(f"Lines of the spectra: {labels.provenance['line_check']}")
    return lines


def where_words(wanted: str, written: str | None) -> str:
    """Return text on which variable has the labels; none has them outside a notebook."""
    if written is None:
        return "The labels are in .labels of this widget."
    mine = f": {wanted} holds something else, which was left alone" if written != wanted else ""
    return f"The labels are in the variable {written}{mine}."


def comparison_html(table: Table, title: str) -> str:
    """Return a comparison of `Labels.compare` as a table."""
    rows = table.arrow.to_pylist()
    if not rows or not any(row["n"] for row in rows):
        return html_words("No star has labels in both tables.", "warn")
    keys = [key for key in rows[0] if key != "bin" or any(row["bin"] != "all" for row in rows)]
    cells = [
        [symbol(row[k]) if k == "label" else row[k] if isinstance(row[k], str) else number(row[k]) for k in keys]
        for row in rows
    ]  # fmt: skip
    return html_table(keys, cells, title)


def _page_html(labels: Labels) -> str:
    names = labels.names
    head = ["source_id", *(axis_title(name, labels.units) for name in names), "novelty", "verdict"]
    columns = {key: labels[key] for key in labels.colnames}
    rows = [
        [
            str(columns["source_id"][i]),
            *(_label(columns, name, i) for name in names),
            number(float(columns["novelty"][i]), 3) if "novelty" in columns else Cell("–"),
            _verdict(columns, names, i),
        ]
        for i in range(len(labels))
    ]
    caption = (
        "▲ outside the training limits · errors are the scatter to expect against the reference"
    )
    return html_table(head, rows, caption, label="Labels")


def _label(columns: dict[str, Any], name: str, i: int) -> Cell:
    value, error = float(columns[name][i]), float(columns[f"{name}_error"][i])
    if not np.isfinite(value):
        return Cell("none", "number out")
    places = 0 if abs(value) >= 1000 else 2
    text = f"{value:.{places}f} ± {error:.{places}f}"
    flagged = bool(columns[f"{name}_flag"][i])
    return Cell(f"▲ {text}", "number out") if flagged else Cell(text, "number")


def _verdict(columns: dict[str, Any], names: list[str], i: int) -> Cell:
    if "good" in columns and bool(columns["good"][i]):
        return Cell("✓ good", "good")
    outside = [symbol(name) for name in names if bool(columns[f"{name}_flag"][i])]
    if outside:
        return Cell(f"✗ outside: {', '.join(outside)}", "out")
    novelty = float(columns["novelty"][i]) if "novelty" in columns else 0.0
    return Cell("✗ unlike the training set" if novelty > 1 else "✗ not good", "out")
