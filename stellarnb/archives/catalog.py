"""What is known of an archive's tables and columns."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ColumnInfo", "TableInfo", "nearest"]


@dataclass(frozen=True)
class ColumnInfo:
    """One column.

    Attributes
    ----------
    name : str
        In lower case.
    type : str
        Its type in words of Arrow, such as ``int64`` or ``float``.
    unit : str
        As `astropy.units` spells it; empty where there is none.
    description : str
        One line.
    """

    name: str
    type: str
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)
class TableInfo:
    """One table.

    Attributes
    ----------
    name : str
        In lower case.
    rows : int
        Number of rows.
    title : str
        What it holds.
    columns : dict of str to ColumnInfo
        By name, in order.
    """

    name: str
    rows: int
    title: str
    columns: dict[str, ColumnInfo]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the known name most like `name`, or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
