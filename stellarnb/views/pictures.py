"""From stars and a view to the pixels that Bokeh, HoloViews and matplotlib draw alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import Window, count, mean
from stellarnb.views.panels import Panel, Range, Stars
from stellarnb.views.style import axis_title

__all__ = ["Picture", "draw", "provenance"]

#: How full the bins shall be on average, and how coarse they may get to be so [screen pixels].
_FILL, _COARSEST = 0.35, 4

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One diagram, aggregated.

    Attributes
    ----------
    view : tuple of Range
        The x and y range it covers.
    front, back : numpy.ndarray of float32, shape [height, width]
        Chosen stars (their number, or the mean of a column), and 1 where any star is; NaN in
        bins without. Rows rise with y.
    color_by : str
        ``count`` or the averaged column.
    limits : Range
        Ends of the colour scale.
    n_in, n_left_out : int
        Chosen stars in view, and chosen stars without a finite value.
    """

    view: tuple[Range, Range]
    front: Pixels
    back: Pixels
    color_by: str
    limits: Range
    n_in: int
    n_left_out: int

    @property
    def is_count(self) -> bool:
        """Whether the colours count stars, on a logarithmic scale."""
        return self.color_by == "count"

    @property
    def bar_title(self) -> str:
        """Title of the colour bar, with the unit."""
        return "stars per bin" if self.is_count else f"mean {axis_title(self.color_by)}"

    @property
    def caption(self) -> str:
        """How many stars are in view, and how many could not be placed."""
        if self.n_in == 0:
            words = "no stars"
        else:
            words = f"{self.n_in:,} star{'' if self.n_in == 1 else 's'}"
        return f"{words}, {self.n_left_out:,} without value" if self.n_left_out else words


def draw(
    stars: Stars,
    panel: Panel,
    view: tuple[Range, Range] | None = None,
    *,
    size: tuple[int, int] = (340, 320),
    color_by: str = "count",
    chosen: NDArray[np.bool_] | None = None,
) -> Picture:
    """Aggregate one diagram.

    Parameters
    ----------
    stars : Stars
        The stars.
    panel : Panel
        The diagram.
    view : tuple of Range, optional
        x and y range; the home view where not given.
    size : tuple of int, optional
        Width and height on the screen [pixel].
    color_by : str, optional
        ``count``, or a column to average.
    chosen : numpy.ndarray of bool, shape [n], optional
        The stars in colour; the others are grey. All where not given.

    Returns
    -------
    Picture

    Raises
    ------
    InvalidInput
        If `color_by` is not one of ``stars.colours``.
    """
    stars.check_colour(color_by)
    x_range, y_range = view or panel.home
    coarse = _bin_size(stars, panel, (x_range, y_range), size)
    window = Window(x_range, y_range, *(max(side // coarse, 1) for side in size))
    everyone = count(stars.frame, panel.x, panel.y, window).to_numpy()
    if color_by == "count":
        aggregate = count(stars.frame, panel.x, panel.y, window, where=chosen)
        front = np.where(aggregate > 0, aggregate, np.nan)
        limits = (1.0, float(max(10, np.max(aggregate))))
    else:
        aggregate = mean(stars.frame, panel.x, panel.y, color_by, window, where=chosen)
        front, limits = aggregate.to_numpy(), stars.colour_limits(color_by, chosen)
    return Picture(
        (window.x, window.y),
        front.astype(np.float32),
        np.where(everyone > 0, 1.0, np.nan).astype(np.float32),
        color_by,
        limits,
        aggregate.attrs["n_in"],
        aggregate.attrs["n_left_out"],
    )


def provenance(stars: Stars, chosen: NDArray[np.bool_] | None, *, good_only: bool) -> str:
    """Return the line under a map: how many stars, which cut, which model."""
    shown = len(stars) if chosen is None else int(chosen.sum())
    parts = [f"{shown:,} of {len(stars):,} stars" if len(stars) else "no stars"]
    if good_only:
        parts.append("good only, the others in grey")
    if stars.model:
        parts.append(f"labels: {stars.model}")
    return " · ".join(parts)


def _bin_size(stars: Stars, panel: Panel, view: tuple[Range, Range], size: tuple[int, int]) -> int:
    """Choose a bin of 1 to 4 pixels: few stars in single pixels would be a dust nobody sees."""
    (x0, x1), (y0, y1) = view
    x, y = stars.frame[panel.x].to_numpy(), stars.frame[panel.y].to_numpy()
    seen = int(np.count_nonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)))
    wanted = np.sqrt(_FILL * size[0] * size[1] / max(seen, 1))
    return int(np.clip(np.round(wanted), 1, _COARSEST))
