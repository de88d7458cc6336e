"""Tables that a user brings along to a query."""

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
    """A table for one query.

    Attributes
    ----------
    rows : pyarrow.Table
        Names in lower case.
    info : TableInfo
        Its columns; its name is ``tap_upload.name``.
    """

    rows: pa.Table
    info: TableInfo

    @property
    def note(self) -> dict[str, Any]:
        """What the provenance says of it: rows, and a hash of what they hold."""
        digest = hashlib.sha256(str(self.rows.schema).encode())
        for batch in self.rows.combine_chunks().to_batches():
            digest.update(batch.serialize())
        return {"rows": self.rows.num_rows, "sha256": digest.hexdigest()}


def read_uploads(uploads: Mapping[str, Any] | None) -> dict[str, Upload]:
    """Return the tables to upload, by their names in the query."""
    if uploads is None:
        return {}
    if not isinstance(uploads, Mapping):
        raise InvalidInput("upload= needs names and tables: upload={'mine': table}.")
    out: dict[str, Upload] = {}
    for name, table in uploads.items():
        key = str(name).lower().removeprefix(f"{UPLOAD}.")
        if not _NAME.fullmatch(key):
            raise InvalidInput(
                f"upload: {name!r} is no name for a table; letters, digits and _ make one."
            )
        if f"{UPLOAD}.{key}" in out:
            raise InvalidInput(f"upload: two tables are called {key!r}; case makes no difference.")
        out[f"{UPLOAD}.{key}"] = describe_table(table, f"{UPLOAD}.{key}")
    return out


def describe_table(table: Any, name: str) -> Upload:
    """Return any table as rows of plain values and a description of its columns."""
    rows = as_arrow(table)
    names = [column.lower() for column in rows.column_names]
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice or not names:
        what = f"two columns {twice[0]!r}; case makes no difference here" if twice else "no columns"
        raise InvalidInput(f"{name} has {what}.")
    rows = rows.rename_columns(names)
    for field in rows.schema:
        if pa.types.is_nested(field.type):
            raise InvalidInput(
                f"{name}: column {field.name!r} holds several values a row ({field.type}); leave "
                "it out."
            )
        if field.name == "source_id" and pa.types.is_floating(field.type):
            raise InvalidInput(
                f"{name}: source_id is {field.type}; a float cannot hold a source_id exactly. "
                "Read the table again with source_id as int64."
            )
    units, words = _notes(table)
    columns = {
        field.name: ColumnInfo(
            field.name, str(field.type), units.get(field.name, ""), words.get(field.name, "")
        )
        for field in rows.schema
    }
    return Upload(rows, TableInfo(name, rows.num_rows, "Uploaded", columns))


def _notes(table: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return units and descriptions of a table that has some, by names in lower case."""
    if isinstance(table, Table):
        units, words = table.units, table.descriptions
    elif hasattr(table, "colnames"):
        units = {n: str(table[n].unit) for n in table.colnames if getattr(table[n], "unit", None)}
        words = {n: table[n].info.description or "" for n in table.colnames}
    else:
        return {}, {}
    return (
        {name.lower(): text for name, text in units.items()},
        {name.lower(): text for name, text in words.items()},
    )
