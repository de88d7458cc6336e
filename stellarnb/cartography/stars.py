"""Read the columns of labels and of their stars as one table."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.tables import numbers
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.tables import Table
from stellarnb.tables.names import find_column

__all__ = ["StarColumns"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StarColumns:
    """Read two tables as one; `row` gives the row of `stars` for each label (-1 for none)."""

    labels: Table
    stars: Table
    row: NDArray[np.int64] | None
    source_id: NDArray[np.int64] | None

    @classmethod
    def of(cls, labels: Any, stars: Any = None) -> Self:
        """Match two tables by source_id, or row by row where one of them has none."""
        own = _as_table(labels)
        other = own if stars is None or stars is labels else _as_table(stars)
        ids, other_ids = (_ids(table) for table in (own, other))
        row = None
        if other is not own:
            if ids is not None and other_ids is not None:
                same = len(ids) == len(other_ids) and np.array_equal(ids, other_ids)
                row = None if same else match_ids(ids, other_ids)
            elif len(own) != len(other):
                raise InvalidInput(
                    f"{len(own)} labels and {len(other)} stars, and not both tables have a "
                    "source_id to match them by."
                )
        return cls(own, other, row, ids)

    def __len__(self) -> int:
        return len(self.labels)

    def has(self, name: str) -> bool:
        """Return whether either table has the column."""
        return any(find_column(t.colnames, name) for t in (self.stars, self.labels))

    def lacking(self, *names: str) -> list[str]:
        """Return those columns that neither table has."""
        return [name for name in names if not self.has(name)]

    def need(self, name: str) -> Floats:
        """Return a column as float64 [n], NaN where missing; ``teff`` and the like from `labels`."""
        first = (self.labels, self.stars) if _is_label(name) else (self.stars, self.labels)
        for table in first:
            column = find_column(table.colnames, name)
            if column is not None:
                return self._rows(table, numbers(table, column))
        raise MissingInput(
            f"To place stars the column {name} is needed; the stars have: "
            f"{', '.join(self.stars.colnames)}."
        )

    def get(self, name: str) -> Floats:
        """Return a column as float64 [n]; all NaN where neither table has it."""
        return self.need(name) if self.has(name) else np.full(len(self), np.nan)

    def length(self, name: str, kinds: tuple[str, ...] = ()) -> tuple[Floats, Floats]:
        """Return a column of distances and its error [kpc]; suggest `kinds` if it is missing."""
        if not self.has(name):
            names = [*kinds, *self.stars.colnames]
            near = get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise MissingInput(
                f"distance={name!r}: check the spelling.{hint} Use one of {', '.join(kinds)} or a "
                f"column of distances [kpc]; there are: {', '.join(self.stars.colnames)}."
            )
        factor = next(
            (_kpc(t.units[name], name) for t in (self.stars, self.labels) if name in t.units), 1.0
        )
        return factor * self.need(name), factor * self.get(f"{name}_error")

    def _rows(self, table: Table, values: Floats) -> Floats:
        if self.row is None or table is self.labels:
            return values
        return np.append(values, np.nan)[self.row]


def _is_label(name: str) -> bool:
    return name.removesuffix("_error") in {"teff", "logg", "m_h", "fe_h", "alpha_m"}


def _as_table(table: Any) -> Table:
    """Return any table as ours, with the units of an astropy one kept."""
    if isinstance(table, Table):
        return table
    units = {
        name: str(unit)
        for name in getattr(table, "colnames", ())
        if (unit := getattr(table[name], "unit", None)) is not None
    }
    return Table(table, units=units)


def _ids(table: Table) -> NDArray[np.int64] | None:
    column = find_column(table.colnames, "source_id")
    return None if column is None else as_source_ids(table[column])


def _kpc(unit: str, name: str) -> float:
    from astropy import units as u

    try:
        return float(u.Unit(unit).to(u.kpc))
    except (ValueError, u.UnitConversionError) as error:
        raise InvalidInput(
            f"Column {name!r} is in {unit!r}, which is not a length. Convert it to kpc."
        ) from error
