"""The loops behind the aggregates: one pass over the stars each.

Each takes float32 columns [n], a mask `where` [n] (or an empty one for all stars) and the scales
of a `Window`. Each fills its output, and a tally of stars: in the window, outside of it, left out
because a value is not finite, and in no panel. The signatures are long because numba takes
arrays, not tables; bins are unsigned, since numba else looks for negative ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.compiled import compiled, inlined

__all__ = [
    "bin_loop",
    "count_loop",
    "count_panels_loop",
    "mean_loop",
    "mean_panels_loop",
    "quantile_loop",
    "spread_loop",
]

Array = NDArray[Any]
Scales = tuple[float, ...]


@inlined
def _bin(a: float, b: float, scales: Scales, height: int, width: int) -> Any:
    """Return the bin of a star inside the window, row after row."""
    _, _, sx, tx, _, _, sy, ty = scales
    return np.uintp(min(int(b * sy + ty), height - 1) * width + min(int(a * sx + tx), width - 1))


@compiled
def count_loop(
    x: Array, y: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Add 1 to the bin of each star; out uint32 [height, width]."""
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    (height, width), flat = out.shape, out.reshape(-1)
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b = x[i], y[i]
            if x0 <= a <= x1 and y0 <= b <= y1:
                flat[_bin(a, b, scales, height, width)] += np.uint32(1)
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
    """Add 1 to the bin of each star in the panel of its code; out uint32 [panels, h, w]."""
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    _, height, width = out.shape
    flat, size = out.reshape(-1), np.uintp(height * width)
    n_in = n_outside = n_left = n_none = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, k = x[i], y[i], code[i]
            if k < 0:
                n_none += 1
            elif x0 <= a <= x1 and y0 <= b <= y1:
                flat[np.uintp(k) * size + _bin(a, b, scales, height, width)] += np.uint32(1)
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2], tally[3] = n_in, n_outside, n_left, n_none


@compiled
def mean_loop(
    x: Array, y: Array, of: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Add 1 and the third value to the bin of each star; out float64 [height, width, 2]."""
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    (height, width, _), flat = out.shape, out.reshape(-1)
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c = x[i], y[i], of[i]
            if x0 <= a <= x1 and y0 <= b <= y1 and np.isfinite(c):
                k = np.uintp(2) * _bin(a, b, scales, height, width)
                flat[k] += 1.0
                flat[k + np.uintp(1)] += c
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b) and np.isfinite(c):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


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
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    _, height, width, _ = out.shape
    flat, size = out.reshape(-1), np.uintp(height * width)
    n_in = n_outside = n_left = n_none = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c, k = x[i], y[i], of[i], code[i]
            if k < 0:
                n_none += 1
            elif x0 <= a <= x1 and y0 <= b <= y1 and np.isfinite(c):
                j = np.uintp(k) * size + _bin(a, b, scales, height, width)
                flat[np.uintp(2) * j] += 1.0
                flat[np.uintp(2) * j + np.uintp(1)] += c
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b) and np.isfinite(c):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2], tally[3] = n_in, n_outside, n_left, n_none


@compiled
def spread_loop(
    x: Array, y: Array, of: Array, where: Array, scales: Scales, out: Array, tally: Array
) -> None:  # pragma: no cover - numba
    """Update number, mean and summed squared deviation of each bin; out float64 [h, w, 3].

    Welford (1962, Technometrics 4, 419): no cancellation where the spread is small against the
    mean.
    """
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    (height, width, _), flat = out.shape, out.reshape(-1)
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        if every or where[i]:
            a, b, c = x[i], y[i], np.float64(of[i])
            if x0 <= a <= x1 and y0 <= b <= y1 and np.isfinite(c):
                k = np.uintp(3) * _bin(a, b, scales, height, width)
                flat[k] += 1.0
                step = c - flat[k + np.uintp(1)]
                flat[k + np.uintp(1)] += step / flat[k]
                flat[k + np.uintp(2)] += step * (c - flat[k + np.uintp(1)])
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b) and np.isfinite(c):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


@compiled
def bin_loop(
    x: Array,
    y: Array,
    of: Array,
    where: Array,
    scales: Scales,
    shape: Any,
    out: Array,
    tally: Array,
) -> None:  # pragma: no cover - numba
    """Write the bin of each star, row after row, or -1; out int32 [n], shape (height, width)."""
    x0, x1, y0, y1 = scales[0], scales[1], scales[4], scales[5]
    height, width = shape
    n_in = n_outside = n_left = 0
    every = where.size == 0
    for i in range(x.size):
        out[i] = -1
        if every or where[i]:
            a, b, c = x[i], y[i], of[i]
            if x0 <= a <= x1 and y0 <= b <= y1 and np.isfinite(c):
                out[i] = np.int32(_bin(a, b, scales, height, width))
                n_in += 1
            elif np.isfinite(a) and np.isfinite(b) and np.isfinite(c):
                n_outside += 1
            else:
                n_left += 1
    tally[0], tally[1], tally[2] = n_in, n_outside, n_left


@compiled
def quantile_loop(
    bins: Array, of: Array, wanted: Array, out: Array
) -> None:  # pragma: no cover - numba
    """Fill the quantiles of each bin, linear between two stars; out float64 [k, bins]."""
    start = np.zeros(out.shape[1] + 1, dtype=np.int64)
    for i in range(bins.size):
        if bins[i] >= 0:
            start[bins[i] + 1] += 1
    start = np.cumsum(start)
    values, place = np.empty(start[-1], dtype=of.dtype), start[:-1].copy()
    for i in range(bins.size):
        if bins[i] >= 0:
            values[place[bins[i]]] = of[i]
            place[bins[i]] += 1
    for j in range(out.shape[1]):
        n = start[j + 1] - start[j]
        if n:
            part = np.sort(values[start[j] : start[j + 1]])
            for k in range(wanted.size):
                at = wanted[k] * (n - 1)
                below = int(at)
                above = min(below + 1, n - 1)
                low, high = np.float64(part[below]), np.float64(part[above])
                out[k, j] = low + (at - below) * (high - low)
