"""Spectra that lie in an archive's Parquet files."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.parquet import ParquetFile, read_parquet
from stellarnb.errors import InvalidInput, MissingInput, PartialProducts
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.convert import as_arrow, column_to_numpy

__all__ = ["LocalProduct", "ids_of"]


@dataclass(frozen=True)
class _Arrays:
    source_id: NDArray[np.int64]
    medflux: NDArray[np.float32]
    flux: NDArray[np.float16]
    flux_error: NDArray[np.float16]


class LocalProduct:
    """Spectra of one kind: median-normalised float16 in fixed-size binary beside ``medflux``.

    Parameters
    ----------
    file : ParquetFile
        Whose provenance names the ``instrument``; it is read at the first call of `spectra`.
    """

    def __init__(self, file: ParquetFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._arrays: _Arrays | None = None
        self.instrument = get_instrument(str(file.provenance.get("instrument", "")))

    def spectra(
        self, wanted: NDArray[np.int64], provenance: Mapping[str, Any], *, strict: bool
    ) -> SpectrumSet:
        """Return the spectra of some stars; see `LocalArchive.spectra`."""
        arrays = self._load()
        row = match_ids(wanted, arrays.source_id)
        found = row >= 0
        missing = tuple(dict.fromkeys(wanted[~found].tolist()))
        if missing and strict:
            some = ", ".join(map(str, missing[:3])) + (", …" if len(missing) > 3 else "")
            raise PartialProducts(
                f"{len(missing)} of the stars asked for have no spectrum here: {some}. Leave them "
                "out, or call without strict=True and look at .missing."
            )
        row = row[found]
        scale = arrays.medflux[row, np.newaxis]
        return SpectrumSet(
            wanted[found],
            self.instrument.wavelength,
            arrays.flux[row].astype(np.float32) * scale,
            arrays.flux_error[row].astype(np.float32) * scale,
            instrument=self.instrument.id,
            missing=missing,
            provenance=dict(provenance),
        )

    def _load(self) -> _Arrays:
        with self._lock:
            if self._arrays is None:
                self._arrays = self._read()
            return self._arrays

    def _read(self) -> _Arrays:
        table = read_parquet(self._file.path).combine_chunks()
        wanted = {"source_id", "medflux", "flux", "flux_error"}
        lacking = sorted(wanted - set(table.column_names))
        if lacking:
            raise MissingInput(
                f"{self._file.path} lacks {', '.join(lacking)}, so it holds no spectra."
            )
        return _Arrays(
            as_source_ids(column_to_numpy(table["source_id"])),
            column_to_numpy(table["medflux"]).astype(np.float32),
            self._unpack(table["flux"]),
            self._unpack(table["flux_error"]),
        )

    def _unpack(self, column: pa.ChunkedArray) -> NDArray[np.float16]:
        n_pix = self.instrument.n_pix
        if column.type != pa.binary(2 * n_pix) or column.null_count:
            raise InvalidInput(
                f"{self._file.path}: a spectrum of {self.instrument.id} is {n_pix} float16 values "
                f"in fixed_size_binary[{2 * n_pix}], without nulls; this is {column.type}."
            )
        packed = column.combine_chunks()
        chunks = packed.chunks if isinstance(packed, pa.ChunkedArray) else [packed]
        parts = [
            np.frombuffer(chunk.buffers()[1], dtype="<f2").reshape(-1, n_pix)[
                chunk.offset : chunk.offset + len(chunk)
            ]
            for chunk in chunks
        ]
        values: NDArray[np.float16] = np.concatenate(
            [np.empty((0, n_pix), dtype="<f2"), *parts]
        ).astype(np.float16, copy=False)
        return values


def ids_of(stars: Any) -> NDArray[np.int64]:
    """Return the identifiers of a table of stars, or of a sequence of them.

    Parameters
    ----------
    stars : table, or array_like of int
        A table of any kind needs a column ``source_id`` (in any case).

    Returns
    -------
    numpy.ndarray of int64, shape [n]

    Raises
    ------
    MissingInput
        If the table has no such column.
    InvalidInput
        For identifiers that are floats or no numbers at all.
    """
    tabular = hasattr(stars, "colnames") or isinstance(stars, (pa.Table, Mapping))
    tabular = tabular or (hasattr(stars, "iloc") and getattr(stars, "ndim", 1) == 2)
    if not (tabular or (isinstance(stars, np.ndarray) and stars.dtype.names)):
        return as_source_ids(stars)
    table = as_arrow(stars)
    names = [name for name in table.column_names if name.lower() == "source_id"]
    if not names:
        known = ", ".join(table.column_names)
        raise MissingInput(
            f"This table has no column source_id to find spectra by; there are: {known}. Add "
            "source_id to the query's SELECT."
        )
    return as_source_ids(column_to_numpy(table[names[0]]))
