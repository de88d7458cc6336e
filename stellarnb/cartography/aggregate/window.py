"""Define the part of a plane that is aggregated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, TooLarge

__all__ = ["MAX_BINS", "Window", "span"]

#: Largest number of bins along one side.
MAX_BINS = 8192

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Define the part of a plane to aggregate, and the number of bins.

    Attributes
    ----------
    x, y : tuple of float
        Lower and upper edge, in the unit of the column; a star on an edge is inside.
    width, height : int
        Number of bins along x and y.

    Raises
    ------
    InvalidInput
        If an edge is not finite, the lower one is not below the upper one, or there is no bin.
    TooLarge
        If a side has more than 8192 bins.

    Examples
    --------
    >>> Window((0.0, 2.0), (0.0, 1.0), width=2, height=1).centres()[0].tolist()
    [0.5, 1.5]
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 300
    height: int = 300

    def __post_init__(self) -> None:
        for axis, (low, high) in (("x", self.x), ("y", self.y)):
            if not (np.isfinite(high - low) and low < high):
                raise InvalidInput(f"The {axis} range {low!r}..{high!r} is not a rising pair.")
        for side, bins in (("width", self.width), ("height", self.height)):
            if bins < 1:
                raise InvalidInput(f"{side}={bins}: expected at least one bin.")
            if bins > MAX_BINS:
                raise TooLarge(f"{side}={bins} bins: at most {MAX_BINS} can be aggregated.")
        object.__setattr__(self, "x", (float(self.x[0]), float(self.x[1])))
        object.__setattr__(self, "y", (float(self.y[0]), float(self.y[1])))

    @property
    def scales(self) -> tuple[float, ...]:
        """Edges and scales as the loops take them: ``x0 x1 sx tx y0 y1 sy ty``.

        Bin ``int(x * sx + tx)``, as Datashader maps a point, so that both give the same pixels.
        """
        out: list[float] = []
        for (low, high), bins in ((self.x, self.width), (self.y, self.height)):
            scale = bins / (high - low)
            out += [low, high, scale, -low * scale]
        return tuple(out)

    def centres(self) -> tuple[Floats, Floats]:
        """Return the bins' centres along x [width] and y [height]."""
        return _middles(self.x, self.width), _middles(self.y, self.height)


def _middles(ends: tuple[float, float], bins: int) -> Floats:
    step = (ends[1] - ends[0]) / bins
    return np.asarray(ends[0] + step * (np.arange(bins, dtype=np.float64) + 0.5))


def span(values: NDArray[Any], *, pad: float = 0.05, tail: float = 0.0) -> tuple[float, float]:
    """Return a range that shows the finite values, padded by `pad` of its width at each end.

    Up to a fraction `tail` of the values may lie outside at each end; (0, 1) without finite values.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return 0.0, 1.0
    low, high = (float(q) for q in np.quantile(finite, [tail, 1.0 - tail]))
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        air = max(0.01 * max(abs(low), abs(high)), 0.5)
    else:
        air = pad * (high - low)
    return low - air, high + air
