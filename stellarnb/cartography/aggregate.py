"""Many stars into few pixels: counts and means on a grid, through Datashader.

Everything here is a pure function of columns and a `Window`, so that a notebook, a file and a
cluster node get the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import datashader as ds
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from stellarnb.cartography.columns import numbers
from stellarnb.errors import InvalidInput, TooLarge
from stellarnb.tables.convert import as_arrow

__all__ = ["Window", "columns", "count", "mean", "span"]

#: More bins than this along one side is a mistake, not a map.
MAX_BINS = 8192

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """What part of a plane is looked at, and in how many bins.

    Attributes
    ----------
    x, y : tuple of float
        Lower and upper edge, in the unit of the column; a star on an edge is inside.
    width, height : int
        Number of bins along x and y.

    Raises
    ------
    InvalidInput
        If an edge is not finite, the lower one is not below the upper one, or there is no bin.
    TooLarge
        If a side has more than 8192 bins.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 300
    height: int = 300

    def __post_init__(self) -> None:
        for axis, (low, high) in (("x", self.x), ("y", self.y)):
            if not (np.isfinite(high - low) and low < high):
                raise InvalidInput(f"The {axis} range {low!r}..{high!r} is not a rising pair.")
        for side, bins in (("width", self.width), ("height", self.height)):
            if bins < 1:
                raise InvalidInput(f"{side}={bins}: at least one bin is needed.")
            if bins > MAX_BINS:
                raise TooLarge(f"{side}={bins} bins: at most {MAX_BINS} can be aggregated.")
        object.__setattr__(self, "x", (float(self.x[0]), float(self.x[1])))
        object.__setattr__(self, "y", (float(self.y[0]), float(self.y[1])))


def columns(table: Any, names: Iterable[str]) -> pd.DataFrame:
    """Return some columns of any table as a plain float32 frame, ready for many aggregates.

    Parameters
    ----------
    table : table
        A stellarnb table or anything `stellarnb.tables.convert.as_arrow` takes.
    names : iterable of str
        Numeric columns.

    Returns
    -------
    pandas.DataFrame
        float32 [n]; missing values are NaN, what float32 cannot hold is infinite.

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If a column holds no numbers.
    """
    arrow = as_arrow(table)
    out: dict[str, NDArray[np.float32]] = {}
    with np.errstate(over="ignore"):
        for name in dict.fromkeys(names):
            out[name] = numbers(arrow, name).astype(np.float32)
    return pd.DataFrame(out)


def span(values: NDArray[Any], *, pad: float = 0.05, tail: float = 0.0) -> tuple[float, float]:
    """Return a range that shows the finite values with some air around them.

    Parameters
    ----------
    values : numpy.ndarray, shape [n]
        Any numbers; the non-finite ones don't count.
    pad : float, optional
        Air at each end, as a fraction of the range.
    tail : float, optional
        Fraction of stars at each end that may lie outside, so that one outlier cannot squeeze
        all others into a corner.

    Returns
    -------
    tuple of float
        Rising; (0, 1) without any finite value, and a small range around a constant one.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = (float(q) for q in np.quantile(finite, [tail, 1.0 - tail]))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        air = max(0.01 * max(abs(low), abs(high)), 0.5)
    else:
        air = pad * (high - low)
    return low - air, high + air


def count(table: Any, x: str, y: str, window: Window, *, where: Mask | None = None) -> xr.DataArray:
    """Count the stars in each bin.

    Parameters
    ----------
    table : table or pandas.DataFrame
        A float32 frame from `columns` is used as it is; any other table is converted first.
    x, y : str
        Columns.
    window : Window
        Where to look, and how finely.
    where : numpy.ndarray of bool, shape [n], optional
        Which stars to count; all where not given.

    Returns
    -------
    xarray.DataArray
        uint32 [height, width] with bin centres as coordinates, y rising. Its ``attrs`` say what
        became of each chosen star: ``n_in`` are in the bins, ``n_outside`` beyond the window,
        ``n_left_out`` have a value that is not finite.
    """
    return _aggregate(table, (x, y), window, where, ds.count())


def mean(
    table: Any, x: str, y: str, of: str, window: Window, *, where: Mask | None = None
) -> xr.DataArray:
    """Average a third column over the stars in each bin.

    Parameters
    ----------
    table, x, y, window, where
        As for `count`.
    of : str
        The column to average.

    Returns
    -------
    xarray.DataArray
        float64 [height, width], NaN in a bin without stars; ``attrs`` as for `count`, where a
        star whose third value is not finite is left out too.
    """
    return _aggregate(table, (x, y, of), window, where, ds.mean(of))


def _aggregate(
    table: Any, names: tuple[str, ...], window: Window, where: Mask | None, how: Any
) -> xr.DataArray:
    frame = _float32(table, names)
    chosen = np.ones(len(frame), dtype=bool) if where is None else np.asarray(where)
    if chosen.shape != (len(frame),) or chosen.dtype != bool:
        raise InvalidInput(f"where: a mask of {chosen.size} rows for a table of {len(frame)}.")
    parts = {name: frame[name].to_numpy() for name in names}
    finite = chosen.copy()
    for values in parts.values():
        finite &= np.isfinite(values)
    # A NaN position is skipped by Datashader: cheaper than copying the chosen rows.
    x = names[0]
    parts[x] = np.where(finite, parts[x], np.float32(np.nan))
    canvas = ds.Canvas(window.width, window.height, x_range=window.x, y_range=window.y)
    result = canvas.points(pd.DataFrame(parts), x, names[1], how)
    inside = finite & _inside(parts[x], window.x) & _inside(parts[names[1]], window.y)
    n_finite, n_in = int(finite.sum()), int(inside.sum())
    result.attrs = {
        "n_in": n_in,
        "n_outside": n_finite - n_in,
        "n_left_out": int(chosen.sum()) - n_finite,
    }
    return result


def _float32(table: Any, names: tuple[str, ...]) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame) and all(
        name in table and table[name].dtype == np.float32 for name in names
    ):
        return table
    return columns(table, names)


def _inside(values: NDArray[np.float32], limits: tuple[float, float]) -> Mask:
    # Compared in float64, as Datashader does: a limit rounded to float32 could jump over a star.
    low, high = np.float64(limits[0]), np.float64(limits[1])
    mask: Mask = (values >= low) & (values <= high)
    return mask
