"""Between Arrow, astropy and pandas, with 64-bit integers left whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellarnb.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd
    from astropy.table import QTable

__all__ = ["as_arrow", "column_to_numpy", "to_astropy", "to_pandas"]


def as_arrow(table: Any) -> pa.Table:
    """Return any table that people work with as an Arrow table."""
    if isinstance(table, pa.Table):
        return table
    arrow = getattr(table, "arrow", None)
    if isinstance(arrow, pa.Table):
        return arrow
    try:
        if hasattr(table, "colnames"):
            return pa.table({name: _arrow_column(table[name]) for name in table.colnames})
        if hasattr(table, "iloc"):
            return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        if isinstance(table, Mapping):
            return pa.table({name: _arrow_column(values) for name, values in table.items()})
        if isinstance(table, np.ndarray) and table.dtype.names:
            return pa.table({name: _arrow_column(table[name]) for name in table.dtype.names})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InvalidInput(f"This table cannot be read: {error}") from error
    raise InvalidInput(
        f"A {type(table).__name__} is not a table. Give a Result, an astropy Table, a pandas "
        "DataFrame, a pyarrow Table or a dict of columns."
    )


def _arrow_column(values: Any) -> pa.Array:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    if mask is None and getattr(values, "masked", False):  # astropy Masked quantities
        mask = np.asarray(values.mask)
    # "unmasked", "value" and "data" peel Masked, Quantity and MaskedArray, in this order.
    array = getattr(values, "unmasked", values)
    array = np.asarray(getattr(array, "value", array))
    if array.ndim != 1:
        raise InvalidInput(f"A table column must have one dimension; this one has {array.shape}.")
    if array.dtype.kind == "S":
        array = array.astype(str)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return pa.array(array, mask=mask)


def column_to_numpy(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[Any]]:
    """Return one Arrow column as numpy.

    Integers with nulls stay integers, as a masked array. Cells of as many numbers each become
    rows of an array [n, m]; cells of different lengths an array of objects.
    """
    if pa.types.is_fixed_size_list(column.type):
        return _cells(column)
    if column.null_count and pa.types.is_integer(column.type):
        mask = np.asarray(column.is_null())
        return np.ma.MaskedArray(column.fill_null(0).to_numpy(), mask=mask)
    if column.null_count and pa.types.is_boolean(column.type):
        mask = np.asarray(column.is_null())
        return np.ma.MaskedArray(column.fill_null(False).to_numpy(), mask=mask)
    values: np.ndarray[Any, np.dtype[Any]] = column.to_numpy()
    return values


def _cells(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[Any]]:
    there = np.asarray(column.is_valid())
    size = column.type.list_size
    inside = column.drop_null().combine_chunks()
    flat = inside.flatten().to_numpy(zero_copy_only=False)
    out = np.zeros((len(column), size), dtype=flat.dtype)
    out[there] = flat.reshape(-1, size)
    if there.all():
        return out
    return np.ma.MaskedArray(out, mask=np.repeat(~there[:, np.newaxis], size, axis=1))


def to_astropy(
    table: pa.Table,
    units: Mapping[str, str],
    descriptions: Mapping[str, str],
    meta: Mapping[str, Any],
) -> QTable:
    """Return an astropy QTable with units and descriptions; see `Table.to_astropy`."""
    from astropy import units as u
    from astropy.table import Column, MaskedColumn, QTable

    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = column_to_numpy(table[name])
        unit = u.Unit(units[name]) if units.get(name) else None
        if pa.types.is_list(table[name].type):
            columns[name] = Column(values, dtype=object, unit=unit)
        elif isinstance(values, np.ma.MaskedArray):
            columns[name] = MaskedColumn(values, unit=unit)
        elif unit is not None and values.dtype.kind in "fiu":
            columns[name] = u.Quantity(values, unit) if _plain(unit) else unit * values
        elif values.dtype.kind == "O" and table[name].null_count:
            there = np.asarray(table[name].is_valid())
            texts = np.where(there, values, "").astype(str)  # else None would become "None"
            columns[name] = MaskedColumn(texts, mask=~there, unit=unit)
        else:
            strings = values.dtype.kind == "O"
            columns[name] = Column(values.astype(str) if strings else values, unit=unit)
    out = QTable(columns, meta=dict(meta))
    for name in table.column_names:
        out[name].info.description = descriptions.get(name)
    return out


def _plain(unit: Any) -> bool:
    """Whether a unit is linear: dex and mag are function units, with a class of their own."""
    return not hasattr(unit, "physical_unit")


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a pandas frame; integer columns with missing values become nullable Int64."""
    import pandas as pd

    frame: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        if column.null_count and pa.types.is_integer(column.type):
            values = column_to_numpy(column)
            frame[name] = pd.arrays.IntegerArray(
                np.asarray(values.data, dtype=np.int64), np.ma.getmaskarray(values).copy()
            )
        else:
            frame[name] = column.to_pandas()
    return pd.DataFrame(frame)
