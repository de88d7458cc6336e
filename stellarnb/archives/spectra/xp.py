"""Sample Gaia BP/RP coefficients with GaiaXPy."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellarnb.archives.cache.core import STAR
from stellarnb.archives.cache.spectra import Piece
from stellarnb.errors import ArchiveDown, MissingInput
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.readers.coefficients import read_coefficients as _read

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_installed", "read_coefficients", "sampled"]

#: GaiaXPy writes to the process's standard output, which is redirected: one thread at a time.
_LOCK = threading.Lock()


def check_installed() -> None:
    """Raise `MissingInput` if gaiaxpy is not installed."""
    if importlib.util.find_spec("gaiaxpy") is None:
        raise MissingInput(
            "xp_continuous needs GaiaXPy, which turns coefficients into spectra: pip install "
            '"stellarnb[xp]". The product xp_sampled needs no extra package, and covers the brighter '
            "stars."
        )


def read_coefficients(body: bytes, label: str) -> pa.Table:
    """Read coefficients as a table for the cache."""
    table = _read(body, label)
    return table.rename_columns([STAR if n == "source_id" else n for n in table.column_names])


def sampled(pieces: Sequence[Piece], provenance: Mapping[str, Any]) -> SpectrumSet:
    """Sample coefficients on the grid of ``gaia-xp`` [W m-2 nm-1]; missing bands are NaN and masked."""
    check_installed()
    places = np.concatenate([piece.places for piece in pieces])
    table = pa.concat_tables([piece.table for piece in pieces]).take(pa.array(np.argsort(places)))
    stars = table[STAR].to_numpy()
    instrument = get_instrument("gaia-xp")
    flux = np.full((len(stars), instrument.n_pix), np.nan, dtype=np.float32)
    error = np.full_like(flux, np.nan)
    # A star without a band is sampled apart: gaiaxpy takes the columns' kinds from the first rows.
    lacking = [table[f"{band}_coefficients"].is_null().to_numpy() for band in ("bp", "rp")]
    for group in np.unique(lacking[0] + 2 * lacking[1]).tolist():
        rows = np.flatnonzero(lacking[0] + 2 * lacking[1] == group)
        if group == 3:
            continue
        got = _calibrate(_frame(table.take(pa.array(rows))))
        flux[rows], error[rows] = (np.stack(got[n].tolist()) for n in ("flux", "flux_error"))
    return SpectrumSet(
        stars,
        instrument.wavelength,
        flux,
        error,
        None,
        instrument,
        provenance={
            **provenance,
            "sampled_with": f"GaiaXPy {importlib.metadata.version('gaiaxpy')}",
        },
    )


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return rows as gaiaxpy expects them, with arrays in cells."""
    import pandas as pd

    columns: dict[str, Any] = {"source_id": table[STAR].to_numpy()}
    for name in table.column_names:
        if name == STAR:
            continue
        column = table[name]
        if not pa.types.is_list(column.type):
            columns[name] = column.to_numpy()
            continue
        kind = column.type.value_type.to_pandas_dtype()
        rows = [np.nan if row is None else np.array(row, kind) for row in column.to_pylist()]
        columns[name] = pd.Series(rows, dtype=object)
    return pd.DataFrame(columns)


def _calibrate(frame: pd.DataFrame) -> pd.DataFrame:
    """Sample on GaiaXPy's own grid, which is that of ``gaia-xp`` and of Gaia's sampled spectra."""
    import matplotlib as mpl

    # GaiaXPy sets matplotlib to LaTeX as it is imported: the user's next plot would fail.
    with (
        _LOCK,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        mpl.rc_context(),
    ):
        warnings.simplefilter("ignore")
        from gaiaxpy import calibrate

        try:
            out, grid = calibrate(frame, save_file=False)
        except Exception as error:  # whatever it does with coefficients that make no sense
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ArchiveDown(f"GaiaXPy cannot sample these coefficients: {reason}") from error
    if not np.array_equal(grid, get_instrument("gaia-xp").wavelength):
        raise ArchiveDown(f"GaiaXPy samples on {len(grid)} pixels, which are not those of gaia-xp.")
    ordered: pd.DataFrame = out.set_index("source_id").loc[frame["source_id"]]
    return ordered
