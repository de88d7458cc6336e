"""Which stars: predicates that give a mask, combine with ``&``, and write themselves as Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.columns import column, numbers
from stellarnb.cartography.sky import galactic, mollweide
from stellarnb.errors import InvalidInput
from stellarnb.tables.convert import as_arrow

__all__ = ["All", "Between", "Flag", "Selection", "SkyWindow"]

Mask = NDArray[np.bool_]


class Selection(ABC):
    """A rule that says of each star whether it belongs.

    A star with a missing or non-finite value never belongs.
    """

    @abstractmethod
    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""

    def __and__(self, other: Selection) -> All:
        """Return the rule that asks for both."""
        return All((*_parts(self), *_parts(other)))

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return repr(self)

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        return [type(self).__name__]


@dataclass(frozen=True)
class Between(Selection):
    """Stars with ``low <= column <= high``.

    Attributes
    ----------
    column : str
        A numeric column.
    low, high : float
        Both ends belong; either may be infinite.

    Raises
    ------
    InvalidInput
        If an end is NaN or the lower one is above the upper one.
    """

    column: str
    low: float
    high: float

    def __post_init__(self) -> None:
        _pair(self, "low", "high", f"Between({self.column!r})")

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        values = numbers(table, self.column)
        result: Mask = np.isfinite(values) & (values >= self.low) & (values <= self.high)
        return result

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return f"Between({self.column!r}, {_number(self.low)}, {_number(self.high)})"


@dataclass(frozen=True)
class Flag(Selection):
    """Stars whose boolean column is `wanted`.

    Attributes
    ----------
    column : str
        A boolean column, such as ``good``.
    wanted : bool
        The value that belongs.
    """

    column: str
    wanted: bool = True

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        flags = column(table, self.column)
        if not pa.types.is_boolean(flags.type):
            raise InvalidInput(f"Column {self.column!r} is {flags.type}, not true or false.")
        values: Mask = flags.fill_null(not self.wanted).to_numpy() == self.wanted
        return values

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return f"Flag({self.column!r})" if self.wanted else f"Flag({self.column!r}, False)"


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
        _pair(self, "x_low", "x_high", "SkyWindow")
        _pair(self, "y_low", "y_high", "SkyWindow")

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        lon, lat = galactic(numbers(table, "ra"), numbers(table, "dec"))
        # float32 as on the map: what is seen inside the frame is what is chosen.
        x, y = (v.astype(np.float32) for v in mollweide(lon, lat))
        x_ok = (x >= np.float64(self.x_low)) & (x <= np.float64(self.x_high))
        result: Mask = x_ok & (y >= np.float64(self.y_low)) & (y <= np.float64(self.y_high))
        return result

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        edges = (self.x_low, self.x_high, self.y_low, self.y_high)
        return f"SkyWindow({', '.join(map(_number, edges))})"


@dataclass(frozen=True)
class All(Selection):
    """Stars that each of some rules takes; without any rule, every star.

    Attributes
    ----------
    parts : tuple of Selection
        The rules.
    """

    parts: tuple[Selection, ...] = ()

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        result = np.ones(as_arrow(table).num_rows, dtype=bool)
        for part in self.parts:
            result &= part.mask(table)
        return result

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return " & ".join(part.to_code() for part in self.parts) if self.parts else "All()"

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        return sorted({name for part in self.parts for name in part.names()}) or ["All"]


def _parts(selection: Selection) -> tuple[Selection, ...]:
    return selection.parts if isinstance(selection, All) else (selection,)


def _pair(selection: Selection, low: str, high: str, name: str) -> None:
    """Make both ends plain floats, so that their text is exact Python, and check their order."""
    ends = float(getattr(selection, low)), float(getattr(selection, high))
    if not ends[0] <= ends[1]:  # true for NaN as well
        raise InvalidInput(f"{name}: {ends[0]}..{ends[1]} is not a rising pair.")
    object.__setattr__(selection, low, ends[0])
    object.__setattr__(selection, high, ends[1])


def _number(value: float) -> str:
    return repr(value) if np.isfinite(value) else f"float({str(value)!r})"
