"""Tables and columns of a service, from TAP_SCHEMA."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stellarnb.archives.base.catalog import ColumnInfo
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.units import astropy_unit
from stellarnb.archives.remote.runner import QueryRunner
from stellarnb.archives.surveys.survey import bare
from stellarnb.archives.tap.service import Query
from stellarnb.archives.transport.request import plain_text
from stellarnb.tables import Table

__all__ = ["ListedTable", "column_table", "read_columns", "read_tables"]

_COLUMNS = "table_name, column_name, description, unit, ucd, datatype"
#: Arrow types by the names that services use.
_TYPES = {
    "boolean": "bool",
    "bool": "bool",
    "smallint": "int16",
    "short": "int16",
    "unsignedbyte": "int16",
    "tinyint": "int16",
    "integer": "int32",
    "int": "int32",
    "bigint": "int64",
    "long": "int64",
    "real": "float",
    "float": "float",
    "double": "double",
    "double precision": "double",
    "char": "string",
    "varchar": "string",
    "unicodechar": "string",
    "clob": "string",
    "text": "string",
}


@dataclass(frozen=True)
class ListedTable:
    """A table as TAP_SCHEMA lists it."""

    #: As a query writes it.
    name: str
    #: By the service's own spelling, in its order.
    columns: dict[str, ColumnInfo]
    #: By the same.
    ucds: dict[str, str]


def read_columns(
    runner: QueryRunner, tables: Iterable[str], *, refresh: bool = False
) -> dict[str, ListedTable]:
    """Return the columns of some tables, by the table's name as `bare` gives it."""
    wanted = list(dict.fromkeys(tables))
    spellings = {spelling: table for table in wanted for spelling in _spellings(table)}
    names = ", ".join("'" + spelling.replace("'", "''") + "'" for spelling in spellings)
    adql = f"SELECT {_COLUMNS} FROM tap_schema.columns WHERE table_name IN ({names})"  # noqa: S608
    rows = _ask(runner, adql, refresh=refresh)
    out: dict[str, ListedTable] = {}
    for row in rows:
        table = spellings.get(row["table_name"])
        column = row["column_name"].strip('"')
        if table is None or not column:
            continue
        listed = out.setdefault(bare(table), ListedTable(table, {}, {}))
        listed.columns[column] = ColumnInfo(
            column.lower(),
            arrow_type(row["datatype"]),
            astropy_unit(plain_text(row["unit"], 60)),
            plain_text(row["description"], 1000),
        )
        listed.ucds[column] = row["ucd"]
    return out


def read_tables(runner: QueryRunner, like: str = "", *, refresh: bool = False) -> Table:
    """Return which tables there are: ``name, type, description``."""
    where = ""
    if like:
        text = like.replace("'", "''")
        where = f" WHERE table_name LIKE '{text}%' OR table_name LIKE '\"{text}%'"
    adql = f"SELECT table_name, table_type, description FROM tap_schema.tables{where}"  # noqa: S608
    rows = _ask(runner, adql, refresh=refresh)
    if like:  # an underscore is any letter to LIKE
        rows = [row for row in rows if bare(row["table_name"]).startswith(bare(like))]
    return Table(
        {
            "name": [row["table_name"] for row in rows],
            "type": [row["table_type"] or "table" for row in rows],
            "description": [plain_text(row["description"], 1000) for row in rows],
        }
    )


def column_table(listed: Iterable[ListedTable], *, with_table: bool) -> Table:
    """Return columns as a table: ``name, type, unit, description``, and ``table`` if wanted."""
    rows = [(table.name, n, info) for table in listed for n, info in table.columns.items()]
    where = {"table": [table for table, _, _ in rows]} if with_table else {}
    return Table(
        {
            **where,
            "name": [name for _, name, _ in rows],
            "type": [info.type for _, _, info in rows],
            "unit": [info.unit for _, _, info in rows],
            "description": [info.description for _, _, info in rows],
        }
    )


def arrow_type(datatype: str) -> str:
    """Return the Arrow name of a TAP_SCHEMA type, such as ``int64``; itself if unknown."""
    word = datatype.lower().removeprefix("adql:").split("(")[0].strip()
    return _TYPES.get(word, word)


def _ask(runner: QueryRunner, adql: str, *, refresh: bool) -> list[dict[str, str]]:
    options = QueryOptions(async_=False, refresh=refresh, progress=False)
    table = runner.ask(Query(adql), {}, options).arrow
    rows = table.to_pylist()
    return [{name: str(value or "") for name, value in row.items()} for row in rows]


def _spellings(table: str) -> list[str]:
    """Return how a service may list a table: with or without quotes, with or without a schema."""
    plain = table.replace('"', "")
    last = plain.rpartition(".")[2] if not plain.startswith(("J/", "I", "V", "B/")) else plain
    return list(dict.fromkeys([table, plain, plain.lower(), last, f'"{plain}"']))
