"""Contours of the density of stars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.views.data.stars import Range
from stellarnb.views.scene.model import INK, Curve

__all__ = ["SHARES", "contours"]

#: Shares of the stars that contours hold.
SHARES = (0.3, 0.6, 0.9)
#: Smoothing before contours are drawn [bins].
_SMOOTH = 1.3


def contours(
    counts: NDArray[Any],
    view: tuple[Range, Range],
    shares: Sequence[float] = SHARES,
    colour: str = INK,
) -> tuple[Curve, ...]:
    """Return one curve a share of the stars, from counts [height, width] smoothed by 1.3 bins."""
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    density = gaussian_filter(np.asarray(counts, dtype=np.float64), _SMOOTH)
    if not density.sum() > 0:
        return ()
    (x0, x1), (y0, y1) = view
    height, width = density.shape
    x = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
    y = y0 + (np.arange(height) + 0.5) * (y1 - y0) / height
    lines = contour_generator(x, y, density)
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling) / falling.sum()
    gap = np.full((1, 2), np.nan)
    out = []
    for share in shares:
        level = float(falling[np.searchsorted(held, share)])
        pieces = [part for piece in lines.lines(level) for part in (np.asarray(piece), gap)]
        if pieces:
            path = np.concatenate(pieces)
            out.append(Curve(path[:, 0], path[:, 1], colour=colour, thin=True))
    return tuple(out)
