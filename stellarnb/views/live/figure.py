"""Live Bokeh figures: an image of stars that is aggregated anew at each zoom."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Label, Title
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.raster import Painter, Picture, Ranges
from stellarnb.views.data.stars import MapStars, Range
from stellarnb.views.data.style import Theme
from stellarnb.views.live.bokeh_parts import (
    DRAGS,
    add_bar,
    add_graticule,
    add_marks,
    bar_mapper,
    dress,
    frame_of,
    name_bar,
    shade_mapper,
)
from stellarnb.views.live.link import Link, Request

__all__ = ["EVENTS", "MapFigure", "pixels", "rising", "set_ranges"]

#: What a figure tells its `Link` of, beside zoom and size.
EVENTS = ("selectiongeometry", "tap", "doubletap", "mousemove", "mouseleave")
#: More stars than this are drawn with two bins a pixel in a file, for a zoom to come.
_MANY = 50_000
_PLACE = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
#: Stars that are pointed at, and the edge of a brush: seen on each colour.
_SPOT, _EDGE = "#d55e00", "#d55e00"

Mask = NDArray[np.bool_]


class MapFigure:
    """Draw one diagram as a Bokeh figure; when live, each zoom aggregates the stars again."""

    def __init__(
        self,
        stars: MapStars,
        panel: Panel,
        *,
        theme: Theme | None = None,
        color_by: str = "count",
        chosen: Mask | None = None,
        size: tuple[int, int] = (340, 320),
        stretch: bool = False,
        view: Ranges | None = None,
        live: bool = True,
    ) -> None:
        self.stars, self.panel = stars, panel
        self._color_by, self._chosen = color_by, chosen
        self._size, self._live = size, live
        self._painter = Painter(stars, panel)
        self.figure = frame_of(panel, size, stretch=stretch, live=live)
        # A line of its own, where the page writes too, if Python is silent.
        self._caption = Title(
            text="", text_font_size="11px", text_font_style="normal", name="caption"
        )
        self.figure.add_layout(self._caption, "above")
        self._source = ColumnDataSource()
        self._spot = ColumnDataSource({"x": [], "y": []})
        self._edge = ColumnDataSource({"x": [], "y": []})
        self._bar: Any = None
        dress(self.figure, theme)
        self.view = view or panel.fitted(size)
        self.figure.image(
            "shades", **_PLACE, source=self._source, color_mapper=shade_mapper(theme), name="stars"
        )
        if panel.is_sky:
            add_graticule(self.figure, theme)
        add_marks(self.figure, panel, theme)
        self._add_pointers(theme)
        self._bar = add_bar(
            self.figure,
            bar_mapper(self.picture.limits, logarithmic=self.picture.is_count),
            self.picture.bar_title,
            theme,
            logarithmic=self.picture.is_count,
        )

    def join(self, link: Link) -> None:
        """Tell a link of what the user does here."""
        link.add(self.panel.key, self.figure, EVENTS)

    @property
    def view(self) -> Ranges:
        """The x and y range that is shown, each rising; exactly `Panel.home` until it is changed."""
        shown = self._shown()
        return self.panel.home if shown == self.panel.fitted(self._size) else shown

    @view.setter
    def view(self, view: Ranges) -> None:
        set_ranges(self.figure, self.panel, view)
        self.refresh()

    def reset(self) -> None:
        """Go back to the home view."""
        self.view = self.panel.fitted(self._size)

    def look(self, request: Request, link: Link) -> None:
        """Follow the page to another view (``x y``) or size (``width height`` [pixel])."""
        at_home = self.view == self.panel.home
        size = int(request.get("width") or 0), int(request.get("height") or 0)
        view = tuple(tuple(sorted(map(float, request[axis]))) for axis in ("x", "y"))
        if not all(np.isfinite(end) for ends in view for end in ends):
            return
        resized = min(size) > 0 and size != self._size
        moved = view != self._shown()
        if resized:
            self._size = size
        if resized and at_home and not moved:
            # The home view fits the new shape: the page does not know that one yet.
            self.reset()
        elif resized or moved:
            with link.silence():
                set_ranges(self.figure, self.panel, view)  # type: ignore[arg-type]  # two pairs
            self.refresh()

    def show(self, *, color_by: str, chosen: Mask | None) -> None:
        """Change the colours and which stars have them."""
        recolour = color_by != self._color_by
        self._color_by, self._chosen = color_by, chosen
        self.refresh()
        if recolour:
            picture = self.picture
            mapper = bar_mapper(picture.limits, logarithmic=picture.is_count)
            self._bar.color_mapper = mapper
            name_bar(self._bar, picture.bar_title, logarithmic=picture.is_count)

    def refresh(self) -> None:
        """Aggregate anew at the present view and pixel size, and put the image there."""
        view, detail = self._shown(), 1
        if not self._live:
            home = self.panel.fitted(self._size)
            zoom = (home[0][1] - home[0][0]) / (view[0][1] - view[0][0])
            detail = int(np.clip(max(zoom, 2 if len(self.stars) > _MANY else 1), 1, 3))
            view = home
        self.picture: Picture = self._painter.draw(
            view,
            size=(detail * self._size[0], detail * self._size[1]),
            color_by=self._color_by,
            chosen=self._chosen,
        )
        self._source.data = pixels(self.picture)
        self._caption.text = self.picture.caption
        if self._bar is not None:
            low, high = self.picture.limits
            self._bar.color_mapper.update(low=low, high=high)

    def drag(self, what: str) -> None:
        """Set what dragging does: ``pan``, ``box`` or ``lasso``."""
        if what not in DRAGS:
            raise InvalidInput(f"drag={what!r}: use one of {', '.join(DRAGS)}.")
        pan, _, box, lasso = self.figure.tools
        self.figure.toolbar.active_drag = (pan, box, lasso)[DRAGS.index(what)]

    def outline(self, x: list[float], y: list[float]) -> None:
        """Draw the edge of a brush, closed; nothing for empty lists."""
        self._edge.data = {"x": [*x, *x[:1]], "y": [*y, *y[:1]]}

    def spot(self, row: int | None, words: str = "") -> None:
        """Mark one star, with a text beside it if there is one."""
        place = [] if row is None else [float(v) for v in self.place(row)]
        if not np.isfinite(place).all():
            place = []
        self._spot.data = {"x": place[:1], "y": place[1:]}
        if place and words:
            # In the corner that is farthest from the star: words never leave the image so.
            (x0, x1), (y0, y1) = self._shown()
            right = (place[0] < (x0 + x1) / 2) != self.panel.flip_x
            top = (place[1] < (y0 + y1) / 2) != self.panel.flip_y
            self._hover.update(
                x=self._size[0] - 6 if right else 6,
                y=self._size[1] - 6 if top else 6,
                text_align="right" if right else "left",
                text_baseline="top" if top else "bottom",
                text=words,
                visible=True,
            )
        else:
            self._hover.visible = False

    def place(self, row: int) -> tuple[float, float]:
        """Return where a star is in this diagram."""
        x, y = (self.stars.column(name) for name in (self.panel.x, self.panel.y))
        return float(x[row]), float(y[row])

    def _add_pointers(self, theme: Theme | None) -> None:
        self.figure.line("x", "y", source=self._edge, line_color=_EDGE, line_width=2, name="edge")
        self.figure.scatter(
            "x",
            "y",
            source=self._spot,
            size=12,
            fill_alpha=0,
            line_color=_SPOT,
            line_width=2.5,
            name="spot",
        )
        self._hover = Label(
            x=0,
            y=0,
            text="",
            visible=False,
            x_units="screen",
            y_units="screen",
            text_font_size="11px",
            padding=4,
            text_color=theme.text if theme else "#333333",
            background_fill_color=theme.page if theme else "#ffffff",
            background_fill_alpha=0.9,
            border_line_color=_SPOT,
            name="hover",
        )
        self.figure.add_layout(self._hover)

    def _shown(self) -> Ranges:
        x, y = self.figure.x_range, self.figure.y_range
        return rising(x.start, x.end), rising(y.start, y.end)


def set_ranges(plot: Any, panel: Panel, view: Ranges) -> None:
    """Give a figure x and y ranges, in the directions of its diagram."""
    for axis, limits, flip in (
        (plot.x_range, view[0], panel.flip_x),
        (plot.y_range, view[1], panel.flip_y),
    ):
        start, end = sorted(limits, reverse=flip)
        axis.update(start=start, end=end)


def rising(start: float, end: float) -> Range:
    """Return two ends, the lower one first."""
    return min(start, end), max(start, end)


def pixels(picture: Picture) -> dict[str, list[Any]]:
    """Return what a page needs to draw a picture: shades and where they lie."""
    (x0, x1), (y0, y1) = picture.view
    return {"shades": [picture.shades()], "x": [x0], "y": [y0], "dw": [x1 - x0], "dh": [y1 - y0]}
