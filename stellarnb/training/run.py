"""Which models can be trained and evaluated, and how."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.inputs.features import MAGNITUDES
from stellarnb.training.dataset.api import training_set
from stellarnb.training.hybrid import errors as hybrid_errors
from stellarnb.training.hybrid import recipe as hybrid
from stellarnb.training.hybrid.evaluate import evaluate_hybrid
from stellarnb.training.hybrid.recorded import evaluate_recorded, prepare_recorded
from stellarnb.training.populations.gaia import DATA
from stellarnb.training.xp import evaluate
from stellarnb.training.xp import recipe as xp

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "evaluate_model",
    "load_recipe",
    "refusals_model",
    "train_from_archive",
    "train_model",
]

Rows = list[dict[str, Any]]
Recipe = Mapping[str, Any]


@dataclass(frozen=True)
class Trained:
    """What training gives: the weights file, and what the card says of labels and scalars."""

    tensors: dict[str, Tensor]
    labels: Rows
    scalars: Rows


def _check(name: str) -> None:
    if name not in _KINDS:
        raise InvalidInput(f"No recipe for {name!r}; there are: {', '.join(_KINDS)}.")


def load_recipe(name: str) -> dict[str, Any]:
    """Return the recipe of a model."""
    _check(name)
    file = resources.files("stellarnb.training").joinpath("recipes", f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def evaluate_model(name: str, card: str | None = None, *, data: Path | None = None) -> Rows:
    """Return the figures of a model on spectra that it has never seen."""
    _check(name)
    return _KINDS[name].evaluate(name, card or name, data or DATA)


def refusals_model(name: str) -> Rows:
    """Return what the shipped model refuses; see `stellarnb.training.xp.evaluate.refusals_xp`."""
    _check(name)
    refusals = _KINDS[name].refusals
    if refusals is None:
        raise InvalidInput(
            f"The refusals of {name} are not counted. See its card, or use --evaluate."
        )
    return refusals(name)


def train_model(name: str, out: Path, *, threads: int = 2, data: Path | None = None) -> list[Path]:
    """Train a model by its recipe, and write its weights and card.

    Returns the weights and the card; copied into ``stellarnb/models`` they are what is shipped.
    """
    recipe = load_recipe(name)
    folder = make_folder(out)
    kind = _KINDS[name]
    where = data or DATA
    trained = kind.train(recipe, folder, threads, where)

    def figures(card: str) -> dict[str, Rows]:
        found = {"test": kind.evaluate(name, card, where)}
        return found if kind.refusals is None else found | {"refused": kind.refusals(card)}

    return _write(recipe, trained, folder, figures)


def train_from_archive(
    name: str,
    out: Path,
    *,
    n: int | None = None,
    threads: int = 2,
    archive: Any = None,
    reference: Any = "apogee",
    recipe: Recipe | None = None,
) -> list[Path]:
    """Train a hybrid on real spectra of an archive and real labels of another.

    Returns the weights and the card, which says ``real``.
    """
    if name != "gaia-rvs":
        raise InvalidInput(f"Only gaia-rvs can be trained from archives, not {name}.")
    folder = make_folder(out)
    made = training_set(
        name,
        reference,
        n=n,
        out=folder / "training-set",
        archive=archive,
        labels=("teff", "logg", "m_h", "fe_h", "alpha_m"),
        more=("xp_sampled",),
    )
    base = recipe or load_recipe(name)
    card = {
        **base["card"],
        "trained_on": "real",
        "title": "Labels from real Gaia RVS and XP spectra, photometry and parallax",
        "known_flaws": ["Trained by its user; nobody else has looked at it."],
        "training": {
            "data": f"{len(made)} stars of {folder / 'training-set'}",
            "split": base["card"]["training"]["split"],
            "loss": base["card"]["training"]["loss"],
        },
        "credits": made.cite().splitlines(),
    }
    real = {**base, "card": card, "floors": {}, "zero_points": {}}
    trained = _train(partial(prepare_recorded, dataset=made.path), real, folder, threads)
    domain = real["stars"]["domain"]
    return _write(
        real, trained, folder, lambda path: {"test": evaluate_recorded(path, made.path, domain)}
    )


def _write(
    recipe: Recipe, trained: Trained, folder: Path, figures: Callable[[str], dict[str, Rows]]
) -> list[Path]:
    """Write weights and card; the figures come from the written files, as a user loads them."""
    from safetensors.torch import save

    name = recipe["card"]["name"]
    content = save(trained.tensors)
    weights, card = folder / recipe["card"]["weights"], folder / f"{name}.toml"
    with atomic_write(weights) as part:
        part.write_bytes(content)
    entry = {
        **recipe["card"],
        "sha256": hashlib.sha256(content).hexdigest(),
        "labels": [
            {**label, **fitted}
            for label, fitted in zip(recipe["card"]["labels"], trained.labels, strict=True)
        ],
        "scalars": trained.scalars,
        "metrics": {"command": f"stellarnb train {name} --evaluate --json"},
    }
    _write_card(card, entry)
    for key, rows in figures(str(card)).items():
        entry["metrics"][key] = _rounded(rows)
    _write_card(card, entry)
    return [weights, card]


def _train_xp(recipe: Recipe, folder: Path, threads: int, data: Path) -> Trained:  # noqa: ARG001
    prepared = xp.prepare(recipe)
    networks = xp.train_ensemble(recipe, prepared, folder, threads)
    tensors = xp.weights_of(networks, prepared, xp.learn_novelty(prepared))
    magnitudes = {name: prepared.train.magnitudes[:, i] for i, name in enumerate(MAGNITUDES)}
    return Trained(tensors, xp.calibrate(networks, prepared), _scalars(magnitudes))


def _train_hybrid(recipe: Recipe, folder: Path, threads: int, data: Path) -> Trained:
    make = partial(hybrid.prepare, data=data)
    return _train(make, recipe, folder, threads)


def _train(make: hybrid.Prepare, recipe: Recipe, folder: Path, threads: int) -> Trained:
    """Train, calibrate and learn the novelty of a hybrid."""
    prepared = make(recipe, folder)
    networks = hybrid.train_ensemble(make, recipe, prepared, folder, threads)
    tensors = hybrid.weights_of(networks, prepared, hybrid_errors.learn_novelty(prepared, recipe))
    calibration = hybrid_errors.calibrate(networks, prepared, recipe)
    targets = prepared.train.targets
    limits = np.stack([targets.min(axis=0), targets.max(axis=0)], axis=1)
    for fitted, limit, label in zip(calibration, limits, recipe["card"]["labels"], strict=True):
        fitted["limits"] = [float(f"{v:.4g}") for v in limit]
        fitted["floor"] = float(recipe["floors"].get(label["name"], 0.0))
        fitted["zero_point"] = float(recipe.get("zero_points", {}).get(label["name"], 0.0))
    first = {name: values[:, 0] for name, values in prepared.train.scalars.items()}
    read = prepared.family.limited(first)
    names = prepared.family.scalars.names
    return Trained(tensors, calibration, _scalars({name: read[name] for name in names}))


def _evaluate_xp(name: str, card: str, data: Path) -> Rows:  # noqa: ARG001
    return evaluate.evaluate_xp(card)


def _evaluate_hybrid(name: str, card: str, data: Path) -> Rows:
    return evaluate_hybrid(name, card, load_recipe(name), data)


@dataclass(frozen=True)
class _Kind:
    """How models of one kind are trained and evaluated."""

    train: Callable[[Recipe, Path, int, Path], Trained]
    evaluate: Callable[[str, str, Path], Rows]
    refusals: Callable[[str], Rows] | None = None


_HYBRID = _Kind(_train_hybrid, _evaluate_hybrid)
_KINDS = {
    "xp-apogee": _Kind(_train_xp, _evaluate_xp, evaluate.refusals_xp),
    "gaia-rvs": _HYBRID,
    "ges-lithium": _HYBRID,
    "rave": _HYBRID,
}


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


def _scalars(values: Mapping[str, Any]) -> Rows:
    """Return the scalar inputs with the range that the training stars span."""
    rows = []
    for name, column in values.items():
        limits = [round(float(np.nanmin(column)), 3), round(float(np.nanmax(column)), 3)]
        unit = {"parallax": "mas"}.get(name, "mag")
        rows.append({"name": name, "unit": unit, "limits": limits})
    return rows
