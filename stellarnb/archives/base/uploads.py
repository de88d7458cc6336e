"""Tables that a user uploads with a query."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stellarnb.archives.base.catalog import UPLOAD, ColumnInfo, TableInfo
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table
from stellarnb.tables.convert import as_arrow

__all__ = ["Upload", "describe_table", "read_uploads"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Upload:
    """A table for one query."""

    #: Names in lower case.
    rows: pa.Table
    #: Its columns; its name is ``tap_upload.name``.
    info: TableInfo

    @property
    def note(self) -> dict[str, Any]:
        """The provenance entry: the number of rows, and a hash of their values."""
        digest = hashlib.sha256(str(self.rows.schema).encode())
        for batch in self.rows.combine_chunks().to_batches():
            digest.update(batch.serialize())
        return {"rows": self.rows.num_rows, "sha256": digest.hexdigest()}


def read_uploads(uploads: Mapping[str, Any] | None) -> dict[str, Upload]:
    """Return the tables to upload, by their names in the query."""
    if uploads is None:
        return {}
    if not isinstance(uploads, Mapping):
        raise InvalidInput(
            "Expected upload= as a mapping of names to tables: upload={'mine': table}."
        )
    out: dict[str, Upload] = {}
    for name, table in uploads.items():
        key = str(name).lower().removeprefix(f"{UPLOAD}.")
        if not _NAME.fullmatch(key):
            raise InvalidInput(
                f"upload: {name!r} is not a valid table name. Use letters, digits and _."
            )
        if f"{UPLOAD}.{key}" in out:
            raise InvalidInput(
                f"upload: two tables are called {key!r}; upper and lower case count as the same."
            )
        out[f"{UPLOAD}.{key}"] = describe_table(table, f"{UPLOAD}.{key}")
    return out


def describe_table(table: Any, name: str) -> Upload:
    """Return any table as rows of plain values and a description of its columns."""
    rows = as_arrow(table)
    names = [column.lower() for column in rows.column_names]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice or not names:
        what = (
            f"two columns {twice[0]!r}; upper and lower case count as the same"
            if twice
            else "no columns"
        )
        raise InvalidInput(f"{name} has {what}.")
    rows = rows.rename_columns(names)
    for field in rows.schema:
        if pa.types.is_nested(field.type):
            raise InvalidInput(
                f"{name}: column {field.name!r} has several values per row ({field.type}). Leave "
                "it out."
            )
        if field.name == "source_id" and pa.types.is_floating(field.type):
            raise InvalidInput(
                f"{name}: source_id is {field.type}; a float cannot hold a source_id exactly. "
                "Read the table again with source_id as int64."
            )
    units, texts = _notes(table)
    columns = {
        field.name: ColumnInfo(
            field.name, str(field.type), units.get(field.name, ""), texts.get(field.name, "")
        )
        for field in rows.schema
    }
    return Upload(rows, TableInfo(name, rows.num_rows, "Uploaded", columns))


def _notes(table: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return units and descriptions of a table that has some, by names in lower case."""
    if isinstance(table, Table):
        units, texts = table.units, table.descriptions
    elif hasattr(table, "colnames"):
        units = {n: str(table[n].unit) for n in table.colnames if getattr(table[n], "unit", None)}
        texts = {n: table[n].info.description or "" for n in table.colnames}
    else:
        return {}, {}
    return (
        {name.lower(): text for name, text in units.items()},
        {name.lower(): text for name, text in texts.items()},
    )
