"""Translate ADQL to DuckDB's SQL, with errors that point into the query.

ADQL is read as sqlglot's Redshift dialect with the natural LOG and NULLs last. What is not
known to belong to ADQL is refused: statements, clauses and functions are allowed by name, never
forbidden by name, so that nothing that DuckDB can do to files or settings gets through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from sqlglot import exp
from sqlglot.errors import SqlglotError

from stellarnb.archives.adql.dialect import Adql, QueryText, parse
from stellarnb.archives.adql.geometry import GEOMETRY, PadOf, translate_geometry
from stellarnb.archives.adql.names import check_columns, name_outputs, resolve_tables
from stellarnb.archives.base.catalog import ColumnInfo, TableInfo, nearest
from stellarnb.errors import QueryError

__all__ = ["Adql", "Translation", "explain", "output_columns", "translate"]

#: Output columns in order: an archive's column, or None where it is computed.
Columns = dict[str, ColumnInfo | None]


def output_columns(tree: exp.Expression, tables: Mapping[str, TableInfo]) -> Columns:
    """Return the archive's column behind each output column of a query."""
    return _query(tree, {name: dict(info.columns) for name, info in tables.items()})


def _query(node: exp.Expression, known: dict[str, Columns]) -> Columns:
    known = dict(known)
    with_ = node.args.get("with_") or node.args.get("with")
    for cte in with_.expressions if with_ else ():
        known[cte.alias.lower()] = _renamed(_query(cte.this, known), cte.args.get("alias"))
    if isinstance(node, exp.Subquery):
        return _query(node.this, known)
    if isinstance(node, exp.SetOperation):
        left, right = _query(node.this, known), _query(node.expression, known)
        others = [*right.values(), *[None] * len(left)]
        pairs = zip(left.items(), others, strict=False)
        return {name: info if info == other else None for (name, info), other in pairs}
    if isinstance(node, exp.Select):
        return _select(node, known)
    return {}


def _select(node: exp.Select, known: dict[str, Columns]) -> Columns:
    sources = _sources(node, known)
    out: Columns = {}
    for item in node.expressions:
        plain = item.this if isinstance(item, exp.Alias) else item
        if isinstance(plain, exp.Star):
            new = _merged(sources)
        elif isinstance(plain, exp.Column) and isinstance(plain.this, exp.Star):
            new = sources.get(plain.table.lower(), {})
        elif isinstance(plain, exp.Column):
            wanted = plain.table.lower()
            pool = sources.get(wanted, {}) if wanted else _merged(sources)
            new = {item.alias_or_name.lower(): pool.get(plain.name.lower())}
        else:
            new = {item.alias_or_name.lower(): None}
        # Of two columns with one name the first keeps it; see `local.tidy`.
        out = out | {name: info for name, info in new.items() if name not in out}
    return out


def _sources(node: exp.Select, known: dict[str, Columns]) -> dict[str, Columns]:
    """Return the columns of each table or query after FROM, by alias."""
    parts = [node.args.get("from_") or node.args.get("from"), *(node.args.get("joins") or ())]
    out: dict[str, Columns] = {}
    for part in parts:
        source = part.this if part is not None else None
        if isinstance(source, exp.Table):
            columns = known.get(source.name.lower(), {})
        elif isinstance(source, exp.Subquery):
            columns = _query(source, known)
        else:
            continue
        out[source.alias_or_name.lower()] = _renamed(columns, source.args.get("alias"))
    return out


def _merged(sources: dict[str, Columns]) -> Columns:
    out: Columns = {}
    for columns in sources.values():
        for name, info in columns.items():
            out.setdefault(name, info)
    return out


def _renamed(columns: Columns, alias: exp.Expression | None) -> Columns:
    """Apply the column names of ``AS t(a, b)``."""
    names = [part.name.lower() for part in (alias.args.get("columns") or ())] if alias else []
    kept = list(columns)[len(names) :]
    return dict(zip([*names, *kept], columns.values(), strict=False))


@dataclass(frozen=True)
class Translation:
    """A query for DuckDB."""

    #: What DuckDB gets.
    sql: str
    #: For each named output column the archive's column that it is, where it is one.
    columns: dict[str, ColumnInfo | None]
    #: The tables that it reads.
    tables: tuple[str, ...]


_CLAUSES = (
    "Alias And Between Boolean Case Column CTE DataType DataTypeParam Distinct Escape Except "
    "Exists From Group Having Identifier If ILike In Intersect Is Join Like Limit Literal Not "
    "Null Offset Or Order Ordered Paren Select Star Subquery Table TableAlias Union Where With"
)
_OPERATORS = "Add BitwiseAnd BitwiseNot BitwiseOr Div DPipe EQ GT GTE LT LTE Mod Mul Neg NEQ Sub"
_FUNCTIONS = (
    "Abs Acos Asin Atan Atan2 Avg Cast Cbrt Ceil Coalesce Contains Cos Cot Count Degrees Exp "
    "Floor Greatest Least Length Ln Log Lower Max Median Min Nullif Pi Pow Radians Rand Round "
    "Sign Sin Sqrt Stddev StddevPop StddevSamp Substring Sum Tan Trim Trunc Upper Variance "
    "VariancePop"
)
_ALLOWED = frozenset(f"{_CLAUSES} {_OPERATORS} {_FUNCTIONS} Anonymous".split())
_KNOWN = sorted(f"{_FUNCTIONS} truncate power ceiling".lower().split()) + sorted(
    name.lower() for name in GEOMETRY
)

#: What a clause may consist of; anything else that the parser found is refused.
_PARTS: dict[type[exp.Expression], frozenset[str]] = {
    exp.Select: frozenset(
        [
            "expressions",
            "from_",
            "from",
            "joins",
            "where",
            "group",
            "having",
            "order",
            "limit",
            "offset",
            "distinct",
            "with_",
            "with",
        ]
    ),
    exp.SetOperation: frozenset(
        ["this", "expression", "distinct", "order", "limit", "offset", "with_", "with"]
    ),
    exp.Subquery: frozenset(
        ["this", "alias", "joins", "order", "limit", "offset", "with_", "with"]
    ),
    exp.Table: frozenset(["this", "db", "catalog", "alias", "joins"]),
    exp.Join: frozenset(["this", "on", "using", "method", "side", "kind"]),
    exp.Group: frozenset({"expressions"}),
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset(["this", "desc", "nulls_first"]),
    exp.Distinct: frozenset({"expressions"}),
    exp.Limit: frozenset(["expression"]),
    exp.Offset: frozenset(["expression"]),
    exp.In: frozenset(["this", "expressions", "query"]),
    exp.Star: frozenset(),
    exp.Rand: frozenset(),
}
_JOINS = {
    "method": frozenset({"", "NATURAL"}),
    "side": frozenset({"", "LEFT", "RIGHT", "FULL"}),
    "kind": frozenset({"", "INNER", "OUTER", "CROSS"}),
}


def translate(
    adql: str, archive: str, tables: Mapping[str, TableInfo], pad_of: PadOf
) -> Translation:
    """Translate one ADQL SELECT into DuckDB's SQL."""
    query = QueryText(adql)
    try:
        tree = parse(query)
        _check_nodes(tree, query)
        used = resolve_tables(tree, query, archive, tables)
        check_columns(tree, query, tables)
        own = {name: tables[name] for name in used}
        name_outputs(tree, own)
        columns = output_columns(tree, own)
        names = {name: set(info.columns) for name, info in own.items()}
        translate_geometry(tree, names, pad_of, query.fail)
        sql = _finish(tree).sql(dialect="duckdb", identify=True, comments=False)
    except RecursionError:
        raise QueryError("ADQL: the query is nested too deeply; write it flatter.") from None
    except SqlglotError as error:
        raise QueryError(f"ADQL: {error}.") from error
    return Translation(sql, columns, used)


def explain(error: Exception, adql: str) -> QueryError:
    """Return the `QueryError` for what DuckDB found wrong with a translated query."""
    query = QueryText(adql)
    message = re.split(r"\nLINE \d|\n\s*Candidate", str(error))[0].strip()
    _, _, words = message.partition(": ")
    words = " ".join(re.sub(r"Use TRY.*", "", words or message).split()).rstrip(".!")
    named = re.search(r'"([^"]+)"', words)
    start = query.find(*_pointed(str(error)))
    if start is None and named:
        start = query.find(named[1].split(".")[-1])
    try:
        query.fail_at(words, start)
    except QueryError as result:
        return result


def _pointed(message: str) -> tuple[str, int]:
    """Return the word at DuckDB's caret, and how often it occurs before it."""
    match = re.search(r"\nLINE \d+: (.*)\n( *)\^", message)
    if match is None:
        return "", 0
    caret = len(match[2]) - (match.start(1) - match.start() - 1)
    words = [word[0].lower() for word in re.finditer(r"\w+", match[1]) if word.start() <= caret + 1]
    return (words[-1], words[:-1].count(words[-1])) if words else ("", 0)


def _check_nodes(tree: exp.Expression, query: QueryText) -> None:
    """Raise `QueryError` for syntax that is not part of ADQL."""
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in _ALLOWED:
            if isinstance(node, exp.Func):
                _unknown_function(node, query)
            query.fail(f"{_words(kind)} is not part of ADQL", node)
        if isinstance(node, exp.Anonymous) and node.name.upper() not in GEOMETRY:
            _unknown_function(node, query)
        if isinstance(node, exp.Pow) and "start" not in node.meta:
            query.fail("ADQL has no operator ^; write POWER(x, y)", node)
        if isinstance(node, exp.With) and node.recursive:
            query.fail("WITH RECURSIVE is not allowed here", node)
        if isinstance(node, (exp.Limit, exp.Offset)) and not node.expression.is_int:
            query.fail("TOP and OFFSET need a whole number", node)
        _check_parts(node, query)


def _check_parts(node: exp.Expression, query: QueryText) -> None:
    """Raise `QueryError` for clauses of DuckDB that ADQL does not have."""
    parts = next((parts for kind, parts in _PARTS.items() if isinstance(node, kind)), None)
    if parts is None:
        return
    for key, value in node.args.items():
        if value and key not in parts:
            if isinstance(node, exp.Rand):
                query.fail("RAND takes no seed here", node)
            query.fail(f"{_words(key)} of {_words(type(node).__name__)} is not part of ADQL", node)
    if isinstance(node, exp.Join):
        for key, kinds in _JOINS.items():
            if str(node.args.get(key) or "").upper() not in kinds:
                query.fail(f"{node.args[key]} JOIN is not part of ADQL", node)


def _unknown_function(node: exp.Func, query: QueryText) -> NoReturn:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    query.fail(f"there is no function {name.upper()}{nearest(name, _KNOWN)}", node)


def _words(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.replace("_", " ").strip()).upper()


def _finish(tree: exp.Expression) -> exp.Expression:
    for node in list(tree.find_all(exp.Literal)):
        # A decimal fraction is a double in ADQL; DuckDB would take it for a DECIMAL.
        if not node.is_string and "." in node.name and "e" not in node.name.lower():
            whole, _, fraction = node.name.partition(".")
            node.replace(exp.Literal.number(f"{whole or 0}.{fraction or 0}e0"))
    for node in list(tree.find_all(exp.SetOperation)):
        for side in (node.this, node.expression):
            # TOP belongs to one SELECT; a LIMIT there needs parentheses.
            if isinstance(side, exp.Select) and side.args.get("limit"):
                side.replace(exp.Subquery(this=side.copy()))
    return tree
