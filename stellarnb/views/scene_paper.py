"""Scenes through matplotlib: figures for a paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from stellarnb.views.paper import (
    COLUMN,
    PAGE,
    add_colour_bar,
    dress_axes,
    new_page,
    paint,
    width_of,
)
from stellarnb.views.pictures import View
from stellarnb.views.scene import Band, Curve, Layer, Pane, Scene, Steps
from stellarnb.views.style import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["paper_figure"]

#: Pixels an inch of the stars' image: as many as a printer can show without blur.
_DPI = 220
#: Height of a pane over its width.
_SHAPE, _SKY = 0.85, 0.55


def paper_figure(
    scene_of: Callable[[View | None, tuple[int, int]], Scene], width: str | float, theme: Theme
) -> Figure:
    """Return a scene as a matplotlib figure; see `stellarnb.views.view.View.to_matplotlib`."""
    inches = width_of(width)
    draft = scene_of(None, (60, 50))
    if width == "column" and draft.columns > 1:
        inches = PAGE
    each = inches / draft.columns
    shape = _SKY if any(pane.panel.is_sky for pane in draft.panes) else _SHAPE
    size = max(int(_DPI * each), 40), max(int(_DPI * each * shape), 40)
    scene = scene_of(None, size)
    font = float(np.clip(7.0 * (inches / scene.columns) / COLUMN, 4.5, 10.0))
    if scene.shared:
        font = 7.0
    pictured = any(pane.picture is not None for pane in scene.panes)
    height = each * shape * scene.rows + (1.1 if pictured else 0.75)
    page = new_page(inches, height, theme)
    grid = page.subplots(
        scene.rows, scene.columns, squeeze=False, sharex=scene.shared, sharey=scene.shared
    )
    for axes in grid.flat:
        axes.axis("off")
    image = None
    for pane in scene.panes:
        axes = grid[pane.row, pane.column]
        axes.axis("on")
        image = _draw(page, axes, scene, pane, theme, font) or image
    first = next((pane.picture for pane in scene.panes if pane.picture is not None), None)
    if scene.shared and image is not None and first is not None:
        add_colour_bar(page, image, grid, first.bar_title, theme, font=font, shrink=0.5)
    words: dict[str, Any] = {"color": theme.text, "parse_math": False}
    page.suptitle(scene.title, fontsize=1.2 * font, **words)
    page.supxlabel(_wrapped(scene.line, inches), fontsize=0.8 * font, **words)
    return page


def _draw(page: Figure, axes: Axes, scene: Scene, pane: Pane, theme: Theme, font: float) -> Any:
    """Draw one pane; return its image, if it has one."""
    panel, image = pane.panel, None
    if pane.picture is not None:
        image = paint(axes, panel, pane.picture, theme, font=font)
        if not scene.shared:
            add_colour_bar(page, image, axes, pane.picture.bar_title, theme, font=font)
    else:
        dress_axes(axes, theme, font=font)
        axes.set_xlim(*panel.home[0])
        axes.set_ylim(*panel.home[1])
        axes.set_xlabel(panel.x_title, color=theme.text, fontsize=0.95 * font)
        axes.set_ylabel(panel.y_title, color=theme.text, fontsize=0.95 * font)
        axes.set_title(panel.title, fontsize=font, color=theme.text)
    for layer in pane.layers:
        _add_layer(axes, layer, theme)
    if any(layer.label for layer in pane.layers):
        legend = axes.legend(fontsize=0.75 * font, frameon=False, labelcolor=theme.text)
        legend.set_zorder(6)
    if scene.shared:
        _head(axes, pane, scene, theme, font)
    elif pane.words:
        text: dict[str, Any] = {"va": "top", "color": theme.text, "zorder": 6, "parse_math": False}
        axes.text(0.03, 0.97, pane.words, transform=axes.transAxes, fontsize=0.8 * font, **text)
    if len(scene.panes) == 1 and pane.picture is not None:
        axes.set_title(pane.picture.caption, fontsize=0.9 * font, color=theme.text)
    if scene.shared:
        axes.label_outer()
        if pane.column != scene.columns // 2:
            axes.set_xlabel("")
        if pane.row != scene.rows // 2:
            axes.set_ylabel("")
    return image


def _head(axes: Axes, pane: Pane, scene: Scene, theme: Theme, font: float) -> None:
    """Say in which bins a pane is, and how many stars it has."""
    text: dict[str, Any] = {"color": theme.text, "fontsize": 0.85 * font}
    axes.set_title(pane.header if pane.row == 0 else "", **text)
    if pane.column == scene.columns - 1:
        place: dict[str, Any] = {"rotation": 270, "va": "center", "transform": axes.transAxes}
        axes.text(1.03, 0.5, pane.side, **place, **text)
    corner: dict[str, Any] = {"transform": axes.transAxes, "zorder": 6}
    axes.text(0.04, 0.04, pane.words, **corner, **text)


def _add_layer(axes: Axes, layer: Layer, theme: Theme) -> None:
    look: dict[str, Any] = {
        "color": layer.colour or theme.text,
        "label": layer.label or None,
        "zorder": 4,
    }
    if isinstance(layer, Curve):
        style, width = "--" if layer.dashed else "-", 0.6 if layer.thin else 1.1
        axes.plot(layer.x, layer.y, linestyle=style, linewidth=width, **look)
    elif isinstance(layer, Steps):
        axes.plot(*layer.outline, linewidth=1.0, **look)
    elif isinstance(layer, Band):
        axes.fill_between(layer.x, layer.low, layer.high, alpha=0.2, linewidth=0, **look)
    else:
        axes.errorbar(
            layer.x, layer.y, layer.error, fmt="o", markersize=3, elinewidth=0.8, capsize=2, **look
        )


def _wrapped(line: str, inches: float) -> str:
    from textwrap import fill

    return fill(line, max(int(19 * inches), 30))
