"""References to compare labels with, and the numbers of a comparison."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Any

import numpy as np
import pyarrow as pa

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Labels, Table
from stellarnb.tables.convert import as_arrow
from stellarnb.views.data.style import symbol, unit_of

__all__ = [
    "EMBEDDED",
    "check_edges",
    "edges_text",
    "named_references",
    "named_surveys",
    "numbers_html",
    "numbers_of",
]

#: What labels are compared with where no reference is given.
EMBEDDED = "APOGEE DR17 in the embedded archive"
_FIGURES = ("n", "bias", "sigma", "pull", "mean_error")


def named_references(reference: Any) -> dict[str, pa.Table]:
    """Return references by name; that of the embedded archive where there is none."""
    if reference is None:
        from stellarnb.archives import open_archive

        found = open_archive("sample").query("SELECT * FROM apogee")
        return {EMBEDDED: as_arrow(found)}
    tables = isinstance(reference, Mapping) and all(
        isinstance(key, str) and hasattr(value, "__len__") and not np.isscalar(value)
        for key, value in reference.items()
    )
    # A mapping of columns is a table, one of tables is not.
    if tables and reference and "source_id" not in reference:
        return {key: as_arrow(value) for key, value in reference.items()}
    return {"reference": as_arrow(reference)}


def named_surveys(
    survey: str | Mapping[str, str] | None, references: Mapping[str, Any]
) -> dict[str, str | None]:
    """Return the survey of each reference, by its name."""
    if survey is None or isinstance(survey, str):
        return dict.fromkeys(references, survey)
    unknown = [name for name in survey if name not in references]
    if unknown:
        raise InvalidInput(
            f"survey: no reference {', '.join(unknown)}; there are: {', '.join(references)}."
        )
    return {name: survey.get(name) for name in references}


def check_edges(value: Any) -> tuple[float, ...]:
    """Return two or more rising edges, from numbers or from text such as ``0, 15, 25, inf``."""
    try:
        parts = value.replace(",", " ").split() if isinstance(value, str) else value
        edges = tuple(float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"S/N bins: {value!r} cannot be read as numbers; give edges such as 0, 15, 25, inf."
        ) from error
    if len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise InvalidInput(
            f"S/N bins: {value!r}; give two edges or more in rising order, such as 0, 15, 25, inf."
        )
    return edges


def edges_text(edges: Sequence[float]) -> str:
    """Return edges as `check_edges` reads them."""
    return ", ".join(f"{edge:g}" for edge in edges)


def numbers_of(
    labels: Labels, reference: pa.Table, name: str, survey: str | None, edges: Sequence[float]
) -> Table:
    """Return ``by, label, bin, n, bias, sigma, pull, mean_error`` of a label, as a table.

    Of all stars, by region, and by S/N: the reference's if it has ``snr``, else the labels'.
    """
    parts = [("all", labels.compare(reference, labels=[name], survey=survey))]
    if "snr" in reference.column_names:
        found = labels.compare(reference, labels=[name], survey=survey, by="snr", bins=edges)
        parts.append(("S/N", found))
    elif "snr" in labels:
        snr = np.asarray(labels["snr"], dtype=np.float64)
        for low, high in itertools.pairwise(edges):
            some = labels.take((snr >= low) & (snr < high))
            found = some.compare(reference, labels=[name], survey=survey)
            parts.append((f"S/N of the labels {low:g}..{high:g}", found))
    with suppress(MissingInput):  # a reference without Teff and logg has no regions
        found = labels.compare(reference, labels=[name], survey=survey, by="region")
        parts.append(("region", found))
    columns: dict[str, list[Any]] = {key: [] for key in ("by", *parts[0][1].colnames)}
    for by, table in parts:
        columns["by"] += [by.split(" of ")[0]] * len(table)
        for key in table.colnames:
            columns[key] += table.arrow[key].to_pylist()
        if " of " in by:
            columns["bin"][-1] = by.rsplit(" ", 1)[1]
    return Table(columns, descriptions=parts[0][1].descriptions)


def numbers_html(numbers: Table) -> str:
    """Return the numbers as a table for the page; whatever comes from data is escaped."""
    label = str(numbers.arrow["label"][0].as_py())
    unit = unit_of(label)
    heads = ["stars", "N", *(f"{word} [{unit}]" if unit else word for word in ("bias", "σ"))]
    heads += ["pull", f"median error [{unit}]" if unit else "median error"]
    digits = 0 if unit == "K" else 3
    lines = []
    for row in numbers.arrow.to_pylist():
        shown = [f"{row['n']:,}"]
        for key in _FIGURES[1:]:
            places = 2 if key == "pull" else digits
            value = row[key]
            sign = "+" if key == "bias" else ""
            # One star has no scatter, and not one of 0.
            enough = row["n"] > 1 or key not in {"sigma", "pull"}
            known = enough and value is not None and np.isfinite(value)
            shown.append(f"{value:{sign}.{places}f}" if known else "–")
        group = "" if row["by"] == "all" else row["by"]
        names = f'<th scope="row">{escape(group)} {escape(str(row["bin"]))}</th>'
        cells = "".join(f'<td class="snb-number">{escape(text)}</td>' for text in shown)
        lines.append(f"<tr>{names}{cells}</tr>")
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    caption = (
        f"{escape(symbol(label))}: bias = median of (label − reference), σ = 1.4826 MAD, "
        "pull = 1.4826 MAD of (label − reference) / error"
    )
    return (
        f'<div class="snb-scroll" tabindex="0" role="group" aria-label="Figures by S/N and region">'
        f'<table class="snb-table"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
