"""One look for every map: names with units, colours, themes and the provenance line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import colorcet

from stellarnb.errors import InvalidInput

__all__ = ["DARK", "LIGHT", "Theme", "axis_title", "find_theme", "palette", "symbol"]

#: Symbol and unit of each quantity that a map may show.
_QUANTITIES: dict[str, tuple[str, str]] = {
    "teff": ("Teff", "K"),
    "logg": ("log g", "dex(cm s⁻²)"),
    "m_h": ("[M/H]", "dex"),
    "fe_h": ("[Fe/H]", "dex"),
    "alpha_m": ("[α/M]", "dex"),
    "mg_fe": ("[Mg/Fe]", "dex"),
    "si_fe": ("[Si/Fe]", "dex"),
    "al_fe": ("[Al/Fe]", "dex"),
    "ni_fe": ("[Ni/Fe]", "dex"),
    "a_li": ("A(Li)", "dex"),
    "novelty": ("novelty", ""),
    "phot_g_mean_mag": ("G", "mag"),
}


def symbol(column: str) -> str:
    """Return how a column is written in a sentence, such as ``[Fe/H]``."""
    return _QUANTITIES.get(column, (column, ""))[0]


def axis_title(column: str) -> str:
    """Return the title of an axis or colour bar, with the unit: ``Teff [K]``."""
    name, unit = _QUANTITIES.get(column, (column, ""))
    return f"{name} [{unit}]" if unit else name


@dataclass(frozen=True)
class Theme:
    """Colours of everything but the stars.

    Attributes
    ----------
    name : str
        ``light`` or ``dark``.
    page, text, line, back : str
        The page, words and axes, grid and graticule, and the stars that are not chosen.
    """

    name: str
    page: str
    text: str
    line: str
    back: str


LIGHT = Theme("light", page="#ffffff", text="#333333", line="#d8d8d8", back="#c9c9c9")
DARK = Theme("dark", page="#111111", text="#dddddd", line="#3a3a3a", back="#4c4c4c")


def find_theme(name: str) -> Theme:
    """Return a theme by its name.

    Raises
    ------
    InvalidInput
        If it is neither ``light`` nor ``dark``.
    """
    for theme in (LIGHT, DARK):
        if theme.name == name:
            return theme
    raise InvalidInput(f"theme={name!r}: use 'light' or 'dark'.")


@cache
def palette() -> tuple[str, ...]:
    """Return the colours of the stars, from few to many or low to high.

    Perceptually uniform and legible with red-green blindness; the nearly black start is cut, so
    that a single star stands out from a dark page as from a white one.
    """
    return tuple(colorcet.palette["CET_L20"][56:])
