"""The page of the workbench with the map: places of the stars, the map, its selection."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as ipw

from stellarnb.cartography import place
from stellarnb.errors import Interrupted, InvalidInput, MissingInput
from stellarnb.progress import Cancel
from stellarnb.tables import Labels, Table
from stellarnb.views.live.notebook import loaded_already
from stellarnb.widgets.chemical_map.widget import ChemicalMap
from stellarnb.widgets.core.base import close_tree
from stellarnb.widgets.core.tables import html_words
from stellarnb.widgets.core.task import Report, TaskBar, TaskRun
from stellarnb.widgets.core.variables import check_variable, put_variable

__all__ = ["DISTANCES", "MapPanel"]

#: How the distances are found, by what the menu says.
DISTANCES = {
    "none: without R and |Z|": "",
    "spectroscopic: from the labels and G": "spectroscopic",
    "parallax": "parallax",
    "StarHorse: dist50 of the table": "starhorse",
}
_EMPTY = "No labels yet: predict some on the page 3 Predict."


class MapPanel(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Finds the places of the stars, draws the map, and hands the selection to Python."""

    def __init__(
        self, guarded: Callable[[Callable[[], Any]], Any], told: Callable[[], None]
    ) -> None:
        self._guarded, self._told = guarded, told
        self.view: ChemicalMap | None = None
        self._labels: Labels | None = None
        self._stars: Any = None
        self._spectra: Any = None
        self._wanted: str | None = None
        self._made_with = ""
        self.bar = TaskBar(resume="Run the cell again, predict (what is kept is not done again).")
        self._menu = ipw.Dropdown(
            options=list(DISTANCES.items()), description="distances", tooltip=".distance",
            layout={"width": "100%", "max_width": "420px"},
        )  # fmt: skip
        self._make = ipw.Button(description="Make the map", button_style="primary", disabled=True)
        self._make.tooltip = ".make_map()"
        self._name = ipw.Text(
            value="selection", description="into variable", continuous_update=False,
            style={"description_width": "initial"}, layout={"width": "240px"},
        )  # fmt: skip
        self._take = ipw.Button(
            description="Selection to Python", tooltip=".take_selection()", disabled=True,
            layout={"width": "auto"},
        )  # fmt: skip
        self._words, self._place = ipw.HTML(html_words(_EMPTY)), ipw.VBox()
        self._place.layout.width = "100%"
        self._taken = ipw.HTML()
        self._make.on_click(lambda _: guarded(self.make))
        self._take.on_click(lambda _: guarded(self.take))
        wrap = ipw.Layout(flex_flow="row wrap")
        super().__init__(
            [
                ipw.HBox([self._menu, self._make], layout=wrap),
                self.bar,
                self._words,
                self._place,
                ipw.HBox([self._take, self._name], layout=wrap),
                self._taken,
            ],
            layout=ipw.Layout(width="100%", min_width="0"),
        )

    @property
    def distance(self) -> str:
        """How distances are found: ``""`` for none, or as `stellarnb.place` calls it."""
        return str(self._menu.value)

    @distance.setter
    def distance(self, name: str) -> None:
        if name not in DISTANCES.values():
            known = ", ".join(repr(value) for value in DISTANCES.values())
            raise InvalidInput(f"distance={name!r}: give one of {known}.")
        self._menu.value = name

    @property
    def selection(self) -> Table:
        """The stars of the map's selection."""
        if self.view is None:
            raise MissingInput("There is no map yet to select from: make the map first.")
        return self.view.selection

    def give(self, labels: Labels | None, stars: Any, spectra: Any) -> None:
        """Take other labels; the map of the ones before goes."""
        self._labels, self._stars, self._spectra = labels, stars, spectra
        self._drop()
        self._make.disabled = labels is None or len(labels) == 0
        ready = "" if labels is None or not len(labels) else "Labels are here: make the map."
        self._words.value = html_words(ready or _EMPTY)

    def make(self) -> None:
        """Find the places and draw the map, as the button does; returns at once."""
        labels, stars, spectra, distance = self._labels, self._stars, self._spectra, self.distance
        if labels is None:
            raise MissingInput(_EMPTY)
        self.bar.start(
            lambda cancel, report: _placed(labels, stars, distance, cancel, report),
            label="Making the map",
            ended=lambda run: self._draw(run, labels, spectra, distance),
        )
        self._make.disabled = True

    def take(self) -> str | None:
        """Put the selection into its variable, as the button does; return the variable."""
        table, wanted = self.selection, check_variable(self._name.value)
        name = put_variable(wanted, table)
        where = f"in the variable {name}" if name else "in .selection of this widget"
        mine = "" if name in {None, wanted} else f" ({wanted} holds something else, left alone)"
        self._taken.value = html_words(f"{len(table):,} stars are {where}{mine}.")
        self._told()
        return name

    def to_code(self, labels: str, stars: str) -> str:
        """Return Python from the labels to the selection; empty where there is no map."""
        if self.view is None:
            return ""
        table, lines = labels, ""
        if self._made_with:
            table = "galaxy"
            lines = f"galaxy = snb.place({labels}, {stars}, distance={self._made_with!r})\n"
        return f"{lines}{self.view.to_code(table)}"

    def values(self) -> dict[str, Any]:
        """Return the page as plain values."""
        seen = self._wanted if self.view is None else self.view.state_text()
        shown = None if seen is None else json.loads(seen)
        return {"distance": self.distance, "variable": self._name.value, "map": shown}

    def put(self, values: Mapping[str, Any]) -> None:
        """Show what `values` returned; the map's own state waits for the map."""
        name = check_variable(values["variable"])
        self.distance = values["distance"]
        self._name.value = name
        self._wanted = None if values["map"] is None else json.dumps(values["map"])

    def close(self) -> None:
        """Stop what runs, and leave the page."""
        self.bar.close()
        self._drop()
        super().close()

    def _draw(self, run: TaskRun, labels: Labels, spectra: Any, distance: str) -> None:
        """Draw the map once the places are known, in the thread of the run."""
        self._make.disabled = self._labels is None
        if run.state != "done" or self._labels is not labels:
            return
        table, notes = run.result
        with loaded_already():
            view = self._new_map(table, spectra)
        self._drop()
        self.view, self._made_with = view, distance
        view.observe(lambda change: self._told(), ["good_only", "color_by", "snr", "bins"])
        self._words.value = "".join(html_words(note) for note in notes)
        self._place.children = (view,)
        self._take.disabled = False
        self._told()

    def _new_map(self, table: Table, spectra: Any) -> ChemicalMap:
        """Return a map, in the state that was saved if it fits."""
        text, self._wanted = self._wanted, None
        if text is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "map.json"
                path.write_text(text, encoding="utf-8")
                return ChemicalMap(table, spectra=spectra, state=path)
        return ChemicalMap(table, spectra=spectra)

    def _drop(self) -> None:
        view, self.view = self.view, None
        self._take.disabled = True
        self._taken.value = ""
        self._place.children = ()
        if view is not None:
            close_tree(view)


def _placed(
    labels: Labels, stars: Any, distance: str, cancel: Cancel, report: Report
) -> tuple[Table, list[str]]:
    """Return the table of the map, and what is to be said about it."""
    if not distance:
        return labels, []
    report(0, doing="finding the distances")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        table = place(labels, stars, distance)
    if cancel.is_set():
        raise Interrupted("Stopped before the map was drawn.")
    return table, list(dict.fromkeys(str(one.message) for one in heard))
