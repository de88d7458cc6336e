"""Live Bokeh figures: an image of stars that is aggregated anew at each zoom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import RangesUpdate
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    ColorBar,
    ColorMapper,
    ColumnDataSource,
    FixedTicker,
    LinearColorMapper,
    LogColorMapper,
    Range1d,
    ResetTool,
    Title,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from stellarnb.cartography import graticule, mollweide, outline
from stellarnb.views.panels import Panel, Range, Stars
from stellarnb.views.pictures import Picture, draw
from stellarnb.views.style import LIGHT, Theme, palette

__all__ = ["MapFigure"]

#: Bokeh waits this long after the last wheel step before it tells Python [ms]; its own default
#: of 500 would be most of the time from a zoom to the new image.
LOD_TIMEOUT = 40
#: More stars than this are drawn with two bins a pixel in a file, for a zoom to come.
_MANY = 50_000
#: Legible on a light page as on a dark one.
_GREY = "#808080"
#: How JupyterLab's own colours reach the canvas, in the light and in the dark theme.
_LAB_COLOURS = {
    "text-color": "var(--jp-ui-font-color1, {text})",
    "axis-label-text-color": "var(--jp-ui-font-color1, {text})",
    "major-label-text-color": "var(--jp-ui-font-color1, {text})",
    "axis-line-color": "var(--jp-ui-font-color2, {text})",
    "major-tick-line-color": "var(--jp-ui-font-color2, {text})",
    "grid-line-color": "var(--jp-border-color2, {line})",
    "outline-line-color": "var(--jp-border-color2, {line})",
}


class MapFigure:
    """One diagram as a Bokeh figure.

    Parameters
    ----------
    stars : Stars
        The stars.
    panel : Panel
        The diagram.
    theme : Theme, optional
        Its colours; where not given it takes those of the JupyterLab page around it.
    color_by : str, optional
        ``count``, or a column to average.
    chosen : numpy.ndarray of bool, shape [n], optional
        The stars in colour; all where not given.
    size : tuple of int, optional
        Width and height of the image [pixel], until the page says what there is room for.
    stretch : bool, optional
        Whether the figure takes the width that it is given.
    view : tuple of Range, optional
        The x and y range to begin with; the home view where not given.
    live : bool, optional
        Whether a kernel listens, so that a zoom aggregates anew. False is for a file: the whole
        home view is drawn once, finely enough for some zooming.
    guard : callable, optional
        Called with what there is to do at each event of the page; the place to catch errors.

    Attributes
    ----------
    figure : bokeh.plotting.figure
        What to show.
    picture : Picture
        What it shows now.
    """

    def __init__(
        self,
        stars: Stars,
        panel: Panel,
        *,
        theme: Theme | None = None,
        color_by: str = "count",
        chosen: NDArray[np.bool_] | None = None,
        size: tuple[int, int] = (340, 320),
        stretch: bool = False,
        view: tuple[Range, Range] | None = None,
        live: bool = True,
        guard: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self.stars, self.panel = stars, panel
        self._color_by, self._chosen = color_by, chosen
        self._size = size
        self._live = live
        self._guard = guard or (lambda work: work())
        self.figure = _frame(panel, size, stretch=stretch)
        self._source = ColumnDataSource()
        # A line of its own: beside the toolbar there is no room for it.
        self._caption = Title(text="", text_font_size="11px", text_font_style="normal")
        self.figure.add_layout(self._caption, "above")
        self._bar: ColorBar | None = None
        self._front: Any = None
        _dress(self.figure, self._caption, theme)
        self._add_back(theme or LIGHT, in_lab=theme is None)
        self.view = view or self._home()
        self._add_front()
        if panel.is_sky:
            _add_graticule(self.figure, theme)
        self._add_bar(theme)
        if live:
            self._listen()

    def _listen(self) -> None:
        self.figure.on_event(RangesUpdate, lambda event: self._guard(self.refresh))
        for side in ("inner_width", "inner_height"):
            self.figure.on_change(side, lambda attr, old, new: self._guard(self._resize))

    @property
    def view(self) -> tuple[Range, Range]:
        """The x and y range that is shown, each rising; `Panel.home` exactly where untouched."""
        shown = self._shown()
        return self.panel.home if shown == self._home() else shown

    @view.setter
    def view(self, view: tuple[Range, Range]) -> None:
        for axis, limits, flip in (
            (self.figure.x_range, view[0], self.panel.flip_x),
            (self.figure.y_range, view[1], self.panel.flip_y),
        ):
            start, end = sorted(limits, reverse=flip)
            axis.update(start=start, end=end)
        self.refresh()

    def reset(self) -> None:
        """Go back to the home view."""
        self.view = self._home()

    def show(self, *, color_by: str, chosen: NDArray[np.bool_] | None) -> None:
        """Change the colours and which stars have them."""
        recolour = color_by != self._color_by
        self._color_by, self._chosen = color_by, chosen
        self.refresh()
        if recolour and self._bar is not None:
            self._recolour()

    def refresh(self) -> None:
        """Aggregate anew at the present view and pixel size, and put the image there."""
        view, detail = self._shown(), 1
        if not self._live:
            home, (x, _) = self._home(), view
            zoom = (home[0][1] - home[0][0]) / (x[1] - x[0])
            detail = int(np.clip(max(zoom, 2 if len(self.stars) > _MANY else 1), 1, 3))
            view = home
        self.picture = draw(
            self.stars,
            self.panel,
            view,
            size=(detail * self._size[0], detail * self._size[1]),
            color_by=self._color_by,
            chosen=self._chosen,
        )
        self._source.data = _pixels(self.picture)
        self._caption.text = self.picture.caption
        if self._front is not None:
            low, high = self.picture.limits
            self._front.glyph.color_mapper.update(low=low, high=high)

    def _shown(self) -> tuple[Range, Range]:
        x, y = self.figure.x_range, self.figure.y_range
        return (min(x.start, x.end), max(x.start, x.end)), (
            min(y.start, y.end),
            max(y.start, y.end),
        )

    def _home(self) -> tuple[Range, Range]:
        """Return the home view; that of the sky is widened to equal scales in x and y."""
        x, y = self.panel.home
        if not self.panel.is_sky:
            return x, y
        shape, room = (y[1] - y[0]) / (x[1] - x[0]), self._size[1] / self._size[0]
        grow_x, grow_y = max(shape / room, 1.0), max(room / shape, 1.0)
        return (x[0] * grow_x, x[1] * grow_x), (y[0] * grow_y, y[1] * grow_y)

    def _resize(self) -> None:
        """Take the size that the page has found for the image."""
        at_home = self.view == self.panel.home
        width, height = self.figure.inner_width, self.figure.inner_height
        if not (width and height) or (width, height) == self._size:
            return
        self._size = int(width), int(height)
        if at_home:
            self.reset()
        else:
            self.refresh()

    def _add_back(self, theme: Theme, *, in_lab: bool) -> None:
        colour = _GREY if in_lab else theme.back
        mapper = LinearColorMapper([colour], low=0, high=1, nan_color=(0, 0, 0, 0))
        self.figure.image(
            "back",
            **_PLACE,
            source=self._source,
            color_mapper=mapper,
            level="glyph",
            global_alpha=0.45 if in_lab else 1.0,
        )

    def _add_front(self) -> None:
        self._front = self.figure.image(
            "front",
            **_PLACE,
            source=self._source,
            color_mapper=_mapper(self.picture),
            level="glyph",
        )

    def _add_bar(self, theme: Theme | None) -> None:
        self._bar = ColorBar(
            color_mapper=self._front.glyph.color_mapper,
            formatter=BasicTickFormatter(),
            orientation="horizontal",
            height=8,
            padding=4,
            title_standoff=4,
            background_fill_alpha=0,
            title_text_font_style="normal",
            title_text_font_size="11px",
            major_label_text_font_size="10px",
        )
        # Inside a colour bar the page's style sheet does not reach.
        words = theme.text if theme else _GREY
        self._bar.update(title_text_color=words, major_label_text_color=words)
        self._name_bar()
        self.figure.add_layout(self._bar, "below")

    def _recolour(self) -> None:
        mapper = _mapper(self.picture)
        self._front.glyph.color_mapper = mapper
        if self._bar is not None:
            self._bar.color_mapper = mapper
            self._name_bar()

    def _name_bar(self) -> None:
        if self._bar is not None:
            logarithmic = self.picture.is_count
            self._bar.title = self.picture.bar_title
            self._bar.ticker = (
                FixedTicker(ticks=_COUNTS) if logarithmic else BasicTicker(desired_num_ticks=5)
            )


#: Where a count scale has its numbers.
_COUNTS = [step * 10**power for power in range(9) for step in (1, 2, 5)]
_PLACE = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}


def _pixels(picture: Picture) -> dict[str, list[Any]]:
    (x0, x1), (y0, y1) = picture.view
    return {
        "front": [picture.front],
        "back": [picture.back],
        "x": [x0],
        "y": [y0],
        "dw": [x1 - x0],
        "dh": [y1 - y0],
    }


def _mapper(picture: Picture) -> ColorMapper:
    kind = LogColorMapper if picture.is_count else LinearColorMapper
    low, high = picture.limits
    return kind(list(palette()), low=low, high=high, nan_color=(0, 0, 0, 0))


def _frame(panel: Panel, size: tuple[int, int], *, stretch: bool) -> Any:
    """Make the empty figure: ranges, tools, titles."""
    (x0, x1), (y0, y1) = panel.home
    room: dict[str, Any] = (
        {"sizing_mode": "stretch_width", "height": size[1] + 160, "min_width": 260}
        if stretch
        else {"frame_width": size[0], "frame_height": size[1]}
    )
    plot = figure(
        x_range=Range1d(*((x1, x0) if panel.flip_x else (x0, x1))),
        y_range=Range1d(*((y1, y0) if panel.flip_y else (y0, y1))),
        x_axis_label=panel.x_title,
        y_axis_label=panel.y_title,
        title=Title(text=panel.title, text_font_size="13px"),
        tools="pan,wheel_zoom,reset",
        active_scroll="wheel_zoom",
        toolbar_location="above",
        lod_timeout=LOD_TIMEOUT,
        name=panel.key,
        **room,
    )
    plot.toolbar.logo = None
    for tool in plot.tools:  # drag and wheel are always on; only the reset needs a button
        tool.visible = isinstance(tool, ResetTool)
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.minor_tick_line_color = None
    if panel.is_sky:
        plot.axis.visible = False
        plot.grid.visible = False
    return plot


def _lab_colours() -> str:
    """Return the style sheet by which a figure's canvas follows the page around it."""
    lines = (
        f"--bk-{name}: {value.format(text=LIGHT.text, line=LIGHT.line)};"
        for name, value in _LAB_COLOURS.items()
    )
    return f":host {{ {' '.join(lines)} }}"


def _dress(plot: Any, caption: Title, theme: Theme | None) -> None:
    """Give a figure its colours; without a theme, those of the page around it."""
    if theme is None:
        plot.background_fill_alpha = 0
        plot.border_fill_alpha = 0
        plot.stylesheets = [_lab_colours()]
        return
    plot.background_fill_color = theme.page
    plot.border_fill_color = theme.page
    plot.outline_line_color = theme.line
    plot.title.text_color = theme.text
    caption.text_color = theme.text
    plot.grid.grid_line_color = theme.line
    for part in ("axis_label_text_color", "major_label_text_color"):
        setattr(plot.axis, part, theme.text)
    plot.axis.axis_line_color = theme.text
    plot.axis.major_tick_line_color = theme.text


def _add_graticule(plot: Any, theme: Theme | None) -> None:
    """Draw the sky's meridians, parallels and edge, with the longitudes at its equator."""
    lines = [*graticule(), outline()]
    plot.multi_line(
        [x for x, _ in lines],
        [y for _, y in lines],
        line_color=_GREY,
        line_alpha=0.5,
        line_width=0.8,
    )
    lon = np.array([120, 60, 0, 300, 240])
    x, y = mollweide(lon, np.zeros(len(lon)))
    marks = plot.text(
        x,
        y,
        text=[f"{value}°" for value in lon],
        text_font_size="9px",
        text_align="center",
        text_baseline="bottom",
        text_color=theme.text if theme else _GREY,
    )
    marks.level = "overlay"
