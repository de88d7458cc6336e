"""Gaia source_ids as int64, never through float."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = ["as_source_ids", "match_ids"]


def as_source_ids(values: Any, *, name: str = "source_id") -> NDArray[np.int64]:
    """Return identifiers as a one-dimensional int64 array, or refuse them.

    Parameters
    ----------
    values : array_like of int or of decimal digits, shape [n]
        The identifiers; a scalar counts as one. An empty sequence is allowed.
    name : str, optional
        How the column is called in an error message.

    Returns
    -------
    numpy.ndarray of int64, shape [n]

    Raises
    ------
    InvalidInput
        For floating-point, boolean, masked, negative, oversized or non-numeric values. A float
        keeps 53 bits and a source_id needs up to 63: a round trip through float names
        another star.
    """
    if np.ma.is_masked(values):
        raise InvalidInput(f"{name}: some values are masked; drop those rows first.")
    array = np.atleast_1d(np.asarray(values))
    if array.ndim != 1:
        raise InvalidInput(f"{name}: expected one dimension, got shape {array.shape}.")
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind == "i":
        result = array.astype(np.int64, copy=False)
    elif array.dtype.kind == "u" and array.max() <= np.iinfo(np.int64).max:
        result = array.astype(np.int64)
    elif array.dtype.kind in "OUSV":
        result = _from_objects(array, name)
    else:
        raise InvalidInput(
            f"{name} is {array.dtype}; 64-bit integers are needed, since a float cannot hold a "
            "source_id exactly. Read the column again as int64 (in pandas: "
            f"dtype={{'{name}': 'int64'}}, or 'Int64' where rows may be missing)."
        )
    if result.min() < 0:
        raise InvalidInput(f"{name}: {int(result.min())} is negative, so it is not a source_id.")
    return result


def match_ids(wanted: NDArray[np.int64], available: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each wanted id the first row that has it, -1 where none does.

    Parameters
    ----------
    wanted, available : numpy.ndarray of int64, shapes [n] and [m]
        Identifiers; either may repeat some.

    Returns
    -------
    numpy.ndarray of int64, shape [n]
    """
    if len(available) == 0:
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(available, kind="stable")
    position = np.searchsorted(available, wanted, side="left", sorter=order)
    row = order[np.minimum(position, len(order) - 1)]
    return np.where(available[row] == wanted, row, -1)


def _from_objects(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Convert integers in an object array, or digits in a text array, without a float between."""
    out = np.empty(len(array), dtype=np.int64)
    for i, value in enumerate(array):
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
        whole = isinstance(text, (int, np.integer)) and not isinstance(text, bool)
        digits = isinstance(text, str) and text.isascii() and text.strip().isdigit()
        if not (whole or digits):
            raise InvalidInput(
                f"{name}: row {i} holds {value!r}, which is not an integer. Give the "
                "identifiers as 64-bit integers."
            )
        number = int(text)
        if number > np.iinfo(np.int64).max or number < 0:
            raise InvalidInput(f"{name}: row {i} holds {number}, which does not fit in 63 bits.")
        out[i] = number
    return out
