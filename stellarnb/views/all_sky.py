"""Draw the whole sky in HEALPix pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import galactic
from stellarnb.cartography.sky import X_EDGE, Y_EDGE
from stellarnb.cartography.tables import numbers
from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import PANELS
from stellarnb.views.data.raster import Picture, Ranges, provenance
from stellarnb.views.data.stars import MapStars
from stellarnb.views.data.style import axis_title, symbol
from stellarnb.views.plots import WIDE, Where, chosen_stars
from stellarnb.views.scene.model import Pane, Scene
from stellarnb.views.view import View

__all__ = ["healpix", "inverse_mollweide"]

#: Order 10 has 12.6 million pixels, more than a page can show.
_HIGHEST = 10

Floats = NDArray[np.float64]


def healpix(labels: Any, *, order: int = 5, color_by: str = "count", where: Where = None) -> View:
    """Return the Galactic sky in HEALPix pixels of equal area, in the Mollweide projection.

    Parameters
    ----------
    labels : Labels or any table
        With ``ra`` and ``dec`` [deg].
    order : int, optional
        Pixels are 58.6 degrees / 2**order wide (5: 1.8 degrees).
    color_by : str, optional
        ``count``, or a column to average in each pixel.
    where : Selection or numpy.ndarray of bool, shape [n], optional
        The stars to use; all if omitted.

    Returns
    -------
    View

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If `labels` is not a table, `color_by` is not a column, or the order is not between 0 and 10.
    """
    from astropy_healpix import HEALPix

    if isinstance(order, bool) or order not in range(_HIGHEST + 1):
        raise InvalidInput(
            f"healpix: order={order!r}; expected a whole number from 0 to {_HIGHEST}."
        )
    stars = MapStars.of(labels)
    chosen = chosen_stars(stars, where)
    stars.check_colour(color_by)
    panel = PANELS["sky"](stars)
    pixels = HEALPix(nside=2 ** int(order), order="nested")
    lon, lat = galactic(numbers(stars.table, "ra"), numbers(stars.table, "dec"))
    values, number, left_out = _aggregate(stars, pixels, lon, lat, color_by, chosen)
    is_count = color_by == "count"
    limits = (
        (1.0, float(max(10, number.max(initial=0)))) if is_count else stars.colour_limits(color_by)
    )
    of = "" if is_count else f", mean {symbol(color_by)}"
    title = panel.title.replace("Galactic sky", "Galactic sky, HEALPix")
    line = f"{provenance(stars, chosen, good_only=False)} · HEALPix order {order}, nested, Galactic"

    def scene_of(view: Ranges | None, size: tuple[int, int]) -> Scene:
        shown = view or panel.fitted(size)
        front = _image(pixels, values, shown, size)
        picture = Picture(
            shown,
            front,
            np.full(front.shape, np.nan, dtype=np.float32),
            color_by,
            limits,
            int(number.sum()),
            left_out,
            "" if is_count else axis_title(color_by, stars.table.units),
        )
        words = "no stars" if not number.any() else ""
        return Scene((Pane(panel, picture, (), words),), f"{title}{of}", line)

    return View(scene_of, WIDE)


def inverse_mollweide(x: NDArray[Any], y: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return l (0..360) and b [deg] of places on the Mollweide map; NaN outside it."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    sine = y / Y_EDGE
    inside = np.abs(sine) <= 1.0
    theta = np.arcsin(np.where(inside, sine, 0.0))
    wide = X_EDGE * np.cos(theta)
    inside &= np.abs(x) <= wide
    turn = np.where(inside, -180.0 * x / np.maximum(wide, 1e-12), np.nan)
    lat = np.degrees(np.arcsin(np.clip((2 * theta + np.sin(2 * theta)) / np.pi, -1.0, 1.0)))
    return turn % 360.0, np.where(inside, lat, np.nan)


def _aggregate(
    stars: MapStars, pixels: Any, lon: Floats, lat: Floats, color_by: str, chosen: Any
) -> tuple[Floats, NDArray[np.int64], int]:
    """Return value and number of stars of each pixel, and the stars left out."""
    from astropy import units as u

    good = np.isfinite(lon) & np.isfinite(lat)
    wanted = np.ones(len(stars), dtype=bool) if chosen is None else chosen
    if color_by != "count":
        good &= np.isfinite(stars.column(color_by))
    use = good & wanted
    index = pixels.lonlat_to_healpix(lon[use] * u.deg, lat[use] * u.deg)
    number = np.bincount(index, minlength=pixels.npix)
    left_out = int((wanted & ~good).sum())
    if color_by == "count":
        return np.where(number > 0, number, np.nan), number, left_out
    total = np.bincount(index, stars.column(color_by)[use].astype(np.float64), pixels.npix)
    empty = np.full(pixels.npix, np.nan)
    return np.divide(total, number, out=empty, where=number > 0), number, left_out


def _image(pixels: Any, values: Floats, view: Ranges, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw HEALPix values into an image [height, width]."""
    from astropy import units as u

    width, height = size
    (x0, x1), (y0, y1) = view
    x = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
    y = y0 + (np.arange(height) + 0.5) * (y1 - y0) / height
    lon, lat = inverse_mollweide(*np.meshgrid(x, y))
    inside = np.isfinite(lon) & np.isfinite(lat)
    out = np.full((height, width), np.nan, dtype=np.float32)
    index = pixels.lonlat_to_healpix(lon[inside] * u.deg, lat[inside] * u.deg)
    out[inside] = values[index]
    return out
