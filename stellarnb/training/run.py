"""Which models can be trained and evaluated, and how."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.features import MAGNITUDES
from stellarnb.training import evaluate, xp

__all__ = ["evaluate_model", "load_recipe", "refusals_model", "train_model"]

Rows = list[dict[str, Any]]

_EVALUATIONS: dict[str, tuple[Callable[[str], Rows], Callable[[str], Rows]]] = {
    "xp-apogee": (evaluate.evaluate_xp, evaluate.refusals_xp)
}


def _check(name: str) -> None:
    if name not in _EVALUATIONS:
        raise InvalidInput(f"No recipe for {name!r}; there are: {', '.join(_EVALUATIONS)}.")


def load_recipe(name: str) -> dict[str, Any]:
    """Return the recipe of a model.

    Parameters
    ----------
    name : str
        Such as ``xp-apogee``.

    Returns
    -------
    dict

    Raises
    ------
    InvalidInput
        If there is none of this name.
    """
    _check(name)
    file = resources.files("stellarnb.training").joinpath("recipes", f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def evaluate_model(name: str) -> Rows:
    """Return the figures of the shipped weights on the test split; see `evaluate_xp`."""
    _check(name)
    return _EVALUATIONS[name][0](name)


def refusals_model(name: str) -> Rows:
    """Return what the shipped model refuses; see `refusals_xp`."""
    _check(name)
    return _EVALUATIONS[name][1](name)


def train_model(name: str, out: Path, *, threads: int = 2) -> list[Path]:
    """Train a model by its recipe, and write its weights and card.

    Parameters
    ----------
    name : str
        Such as ``xp-apogee``.
    out : pathlib.Path
        Folder; finished members of the ensemble are kept there and taken up again.
    threads : int, optional
        Members trained at a time.

    Returns
    -------
    list of pathlib.Path
        The weights and the card; copied into ``stellarnb/models`` they are what is shipped.

    Raises
    ------
    InvalidInput, MissingInput, OutputError
        For an unknown name, a missing library, a folder that cannot be written.
    """
    from safetensors.torch import save

    recipe = load_recipe(name)
    folder = make_folder(out)
    prepared = xp.prepare(recipe)
    networks = xp.train_ensemble(recipe, prepared, folder, threads)
    data = save(xp.weights_of(networks, prepared, xp.learn_novelty(prepared)))
    weights = folder / recipe["card"]["weights"]
    with atomic_write(weights) as part:
        part.write_bytes(data)
    entry = {
        **recipe["card"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "labels": _labels(recipe, xp.calibrate(networks, prepared)),
        "scalars": _scalars(prepared),
        "metrics": {"command": f"stellarnb train {name} --evaluate --json"},
    }
    card = folder / f"{name}.toml"
    _write_card(card, entry)
    # The figures come from the written files, as a user would load them.
    figures, refused = _EVALUATIONS[name]
    entry["metrics"]["test"] = _rounded(figures(str(card)))
    entry["metrics"]["refused"] = _rounded(refused(str(card)))
    _write_card(card, entry)
    return [weights, card]


def _write_card(path: Path, entry: Mapping[str, Any]) -> None:
    import tomli_w

    with atomic_write(path) as part:
        part.write_text(tomli_w.dumps(entry), encoding="utf-8")


def _rounded(rows: Rows) -> Rows:
    """Round to four significant digits, and leave out what is not there: TOML has no null."""
    return [
        {
            k: float(f"{v:.4g}") if isinstance(v, float) else v
            for k, v in row.items()
            if v is not None
        }
        for row in rows
    ]


def _labels(recipe: Mapping[str, Any], calibration: Rows) -> Rows:
    return [
        {**label, **fitted}
        for label, fitted in zip(recipe["card"]["labels"], calibration, strict=True)
    ]


def _scalars(prepared: xp.Prepared) -> Rows:
    """Return the scalar inputs with the range that the training stars span."""
    low = np.nanmin(prepared.train.magnitudes, axis=0)
    high = np.nanmax(prepared.train.magnitudes, axis=0)
    limits = np.round(np.stack([low, high], axis=1), 3).tolist()
    return [
        {"name": name, "unit": "mag", "limits": limit}
        for name, limit in zip(MAGNITUDES, limits, strict=True)
    ]
