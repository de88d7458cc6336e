"""Cells of a table: as numbers, as texts, and as VOTable's BINARY2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stellarnb.archives.base.tap_schema import TYPES, vo_type

__all__ = ["binary2", "field_type", "numbers", "texts"]


def field_type(column: pa.ChunkedArray) -> tuple[str, str]:
    """Return VOTable's datatype and arraysize for a column; they depend on its letters."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        return TYPES[str(kind.value_type)][0], str(kind.list_size)
    datatype, arraysize = vo_type(str(kind))
    if datatype == "char" and not all(text.isascii() for text in column.drop_null().to_pylist()):
        return "unicodeChar", arraysize
    return datatype, arraysize


def numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column as numpy, one row a cell; nulls as NaN, 0 or ``?``."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        flat = column.combine_chunks().flatten()
        return np.asarray(flat).reshape(-1, kind.list_size)
    if pa.types.is_boolean(kind):
        letters = pc.fill_null(pc.if_else(column, "T", "F"), "?")
        return np.array(letters.to_pylist(), dtype="S1")
    if pa.types.is_floating(kind):
        return np.asarray(column.to_numpy())
    return np.asarray(column.fill_null(0).to_numpy())


def binary2(table: pa.Table) -> bytes:
    """Serialise rows: a bit for each null, then the values, big-endian."""
    n = table.num_rows
    nulls = np.zeros((n, table.num_columns), dtype=bool)
    for i, column in enumerate(table.columns):
        nulls[:, i] = np.asarray(column.is_null())
    flags = np.packbits(nulls, axis=1)
    blocks: list[list[bytes] | NDArray[Any]] = []
    group: list[NDArray[Any]] = [flags]
    for column in table.columns:
        if pa.types.is_string(column.type):
            blocks += [_pack(group), _strings(column)]
            group = []
        else:
            group.append(numbers(column))
    blocks.append(_pack(group))
    if len(blocks) == 1 and isinstance(blocks[0], np.ndarray):
        return blocks[0].tobytes()
    parts = [
        [row.tobytes() for row in block] if isinstance(block, np.ndarray) else block
        for block in blocks
        if len(block)
    ]
    return b"".join(piece for row in zip(*parts, strict=True) for piece in row)


def _pack(group: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return columns side by side as rows of one structured array, big-endian."""
    if not group:
        return np.empty(0, dtype="V1")
    kinds = [(f"c{i}", a.dtype.newbyteorder(">"), a.shape[1:]) for i, a in enumerate(group)]
    rows = np.empty(len(group[0]), dtype=kinds)
    for i, array in enumerate(group):
        rows[f"c{i}"] = array
    return rows


def _strings(column: pa.ChunkedArray) -> list[bytes]:
    wide = field_type(column)[0] == "unicodeChar"
    out = []
    for text in column.fill_null("").to_pylist():
        data = text.encode("utf-16-be") if wide else text.encode("ascii")
        count = len(data) // 2 if wide else len(data)
        out.append(count.to_bytes(4, "big") + data)
    return out


def texts(column: pa.ChunkedArray) -> list[str]:
    """Return each cell in the fewest digits that read back exactly; empty for a null."""
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        flat = texts(pa.chunked_array([column.combine_chunks().flatten()]))
        size = kind.list_size
        return [" ".join(flat[i : i + size]) for i in range(0, len(flat), size)]
    cells = pc.fill_null(column.cast(pa.string()), "").to_pylist()
    if pa.types.is_floating(kind):
        special = {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}
        # Whole numbers keep a point, so that no reader takes the column for one of integers.
        return [special.get(t, t + ".0" if t.lstrip("-").isdigit() else t) for t in cells]
    return list(cells)
