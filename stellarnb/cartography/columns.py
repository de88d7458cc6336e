"""Columns of any table, found by name or named in the error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables.convert import as_arrow

__all__ = ["column", "numbers"]


def column(table: Any, name: str) -> pa.ChunkedArray:
    """Return one column.

    Parameters
    ----------
    table : table
        Anything `stellarnb.tables.convert.as_arrow` takes.
    name : str
        The column.

    Raises
    ------
    MissingInput
        If it is not there; the message names those that are.
    """
    arrow = as_arrow(table)
    if name not in arrow.column_names:
        raise MissingInput(f"No column {name!r} here; there are: {', '.join(arrow.column_names)}.")
    return arrow[name]


def numbers(table: Any, name: str) -> NDArray[np.float64]:
    """Return one column as float64 [n], missing values as NaN.

    Raises
    ------
    MissingInput
        If it is not there.
    InvalidInput
        If it holds no numbers.
    """
    try:
        values: NDArray[np.float64] = column(table, name).cast("float64", safe=False).to_numpy()
    except (ValueError, NotImplementedError) as error:
        raise InvalidInput(f"Column {name!r} holds no numbers: {error}") from error
    return values
