"""The loops behind the aggregates: one pass over the stars each.

Each takes float32 columns [n], a mask `where` [n] (or an empty one for all stars) and the scales
of a `Window`. Each fills its output and a tally: stars in the window, outside of it, and left out
because a value is not finite. The signatures are long because numba passes arrays, not tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.compiled import compiled

__all__ = ["count_loop", "count_panels_loop", "mean_loop", "mean_panels_loop", "spread_loop"]

Array = NDArray[Any]
Scales = tuple[float, ...]


@compiled
def count_loop(
    x: Array, y: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Add 1 to the bin of each star; out uint32 [height, width]."""
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    height, width = out.shape
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b = x[i], y[i]
            if x0 <= a <= x1 and y0 <= b <= y1:
                out[min(int(b * sy + ty), height - 1), min(int(a * sx + tx), width - 1)] += 1
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


@compiled
def mean_loop(
    x: Array, y: Array, of: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Add 1 and the third value to the bin of each star; out float64 [height, width, 2]."""
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    height, width = out.shape[:2]
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c = x[i], y[i], of[i]
            if not np.isfinite(c):
                n_left += 1
            elif x0 <= a <= x1 and y0 <= b <= y1:
                iy, ix = min(int(b * sy + ty), height - 1), min(int(a * sx + tx), width - 1)
                out[iy, ix, 0] += 1.0
                out[iy, ix, 1] += c
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


@compiled
def spread_loop(
    x: Array, y: Array, of: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Update number, mean and summed squared deviation of each bin; out float64 [h, w, 3].

    Welford (1962, Technometrics 4, 419): no cancellation where the spread is small against the
    mean.
    """
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    height, width = out.shape[:2]
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c = x[i], y[i], np.float64(of[i])
            if not np.isfinite(c):
                n_left += 1
            elif x0 <= a <= x1 and y0 <= b <= y1:
                iy, ix = min(int(b * sy + ty), height - 1), min(int(a * sx + tx), width - 1)
                out[iy, ix, 0] += 1.0
                step = c - out[iy, ix, 1]
                out[iy, ix, 1] += step / out[iy, ix, 0]
                out[iy, ix, 2] += step * (c - out[iy, ix, 1])
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


@compiled
def count_panels_loop(
    x: Array, y: Array, code: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Add 1 to the bin of each star in the panel of its code; out uint32 [panels, h, w].

    A star with a negative code is in no panel: the fourth number of the tally.
    """
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    height, width = out.shape[1:]
    n_in = n_outside = n_left = n_none = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, k = x[i], y[i], code[i]
            if k < 0:
                n_none += 1
            elif x0 <= a <= x1 and y0 <= b <= y1:
                out[k, min(int(b * sy + ty), height - 1), min(int(a * sx + tx), width - 1)] += 1
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2], tally[3] = n_in, n_outside, n_left, n_none


@compiled
def mean_panels_loop(
    x: Array,
    y: Array,
    of: Array,
    code: Array,
    where: Array,
    scales: Scales,
    out: Array,
    tally: Array,
) -> None:  # pragma: no cover - numba
    """Add 1 and the third value in the panel of each star; out float64 [panels, h, w, 2]."""
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    height, width = out.shape[1:3]
    n_in = n_outside = n_left = n_none = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c, k = x[i], y[i], of[i], code[i]
            if k < 0:
                n_none += 1
            elif not np.isfinite(c):
                n_left += 1
            elif x0 <= a <= x1 and y0 <= b <= y1:
                iy, ix = min(int(b * sy + ty), height - 1), min(int(a * sx + tx), width - 1)
                out[k, iy, ix, 0] += 1.0
                out[k, iy, ix, 1] += c
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2], tally[3] = n_in, n_outside, n_left, n_none
