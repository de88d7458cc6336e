"""Spectra in a column of a table: each a cell of so many bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = ["from_cells", "to_cells"]

_NUMBERS = {2: "<f2", 4: "<f4"}


def to_cells(values: NDArray[np.floating[Any]]) -> pa.FixedSizeBinaryArray:
    """Return spectra as fixed-size binary, little-endian.

    values [n, n_pix]: as they are, NaN included.
    """
    n, n_pix = values.shape
    size = values.dtype.itemsize
    data = np.ascontiguousarray(values, dtype=_NUMBERS[size])
    kind = pa.binary(size * n_pix)
    return pa.FixedSizeBinaryArray.from_buffers(kind, n, [None, pa.py_buffer(data.tobytes())])


def from_cells(column: pa.ChunkedArray, n_pix: int, what: str) -> NDArray[np.float32]:
    """Return a column of spectra as float32 [n, n_pix]."""
    kind = column.type
    size = kind.byte_width // n_pix if pa.types.is_fixed_size_binary(kind) else 0
    if size not in _NUMBERS or kind.byte_width != size * n_pix or column.null_count:
        raise InvalidInput(
            f"{what}: a spectrum is {n_pix} values of float16 or float32 in fixed_size_binary, "
            f"without nulls; this is {kind}."
        )
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=_NUMBERS[size]).reshape(-1, n_pix)[
            chunk.offset : chunk.offset + len(chunk)
        ]
        for chunk in column.chunks
        if len(chunk)
    ]
    if not parts:
        return np.empty((0, n_pix), dtype=np.float32)
    return np.concatenate(parts).astype(np.float32)
