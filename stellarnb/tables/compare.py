"""Labels against reference labels: bias, robust scatter and pulls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import SURVEYS, find_column
from stellarnb.tables.table import Table

__all__ = ["REGIONS", "Reference", "compare", "match_reference", "region_of", "robust_sigma"]

#: Turns the median absolute deviation of a normal distribution into its standard deviation.
MAD_TO_SIGMA = 1.4826
#: Regions of the Kiel diagram by (Teff, logg) of the reference.
REGIONS = ("dwarfs", "subgiants", "giants")

Floats = NDArray[np.floating[Any]]
Groups = Iterator[tuple[str, NDArray[np.bool_]]]


def robust_sigma(values: Floats) -> float:
    """Return 1.4826 times the median absolute deviation from the median; NaN without values."""
    if len(values) == 0:
        return float("nan")
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


@dataclass(frozen=True)
class Reference:
    """A reference table, row by row beside the labels."""

    table: pa.Table  #: As it came
    row: NDArray[np.int64]  #: [n]: its row for each star, -1 where it has none
    columns: Mapping[str, str]  #: Its column for each label

    def numbers(self, column: str) -> Floats:
        """Return a column as float64 [n]; NaN where the reference lacks the star."""
        values = np.append(column_numbers(self.table, column), np.nan)
        return values[self.row]


def column_numbers(table: pa.Table, column: str) -> Floats:
    """Return a column as float64; refuse text."""
    try:
        values: Floats = np.array(table[column].cast("float64").to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"The reference's column {column} holds no numbers: {error}") from error
    return values


def compare(
    table: Table,
    reference: Any,
    *,
    labels: Sequence[str] | None = None,
    survey: str | None = None,
    by: str | None = None,
    bins: Sequence[float] | None = None,
) -> Table:
    """Compare two tables; see `stellarnb.tables.labels.Labels.compare`."""
    ref = match_reference(table, reference, survey)
    own = [name for name in table.colnames if f"{name}_error" in table]
    shared = [name for name in (labels or own) if name in ref.columns and name in own]
    if not shared or (labels and len(shared) != len(labels)):
        wanted = ", ".join(labels or own)
        raise MissingInput(f"Not both tables have these labels: {wanted}.")
    rows: list[dict[str, Any]] = []
    for text, chosen in _groups(ref, by, bins):
        for name in shared:
            delta = table[name] - ref.numbers(ref.columns[name])
            error = table[f"{name}_error"]
            use = chosen & np.isfinite(delta) & (error > 0)
            rows.append({"label": name, "bin": text, **_figures(delta[use], error[use])})
    columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else _EMPTY
    descriptions = {
        "bias": "median of label - reference",
        "sigma": "1.4826 MAD of label - reference",
        "pull": "1.4826 MAD of (label - reference) / error",
        "mean_error": "median stated error",
    }
    note = {"labels": table.provenance, "survey": survey, "by": by}
    return Table(columns, descriptions=descriptions, provenance=note)


_EMPTY: dict[str, Any] = {
    "label": pa.array([], pa.string()),
    "bin": pa.array([], pa.string()),
    "n": pa.array([], pa.int64()),
    **{key: pa.array([], pa.float64()) for key in ("bias", "sigma", "pull", "mean_error")},
}


def _figures(delta: Floats, error: Floats) -> dict[str, Any]:
    d, e = delta.astype(float), error.astype(float)
    return {
        "n": len(d),
        "bias": float(np.median(d)) if len(d) else float("nan"),
        "sigma": robust_sigma(d),
        "pull": robust_sigma(d / e),
        "mean_error": float(np.median(e)) if len(e) else float("nan"),
    }


def match_reference(table: Table, reference: Any, survey: str | None = None) -> Reference:
    """Find the reference's columns, and its row for each star."""
    ref = as_arrow(reference)
    key = find_column(ref.column_names, "source_id")
    if key is None:
        raise MissingInput("The reference table has no column 'source_id'.")
    if survey is None:
        columns = {name: name for name in ref.column_names}
    elif survey in SURVEYS:
        found = {n: find_column(ref.column_names, c) for n, c in SURVEYS[survey].items()}
        columns = {name: column for name, column in found.items() if column is not None}
    else:
        raise InvalidInput(f"No survey {survey!r}; there are: {', '.join(SURVEYS)}.")
    # A catalogue of bright stars lacks Gaia identifiers for some: null, or a negative number.
    if pa.types.is_integer(ref[key].type):
        ref = ref.filter(pa.compute.fill_null(pa.compute.greater_equal(ref[key], 0), False))
    row = match_ids(table["source_id"], as_source_ids(column_to_numpy(ref[key])))
    return Reference(ref, row, columns)


def _groups(ref: Reference, by: str | None, edges: Sequence[float] | None) -> Groups:
    """Return the groups of stars: all, regions of the Kiel diagram, bins, or names."""
    found = ref.row >= 0
    if by is None:
        return iter([("all", found)])
    if by == "region" and "region" not in ref.table.column_names:
        return _regions(ref, found)
    if by not in ref.table.column_names:
        raise MissingInput(f"The reference table has no column {by!r}.")
    if pa.types.is_string(ref.table[by].type) or pa.types.is_large_string(ref.table[by].type):
        return _names(ref, by, found)
    return _bins(ref.numbers(by), edges, found)


def region_of(ref: Reference) -> NDArray[np.int64]:
    """Return the number in `REGIONS` of each star, -1 where it has no reference Teff or logg."""
    for name in ("teff", "logg"):
        if name not in ref.columns:
            raise MissingInput(f"by='region' needs the reference's {name}.")
    teff, logg = (ref.numbers(ref.columns[name]) for name in ("teff", "logg"))
    known = np.isfinite(teff) & np.isfinite(logg)
    giants = logg < np.where(teff < 5300, 3.5, 3.0)
    dwarfs = ~giants & (logg >= np.where(teff < 5300, 4.2, 4.0))
    return np.where(known, np.select([dwarfs, giants], [0, 2], 1), -1)


def _regions(ref: Reference, found: NDArray[np.bool_]) -> Groups:
    region = region_of(ref)
    for number, text in enumerate(REGIONS):
        yield text, found & (region == number)


def _names(ref: Reference, by: str, found: NDArray[np.bool_]) -> Groups:
    names = [*ref.table[by].to_pylist(), None]  # row -1, 'no such star', takes the None
    of_star = np.array([names[row] for row in ref.row], dtype=object)
    for text in sorted({name for name in of_star[found] if name is not None}):
        yield text, found & (of_star == text)


def _bins(values: Floats, edges: Sequence[float] | None, found: NDArray[np.bool_]) -> Groups:
    if edges is None or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise InvalidInput("Give the edges of the bins in rising order: bins=(15, 25, 50, 100).")
    for low, high in itertools.pairwise(edges):
        yield f"{low:g}..{high:g}", found & (values >= low) & (values < high)
