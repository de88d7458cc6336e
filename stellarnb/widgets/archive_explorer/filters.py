"""The rows of filters in an explorer's form."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets as ipw

from stellarnb.errors import InvalidInput
from stellarnb.widgets.core.base import close_tree

__all__ = ["FilterRows"]

_KINDS = [
    ("from … to", "range"),
    ("is", "is"),
    ("is one of", "one of"),
    ("is true", "true"),
    ("is false", "false"),
    ("has a value", "any"),
    ("has no value", "none"),
]
_WIDE, _NARROW = {"width": "230px"}, {"width": "130px"}
_STYLE = {"description_width": "initial"}


class FilterRows(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Filters, a row each, with a button for one more."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._columns: tuple[str, ...] = ()
        self._rows: list[_Row] = []
        self._add = ipw.Button(
            description="Add a filter",
            tooltip=".filters",
            layout=ipw.Layout(width="auto", align_self="flex-start"),
        )
        self._add.on_click(lambda _: self._append())
        super().__init__([self._add])

    def offer(self, columns: Iterable[str]) -> None:
        """Offer other columns."""
        self._columns = tuple(columns)
        for row in self._rows:
            row.column.options = self._columns

    def values(self) -> dict[str, Any]:
        """Return the filters; rows that are not filled in yet are left out."""
        out: dict[str, Any] = {}
        for row in self._rows:
            name = row.column.value.strip()
            found = row.wanted()
            if not name or found is None:
                continue
            if name in out:
                raise InvalidInput(f"There are two filters on {name}. Write both into one range.")
            out[name] = found[0]
        return out

    def show(self, filters: Mapping[str, Any]) -> None:
        """Show other filters."""
        for row in list(self._rows):
            self._remove(row)
        for name, wanted in filters.items():
            self._append().put(name, wanted)

    def _append(self) -> _Row:
        row = _Row(self._columns, self._changed, self._remove)
        self._rows.append(row)
        self.children = (*(row.box for row in self._rows), self._add)
        return row

    def _remove(self, row: _Row) -> None:
        self._rows.remove(row)
        self.children = (*(row.box for row in self._rows), self._add)
        close_tree(row.box)
        self._changed()


class _Row:
    """One filter."""

    def __init__(
        self, columns: tuple[str, ...], changed: Callable[[], None], remove: Callable[[_Row], None]
    ) -> None:
        self.column = ipw.Combobox(
            options=columns,
            description="column",
            continuous_update=False,
            style=_STYLE,
            layout=ipw.Layout(**_WIDE),
        )
        self.kind = ipw.Dropdown(
            options=_KINDS, description="must be", style=_STYLE, layout=ipw.Layout(**_WIDE)
        )
        self.low = _field("from")
        self.high = _field("to")
        self.value = _field("value")
        gone = ipw.Button(
            description="Remove", tooltip="Remove this filter", layout=ipw.Layout(width="auto")
        )
        gone.on_click(lambda _: remove(self))
        parts = [self.column, self.kind, self.low, self.high, self.value, gone]
        self.box = ipw.HBox(parts, layout=ipw.Layout(flex_flow="row wrap"))
        for part in parts[:-1]:
            part.observe(lambda _: changed(), "value")
        self.kind.observe(lambda _: self._arrange(), "value")
        self._arrange()

    def wanted(self) -> tuple[Any] | None:
        """Return the wanted value in a tuple of one; None if the row is not filled in yet."""
        low, high = self.low.value.strip(), self.high.value.strip()
        value = self.value.value
        fixed = {"true": True, "false": False, "any": (None, None), "none": None}
        kind = self.kind.value
        if kind in fixed:
            return (fixed[kind],)
        if kind == "range":
            return ((low or None, high or None),) if low or high else None
        if kind == "one of":
            items = [item for item in next(csv.reader([value], skipinitialspace=True), []) if item]
            return (items,) if items else None
        return (value,) if value.strip() else None

    def put(self, name: str, wanted: Any) -> None:
        """Show a filter."""
        self.column.value = name
        if isinstance(wanted, bool) or wanted is None:
            self.kind.value = {True: "true", False: "false", None: "none"}[wanted]
        elif wanted == (None, None):
            self.kind.value = "any"
        elif isinstance(wanted, tuple):
            self.kind.value = "range"
            self.low.value, self.high.value = ("" if v is None else str(v) for v in wanted)
        elif isinstance(wanted, list):
            self.kind.value = "one of"
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(wanted)
            self.value.value = line.getvalue()
        else:
            self.kind.value, self.value.value = "is", str(wanted)

    def _arrange(self) -> None:
        kind = self.kind.value
        for part, shown in (
            (self.low, kind == "range"),
            (self.high, kind == "range"),
            (self.value, kind in {"is", "one of"}),
        ):
            part.layout.display = "" if shown else "none"


def _field(words: str) -> ipw.Text:
    return ipw.Text(
        description=words,
        placeholder={"from": "open", "to": "open"}.get(words, ""),
        continuous_update=False,
        style=_STYLE,
        layout=ipw.Layout(**_NARROW),
    )
