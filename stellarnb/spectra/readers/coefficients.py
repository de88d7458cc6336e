"""BP/RP spectra as Gaia's coefficients (XP_CONTINUOUS), in the forms that DataLink knows.

Tried on real files: RAW and INDIVIDUAL, in CSV, ECSV, FITS and VOTable each.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.ids import as_source_ids
from stellarnb.spectra.readers.unpack import kind_of, members

__all__ = ["read_coefficients"]

_BANDS = ("bp", "rp")
#: What a table needs, behind ``bp_`` and ``rp_``, and how Gaia's data model types it.
_COLUMNS = {
    "n_parameters": pa.int64(),
    "standard_deviation": pa.float32(),
    "coefficients": pa.list_(pa.float64()),
    "coefficient_errors": pa.list_(pa.float32()),
    "coefficient_correlations": pa.list_(pa.float32()),
}
#: What it may have besides.
_MORE = {"n_relevant_bases": pa.int64(), "relative_shrinking": pa.float32()}
_TYPES = {f"{band}_{name}": kind for band in _BANDS for name, kind in (_COLUMNS | _MORE).items()}
_SCHEMA = pa.schema([("source_id", pa.int64()), *_TYPES.items()])
#: More coefficients than these a band cannot have; Gaia DR3 has 55.
MAX_COEFFICIENTS = 1000


def read_coefficients(data: bytes, label: str) -> pa.Table:
    """Read the coefficients of one or many stars.

    Returns ``source_id``, and for each band what gaiaxpy needs. A band that a star lacks is null.
    The number types are those of Gaia's data model, so that every format gives the same bits.
    """
    tables: list[pa.Table] = []
    others: list[str] = []
    name = label
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, content in members(data, label):
                found = [_typed(columns) for columns in _tables(content) if _wanted(columns)]
                tables += found
                others += [] if found else [name]
    except StellarnbError as error:
        raise type(error)(f"{name}: {error}".removesuffix(".") + ".") from error
    except Exception as error:  # a damaged file can make a library raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InvalidInput(f"{name} is damaged or cut short ({reason}).") from error
    if not tables:
        raise InvalidInput(f"{', '.join(others[:3])}: no XP coefficients in it.")
    return pa.concat_tables(tables)


def _wanted(columns: Mapping[str, Any]) -> bool:
    return "bp_coefficients" in columns or "rp_coefficients" in columns


def _tables(data: bytes) -> Iterable[dict[str, Any]]:
    """Return the columns of each table of a file, under their names in lower case."""
    kind = kind_of(data)
    if kind == "fits":
        return _from_fits(data)
    if kind == "votable":
        return _from_votable(data)
    return [_from_text(data)]


def _from_fits(data: bytes) -> list[dict[str, Any]]:
    from astropy.io import fits

    from stellarnb.spectra.readers.fits import check_size, column

    found = []
    with fits.open(
        io.BytesIO(data), mode="readonly", memmap=False, disable_image_compression=True
    ) as hdus:
        for hdu in hdus:
            check_size(hdu, len(data))
            if isinstance(hdu, fits.BinTableHDU):
                names = [name for name in hdu.columns.names if name.lower() in _SCHEMA.names]
                found.append({name.lower(): column(hdu, name, len(data)) for name in names})
    return found


def _from_votable(data: bytes) -> list[dict[str, Any]]:
    from astropy.io.votable import parse

    from stellarnb.spectra.readers.votable import look_through, plain

    look_through(data)
    found = []
    for table in parse(io.BytesIO(data), verify="ignore").iter_tables():
        fields = {str(field.name).lower(): field.ID for field in table.fields}
        found.append(
            {
                name: plain(table.array[place])
                for name, place in fields.items()
                if name in _SCHEMA.names
            }
        )
    return found


def _from_text(data: bytes) -> dict[str, Any]:
    from stellarnb.spectra.readers.text import ecsv_header

    header, delimiter, _, _ = ecsv_header(data)
    body = data[header:]
    line = body[: max(body.find(b"\n"), 0)].decode("utf-8", "replace")
    names = {name: name.lower() for name in next(csv.reader([line], delimiter=delimiter), [])}
    kinds = {n: _SCHEMA.field(low).type for n, low in names.items() if low in _SCHEMA.names}
    if not kinds:
        return {}
    table = pacsv.read_csv(
        pa.BufferReader(body),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=max(len(body), 1)),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(kinds),
            column_types={n: pa.string() if pa.types.is_list(k) else k for n, k in kinds.items()},
            strings_can_be_null=True,
            null_values=["", "null", "NaN", "nan"],
        ),
    )
    return {names[name]: table[name] for name in kinds}


def _typed(columns: Mapping[str, Any]) -> pa.Table:
    """Return columns of any format as Gaia's data model types them."""
    lacking = [n for b in _BANDS for n in _names(b) if n not in columns and _has(columns, b)]
    if lacking or "source_id" not in columns:
        raise InvalidInput(f"it lacks the columns {', '.join(lacking or ['source_id'])}")
    ids = as_source_ids(np.asarray(_arrow_to_numpy(columns["source_id"])))
    arrays = [pa.array(ids)]
    for name, kind in _TYPES.items():
        values = columns.get(name)
        if values is None:
            arrays.append(pa.nulls(len(ids), kind))
        elif pa.types.is_list(kind):
            arrays.append(_lists(values, kind))
        else:
            arrays.append(_scalars(values, kind))
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise InvalidInput("its columns have different lengths")
    table = pa.table(arrays, schema=_SCHEMA)
    for band in _BANDS:
        _check(table, band)
    return table


def _names(band: str) -> list[str]:
    return [f"{band}_{name}" for name in _COLUMNS]


def _has(columns: Mapping[str, Any], band: str) -> bool:
    return f"{band}_coefficients" in columns


def _arrow_to_numpy(values: Any) -> Any:
    if isinstance(values, pa.ChunkedArray):
        if values.null_count:
            raise InvalidInput("source_id is missing in some rows")
        return values.to_numpy()
    if np.ma.is_masked(values):
        raise InvalidInput("source_id is missing in some rows")
    return values


def _scalars(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks().cast(kind)
    array = np.ma.getdata(values)
    mask = np.ma.getmaskarray(values)
    if array.dtype.kind == "f":
        mask = mask | ~np.isfinite(array)
    return pa.array(array, mask=mask).cast(kind)


def _lists(values: Any, kind: pa.DataType) -> pa.Array:
    from stellarnb.spectra.readers.text import numbers

    dtype = kind.value_type.to_pandas_dtype()
    if isinstance(values, pa.ChunkedArray):
        rows = [None if text is None else numbers(text) for text in values.to_pylist()]
    else:
        rows = [np.ravel(row) for row in values]
    with np.errstate(over="ignore"):
        out = [None if row is None or not len(row) else row.astype(dtype) for row in rows]
    return pa.array(out, kind)


def _check(table: pa.Table, band: str) -> None:
    """Refuse arrays that do not fit each other: what is made of them would be nonsense."""
    columns = [table[name].to_pylist() for name in _names(band)]
    for star, number, _, values, errors, correlations in zip(
        table["source_id"].to_pylist(), *columns, strict=True
    ):
        if values is None and errors is None and correlations is None:
            continue
        n = len(values or ())
        fits = len(errors or ()) == n and len(correlations or ()) == n * (n - 1) // 2
        if not fits or number != n or not 0 < n <= MAX_COEFFICIENTS:
            raise InvalidInput(f"the {band.upper()} coefficients of {star} do not fit each other")
