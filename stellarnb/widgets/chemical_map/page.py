"""The diagrams of a chemical map as one widget: what it shows, and what the user does there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as ipw
import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import Absent, Panel
from stellarnb.views.data.stars import MapStars as Stars
from stellarnb.views.data.style import Theme
from stellarnb.views.live.bokeh_parts import lay_out
from stellarnb.views.live.bokeh_widget import LiveModel
from stellarnb.views.live.figure import MapFigure
from stellarnb.views.live.link import Link, Request
from stellarnb.widgets.chemical_map.contract import Owner
from stellarnb.widgets.chemical_map.star_card import hover_words, nearest
from stellarnb.widgets.chemical_map.state import Brush

__all__ = ["MapPage"]


class MapPage:
    """The diagrams of a map, linked.

    Parameters
    ----------
    stars : Stars
        The stars.
    panels : sequence of Panel or Absent
        The diagrams.
    owner : Owner
        Who is told of what the user does.
    theme : Theme or None
        Colours; those of the JupyterLab page where None.
    height : int
        Of an image [pixel].
    color_by : str
        What the colours show at first.
    chosen : numpy.ndarray of bool, shape [n], or None
        The stars in colour at first.

    Attributes
    ----------
    figures : dict of str to MapFigure
        The diagrams, by name.
    panels : list of Panel or Absent
        The diagrams, and words for those that are not there.
    widget : ipywidgets.Widget
        What to show.
    """

    def __init__(
        self,
        stars: Stars,
        panels: Sequence[Panel | Absent],
        owner: Owner,
        *,
        theme: Theme | None,
        height: int,
        color_by: str,
        chosen: NDArray[np.bool_] | None,
    ) -> None:
        self._stars, self._owner, self._chosen = stars, owner, chosen
        self._star: int | None = None
        self.panels = list(panels)
        handlers: dict[str, Callable[[Request], None]] = {
            "view": self._on_view,
            "home": self._on_home,
            "brush": self._on_brush,
            "tap": self._on_tap,
            "hover": self._on_hover,
            "leave": self._on_leave,
        }
        self.link = Link(handlers, guard=owner.guarded, in_lab=theme is None)
        self.figures: dict[str, MapFigure] = {}
        absent = []
        for panel in panels:
            if isinstance(panel, Absent):
                absent.append(ipw.HTML(escape(panel.words)))
                continue
            self.figures[panel.key] = MapFigure(
                stars,
                panel,
                theme=theme,
                color_by=color_by,
                chosen=chosen,
                size=(340, height),
                stretch=True,
            )
            self.figures[panel.key].join(self.link)
        parts: list[ipw.Widget] = absent
        self.live: LiveModel | None = None
        if self.figures:
            root = lay_out([live.figure for live in self.figures.values()])
            self.link.keep(root)
            self.live = LiveModel(root, layout=ipw.Layout(width="100%"))
            self.link.show(self.live)
            parts = [self.live, *absent]
        self.widget = ipw.VBox(parts, layout=ipw.Layout(width="100%"))

    def figure(self, key: str) -> MapFigure:
        """Return a diagram.

        Raises
        ------
        InvalidInput
            If there is none of this name; the message names those that there are.
        """
        if key not in self.figures:
            raise InvalidInput(f"No diagram {key!r} here; there are: {', '.join(self.figures)}.")
        return self.figures[key]

    def panel(self, key: str) -> Panel:
        """Return what a diagram shows; see `figure`."""
        return self.figure(key).panel

    def show(self, *, color_by: str, chosen: NDArray[np.bool_] | None, brush: Brush | None) -> None:
        """Change colours, stars and brush of all diagrams in one step."""
        self._chosen = chosen
        with self.link.batch():
            for key, live in self.figures.items():
                live.show(color_by=color_by, chosen=chosen)
                drawn = brush is not None and brush.key == key
                live.outline(*(brush.outline if brush is not None and drawn else ([], [])))

    def move(self, views: dict[str, Any]) -> None:
        """Show these views, and the home view of all other diagrams."""
        with self.link.batch():
            for key, live in self.figures.items():
                if key in views:
                    live.view = views[key]
                elif live.view != live.panel.home:
                    live.reset()

    def drag(self, what: str) -> None:
        """Choose what dragging does in all diagrams."""
        with self.link.batch():
            for live in self.figures.values():
                live.drag(what)

    def point(self, row: int | None) -> None:
        """Mark a star in all diagrams."""
        self._star = row
        with self.link.batch():
            for live in self.figures.values():
                live.spot(row)

    def _on_view(self, request: Request) -> None:
        self.figure(request["key"]).look(request, self.link)
        self._owner.zoomed()

    def _on_home(self, request: Request) -> None:
        self.figure(request["key"]).reset()
        self._owner.zoomed()

    def _on_brush(self, request: Request) -> None:
        self._owner.brush(request["key"], request["x"], request["y"])

    def _on_tap(self, request: Request) -> None:
        self._owner.tapped(self._found(request))

    def _on_hover(self, request: Request) -> None:
        row, live = self._found(request), self.figure(request["key"])
        if row is None:
            live.spot(self._star)
        else:
            columns = (live.panel.x, live.panel.y)
            live.spot(row, hover_words(self._stars.table, row, columns))

    def _on_leave(self, request: Request) -> None:
        self.figure(request["key"]).spot(self._star)

    def _found(self, request: Request) -> int | None:
        """Return the star in colour that is nearest to the mouse."""
        panel = self.panel(request["key"])
        x, y = self._stars.column(panel.x), self._stars.column(panel.y)
        place = float(request["x"]), float(request["y"])
        return nearest(x, y, place, (float(request["dx"]), float(request["dy"])), self._chosen)
