"""Scenes through Bokeh, live: each zoom aggregates anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, GridBox, Label, Legend, Title, Whisker
from bokeh.plotting import figure

from stellarnb.views.data.raster import Ranges
from stellarnb.views.data.style import Theme
from stellarnb.views.live.bokeh_parts import (
    GREY,
    add_bar,
    add_graticule,
    add_marks,
    bar_mapper,
    dress,
    frame_of,
    shade_mapper,
)
from stellarnb.views.live.bokeh_widget import LiveModel
from stellarnb.views.live.figure import pixels, rising, set_ranges
from stellarnb.views.live.link import Link, Request
from stellarnb.views.scene.model import Band, Curve, Layer, Pane, Points, Scene, Steps

__all__ = ["BokehScene"]

_PLACE = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}


class BokehScene:
    """Draw a scene as Bokeh figures in `root`; a file gets two bins a pixel for zooming."""

    def __init__(
        self,
        scene_of: Callable[[Ranges | None, tuple[int, int]], Scene],
        size: tuple[int, int],
        theme: Theme | None,
        *,
        live: bool = True,
    ) -> None:
        self._scene_of, self._size, self._theme, self._live = scene_of, size, theme, live
        scene = scene_of(None, size if live else (2 * size[0], 2 * size[1]))
        self._follows = scene.shared or len(scene.panes) == 1
        self._view: Ranges | None = None
        self._sources: list[ColumnDataSource | None] = []
        self._captions: list[Title] = []
        self._mapper: Any = None
        self._figures = [self._figure(scene, pane) for pane in scene.panes]
        if scene.shared:
            for plot in self._figures[1:]:
                plot.x_range, plot.y_range = self._figures[0].x_range, self._figures[0].y_range
        self._link = Link({"view": self._look, "home": self._home}, in_lab=theme is None)
        self.root = self._lay_out(scene)
        if live:
            for pane, plot in zip(scene.panes, self._figures, strict=True):
                self._link.add(pane.panel.key, plot, ["doubletap"])
            self._link.keep(self.root)

    def model(self) -> LiveModel:
        """Return the widget that shows it."""
        shown = LiveModel(self.root)
        self._link.show(shown)
        return shown

    def _figure(self, scene: Scene, pane: Pane) -> Any:
        plot = frame_of(pane.panel, self._size, stretch=False, live=self._live)
        title = Title(text="", text_font_size="11px", text_font_style="normal", name="caption")
        self._captions.append(title)
        if scene.shared:
            _strip(plot, pane, scene)
            plot.title = Title(text=pane.header if pane.row == 0 else "", text_font_size="10px")
            if pane.column == scene.columns - 1:
                plot.add_layout(Title(text=pane.side, text_font_size="10px"), "right")
        else:
            plot.add_layout(title, "above")
        dress(plot, self._theme)
        self._sources.append(None)
        if pane.picture is not None:
            source = ColumnDataSource(pixels(pane.picture))
            self._sources[-1] = source
            mapper = shade_mapper(self._theme)
            plot.image("shades", **_PLACE, source=source, color_mapper=mapper, name="stars")
            title.text = pane.picture.caption
        set_ranges(plot, pane.panel, pane.panel.fitted(self._size))
        if pane.panel.is_sky:
            add_graticule(plot, self._theme)
        add_marks(plot, pane.panel, self._theme)
        for layer in pane.layers:
            _add_layer(plot, layer, self._theme.text if self._theme else GREY)
        _finish_legend(plot, self._theme)
        if pane.words:
            self._add_words(plot, pane.words, low=scene.shared)
        if pane.picture is not None and not scene.shared:
            self._add_bar(plot, pane)
        return plot

    def _add_words(self, plot: Any, words: str, *, low: bool) -> None:
        theme = self._theme
        label = Label(
            x=4,
            y=4 if low else self._size[1] - 4,
            x_units="screen",
            y_units="screen",
            text=words,
            text_baseline="bottom" if low else "top",
            text_font_size="10px" if low else "11px",
            text_color=theme.text if theme else GREY,
            background_fill_color=theme.page if theme else None,
            background_fill_alpha=0.6,
            # link.js gives it the colours of the page.
            name="hover",
        )
        plot.add_layout(label)

    def _add_bar(self, plot: Any, pane: Pane) -> None:
        picture = pane.picture
        if picture is not None:
            self._mapper = bar_mapper(picture.limits, logarithmic=picture.is_count)
            logarithmic = picture.is_count
            add_bar(plot, self._mapper, picture.bar_title, self._theme, logarithmic=logarithmic)

    def _lay_out(self, scene: Scene) -> Any:
        """Put the figures on a grid; shared axes have one colour bar, below."""
        children = [
            (plot, pane.row, pane.column)
            for pane, plot in zip(scene.panes, self._figures, strict=True)
        ]
        grid: Any = GridBox(children=children, spacing=2)
        pictured = [pane for pane in scene.panes if pane.picture is not None]
        if not (scene.shared and pictured):
            return grid
        below = figure(height=96, width=760, toolbar_location=None, name="bar", tools="")
        below.line([0], [0], visible=False)
        below.axis.visible = below.grid.visible = False
        below.outline_line_color = None
        below.frame_height = 1
        below.title = Title(text=scene.title, text_font_size="11px")
        small: dict[str, Any] = {"text_font_size": "10px", "text_font_style": "normal"}
        below.add_layout(Title(text=scene.line, **small), "below")
        dress(below, self._theme)
        below.outline_line_alpha = 0
        self._add_bar(below, pictured[0])
        self._link.dress(below)
        return GridBox(children=[(grid, 0, 0), (below, 1, 0)])

    def _look(self, request: Request) -> None:
        x, y = (rising(*map(float, request[axis])) for axis in ("x", "y"))
        # Panes with axes of their own keep their pixels: they are not one view.
        if not self._follows or not np.isfinite([*x, *y]).all() or (x, y) == self._view:
            return
        self._view = x, y
        home = self._figures[0]
        with self._link.silence():
            for axis, ends in ((home.x_range, request["x"]), (home.y_range, request["y"])):
                axis.update(start=float(ends[0]), end=float(ends[1]))
        self._show(self._scene_of(self._view, self._size))

    def _home(self, request: Request) -> None:
        scene = self._scene_of(None, self._size)
        for pane, plot in zip(scene.panes, self._figures, strict=True):
            if pane.panel.key == request["key"]:
                set_ranges(plot, pane.panel, pane.panel.fitted(self._size))
        if self._follows:
            self._view = scene.panes[0].panel.fitted(self._size)
            self._show(scene)

    def _show(self, scene: Scene) -> None:
        shown = zip(scene.panes, self._sources, self._captions, strict=True)
        for pane, source, caption in shown:
            if pane.picture is not None and source is not None:
                source.data = pixels(pane.picture)
                caption.text = pane.picture.caption
                low, high = pane.picture.limits
                self._mapper.update(low=low, high=high)


def _strip(plot: Any, pane: Pane, scene: Scene) -> None:
    """Leave labels at the edge of the page only."""
    plot.min_border_left = 52 if pane.column == 0 else 2
    plot.min_border_right = plot.min_border_top = 2
    plot.min_border_bottom = 2
    if pane.column > 0:
        plot.yaxis.visible = False
    if pane.row < scene.rows - 1:
        plot.xaxis.visible = False
    if pane.column != scene.columns // 2:
        plot.xaxis.axis_label = None
    if pane.row != scene.rows // 2:
        plot.yaxis.axis_label = None
    plot.xaxis.ticker.desired_num_ticks = 3


def _add_layer(plot: Any, layer: Layer, ink: str) -> None:
    colour = layer.colour or ink
    look: dict[str, Any] = {"legend_label": layer.label} if layer.label else {}
    if isinstance(layer, Curve):
        dash = "dashed" if layer.dashed else "solid"
        width = 1.0 if layer.thin else 1.8
        plot.line(layer.x, layer.y, line_color=colour, line_dash=dash, line_width=width, **look)
    elif isinstance(layer, Steps):
        plot.line(*layer.outline, line_color=colour, line_width=1.6, **look)
    elif isinstance(layer, Band):
        good = np.isfinite(layer.low) & np.isfinite(layer.high)
        plot.varea(
            layer.x[good],
            layer.low[good],
            layer.high[good],
            fill_color=colour,
            fill_alpha=0.2,
            **look,
        )
    else:
        _add_points(plot, layer, look)


def _add_points(plot: Any, layer: Points, look: dict[str, Any]) -> None:
    good = np.isfinite(layer.x) & np.isfinite(layer.y)
    x, y, error = layer.x[good], layer.y[good], layer.error[good]
    plot.scatter(x, y, size=6, color=layer.colour, **look)
    known = np.isfinite(error)
    source = ColumnDataSource(
        {"x": x[known], "low": (y - error)[known], "high": (y + error)[known]}
    )
    whisker = Whisker(base="x", lower="low", upper="high", source=source, line_color=layer.colour)
    for head in (whisker.lower_head, whisker.upper_head):
        head.size, head.line_color = 5, layer.colour
    plot.add_layout(whisker)


def _finish_legend(plot: Any, theme: Theme | None) -> None:
    for legend in plot.select({"type": Legend}):
        legend.label_text_font_size = "10px"
        legend.label_text_color = theme.text if theme else GREY
        legend.background_fill_color = theme.page if theme else None
        legend.background_fill_alpha = 0.6
        legend.border_line_color = None
        legend.padding = legend.margin = 4
        legend.spacing = 0
        legend.glyph_height = 14
        legend.click_policy = "hide"
