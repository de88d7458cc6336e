"""Labels against reference labels: bias, robust scatter and pulls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.table import Table

__all__ = ["compare", "robust_sigma"]

#: Turns the median absolute deviation of a normal distribution into its standard deviation.
MAD_TO_SIGMA = 1.4826

Floats = NDArray[np.floating[Any]]


def robust_sigma(values: Floats) -> float:
    """Return 1.4826 times the median absolute deviation from the median; NaN without values."""
    if len(values) == 0:
        return float("nan")
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def compare(
    table: Table,
    reference: Any,
    *,
    labels: Sequence[str] | None = None,
    by: str | None = None,
    bins: Sequence[float] | None = None,
) -> Table:
    """Compare two tables; see `stellarnb.tables.labels.Labels.compare`."""
    ref = as_arrow(reference)
    for name in ("source_id", *([by] if by else [])):
        if name not in ref.column_names:
            raise MissingInput(f"The reference table has no column {name!r}.")
    own = [name for name in table.colnames if f"{name}_error" in table]
    shared = [name for name in (labels or own) if name in ref.column_names and name in own]
    if not shared or (labels and len(shared) != len(labels)):
        wanted = ", ".join(labels or own)
        raise MissingInput(f"Not both tables have these labels: {wanted}.")
    row = match_ids(table["source_id"], as_source_ids(column_to_numpy(ref["source_id"])))
    found = row >= 0
    split = _numbers(ref, by)[row] if by else None
    rows: dict[str, list[Any]] = {
        k: [] for k in ("label", "bin", "n", "bias", "sigma", "pull", "mean_error")
    }
    for text, chosen in _bins(split, bins, found):
        for name in shared:
            delta = table[name] - _numbers(ref, name)[row]
            error = table[f"{name}_error"]
            use = chosen & np.isfinite(delta) & (error > 0)
            d, e = delta[use].astype(float), error[use].astype(float)
            bias = float(np.median(d)) if len(d) else float("nan")
            mean_error = float(np.median(e)) if len(e) else float("nan")
            figures = (name, text, len(d), bias, robust_sigma(d), robust_sigma(d / e), mean_error)
            for key, value in zip(rows, figures, strict=True):
                rows[key].append(value)
    return Table(rows, provenance={"labels": table.provenance})


def _numbers(table: Any, name: str) -> Floats:
    column = table[name]
    values: Floats = column.cast("float64").to_numpy()
    return values


def _bins(
    split: Floats | None, edges: Sequence[float] | None, found: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if split is None:
        yield "all", found
        return
    if edges is None or len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise InvalidInput("Give the edges of the bins in rising order: bins=(15, 25, 50, 100).")
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        yield f"{low:g}..{high:g}", found & (split >= low) & (split < high)
