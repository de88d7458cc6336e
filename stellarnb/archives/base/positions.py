"""Positions and angles in the forms that users give them, in degrees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stellarnb.errors import InvalidInput

__all__ = ["as_degrees", "as_position", "as_radius"]

_UNIT_NAMES = {"deg": "degrees", "arcsec": "arcsec"}


def as_position(center: Any) -> tuple[float, float]:
    """Return right ascension and declination [deg, ICRS] of a SkyCoord or a pair of numbers."""
    if isinstance(center, (str, bytes)):
        raise InvalidInput(
            f"{center!r} is a name: only remote archives look up the positions of objects. Give a "
            "SkyCoord, or (ra, dec) in degrees."
        )
    if hasattr(center, "icrs"):
        if getattr(center, "shape", ()) != ():
            raise InvalidInput(f"Expected one position, got {center.size}. Loop over them.")
        pair = (center.icrs.ra.deg, center.icrs.dec.deg)
    elif isinstance(center, Mapping) or not hasattr(center, "__len__") or len(center) != 2:
        raise InvalidInput(
            f"{center!r} is not a position. Give a SkyCoord, or (ra, dec) in degrees."
        )
    else:
        pair = (center[0], center[1])
    ra, dec = as_degrees(pair[0], "ra"), as_degrees(pair[1], "dec")
    if not -360 <= ra <= 360:
        raise InvalidInput(f"ra is {ra:g} degrees; expected a value within 0 and 360.")
    if not -90 <= dec <= 90:
        raise InvalidInput(f"dec is {dec:g} degrees; expected a value within -90 and 90.")
    return ra % 360, dec


def as_radius(radius: Any, unit: str = "deg") -> float:
    """Return a radius [deg]."""
    size = as_degrees(radius, "radius", unit)
    if not 0 <= size <= 180:
        raise InvalidInput(f"radius is {size:g} degrees; expected a value within 0 and 180.")
    return size


def as_degrees(angle: Any, name: str, unit: str = "deg") -> float:
    """Return an angle [deg]."""
    scale = {"deg": 1.0, "arcsec": 3600.0}[unit]
    if hasattr(angle, "to_value"):
        from astropy.units import UnitsError

        try:
            angle, scale = angle.to_value("deg"), 1.0
        except UnitsError as error:
            raise InvalidInput(f"{name} is {angle}: expected an angle.") from error
    try:
        value = float(angle) / scale
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{name} is {angle!r}; expected a number of {_UNIT_NAMES[unit]}."
        ) from error
    if not math.isfinite(value):
        raise InvalidInput(f"{name} is {value}; a finite number of {_UNIT_NAMES[unit]} is needed.")
    return value
