"""Labels against a reference survey: one to one, and residuals by S/N."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import span
from stellarnb.cartography.tables import numbers
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.tables import Table
from stellarnb.tables.compare import robust_sigma
from stellarnb.views.panels import Panel
from stellarnb.views.pictures import Painter
from stellarnb.views.pictures import View as Ranges
from stellarnb.views.scene import INK, Curve, Layer, Pane, Points, Scene
from stellarnb.views.stars import Stars
from stellarnb.views.style import SERIES, axis_title, symbol, unit_of
from stellarnb.views.view import View

__all__ = ["EDGES", "label_panes", "validation"]

_SIZE = (210, 200)
_LABELS = ("teff", "logg", "m_h", "fe_h", "alpha_m")
#: S/N that residuals are taken in.
EDGES = (0.0, 15.0, 25.0, 40.0, 70.0, 120.0, 200.0, 400.0, np.inf)
_MOST = 5

Floats = NDArray[np.float64]


def validation(
    labels: Any,
    reference: Any,
    *,
    names: Sequence[str] | None = None,
    edges: Sequence[float] = EDGES,
) -> View:
    """Return labels against a reference survey (above), and residuals by S/N (below).

    Parameters
    ----------
    labels : Labels or any table
        With ``source_id`` and labels.
    reference : table
        With ``source_id`` and the same labels by the same names. A source_id that stands there
        twice counts with its first row.
    names : sequence of str, optional
        Which labels; all that both have, up to five, where not given.
    edges : sequence of float, optional
        Rising edges of the bins in S/N.

    Returns
    -------
    View
        S/N is that of the reference (column ``snr``), or else of the labels. Points are the median
        residual of a bin, bars its robust scatter (1.4826 MAD).

    Raises
    ------
    MissingInput
        If the tables share no label, or neither has a S/N.
    InvalidInput
        If they share no star.
    """
    own, other = (t if isinstance(t, Table) else Table(t) for t in (labels, reference))
    wanted = [n for n in names or _LABELS if n in own and n in other][:_MOST]
    if not wanted or (names and len(wanted) < len(names)):
        raise MissingInput(f"validation: both tables need {', '.join(names or _LABELS)}.")
    snr_from = other if "snr" in other else own
    if "snr" not in snr_from:
        raise MissingInput("validation: neither table has a column 'snr'.")
    row = match_ids(as_source_ids(own["source_id"]), as_source_ids(other["source_id"]))
    mine = np.flatnonzero(row >= 0)
    if len(mine) == 0:
        raise InvalidInput("validation: the two tables share no source_id.")
    theirs = row[mine]
    snr = numbers(snr_from, "snr")[theirs if snr_from is other else mine]
    makers = []
    for column, name in enumerate(wanted):
        value, truth = numbers(own, name)[mine], numbers(other, name)[theirs]
        makers.append(label_panes(own, name, column, value, truth, snr, edges))
    mock = " (mock)" if own.provenance.get("mock") else ""
    model = Stars.of(own).model
    title = f"Labels against the reference{mock}"
    line = f"{len(mine):,} stars in both" + (f" · labels: {model}" if model else "")

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:  # noqa: ARG001 - a view's
        panes = [pane for make in makers for pane in make(size)]
        return Scene(tuple(sorted(panes, key=lambda pane: (pane.row, pane.column))), title, line)

    return View(scene_of, _SIZE)


def label_panes(
    own: Table,
    name: str,
    column: int,
    value: Floats,
    truth: Floats,
    snr: Floats,
    edges: Sequence[float],
) -> Any:
    """Return what makes the two panes of one label: one to one, and residuals by S/N.

    Parameters
    ----------
    own : Table
        The labels, for units and provenance.
    name : str
        Which label.
    column : int
        Where the panes stand.
    value, truth, snr : numpy.ndarray, shape [n]
        Of the stars that both tables have.
    edges : sequence of float
        Of the bins in S/N.

    Returns
    -------
    callable
        Takes the size of an image [pixel], returns both panes.
    """
    mock = " (mock)" if own.provenance.get("mock") else ""
    known = np.isfinite(value) & np.isfinite(truth)
    residual = np.subtract(value, truth, out=np.full(len(value), np.nan), where=known)
    good = np.isfinite(residual)
    log_snr = np.log10(snr, out=np.full(len(snr), np.nan), where=snr > 0)
    stars = Stars.of({"truth": truth, "value": value, "snr": log_snr, "residual": residual})
    title = axis_title(name, own.units)
    unit = unit_of(name, own.units)
    ends = span(np.concatenate([value[good], truth[good]]), pad=0.04, tail=0.002)
    wide = span(residual[good], pad=0.1, tail=0.01)
    low, high = span(stars.column("snr"), pad=0.05, tail=0.001)
    one = Panel(f"{name}_one", symbol(name) + mock, "truth", "value", f"reference {title}", title,
                (ends, ends))  # fmt: skip
    two = Panel(f"{name}_snr", f"residual of {symbol(name)}{mock}", "snr", "residual", "log₁₀ S/N",
                f"label - reference [{unit}]" if unit else "label - reference",
                ((low, high), wide))  # fmt: skip
    words = "no stars"
    if good.any():
        bias, sigma = float(np.median(residual[good])), robust_sigma(residual[good])
        digits = 0 if unit == "K" else 3
        words = f"N = {good.sum():,}\nbias {bias:+.{digits}f}\nσ {sigma:.{digits}f} {unit}"
    line = np.array(ends)
    diagonal: Layer = Curve(line, line, INK, dashed=True)
    zero: Layer = Curve(np.array([low, high]), np.zeros(2), INK, dashed=True)
    summary = _by_snr(residual[good], snr[good], np.asarray(edges, dtype=np.float64))
    above, below = Painter(stars, one), Painter(stars, two)

    def make(size: tuple[int, int]) -> tuple[Pane, Pane]:
        upper = above.draw(one.home, size=size)
        lower = below.draw(two.home, size=size)
        return (
            Pane(one, upper, (diagonal,), words, 0, column),
            Pane(two, lower, (zero, summary), "", 1, column),
        )

    return make


def _by_snr(residual: Floats, snr: Floats, edges: Floats) -> Points:
    """Return median and robust scatter in bins of S/N, at the bins' median S/N."""
    index = np.searchsorted(edges, snr, side="right") - 1
    rows = []
    for i in range(len(edges) - 1):
        inside = index == i
        if inside.sum() >= 5:
            middle = float(np.median(snr[inside]))
            rows.append(
                (np.log10(middle), np.median(residual[inside]), robust_sigma(residual[inside]))
            )
    found = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Points(found[:, 0], found[:, 1], found[:, 2], SERIES[4], "median and robust σ")
