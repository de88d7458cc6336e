"""The ADQL dialect, its parser, and errors that point to a place in the text."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import ParseError, TokenError

from stellarnb.errors import QueryError, StellarnbError

__all__ = ["Adql", "QueryText", "parse"]


class Adql(Redshift):  # type: ignore[misc]
    """The ADQL dialect, based on Redshift, which has TOP and no clashing functions."""

    NULL_ORDERING = "nulls_are_last"

    class Tokenizer(Redshift.Tokenizer):  # type: ignore[misc]
        """A backslash in a string is a backslash."""

        STRING_ESCAPES = ["'"]  # noqa: RUF012 - read by the parser's metaclass

    class Parser(Redshift.Parser):  # type: ignore[misc]
        """LOG(x) is the natural logarithm."""

        LOG_DEFAULTS_TO_LN = True


_EXAMPLE = "Write, say, SELECT TOP 10 * FROM stars"

#: A complete token, or a quote that no other closes.
_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|/\*|['\"]", re.DOTALL)
#: A number that runs into letters: sqlglot would take the letters for a name.
_NUMBER = re.compile(r"(?<![\w.])(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?+(?=[A-Za-z_])")
_VIZIER = re.compile(r"\b(?:from|join)\s+([A-Z]+/[^\s,;()]+)", re.IGNORECASE)


class QueryText:
    """The text of a query, with errors that point to a place in it."""

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
        """Return the offset of the nth (or else the first) occurrence of a word, or None."""
        pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
        starts = [match.start() for match in re.finditer(pattern, self.text, re.IGNORECASE)]
        if not starts or not word:
            return None
        return starts[nth] if nth < len(starts) else starts[0]


def parse(query: QueryText) -> exp.Expression:
    """Return the syntax tree of a query; raise `QueryError` if it is not one SELECT."""
    if not isinstance(query.text, str):
        raise QueryError(f"ADQL: a query is text, not {type(query.text).__name__}.")
    if not query.text.strip():
        raise QueryError(f"ADQL: the query is empty. {_EXAMPLE}")
    if not query.text.isprintable():
        for i, letter in enumerate(query.text):
            if not (letter.isprintable() or letter.isspace()):
                query.fail_at(f"the character {letter!r} is not allowed in a query", i)
    _check_statement(query)
    try:
        tree = sqlglot.parse_one(query.text, read=Adql)
    except StellarnbError:
        raise
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


def _check_statement(query: QueryText) -> None:
    """Raise `QueryError` for text that is not one statement beginning with SELECT."""
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
    number = _NUMBER.search(bare)
    if number:
        query.fail_at("a number runs into a word here", number.start())
    name = _VIZIER.search(bare)
    if name:
        query.fail_at(f'put this name in double quotes: "{name[1]}"', name.start(1))


def _syntax(query: QueryText, error: ParseError) -> NoReturn:
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


def _unclosed(query: QueryText) -> NoReturn:
    for match in _TOKENS.finditer(query.text):
        if match[0] in {"'", '"', "/*"}:
            query.fail_at(f"this {match[0]} is never closed", match.start())
    raise QueryError("ADQL: the query cannot be split into words; look for a stray character.")
