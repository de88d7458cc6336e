"""CSV and ECSV, through pyarrow.

Tried on real RVS and XP files of DataLink, INDIVIDUAL and RAW.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.readers.gaia import canonical, from_columns
from stellarnb.spectra.readers.parsed import Parsed

__all__ = ["ecsv_header", "numbers", "read_text"]

#: Longest header of an ECSV file that is looked at [bytes].
MAX_HEADER = 256 * 1024
#: Longest first row that is looked at, where cells run over several lines [bytes].
MAX_ROW = 1024 * 1024


def read_text(data: bytes, label: str) -> list[Parsed]:
    """Read a CSV or ECSV table of spectra."""
    header, delimiter, units, source_id = ecsv_header(data)
    body = data[header:]
    line = body[: max(body.find(b"\n"), 0) or len(body)].decode("utf-8", "replace")
    names = next(csv.reader([line], delimiter=delimiter), [])
    if len(names) < 2 or not all(name.isprintable() for name in names):
        raise InvalidInput("it is neither FITS, VOTable nor a table with a line of column names")
    wanted: dict[str, str] = {}
    for name in names:
        key = canonical(name)
        if key and key not in wanted.values():
            wanted[name] = key
    if "flux" not in wanted.values():
        return from_columns({}, names)
    columns = _read_columns(body, delimiter, wanted)
    unit = next((units.get(name) for name, key in wanted.items() if key == "wavelength"), None)
    return from_columns(columns, names, unit=unit, source_id=source_id, label=label)


def ecsv_header(data: bytes) -> tuple[int, str, dict[str, str], Any]:
    """Return where the table begins, its delimiter, units and source_id."""
    if not data.startswith(b"# %ECSV"):
        return 0, ",", {}, None
    end = 0
    while data.startswith(b"#", end):
        newline = data.find(b"\n", end)
        if newline < 0 or newline > MAX_HEADER:
            raise InvalidInput("its ECSV header does not end")
        end = newline + 1
    lines = data[:end].decode("utf-8", "replace").splitlines()[1:]
    import yaml  # comes with astropy

    fields = yaml.safe_load("\n".join(re.sub(r"^# ?", "", line) for line in lines))
    if not isinstance(fields, dict):
        raise InvalidInput("its ECSV header is not one")
    units = {
        str(column["name"]): str(column["unit"])
        for column in fields.get("datatype") or []
        if isinstance(column, dict) and "name" in column and "unit" in column
    }
    meta = fields.get("meta") or {}
    # astropy writes the header's own entries as an ordered map: a list of pairs.
    source_id = dict(meta).get("source_id")
    delimiter = fields.get("delimiter", " ")
    return end, delimiter if delimiter in (",", " ") else ",", units, source_id


def _read_columns(body: bytes, delimiter: str, wanted: dict[str, str]) -> dict[str, Any]:
    # Numbers are read as such, and a source_id as an integer: pyarrow would guess float64 for a
    # column with a gap. Arrays in a cell are text at first.
    names, row = _first_rows(body, delimiter)
    cells = dict(zip(names, row, strict=False))
    nested = {name for name in wanted if cells.get(name, "").lstrip()[:1] in ("(", "[")}
    kinds = {
        name: pa.string()
        if name in nested
        else (pa.int64() if key == "source_id" else pa.string() if key == "mask" else pa.float64())
        for name, key in wanted.items()
    }
    table = pacsv.read_csv(
        pa.BufferReader(body),
        read_options=pacsv.ReadOptions(use_threads=False, block_size=max(len(body), 1)),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=bool(nested)),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(wanted), column_types=kinds, null_values=["", "null", "NaN", "nan"]
        ),
    )
    return {key: _values(table[name], key, name in nested) for name, key in wanted.items()}


def _first_rows(body: bytes, delimiter: str) -> tuple[list[str], list[str]]:
    """Return the names and the cells of the first row."""
    end = body.find(b"\n", body.find(b"\n") + 1)
    # A quoted cell may run over several lines.
    if end < 0 or body.count(b'"', 0, end) % 2:
        end = MAX_ROW
    rows = csv.reader(io.StringIO(body[:end].decode("utf-8", "replace")), delimiter=delimiter)
    return next(rows), next(rows, [])


def _values(column: pa.ChunkedArray, key: str, nested: bool) -> Any:
    if nested:
        return [numbers(text) for text in column.to_pylist()]
    if key == "source_id" and column.null_count:
        raise InvalidInput(f"source_id is missing in {column.null_count} rows")
    if key == "mask":
        return np.array([str(value).lower() in ("1", "true", "t") for value in column.to_pylist()])
    return column.to_numpy()


def numbers(text: str | None) -> NDArray[np.float64]:
    """Return the numbers of an array that is written into one cell."""
    if text is None:
        raise InvalidInput("a star has no array where the others have one")
    inner = text.strip()[1:-1].replace("null", "nan").replace("None", "nan")
    return np.array(inner.split(","), dtype=np.float64)
