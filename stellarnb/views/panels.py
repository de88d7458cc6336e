"""What each diagram shows: its columns, directions and home view, before any drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stellarnb.cartography import (
    All,
    Between,
    Selection,
    SkyWindow,
    columns,
    galactic,
    mollweide,
    span,
)
from stellarnb.cartography.columns import numbers
from stellarnb.cartography.sky import X_EDGE, Y_EDGE
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Labels, Table
from stellarnb.views.style import axis_title, symbol

__all__ = [
    "PANELS",
    "Absent",
    "Panel",
    "Range",
    "Stars",
    "find_panels",
    "kiel",
    "sky",
    "tinsley_wallerstein",
]

Range = tuple[float, float]

#: Columns of the sky map, made from ra and dec.
SKY_X, SKY_Y = "mollweide_x", "mollweide_y"
#: Fraction of stars at either end that the home view may leave outside.
_TAIL = 0.0005
#: What a map may be coloured by, where the table has it.
_COLOURS = (
    *("teff", "logg", "m_h", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li"),
    *("novelty", "phot_g_mean_mag"),
)


@dataclass(frozen=True)
class Stars:
    """A table made ready for many aggregates.

    Attributes
    ----------
    table : Table
        The table it comes from.
    frame : pandas.DataFrame
        float32 columns that a map may use, with the projected sky where positions are known.
    good : numpy.ndarray of bool, shape [n], or None
        The recommended cut, where the table has it.
    model : str
        The model's name as it must be shown; empty where it is not known.
    """

    table: Table
    frame: pd.DataFrame
    good: NDArray[np.bool_] | None
    model: str

    @classmethod
    def of(cls, table: Any) -> Self:
        """Take what maps need from any table.

        Raises
        ------
        InvalidInput
            If it is no table, or a column that a map needs holds no numbers.
        """
        own = table if isinstance(table, Table) else Table(table)
        frame = columns(own, [name for name in _COLOURS if name in own])
        if "ra" in own and "dec" in own:
            x, y = mollweide(*galactic(numbers(own, "ra"), numbers(own, "dec")))
            frame[SKY_X], frame[SKY_Y] = x.astype(np.float32), y.astype(np.float32)
        good = None
        if "good" in own:
            good = np.ma.filled(np.ma.asarray(own["good"]), False).astype(bool)
        model = own.model if isinstance(own, Labels) else str(own.provenance.get("model", ""))
        return cls(own, frame, good, model)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def colours(self) -> list[str]:
        """What a map of these stars may be coloured by: ``count``, or the mean of a column."""
        return ["count", *(name for name in _COLOURS if name in self.frame)]

    def check_colour(self, color_by: str) -> str:
        """Return `color_by` if the stars can be coloured so.

        Raises
        ------
        InvalidInput
            If they can't; the message says by what they can.
        """
        if color_by not in self.colours:
            raise InvalidInput(f"color_by={color_by!r}: use one of {', '.join(self.colours)}.")
        return color_by

    def chosen(self, *, good_only: bool) -> NDArray[np.bool_] | None:
        """Return the stars in colour as bool [n], or None for all.

        Raises
        ------
        MissingInput
            If only the good ones are asked for and the table has no column ``good``.
        """
        if not good_only:
            return None
        if self.good is None:
            raise MissingInput("This table has no column 'good', so good_only cannot be used.")
        return self.good

    def colour_limits(self, color_by: str, chosen: NDArray[np.bool_] | None) -> Range:
        """Return the ends of the colour scale of a column: where 98 % of the chosen stars lie."""
        values = self.frame[color_by].to_numpy()
        return span(values if chosen is None else values[chosen], pad=0.0, tail=0.01)


@dataclass(frozen=True)
class Panel:
    """One diagram.

    Attributes
    ----------
    key, title : str
        Its name in Python and for people.
    x, y : str
        Columns of `Stars.frame`.
    x_title, y_title : str
        Axis titles with units; empty where the axes are not drawn.
    home : tuple of Range
        The x and y range that shows all stars but far outliers.
    flip_x, flip_y : bool
        Whether the axis falls to the right or upwards.
    is_sky : bool
        Whether it is the sky: equal scales, no axes, a graticule.
    """

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

    def inside(self, view: tuple[Range, Range]) -> Selection:
        """Return the rule that takes the stars in a view; the home view takes all."""
        if view == self.home:
            return All()
        (x0, x1), (y0, y1) = view
        if self.is_sky:
            return SkyWindow(x0, x1, y0, y1)
        return Between(self.x, x0, x1) & Between(self.y, y0, y1)


@dataclass(frozen=True)
class Absent:
    """A diagram that this table has no columns for, and why, in words."""

    key: str
    words: str


def kiel(stars: Stars) -> Panel:
    """Describe the Kiel diagram: log g against Teff, both falling.

    Raises
    ------
    MissingInput
        If a column is missing.
    """
    return _plane(stars, "kiel", "Kiel", "teff", "logg", flip=True)


def tinsley_wallerstein(stars: Stars) -> Panel:
    """Describe the Tinsley-Wallerstein diagram: [α/M] against [M/H], or [Fe/H] without it.

    Raises
    ------
    MissingInput
        If a column is missing.
    """
    metals = "m_h" if "m_h" in stars.frame else "fe_h"
    title = "Tinsley-Wallerstein"
    return _plane(stars, "tinsley_wallerstein", title, metals, "alpha_m")


def sky(stars: Stars) -> Panel:
    """Describe the sky map: Galactic, Mollweide.

    Raises
    ------
    MissingInput
        If the table has no ``ra`` and ``dec``.
    """
    if SKY_X not in stars.frame:
        raise MissingInput("A sky map needs the columns ra and dec [deg]; this table lacks them.")
    home = ((-1.04 * X_EDGE, 1.04 * X_EDGE), (-1.04 * Y_EDGE, 1.04 * Y_EDGE))
    return Panel("sky", "Galactic sky", SKY_X, SKY_Y, "", "", home, is_sky=True)


#: Every diagram, in the order in which they are shown.
PANELS: dict[str, Callable[[Stars], Panel]] = {
    "kiel": kiel,
    "tinsley_wallerstein": tinsley_wallerstein,
    "sky": sky,
}


def find_panels(stars: Stars) -> list[Panel | Absent]:
    """Return every diagram, or why this table has none of that kind."""
    out: list[Panel | Absent] = []
    for key, make in PANELS.items():
        try:
            out.append(make(stars))
        except MissingInput as error:
            out.append(Absent(key, str(error)))
    return out


def _plane(stars: Stars, key: str, title: str, x: str, y: str, *, flip: bool = False) -> Panel:
    for name in (x, y):
        if name not in stars.frame:
            raise MissingInput(f"{title}: it needs {symbol(name)}, column {name!r}, not here.")
    both = np.isfinite(stars.frame[x]) & np.isfinite(stars.frame[y])
    values = (stars.frame.loc[both, name].to_numpy() for name in (x, y))
    x_range, y_range = (span(v, pad=0.06, tail=_TAIL) for v in values)
    return Panel(key, title, x, y, axis_title(x), axis_title(y), (x_range, y_range), flip, flip)
