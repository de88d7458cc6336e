"""Checks of a local archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.catalog import quoted
from stellarnb.archives.local.engine import Engine, RowSource
from stellarnb.archives.local.spectra import LocalProduct
from stellarnb.errors import StellarnbError
from stellarnb.tables import Table

__all__ = ["check_archive"]

#: What was checked, which check, whether it passed, and a note.
Finding = tuple[str, str, bool, str]


def check_archive(
    files: Mapping[str, Any], products: Mapping[str, LocalProduct], engine: Engine
) -> Table:
    """Return the result of each check; see `LocalArchive.check`."""
    found: list[Finding] = []
    for name, source in files.items():
        found += _table(name, source, engine)
    for name, product in products.items():
        found += _product(name, product)
    what, check, ok, note = zip(*found, strict=True) if found else ((), (), (), ())
    return Table(
        {
            "what": pa.array(what, pa.string()),
            "check": pa.array(check, pa.string()),
            "ok": pa.array(ok, pa.bool_()),
            "note": pa.array(note, pa.string()),
        }
    )


def _table(name: str, source: RowSource, engine: Engine) -> Iterator[Finding]:
    try:
        rows = engine.run(f"SELECT COUNT(*) AS n FROM {quoted(name)}", [name])["n"][0].as_py()  # noqa: S608
    except StellarnbError as error:
        yield name, "can be read", False, str(error)
        return
    said = source.info.rows
    yield name, "can be read", True, f"{rows:,} rows"
    yield name, "as long as its file says", rows == said, f"{said:,} rows when it was opened"
    left_out = getattr(source, "left_out", ())
    if left_out:
        some = ", ".join(left_out[:8]) + (", …" if len(left_out) > 8 else "")
        yield name, "columns", True, f"left out, several values a row: {some}"
    columns = source.info.columns
    if "source_id" in columns:
        yield from _identifiers(name, columns["source_id"].type, engine)
    if {"ra", "dec"} <= set(columns):
        yield _positions(name, engine)
    if {"source_id", "ra", "dec"} <= set(columns):
        pad = engine.pad(name)
        note = "cones read every row" if pad is None else f"within {pad:.3f} deg"
        yield name, "source_id names the pixel of the position", pad is not None, note


def _identifiers(name: str, kind: str, engine: Engine) -> Iterator[Finding]:
    whole = kind in {"int64", "uint64"}
    yield name, "source_id is a 64-bit integer", whole, kind
    counts = "COUNT(*) AS n, COUNT(source_id) AS there, COUNT(DISTINCT source_id) AS unlike"
    row = engine.run(f"SELECT {counts} FROM {quoted(name)}", [name]).to_pylist()[0]  # noqa: S608
    lacking, again = row["n"] - row["there"], row["there"] - row["unlike"]
    yield name, "source_id is there", lacking == 0, f"{lacking:,} rows without"
    yield name, "source_id is unique", again == 0, f"{again:,} repeated"


def _positions(name: str, engine: Engine) -> Finding:
    try:
        ra, dec = engine.positions(name)
    except StellarnbError as error:
        return name, "ra and dec are positions", False, str(error)
    with np.errstate(invalid="ignore"):
        bad = int(np.sum(~((np.abs(ra) <= 360) & (np.abs(dec) <= 90))))
    return name, "ra and dec are positions", bad == 0, f"{bad:,} rows without"


def _product(name: str, product: LocalProduct) -> Iterator[Finding]:
    try:
        n = len(product)
    except StellarnbError as error:
        yield name, "spectra can be read", False, str(error)
        return
    yield name, "spectra can be read", True, f"{n:,} spectra of {product.instrument.id}"
