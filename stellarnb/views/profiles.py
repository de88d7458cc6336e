"""Views of how labels run through the disc: distributions bin by bin, and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from stellarnb.cartography import Bins, Gradients, Window, distributions, gradients, profile, span
from stellarnb.views.data.raster import Ranges, provenance
from stellarnb.views.data.stars import MapStars, thinned
from stellarnb.views.data.style import SERIES, axis_title, symbol, unit_of
from stellarnb.views.plots import Where, chosen_stars
from stellarnb.views.scene.model import (
    INK,
    Band,
    Curve,
    Layer,
    Pane,
    Points,
    Scene,
    Steps,
    axes_of,
    ordered_colours,
    span_of,
)
from stellarnb.views.view import View

__all__ = ["gradient", "mdf"]

_SIZE = (270, 250)
#: Fewest stars of a distribution.
_FEWEST = 20
#: Steps of a distribution.
_STEPS = 52


def mdf(
    labels: Any,
    of: str = "m_h",
    *,
    bins: Bins | None = None,
    limits: tuple[float, float] | None = None,
    where: Where = None,
) -> View:
    """Return metallicity distribution functions: a pane for each abs(Z), a curve for each R.

    Parameters
    ----------
    labels : table
        With ``R`` and ``Z`` [kpc] and the label.
    of : str, optional
        The label.
    bins : Bins, optional
        The bins; `Bins()` if omitted.
    limits : tuple of float, optional
        Range of the label; where nearly all stars are if not given.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars to use; all if omitted.

    Returns
    -------
    View
        The area of each curve is 1: stars per dex over the stars of its bin. A bin with fewer than
        20 stars has no curve, and its number stands in the legend.

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If `labels` is not a table, or the range does not rise.
    """
    stars, grid = MapStars.of(labels), bins or Bins()
    for name in (of, grid.r_column, grid.z_column):
        stars.column(name)
    chosen = chosen_stars(stars, where)
    low, high = limits or span(thinned(stars.column(of)), pad=0.1, tail=0.002)
    window = Window((low, high), (low, high), _STEPS, 1)
    counts = distributions(stars.frame, of, window.x, _STEPS, grid, where=chosen).to_numpy()
    edges = np.linspace(*window.x, _STEPS + 1)
    per_unit = (edges[1] - edges[0]) or 1.0
    colours = ordered_colours(grid.shape[1])
    rows: list[tuple[str, list[Layer]]] = []
    for row in range(grid.shape[0]):
        layers: list[Layer] = []
        for column in range(grid.shape[1]):
            inside = counts[row, column]
            number = int(inside.sum())
            title = grid.title(row, column).split(", ")[0]
            heights = inside / (number * per_unit) if number >= _FEWEST else np.full(_STEPS, np.nan)
            words = f"{title}: N = {number:,}" if number else f"{title}: no stars"
            layers.append(Steps(edges, heights, colours[column], words))
        rows.append((grid.title(row, 0).split(", ")[1], layers))
    top = span_of([layer for _, layers in rows for layer in layers], (0.0, 1.0))[1]
    # Room for a legend of one line a curve, so that it lies over none of them.
    top *= 1 + 0.1 * max((len(layers) for _, layers in rows), default=0)
    mock = " (mock)" if stars.mock else ""
    title = f"Distribution of {symbol(of)}{mock}"
    unit = unit_of(of, stars.table.units)
    y_title = f"stars per {unit}, of all in the bin" if unit else "share of the bin's stars"
    panes = tuple(
        Pane(
            axes_of(f"mdf_{i}", words + mock, axis_title(of, stars.table.units), y_title,
                    (window.x, (0.0, top))),
            None,
            tuple(layers),
            "",
            0,
            i,
        )
        for i, (words, layers) in enumerate(rows)
    )  # fmt: skip
    return _still(panes, title, provenance(stars, chosen, good_only=False))


def gradient(
    labels: Any,
    of: str = "m_h",
    *,
    bins: Bins | None = None,
    where: Where = None,
    samples: int = 500,
) -> View:
    """Return the radial and the vertical gradient of a label, with bootstrap errors.

    Parameters
    ----------
    labels : table
        With ``R`` and ``Z`` [kpc] and the label.
    of : str, optional
        The label.
    bins : Bins, optional
        Whose edges in R divide the radial profile, and those in abs(Z) its curves.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars to use; all if omitted.
    samples : int, optional
        Bootstrap samples.

    Returns
    -------
    View
        Medians with their errors, the range of 68 % of the stars, and the plane that
        `stellarnb.cartography.chemistry.gradients` fits through R and abs(Z) together.

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If `labels` is not a table, or there are fewer than two samples.
    """
    stars, grid = MapStars.of(labels), bins or Bins()
    for name in (of, grid.r_column, grid.z_column):
        stars.column(name)
    chosen = chosen_stars(stars, where)
    fit = gradients(stars.frame, of, where=chosen, samples=samples)
    radial = _radial(stars, of, grid, chosen, samples, fit)
    vertical = _vertical(stars, of, chosen, samples, fit)
    title = f"Gradients of {symbol(of)}{' (mock)' if stars.mock else ''}"
    unit = unit_of(of, stars.table.units)
    slope = f"{unit} kpc⁻¹".strip()
    line = provenance(stars, chosen, good_only=False)
    if fit.n_left_out:
        line += f" · {fit.n_left_out:,} without value or place"
    ends = grid.r[0], grid.r[-1] if np.isfinite(grid.r[-1]) else grid.r[-2] + 2.0
    panes = (
        _profile_pane("radial", "R [kpc]", ends, radial, stars, of, _slope("d/dR", fit.radial, fit.radial_error, slope)),
        _profile_pane("vertical", "|Z| [kpc]", (0.0, 3.0), vertical, stars, of, _slope("d/d|Z|", fit.vertical, fit.vertical_error, slope)),
    )  # fmt: skip
    placed = tuple(
        Pane(pane.panel, None, pane.layers, pane.words, 0, i) for i, pane in enumerate(panes)
    )
    return _still(placed, title, line)


def _radial(
    stars: MapStars, of: str, grid: Bins, chosen: Any, samples: int, fit: Gradients
) -> list[Layer]:
    """Return a profile along R for each bin in abs(Z), and the plane at its middle."""
    layers: list[Layer] = []
    height = np.abs(stars.column(grid.z_column))
    for row, colour in zip(range(grid.shape[0]), SERIES, strict=False):
        low, high = grid.z[row], grid.z[row + 1]
        inside = (height >= low) & (height < high)
        inside = inside if chosen is None else inside & chosen
        found = profile(stars.frame, of, grid.r_column, grid.r, where=inside, samples=samples)
        title = grid.title(row, 0).split(", ")[1]
        middle = _middles(found)
        layers.append(Points(middle, found["median"], found["median_error"], colour, title))
        typical = float(np.median(height[inside])) if inside.any() else np.nan
        layers.append(
            Curve(middle, fit.at(middle, np.full_like(middle, typical)), colour, dashed=True)
        )
    return layers


def _vertical(stars: MapStars, of: str, chosen: Any, samples: int, fit: Gradients) -> list[Layer]:
    found = profile(stars.frame, of, "|Z|", where=chosen, samples=samples)
    middle = _middles(found)
    radius = stars.column("R")
    shown = radius if chosen is None else radius[chosen]
    shown = shown[np.isfinite(shown)]
    typical = float(np.median(shown)) if len(shown) else np.nan
    return [
        Band(middle, found["p16"], found["p84"], SERIES[0], "68 % of the stars"),
        Points(middle, found["median"], found["median_error"], SERIES[0], "median"),
        Curve(middle, fit.at(np.full_like(middle, typical), middle), INK, "plane", dashed=True),
    ]


def _profile_pane(
    key: str,
    x_title: str,
    ends: tuple[float, float],
    layers: list[Layer],
    stars: MapStars,
    of: str,
    words: str,
) -> Pane:
    y = span_of(layers, (0.0, 1.0))
    mock = " (mock)" if stars.mock else ""
    panel = axes_of(key, words + mock, x_title, axis_title(of, stars.table.units), (ends, y))
    empty = not any(np.isfinite(layer.y).any() for layer in layers if isinstance(layer, Points))
    return Pane(panel, None, tuple(layers), "no stars" if empty else "")


def _slope(name: str, value: float, error: float, unit: str) -> str:
    if not np.isfinite(value):
        return f"{name}: not determined by these stars"
    shown = f"{value:+.4f}"
    return (
        f"{name} = {shown} ± {error:.4f} {unit}"
        if np.isfinite(error)
        else f"{name} = {shown} {unit}"
    )


def _middles(found: Any) -> Any:
    return 0.5 * (found["low"] + found["high"])


def _still(panes: tuple[Pane, ...], title: str, line: str) -> View:
    """Return a view that has no pixels to aggregate anew."""

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:  # noqa: ARG001 - a view's
        return Scene(panes, title, line)

    return View(scene_of, _SIZE)
