"""Columns of any table, found by name or named in the error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.memory import need_memory
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables.convert import as_arrow

__all__ = ["as_float32", "column", "columns", "numbers"]


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
    OutOfMemory
        If they don't fit; the message says how many stars would.
    """
    arrow = as_arrow(table)
    wanted = list(dict.fromkeys(names))
    need_memory(arrow.num_rows, 4 * len(wanted) + 8, "columns")
    out: dict[str, NDArray[np.float32]] = {}
    with np.errstate(over="ignore"):
        for name in wanted:
            out[name] = numbers(arrow, name).astype(np.float32)
    return pd.DataFrame(out)


def as_float32(table: Any, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return columns as float32 arrays [n]; those of a frame from `columns` without a copy."""
    wanted = list(dict.fromkeys(names))
    ready = isinstance(table, pd.DataFrame) and all(
        name in table and table[name].dtype == np.float32 for name in wanted
    )
    frame = table if ready else columns(table, wanted)
    return {name: frame[name].to_numpy() for name in wanted}
