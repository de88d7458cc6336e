"""The diagrams as HoloViews objects, from the same aggregates, to compose with ``+`` and ``*``."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from stellarnb.views.panels import PANELS
from stellarnb.views.pictures import draw
from stellarnb.views.stars import Stars
from stellarnb.views.style import palette

__all__ = ["kiel", "sky", "tinsley_wallerstein"]


def kiel(labels: Any, *, color_by: str = "count", size: tuple[int, int] = (340, 320)) -> hv.Image:
    """Return the Kiel diagram.

    Parameters
    ----------
    labels : Labels or any table
        With ``teff`` [K] and ``logg`` [dex(cm s-2)].
    color_by : str, optional
        ``count``, or a column to average.
    size : tuple of int, optional
        Width and height of the image [pixel].

    Returns
    -------
    holoviews.Image

    Raises
    ------
    MissingInput
        If a column is missing.
    InvalidInput
        If it is no table, or cannot be coloured so.
    """
    return _image("kiel", labels, color_by, size)


def tinsley_wallerstein(
    labels: Any, *, color_by: str = "count", size: tuple[int, int] = (340, 320)
) -> hv.Image:
    """Return [α/M] against [M/H] (or [Fe/H] without it); see `kiel`."""
    return _image("tinsley_wallerstein", labels, color_by, size)


def sky(labels: Any, *, color_by: str = "count", size: tuple[int, int] = (520, 260)) -> hv.Image:
    """Return the Galactic sky in the Mollweide projection; needs ra and dec; see `kiel`."""
    return _image("sky", labels, color_by, size)


def _image(key: str, labels: Any, color_by: str, size: tuple[int, int]) -> hv.Image:
    _use_bokeh()
    stars = Stars.of(labels)
    panel = PANELS[key](stars)
    picture = draw(stars, panel, size=size, color_by=color_by)
    # An averaged column may be that of an axis, and HoloViews wants different names.
    name = "count" if picture.is_count else f"mean_{color_by}"
    image = hv.Image(
        (*_centres(picture.view, picture.front), picture.front),
        kdims=[
            hv.Dimension(panel.x, label=panel.x_title or "Mollweide x"),
            hv.Dimension(panel.y, label=panel.y_title or "Mollweide y"),
        ],
        vdims=[hv.Dimension(name, label=picture.bar_title)],
    )
    return image.opts(
        cmap=list(palette()),
        cnorm="log" if picture.is_count else "linear",
        clim=picture.limits,
        colorbar=True,
        clabel=picture.bar_title,
        invert_xaxis=panel.flip_x,
        invert_yaxis=panel.flip_y,
        frame_width=size[0],
        frame_height=size[1],
        title=f"{panel.title} · {picture.caption}",
        xaxis=None if panel.is_sky else "bottom",
        yaxis=None if panel.is_sky else "left",
    )


def _use_bokeh() -> None:
    """Make Bokeh the backend; `hv.extension` would load BokehJS from another host."""
    import holoviews.plotting.bokeh  # noqa: F401  (registers the backend)

    hv.Store.set_current_backend("bokeh")


def _centres(view: Any, front: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    out = []
    for (low, high), bins in zip(view, front.shape[::-1], strict=True):
        edges = np.linspace(low, high, bins + 1)
        out.append((edges[:-1] + edges[1:]) / 2)
    return out
