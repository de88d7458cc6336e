"""FITS files as tables of an archive."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.archives.base.units import astropy_unit
from stellarnb.errors import InvalidInput

__all__ = ["FITS_ENDINGS", "FitsTable", "describe_fits"]

FITS_ENDINGS = (".fits", ".fit", ".fits.gz", ".fit.gz")

#: Arrow types by FITS's letters.
_TYPES = {
    "L": "bool",
    "B": "uint8",
    "I": "int16",
    "J": "int32",
    "K": "int64",
    "E": "float",
    "D": "double",
    "A": "string",
}
#: FITS files come in blocks of so many bytes.
_BLOCK = 2880
#: What a broken file makes astropy raise.
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


@dataclass(frozen=True)
class FitsTable:
    """One binary table of a FITS file."""

    #: The file.
    path: Path
    #: Number of the extension.
    hdu: int
    #: Its columns with one value a row.
    info: TableInfo
    #: What the header says of its origin.
    provenance: dict[str, Any]
    #: Size of the rows.
    n_bytes: int
    #: Columns with several values a row.
    left_out: tuple[str, ...] = ()

    def read(self) -> pa.Table:
        """Return the rows: text without trailing blanks, TNULL as null."""
        with _reading(self.path) as hdus:
            table = hdus[self.hdu]
            names = {column.name.lower(): column for column in table.columns}
            data = table.data
            columns = {
                name: _arrow(np.asarray(data[names[name].name]), names[name].null)
                for name in self.info.columns
            }
        return pa.table(columns)


def describe_fits(name: str, path: Path) -> dict[str, FitsTable]:
    """Return the binary tables in a FITS file; only headers are read."""
    out: dict[str, FitsTable] = {}
    with _reading(path) as hdus:
        if path.suffix.lower() != ".gz":
            _check_length(path, hdus)
        for number, hdu in enumerate(hdus):
            if type(hdu).__name__ != "BinTableHDU":
                continue
            key = name
            if out:
                label = hdu.name.lower() or str(number)
                key = f"{name}_{label}" if f"{name}_{label}" not in out else f"{name}_{number}"
            out[key] = _table(key, path, number, hdu)
    return out


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a doubtful header is checked here
            # Opened here: astropy leaves a file open that it cannot make sense of.
            with (
                path.open("rb") as stream,
                fits.open(stream, memmap=True, lazy_load_hdus=False) as hdus,
            ):
                yield hdus
    except InvalidInput:
        raise
    except (*_BROKEN, fits.VerifyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(
            f"{path} cannot be read as FITS ({reason}). Remove it from the folder, or copy it again."
        ) from error


def _check_length(path: Path, hdus: Any) -> None:
    """Raise ValueError for a file that ends within a header or within data."""
    size = path.stat().st_size
    ends = [hdu.fileinfo()["datLoc"] + hdu.size for hdu in hdus]
    if max(ends) > size:
        raise ValueError(f"it ends after {size:,} of {max(ends):,} bytes")
    with path.open("rb") as stream:
        stream.seek(-(-ends[-1] // _BLOCK) * _BLOCK)
        if stream.read(8) == b"XTENSION":  # astropy is silent about a header without an end
            raise ValueError(f"it ends after {size:,} bytes, within a header")


def _table(name: str, path: Path, number: int, hdu: Any) -> FitsTable:
    columns: dict[str, ColumnInfo] = {}
    left_out: list[str] = []
    for i, column in enumerate(hdu.columns, start=1):
        key = column.name.lower()
        kind = _kind(column)
        if kind is None:
            left_out.append(key)
            continue
        if key in columns:
            raise InvalidInput(f"{path} has two columns {key!r}, differing only in case.")
        text = hdu.header.get(f"TCOMM{i}", "") or hdu.header.get(f"TDESC{i}", "")
        columns[key] = ColumnInfo(key, kind, astropy_unit(column.unit or ""), str(text))
    title = str(hdu.header.get("TITLE", "") or hdu.name or "")
    rows = int(hdu.header["NAXIS2"])
    info = TableInfo(name, rows, title, columns)
    width = sum(8 if column.type != "string" else 16 for column in columns.values())
    note = {"title": title, "file": path.name}
    return FitsTable(path, number, info, note, rows * width, tuple(left_out))


def _kind(column: Any) -> str | None:
    """Return the Arrow type of a column; None for arrays, complex numbers and bits."""
    form = column.format
    letter = form.format
    if letter == "A":
        return "string" if not column.dim else None
    if letter not in _TYPES or int(form.repeat) != 1:
        return None
    if column.bscale not in {None, "", 1} or column.bzero not in {None, "", 0}:
        # Unsigned integers are written with an offset; scaled ones are fractions.
        bits = {"I": (32768, "uint16"), "J": (2147483648, "uint32"), "B": (-128, "int8")}
        if column.bscale in {None, "", 1} and bits.get(letter, (None, ""))[0] == column.bzero:
            return bits[letter][1]
        return "double"
    return _TYPES[letter]


def _arrow(values: Any, null: Any) -> pa.Array:
    mask = None
    if null not in {None, ""} and values.dtype.kind in "iu":
        mask = values == null
    if values.dtype.kind in "SU":
        values = np.char.rstrip(values.astype(str), " \0")
    elif not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    return pa.array(values, mask=mask)
