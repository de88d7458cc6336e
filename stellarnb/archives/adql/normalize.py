"""Compare and split ADQL queries word by word.

Services support functions and names that no parser here knows, so a query is not rewritten: its
words are compared, and conditions are added at the end of its WHERE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

from stellarnb.archives.adql.translate import Adql
from stellarnb.errors import QueryError

__all__ = ["Plain", "canonical", "checked", "plain", "top_of"]

_STOP = frozenset(
    [
        "top",
        "limit",
        "offset",
        "order",
        "group",
        "having",
        "distinct",
        "all",
        "union",
        "intersect",
        "except",
        "with",
        "window",
        "over",
        "into",
        "right",
        "full",
    ]
)
_AGGREGATES = frozenset(
    ["count", "sum", "avg", "min", "max", "stddev", "variance", "median", "array_agg", "string_agg"]
)


@dataclass(frozen=True)
class Plain:
    """A query that can be split into ranges of a column: one SELECT without order or grouping."""

    #: Text between SELECT and FROM.
    items: str
    #: Text after FROM.
    source: str
    #: Text after WHERE; empty if there is none.
    where: str

    def limited(self, condition: str, items: str | None = None) -> str:
        """Return the query with one more condition and, if given, other columns."""
        inside = f"({self.where}) AND {condition}" if self.where else condition
        return f"SELECT {items or self.items} FROM {self.source} WHERE {inside}"  # noqa: S608

    def counted(self, expression: str) -> str:
        """Return a query that counts the rows for each value of an expression.

        Columns ``bin`` and ``n``. The subquery is there because ADQL groups by columns only.
        """
        where = f" WHERE {self.where}" if self.where else ""
        inside = f"SELECT {expression} AS bin FROM {self.source}{where}"  # noqa: S608
        return f"SELECT h.bin, COUNT(*) AS n FROM ({inside}) AS h GROUP BY h.bin"  # noqa: S608

    def alias(self, table: str) -> str | None:
        """Return the query's alias of the first table in its FROM.

        Only the first: a condition on an outer-joined table would drop rows.
        """
        tokens = list(_tokens(self.source))
        name, rest = _dotted(tokens)
        if name != "".join(_dotted(list(_tokens(table)))[0]):
            return None
        if rest and rest[0].token_type == TokenType.ALIAS:
            rest = rest[1:]
        if rest and rest[0].token_type in {TokenType.VAR, TokenType.IDENTIFIER}:
            return self.source[rest[0].start : rest[0].end + 1]
        return table


def checked(adql: Any) -> str:
    """Return a query if it is one SELECT; raise `QueryError` otherwise."""
    if not isinstance(adql, str):
        raise QueryError(f"ADQL: a query is text, not {type(adql).__name__}.")
    tokens = list(_tokens(adql))
    if not tokens:
        raise QueryError("ADQL: the query is empty. Write, say, SELECT TOP 10 * FROM a_table")
    first = next((w for w in tokens if w.token_type != TokenType.L_PAREN), tokens[0])
    if first.text.lower() not in {"select", "with"}:
        raise QueryError(
            f"ADQL: only SELECT is allowed here, not {first.text[:20]!r}: an archive is read, not "
            "changed."
        )
    ends = [i for i, word in enumerate(tokens) if word.token_type == TokenType.SEMICOLON]
    if ends and any(word.token_type != TokenType.SEMICOLON for word in tokens[ends[0] :]):
        raise QueryError("ADQL: one query at a time; a second begins after the semicolon.")
    return adql[: tokens[ends[0]].start] if ends else adql


def canonical(adql: str) -> str:
    """Return a query without comments, extra blanks and letter case.

    Quoted text stays as it is: ``"b_rgeo"`` and ``"B_rgeo"`` are two columns.
    """
    out: list[str] = []
    for word in _tokens(adql):
        quoted = word.token_type in {TokenType.STRING, TokenType.IDENTIFIER}
        text = adql[word.start : word.end + 1] if quoted else word.text.lower()
        named = word.token_type in {TokenType.VAR, TokenType.IDENTIFIER}
        if named and len(out) > 1 and out[-1] == ".":
            out[-2:] = [f"{out[-2]}.{text}"]
        else:
            out.append(text)
    return " ".join(out)


def plain(adql: str) -> Plain | None:
    """Return the parts of a query, or None if it cannot be split into ranges."""
    tokens = list(_tokens(adql))
    marks: dict[str, int] = {}
    depth = 0
    for i, word in enumerate(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(word.token_type, 0)
        text = word.text.lower()
        quoted = word.token_type in {TokenType.STRING, TokenType.IDENTIFIER}
        if not quoted and depth == 0 and text.split(" ")[0] in _STOP:
            return None
        if not quoted and "from" not in marks and text in _AGGREGATES:
            return None
        if not quoted and depth == 0 and text in {"select", "from", "where"}:
            if text in marks:
                return None
            marks[text] = i
    if "select" not in marks or "from" not in marks or marks["select"] != 0:
        return None
    begin, middle = tokens[marks["from"]], tokens[marks["where"]] if "where" in marks else None
    end = middle.start if middle is not None else len(adql)
    return Plain(
        adql[tokens[0].end + 1 : begin.start].strip(),
        _without_comments(adql, begin.end + 1, end),
        _without_comments(adql, middle.end + 1, len(adql)) if middle is not None else "",
    )


def top_of(adql: str) -> int | None:
    """Return the row limit of a query's TOP, or None."""
    tokens = list(_tokens(adql))[:3]
    if len(tokens) == 3 and tokens[1].text.lower() == "top" and tokens[2].text.isdigit():
        return int(tokens[2].text)
    return None


def _without_comments(adql: str, start: int, end: int) -> str:
    """Return a piece of a query without trailing comments."""
    inside = [word for word in _tokens(adql) if start <= word.start < end]
    return adql[inside[0].start : inside[-1].end + 1] if inside else ""


def _tokens(adql: str) -> Iterator[Any]:
    try:
        yield from Adql().tokenize(adql)
    except SqlglotError as error:
        raise QueryError(
            "ADQL: the query cannot be split into words; look for a quote that is never closed."
        ) from error


def _dotted(tokens: list[Any]) -> tuple[str, list[Any]]:
    """Return a dotted name in lower case without quotes, and the tokens after it."""
    name, i = "", 0
    while i < len(tokens):
        name += tokens[i].text.lower()
        i += 1
        if i < len(tokens) and tokens[i].token_type == TokenType.DOT:
            name += "."
            i += 1
        else:
            break
    return name, tokens[i:]
