"""Run the loops behind the aggregates: one pass over the stars each, block by block.

For a block of stars the bins are found first, without a branch, so that the processor does eight
at a time; then each star is added where it belongs. A star that belongs to no bin goes to a spare
place behind the image, one for each reason: so the spare places tell what became of the stars.

The image lies flat: panel after panel, row after row, then `SPARES` spare places. The stars come
as a tuple of columns [n]: x and y, the third column (float32; empty where there is none), the panel
(int16, negative for none; empty where there is one panel) and which are chosen (bool; empty for
all). The shape is that of the image: panels, height, width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.compiled import compiled, inlined

__all__ = [
    "SPARES",
    "bin_loop",
    "count_loop",
    "mean_loop",
    "means",
    "quantile_loop",
    "spread_loop",
    "tally",
]

Array = NDArray[Any]
Scales = tuple[float, ...]
Shape = tuple[int, int, int]
Stars = tuple[Array, Array, Array, Array, Array]

#: Why a star is in no bin: beyond the window, a value is not finite, not chosen, in no panel.
_OUTSIDE, _LEFT_OUT, _UNCHOSEN, _NO_PANEL = 0, 1, 2, 3
#: Each reason has eight places in turn, as adding to one and the same place again has to wait.
SPARES = 4 * 8
_BLOCK = 2048


@inlined
def _locate(
    x: Array, y: Array, scales: Scales, shape: Shape, bins: Array
) -> None:  # pragma: no cover - numba
    """Write the bin of each star within its panel, or a spare place."""
    x0, x1, sx, tx, y0, y1, sy, ty = scales
    panels, height, width = shape
    last_x, last_y, step = np.int32(width - 1), np.int32(height - 1), np.int32(width)
    spare = panels * height * width
    for i in range(x.size):
        a, b = np.float64(x[i]), np.float64(y[i])
        inside = (a >= x0) & (a <= x1) & (b >= y0) & (b <= y1)
        ix = min(np.int32(min(max(a, x0), x1) * sx + tx), last_x)
        iy = min(np.int32(min(max(b, y0), y1) * sy + ty), last_y)
        known = (a - a == 0.0) & (b - b == 0.0)
        other = np.int32(spare + 4 * (i & 7)) + np.int32(0 if known else _LEFT_OUT)
        bins[i] = iy * step + ix if inside else other


@inlined
def _sort_out(
    of: Array, code: Array, where: Array, shape: Shape, bins: Array
) -> None:  # pragma: no cover - numba
    """Move stars to their panel, and those without a value or not chosen to spare places."""
    panels, height, width = shape
    size, spare = np.int32(height * width), panels * height * width
    if of.size:
        for i in range(of.size):
            other = np.int32(spare + 4 * (i & 7) + _LEFT_OUT)
            bins[i] = bins[i] if of[i] - of[i] == 0.0 else other
    if code.size:
        for i in range(code.size):
            here = bins[i] + np.int32(code[i]) * size if bins[i] < size else bins[i]
            bins[i] = here if code[i] >= 0 else np.int32(spare + 4 * (i & 7) + _NO_PANEL)
    if where.size:
        for i in range(where.size):
            bins[i] = bins[i] if where[i] else np.int32(spare + 4 * (i & 7) + _UNCHOSEN)


@inlined
def _block(
    stars: Stars, scales: Scales, shape: Shape, buffer: Array, s: int
) -> Array:  # pragma: no cover - numba
    """Return the places of the stars of the block that begins at star `s`."""
    x, y, of, code, where = stars
    e = min(s + buffer.size, x.size)
    bins = buffer[: e - s]
    _locate(x[s:e], y[s:e], scales, shape, bins)
    _sort_out(of[s:e], code[s:e], where[s:e], shape, bins)
    return bins


@compiled
def bin_loop(
    stars: Stars, scales: Scales, shape: Shape, out: Array
) -> None:  # pragma: no cover - numba
    """Write the place of each star; out int32 [n]."""
    _block(stars, scales, shape, out, 0)


@compiled
def count_loop(
    stars: Stars, scales: Scales, shape: Shape, out: Array
) -> None:  # pragma: no cover - numba
    """Add 1 to the place of each star; out uint32 [places]."""
    buffer = np.empty(_BLOCK, dtype=np.int32)
    for s in range(0, stars[0].size, _BLOCK):
        bins = _block(stars, scales, shape, buffer, s)
        for i in range(bins.size):
            out[np.uint32(bins[i])] += np.uint32(1)


@compiled
def mean_loop(
    stars: Stars, scales: Scales, shape: Shape, out: Array
) -> None:  # pragma: no cover - numba
    """Add 1 and the third value to the place of each star; out float64 [places, 2]."""
    buffer, flat = np.empty(_BLOCK, dtype=np.int32), out.reshape(-1)
    for s in range(0, stars[0].size, _BLOCK):
        bins = _block(stars, scales, shape, buffer, s)
        for i in range(bins.size):
            k = np.uint64(2) * np.uint64(bins[i])
            flat[k] += 1.0
            flat[k + np.uint64(1)] += stars[2][s + i]


@compiled
def spread_loop(
    stars: Stars, scales: Scales, shape: Shape, out: Array
) -> None:  # pragma: no cover - numba
    """Update number, mean and summed squared deviation of each place; out float64 [places, 3]."""
    buffer, flat = np.empty(_BLOCK, dtype=np.int32), out.reshape(-1)
    for s in range(0, stars[0].size, _BLOCK):
        bins = _block(stars, scales, shape, buffer, s)
        for i in range(bins.size):
            k, value = np.uint64(3) * np.uint64(bins[i]), np.float64(stars[2][s + i])
            flat[k] += 1.0
            step = value - flat[k + np.uint64(1)]
            flat[k + np.uint64(1)] += step / flat[k]
            flat[k + np.uint64(2)] += step * (value - flat[k + np.uint64(1)])


@compiled
def means(sums: Array, out: Array) -> None:  # pragma: no cover - numba
    """Divide the sums of `mean_loop` by their numbers; out float64 [bins], NaN without stars."""
    for i in range(out.size):
        out[i] = sums[i, 1] / sums[i, 0] if sums[i, 0] > 0 else np.nan


@compiled
def quantile_loop(
    bins: Array, of: Array, wanted: Array, out: Array
) -> None:  # pragma: no cover - numba
    """Fill the quantiles of each bin, linear between two stars; out float64 [k, bins]."""
    size = out.shape[1]
    start = np.zeros(size + 1, dtype=np.int64)
    for i in range(bins.size):
        if bins[i] < size:
            start[bins[i] + 1] += 1
    start = np.cumsum(start)
    values, place = np.empty(start[-1], dtype=of.dtype), start[:-1].copy()
    for i in range(bins.size):
        if bins[i] < size:
            values[place[bins[i]]] = of[i]
            place[bins[i]] += 1
    for j in range(size):
        n = start[j + 1] - start[j]
        if n:
            part = np.sort(values[start[j] : start[j + 1]])
            for k in range(wanted.size):
                at = wanted[k] * (n - 1)
                below = int(at)
                above = min(below + 1, n - 1)
                low, high = np.float64(part[below]), np.float64(part[above])
                out[k, j] = low + (at - below) * (high - low)


def tally(spares: Array) -> Array:
    """Return how many stars are outside, left out, not chosen, in no panel; int64 [4]."""
    return np.asarray(spares[-SPARES:].reshape(8, 4).sum(axis=0), dtype=np.int64)
