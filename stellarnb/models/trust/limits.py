"""Inside or outside the training limits, label by label and input by input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card, LabelSpec, ScalarSpec

__all__ = ["boundary", "outside", "well_inside"]


def outside(
    values: NDArray[Any], spec: LabelSpec | ScalarSpec, *, missing: bool
) -> NDArray[np.bool_]:
    """Return whether values lie outside the training limits (which are inside); a NaN counts as `missing`."""
    low, high = spec.limits
    with np.errstate(invalid="ignore"):
        out = (values < low) | (values > high)
    return np.where(np.isnan(values), missing, out)


def boundary(
    card: Card, labels: Mapping[str, NDArray[Any]], scalars: Mapping[str, NDArray[Any]]
) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Return the flags by label, and the boundary string of each star.

    A character per label, then per scalar input; 1 = outside, after ``flag_boundary`` of Guiglion
    et al. (2024, A&A 682, A9). A missing input is not outside.
    """
    flags = {s.name: outside(labels[s.name], s, missing=True) for s in card.labels}
    columns = [*flags.values()]
    columns += [outside(scalars[s.name], s, missing=False) for s in card.scalars]
    digits = np.where(np.stack(columns, axis=1), "1", "0")
    return flags, ["".join(row) for row in digits]


def well_inside(
    card: Card, labels: Mapping[str, NDArray[Any]], errors: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    """Return whether all labels stay inside the limits when shifted by the card's margin, in errors."""
    shifted = [
        outside(
            labels[spec.name] + sign * card.limit_margin * errors[spec.name], spec, missing=True
        )
        for spec in card.labels
        for sign in (-1.0, 1.0)
    ]
    inside: NDArray[np.bool_] = ~np.any(shifted, axis=0)
    return inside
