"""TAP_SCHEMA: the tables that describe an archive's tables and columns."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo

__all__ = [
    "TAP_SCHEMA",
    "TYPES",
    "SchemaTable",
    "schema_infos",
    "tap_schema",
    "ucd",
    "vo_type",
    "vo_unit",
]

#: VOTable's and FITS's names of Arrow's types.
TYPES = {
    "bool": ("boolean", "L"),
    "uint8": ("unsignedByte", "B"),
    "int16": ("short", "I"),
    "int32": ("int", "J"),
    "int64": ("long", "K"),
    "float": ("float", "E"),
    "double": ("double", "D"),
}

_UCDS = {
    "source_id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "wavelength": "em.wl",
    "flux": "spect",
    "flux_error": "stat.error;spect",
}


def vo_type(kind: str) -> tuple[str, str]:
    """Return VOTable's datatype and arraysize of an Arrow type."""
    return (TYPES[kind][0], "") if kind in TYPES else ("char", "*")


def vo_unit(unit: str) -> str:
    """Return a unit as Gaia's archive spells it, such as ``W.m**-2.nm**-1``."""
    from astropy import units as u

    if unit.startswith("dex("):
        return f"log({vo_unit(unit[4:-1])})"
    try:
        return str(u.Unit(unit).to_string("vounit")) if unit else ""
    except ValueError:  # VOUnits has no dex
        return unit


def ucd(column: str) -> str:
    """Return the unified content descriptor of a column by its usual name; empty where unknown."""
    return _UCDS.get(column.lower(), "")


TAP_SCHEMA = "tap_schema"
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


@dataclass(frozen=True)
class SchemaTable:
    """One of the five tables, made when it is read."""

    #: Its columns.
    info: TableInfo
    #: What it tells of.
    tables: Mapping[str, TableInfo]
    #: Schema of the tables that name none.
    archive: str
    path: Path | None = None
    n_bytes: int = 0

    def read(self) -> pa.Table:
        """Return the rows."""
        return tap_schema(self.tables.values(), self.archive)[self.info.bare]


def schema_infos() -> dict[str, TableInfo]:
    """Return what the five tables are, by ``tap_schema.name``; their rows are not counted."""
    return {
        f"{TAP_SCHEMA}.{name}": TableInfo(
            f"{TAP_SCHEMA}.{name}",
            0,
            f"TAP_SCHEMA: {name}",
            {column: ColumnInfo(column, str(kind)) for column, kind in kinds.items()},
        )
        for name, kinds in _TABLES.items()
    }


def tap_schema(
    tables: Iterable[TableInfo],
    default: str,
    titles: Mapping[str, str] | None = None,
    *,
    apart: Container[str] = (),
) -> dict[str, pa.Table]:
    """Return the five tables of TAP_SCHEMA for some tables and for themselves."""
    given = list(tables)
    everything = [*given, *schema_infos().values()]
    schemas = dict.fromkeys(info.schema or default for info in everything)
    keys, key_columns = _keys(
        [info for info in given if "source_id" in info.columns and info.schema not in apart]
    )
    names = {TAP_SCHEMA: "What there is", **(titles or {})}
    rows: dict[str, list[dict[str, Any]]] = {
        "schemas": [
            {"schema_name": name, "description": names.get(name, name)} for name in schemas
        ],
        "tables": [
            {
                "schema_name": info.schema or default,
                "table_name": info.written,
                "table_type": "table",
                "description": info.title,
                "table_index": i,
            }
            for i, info in enumerate(everything)
        ],
        "columns": [
            _column(info.written, i, column)
            for info in everything
            for i, column in enumerate(info.columns.values())
        ],
        "keys": keys,
        "key_columns": key_columns,
    }
    return {
        name: pa.Table.from_pylist(rows[name], schema=pa.schema(list(kinds.items())))
        for name, kinds in _TABLES.items()
    }


def _column(table: str, index: int, column: ColumnInfo) -> dict[str, Any]:
    datatype, arraysize = vo_type(column.type)
    return {
        "table_name": table,
        "column_name": column.name,
        "description": column.description or None,
        "unit": vo_unit(column.unit) or None,
        "ucd": ucd(column.name) or None,
        "datatype": datatype,
        "arraysize": arraysize or None,
        "principal": int(column.name in {"source_id", "ra", "dec"}),
        "indexed": int(column.name == "source_id"),
        "std": 0,
        "column_index": index,
    }


def _keys(infos: list[TableInfo]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Join every table with source_id to Gaia's main table, or to the first with positions."""
    if not infos:
        return [], []
    placed = [info for info in infos if {"ra", "dec"} <= set(info.columns)]
    main = next((info for info in infos if info.bare == "gaia_source"), [*placed, *infos][0])
    others = [info for info in infos if info is not main]
    keys = [
        {"key_id": f"k{i}", "from_table": other.written, "target_table": main.written}
        for i, other in enumerate(others)
    ]
    columns = [
        {"key_id": key["key_id"], "from_column": "source_id", "target_column": "source_id"}
        for key in keys
    ]
    return keys, columns
