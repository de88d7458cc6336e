"""Turn stars and a view into the pixels that Bokeh, HoloViews and matplotlib draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import Aggregate, Window
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.stars import MapStars, Range
from stellarnb.views.data.style import axis_title, palette

__all__ = ["BACK", "Painter", "Picture", "draw", "provenance", "shades"]

#: Mean number of stars a bin to aim at, and the largest bin to reach it [screen pixels].
_FILL, _COARSEST = 0.35, 4
#: Shades of a picture: nothing, stars that are not chosen, then the palette.
BACK = 1

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]
Ranges = tuple[Range, Range]


@dataclass(frozen=True)
class Picture:
    """Hold one diagram's pixels, float32 [height, width], rows rising with y, NaN in empty bins.

    `front` is the number of chosen stars or the mean of a column; `back` is 1 if any star is there.
    """

    view: Ranges
    front: Pixels
    back: Pixels
    color_by: str
    limits: Range
    n_in: int
    n_left_out: int
    unit_title: str = ""

    @property
    def is_count(self) -> bool:
        """Whether the colours count stars, on a logarithmic scale."""
        return self.color_by == "count"

    @property
    def bar_title(self) -> str:
        """Title of the colour bar, with the unit."""
        return "stars per bin" if self.is_count else f"mean {self.unit_title}"

    @property
    def caption(self) -> str:
        """How many stars are in view, and how many could not be placed."""
        if self.n_in == 0:
            words = "no stars"
        else:
            words = f"{self.n_in:,} star{'' if self.n_in == 1 else 's'}"
        return f"{words}, {self.n_left_out:,} without value" if self.n_left_out else words

    def shades(self) -> NDArray[np.uint8]:
        """Return the picture as uint8 shades [height, width]; see `shades`."""
        return shades(self.front, self.back, self.limits, logarithmic=self.is_count)


def shades(front: Pixels, back: Pixels, limits: Range, *, logarithmic: bool) -> NDArray[np.uint8]:
    """Return shades [height, width]: 0 nothing, 1 back, 2 and on the palette from low to high."""
    low, high = (np.log(limits) if logarithmic else np.asarray(limits, dtype=np.float64)).tolist()
    colours = len(palette())
    out = np.where(np.isfinite(back), np.uint8(BACK), np.uint8(0))
    seen = np.isfinite(front)
    values = np.log(front[seen]) if logarithmic else front[seen]
    place = (values - low) * (colours / max(high - low, 1e-30))
    out[seen] = (BACK + 1 + np.clip(place, 0, colours - 1)).astype(np.uint8)
    return out


class Painter:
    """Aggregate one diagram repeatedly; the image of all stars is kept until the view changes."""

    def __init__(self, stars: MapStars, panel: Panel) -> None:
        self._stars, self._panel = stars, panel
        for name in (panel.x, panel.y):
            stars.column(name)
        self._asked: tuple[Ranges, tuple[int, int]] | None = None
        self._everyone: Aggregate

    def draw(
        self,
        view: Ranges | None = None,
        *,
        size: tuple[int, int] = (340, 320),
        color_by: str = "count",
        chosen: Mask | None = None,
    ) -> Picture:
        """Aggregate at an x and y range (home view if omitted) for a screen size [pixel]."""
        stars, x, y = self._stars, self._panel.x, self._panel.y
        stars.check_colour(color_by)
        self._look_at(view or self._panel.home, size)
        title = ""
        window = self._everyone.window
        if color_by != "count":
            stars.column(color_by)
            found = Aggregate(x, y, window, of=color_by).add(stars.frame, where=chosen)
            front, limits = found.values(), stars.colour_limits(color_by)
            title = axis_title(color_by, stars.table.units)
        else:
            found = self._everyone
            if chosen is not None:
                found = Aggregate(x, y, window).add(stars.frame, where=chosen)
            numbers = found.values()
            front = np.where(numbers > 0, numbers, np.nan)
            limits = (1.0, float(max(10, numbers.max())))
        notes = found.notes()
        return Picture(
            (window.x, window.y),
            front.astype(np.float32),
            np.where(self._everyone.values() > 0, 1.0, np.nan).astype(np.float32),
            color_by,
            limits,
            notes["n_in"],
            notes["n_left_out"],
            title,
        )

    def _look_at(self, view: Ranges, size: tuple[int, int]) -> None:
        """Count all stars of a view, unless done already; few stars get bins of 2-4 pixels."""
        if self._asked == (view, size):
            return
        self._everyone = self._count(view, size, 1)
        seen = max(self._everyone.notes()["n_in"], 1)
        wanted = np.round(np.sqrt(_FILL * size[0] * size[1] / seen))
        coarse = int(np.clip(wanted, 1, _COARSEST))
        if coarse > 1:
            self._everyone = self._count(view, size, coarse)
        self._asked = view, size

    def _count(self, view: Ranges, size: tuple[int, int], coarse: int) -> Aggregate:
        window = Window(*view, *(max(side // coarse, 1) for side in size))
        return Aggregate(self._panel.x, self._panel.y, window).add(self._stars.frame)


def draw(
    stars: MapStars,
    panel: Panel,
    view: Ranges | None = None,
    *,
    size: tuple[int, int] = (340, 320),
    color_by: str = "count",
    chosen: Mask | None = None,
) -> Picture:
    """Aggregate one diagram once; see `Painter.draw`."""
    return Painter(stars, panel).draw(view, size=size, color_by=color_by, chosen=chosen)


def provenance(stars: MapStars, chosen: Mask | None, *, good_only: bool) -> str:
    """Return the line under a map: how many stars, which cut, which model."""
    shown = len(stars) if chosen is None else int(chosen.sum())
    parts = [f"{shown:,} of {len(stars):,} stars" if len(stars) else "no stars"]
    if good_only:
        parts.append("good only, the others in grey")
    if stars.model:
        parts.append(f"labels: {stars.model}")
    frame = stars.table.provenance.get("frame")
    if frame and "R" in stars.table:
        parts.append(f"frame: {frame}")
    return " · ".join(parts)
