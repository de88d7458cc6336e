"""Make an emulator, or evaluate a shipped one, from the command line.

``python -m stellarnb.training.emulate cat --evaluate --json`` prints how well the shipped one does on
the nodes that it has never seen; without ``--evaluate`` it is made anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stellarnb.errors import StellarnbError
from stellarnb.models.synthetic.emulator import load_emulator
from stellarnb.training.emulate.evaluate import evaluate_fits
from stellarnb.training.emulate.recipe import (
    NODES,
    Nodes,
    evaluate_emulator,
    load_emulator_recipe,
    load_nodes,
    train_emulator,
)

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Make or evaluate an emulator from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m stellarnb.training.emulate", description=__doc__
    )
    parser.add_argument("window", help="cat or hr15n")
    parser.add_argument("--nodes", type=Path, default=NODES, help="folder of the nodes")
    parser.add_argument("--out", type=Path, default=Path("emulators"), help="where to write")
    parser.add_argument("--evaluate", action="store_true", help="evaluate the shipped weights")
    parser.add_argument("--fits", action="store_true", help="fit noisy held-out nodes instead")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    try:
        nodes = load_nodes(given.nodes / load_emulator_recipe(given.window)["nodes"])
        name = given.window
        if given.fits:
            rows = _fits(name, nodes)
        elif given.evaluate:
            rows = evaluate_emulator(load_emulator(name), nodes)
        else:
            card = train_emulator(name, nodes, given.out)[1]
            rows = evaluate_emulator(load_emulator(str(card)), nodes)
    except StellarnbError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for row in rows:
        text = "  ".join(f"{key} {value}" for key, value in row.items())
        sys.stdout.write(f"{json.dumps(row) if given.json else text}\n")
    return 0


def _fits(window: str, nodes: Nodes) -> list[dict[str, Any]]:
    """Fit noisy held-out nodes for each instrument of a window."""
    card = load_emulator(window).card
    rows: list[dict[str, Any]] = []
    for instrument in card.network["instruments"]:
        labels = [spec.name for spec in card.labels if spec.name in card.network["fitted"]]
        rows += evaluate_fits(nodes, instrument, labels)
    return rows


if __name__ == "__main__":
    sys.exit(main())
