"""Describe a view before it is drawn by Bokeh, matplotlib or HoloViews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.views.data.panels import Panel
from stellarnb.views.data.raster import Picture
from stellarnb.views.data.stars import Range
from stellarnb.views.data.style import palette

__all__ = [
    "Band",
    "Curve",
    "Layer",
    "Pane",
    "Points",
    "Scene",
    "Steps",
    "axes_of",
    "ordered_colours",
    "span_of",
]

Floats = NDArray[np.floating[Any]]

#: Lines that guide the eye: seen on a light page, on a dark one and on stars.
GUIDE = "#d55e00"
#: Stands for the colour of words, which depends on the page.
INK = ""


@dataclass(frozen=True)
class Curve:
    """Describe a line through points, shape [n]; NaN interrupts it."""

    x: Floats
    y: Floats
    colour: str = GUIDE
    label: str = ""
    dashed: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Points:
    """Describe points with errors in y, shape [n]; those that are not finite are left out."""

    x: Floats
    y: Floats
    error: Floats
    colour: str = GUIDE
    label: str = ""


@dataclass(frozen=True)
class Band:
    """Describe the region between two curves, shape [n]; it breaks where one is not finite."""

    x: Floats
    low: Floats
    high: Floats
    colour: str = GUIDE
    label: str = ""


@dataclass(frozen=True)
class Steps:
    """Describe a histogram drawn as an outline: n + 1 rising edges and n heights."""

    edges: Floats
    heights: Floats
    colour: str = GUIDE
    label: str = ""

    @property
    def outline(self) -> tuple[Floats, Floats]:
        """Corners in x and y, from zero to zero."""
        x = np.repeat(self.edges, 2)
        y = np.concatenate([[0.0], np.repeat(self.heights, 2), [0.0]])
        return x, y


Layer = Curve | Points | Band | Steps


@dataclass(frozen=True)
class Pane:
    """Describe one pair of axes: stars in pixels, layers above them, and a place on the page."""

    panel: Panel
    picture: Picture | None = None
    layers: tuple[Layer, ...] = ()
    words: str = ""
    row: int = 0
    column: int = 0
    header: str = ""
    side: str = ""


@dataclass(frozen=True)
class Scene:
    """Describe a whole view: its panes row by row, title, provenance line and shared axes."""

    panes: tuple[Pane, ...]
    title: str
    line: str
    shared: bool = False

    @property
    def rows(self) -> int:
        """Rows of panes."""
        return 1 + max((pane.row for pane in self.panes), default=0)

    @property
    def columns(self) -> int:
        """Columns of panes."""
        return 1 + max((pane.column for pane in self.panes), default=0)


def axes_of(key: str, title: str, x_title: str, y_title: str, home: tuple[Range, Range]) -> Panel:
    """Return axes that show no stars of their own."""
    return Panel(key, title, "", "", x_title, y_title, home)


def ordered_colours(number: int) -> list[str]:
    """Return colours for curves that follow on each other, such as bins in R."""
    colours = palette()
    # Not to the yellow end: a line of it is lost on a white page.
    places = np.linspace(0, 0.78 * (len(colours) - 1), max(number, 1))
    return [colours[int(place)] for place in places]


def span_of(layers: Sequence[Layer], default: Range) -> Range:
    """Return a range in y that shows all layers, with some air."""
    found: list[Floats] = []
    for layer in layers:
        if isinstance(layer, Steps):
            found += [layer.heights, np.zeros(1)]
        elif isinstance(layer, Band):
            found += [layer.low, layer.high]
        elif isinstance(layer, Points):
            error = np.where(np.isfinite(layer.error), layer.error, 0.0)
            found += [layer.y - error, layer.y + error]
        else:
            found.append(layer.y)
    values = np.concatenate(found) if found else np.empty(0)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return default
    low, high = float(values.min()), float(values.max())
    air = 0.08 * (high - low) or 0.5
    return low - air, high + air
