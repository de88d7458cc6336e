"""From the columns of the chunks to one table of labels that says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb import __version__
from stellarnb.models.card import Card
from stellarnb.models.columns import CARRIED
from stellarnb.models.family import Family
from stellarnb.models.joined import Inputs
from stellarnb.tables import Labels

__all__ = ["join_labels"]


def join_labels(
    card: Card,
    family: Family,
    parts: Sequence[Mapping[str, Any]],
    seen: Inputs,
    scalars: Mapping[str, NDArray[Any]],
) -> Labels:
    """Join the columns of the chunks into one table.

    Parameters
    ----------
    card : Card
        Of the model.
    family : Family
        Its kind.
    parts : sequence of mapping
        Columns by name, one or more chunks.
    seen : Inputs
        What was asked for; the chunks are its first rows.
    scalars : mapping of str to numpy.ndarray
        Scalar inputs, and columns that labels carry along.

    Returns
    -------
    Labels
    """
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


def _error_words(family: Family, seen: Inputs) -> str:
    if not family.reads_errors:
        return "not read by these networks"
    some = seen.xp if seen.spectra is None else seen.spectra
    given = some is None or some.error is not None
    return "given" if given else "none, typical ones assumed"
