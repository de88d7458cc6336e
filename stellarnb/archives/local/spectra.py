"""Spectra that lie in an archive's Parquet files."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.local.parquet import ParquetFile, read_parquet, read_rows
from stellarnb.errors import MissingInput, PartialProducts
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.binary import from_cells
from stellarnb.tables.convert import column_to_numpy

__all__ = ["LocalProduct"]


#: Spectra of a file that is larger than this [bytes] are read as they are asked for.
_IN_MEMORY = 500_000_000


class LocalProduct:
    """Read spectra of one kind from a Parquet file: ``source_id, flux``, perhaps ``flux_error``.

    Each spectrum is a fixed-size binary of float32 or float16, multiplied by ``medflux`` if given.
    """

    def __init__(self, file: ParquetFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._ids: NDArray[np.int64] | None = None
        self._rows: pa.Table | None = None
        self.instrument = get_instrument(str(file.provenance.get("instrument", "")))

    def __len__(self) -> int:
        return len(self._identifiers())

    def spectra(
        self, wanted: NDArray[np.int64], provenance: Mapping[str, Any], *, strict: bool
    ) -> SpectrumSet:
        """Return the spectra of some stars; see `LocalArchive.spectra`."""
        row = match_ids(wanted, self._identifiers())
        found = row >= 0
        missing = tuple(dict.fromkeys(wanted[~found].tolist()))
        if missing and strict:
            some = ", ".join(map(str, missing[:3])) + (", …" if len(missing) > 3 else "")
            raise PartialProducts(
                f"{len(missing)} of the stars have no spectrum in this archive: {some}. Leave them "
                "out, or call without strict=True and read .missing."
            )
        rows = self._take(row[found])
        scale = np.ones((1, 1), np.float32)
        if "medflux" in rows.column_names:
            scale = column_to_numpy(rows["medflux"]).astype(np.float32)[:, np.newaxis]
        error = self._unpack(rows, "flux_error") if "flux_error" in rows.column_names else None
        return SpectrumSet(
            wanted[found],
            self.instrument.wavelength,
            self._unpack(rows, "flux") * scale,
            None if error is None else error * scale,
            instrument=self.instrument.id,
            missing=missing,
            provenance=dict(provenance),
        )

    def _identifiers(self) -> NDArray[np.int64]:
        with self._lock:
            if self._ids is None:
                known = set(self._file.info.columns)
                lacking = sorted({"source_id", "flux"} - known)
                if lacking:
                    raise MissingInput(
                        f"{self._file.path} lacks {', '.join(lacking)}, so it has no spectra."
                    )
                if self._file.n_bytes <= _IN_MEMORY:
                    self._rows = read_parquet(self._file.path).combine_chunks()
                    ids = self._rows["source_id"]
                else:
                    ids = read_parquet(self._file.path, ["source_id"])["source_id"]
                self._ids = as_source_ids(column_to_numpy(ids))
            return self._ids

    def _take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Return some rows of the file in the order asked for."""
        names = [n for n in ("flux", "flux_error", "medflux") if n in self._file.info.columns]
        if self._rows is not None:
            return self._rows.select(names).take(pa.array(rows))
        wanted, back = np.unique(rows, return_inverse=True)
        return read_rows(self._file.path, wanted, names).take(pa.array(back))

    def _unpack(self, rows: pa.Table, name: str) -> NDArray[np.float32]:
        what = f"{self._file.path}, {name} of {self.instrument.id}"
        return from_cells(rows[name], self.instrument.n_pix, what)
