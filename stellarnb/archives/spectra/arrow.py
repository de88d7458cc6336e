"""Convert spectra to the Arrow tables of the cache and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.cache.core import STAR
from stellarnb.archives.cache.spectra import Keys, Piece
from stellarnb.errors import ArchiveDown
from stellarnb.spectra import SpectrumSet, get_instrument

__all__ = ["empty", "join", "pack", "unique_rows"]

_NOTE = b"stellarnb"
#: Columns of fixed-size binary, and what the bytes are.
_BINARY = {"flux": "<f4", "flux_error": "<f4", "mask": "|u1"}


def pack(spectra: SpectrumSet, stars: Keys) -> pa.Table:
    """Return spectra as a table of ``star``, ``flux`` and, if present, error and mask (float32)."""
    grid = spectra.wavelength.to_value(spectra.instrument.unit).astype("<f8")
    columns = {STAR: pa.array(stars), "flux": _binary(spectra.flux.astype("<f4", copy=False))}
    if spectra.error is not None:
        columns["flux_error"] = _binary(spectra.error.astype("<f4", copy=False))
    own = SpectrumSet(
        spectra.source_id, spectra.wavelength, spectra.flux, spectra.error, None, spectra.instrument
    )
    if not np.array_equal(own.mask, spectra.mask):
        columns["mask"] = _binary(spectra.mask.view(np.uint8))
    if stars.dtype.kind != "i":
        columns["source_id"] = pa.array(spectra.source_id)
    if spectra.names is not None:
        columns["name"] = pa.array(spectra.names.tolist(), pa.string())
    note = {
        "instrument": spectra.instrument.id,
        "wavelength": base64.b64encode(grid.tobytes()).decode(),
        "notes": {k: v for k, v in spectra.provenance.items() if k in {"kind", "arms_resampled"}},
    }
    fields = [pa.field(name, array.type, nullable=False) for name, array in columns.items()]
    schema = pa.schema(fields, metadata={_NOTE: json.dumps(note).encode()})
    return pa.table(list(columns.values()), schema=schema)


def join(pieces: Sequence[Piece], provenance: Mapping[str, Any]) -> SpectrumSet:
    """Join cached pieces in the order of the stars; resample if the grids differ."""
    places = np.concatenate([piece.places for piece in pieces])
    kinds = {_kind(piece.table) for piece in pieces}
    if len(kinds) == 1:
        rows = np.argsort(np.argsort(places))
        return _unpack(_stacked(pieces, rows), pieces[0].table, provenance)
    sets = [_unpack(_columns(piece.table), piece.table, provenance) for piece in pieces]
    sets = [part.to_instrument(sets[0].instrument.id) for part in sets]
    spectra = SpectrumSet.concat(sets)[np.argsort(places)]
    spectra.provenance = {**sets[0].provenance}
    return spectra


def _kind(table: pa.Table) -> tuple[Any, ...]:
    return (*table.schema.names, *table.schema.types, table.schema.metadata[_NOTE])


def _columns(table: pa.Table) -> dict[str, NDArray[Any]]:
    """Return the columns as arrays, without a copy if possible."""
    return {name: _array(name, table[name]) for name in table.column_names}


def _stacked(pieces: Sequence[Piece], rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the columns of all pieces, each row in its place."""
    if len(pieces) == 1 and np.array_equal(rows, np.arange(len(rows))):
        return _columns(pieces[0].table)
    out: dict[str, NDArray[Any]] = {}
    for name in pieces[0].table.column_names:
        start = 0
        for piece in pieces:
            values = _array(name, piece.table[name])
            if name not in out:
                out[name] = np.empty((len(rows), *values.shape[1:]), values.dtype)
            out[name][rows[start : start + len(values)]] = values
            start += len(values)
    return out


def _array(name: str, column: pa.ChunkedArray) -> NDArray[Any]:
    dtype = _BINARY.get(name)
    if dtype is None:
        values: NDArray[Any] = column.to_numpy()
        return values
    width = column.type.byte_width // np.dtype(dtype).itemsize
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=dtype).reshape(-1, width)[
            chunk.offset : chunk.offset + len(chunk)
        ]
        for chunk in column.chunks
    ]
    if len(parts) == 1 and parts[0].flags.writeable:
        return parts[0]
    return np.concatenate([np.empty((0, width), dtype), *parts])


def _unpack(
    columns: Mapping[str, NDArray[Any]], table: pa.Table, provenance: Mapping[str, Any]
) -> SpectrumSet:
    note = json.loads(table.schema.metadata[_NOTE])
    names = columns.get("name")
    return SpectrumSet(
        columns.get("source_id", columns[STAR]),
        np.frombuffer(base64.b64decode(note["wavelength"]), "<f8"),
        columns["flux"],
        columns.get("flux_error"),
        columns["mask"] != 0 if "mask" in columns else None,
        note["instrument"],
        provenance={**provenance, **note["notes"]},
        names=None if names is None else names.tolist(),
    )


def _binary(values: NDArray[Any]) -> pa.Array:
    rows = np.ascontiguousarray(values)
    kind = pa.binary(rows.shape[1] * rows.dtype.itemsize)
    return pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(rows)])


def empty(instrument: str, provenance: Mapping[str, Any]) -> SpectrumSet:
    """Return an empty set on an instrument's grid."""
    grid = get_instrument(instrument).wavelength
    none = np.empty((0, len(grid)), dtype=np.float32)
    return SpectrumSet(
        np.empty(0, dtype=np.int64), grid, none, none, None, instrument, provenance={**provenance}
    )


def unique_rows(table: pa.Table, title: str) -> pa.Table:
    """Return each star once; raise `ArchiveDown` if two spectra of a star differ."""
    stars = np.asarray(table[STAR])
    known, first, back = np.unique(stars, return_index=True, return_inverse=True)
    if len(known) == len(stars):
        return table
    again = np.flatnonzero(first[back] != np.arange(len(stars)))
    one = table.take(pa.array(first[back][again])).combine_chunks()
    other = table.take(pa.array(again)).combine_chunks()
    for name in table.column_names:
        if not one[name].equals(other[name]):
            raise ArchiveDown(
                f"{title} sent two products of one star that differ in {name}, and does not say "
                f"which is right (one of {', '.join(map(str, stars[again][:3].tolist()))}). Try "
                "again; tell the archive's operators if it stays so."
            )
    return table.take(pa.array(np.sort(first)))
