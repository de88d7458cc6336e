"""The reference's stars: cut by quality, each once, in an order that chance gives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.tables import Result
from stellarnb.training.dataset.cuts import apply_cuts, describe_condition

__all__ = ["Candidates", "candidates", "columns_to_cut"]

_POSITION_ARCSEC = 1.0
#: Multipliers that spread identifiers evenly (splitmix64).
_SPREAD = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Stars with labels."""

    table: Result  #: A row a star, in the order in which they are tried
    radius: float | None  #: Match by position within this [deg]; by source_id where None
    counts: dict[str, int]  #: How many each step left
    described_cuts: dict[str, str]  #: What was cut
    not_cut: tuple[str, ...] = ()  #: Columns to cut by that the reference does not have

    def __len__(self) -> int:
        return len(self.table)

    @property
    def sha256(self) -> str:
        """A hash of what they are."""
        digest = hashlib.sha256(str(self.table.arrow.schema).encode())
        for batch in self.table.arrow.combine_chunks().to_batches():
            digest.update(batch.serialize())
        return digest.hexdigest()


def candidates(
    reference: Any,
    labels: Sequence[str],
    cuts: Mapping[str, Any],
    strict: bool,
    radius: float | None,
    seed: int,
    *,
    whose: str,
) -> Candidates:
    """Return the reference's stars that may come into a training set.

    radius: match by position within this [deg]; by source_id where None and there is one.
    """
    known = set(reference.label_columns)
    lacking = [label for label in labels if label not in known]
    if lacking or not labels:
        have = ", ".join(sorted(known))
        raise MissingInput(
            f"{whose!r} has no {', '.join(lacking) or 'label to learn'}; pass labels=… "
            f"(columns: {have})."
        )
    if radius is None and "source_id" not in known:
        radius = _POSITION_ARCSEC / 3600
    needed = ("ra", "dec") if radius is not None else ("source_id",)
    if not set(needed) <= known:
        raise MissingInput(f"{whose!r} has no {' and '.join(needed)} to match by.")
    cut, not_cut = columns_to_cut(cuts, known, strict=strict, whose=whose)
    errors = [f"{label}_error" for label in labels if f"{label}_error" in known]
    more = [name for name in ("snr", *cut) if name in known]
    columns = list(dict.fromkeys([*needed, *labels, *errors, *more]))
    table = reference.stars(columns=columns)
    counts = {f"{whose}: stars": len(table)}
    there = dict.fromkeys((*needed, *labels), (None, None))
    passed = apply_cuts(table, there, {}, whose=whose)
    if radius is None:
        passed &= np.ma.getdata(table["source_id"]) > 0  # some catalogues write 0 or -1 for none
    counts[f"{whose}: with all labels and a {needed[-1]}"] = int(passed.sum())
    table = table.take(passed)
    table = table.take(apply_cuts(table, cut, counts, whose=whose))
    if radius is None:
        table = table.take(_distinct(table))
        counts[f"{whose}: each star once"] = len(table)
        ids = np.asarray(table["source_id"], dtype=np.int64)
        table = table.take(np.argsort(_spread(ids, seed), kind="stable"))
    else:
        table = table.take(np.random.default_rng(seed).permutation(len(table)))
    described = {name: describe_condition(value) for name, value in cut.items()}
    return Candidates(table, radius, counts, described, not_cut)


def columns_to_cut(
    cuts: Mapping[str, Any], known: set[str], *, strict: bool, whose: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the cuts whose columns are there, and the columns that are not."""
    absent = tuple(name for name in cuts if name not in known)
    if absent and strict:
        have = ", ".join(sorted(known))
        raise MissingInput(
            f"{whose!r} has no column {', '.join(absent)} to cut by (it has: {have})."
        )
    return {name: cuts[name] for name in cuts if name in known}, absent


def _distinct(table: Result) -> Ints:
    """Return for each source_id the row with the highest S/N."""
    ids = np.asarray(table["source_id"], dtype=np.int64)
    snr = (
        np.ma.filled(table["snr"].astype(float), -np.inf) if "snr" in table else np.zeros(len(ids))
    )
    order = np.lexsort((-np.nan_to_num(snr, nan=-np.inf), ids))
    first = np.r_[True, np.diff(ids[order]) != 0] if len(ids) else np.zeros(0, dtype=bool)
    return np.sort(order[first])


def _spread(ids: Ints, seed: int) -> NDArray[np.uint64]:
    """Return numbers that look like chance, always the same for the same star and seed."""
    x = ids.astype(np.uint64) + np.uint64(seed % 2**63) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * _SPREAD[0]
    x = (x ^ (x >> np.uint64(27))) * _SPREAD[1]
    return x ^ (x >> np.uint64(31))
