"""What a model says of one chunk of stars: values, errors, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb import __version__
from stellarnb.models.backends.loop import run_networks
from stellarnb.models.card import Card
from stellarnb.models.families.base import Ensemble, Family, Scaled
from stellarnb.models.inputs.arrow import CARRIED
from stellarnb.models.inputs.join import JoinedSpectra
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.trust.calibration import calibrated, ensemble, masked_growth
from stellarnb.models.trust.limits import boundary, well_inside
from stellarnb.tables import Labels

__all__ = ["chunk_columns", "join_labels"]

#: Novelty above which a star is unlike the training set.
NOVELTY_LIMIT = 1.0

Columns = dict[str, Any]


def chunk_columns(
    model: Ensemble, seen: JoinedSpectra, scalars: Mapping[str, NDArray[Any]]
) -> Columns:
    """Return the columns of `stellarnb.Labels`, [n] each, that a model predicts for one chunk."""
    card, labels = model.card, model.labels
    pixels = seen.pixels()
    scaled = model.family.scale(pixels, scalars)
    mean, variance = run_networks(
        model.networks,
        *scaled.inputs,
        autocast=card.network.get("autocast"),
        backend=model.backend,
    )
    value, error, spread = _combine(model, mean, variance, scaled, pixels)
    scatter = spread * labels.slope(value)
    names = [spec.name for spec in card.labels]
    by_name = {name: value[:, i] for i, name in enumerate(names)}
    flags, strings = boundary(card, by_name, model.family.limited(scalars))
    inside = np.array(["1" not in text for text in strings], dtype=bool)
    inside &= well_inside(card, by_name, {n: error[:, i] for i, n in enumerate(names)})
    novelty = model.family.novelty(pixels, scaled, scalars, spread)
    novelty[~scaled.complete] = np.inf
    enough = scaled.lost_pixels(pixels) <= card.max_masked
    columns: Columns = {"source_id": seen.source_id}
    for i, name in enumerate(names):
        columns[name] = value[:, i].astype(np.float32)
        columns[f"{name}_error"] = error[:, i].astype(np.float32)
        columns[f"{name}_scatter"] = scatter[:, i].astype(np.float32)
        columns[f"{name}_flag"] = flags[name]
    columns["boundary"] = np.array(strings, dtype=object)
    columns["novelty"] = novelty
    columns["good"] = inside & enough & (novelty <= NOVELTY_LIMIT)
    columns["masked_fraction"] = pixels.masked_fraction
    return columns | dict(scaled.notes)


def _combine(
    model: Ensemble,
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    scaled: Scaled,
    pixels: Pixels,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return values and calibrated errors, and the spread of the scaled labels."""
    card, labels = model.card, model.labels
    centre, sigma, spread = ensemble(mean, variance)
    kinds = model.family.patterns
    centre, sigma = calibrated(card, centre, sigma, scaled.pattern, kinds)
    value = labels.unscale(centre)
    error = sigma * labels.slope(value)
    error *= masked_growth(card, scaled.lost_pixels(pixels))
    error = np.hypot(error, [spec.floor for spec in card.labels])
    value = value + np.array([spec.zero_point for spec in card.labels])
    for array in (value, error, spread):
        array[~scaled.complete] = np.nan
    return value, error, spread


def join_labels(
    card: Card,
    family: Family,
    parts: Sequence[Mapping[str, Any]],
    seen: JoinedSpectra,
    scalars: Mapping[str, NDArray[Any]],
) -> Labels:
    """Join the columns of the chunks, which are the first rows of `seen`, into one table."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    done = len(columns["source_id"])
    columns["boundary"] = columns["boundary"].astype(str)
    for name in CARRIED:
        if name in scalars:
            columns[name] = scalars[name][:done]
    dead = columns["masked_fraction"] >= 1
    lost = np.isnan(columns[card.labels[0].name])
    units, descriptions = _describe(card)
    provenance = {
        "model": card.display_name,
        "version": card.version,
        "sha256": card.sha256,
        "trained_on": card.trained_on,
        "stellarnb": __version__,
        "flux_errors": _error_words(family, seen),
        "unusable_spectra": int((lost & dead).sum()),
        "incomplete_inputs": int((lost & ~dead).sum()),
        "spectra": {} if seen.spectra is None else seen.spectra.provenance,
        **({} if seen.xp is None else {"xp": seen.xp.provenance}),
        "credits": list(card.credits),
        "citation": list(card.citation),
    }
    return Labels(columns, units=units, descriptions=descriptions, provenance=provenance)


def _describe(card: Card) -> tuple[dict[str, str], dict[str, str]]:
    """Return units and descriptions of the columns."""
    units = dict.fromkeys(CARRIED, "deg")
    descriptions = {
        "boundary": "1 = outside the training limits: " + ", ".join(card.boundary_order),
        "novelty": "distance from the training set; above 1 the star is unlike it",
        "good": "recommended cut: inside all limits by the error, novelty at most 1, enough pixels",
        "masked_fraction": "fraction of the pixels left out",
        "continuum_level": "median of the polynomial that the spectrum was divided by",
    }
    for spec in card.labels:
        for name in (spec.name, f"{spec.name}_error", f"{spec.name}_scatter"):
            units[name] = spec.unit
        descriptions[f"{spec.name}_error"] = "expected scatter against the reference labels"
        descriptions[f"{spec.name}_scatter"] = "standard deviation over the networks"
        descriptions[f"{spec.name}_flag"] = "True = outside the training limits"
    return units, descriptions


def _error_words(family: Family, seen: JoinedSpectra) -> str:
    if not family.reads_errors:
        return "not read by these networks"
    some = seen.xp if seen.spectra is None else seen.spectra
    given = some is None or some.error is not None
    return "given" if given else "none, typical ones assumed"
