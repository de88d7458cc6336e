"""What a model reads, and where it is found in what the user has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stellarnb.cartography.memory import available_memory
from stellarnb.errors import StellarnbError
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.models import Card
from stellarnb.models.backends.loop import pick_device
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import find_column
from stellarnb.widgets.core.tables import Cell, html_table
from stellarnb.widgets.parametrizer.run import PredictionInputs

__all__ = ["Match", "device_words", "match_inputs", "matches_html"]

#: How the state of an input looks and reads: never by colour alone.
_LOOKS = {
    "found": Cell("✓ found", "good"),
    "partly": Cell("◐ in part", ""),
    "assumed": Cell("◌ taken as missing", ""),
    "missing": Cell("✗ missing", "out"),
}


@dataclass(frozen=True)
class Match:
    """One input of a model, and what the user's data call it.

    `state` is found, partly, assumed or missing; with ``missing`` the model cannot run.
    """

    name: str
    unit: str
    found: str
    state: str
    words: str


def match_inputs(card: Card, given: PredictionInputs) -> list[Match]:
    """Return where each input of a model is found, before it runs: the spectra first."""
    hybrid = bool(card.second_instrument)
    # A hybrid can do without spectra, with XP spectra or photometry alone.
    optional = hybrid and (given.xp is not None or given.stars is not None)
    found = [_spectra(card.instrument, given.spectra, optional=optional)]
    if hybrid:
        found.append(_spectra(card.second_instrument, given.xp, optional=True))
    return found + _columns(card, given)


def matches_html(matches: list[Match]) -> str:
    """Return them as a table."""
    rows = [[one.name, one.unit, one.found, _LOOKS[one.state], one.words] for one in matches]
    return html_table(
        ("input", "unit", "from", "state", "details"),
        rows,
        "What the model reads, and where it is found",
    )


def device_words(card: Card, n: int) -> str:
    """Return text on which device the networks run for n stars, and whether the memory suffices."""
    try:
        device = pick_device()
        name = {"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}.get(device.type, device.type)
    except StellarnbError as error:
        name = str(error)
    free = available_memory()
    # The columns of the labels, twice: while parts are joined both are there.
    need = 2 * n * (4 * (3 * len(card.labels) + 8) + 40)
    memory = "" if free is None else f"; {free / 1e9:.1f} GB of memory free"
    enough = " – not enough" if free is not None and need > free else ""
    return f"Runs on: {name}{memory}; the result takes about {max(need / 1e6, 1):,.0f} MB{enough}."


def _spectra(name: str, spectra: SpectrumSet | None, *, optional: bool) -> Match:
    instrument = get_instrument(name)
    what = f"{name} spectra"
    if spectra is None:
        words = f"{instrument.n_pix} pixels a star"
        return Match(what, instrument.unit, "–", "assumed" if optional else "missing", words)
    try:
        spectra.check_grid(instrument)
    except StellarnbError as error:
        return Match(what, instrument.unit, spectra.instrument.id, "missing", str(error))
    errors = "with errors" if spectra.error is not None else "without errors"
    return Match(
        what, instrument.unit, spectra.instrument.id, "found", f"{len(spectra):,} {errors}"
    )


def _columns(card: Card, given: PredictionInputs) -> list[Match]:
    needs_all = card.family == "rave"
    lost = "missing" if needs_all else "assumed"
    if given.stars is None:
        words = "give a table of stars" + ("" if needs_all else "; without it the errors grow")
        return [Match(spec.name, spec.unit, "–", lost, words) for spec in card.scalars]
    try:
        table = as_arrow(given.stars)
    except StellarnbError as error:
        return [Match("stars", "", "–", "missing", str(error))]
    column = find_column(table.column_names, "source_id")
    if column is None:
        return [Match("source_id", "", "–", "missing", "spectra and stars are joined by it")]
    found, rows = [], np.empty(0, dtype=np.int64)
    try:
        known = as_source_ids(column_to_numpy(table[column]))
        rows = match_ids(given.ids, known)
        state = "found" if np.all(rows >= 0) else "partly"
        words = f"{int((rows >= 0).sum()):,} of {len(rows):,} stars are in the table"
    except StellarnbError as error:
        state, words = "missing", str(error)
    found.append(Match("source_id", "", column, state, words))
    for spec in card.scalars:
        name = find_column(table.column_names, spec.name)
        if name is None:
            hint = "add it" if needs_all or not given.allow_missing else "the errors grow"
            kind = "assumed" if given.allow_missing and not needs_all else "missing"
            found.append(Match(spec.name, spec.unit, "–", kind, f"no such column: {hint}"))
            continue
        found.append(_column(spec.name, spec.unit, name, table[name], rows))
    return found


def _column(name: str, unit: str, found: str, values: Any, rows: Any) -> Match:
    kind = str(values.type)
    if not kind.startswith(("float", "double", "halffloat", "int", "uint", "decimal", "null")):
        return Match(name, unit, found, "missing", f"holds {kind}, not numbers")
    numbers = np.append(np.array(values.cast("float64").to_numpy(), dtype=float), np.nan)
    there = int(np.isfinite(numbers[rows]).sum())
    state = "found" if there == len(rows) else "partly"
    return Match(name, unit, found, state, f"{there:,} of {len(rows):,} stars have it")
