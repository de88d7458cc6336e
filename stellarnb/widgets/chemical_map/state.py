"""What a chemical map shows, as plain values: to undo, to save, to write as Python."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from stellarnb.cartography import All, Between, Bins, Box, Flag, Lasso, RZBins, Selection
from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.raster import Ranges as View
from stellarnb.views.data.stars import Range

__all__ = ["Brush", "History", "MapState", "read_state"]

_FORMAT, _VERSION = "stellarnb chemical map", 1
_MAX_CORNERS = 10_000


@dataclass(frozen=True)
class Brush:
    """A region that was drawn in one diagram.

    Attributes
    ----------
    key : str
        The diagram.
    x, y : tuple of float
        The two edges of a box, or the corners of a lasso.
    """

    key: str
    x: tuple[float, ...]
    y: tuple[float, ...]

    @classmethod
    def of(cls, key: str, x: Any, y: Any) -> Self:
        """Take a brush from outside.

        Raises
        ------
        InvalidInput
            If it is neither a box nor a lasso, or not finite.
        """
        try:
            corners = np.asarray([list(x), list(y)], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"brush: {x!r}, {y!r} are not numbers: {error}") from error
        n = corners.shape[1]
        if not (2 <= n <= _MAX_CORNERS and np.isfinite(corners).all()):
            raise InvalidInput(
                "brush: give two edges in x and in y for a box, or three corners and more for a "
                "lasso, all of them finite."
            )
        if n == 2:
            corners = np.sort(corners, axis=1)
        return cls(str(key), tuple(corners[0].tolist()), tuple(corners[1].tolist()))

    @property
    def outline(self) -> tuple[list[float], list[float]]:
        """Corners in x and in y, in the order in which a pen draws them."""
        if len(self.x) > 2:
            return list(self.x), list(self.y)
        (x0, x1), (y0, y1) = self.x, self.y
        return [x0, x1, x1, x0], [y0, y0, y1, y1]

    def rule(self, panel: Panel) -> Selection:
        """Return the rule that takes the stars inside."""
        if len(self.x) == 2:
            return Box(panel.x, panel.y, *self.x, *self.y)
        return Lasso(panel.x, panel.y, tuple(zip(self.x, self.y, strict=True)))


@dataclass(frozen=True)
class MapState:
    """What a chemical map shows.

    Attributes
    ----------
    color_by : str
        ``count``, or a column to average.
    good_only : bool
        Whether only the recommended cut is in colour.
    snr : Range or None
        Lowest and highest S/N in colour; any where None.
    unflagged : tuple of str
        Flags that must not be set, such as ``teff_flag``.
    bins : tuple of (int, int)
        Bins in abs(Z) and R whose stars are in colour; all stars where empty.
    brush : Brush or None
        The region that was drawn last.
    views : dict of str to View
        x and y range of each diagram that is not at its home view.
    """

    color_by: str = "count"
    good_only: bool = False
    snr: Range | None = None
    unflagged: tuple[str, ...] = ()
    bins: tuple[tuple[int, int], ...] = ()
    brush: Brush | None = None
    views: dict[str, View] = field(default_factory=dict)

    def cut(self, grid: Bins) -> Selection:
        """Return the rule of the controls: flags, S/N and bins, without brush and zoom."""
        rule: Selection = Flag("good") if self.good_only else All()
        for name in self.unflagged:
            rule = rule & Flag(name, False)
        if self.snr is not None:
            rule = rule & Between("snr", *self.snr)
        return rule & RZBins(self.bins, grid) if self.bins else rule

    def colour_rule(self, grid: Bins, panel_of: Callable[[str], Panel]) -> Selection:
        """Return the rule of the stars in colour: the cut and the brush."""
        rule = self.cut(grid)
        return rule & self.brush.rule(panel_of(self.brush.key)) if self.brush else rule

    def rule(self, grid: Bins, panel_of: Callable[[str], Panel]) -> Selection:
        """Return the rule of the selection: the stars in colour that are in view everywhere."""
        rule = self.colour_rule(grid, panel_of)
        for key, view in self.views.items():
            rule = rule & panel_of(key).inside(view)
        return rule

    def to_json(self, panels: list[str], grid: Bins) -> str:
        """Return it as JSON text, with the diagrams and the bins that it speaks of."""
        brush = self.brush and {"key": self.brush.key, "x": self.brush.x, "y": self.brush.y}
        return json.dumps(
            {
                "format": _FORMAT,
                "version": _VERSION,
                "panels": panels,
                "grid": {"r": grid.r, "z": grid.z},
                "color_by": self.color_by,
                "good_only": self.good_only,
                "snr": self.snr,
                "unflagged": self.unflagged,
                "bins": self.bins,
                "brush": brush,
                "views": self.views,
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> tuple[Self, list[str], Bins]:
        """Return the state of `to_json`, the diagrams and the bins.

        Raises
        ------
        InvalidInput
            If the text is not the state of a map; each value is checked, since files come from others.
        """
        try:
            entry = json.loads(text)
            _check_format(entry)
            grid = Bins(tuple(entry["grid"]["r"]), tuple(entry["grid"]["z"]))
            brush = entry["brush"]
            state = cls(
                color_by=_word(entry["color_by"]),
                good_only=entry["good_only"] is True,
                snr=None if entry["snr"] is None else _range(entry["snr"]),
                unflagged=tuple(map(_word, entry["unflagged"])),
                bins=RZBins(tuple(map(tuple, entry["bins"])), grid).cells,
                brush=brush and Brush.of(_word(brush["key"]), brush["x"], brush["y"]),
                views={
                    _word(key): (_range(x), _range(y)) for key, (x, y) in entry["views"].items()
                },
            )
            return state, list(map(_word, entry["panels"])), grid
        except InvalidInput as error:
            raise InvalidInput(f"This is not a saved chemical map: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInput(f"This is not a saved chemical map: {error!r}") from error


class History:
    """What a map has shown, to go back to.

    The steps of one turn of the wheel count as one.

    Parameters
    ----------
    now : MapState
        What it shows at first.
    """

    #: Changes of the same view within this time are one step [s].
    PAUSE = 1.5
    #: Steps that are kept.
    DEPTH = 200

    def __init__(self, now: MapState) -> None:
        self.now = now
        self._past: list[MapState] = []
        self._zoomed = ("", 0.0)

    def __len__(self) -> int:
        return len(self._past)

    def add(self, state: MapState) -> None:
        """Take note of a change."""
        if state == self.now:
            return
        moved = _moved(self.now, state)
        key, when = self._zoomed
        if not (moved and moved == key and time.monotonic() - when < self.PAUSE):
            self._past = [*self._past[1 - self.DEPTH :], self.now]
        self._zoomed = (moved, time.monotonic())
        self.now = state

    def back(self) -> MapState | None:
        """Return what was shown before the last change, or None at the beginning."""
        if not self._past:
            return None
        self.now = self._past.pop()
        self._zoomed = ("", 0.0)
        return self.now


def _moved(before: MapState, after: MapState) -> str:
    """Return the diagram whose view is the only change, or nothing."""
    if replace(before, views={}) != replace(after, views={}):
        return ""
    keys = {*before.views, *after.views}
    moved = [key for key in keys if before.views.get(key) != after.views.get(key)]
    return moved[0] if len(moved) == 1 else ""


def read_state(path: str | os.PathLike[str]) -> tuple[MapState, list[str], Bins]:
    """Read what ``save("map.json")`` wrote.

    Raises
    ------
    InvalidInput
        If there is no such file, or it is not the state of a map.
    """
    try:
        text = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error
    return MapState.from_json(text)


def _check_format(entry: Any) -> None:
    if entry["format"] != _FORMAT or entry["version"] != _VERSION:
        raise ValueError(f"{entry['format']!r}, version {entry['version']!r} is not known here")


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _range(value: Any) -> Range:
    low, high = (float(end) for end in value)
    if not low <= high:
        raise ValueError(f"{value!r} is not a rising pair")
    return low, high
