"""The short form of a query: keywords such as ``has_rvs=True, snr=(15, 25)`` as ADQL."""

from __future__ import annotations

import functools
import math
import numbers
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo, nearest, quoted
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Result

__all__ = ["check_limit", "condition", "positions_table", "select_stars", "stars_query"]


def stars_query(
    tables: Mapping[str, TableInfo],
    table: str,
    conditions: Mapping[str, Any],
    *,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    where: str = "",
    ids: str = "",
) -> str:
    """Return the ADQL of the short form."""
    homes = {
        word: _home(word, tables, table) for word in dict.fromkeys([*conditions, *(columns or ())])
    }
    others = list(dict.fromkeys(home for home, _ in homes.values() if home != table))
    names = {table: "t", **{other: f"t{i}" for i, other in enumerate(others, start=1)}}

    def place(word: str) -> str:
        home, column = homes[word]
        return f"{names[home]}.{_word(column.name)}"

    if columns is None:
        more = [place(word) for word in conditions if homes[word][0] != table]
        chosen = ["t.*", *dict.fromkeys(more)]
    else:
        chosen = [place(word) for word in columns]
    top = f"TOP {check_limit(limit)} " if limit is not None else ""
    joins = "".join(
        f" JOIN {tables[other].written} AS {names[other]} ON {names[other]}.source_id = t.source_id"
        for other in others
    )
    if ids:
        joins += f" JOIN {ids} AS ids ON ids.source_id = t.source_id"
    order = "ids.k" if ids else "t.source_id"
    all_ = [condition(place(w), homes[w][1], value) for w, value in conditions.items()]
    all_ += [f"({where})"] if where.strip() else []
    return (
        f"SELECT {top}{', '.join(chosen)} FROM {tables[table].written} AS t{joins}"  # noqa: S608 - names are known, values spelt out
        + (f" WHERE {' AND '.join(all_)}" if all_ else "")
        + (f" ORDER BY {order}" if "source_id" in tables[table].columns else "")
    )


def check_limit(limit: Any) -> int:
    """Return a row limit as an int; raise InvalidInput if it is not one."""
    whole = isinstance(limit, numbers.Integral) and not isinstance(limit, bool)
    if not whole or limit < 0:
        raise InvalidInput(f"limit={limit!r}: expected a number of rows, as an integer.")
    return int(limit)


def condition(place: str, column: ColumnInfo, value: Any) -> str:
    """Return the ADQL condition that a keyword's value stands for."""
    if value is None:
        return f"{place} IS NULL"
    if isinstance(value, tuple):
        return _range(place, column, value)
    if isinstance(value, (list, set, frozenset)) or (
        hasattr(value, "__len__") and getattr(value, "ndim", 0) == 1
    ):
        return _one_of(place, column, value)
    if isinstance(value, (bool, np.bool_)):
        return _truth(place, column, bool(value))
    return f"{place} = {_literal(column, value)}"


def positions_table(tables: Mapping[str, TableInfo]) -> list[str]:
    """Return the names of the tables that have ra and dec, in order."""
    return [name for name, info in tables.items() if {"ra", "dec"} <= set(info.columns)]


def _range(place: str, column: ColumnInfo, value: tuple[Any, ...]) -> str:
    if len(value) != 2 or all(side is None for side in value):
        raise InvalidInput(
            f"{column.name}={value!r}: expected a pair, {column.name}=(low, high), where None leaves a "
            "side open."
        )
    if any(isinstance(side, (bool, str)) for side in value):
        raise InvalidInput(f"{column.name}={value!r}: expected two numbers.")
    sides = [None if side is None else _literal(column, side) for side in value]
    if sides[0] is None:
        return f"{place} <= {sides[1]}"
    if sides[1] is None:
        return f"{place} >= {sides[0]}"
    if float(sides[0]) > float(sides[1]):
        raise InvalidInput(
            f"{column.name}={value!r}: no number lies from {value[0]} to {value[1]}."
        )
    return f"{place} BETWEEN {sides[0]} AND {sides[1]}"


def _one_of(place: str, column: ColumnInfo, values: Collection[Any]) -> str:
    items = sorted({_literal(column, item) for item in values})
    if not items:
        raise InvalidInput(f"{column.name}: an empty list allows no star.")
    return f"{place} IN ({', '.join(items)})"


def _truth(place: str, column: ColumnInfo, value: bool) -> str:
    if column.type in {"bool", "boolean"}:
        return f"{place} = '{'true' if value else 'false'}'"
    if "int" in column.type or column.type in {"short", "long"}:
        return f"{place} <> 0" if value else f"{place} = 0"
    raise InvalidInput(
        f"{column.name} is {column.type}; expected another value than true or false."
    )


def _literal(column: ColumnInfo, value: Any) -> str:
    """Return a value as ADQL; a Quantity in the column's unit."""
    if hasattr(value, "to_value"):
        value = _in_unit(column, value)
    text = any(word in column.type for word in ("string", "char"))
    if isinstance(value, str):
        if not text:
            raise InvalidInput(
                f"{column.name} is {column.type}; cannot compare with the text {value!r}."
            )
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidInput(f"{column.name}: cannot compare with {value!r}. Give a number.")
    if text:
        raise InvalidInput(f"{column.name} holds text; write {column.name}='{value}'.")
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if not math.isfinite(value):
        raise InvalidInput(f"{column.name}: cannot compare with {value}. Give a finite number.")
    return repr(float(value))


def _in_unit(column: ColumnInfo, value: Any) -> float:
    from astropy.units import UnitsError

    try:
        return float(value.to_value(column.unit))
    except (UnitsError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{column.name} is in {column.unit or 'no unit'}; cannot convert {value} to it."
        ) from error


def _home(word: str, tables: Mapping[str, TableInfo], main: str) -> tuple[str, ColumnInfo]:
    """Return the table that has a column, the main table first, and the column."""
    key = word.lower()
    if key in tables[main].columns:
        return main, tables[main].columns[key]
    elsewhere = [info.name for info in tables.values() if key in info.columns]
    joinable = [other for other in elsewhere if "source_id" in tables[other].columns]
    if joinable and "source_id" in tables[main].columns:
        return joinable[0], tables[joinable[0]].columns[key]
    if elsewhere:
        raise MissingInput(
            f"{word!r} is in table {elsewhere[0]!r}, which has no source_id in common with "
            f"{main!r}; pass table={elsewhere[0]!r}, or join them in a query."
        )
    known = sorted({column for info in tables.values() for column in info.columns})
    raise InvalidInput(f"There is no column {word!r}{nearest(key, known)} (table {main!r}).")


def _word(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and name[0] != "_" else quoted(name)


def select_stars(
    query: Callable[[str, Mapping[str, Any] | None], Result],
    tables: Mapping[str, TableInfo],
    main: str,
    conditions: Mapping[str, Any],
    *,
    ids: Any = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
    where: str = "",
) -> Result:
    """Run `stars_query`; note missing identifiers, and whether there are more rows."""
    ask = functools.partial(stars_query, tables, main, conditions, columns=columns, where=where)
    upload, wanted = None, None if ids is None else ids_of(ids)
    if wanted is not None:
        ask = functools.partial(ask, ids="tap_upload.ids")
        upload = {"ids": {"source_id": wanted, "k": np.arange(len(wanted))}}
    if limit is None:
        out = query(ask(), upload)
    else:
        # One row more than is wanted tells whether there are more.
        out = query(ask(limit=check_limit(limit) + 1), upload)
        more, out = len(out) > limit, out.take(slice(0, limit))
        out.truncated = more
        out.provenance = {**out.provenance, "adql": ask(limit=limit), "rows": len(out)}
    if wanted is not None and "source_id" in out:
        found = set(out["source_id"].tolist())
        out.missing = tuple(dict.fromkeys(i for i in wanted.tolist() if i not in found))
    return out
