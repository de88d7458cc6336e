"""Descriptions of an archive's tables and columns."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["UPLOAD", "ColumnInfo", "TableInfo", "nearest", "quoted"]

#: Schema of the tables that came with a query.
UPLOAD = "tap_upload"

#: A schema and a table; VizieR's names, such as ``J/A+A/682/A9/table1``, have no schema.
_TWO_PARTS = re.compile(r"([a-z]\w*)\.([a-z]\w*)", re.ASCII)
_WORD = re.compile(r"[a-z]\w*", re.ASCII)


@dataclass(frozen=True)
class ColumnInfo:
    """One column."""

    #: In lower case.
    name: str
    #: Its Arrow type, such as ``int64`` or ``float``.
    type: str
    #: As `astropy.units` spells it; empty where there is none.
    unit: str = ""
    #: One line.
    description: str = ""


@dataclass(frozen=True)
class TableInfo:
    """One table."""

    #: In lower case; with its schema before a dot where it has one.
    name: str
    #: Number of rows.
    rows: int
    #: What it holds.
    title: str
    #: By name, in order.
    columns: dict[str, ColumnInfo]

    @property
    def schema(self) -> str:
        """The schema; empty where it has none."""
        parts = _TWO_PARTS.fullmatch(self.name)
        return parts[1] if parts else ""

    @property
    def bare(self) -> str:
        """The name without the schema."""
        return self.name[len(self.schema) :].removeprefix(".") if self.schema else self.name

    @property
    def written(self) -> str:
        """The name as a query writes it: in double quotes where ADQL needs them."""
        if _TWO_PARTS.fullmatch(self.name) or _WORD.fullmatch(self.name):
            return self.name
        return quoted(self.name)


def quoted(name: str) -> str:
    """Return a name in double quotes, those inside it doubled."""
    return '"' + name.replace('"', '""') + '"'


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the known name most like `name`, or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unique_names(names: Iterable[str]) -> list[str]:
    """Return names of columns in lower case, a repeated one with ``_2`` behind it."""
    out: list[str] = []
    for name in (name.lower() or "column" for name in names):
        count, unique = 1, name
        while unique in out:
            count += 1
            unique = f"{name}_{count}"
        out.append(unique)
    return out
