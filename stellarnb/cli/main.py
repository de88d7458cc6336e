"""The command ``stellarnb``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stellarnb.cli.archives import app as cache_app
from stellarnb.cli.archives import query
from stellarnb.cli.doctor import doctor
from stellarnb.cli.map import map_command
from stellarnb.cli.models import app as models_app
from stellarnb.cli.output import Json, in_words, print_rows, rich_table

__all__ = ["app", "main"]

app = typer.Typer(
    name="stellarnb",
    help="Archive, network, trust flags and map of the Milky Way's chemistry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Source(StrEnum):
    """Where training spectra come from."""

    recipe = "recipe"
    archive = "archive"


app.add_typer(models_app)
app.add_typer(cache_app)
app.command()(query)
app.command("map")(in_words(map_command))
app.command()(doctor)


@app.command()
@in_words
def tour(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; a new one if omitted.")
    ] = None,
    lab: Annotated[
        bool, typer.Option(help="Open JupyterLab on the tour's notebook at the end.")
    ] = True,
) -> None:
    """Query the embedded archive, predict its stars, compare with APOGEE, draw the maps."""
    from stellarnb.tour import open_lab, run_tour

    report = run_tour(out)
    console = Console()
    console.print(rich_table(report.comparison_rows(), report.title))
    console.print(report.summary(), highlight=False, markup=False)
    for path in report.files:
        console.print(f"  {path}", highlight=False, markup=False, soft_wrap=True)
    if lab:
        raise typer.Exit(open_lab(report.folder))


@app.command()
@in_words
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
    data: Annotated[
        Path | None, typer.Option(help="Folder of the synthetic nodes and published tables.")
    ] = None,
    source: Annotated[
        Source, typer.Option(help="gaia-rvs: real spectra and labels of the archives instead.")
    ] = Source.recipe,
    n: Annotated[int | None, typer.Option(min=1, help="Stars to ask the archives for.")] = None,
) -> None:
    """Train a model by its recipe, or evaluate the shipped weights on the test split."""
    from stellarnb.training.run import (
        evaluate_model,
        refusals_model,
        train_from_archive,
        train_model,
    )

    if evaluate:
        rows = evaluate_model(name, data=data)
        print_rows(rows, f"{name} on the test split", as_json=as_json)
        return
    if refusals:
        print_rows(refusals_model(name), f"{name}: not good() on the test split", as_json=as_json)
        return
    if source is Source.archive:
        paths = train_from_archive(name, out, n=n, threads=threads)
    else:
        paths = train_model(name, out, threads=threads, data=data)
    for path in paths:
        typer.echo(str(path))


def main() -> None:
    """Run the command ``stellarnb``."""
    app()
