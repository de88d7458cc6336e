"""ADQL for DuckDB: what is a query, what it means, and where it breaks.

ADQL is read as sqlglot's Redshift dialect with the natural LOG and NULLs last. What is not
known to belong to ADQL is refused: statements, clauses and functions are allowed by name, never
forbidden by name, so that nothing that DuckDB can do to files or settings gets through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ParseError, SqlglotError, TokenError

from stellarnb.archives.catalog import ColumnInfo, TableInfo, nearest
from stellarnb.archives.columns import output_columns
from stellarnb.archives.geometry import GEOMETRY, PadOf, translate_geometry
from stellarnb.errors import QueryError

__all__ = ["Adql", "Translation", "explain", "translate"]


class Adql(Redshift):  # type: ignore[misc]
    """The dialect: Redshift knows TOP and has no functions of ADQL's names with other meanings."""

    NULL_ORDERING = "nulls_are_last"

    class Tokenizer(Redshift.Tokenizer):  # type: ignore[misc]
        """A backslash in a string is a backslash."""

        STRING_ESCAPES = ["'"]  # noqa: RUF012 - read by the parser's metaclass

    class Parser(Redshift.Parser):  # type: ignore[misc]
        """LOG(x) is the natural logarithm."""

        LOG_DEFAULTS_TO_LN = True


@dataclass(frozen=True)
class Translation:
    """A query for DuckDB.

    Attributes
    ----------
    sql : str
        What DuckDB gets.
    columns : dict of str to ColumnInfo or None
        For each named output column the archive's column that it is, where it is one.
    """

    sql: str
    columns: dict[str, ColumnInfo | None]


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

_EXAMPLE = "Write, say, SELECT TOP 10 * FROM stars"

#: A complete token, or a quote that no other closes.
_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|/\*|['\"]", re.DOTALL)


class _Query:
    """The text of a query, to point into."""

    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, message: str, node: exp.Expression) -> NoReturn:
        """Raise `QueryError` at a node of the tree."""
        place: exp.Expression | None = node
        start: int | None = None
        while start is None and place is not None:  # a node without a place has that of its parent
            starts = (part.meta["start"] for part in place.walk() if "start" in part.meta)
            start = min(starts, default=None)
            place = place.parent
        self.fail_at(message, start)

    def fail_at(self, message: str, start: int | None) -> NoReturn:
        """Raise `QueryError` at an offset, with the line and a caret below it."""
        message = message if message.endswith("?") else f"{message}."
        if start is None:
            raise QueryError(f"ADQL: {message}")
        start = min(max(start, 0), len(self.text))
        before = self.text[:start]
        line, column = before.count("\n") + 1, start - (before.rfind("\n") + 1)
        full = self.text.split("\n")[line - 1]
        left = max(0, column - 60)
        excerpt = full[left : left + 100].replace("\t", " ").replace("\r", " ")
        caret = " " * (column - left) + "^"
        raise QueryError(
            f"ADQL, line {line}, column {column + 1}: {message}\n  {excerpt}\n  {caret}"
        )

    def find(self, word: str, nth: int = 0) -> int | None:
        """Return where a word stands for the nth time, or else for the first, or None."""
        pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
        starts = [match.start() for match in re.finditer(pattern, self.text, re.IGNORECASE)]
        if not starts or not word:
            return None
        return starts[nth] if nth < len(starts) else starts[0]


def translate(
    adql: str, archive: str, tables: Mapping[str, TableInfo], pad_of: PadOf
) -> Translation:
    """Translate one ADQL SELECT into DuckDB's SQL.

    Parameters
    ----------
    adql : str
        The query.
    archive : str
        The archive's name, which may stand before a table's as a schema.
    tables : mapping of str to TableInfo
        The tables.
    pad_of : callable
        See `stellarnb.archives.geometry.PadOf`.

    Returns
    -------
    Translation

    Raises
    ------
    QueryError
        If it is not one SELECT in ADQL, or names what is not there; shows where.
    """
    query = _Query(adql)
    try:
        tree = _parse(query)
        _check_nodes(tree, query)
        _check_tables(tree, query, archive, tables)
        _check_columns(tree, query, tables)
        _name_outputs(tree, tables)
        columns = output_columns(tree, tables)
        names = {name: set(info.columns) for name, info in tables.items()}
        translate_geometry(tree, names, pad_of, query.fail)
        sql = _finish(tree).sql(dialect="duckdb", identify=True, comments=False)
    except RecursionError:
        raise QueryError("ADQL: the query is nested too deeply; write it flatter.") from None
    except SqlglotError as error:
        raise QueryError(f"ADQL: {error}.") from error
    return Translation(sql, columns)


def explain(error: Exception, adql: str) -> QueryError:
    """Return the `QueryError` for what DuckDB found wrong with a translated query.

    Parameters
    ----------
    error : Exception
        DuckDB's error.
    adql : str
        The query as the user wrote it.
    """
    query = _Query(adql)
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
    """Return the word at DuckDB's caret in its own SQL, and how often it stands before that."""
    match = re.search(r"\nLINE \d+: (.*)\n( *)\^", message)
    if match is None:
        return "", 0
    caret = len(match[2]) - (match.start(1) - match.start() - 1)
    words = [word[0].lower() for word in re.finditer(r"\w+", match[1]) if word.start() <= caret + 1]
    return (words[-1], words[:-1].count(words[-1])) if words else ("", 0)


def _parse(query: _Query) -> exp.Expression:
    if not isinstance(query.text, str):
        raise QueryError(f"ADQL: a query is text, not {type(query.text).__name__}.")
    if not query.text.strip():
        raise QueryError(f"ADQL: the query is empty. {_EXAMPLE}")
    if not query.text.isprintable():
        for i, letter in enumerate(query.text):
            if not (letter.isprintable() or letter.isspace()):
                query.fail_at(f"the character {letter!r} can't stand in a query", i)
    _check_statement(query)
    try:
        tree = sqlglot.parse_one(query.text, read=Adql)
    except ParseError as error:
        _syntax(query, error)
    except TokenError:
        _unclosed(query)
    except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        # The parser stumbles like this over some texts that are no SQL at all.
        raise QueryError("ADQL: this is not understood; write one SELECT.") from error
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        query.fail_at("a SELECT is needed", 0)
    return tree


def _check_statement(query: _Query) -> None:
    """Refuse, before the parser looks at it, what is not one statement that begins like SELECT."""
    # Strings and comments become blanks, so that only words and signs of the query are left.
    bare = _TOKENS.sub(lambda match: " " * len(match[0]), query.text)
    begin = re.search(r"[^\s(]+", bare)
    if begin is None:
        raise QueryError(f"ADQL: the query is empty. {_EXAMPLE}")
    word = re.match(r"\w*", begin[0])
    if word is None or word[0].lower() not in {"select", "with"}:
        query.fail_at("only SELECT is allowed here: an archive is read, not changed", begin.start())
    second = re.search(r";[\s;]*(?=[^\s;])", bare)
    if second:
        query.fail_at("one query at a time; a second begins here", second.end())


def _syntax(query: _Query, error: ParseError) -> NoReturn:
    note: dict[str, Any] = error.errors[0] if error.errors else {}
    word = str(note.get("highlight") or "")
    if not note.get("line"):
        raise QueryError(f"ADQL: {error}.") from error
    lines = query.text.split("\n")
    end = sum(len(text) + 1 for text in lines[: note["line"] - 1]) + note["col"]
    what = str(note.get("description") or "")
    if "Required keyword" in what:
        message = f"something is missing around {word!r}"
    elif what.startswith("Expecting"):
        message = f"{what.removeprefix('Expecting').strip()!r} is expected before {word!r}"
    else:
        message = f"{word!r} is not expected here" if word else "this is not understood"
    query.fail_at(message, max(end - len(word), 0))


def _unclosed(query: _Query) -> NoReturn:
    for match in _TOKENS.finditer(query.text):
        if match[0] in {"'", '"', "/*"}:
            query.fail_at(f"this {match[0]} is never closed", match.start())
    raise QueryError("ADQL: the query cannot be split into words; look for a stray character.")


def _check_nodes(tree: exp.Expression, query: _Query) -> None:
    """Refuse whatever is not known to belong to ADQL."""
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in _ALLOWED:
            if isinstance(node, exp.Func):
                _unknown_function(node, query)
            query.fail(f"{_words(kind)} is not part of ADQL", node)
        if isinstance(node, exp.Anonymous) and node.name.upper() not in GEOMETRY:
            _unknown_function(node, query)
        if isinstance(node, exp.Pow) and "start" not in node.meta:
            query.fail("^ is no power in ADQL; write POWER(x, y)", node)
        if isinstance(node, exp.With) and node.recursive:
            query.fail("WITH RECURSIVE is not allowed here", node)
        if isinstance(node, (exp.Limit, exp.Offset)) and not node.expression.is_int:
            query.fail("TOP and OFFSET need a whole number", node)
        if isinstance(node, exp.Star) and any(node.args.values()):
            query.fail("* takes no EXCEPT or REPLACE in ADQL", node)
        if isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("kind")):
            query.fail("this form of SELECT is not part of ADQL", node)


def _unknown_function(node: exp.Func, query: _Query) -> NoReturn:
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    query.fail(f"there is no function {name.upper()}{nearest(name, _KNOWN)}", node)


def _words(kind: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).upper()


def _check_tables(
    tree: exp.Expression, query: _Query, archive: str, tables: Mapping[str, TableInfo]
) -> None:
    """Refuse unknown tables, and take the archive's name from before the known ones."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        if not isinstance(node.this, exp.Identifier):
            query.fail("only a table or a query can stand after FROM", node)
        name, schema = node.name.lower(), node.db.lower()
        if node.args.get("catalog") or schema not in {"", archive.lower()}:
            query.fail(f"there is no schema {schema!r}; this archive is {archive!r}", node)
        if name not in tables and (schema or name not in ctes):
            known = ", ".join(tables)
            query.fail(
                f"there is no table {node.name!r}{nearest(name, tables)} (tables: {known})", node
            )
        node.set("db", None)
    for node in tree.find_all(exp.Column):
        if node.args.get("catalog") or node.db.lower() not in {"", archive.lower()}:
            query.fail(f"{node.sql()!r} has too many parts; write table.column", node)
        node.set("db", None)


def _check_columns(tree: exp.Expression, query: _Query, tables: Mapping[str, TableInfo]) -> None:
    """Refuse names that no table in use and no alias gives; DuckDB judges the finer cases."""
    used = {node.name.lower() for node in tree.find_all(exp.Table)} & set(tables)
    pool = {name for table in used for name in tables[table].columns}
    pool |= {node.alias.lower() for node in tree.find_all(exp.Alias)}
    sources = {node.alias_or_name.lower() for node in tree.find_all(exp.Table, exp.Subquery)}
    for alias in tree.find_all(exp.TableAlias):
        sources.add(alias.name.lower())
        pool |= {column.name.lower() for column in alias.args.get("columns") or ()}
    for node in tree.find_all(exp.Column):
        if node.table and node.table.lower() not in sources:
            query.fail(
                f"there is no table or alias {node.table!r}{nearest(node.table, sorted(sources))}",
                node,
            )
        name = node.name.lower()
        if isinstance(node.this, exp.Star) or name in pool:
            continue
        elsewhere = [table for table, info in tables.items() if name in info.columns]
        if elsewhere:
            how = f"; it is in table {elsewhere[0]!r}: JOIN {elsewhere[0]} USING (source_id)"
        else:
            how = nearest(name, sorted(pool))
        query.fail(f"there is no column {node.name!r}{how}", node)


def _name_outputs(tree: exp.Expression, tables: Mapping[str, TableInfo]) -> None:
    """Name computed columns after what was written: AVG(teff) becomes avg_teff."""
    taken = {name for info in tables.values() for name in info.columns}
    for select in tree.find_all(exp.Select):
        for item in select.expressions:
            if isinstance(item, (exp.Alias, exp.Column, exp.Star, exp.Subquery)):
                continue
            name = re.sub(r"\W+", "_", item.sql(comments=False).lower()).strip("_")[:40]
            if name in taken or not name[:1].isalpha():  # ORDER BY must not mistake it
                name = f"col_{name}"
            item.replace(exp.alias_(item.copy(), name))


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
