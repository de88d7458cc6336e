"""Rules for regions of a diagram: box, lasso, a piece of the sky, bins in R and abs(Z).

Values are compared in float32, as they are drawn: what is seen inside is what is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.aggregate.bins import Bins
from stellarnb.cartography.compiled import compiled
from stellarnb.cartography.select.rules import Mask, Selection, as_code, rising_pair
from stellarnb.cartography.sky import SKY_X, SKY_Y, galactic, mollweide
from stellarnb.cartography.tables import as_float32, numbers
from stellarnb.errors import InvalidInput

__all__ = ["Box", "Lasso", "RZBins", "SkyWindow"]

#: A hand draws fewer corners than this.
_MAX_CORNERS = 10_000

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Box(Selection):
    """Stars in a rectangle of a diagram, its edges included.

    Attributes
    ----------
    x, y : str
        Numeric columns; ``mollweide_x`` and ``mollweide_y`` are made from ``ra`` and ``dec``.
    x_low, x_high, y_low, y_high : float
        Edges; any may be infinite.

    Raises
    ------
    InvalidInput
        If edges do not rise.

    Examples
    --------
    >>> Box("R", "Z", 7.0, 9.0, 0.0, 1.0).mask({"R": [8.0, 8.0], "Z": [0.5, 1.5]}).tolist()
    [True, False]
    """

    x: str
    y: str
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def __post_init__(self) -> None:
        rising_pair(self, "x_low", "x_high", f"Box({self.x!r})")
        rising_pair(self, "y_low", "y_high", f"Box({self.y!r})")

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        x, y = _plane(table, self.x, self.y)
        return _inside(x, self.x_low, self.x_high) & _inside(y, self.y_low, self.y_high)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return _real_columns(self.x, self.y)


@dataclass(frozen=True)
class Lasso(Selection):
    """Stars inside a polygon of a diagram, by the even-odd rule.

    Attributes
    ----------
    x, y : str
        Numeric columns; ``mollweide_x`` and ``mollweide_y`` are made from ``ra`` and ``dec``.
    corners : tuple of (float, float)
        Of the polygon, which is closed from the last to the first.

    Raises
    ------
    InvalidInput
        If there are fewer than three corners, or one is not finite.

    Examples
    --------
    >>> triangle = Lasso("R", "Z", ((7.0, 0.0), (9.0, 0.0), (8.0, 1.0)))
    >>> triangle.mask({"R": [8.0, 7.0], "Z": [0.5, 0.9]}).tolist()
    [True, False]
    """

    x: str
    y: str
    corners: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        try:
            corners = np.array(self.corners, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"Lasso: the corners are not pairs of numbers: {error}") from error
        good = corners.ndim == 2 and corners.shape[1] == 2 and np.isfinite(corners).all()
        if not good or not 3 <= len(corners) <= _MAX_CORNERS:
            raise InvalidInput("Lasso: give three or more corners, each (x, y) and finite.")
        exact = tuple((float(a), float(b)) for a, b in corners)
        object.__setattr__(self, "corners", exact)

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        x, y = _plane(table, self.x, self.y)
        out = np.zeros(len(x), dtype=bool)
        _lasso_loop(x, y, np.array(self.corners), out)
        return out

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return _real_columns(self.x, self.y)


@dataclass(frozen=True)
class SkyWindow(Selection):
    """Stars in a rectangle of the Galactic Mollweide map; needs ``ra`` and ``dec`` [deg].

    Attributes
    ----------
    x_low, x_high, y_low, y_high : float
        Edges in the plane of `stellarnb.cartography.sky.mollweide`.
    """

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def __post_init__(self) -> None:
        rising_pair(self, "x_low", "x_high", "SkyWindow")
        rising_pair(self, "y_low", "y_high", "SkyWindow")

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        x, y = _plane(table, SKY_X, SKY_Y)
        return _inside(x, self.x_low, self.x_high) & _inside(y, self.y_low, self.y_high)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return _real_columns(SKY_X, SKY_Y)


@dataclass(frozen=True)
class RZBins(Selection):
    """Stars in some of the bins in R and abs(Z).

    Attributes
    ----------
    cells : tuple of (int, int)
        Bins as (row in abs(Z), column in R), both from 0.
    bins : Bins
        The bins.

    Raises
    ------
    InvalidInput
        If there is no such bin.

    Examples
    --------
    >>> RZBins(((0, 2),)).mask({"R": [8.0, 8.0], "Z": [0.1, 0.9]}).tolist()
    [True, False]
    """

    cells: tuple[tuple[int, int], ...]
    bins: Bins = field(default_factory=Bins)

    def __post_init__(self) -> None:
        cells = tuple(_cell(cell, self.bins) for cell in self.cells)
        object.__setattr__(self, "cells", cells)

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        wanted = np.zeros(len(self.bins) + 1, dtype=bool)  # the last one is for the code -1
        for row, column in self.cells:
            wanted[row * self.bins.shape[1] + column] = True
        result: Mask = wanted[self.bins.codes(table)]
        return result

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return frozenset({self.bins.r_column, self.bins.z_column})

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        return ["RZBins"] if self.bins == Bins() else ["Bins", "RZBins"]

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        if self.bins == Bins():
            return f"RZBins({as_code(self.cells)})"
        parts = (self.bins.r, self.bins.z, self.bins.r_column, self.bins.z_column)
        return f"RZBins({as_code(self.cells)}, Bins({', '.join(map(as_code, parts))}))"

    @classmethod
    def read_values(cls, values: dict[str, Any], depth: int) -> Self:  # noqa: ARG003
        """Return the rule of these plain values."""
        return cls(tuple(values["cells"]), Bins(**values["bins"]))


def _cell(cell: Any, bins: Bins) -> tuple[int, int]:
    try:
        row, column = (int(index) for index in cell)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"RZBins: expected a pair (row in |Z|, column in R); got {cell!r}."
        ) from error
    rows, columns = bins.shape
    if not (0 <= row < rows and 0 <= column < columns):
        raise InvalidInput(
            f"RZBins: no bin ({row}, {column}); there are {rows} rows in |Z|, {columns} columns in R."
        )
    return row, column


def _plane(table: Any, x: str, y: str) -> tuple[Float32, Float32]:
    """Return two columns as float32, those of the sky map made from ra and dec."""
    if SKY_X in {x, y} or SKY_Y in {x, y}:
        sky = dict(zip((SKY_X, SKY_Y), _sky(table), strict=True))
        x_values, y_values = (
            sky[name] if name in sky else as_float32(table, (name,))[name] for name in (x, y)
        )
        return x_values, y_values
    found = as_float32(table, (x, y))
    return found[x], found[y]


def _sky(table: Any) -> tuple[Float32, Float32]:
    x, y = mollweide(*galactic(numbers(table, "ra"), numbers(table, "dec")))
    return x.astype(np.float32), y.astype(np.float32)


def _real_columns(*names: str) -> frozenset[str]:
    real = {name for name in names if name not in {SKY_X, SKY_Y}}
    return frozenset(real if len(real) == len(names) else real | {"ra", "dec"})


def _inside(values: Float32, low: float, high: float) -> Mask:
    # In float64, as the aggregates do: an edge rounded to float32 could jump over a star.
    mask: Mask = np.isfinite(values) & (values >= np.float64(low)) & (values <= np.float64(high))
    return mask


@compiled
def _lasso_loop(
    x: NDArray[Any], y: NDArray[Any], corners: NDArray[Any], out: NDArray[Any]
) -> None:  # pragma: no cover - numba
    """Fill whether each star is inside; only sides at its height are looked at."""
    left, right = corners[:, 0].min(), corners[:, 0].max()
    lower, upper = corners[:, 1].min(), corners[:, 1].max()
    n, bands = len(corners), 256
    scale = bands / (upper - lower) if upper > lower else 0.0
    start = np.zeros(bands + 1, dtype=np.int64)
    sides = np.empty(n * (bands + 1), dtype=np.int64)
    for band in range(bands):
        start[band + 1] = start[band]
        for j in range(n):
            ay, by = corners[j - 1, 1], corners[j, 1]
            first = min(int((min(ay, by) - lower) * scale), bands - 1)
            last = min(int((max(ay, by) - lower) * scale), bands - 1)
            if first <= band <= last:
                sides[start[band + 1]] = j
                start[band + 1] += 1
    for i in range(x.size):
        a, b = np.float64(x[i]), np.float64(y[i])
        if left <= a <= right and lower <= b <= upper:
            band = min(int((b - lower) * scale), bands - 1)
            inside = False
            for k in range(start[band], start[band + 1]):
                j = sides[k]
                ax, ay, bx, by = corners[j - 1, 0], corners[j - 1, 1], corners[j, 0], corners[j, 1]
                if (ay > b) != (by > b) and a < (bx - ax) * (b - ay) / (by - ay) + ax:
                    inside = not inside
            out[i] = inside
