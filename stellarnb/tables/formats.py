"""Tables as FITS, VOTable, ECSV and CSV files, there and back."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from stellarnb.errors import InvalidInput
from stellarnb.tables import convert

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["read_table", "write_astropy"]

#: Astropy's names of the formats that it reads and writes.
_FORMATS = {".ecsv": "ascii.ecsv", ".fits": "fits", ".vot": "votable"}
#: What stands before units, descriptions and provenance where a format has no place for them.
_MARK = "stellarnb:"
#: Letters of a FITS card that are sure to be kept.
_CARD = 60
#: What a broken file makes astropy raise.
_BROKEN = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError)


def write_astropy(out: QTable, notes: Mapping[str, Any], path: Path) -> None:
    """Write an astropy table with the notes on its columns as ``.ecsv``, ``.fits`` or ``.vot``."""
    note = json.dumps(notes, separators=(",", ":"))
    note = note.replace(" ", "\\u0020")  # both formats wrap lines at blanks, and drop some
    if path.suffix == ".fits":
        text = _MARK + note
        out.meta = {"comments": [text[i : i + _CARD] for i in range(0, len(text), _CARD)]}
    elif path.suffix == ".vot":
        out.meta = {"description": _MARK + note}
    with warnings.catch_warnings():
        # Neither format has units such as dex(cm s-2); the note has them.
        warnings.simplefilter("ignore")
        out.write(path, format=_FORMATS[path.suffix], overwrite=True)


def read_table(path: Path, key: bytes) -> tuple[pa.Table, dict[str, Any]]:
    """Return the rows of a file and its notes, which a Parquet file keeps under ``key``."""
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            return pyarrow.csv.read_csv(path), {}
        if ending in _FORMATS:
            return _read_astropy(path, _FORMATS[ending])
        arrow = pq.read_table(path)
        note = json.loads((arrow.schema.metadata or {}).get(key, b"{}"))
    except (*_BROKEN, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        kind = {".csv": "CSV", ".ecsv": "ECSV", ".fits": "FITS", ".vot": "VOTable"}
        raise InvalidInput(
            f"{path} cannot be read as {kind.get(ending, 'Parquet')}: {reason}"
        ) from error
    return arrow.replace_schema_metadata(None), note


def _read_astropy(path: Path, form: str) -> tuple[pa.Table, dict[str, Any]]:
    from astropy.table import Table as AstropyTable

    if form == "votable" and re.search(rb"<!DOCTYPE|<!ENTITY", path.read_bytes()[:100_000]):
        raise ValueError("it declares entities, which is not allowed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubtful units and headers; what is read is checked below
        table = AstropyTable.read(path, format=form)
    note = _note(table.meta)
    descriptions = {name: str(table[name].description or "") for name in table.colnames}
    units = {name: str(table[name].unit or "") for name in table.colnames}
    note["units"] = {**{n: text for n, text in units.items() if text}, **note.get("units", {})}
    note["descriptions"] = {
        **{n: text for n, text in descriptions.items() if text},
        **note.get("descriptions", {}),
    }
    return pa.table({name: _column(table[name]) for name in table.colnames}), note


def _column(column: Any) -> pa.Array:
    """Return a column as Arrow: null where it is masked, but NaN as it stands there."""
    values = np.asarray(column.data.data if hasattr(column.data, "mask") else column.data)
    mask = np.ma.getmaskarray(column.data)
    if values.dtype.kind == "f":
        mask = mask & ~np.isnan(values)  # astropy masks NaN too
    return convert.as_arrow({"x": np.ma.MaskedArray(values, mask=mask)})["x"]


def _note(meta: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(meta.get("provenance"), Mapping):
        return {"provenance": dict(meta["provenance"])}
    comments = meta.get("comments", [])
    text = str(meta.get("description", "")) or "".join(
        comments if isinstance(comments, list) else []
    )
    text = "".join(text.split())
    if not text.startswith(_MARK):
        return {}
    note: dict[str, Any] = json.loads(text[len(_MARK) :])
    return note
