"""A table made ready for many aggregates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography import (
    All,
    Box,
    Lasso,
    RZBins,
    Selection,
    columns,
    galactic,
    mollweide,
    span,
)
from stellarnb.cartography.sky import SKY_X, SKY_Y
from stellarnb.cartography.tables import numbers
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Labels, Table

__all__ = ["MapStars", "Range", "thinned"]

Range = tuple[float, float]
Mask = NDArray[np.bool_]

#: The usual colours come first in a menu, in this order.
_FIRST = (
    *("teff", "logg", "m_h", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li"),
    *("novelty", "phot_g_mean_mag", "snr"),
)
#: Columns of numbers that are not useful as a colour.
_NEVER = {"ra", "dec"}


@dataclass
class MapStars:
    """Prepare a table for many aggregates: float32 columns, masks and colour limits are kept."""

    table: Table
    good: Mask | None
    model: str
    mock: bool
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    _limits: dict[str, Range] = field(default_factory=dict)
    _masks: dict[Selection, Mask] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Any) -> Self:
        """Take what maps need from any table."""
        if isinstance(table, cls):
            return table
        own = table if isinstance(table, Table) else Table(table)
        good = None
        if "good" in own:
            good = np.ma.filled(np.ma.asarray(own["good"]), False).astype(bool)
        model = own.model if isinstance(own, Labels) else str(own.provenance.get("model", ""))
        frame = pd.DataFrame(index=pd.RangeIndex(len(own)))
        return cls(own, good, model, bool(own.provenance.get("mock", False)), frame)

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a column of numbers, or it can be computed."""
        if name in (SKY_X, SKY_Y):
            return "ra" in self.table and "dec" in self.table
        return name in self.table and _is_number(self.table.arrow.schema.field(str(name)).type)

    def column(self, name: str) -> NDArray[np.float32]:
        """Return a column as float32 [n] and keep it in `frame`."""
        if name not in self.frame:
            if name in (SKY_X, SKY_Y):
                if SKY_X not in self:
                    raise MissingInput(
                        "A sky map needs the columns ra and dec [deg]; this table lacks them."
                    )
                lon, lat = galactic(numbers(self.table, "ra"), numbers(self.table, "dec"))
                for column, made in zip((SKY_X, SKY_Y), mollweide(lon, lat), strict=True):
                    self.frame[column] = made.astype(np.float32)
            else:
                self.frame[name] = columns(self.table, [name])[name].to_numpy()
        values: NDArray[np.float32] = self.frame[name].to_numpy()
        return values

    @property
    def colours(self) -> list[str]:
        """The possible colours of a map of these stars: ``count``, or the mean of a column."""
        schema = self.table.arrow.schema
        floats = [name for name in schema.names if pa.types.is_floating(schema.field(name).type)]
        rest = [name for name in floats if name not in _FIRST and name not in _NEVER]
        return ["count", *(name for name in _FIRST if name in self), *rest]

    @property
    def flags(self) -> list[str]:
        """Columns that say of a label that it lies outside the training limits."""
        schema = self.table.arrow.schema
        names = (name for name in schema.names if name.endswith("_flag"))
        return [name for name in names if pa.types.is_boolean(schema.field(name).type)]

    def check_colour(self, color_by: str) -> str:
        """Return `color_by`, or raise `InvalidInput` with the possible choices."""
        if color_by != "count" and color_by not in self.colours:
            raise InvalidInput(f"color_by={color_by!r}: use one of {', '.join(self.colours)}.")
        return color_by

    def chosen(self, *, good_only: bool) -> Mask | None:
        """Return the stars in colour as bool [n], or None for all."""
        if not good_only:
            return None
        if self.good is None:
            raise MissingInput("This table has no column 'good', so good_only cannot be used.")
        return self.good

    def mask(self, rule: Selection) -> Mask:
        """Return the stars that a rule selects, bool [n]; the masks of its parts are cached."""
        parts = rule.parts if isinstance(rule, All) else (rule,)
        known = self._masks
        self._masks = {part: known[part] if part in known else self._of(part) for part in parts}
        out = np.ones(len(self), dtype=bool)
        for part in parts:
            out &= self._masks[part]
        return out

    def _of(self, rule: Selection) -> Mask:
        if isinstance(rule, (Box, Lasso)):
            plane = pd.DataFrame({"x": self.column(rule.x), "y": self.column(rule.y)}, copy=False)
            return replace(rule, x="x", y="y").mask(plane)
        if isinstance(rule, RZBins):
            for name in (rule.bins.r_column, rule.bins.z_column):
                self.column(name)
            return rule.mask(self.frame)
        return rule.mask(self.table)

    def colour_limits(self, color_by: str) -> Range:
        """Return the ends of a column's colour scale: the range of 98 % of all stars."""
        if color_by not in self._limits:
            self._limits[color_by] = span(thinned(self.column(color_by)), pad=0.0, tail=0.01)
        return self._limits[color_by]


def thinned(values: NDArray[np.float32], enough: int = 100_000) -> NDArray[np.float32]:
    """Return every so many-th value, where there are more than enough to find a range from."""
    return values[:: max(1, len(values) // enough)]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
