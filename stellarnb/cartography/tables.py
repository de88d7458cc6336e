"""Read columns of any table by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.memory import need_memory
from stellarnb.errors import InvalidInput, MissingInput, StellarnbError, TooLarge
from stellarnb.tables.convert import as_arrow

__all__ = ["as_float32", "category_codes", "column", "columns", "numbers"]

#: Largest number of categories that can be told apart.
_MAX_CATEGORIES = 256


def column(table: Any, name: str) -> pa.ChunkedArray:
    """Return one column, or raise `MissingInput` with the names of those that exist."""
    arrow = as_arrow(table)
    if name not in arrow.column_names:
        raise MissingInput(f"No column {name!r}. The table has: {', '.join(arrow.column_names)}.")
    return arrow[name]


def numbers(table: Any, name: str) -> NDArray[np.float64]:
    """Return one column as float64 [n], missing values as NaN."""
    try:
        values: NDArray[np.float64] = column(table, name).cast("float64", safe=False).to_numpy()
    except StellarnbError:
        raise
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

    Examples
    --------
    >>> columns({"R": [8.0, None], "name": ["a", "b"]}, ["R"])["R"].tolist()
    [8.0, nan]
    """
    arrow = as_arrow(table)
    wanted = list(dict.fromkeys(names))
    need_memory(arrow.num_rows, 4 * len(wanted) + 8, "columns")
    out: dict[str, NDArray[np.float32]] = {}
    with np.errstate(over="ignore"):
        for name in wanted:
            values = column(arrow, name)
            plain = values.type == pa.float32() and values.null_count == 0
            out[name] = values.to_numpy() if plain else numbers(arrow, name).astype(np.float32)
    return pd.DataFrame(out)


def as_float32(table: Any, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return columns as float32 arrays [n]; those of a frame from `columns` without a copy."""
    wanted = list(dict.fromkeys(names))
    ready = isinstance(table, pd.DataFrame) and all(
        name in table and table[name].dtype == np.float32 for name in wanted
    )
    frame = table if ready else columns(table, wanted)
    return {name: frame[name].to_numpy() for name in wanted}


def category_codes(table: Any, name: str) -> tuple[list[Any], NDArray[np.int16]]:
    """Return the sorted values of a column and each star's index in them (int16; -1 if missing)."""
    values = column(table, name)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean)
    if not any(test(kind) for test in known):
        raise InvalidInput(f"Column {name!r} is {kind}; categories are strings, integers or flags.")
    coded = values.cast(kind).combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    names = coded.dictionary.to_pylist()
    if len(names) > _MAX_CATEGORIES:
        raise TooLarge(
            f"Column {name!r} has {len(names)} values: expected at most {_MAX_CATEGORIES}."
        )
    order = sorted(range(len(names)), key=lambda i: names[i])
    rank = np.empty(len(names) + 1, dtype=np.int16)
    rank[order], rank[-1] = np.arange(len(names)), -1
    index = coded.indices.fill_null(len(names)).to_numpy()
    return [names[i] for i in order], rank[index]
