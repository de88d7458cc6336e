"""Define each diagram: its columns, directions and home view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stellarnb.cartography import All, Box, Selection, SkyWindow, span
from stellarnb.cartography.place.galactocentric import SUN
from stellarnb.cartography.sky import SKY_X, SKY_Y, X_EDGE, Y_EDGE
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.views.data.stars import MapStars, Range, thinned
from stellarnb.views.data.style import axis_title, symbol

__all__ = [
    "PANELS",
    "Absent",
    "Panel",
    "find_panels",
    "kiel",
    "make_panel",
    "plane",
    "r_z",
    "sky",
    "tinsley_wallerstein",
    "x_y",
]

#: Fraction of stars at either end that the home view may leave outside.
_TAIL = 0.0005
#: The default diagrams; those of `_PLACED` only if the table has their columns.
_USUAL, _PLACED = ("kiel", "tinsley_wallerstein", "sky"), ("r_z",)


@dataclass(frozen=True)
class Panel:
    """Describe one diagram: its columns, axis titles, directions and home view (x and y range)."""

    key: str
    title: str
    x: str
    y: str
    x_title: str
    y_title: str
    home: tuple[Range, Range]
    flip_x: bool = False
    flip_y: bool = False
    is_sky: bool = False
    equal: bool = False
    marks: tuple[tuple[float, float, str], ...] = ()

    def inside(self, view: tuple[Range, Range]) -> Selection:
        """Return the rule that takes the stars in a view; the home view takes all."""
        if view == self.home:
            return All()
        (x0, x1), (y0, y1) = view
        if self.is_sky:
            return SkyWindow(x0, x1, y0, y1)
        return Box(self.x, self.y, x0, x1, y0, y1)

    def fitted(self, size: tuple[int, int]) -> tuple[Range, Range]:
        """Return the home view, widened to equal scales in x and y if the diagram requires them."""
        x, y = self.home
        if not self.equal:
            return x, y
        shape, room = (y[1] - y[0]) / (x[1] - x[0]), size[1] / size[0]
        return _grown(x, max(shape / room, 1.0)), _grown(y, max(room / shape, 1.0))


@dataclass(frozen=True)
class Absent:
    """Explain why this table has no columns for a diagram."""

    key: str
    words: str


def kiel(stars: MapStars) -> Panel:
    """Describe the Kiel diagram: log g against Teff, both falling."""
    return replace(_plane(stars, "kiel", "Kiel", "teff", "logg"), flip_x=True, flip_y=True)


def tinsley_wallerstein(stars: MapStars) -> Panel:
    """Describe the Tinsley-Wallerstein diagram: [α/M] against [M/H], or [Fe/H] without it."""
    metals = "m_h" if "m_h" in stars else "fe_h"
    return _plane(stars, "tinsley_wallerstein", "Tinsley-Wallerstein", metals, "alpha_m")


def r_z(stars: MapStars) -> Panel:
    """Describe the map of height Z against Galactocentric radius R [kpc]."""
    return _plane(stars, "r_z", "R-Z map", "R", "Z")


def x_y(stars: MapStars) -> Panel:
    """Describe the map of the plane, from the Galactic north: Y against X [kpc], equal scales."""
    panel = _plane(stars, "x_y", "X-Y map", "X", "Y")
    return replace(panel, equal=True, marks=((*SUN[:2], "Sun"), (0.0, 0.0, "centre")))


def sky(stars: MapStars) -> Panel:
    """Describe the sky map: Galactic, Mollweide."""
    stars.column(SKY_X)
    home = ((-1.04 * X_EDGE, 1.04 * X_EDGE), (-1.04 * Y_EDGE, 1.04 * Y_EDGE))
    title = _title(stars, "Galactic sky")
    return Panel("sky", title, SKY_X, SKY_Y, "", "", home, is_sky=True, equal=True)


def plane(stars: MapStars, x: str, y: str) -> Panel:
    """Describe the plane of any two columns of numbers."""
    return _plane(stars, f"{x}:{y}", f"{symbol(y)} against {symbol(x)}", x, y)


#: Every diagram with a name.
PANELS: dict[str, Callable[[MapStars], Panel]] = {
    "kiel": kiel,
    "tinsley_wallerstein": tinsley_wallerstein,
    "sky": sky,
    "r_z": r_z,
    "x_y": x_y,
}


def make_panel(stars: MapStars, wanted: Any) -> Panel:
    """Return one diagram by its name in `PANELS`, or by two columns, as a pair or as ``"x:y"``."""
    if isinstance(wanted, str) and ":" in wanted:
        wanted = tuple(wanted.split(":", 1))
    if isinstance(wanted, str):
        if wanted not in PANELS:
            raise InvalidInput(
                f"No diagram {wanted!r}; there are: {', '.join(PANELS)}, or any two columns as "
                "'x:y'. Check the spelling."
            )
        return PANELS[wanted](stars)
    if not isinstance(wanted, (tuple, list)) or len(wanted) != 2:
        raise InvalidInput(f"panels: {wanted!r} is neither a name nor a pair of columns.")
    return plane(stars, *map(str, wanted))


def find_panels(
    stars: MapStars, wanted: Sequence[str | tuple[str, str]] | None = None
) -> list[Panel | Absent]:
    """Return the requested diagrams; by default the usual ones, `Absent` if columns are missing."""
    if wanted is not None:
        if isinstance(wanted, str) or not wanted:
            raise InvalidInput(f"panels={wanted!r}: give a list, such as ['kiel', 'r_z'].")
        found = [make_panel(stars, one) for one in wanted]
        keys = [panel.key for panel in found]
        if len(set(keys)) < len(keys):
            raise InvalidInput(f"panels: a diagram is listed twice: {', '.join(keys)}.")
        return list(found)
    out: list[Panel | Absent] = []
    for key in (*_USUAL, *_PLACED):
        try:
            out.append(PANELS[key](stars))
        except MissingInput as error:
            if key in _USUAL:
                out.append(Absent(key, str(error)))
    return out


def _plane(stars: MapStars, key: str, title: str, x: str, y: str) -> Panel:
    for name in (x, y):
        if name not in stars.table:
            raise MissingInput(f"{title}: needs {symbol(name)}; this table has no column {name!r}.")
    first, second = thinned(stars.column(x)), thinned(stars.column(y))
    both = np.isfinite(first) & np.isfinite(second)
    x_range, y_range = (span(v[both], pad=0.06, tail=_TAIL) for v in (first, second))
    units = stars.table.units
    titles = axis_title(x, units), axis_title(y, units)
    return Panel(key, _title(stars, title), x, y, *titles, (x_range, y_range))


def _title(stars: MapStars, title: str) -> str:
    """Add "(mock)" to the title for simulated stars."""
    return f"{title} (mock)" if stars.mock else title


def _grown(limits: Range, factor: float) -> Range:
    middle, half = (limits[0] + limits[1]) / 2, factor * (limits[1] - limits[0]) / 2
    return middle - half, middle + half
