"""What a model says of one chunk of stars: values, errors, flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.calibration import calibrated, ensemble, masked_growth
from stellarnb.models.engine import run_networks
from stellarnb.models.family import Scaled
from stellarnb.models.inputs import Pixels
from stellarnb.models.joined import Inputs
from stellarnb.models.limits import boundary, well_inside

if TYPE_CHECKING:
    from stellarnb.models.model import Model

__all__ = ["chunk_columns"]

#: Novelty above which a star is unlike the training set.
NOVELTY_LIMIT = 1.0

Columns = dict[str, Any]


def chunk_columns(model: Model, seen: Inputs, scalars: Mapping[str, NDArray[Any]]) -> Columns:
    """Return the columns that a model predicts for one chunk.

    Parameters
    ----------
    model : Model
        Which.
    seen : Inputs
        The spectra of n stars.
    scalars : mapping of str to numpy.ndarray, shape [n]
        Their scalar inputs.

    Returns
    -------
    dict of str to numpy.ndarray, shape [n]
        As the columns of `stellarnb.Labels`.
    """
    card, labels = model.card, model.label_scaler
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
    model: Model,
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    scaled: Scaled,
    pixels: Pixels,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return values and calibrated errors, and the spread of the scaled labels."""
    card, labels = model.card, model.label_scaler
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
