"""Define the bins in R and |Z| in which the chemistry of the discs is compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.compiled import compiled, inlined
from stellarnb.cartography.tables import as_float32
from stellarnb.errors import InvalidInput

__all__ = ["Bins"]

#: More panels than this nobody can look at.
_MAX_PANELS = 1000


@dataclass(frozen=True)
class Bins:
    """Bins in Galactocentric R and in height abs(Z), after Hayden et al. (2015, ApJ 808, 132).

    A star belongs where ``low <= R < high`` and ``low <= abs(Z) < high``, in float32 as on the maps.

    Attributes
    ----------
    r, z : tuple of float
        Rising edges [kpc] of R and of abs(Z); the last may be infinite.
    r_column, z_column : str
        Columns of the table.

    Raises
    ------
    InvalidInput
        If edges do not rise, or one of abs(Z) or R is negative.

    Examples
    --------
    >>> bins = Bins(r=(7, 9, 11), z=(0, 0.5))
    >>> bins.shape, bins.title(0, 1)
    ((1, 2), '9 < R < 11, 0 < |Z| < 0.5 kpc')
    """

    r: tuple[float, ...] = (3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0)
    z: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)
    r_column: str = "R"
    z_column: str = "Z"

    def __post_init__(self) -> None:
        object.__setattr__(self, "r", _edges("R", self.r))
        object.__setattr__(self, "z", _edges("|Z|", self.z))
        if len(self) > _MAX_PANELS:
            raise InvalidInput(
                f"{len(self)} bins in R and |Z|: at most {_MAX_PANELS} can be shown. Use fewer edges."
            )

    def __len__(self) -> int:
        return self.shape[0] * self.shape[1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Go through the bins as (row in abs(Z), column in R), as their codes rise."""
        return ((i, j) for i in range(self.shape[0]) for j in range(self.shape[1]))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins in abs(Z) and in R."""
        return len(self.z) - 1, len(self.r) - 1

    def codes(self, table: Any) -> NDArray[np.int16]:
        """Return the bin of each star.

        Parameters
        ----------
        table : table or pandas.DataFrame
            With the columns of R and Z [kpc].

        Returns
        -------
        numpy.ndarray of int16, shape [n]
            ``row * (number of bins in R) + column`` with row counting in abs(Z) and column in
            R, both from 0; -1 outside of all bins or without a finite place.

        Raises
        ------
        MissingInput
            If a column is not there.
        """
        names = (self.r_column, self.z_column)
        found = as_float32(table, names)
        r, z = (found[name] for name in names)
        out = np.empty(len(r), dtype=np.int16)
        _code_loop(r, z, np.asarray(self.r), np.asarray(self.z), out)
        return out

    def title(self, row: int, column: int) -> str:
        """Return the limits of a bin as text, such as ``7 < R < 9, 0 < |Z| < 0.5 kpc``."""
        return f"{_pair('R', self.r, column)}, {_pair('|Z|', self.z, row)} kpc"


@inlined
def _add_passed(
    values: NDArray[Any], edge: float, number: NDArray[Any]
) -> None:  # pragma: no cover - numba
    for i in range(values.size):
        number[i] += np.int32(1) if np.float64(values[i]) >= edge else np.int32(0)


@compiled
def _code_loop(
    r: NDArray[Any], z: NDArray[Any], r_edges: NDArray[Any], z_edges: NDArray[Any], out: Any
) -> None:  # pragma: no cover - numba
    """Count the edges that each star has passed; in blocks, an edge at a time, which is fast."""
    columns, rows = np.int32(r_edges.size - 1), np.int32(z_edges.size - 1)
    buffers, height = np.empty((2, 2048), dtype=np.int32), np.empty(2048, dtype=np.float32)
    for s in range(0, r.size, 2048):
        e = min(s + 2048, r.size)
        column, row, part = buffers[0, : e - s], buffers[1, : e - s], out[s:e]
        for i in range(e - s):
            column[i] = row[i] = -1
            height[i] = abs(z[s + i])
        for edge in r_edges:
            _add_passed(r[s:e], edge, column)
        for edge in z_edges:
            _add_passed(height[: e - s], edge, row)
        for i in range(e - s):
            inside = (column[i] >= 0) & (column[i] < columns) & (row[i] >= 0) & (row[i] < rows)
            part[i] = np.int16(row[i] * columns + column[i]) if inside else np.int16(-1)


def _edges(name: str, edges: Sequence[float]) -> tuple[float, ...]:
    values = tuple(float(edge) for edge in edges)
    if len(values) < 2 or not np.all(np.diff(values) > 0):
        raise InvalidInput(f"bins in {name}: expected rising edges [kpc], such as (0, 0.5, 1, 2).")
    if values[0] < 0 or not np.isfinite(values[0]):
        raise InvalidInput(
            f"bins in {name} begin at {values[0]:g} kpc; the first edge must be finite and at least 0."
        )
    return values


def _pair(name: str, edges: tuple[float, ...], index: int) -> str:
    low, high = edges[index], edges[index + 1]
    return f"{name} > {low:g}" if np.isinf(high) else f"{low:g} < {name} < {high:g}"
