"""What a mouse does on a diagram, by numbers: brush a region, zoom there, point at a star."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw
import numpy as np

from stellarnb.cartography import sky_patch
from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.stars import MapStars as Stars
from stellarnb.widgets.chemical_map.contract import ControlledMap
from stellarnb.widgets.chemical_map.state import Brush
from stellarnb.widgets.core.components import Fold

__all__ = ["RegionForm"]

_WHOLE_SKY = ((-180.0, 180.0), (-90.0, 90.0))
_SKY_TITLES = ("l, eastwards [deg]", "b [deg]")
_AUTO = {"width": "auto"}


class RegionForm(Fold):
    """A region of a diagram, and a star, by numbers: the way without a mouse.

    It shows the box that was brushed by mouse, too. On the sky the numbers are Galactic
    longitude and latitude.

    Parameters
    ----------
    view : ControlledMap
        The map.
    stars : Stars
        Its stars.
    panels : list of Panel
        Its diagrams; at least one.
    """

    def __init__(self, view: ControlledMap, stars: Stars, panels: list[Panel]) -> None:
        self._view, self._stars = view, stars
        self._panels = {panel.key: panel for panel in panels}
        self._menu = ipw.Dropdown(
            options=[(panel.title, panel.key) for panel in panels], description="diagram"
        )
        self._menu.observe(lambda change: self._name_ends(), "value")
        self._ends = [self._end() for _ in range(4)]
        buttons = [
            self._button("Brush", ".brush(key, x, y)", self.brush),
            self._button("Zoom there", ".zoom(key, x, y)", self.zoom),
            self._button("Clear selection", ".clear_brush()", view.clear_brush),
        ]
        wrap = ipw.Layout(flex_flow="row wrap")
        rows = [ipw.HBox([self._menu, *self._ends], layout=wrap), ipw.HBox(buttons, layout=wrap)]
        if "source_id" in stars.table:
            rows.append(self._star_row(wrap))
        self._name_ends()
        super().__init__("region and star by numbers: without a mouse", ipw.VBox(rows))

    def follow(self, brush: Brush | None) -> None:
        """Show the box that was brushed; a lasso has no four numbers."""
        if brush is None or len(brush.x) != 2 or self._panels[brush.key].is_sky:
            return
        # What was typed here stays as it was typed.
        if self._menu.value != brush.key or Brush.of(brush.key, *self._region()) != brush:
            self._menu.value = brush.key
            self._fill(brush.x, brush.y)

    def brush(self) -> None:
        """Brush the region, as the button does."""
        self._view.brush(self._menu.value, *self._region())

    def zoom(self) -> None:
        """Show the region, as the button does."""
        x, y = self._region()
        self._view.zoom(self._menu.value, (min(x), max(x)), (min(y), max(y)))

    def _region(self) -> tuple[list[float], list[float]]:
        """Return two edges in x and in y, or the corners of a patch of the sky."""
        x0, x1, y0, y1 = (float(end.value) for end in self._ends)
        if not self._panels[self._menu.value].is_sky:
            return [x0, x1], [y0, y1]
        corners = sky_patch((x0, x1), (y0, y1))
        x, y = (np.round(side, 6).tolist() for side in corners)
        return x, y

    def _name_ends(self) -> None:
        """Name the four numbers by the axes of the diagram, and begin with what it shows."""
        panel = self._panels[self._menu.value]
        titles = _SKY_TITLES if panel.is_sky else (panel.x_title, panel.y_title)
        names = [f"{title} {word}" for title in titles for word in ("from", "to")]
        for end, name in zip(self._ends, names, strict=True):
            end.description = name
        seen = self._view.views.get(panel.key, panel.home)
        self._fill(*(_WHOLE_SKY if panel.is_sky else seen))

    def _fill(self, x: tuple[float, ...], y: tuple[float, ...]) -> None:
        values = [_rounded(value, ends) for ends in (x, y) for value in ends]
        for end, value in zip(self._ends, values, strict=True):
            end.value = value

    def _star_row(self, wrap: ipw.Layout) -> ipw.Widget:
        name = ipw.Text(
            description="source_id",
            placeholder="of a star",
            tooltip=".star",
            continuous_update=False,
        )
        name.observe(lambda change: self._view.guarded(lambda: self._point(name.value)), "value")

        def follow(change: Any) -> None:
            row = change["new"]
            text = "" if row is None else str(self._stars.table["source_id"][row])
            if name.value != text:
                name.value = text

        self._view.observe(follow, "star")
        return ipw.HBox([name, ipw.Label("mark this star in all diagrams")], layout=wrap)

    def _point(self, text: str) -> None:
        text = text.strip()
        if not text:
            self._view.star = None
            return
        if not (text.isascii() and text.isdigit()):
            raise InvalidInput(
                f"{text!r} is not a source_id: give a whole number, such as 4295806720."
            )
        ids = self._stars.table["source_id"]
        rows = np.flatnonzero(ids == int(text)) if int(text) < 2**63 else np.empty(0, dtype=int)
        if len(rows) == 0:
            raise InvalidInput(f"No star {text} in this table.")
        # Of several rows of one star, one that is marked already stays marked.
        if self._view.star not in rows:
            self._view.star = int(rows[0])

    def _button(self, words: str, twin: str, work: Any) -> ipw.Button:
        made = ipw.Button(description=words, tooltip=twin, layout=ipw.Layout(**_AUTO))
        made.on_click(lambda _: self._view.guarded(work))
        return made

    @staticmethod
    def _end() -> ipw.FloatText:
        wide = {"description_width": "initial"}
        # Any number may be typed: no steps.
        return ipw.FloatText(step=None, style=wide, layout=ipw.Layout(**_AUTO))


def _rounded(value: float, ends: tuple[float, ...]) -> float:
    """Return a number with as many digits as its range needs: a hundredth of a percent."""
    width = abs(ends[-1] - ends[0])
    digits = 4 - int(np.floor(np.log10(width))) if width > 0 else 6
    return round(float(value), max(digits, 0))
