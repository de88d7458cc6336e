"""Hybrid networks trained on real spectra, from a training set that an archive gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_card, load_model
from stellarnb.models.card import Card
from stellarnb.models.inputs.arrow import spectra_of, xp_of
from stellarnb.models.inputs.features import MAGNITUDES
from stellarnb.models.inputs.pixels import clean_pixels, match_scalars
from stellarnb.tables.compare import robust_sigma
from stellarnb.tables.convert import column_to_numpy
from stellarnb.tables.names import find_column
from stellarnb.training.data.apogee_xp import TEST, VALIDATION
from stellarnb.training.data.apogee_xp import split as split_digit
from stellarnb.training.hybrid.recipe import HybridTraining, measure
from stellarnb.training.populations.labels import Population
from stellarnb.training.spectra.sources import Recorded, RecordedStars
from stellarnb.training.xp.recipe import take_pixels

__all__ = ["LEAST_STARS", "evaluate_recorded", "prepare_recorded"]

#: Fewer stars with spectra and labels teach nothing that would hold.
LEAST_STARS = 200
#: S/N between which figures are given.
SNR_EDGES = (0.0, 25.0, 50.0, 100.0, np.inf)

Floats = NDArray[np.float64]
Recipe = Mapping[str, Any]


def _table(dataset: Path) -> pa.Table:
    try:
        return pq.read_table(dataset)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"{dataset} cannot be read as Parquet: {error}") from error


def _targets(table: pa.Table, card: Card) -> Floats:
    """Return the labels of the card [n, n_labels]; NaN where missing."""
    columns = []
    for spec in card.labels:
        name = find_column(table.column_names, spec.name)
        if name is None:
            raise MissingInput(f"The training set has no column {spec.name}.")
        columns.append(column_to_numpy(table[name]).astype(np.float64))
    return np.stack(columns, axis=1)


def _load(table: pa.Table, card: Card, domain: Any) -> tuple[Population, Recorded, Floats]:
    """Return the stars of a training set inside the domain, their spectra, and their S/N."""
    spectra, xp = spectra_of(table, card), xp_of(table, card)
    targets = _targets(table, card)
    low, high = np.array(domain, dtype=float).T
    pixels = clean_pixels(spectra)
    if pixels.error is None:
        raise MissingInput("The training set has no flux_error: networks learn from the errors.")
    rows = np.flatnonzero(np.all((targets >= low) & (targets <= high), axis=1) & pixels.alive)
    names = [spec.name for spec in card.scalars]
    scalars = match_scalars(
        spectra.source_id,
        table,
        names,
        optional=("parallax_error", *MAGNITUDES),
        allow_missing=True,
    )
    n = len(rows)
    # Bands that the hybrids do not read only have to be numbers.
    bands = [scalars.get(name, np.zeros(len(targets)))[rows] for name in MAGNITUDES]
    kept = {
        name: scalars[name][rows][:, None] for name in (*names, "parallax_error") if name in scalars
    }
    stars = Population(
        targets[rows],
        targets[rows][:, [spec.name for spec in card.labels].index("fe_h")],
        np.zeros((n, 1, 0), dtype=np.float32),
        kept,
        None if xp is None else take_pixels(clean_pixels(xp), rows),
        np.nan_to_num(np.stack(bands, axis=1)),
    )
    some = take_pixels(pixels, rows)
    assert some.error is not None, "looked at above"  # noqa: S101
    return stars, Recorded(some.flux, some.error, some.usable), spectra.snr[rows]


def _parts(table: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Return which rows of a training set are for what; the split is that of ``xp-apogee``."""
    digit = split_digit(column_to_numpy(table["source_id"]))
    return {
        "train": digit > VALIDATION,
        "validation": digit == VALIDATION,
        "test": digit == TEST,
    }


def prepare_recorded(recipe: Recipe, folder: Path, *, dataset: Path) -> HybridTraining:  # noqa: ARG001
    """Gather real stars, and measure all scaling on those for training."""
    table, card = _table(dataset), load_card(recipe["card"]["name"])
    parts = {
        name: _load(table.filter(pa.array(rows)), card, recipe["stars"]["domain"])
        for name, rows in _parts(table).items()
        if name != "test"
    }
    (train, spectra, _), (validation, theirs, _) = parts["train"], parts["validation"]
    if len(train) < LEAST_STARS or len(validation) < LEAST_STARS // 10:
        raise MissingInput(
            f"{dataset}: {len(train)} stars to train on and {len(validation)} for validation have "
            f"spectra and labels in the domain; {LEAST_STARS} and {LEAST_STARS // 10} are needed. "
            "Ask the archive for more."
        )
    both = RecordedStars([(train, spectra), (validation, theirs)])
    return measure(recipe, train, validation, both, spectra.flux)


def evaluate_recorded(card: str, dataset: Path, domain: Any) -> list[dict[str, Any]]:
    """Evaluate a model on the test split of a training set of real spectra.

    domain [n_labels, 2]: limits of the labels that are learned. Returns ``label, snr, n, bias,
    sigma, pull, baseline_sigma`` (None), by S/N of the spectra; bins of fewer than ten stars are
    left out.
    """
    whole = _table(dataset)
    table = whole.filter(pa.array(_parts(whole)["test"]))
    model = load_model(card)
    labels = model.predict(
        spectra_of(table, model.card),
        table,
        xp=xp_of(table, model.card),
        allow_missing=True,
        progress=False,
    )
    targets, snr = _targets(table, model.card), spectra_of(table, model.card).snr
    low, high = np.array(domain, dtype=float).T
    inside = np.all((targets >= low) & (targets <= high), axis=1)
    rows: list[dict[str, Any]] = []
    bins = [("all", inside)] + [
        (f"{a:g}-{b:g}", inside & (snr >= a) & (snr < b))
        for a, b in zip(SNR_EDGES[:-1], SNR_EDGES[1:], strict=True)
    ]
    for i, spec in enumerate(model.card.labels):
        delta = labels[spec.name].astype(np.float64) - targets[:, i]
        error = labels[f"{spec.name}_error"].astype(np.float64)
        for name, chosen in bins:
            use = chosen & np.isfinite(delta)
            if use.sum() < 10:
                continue
            rows.append(
                {
                    "label": spec.name,
                    "snr": name,
                    "n": int(use.sum()),
                    "bias": float(np.median(delta[use])),
                    "sigma": robust_sigma(delta[use]),
                    "pull": robust_sigma((delta / error)[use]),
                    "baseline_sigma": None,
                }
            )
    return rows
