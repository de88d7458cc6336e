"""What a view consists of, before it is drawn by Bokeh, matplotlib or HoloViews."""

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
    """A line through points.

    Attributes
    ----------
    x, y : numpy.ndarray, shape [n]
        NaN interrupts it.
    colour, label : str
        Its colour, and its name in the legend where not empty.
    dashed, thin : bool
        How it is drawn.
    """

    x: Floats
    y: Floats
    colour: str = GUIDE
    label: str = ""
    dashed: bool = False
    thin: bool = False


@dataclass(frozen=True)
class Points:
    """Points with errors in y.

    Attributes
    ----------
    x, y, error : numpy.ndarray, shape [n]
        Where they are; a point that is not finite is left out, an error likewise.
    colour, label : str
        As for `Curve`.
    """

    x: Floats
    y: Floats
    error: Floats
    colour: str = GUIDE
    label: str = ""


@dataclass(frozen=True)
class Band:
    """The region between two curves.

    Attributes
    ----------
    x, low, high : numpy.ndarray, shape [n]
        Points that are not finite interrupt it.
    colour, label : str
        As for `Curve`.
    """

    x: Floats
    low: Floats
    high: Floats
    colour: str = GUIDE
    label: str = ""


@dataclass(frozen=True)
class Steps:
    """A histogram as an outline.

    Attributes
    ----------
    edges : numpy.ndarray, shape [n + 1]
        Rising.
    heights : numpy.ndarray, shape [n]
        Of the steps.
    colour, label : str
        As for `Curve`.
    """

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
    """One pair of axes.

    Attributes
    ----------
    panel : Panel
        Axes and title.
    picture : Picture or None
        Stars in pixels.
    layers : tuple of Layer
        What lies above them.
    words : str
        In a corner, such as the number of stars.
    row, column : int
        Its place on the page.
    header, side : str
        What its column and its row are, where axes are shared.
    """

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
    """A whole view.

    Attributes
    ----------
    panes : tuple of Pane
        Row by row.
    title, line : str
        Above, and the provenance line below.
    shared : bool
        Whether all panes have the same axes, labelled at the edge of the page only.
    rows, columns : int
        Of the page, from the panes.
    """

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
