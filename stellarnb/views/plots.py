"""Views of stars in a plane, on the sky, and in bins of R and abs(Z)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import DIVIDING_LINE, Bins, Selection, Window
from stellarnb.cartography import grid as count_grid
from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import PANELS, Panel, make_panel
from stellarnb.views.data.raster import Painter, Picture, Ranges, provenance
from stellarnb.views.data.stars import MapStars
from stellarnb.views.data.style import axis_title, symbol
from stellarnb.views.scene.contours import contours
from stellarnb.views.scene.model import Curve, Pane, Scene
from stellarnb.views.view import View

__all__ = [
    "kiel",
    "plane",
    "r_z",
    "r_z_grid",
    "sky",
    "tinsley_wallerstein",
    "uncertainty",
    "x_y",
]

Mask = NDArray[np.bool_]
Where = Selection | Mask | None

#: Images of a single pane, of the sky, and of one of many [pixel].
SIZE, WIDE, SMALL = (420, 380), (620, 320), (128, 116)
#: Fewer stars than this have no shape that contours could show.
_ENOUGH = 200


def kiel(labels: Any, *, color_by: str = "count", where: Where = None) -> View:
    """Return the Kiel diagram: log g against Teff.

    Parameters
    ----------
    labels : Labels or any table
        With ``teff`` [K] and ``logg`` [dex(cm s-2)].
    color_by : str, optional
        ``count``, or a column to average in each bin.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars in colour, over the others in grey; all if omitted.

    Returns
    -------
    View

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If `labels` is not a table, or `color_by` is not a column of it.
    """
    return _plane_view(labels, PANELS["kiel"], color_by, where)


def tinsley_wallerstein(labels: Any, *, color_by: str = "count", where: Where = None) -> View:
    """Return [α/M] against [M/H] (or [Fe/H] without it), with the line between the sequences.

    The line is 0.12 - 0.13 [Fe/H], flat above solar (Weinberg et al. 2019, ApJ 874, 102); see
    `kiel` for the parameters.
    """
    return _plane_view(labels, PANELS["tinsley_wallerstein"], color_by, where, [_dividing_line()])


def r_z(labels: Any, *, color_by: str = "m_h", where: Where = None) -> View:
    """Return height Z against Galactocentric R [kpc], by default of the mean [M/H]; see `kiel`."""
    return _plane_view(labels, PANELS["r_z"], color_by, where)


def x_y(labels: Any, *, color_by: str = "m_h", where: Where = None) -> View:
    """Return the plane from the Galactic north [kpc], by default of the mean [M/H]; see `kiel`."""
    return _plane_view(labels, PANELS["x_y"], color_by, where)


def sky(labels: Any, *, color_by: str = "count", where: Where = None) -> View:
    """Return the Galactic sky in the Mollweide projection; needs ra and dec; see `kiel`."""
    return _plane_view(labels, PANELS["sky"], color_by, where)


def plane(labels: Any, x: str, y: str, *, color_by: str = "count", where: Where = None) -> View:
    """Return any column of numbers against another; see `kiel`."""
    return _plane_view(labels, lambda stars: make_panel(stars, (x, y)), color_by, where)


def uncertainty(labels: Any, of: str = "m_h", *, on: str = "r_z", where: Where = None) -> View:
    """Return a map of the mean stated error of a label.

    Parameters
    ----------
    labels : Labels or any table
        With the column ``<of>_error``.
    of : str, optional
        The label.
    on : str, optional
        The diagram, such as ``r_z``, ``kiel``, or two columns as ``x:y``.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars in colour; all if omitted.

    Returns
    -------
    View

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If there is no error of this label, or no such diagram.
    """
    return _plane_view(labels, lambda stars: make_panel(stars, on), f"{of}_error", where)


def r_z_grid(
    labels: Any,
    *,
    bins: Bins | None = None,
    color_by: str = "count",
    where: Where = None,
    with_contours: bool = True,
) -> View:
    """Return the Tinsley-Wallerstein diagram in bins of R and abs(Z), high abs(Z) on top.

    All panes share their axes, their colours and one pass over the stars. Contours hold 30, 60
    and 90 % of a pane's stars; the line divides the sequences as in `tinsley_wallerstein`.

    Parameters
    ----------
    labels : table
        With ``R`` and ``Z`` [kpc], ``alpha_m`` and ``m_h`` (or ``fe_h``) [dex].
    bins : Bins, optional
        The bins; 6 in R and 3 in abs(Z) if omitted.
    color_by : str, optional
        ``count``, or a column to average in each bin.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars to use; all if omitted.
    with_contours : bool, optional
        Whether there are contours.

    Returns
    -------
    View

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If `labels` is not a table, or `color_by` is not a column of it.
    """
    stars, grid_bins = MapStars.of(labels), bins or Bins()
    chosen = chosen_stars(stars, where)
    panel = PANELS["tinsley_wallerstein"](stars)
    for name in (grid_bins.r_column, grid_bins.z_column):
        stars.column(name)
    if stars.check_colour(color_by) != "count":
        stars.column(color_by)
    codes = grid_bins.codes(stars.frame)
    home = count_grid(
        stars.frame,
        panel.x,
        panel.y,
        Window(*panel.home, 56, 48),
        grid_bins,
        where=chosen,
        codes=codes,
    )
    inside = codes[codes >= 0] if chosen is None else codes[(codes >= 0) & chosen]
    numbers = np.bincount(inside, minlength=len(grid_bins)).reshape(grid_bins.shape)
    shapes = {
        cell: contours(home.to_numpy()[cell], panel.home)
        for cell in grid_bins
        if with_contours and numbers[cell] >= _ENOUGH
    }

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:
        window = Window(*(view or panel.home), *_coarse(size, numbers))
        of = None if color_by == "count" else color_by
        found = count_grid(
            stars.frame, panel.x, panel.y, window, grid_bins, of=of, where=chosen, codes=codes
        )
        values = found.to_numpy()
        limits = _grid_limits(stars, color_by, values)
        inside = np.asarray(found.attrs["panel_stars"])
        panes = tuple(
            _grid_pane(stars, panel, grid_bins, cell, window, values[cell], limits, color_by,
                       int(numbers[cell]), int(inside[cell]), shapes.get(cell, ()))
            for cell in sorted(grid_bins, key=lambda cell: (-cell[0], cell[1]))
        )  # fmt: skip
        outside = found.attrs["n_no_panel"] if view is None else home.attrs["n_no_panel"]
        line = f"{provenance(stars, chosen, good_only=False)} · {outside:,} in no bin"
        return Scene(panes, f"{panel.title} in R and |Z|", line, shared=True)

    return View(scene_of, SMALL)


def chosen_stars(stars: MapStars, where: Where) -> Mask | None:
    """Return the stars that a rule or a mask selects, or None for all."""
    if where is None:
        return None
    mask = stars.mask(where) if isinstance(where, Selection) else np.asarray(where)
    if mask.shape != (len(stars),) or mask.dtype != bool:
        raise InvalidInput(
            f"where: got a mask of {mask.size} rows ({mask.dtype}); expected {len(stars)} of bool."
        )
    return mask


def _plane_view(
    labels: Any,
    make: Callable[[MapStars], Panel],
    color_by: str,
    where: Where,
    layers: list[Curve] | None = None,
) -> View:
    stars = MapStars.of(labels)
    chosen = chosen_stars(stars, where)
    panel = make(stars)
    stars.check_colour(color_by)
    painter = Painter(stars, panel)
    of = "" if color_by == "count" else f", mean {symbol(color_by)}"
    line = provenance(stars, chosen, good_only=False)

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:
        shown = view or panel.fitted(size)
        picture = painter.draw(shown, size=size, color_by=color_by, chosen=chosen)
        words = "no stars" if picture.n_in == 0 else ""
        pane = Pane(panel, picture, tuple(layers or ()), words)
        return Scene((pane,), f"{panel.title}{of}", line)

    return View(scene_of, WIDE if panel.is_sky else SIZE)


def _dividing_line() -> Curve:
    nodes = np.array(DIVIDING_LINE, dtype=np.float64)
    return Curve(nodes[:, 0], nodes[:, 1], dashed=True)


def _grid_pane(
    stars: MapStars,
    panel: Panel,
    bins: Bins,
    cell: tuple[int, int],
    window: Window,
    values: NDArray[Any],
    limits: tuple[float, float],
    color_by: str,
    number: int,
    inside: int,
    shape: tuple[Curve, ...],
) -> Pane:
    row, column = cell
    front = np.where(values > 0, values, np.nan) if color_by == "count" else values
    picture = Picture(
        (window.x, window.y),
        front.astype(np.float32),
        np.full(values.shape, np.nan, dtype=np.float32),
        color_by,
        limits,
        inside,
        0,
        "" if color_by == "count" else axis_title(color_by, stars.table.units),
    )
    count = f"N = {number:,}" if number else "no stars"
    r_title, z_title = bins.title(row, column).removesuffix(" kpc").split(", ")
    layers = (*shape, _dividing_line()) if number else ()
    top = bins.shape[0] - 1 - row
    return Pane(panel, picture, layers, count, top, column, r_title, z_title)


def _grid_limits(stars: MapStars, color_by: str, values: NDArray[Any]) -> tuple[float, float]:
    if color_by == "count":
        return 1.0, float(max(10, values.max(initial=0)))
    return stars.colour_limits(color_by)


def _coarse(size: tuple[int, int], numbers: NDArray[Any]) -> tuple[int, int]:
    """Choose bins of 1 to 4 pixels by the stars of a usual pane."""
    usual = float(np.median(numbers[numbers > 0])) if (numbers > 0).any() else 1.0
    step = int(np.clip(np.round(np.sqrt(0.35 * size[0] * size[1] / usual)), 1, 4))
    return max(size[0] // step, 1), max(size[1] // step, 1)
