"""Labels against a reference survey: one to one, residuals and pulls by S/N."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import span
from stellarnb.cartography.tables import numbers
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.tables import Labels, Table
from stellarnb.tables.compare import REGIONS, Reference, match_reference, region_of, robust_sigma
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.raster import Painter, Ranges
from stellarnb.views.data.stars import MapStars
from stellarnb.views.data.style import SERIES, axis_title, symbol, unit_of
from stellarnb.views.scene.model import (
    INK,
    Curve,
    Layer,
    Pane,
    Points,
    Scene,
    Steps,
    axes_of,
    span_of,
)
from stellarnb.views.view import View

__all__ = ["EDGES", "label_check", "label_panes", "validation"]

#: Images of a pane [pixel]: of several labels side by side, and of one label alone.
_SMALL, _LARGE = (210, 200), (330, 270)
#: Pulls are shown within this range and in these steps; the few beyond are counted.
_WIDEST, _STEP = 5.0, 0.25
#: Fewest stars of a histogram, and of a point in a bin of S/N.
_FEWEST, _FEW = 20, 5
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
        With ``source_id`` and the same labels by the same names. If a source_id is repeated, its
        first row is used.
    names : sequence of str, optional
        Which labels; by default up to five that both tables have.
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
    model = MapStars.of(own).model
    title = f"Labels against the reference{mock}"
    line = f"{len(mine):,} stars in both" + (f" · labels: {model}" if model else "")

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:  # noqa: ARG001 - a view's
        panes = [pane for make in makers for pane in make(size)]
        return Scene(tuple(sorted(panes, key=lambda pane: (pane.row, pane.column))), title, line)

    return View(scene_of, _SMALL)


def label_panes(
    own: Table,
    name: str,
    column: int,
    value: Floats,
    truth: Floats,
    snr: Floats,
    edges: Sequence[float],
) -> Any:
    """Return a function that draws the two panes of one label at an image size [pixel]."""
    mock = " (mock)" if own.provenance.get("mock") else ""
    known = np.isfinite(value) & np.isfinite(truth)
    residual = np.subtract(value, truth, out=np.full(len(value), np.nan), where=known)
    good = np.isfinite(residual)
    log_snr = np.log10(snr, out=np.full(len(snr), np.nan), where=snr > 0)
    stars = MapStars.of({"truth": truth, "value": value, "snr": log_snr, "residual": residual})
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
    summary = _residuals_by_snr(residual[good], snr[good], np.asarray(edges, dtype=np.float64))
    above, below = Painter(stars, one), Painter(stars, two)

    def make(size: tuple[int, int]) -> tuple[Pane, Pane]:
        upper = above.draw(one.home, size=size)
        lower = below.draw(two.home, size=size)
        return (
            Pane(one, upper, (diagonal,), words, 0, column),
            Pane(two, lower, (zero, summary), "", 1, column),
        )

    return make


def _residuals_by_snr(residual: Floats, snr: Floats, edges: Floats) -> Points:
    """Return median and robust scatter in bins of S/N, at the bins' median S/N."""
    index = np.searchsorted(edges, snr, side="right") - 1
    rows = []
    for i in range(len(edges) - 1):
        inside = index == i
        if inside.sum() >= _FEW:
            middle = float(np.median(snr[inside]))
            rows.append(
                (np.log10(middle), np.median(residual[inside]), robust_sigma(residual[inside]))
            )
    found = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Points(found[:, 0], found[:, 1], found[:, 2], SERIES[4], "median and robust σ")


def label_check(
    labels: Any,
    reference: Any,
    name: str,
    *,
    survey: str | None = None,
    edges: Sequence[float] = EDGES,
) -> View:
    """Return a label against a reference: one to one, residuals by S/N, pulls by region and S/N.

    Pulls are (label - reference) / error; their robust scatter (1.4826 MAD) is 1 for right errors.
    """
    own = labels if isinstance(labels, Table) else Labels(labels)
    ref = match_reference(own, reference, survey)
    for column, table in (
        (name, own.colnames),
        (f"{name}_error", own.colnames),
        (name, ref.columns),
    ):
        if column not in table:
            which = "reference" if table is ref.columns else "table of labels"
            raise MissingInput(f"The {which} has no {column}.")
    found = np.flatnonzero(ref.row >= 0)
    value, error = (np.asarray(own[c], np.float64)[found] for c in (name, f"{name}_error"))
    truth = np.asarray(ref.numbers(ref.columns[name]), np.float64)[found]
    snr = _snr(own, ref)[found]
    known = np.isfinite(value - truth) & (error > 0)
    if not known.any():
        raise InvalidInput(f"The two tables share no star that has {symbol(name)} in both.")
    pull = np.divide(value - truth, error, out=np.full(len(value), np.nan), where=known)
    try:
        region = region_of(ref)[found]
    except MissingInput:
        region = np.full(len(found), -1)
    panes = label_panes(own, name, 0, value, truth, snr, edges)
    below = (_histogram(pull, region), _pulls_by_snr(pull[known], snr[known], edges))
    mock = " (mock)" if own.provenance.get("mock") else ""
    model = own.provenance.get("model")
    line = f"{int(known.sum()):,} stars in both" + (f" · labels: {model}" if model else "")

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:  # noqa: ARG001 - a view's
        one, residual = panes(size)
        above = (one, replace(residual, row=0, column=1))
        return Scene((*above, *below), f"{symbol(name)} against the reference{mock}", line)

    return View(scene_of, _LARGE)


def _snr(own: Table, ref: Reference) -> Floats:
    if "snr" in ref.table.column_names:
        return np.asarray(ref.numbers("snr"), np.float64)
    if "snr" in own:
        return np.asarray(own["snr"], np.float64)
    raise MissingInput("Neither table has a column 'snr'.")


def _histogram(pull: Floats, region: NDArray[np.int64]) -> Pane:
    """Return the distribution of pulls, by region, beside that of right errors."""
    edges = np.arange(-_WIDEST, _WIDEST + _STEP / 2, _STEP)
    x = np.linspace(-_WIDEST, _WIDEST, 201)
    normal = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    layers: list[Layer] = [Curve(x, normal, INK, "if the errors are right", dashed=True, thin=True)]
    groups = [("all", np.isfinite(pull), SERIES[0])]
    groups += [
        (text, np.isfinite(pull) & (region == i), SERIES[(4, 2, 3)[i]])
        for i, text in enumerate(REGIONS)
    ]
    for text, inside, colour in groups:
        n = int(inside.sum())
        if n >= _FEWEST:
            heights = np.histogram(pull[inside], edges)[0] / (n * _STEP)
            layers.append(Steps(edges, heights, colour, f"{text} {robust_sigma(pull[inside]):.2f}"))
    beyond = int((np.abs(pull) > _WIDEST).sum())
    words = f"{beyond:,} beyond ±{_WIDEST:g}" if beyond else ""
    low, high = span_of(layers, (0.0, 0.5))
    home = ((-_WIDEST, _WIDEST), (max(low, 0.0), 1.25 * high))
    axes = axes_of(
        "pulls", "pulls, with their robust σ", "(label - reference) / error", "density", home
    )
    return Pane(axes, None, tuple(layers), words, 1, 0)


def _pulls_by_snr(pull: Floats, snr: Floats, edges: Sequence[float]) -> Pane:
    """Return the robust scatter of the pulls in bins of S/N, with its standard error."""
    index = np.searchsorted(np.asarray(edges), snr, side="right") - 1
    rows = []
    for i in range(len(edges) - 1):
        inside = index == i
        n = int(inside.sum())
        if n >= _FEW and np.median(snr[inside]) > 0:
            scatter = robust_sigma(pull[inside])
            # Of the MAD of n normal deviates: 1.17 sigma / sqrt(n) (Huber 1981, efficiency 0.37).
            rows.append((np.log10(np.median(snr[inside])), scatter, 1.17 * scatter / np.sqrt(n)))
    x, y, error = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    points = Points(x, y, error, SERIES[4], "robust σ of the pulls")
    ends = (float(x.min()) - 0.1, float(x.max()) + 0.1) if len(x) else (0.0, 3.0)
    right: Layer = Curve(np.array(ends), np.ones(2), INK, dashed=True)
    low, high = span_of([points, right], (0.0, 2.0))
    axes = axes_of(
        "pull_snr", "pull by S/N", "log₁₀ S/N", "1.4826 MAD of pulls",
        (ends, (min(low, 0.5), max(high, 1.5))),
    )  # fmt: skip
    return Pane(axes, None, (right, points), "", 1, 1)
