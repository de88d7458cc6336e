"""The command ``stellarnb doctor``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from stellarnb.cli.output import Json, in_words

if TYPE_CHECKING:
    from stellarnb.doctor import Finding

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


@in_words
def doctor(
    online: Annotated[
        bool, typer.Option("--online", help="Ask the archives too; nothing else is asked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look whether everything is here and works, with a remedy for each fault; exit 1 if not."""
    from stellarnb.doctor import run_doctor

    found = run_doctor(online=online)
    broken = sum(finding.verdict == "failed" for finding in found)
    if as_json:
        for finding in found:
            typer.echo(json.dumps(finding.as_row()))
    else:
        _print(found)
    if broken:
        raise typer.Exit(1)


def _print(found: list[Finding]) -> None:
    """Print a line a finding, and its remedy below it, whole: one copies it."""
    console = Console()

    def say(text: Text) -> None:
        console.print(text, soft_wrap=True)

    for finding in found:
        head = Text.assemble((f"{finding.verdict:8}", _STYLES[finding.verdict]))
        say(head.append(f"{finding.check}: {finding.found}", ""))
        if finding.remedy:
            say(Text(f"{'':8}-> {finding.remedy}"))
    counts = {name: sum(f.verdict == name for f in found) for name in _STYLES}
    say(Text(", ".join(f"{count} {name}" for name, count in counts.items())))
