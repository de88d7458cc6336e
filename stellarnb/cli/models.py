"""The command ``stellarnb models``."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from stellarnb.cli.output import Json, in_words, print_rows, rich_table

if TYPE_CHECKING:
    from stellarnb.models import Card

__all__ = ["app"]

app = typer.Typer(
    name="models",
    help="The networks: which there are, their cards, fetching.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="Model, such as rave-guiglion2020.")]


@app.command("list")
@in_words
def list_models(as_json: Json = False) -> None:
    """Show which models there are and where their weights lie."""
    from stellarnb.models import load_card, model_names, whereabouts

    rows = []
    for name in model_names():
        card = load_card(name)
        rows.append(
            {
                "name": card.display_name,
                "instrument": card.instrument,
                "labels": " ".join(spec.name for spec in card.labels),
                "trained on": f"{card.trained_on} stars",
                "weights": whereabouts(card),
            }
        )
    print_rows(rows, "Models", as_json=as_json)


@app.command()
@in_words
def show(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Show the card of a model: inputs, labels, limits, figures, flaws, licence, credits."""
    from stellarnb.models import load_card, whereabouts

    card = load_card(name)
    if as_json:
        typer.echo(json.dumps(_plain(dataclasses.asdict(card)), indent=1))
        return
    console = Console()

    def say(text: str) -> None:
        console.print(Text(text))

    say(f"{card.display_name} {card.version}: {card.title}")
    say(f"Reads {card.instrument} spectra; weights: {whereabouts(card)}; licence: {card.licence}")
    console.print(rich_table(_label_rows(card), "Labels and their training limits"))
    console.print(rich_table(_scalar_rows(card), "Inputs beside the spectrum"))
    for key, value in card.training.items():
        say(f"{key}: {value}")
    say("Known flaws:")
    for flaw in card.known_flaws:
        say(f"  - {flaw}")
    say("Please cite and credit:")
    for line in card.cite().splitlines():
        say(f"  {line}")


@app.command()
@in_words
def fetch(name: Name) -> None:
    """Fetch a model that is not in the package, check it, and make it ready."""
    from stellarnb.models import load_card, load_model, whereabouts

    load_model(name)
    typer.echo(f"{name}: {whereabouts(load_card(name))}")


def _plain(value: Any) -> Any:
    """Return the same with None for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _label_rows(card: Card) -> list[dict[str, Any]]:
    """Return a row for each label, with its figures on the test stars."""
    figures = {
        row["label"]: row for row in card.metrics.get("test", ()) if row.get("snr", "all") == "all"
    }
    rows = []
    for spec in card.labels:
        test = figures.get(spec.name, {})
        row = {"label": spec.name, "unit": spec.unit, "from": spec.limits[0], "to": spec.limits[1]}
        rows.append(row | {f"test {key}": test.get(key, "") for key in ("bias", "sigma", "pull")})
    return rows


def _scalar_rows(card: Card) -> list[dict[str, Any]]:
    return [
        {
            "input": spec.name,
            "unit": spec.unit,
            "from": spec.limits[0],
            "to": spec.limits[1],
            "limits of": spec.quantity or "the input",
        }
        for spec in card.scalars
    ]
