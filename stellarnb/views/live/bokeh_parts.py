"""Make the parts of every Bokeh figure: frame, colours, colour bar, graticule."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    BasicTickFormatter,
    BoxSelectTool,
    ColorBar,
    ColorMapper,
    FixedTicker,
    LassoSelectTool,
    LinearColorMapper,
    LogColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    Title,
    WheelZoomTool,
)
from bokeh.plotting import figure

from stellarnb.cartography import graticule, mollweide, outline
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.stars import Range
from stellarnb.views.data.style import LIGHT, Theme, palette

__all__ = [
    "DRAGS",
    "GREY",
    "add_bar",
    "add_graticule",
    "add_marks",
    "bar_mapper",
    "dress",
    "frame_of",
    "lay_out",
    "name_bar",
    "shade_mapper",
]

#: Bokeh waits this long after the last wheel step before it draws a figure in full again [ms].
LOD_TIMEOUT = 40
#: Legible on a light page as on a dark one.
GREY = "#808080"
#: What dragging does, by its name in Python.
DRAGS = ("pan", "box", "lasso")
#: Where a count scale has its numbers.
_COUNTS = [step * 10**power for power in range(9) for step in (1, 2, 5)]
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


def frame_of(panel: Panel, size: tuple[int, int], *, stretch: bool, live: bool = True) -> Any:
    """Make the empty figure of a diagram (size in pixels); without a kernel it has no brushes."""
    (x0, x1), (y0, y1) = panel.home
    room: dict[str, Any] = (
        {"sizing_mode": "stretch_width", "height": size[1] + 150, "min_width": 260}
        if stretch
        else {"frame_width": size[0], "frame_height": size[1]}
    )
    # Without renderers nothing is searched on the page: Python knows which stars are inside.
    tools: list[Any] = [PanTool(), WheelZoomTool()]
    brushes = [BoxSelectTool(renderers=[]), LassoSelectTool(renderers=[])]
    for tool in tools:  # drag and wheel are always on: they need no button
        tool.visible = False
    plot = figure(
        x_range=Range1d(*((x1, x0) if panel.flip_x else (x0, x1))),
        y_range=Range1d(*((y1, y0) if panel.flip_y else (y0, y1))),
        x_axis_label=panel.x_title,
        y_axis_label=panel.y_title,
        title=Title(text=panel.title, text_font_size="13px"),
        tools=[*tools, *(brushes if live else [ResetTool()])],
        active_scroll=tools[1],
        active_drag=tools[0],
        toolbar_location=None if live else "above",
        lod_timeout=LOD_TIMEOUT,
        name=panel.key,
        # Room for any number on the axis: else each zoom would move the image.
        min_border_left=4 if panel.is_sky else 62,
        min_border_right=8,
        **room,
    )
    plot.toolbar.logo = None
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.minor_tick_line_color = None
    plot.xaxis.ticker.desired_num_ticks = 5
    if panel.is_sky:
        plot.axis.visible = False
        plot.grid.visible = False
    return plot


def shade_mapper(theme: Theme | None) -> ColorMapper:
    """Return the colours of `stellarnb.views.data.raster.shades`; without theme, of any page."""
    back = f"{GREY}73" if theme is None else theme.back
    colours = ["#00000000", back, *palette()]
    return LinearColorMapper(colours, low=-0.5, high=len(colours) - 0.5)


def bar_mapper(limits: Range, *, logarithmic: bool) -> ColorMapper:
    """Return the colours of a colour bar."""
    kind = LogColorMapper if logarithmic else LinearColorMapper
    return kind(list(palette()), low=limits[0], high=limits[1], syncable=False)


def add_bar(
    plot: Any, mapper: ColorMapper, title: str, theme: Theme | None, *, logarithmic: bool
) -> ColorBar:
    """Put a colour bar below a figure."""
    bar = ColorBar(
        color_mapper=mapper,
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
    # Inside a colour bar the page's style sheet does not reach: link.js gives it the colours.
    words = theme.text if theme else GREY
    bar.update(title_text_color=words, major_label_text_color=words, major_tick_line_color=words)
    name_bar(bar, title, logarithmic=logarithmic)
    plot.add_layout(bar, "below")
    return bar


def name_bar(bar: ColorBar, title: str, *, logarithmic: bool) -> None:
    """Give a colour bar its title and the numbers for its kind of scale."""
    bar.title = title
    bar.ticker = (
        FixedTicker(ticks=_COUNTS, syncable=False)
        if logarithmic
        else BasicTicker(desired_num_ticks=5, syncable=False)
    )


def dress(plot: Any, theme: Theme | None) -> None:
    """Give a figure its colours; without a theme, those of the page around it."""
    plot.grid.grid_line_alpha = 0.6
    if theme is None:
        plot.background_fill_alpha = 0
        plot.border_fill_alpha = 0
        plot.stylesheets = [_lab_colours()]
        return
    plot.background_fill_color = theme.page
    plot.border_fill_color = theme.page
    plot.outline_line_color = theme.line
    for title in (plot.title, *plot.select({"type": Title})):
        title.text_color = theme.text
    plot.grid.grid_line_color = theme.line
    for part in ("axis_label_text_color", "major_label_text_color"):
        setattr(plot.axis, part, theme.text)
    plot.axis.axis_line_color = theme.text
    plot.axis.major_tick_line_color = theme.text


def add_graticule(plot: Any, theme: Theme | None) -> None:
    """Draw the sky's meridians, parallels and edge, with the longitudes at its equator."""
    lines = [*graticule(), outline()]
    plot.multi_line(
        [x for x, _ in lines],
        [y for _, y in lines],
        line_color=GREY,
        line_alpha=0.5,
        line_width=0.8,
    )
    lon = np.array([120, 60, 0, 300, 240])
    x, y = mollweide(lon, np.zeros(len(lon)))
    _words(plot, x, y, [f"{value}°" for value in lon], theme)


def add_marks(plot: Any, panel: Panel, theme: Theme | None) -> None:
    """Name some places, such as that of the Sun."""
    if panel.marks:
        x, y, names = zip(*panel.marks, strict=True)
        plot.scatter(x, y, marker="cross", size=9, line_color=GREY, line_width=1.5, name="marks")
        _words(plot, x, y, list(names), theme, y_offset=-5)


def lay_out(figures: list[Any], *, columns: int | None = None) -> Any:
    """Put figures side by side, in as many rows as the width of the page asks for."""
    from bokeh.layouts import row

    wide = 100 / (columns or len(figures) or 1)
    for plot in figures:
        plot.styles = {"flex": f"1 1 {max(int(wide) - 2, 22)}%"}
    return row(
        *figures,
        sizing_mode="stretch_width",
        stylesheets=[":host { flex-wrap: wrap; gap: 4px; }"],
    )


def _words(
    plot: Any, x: Any, y: Any, text: list[str], theme: Theme | None, y_offset: int = 0
) -> None:
    words = plot.text(
        list(x),
        list(y),
        text=text,
        text_font_size="9px",
        text_align="center",
        text_baseline="bottom",
        text_color=theme.text if theme else GREY,
        # Legible on stars of any colour.
        background_fill_color=theme.page if theme else None,
        background_fill_alpha=0.65,
        y_offset=y_offset,
        name="words",
    )
    words.level = "overlay"


def _lab_colours() -> str:
    """Return the style sheet by which a figure's canvas follows the page around it."""
    lines = (
        f"--bk-{name}: {value.format(text=LIGHT.text, line=LIGHT.line)};"
        for name, value in _LAB_COLOURS.items()
    )
    return f":host {{ {' '.join(lines)} }}"
