"""VOTable, through astropy, after a look for what XML can smuggle in.

Tried on real XP files of DataLink (INDIVIDUAL, BINARY2); RAW and TABLEDATA by round trip.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any
from xml.parsers import expat

import numpy as np

from stellarnb.errors import InvalidInput
from stellarnb.spectra.readers.gaia import canonical, from_columns
from stellarnb.spectra.readers.parsed import Parsed, Skipped

__all__ = ["look_through", "plain", "read_votable"]


def read_votable(data: bytes, label: str) -> list[Parsed]:
    """Read a VOTable of spectra."""
    look_through(data)
    from astropy.io.votable import parse

    document = parse(io.BytesIO(data), verify="ignore")
    found: list[Parsed] = []
    skipped: list[str] = []
    for table in document.iter_tables():
        try:
            found += _from_table(table, label)
        except Skipped as reason:
            skipped.append(str(reason))
    if not found:
        raise Skipped(skipped[0] if skipped else _failure(document))
    return found


def look_through(data: bytes) -> None:
    """Refuse what astropy's parser would follow: it opens the address of a STREAM, for one."""
    parser = expat.ParserCreate()

    def refuse(*_: Any) -> None:
        raise InvalidInput("it declares a document type or entities, which no archive sends")

    def element(name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2].upper()
        if tag == "STREAM" and any(key.lower() == "href" for key in attributes):
            raise InvalidInput("its data lie at another address, which is not followed")
        # A number of rows or a size beyond the file's own would only fill the memory.
        size = math.prod(
            int(n) or 1 for n in re.findall(r"\d{1,18}", attributes.get("arraysize", ""))
        )
        rows = attributes.get("nrows", "0")
        if size > len(data) or (rows.isdigit() and int(rows) > len(data)):
            raise InvalidInput("it announces more data than it has")

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = element
    parser.Parse(data, True)


def _from_table(table: Any, label: str) -> list[Parsed]:
    names = [str(field.name) for field in table.fields]
    columns: dict[str, Any] = {}
    unit: str | None = None
    for field in table.fields:
        key = canonical(str(field.name))
        if not key or key in columns:
            continue
        values = table.array[field.ID]
        columns[key] = plain(values)
        if key == "source_id" and np.ma.is_masked(values):
            raise InvalidInput("source_id is missing in some rows")
        if key == "wavelength" and field.unit is not None:
            unit = str(field.unit)
    constants = {str(param.name).lower(): param.value for param in table.params}
    return from_columns(
        columns, names, unit=unit, source_id=constants.get("source_id"), label=label
    )


def plain(values: Any) -> Any:
    """Return a column with masked numbers as NaN, and a column of arrays as a list."""
    if values.dtype == object:
        return [np.ma.filled(np.ma.asarray(row, dtype=np.float64), np.nan) for row in values]
    if values.dtype.kind == "f":
        return np.ma.filled(values, np.nan)
    return np.ma.getdata(values)


def _failure(document: Any) -> str:
    """Return what an archive says instead of data."""
    for resource in document.resources:
        for info in resource.infos:
            if info.name == "QUERY_STATUS" and info.value != "OK":
                return f"the archive says {info.value}: {(info.content or '').strip()[:300]}"
    return "it holds no table"
