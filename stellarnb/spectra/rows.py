"""Counts and medians of the rows of an array, many times faster than numpy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_count", "row_median"]


def row_count(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return how many are true in each row.

    mask [n, m]: any. Returns [n].
    """
    # numpy would turn each bool into 64 bits first.
    number: NDArray[np.int32] = np.asarray(mask).view(np.uint8).sum(axis=1, dtype=np.int32)
    return number


def row_median(values: NDArray[Any]) -> NDArray[Any]:
    """Return the median of each row, of the values that are not NaN.

    It equals `numpy.nanmedian` to the last bit, without its warnings. Rows as short as spectra
    are sorted in less time than numpy takes to part them in the middle.

    values [n, m]: any; left as they are. Returns [n]: of the same type; NaN for a row of nothing
    else.
    """
    values = np.asarray(values)
    if values.shape[1] == 0:
        return np.full(len(values), np.nan, dtype=values.dtype)
    ordered = np.sort(values, axis=1)  # NaN come last
    number = np.full(len(values), values.shape[1])
    short = np.flatnonzero(np.isnan(ordered[:, -1]))
    number[short] -= row_count(np.isnan(ordered[short]))
    row = np.arange(len(values))
    low = ordered[row, np.maximum(number - 1, 0) // 2]
    high = ordered[row, np.minimum(number // 2, values.shape[1] - 1)]
    with np.errstate(over="ignore", invalid="ignore"):  # of infinite ones
        middle: NDArray[Any] = (low + high) / 2
    middle[number == 0] = np.nan
    return middle
