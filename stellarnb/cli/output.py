"""What the commands share: error messages, and rows as a table or as JSON."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stellarnb.errors import Interrupted, StellarnbError

__all__ = ["Json", "in_words", "print_rows", "rich_table"]

Command = TypeVar("Command", bound=Callable[..., None])

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


def in_words(command: Command) -> Command:
    """Turn an error on purpose into one sentence and an exit status; Ctrl-C is 130."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except Interrupted as stop:
            typer.echo(str(stop), err=True)
            raise typer.Exit(130) from stop
        except StellarnbError as error:
            typer.echo(f"{type(error).__name__}: {error}", err=True)
            raise typer.Exit(1) from error

    return cast("Command", wrapped)


def print_rows(rows: list[dict[str, Any]], title: str, *, as_json: bool) -> None:
    """Print rows as a table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    else:
        Console().print(rich_table(rows, title))


def rich_table(rows: list[dict[str, Any]], title: str) -> RichTable:
    """Return rows as a table for a terminal, numbers to the right."""
    table = RichTable(title=title)
    for column in rows[0] if rows else ():
        numeric = isinstance(rows[0][column], (int, float))
        # The first column is a name that one copies: never cut short.
        name = not table.columns
        table.add_column(column, justify="right" if numeric else "left", no_wrap=name)
    for row in rows:
        # As Text, since rich would take the brackets of a unit for markup.
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        table.add_row(*(Text(cell) for cell in cells))
    return table
