"""Spectra that lie in the columns of a table, one row a star."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.errors import GridMismatch, InvalidInput, MissingInput
from stellarnb.models.card import Card
from stellarnb.spectra import Instrument, SpectrumSet, get_instrument
from stellarnb.tables.names import find_column

__all__ = ["CARRIED", "spectra_of", "wanted_columns", "xp_of"]

#: Columns that a map needs; labels carry them along where the stars have them.
CARRIED = ("ra", "dec")
#: Column of XP spectra beside those of another instrument, and what a training set calls it.
XP_FLUX, XP_ALIAS = "xp_flux", "xp_sampled_flux"


def wanted_columns(names: Sequence[str], card: Card, *, allow_missing: bool = False) -> list[str]:
    """Return which columns of a table a model reads; `MissingInput` if one that it needs is absent."""
    scalars = [spec.name for spec in card.scalars]
    needed = ["source_id", "flux", *([] if allow_missing else scalars)]
    if card.second_instrument and not allow_missing:
        needed.append(XP_FLUX)
    others = ("flux_error", *scalars, *(f"{n}_error" for n in scalars if n == "parallax"), *CARRIED)
    if card.second_instrument:
        others = (*others, XP_FLUX, f"{XP_FLUX}_error")
    found = {name: _column(names, name) for name in (*needed, *others)}
    absent = [name for name in needed if found[name] is None]
    if absent:
        raise MissingInput(
            f"The table has no column {', '.join(absent)}; it has: {', '.join(names)}. Scalars "
            "and XP spectra may be left out with allow_missing=True."
        )
    return [column for column in found.values() if column is not None]


def spectra_of(table: pa.Table, card: Card) -> SpectrumSet:
    """Return the spectra in a table.

    Columns: ``source_id``, ``flux``, perhaps ``flux_error``; binary of float32 or float16, or
    lists of numbers, one for each pixel of the instrument.
    """
    absent = [n for n in ("source_id", "flux") if find_column(table.column_names, n) is None]
    if absent:
        raise MissingInput(f"The table has no column {', '.join(absent)}.")
    return _spectra(table, "flux", get_instrument(card.instrument))


def xp_of(table: pa.Table, card: Card) -> SpectrumSet | None:
    """Return the XP spectra (``xp_flux``, perhaps ``xp_flux_error``; NaN for a star without), or None."""
    if not card.second_instrument or _column(table.column_names, XP_FLUX) is None:
        return None
    return _spectra(table, XP_FLUX, get_instrument(card.second_instrument))


def _column(names: Sequence[str], name: str) -> str | None:
    """Return what a table calls a column; XP spectra go by two names."""
    found = find_column(names, name)
    if found is None and name.startswith(XP_FLUX):
        found = find_column(names, XP_ALIAS + name.removeprefix(XP_FLUX))
    return found


def _spectra(table: pa.Table, name: str, instrument: Instrument) -> SpectrumSet:
    """Return the spectra in a column, with the errors beside it if there are any."""
    ids, flux, error = (
        _column(table.column_names, n) for n in ("source_id", name, f"{name}_error")
    )
    grid = instrument.wavelength
    return SpectrumSet(
        table[ids].to_numpy(),
        grid,
        _matrix(table[flux], name, len(grid)),
        None if error is None else _matrix(table[error], f"{name}_error", len(grid)),
        instrument=instrument,
    )


def _matrix(column: pa.ChunkedArray, name: str, n_pix: int) -> NDArray[Any]:
    """Return a column of spectra as [n, n_pix], without a copy where it lies in one piece."""
    if column.null_count:
        raise InvalidInput(f"{name}: {column.null_count} rows are empty; leave them out.")
    array = column.combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    kind = array.type
    n = len(array)
    if n == 0:
        return np.empty((0, n_pix), dtype=np.float32)
    if pa.types.is_fixed_size_binary(kind):
        width = kind.byte_width
        data = np.frombuffer(array.buffers()[1], np.uint8)
        data = data[array.offset * width : (array.offset + n) * width]
        return _numbers(data, name, n, n_pix)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _numbers(np.frombuffer(b"".join(array.to_pylist()), np.uint8), name, n, n_pix)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_fixed_list(kind)):
        raise InvalidInput(f"{name} is {kind}; fixed-size binary or lists of numbers are needed.")
    values = array.flatten()
    if values.null_count or not pa.types.is_floating(values.type):
        raise InvalidInput(f"{name} holds {values.type} with gaps; lists of floats are needed.")
    lengths = {kind.list_size} if _is_fixed_list(kind) else set(array.value_lengths().to_pylist())
    if lengths != {n_pix}:
        raise GridMismatch(
            f"{name} has {min(lengths)} to {max(lengths)} pixels a star; the model's grid has "
            f"{n_pix}."
        )
    matrix: NDArray[Any] = values.to_numpy().reshape(n, n_pix)
    return matrix


def _is_fixed_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind))


def _numbers(data: NDArray[np.uint8], name: str, n: int, n_pix: int) -> NDArray[Any]:
    """Read bytes as float32 or float16, whichever gives the right number of pixels."""
    for dtype in ("<f4", "<f2"):
        if data.size == n * n_pix * np.dtype(dtype).itemsize:
            return data.view(dtype).reshape(n, n_pix)
    raise GridMismatch(
        f"{name} has {data.size / n:g} bytes a star; {n_pix} pixels in float32 are {4 * n_pix}, "
        f"in float16 {2 * n_pix}."
    )
