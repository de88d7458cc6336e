"""What the Virtual Observatory calls types, units and kinds of columns."""

from __future__ import annotations

__all__ = ["TYPES", "ucd", "vo_type", "vo_unit"]

#: VOTable's and FITS's names of Arrow's types.
TYPES = {
    "bool": ("boolean", "L"),
    "uint8": ("unsignedByte", "B"),
    "int16": ("short", "I"),
    "int32": ("int", "J"),
    "int64": ("long", "K"),
    "float": ("float", "E"),
    "double": ("double", "D"),
}

_UCDS = {
    "source_id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "wavelength": "em.wl",
    "flux": "spect",
    "flux_error": "stat.error;spect",
}


def vo_type(kind: str) -> tuple[str, str]:
    """Return VOTable's datatype and arraysize for a type in Arrow's words."""
    return (TYPES[kind][0], "") if kind in TYPES else ("char", "*")


def vo_unit(unit: str) -> str:
    """Return a unit as Gaia's archive spells it, such as ``W.m**-2.nm**-1``."""
    from astropy import units as u

    if unit.startswith("dex("):
        return f"log({vo_unit(unit[4:-1])})"
    try:
        return str(u.Unit(unit).to_string("vounit")) if unit else ""
    except ValueError:  # VOUnits has no dex
        return unit


def ucd(column: str) -> str:
    """Return the unified content descriptor of a column by its usual name; empty where unknown."""
    return _UCDS.get(column.lower(), "")
