"""TAP_SCHEMA: the tables that tell of the tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stellarnb.tables import Result
from stellarnb.testing.server.answers import Field, vo_unit
from stellarnb.testing.server.cells import vo_type

if TYPE_CHECKING:
    from stellarnb.testing.server.store import TableEntry

__all__ = ["SCHEMA_TITLES", "tap_schema"]

SCHEMA_TITLES = {
    "gaiadr3": "Gaia DR3, as far as the embedded sample goes",
    "mock": "Made-up stars; not a measurement",
    "sample": "Tables of the embedded sample, under their own names",
    "tap_schema": "What there is",
}

_TEXT = pa.string()
_TABLES: dict[str, dict[str, pa.DataType]] = {
    "schemas": {"schema_name": _TEXT, "description": _TEXT, "utype": _TEXT},
    "tables": {
        "schema_name": _TEXT,
        "table_name": _TEXT,
        "table_type": _TEXT,
        "description": _TEXT,
        "utype": _TEXT,
        "table_index": pa.int32(),
    },
    "columns": {
        "table_name": _TEXT,
        "column_name": _TEXT,
        "description": _TEXT,
        "unit": _TEXT,
        "ucd": _TEXT,
        "utype": _TEXT,
        "datatype": _TEXT,
        "arraysize": _TEXT,
        "xtype": _TEXT,
        "size": pa.int32(),
        "principal": pa.int32(),
        "indexed": pa.int32(),
        "std": pa.int32(),
        "column_index": pa.int32(),
    },
    "keys": {
        "key_id": _TEXT,
        "from_table": _TEXT,
        "target_table": _TEXT,
        "description": _TEXT,
        "utype": _TEXT,
    },
    "key_columns": {"key_id": _TEXT, "from_column": _TEXT, "target_column": _TEXT},
}


def tap_schema(entries: Iterable[TableEntry]) -> dict[str, Result]:
    """Return the five tables of TAP_SCHEMA for some tables and for themselves.

    Parameters
    ----------
    entries : iterable of TableEntry
        The other tables.

    Returns
    -------
    dict of str to Result
        By name: schemas, tables, columns, keys, key_columns.
    """
    given = list(entries)
    described = [(entry.schema, entry.full, entry.title) for entry in given]
    described += [("tap_schema", f"tap_schema.{name}", "") for name in _TABLES]
    columns = [
        _column(entry.full, i, Field(info.name, vo_unit(info.unit), info.description), info.type)
        for entry in given
        for i, info in enumerate(entry.columns.values())
    ]
    columns += [
        _column(f"tap_schema.{table}", i, Field(name), str(kind))
        for table, kinds in _TABLES.items()
        for i, (name, kind) in enumerate(kinds.items())
    ]
    keys, key_columns = _keys([entry for entry in given if "source_id" in entry.columns])
    rows: dict[str, list[dict[str, Any]]] = {
        "schemas": [
            {"schema_name": name, "description": SCHEMA_TITLES.get(name, name)}
            for name in dict.fromkeys(schema for schema, _, _ in described)
        ],
        "tables": [
            {
                "schema_name": schema,
                "table_name": full,
                "table_type": "table",
                "description": title,
                "table_index": i,
            }
            for i, (schema, full, title) in enumerate(described)
        ],
        "columns": columns,
        "keys": keys,
        "key_columns": key_columns,
    }
    return {
        name: Result(
            pa.Table.from_pylist(rows[name], schema=pa.schema(list(kinds.items()))),
            provenance={"title": f"TAP_SCHEMA: {name}"},
        )
        for name, kinds in _TABLES.items()
    }


def _column(table: str, index: int, field: Field, kind: str) -> dict[str, Any]:
    datatype, arraysize = vo_type(kind)
    return {
        "table_name": table,
        "column_name": field.name,
        "description": field.description or None,
        "unit": field.unit or None,
        "ucd": field.ucd or None,
        "datatype": datatype,
        "arraysize": arraysize or None,
        "principal": int(field.name in {"source_id", "ra", "dec"}),
        "indexed": int(field.name == "source_id"),
        "std": 0,
        "column_index": index,
    }


def _keys(entries: list[TableEntry]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Every table with source_id can be joined to Gaia's main table."""
    main = "gaiadr3.gaia_source"
    others = [entry.full for entry in entries if entry.full != main and entry.schema != "mock"]
    if main not in {entry.full for entry in entries}:
        return [], []
    keys = [
        {"key_id": f"k{i}", "from_table": other, "target_table": main}
        for i, other in enumerate(others)
    ]
    columns = [
        {"key_id": key["key_id"], "from_column": "source_id", "target_column": "source_id"}
        for key in keys
    ]
    return keys, columns
