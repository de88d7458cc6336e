"""Define one look for every map: names with units, colours and themes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import colorcet

from stellarnb.errors import InvalidInput

__all__ = [
    "DARK",
    "LIGHT",
    "SERIES",
    "Theme",
    "axis_title",
    "diverging",
    "find_theme",
    "palette",
    "symbol",
    "unit_of",
]

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
    "R": ("R", "kpc"),
    "Z": ("Z", "kpc"),
    "X": ("X", "kpc"),
    "Y": ("Y", "kpc"),
    "phi": ("φ", "deg"),
    "distance": ("distance", "kpc"),
    "v_R": ("v_R", "km s⁻¹"),
    "v_phi": ("v_φ", "km s⁻¹"),
    "v_Z": ("v_Z", "km s⁻¹"),
    "Lz": ("L_Z", "kpc km s⁻¹"),
    "snr": ("S/N", ""),
    "novelty": ("novelty", ""),
    "phot_g_mean_mag": ("G", "mag"),
}
_ERROR = "_error"


def symbol(column: str) -> str:
    """Return how a column is written in a sentence, such as ``[Fe/H]``."""
    if column.endswith(_ERROR) and column.removesuffix(_ERROR) in _QUANTITIES:
        return f"σ {symbol(column.removesuffix(_ERROR))}"
    return _QUANTITIES.get(column, (column, ""))[0]


def unit_of(column: str, units: Mapping[str, str] | None = None) -> str:
    """Return the unit of a column: that of a known quantity, otherwise the table's."""
    base = column.removesuffix(_ERROR)
    known = _QUANTITIES.get(column) or _QUANTITIES.get(base)
    return known[1] if known else (units or {}).get(column, "")


def axis_title(column: str, units: Mapping[str, str] | None = None) -> str:
    """Return the title of an axis or colour bar, with the unit: ``Teff [K]``."""
    unit = unit_of(column, units)
    return f"{symbol(column)} [{unit}]" if unit else symbol(column)


@dataclass(frozen=True)
class Theme:
    """Colours of everything but the stars."""

    name: str
    page: str
    text: str
    line: str
    back: str


LIGHT = Theme("light", page="#ffffff", text="#333333", line="#d8d8d8", back="#c9c9c9")
DARK = Theme("dark", page="#111111", text="#dddddd", line="#3a3a3a", back="#4c4c4c")

#: Colours of curves: told apart with each kind of colour blindness, on a light page as on a
#: dark one (after Wong 2011, Nature Methods 8, 441).
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999999")


def find_theme(name: str) -> Theme:
    """Return a theme by its name."""
    for theme in (LIGHT, DARK):
        if theme.name == name:
            return theme
    raise InvalidInput(f"theme={name!r}: use 'light' or 'dark'.")


@cache
def palette() -> tuple[str, ...]:
    """Return the colours of the stars, from few to many; the darkest are cut for dark pages."""
    return tuple(colorcet.palette["CET_L20"][56:])


@cache
def diverging() -> tuple[str, ...]:
    """Return the colours of differences, from negative to positive; legible when colour-blind."""
    return tuple(colorcet.palette["CET_CBD1"])
