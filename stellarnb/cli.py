"""The command ``stellarnb``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from stellarnb.errors import Interrupted, StellarnbError

__all__ = ["app", "main"]

app = typer.Typer(
    name="stellarnb",
    help="Archive, network, trust flags and map of the Milky Way's chemistry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Command = TypeVar("Command", bound=Callable[..., None])


def _in_words(command: Command) -> Command:
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


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command()
@_in_words
def tour(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; a new one where not given.")
    ] = None,
    lab: Annotated[
        bool, typer.Option(help="Open JupyterLab on the tour's notebook at the end.")
    ] = True,
) -> None:
    """Query the embedded archive, predict its stars, compare with APOGEE, draw the maps."""
    from stellarnb.tour import open_lab, run_tour

    report = run_tour(out)
    console = Console()
    console.print(_rich(report.comparison_rows(), report.title))
    console.print(report.summary(), highlight=False, markup=False)
    for path in report.files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)
    if lab:
        raise typer.Exit(open_lab(report.folder))


@app.command()
@_in_words
def train(
    name: Annotated[str, typer.Argument(help="Model, such as xp-apogee.")],
    out: Annotated[
        Path, typer.Option(help="Folder for checkpoints, weights and card; resumes what is there.")
    ] = Path("stellarnb-train"),
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Evaluate the shipped weights; trains nothing.")
    ] = False,
    refusals: Annotated[
        bool, typer.Option("--refusals", help="Count what the shipped model refuses.")
    ] = False,
    as_json: Json = False,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train a model by its recipe, or evaluate the shipped weights on the test split."""
    from stellarnb.training.run import evaluate_model, refusals_model, train_model

    if evaluate:
        _print_rows(evaluate_model(name), f"{name} on the test split", as_json=as_json)
        return
    if refusals:
        _print_rows(refusals_model(name), f"{name}: not good() on the test split", as_json=as_json)
        return
    for path in train_model(name, out, threads=threads):
        typer.echo(str(path))


@app.command()
@_in_words
def bench(
    name: Annotated[str, typer.Argument(help="Which: import.")],
    as_json: Json = False,
) -> None:
    """Measure performance as ratios against a peer in the same run; exit 1 if a goal is missed."""
    from stellarnb.bench import run_bench

    rows = run_bench(name)
    _print_rows(rows, f"bench {name}", as_json=as_json)
    if not all(row["meets"] for row in rows):
        raise typer.Exit(1)


def _print_rows(rows: list[dict[str, Any]], title: str, *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    else:
        Console().print(_rich(rows, title))


def _rich(rows: list[dict[str, Any]], title: str) -> RichTable:
    table = RichTable(title=title)
    for column in rows[0] if rows else ():
        numeric = isinstance(rows[0][column], (int, float))
        table.add_column(column, justify="right" if numeric else "left", no_wrap=not numeric)
    for row in rows:
        # As Text, since rich would take the brackets of a unit for markup.
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        table.add_row(*(Text(cell) for cell in cells))
    return table


def main() -> None:
    """Run the command ``stellarnb``."""
    app()
