"""The controls of an archive explorer; each has its twin in Python, named in its tooltip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as ipw
import traitlets

from stellarnb.archives.registry import archive_names
from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.widgets.adql_editor import AdqlEditor
from stellarnb.widgets.archive_explorer.chooser import Chooser
from stellarnb.widgets.archive_explorer.contract import ExplorerControls
from stellarnb.widgets.archive_explorer.filters import FilterRows
from stellarnb.widgets.archive_explorer.query import TableKnown, column_word
from stellarnb.widgets.archive_explorer.source import Source, TableEntry
from stellarnb.widgets.archive_explorer.state import check_limit

__all__ = ["Form", "row", "words"]

_STYLE = {"description_width": "initial"}
#: Columns that tell whether a star has a kind of spectrum; each has its own checkbox.
_HAS = {
    "has_rvs": "has an RVS spectrum",
    "has_xp_continuous": "has XP coefficients",
    "has_xp_sampled": "has a sampled XP spectrum",
}
#: Tables whose names the editor completes.
_MOST_NAMES = 1000
_UNITS = {"deg": 1.0, "arcmin": 60.0, "arcsec": 3600.0}


def row(*parts: ipw.Widget) -> ipw.HBox:
    """Return controls side by side, below each other where it is narrow."""
    return ipw.HBox(list(parts), layout=ipw.Layout(flex_flow="row wrap", align_items="center"))


def words(text: str, *, warn: bool = False) -> str:
    """Return plain text as the HTML of a line."""
    kind = "snb-warn" if warn else "snb-words"
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


class Form:
    """The form: archive, table, columns, cone, filters, limit; or a query in ADQL."""

    def __init__(self, view: ExplorerControls) -> None:
        self._view = view
        #: By thread: while one thread shows values, the controls must still follow the user.
        self._quiet = threading.local()
        self.archive = ipw.Combobox(
            options=archive_names(),
            description="archive",
            tooltip=".archive: a name, a catalogue of VizieR, a folder, or an address",
            placeholder="name, folder or https://…",
            continuous_update=False,
            style=_STYLE,
            layout=ipw.Layout(width="360px", max_width="100%"),
        )
        self.open = _button("Open", ".choose_archive(name)")
        self.about, self.reading = ipw.HTML(), ipw.HTML()
        self.mode = ipw.ToggleButtons(
            options=[("Form", "form"), ("ADQL", "adql")],
            tooltips=[".mode = 'form'", ".mode = 'adql'"],
            description="ask by",
            style={"button_width": "auto", **_STYLE},
        )
        self.tables = Chooser("Tables")
        self.columns = Chooser("Columns", multiple=True, none_chosen="all columns")
        self.center = _text("around", ".center", "M 67, or 132.85 +11.81", "300px")
        self.radius = _text("radius", ".radius [deg]", "", "140px")
        self.unit = ipw.Dropdown(
            options=list(_UNITS), description="in", style=_STYLE, layout=ipw.Layout(width="110px")
        )
        self.has = {
            name: ipw.Checkbox(
                description=said, indent=False, tooltip=".filters", layout=ipw.Layout(width="auto")
            )
            for name, said in _HAS.items()
        }
        self.snr_low = _text("S/N from", ".filters['snr']", "open", "150px")
        self.snr_high = _text("S/N to", ".filters['snr']", "open", "150px")
        self.filters = FilterRows(lambda: self._tell(self._filters_told))
        self.limit = _text("rows at most", ".limit", "all", "200px")
        self.edit = _button("Edit as ADQL", ".edit_as_adql()")
        self.editor = AdqlEditor()
        self.form = ipw.VBox(
            [
                self.tables,
                self.columns,
                row(self.center, self.radius, self.unit),
                row(*self.has.values(), self.snr_low, self.snr_high),
                self.filters,
                row(self.limit, self.edit),
            ]
        )
        top = row(self.archive, self.open)
        self.parts = (top, self.about, self.mode, self.reading, self.form, self.editor)
        self._wire()

    def _wire(self) -> None:
        view = self._view
        self.open.on_click(lambda _: view.guarded(lambda: view.choose_archive(self.archive.value)))
        self.edit.on_click(lambda _: view.guarded(view.edit_as_adql))
        traitlets.link((view, "mode"), (self.mode, "value"))
        traitlets.link((view, "adql"), (self.editor, "value"))
        pairs: list[tuple[Any, Callable[[], None]]] = [
            (self.center, lambda: view.set_trait("center", self.center.value)),
            (self.radius, self._radius_told),
            (self.limit, self._limit_told),
            (self.snr_low, self._filters_told),
            (self.snr_high, self._filters_told),
            *((box, self._filters_told) for box in self.has.values()),
        ]
        for control, told in pairs:
            control.observe(lambda _, told=told: self._tell(told), "value")
        self.unit.observe(lambda _: self.show_radius(), "value")
        self.tables.observe(lambda _: self._tell(self._table_told), "chosen")
        self.columns.observe(
            lambda _: self._tell(lambda: view.set_trait("columns", list(self.columns.chosen))),
            "chosen",
        )
        view.observe(lambda _: self.arrange(), "mode")
        shows = {
            "table": lambda: self.tables.choose([view.table] if view.table else []),
            "columns": lambda: self.columns.choose(view.columns),
            "center": lambda: self.center.set_trait("value", view.center),
            "radius": self.show_radius,
            "limit": lambda: self.limit.set_trait(
                "value", "" if view.limit is None else str(view.limit)
            ),
            "filters": self.show_filters,
        }
        for name, show in shows.items():
            view.observe(lambda _, show=show: self._show(show), name)

    def arrange(self) -> None:
        """Show the form, or the editor."""
        by_form = self._view.mode == "form"
        self.form.layout.display = "" if by_form else "none"
        self.editor.layout.display = "none" if by_form else ""

    def show_archive(self, name: str, source: Source) -> None:
        """Show which archive is open."""
        self.archive.value = name
        archive = source.archive
        version = getattr(archive, "version", "") or getattr(archive, "release", "")
        release = f", {version}" if source.remote and version not in archive.title else ""
        self.about.value = words(f"{archive.title}{release}")

    def offer_tables(self, entries: list[TableEntry]) -> None:
        """Show the archive's tables."""
        with self._hushed():
            self.tables.offer(
                (e.name, "" if e.rows is None else f"{e.rows:,} rows", e.description)
                for e in entries
            )
            self.tables.choose([self._view.table] if self._view.table else [])

    def offer_columns(self, known: TableKnown | None) -> None:
        """Show a table's columns, and only the filters that fit them."""
        columns = {} if known is None else known.columns
        with self._hushed():
            self.columns.offer(
                (name, info.unit, info.description) for name, info in columns.items()
            )
            self.columns.choose(self._view.columns)
        names = set() if known is None else {name.lower() for name in columns} | set(known.shared)
        for name, box in self.has.items():
            box.layout.display = "" if name in names else "none"
        for part in (self.snr_low, self.snr_high):
            part.layout.display = "" if "snr" in names else "none"
        self.filters.offer(columns)
        with self._hushed():
            self.show_filters()

    def offer_names(
        self, entries: list[TableEntry], source: Source, known: TableKnown | None
    ) -> None:
        """Let the editor complete the names of tables and known columns."""
        names = [(source.written(e.name), "table", e.description) for e in entries[:_MOST_NAMES]]
        tables = [known] if known is not None else []
        if not source.remote:
            tables = [source.known(e.name) for e in entries[:_MOST_NAMES]]
        for table in tables:
            for name, info in table.columns.items():
                note = " · ".join(part for part in (info.unit, info.description) if part)
                names.append((column_word(name), "column", f"{table.name} · {note}"))
        self.editor.complete_with(dict.fromkeys(names))

    def guard_editor(self, source: Source) -> None:
        """Check the query in the editor, and mark an error in it."""
        editor = self.editor
        if self._view.mode != "adql" or not editor.value.strip():
            editor.clear_error()
            return
        try:
            source.check(editor.value)
        except StellarnbError as error:
            editor.show_error(error)
        else:
            editor.clear_error()

    def show_radius(self) -> None:
        """Show the radius in the unit that is chosen."""
        with self._hushed():
            self.radius.value = f"{self._view.radius * _UNITS[self.unit.value]:.10g}"

    def show_filters(self) -> None:
        """Show the filters: some have a control of their own, the others a row."""
        left = dict(self._view.filters)
        for name, box in self.has.items():
            shown = box.layout.display != "none"
            box.value = shown and left.get(name) is True
            if box.value:
                del left[name]
        pair = left.get("snr")
        own = (
            isinstance(pair, tuple)
            and self.snr_low.layout.display != "none"
            and any(side is not None for side in pair)
        )
        sides = left.pop("snr") if own else (None, None)
        self.snr_low.value, self.snr_high.value = ("" if s is None else str(s) for s in sides)
        self.filters.show(left)

    def _filters_told(self) -> None:
        out: dict[str, Any] = {name: True for name, box in self.has.items() if box.value}
        low, high = self.snr_low.value.strip(), self.snr_high.value.strip()
        if low or high:
            out["snr"] = (low or None, high or None)
        rows = self.filters.values()
        twice = sorted(set(out) & set(rows))
        if twice:
            raise InvalidInput(f"There are two filters on {twice[0]}. Write both into one filter.")
        self._view.set_trait("filters", out | rows)

    def _radius_told(self) -> None:
        text, scale = self.radius.value.strip(), _UNITS[self.unit.value]
        try:
            radius = float(text) / scale
        except ValueError as error:
            raise InvalidInput(
                f"The radius must be a number in {self.unit.value}, not {text!r}."
            ) from error
        self._view.set_trait("radius", radius)

    def _limit_told(self) -> None:
        text = self.limit.value.strip()
        if text and not text.isdecimal():
            raise InvalidInput(
                f"The limit of rows must be a whole number, not {text!r}. Write, for example, 1000; "
                "leave it empty for all rows."
            )
        self._view.set_trait("limit", check_limit(int(text)) if text else None)

    def _table_told(self) -> None:
        if self.tables.chosen:
            self._view.set_trait("table", self.tables.chosen[0])

    def _tell(self, told: Callable[[], None]) -> None:
        """Put what the user has typed into a trait; show an error if the value is not valid."""
        if getattr(self._quiet, "on", False):
            return
        with self._hushed():
            self._view.guarded(told)

    def _show(self, show: Callable[[], None]) -> None:
        """Show the value of a trait, unless one of these controls has just set it."""
        if getattr(self._quiet, "on", False):
            return
        with self._hushed():
            show()

    @contextmanager
    def _hushed(self) -> Iterator[None]:
        before, self._quiet.on = getattr(self._quiet, "on", False), True
        try:
            yield
        finally:
            self._quiet.on = before


def _button(description: str, twin: str) -> ipw.Button:
    return ipw.Button(description=description, tooltip=twin, layout=ipw.Layout(width="auto"))


def _text(description: str, twin: str, placeholder: str, width: str) -> ipw.Text:
    return ipw.Text(
        description=description,
        tooltip=twin,
        placeholder=placeholder,
        continuous_update=False,
        style=_STYLE,
        layout=ipw.Layout(width=width, max_width="100%"),
    )
