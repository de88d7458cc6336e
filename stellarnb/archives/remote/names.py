"""Positions of named objects from CDS Sesame, through astropy."""

from __future__ import annotations

from typing import Any

from stellarnb.archives.base.positions import as_position
from stellarnb.archives.cache.store import Store
from stellarnb.errors import ArchiveDown, CacheMiss, InvalidInput
from stellarnb.tables import Result

__all__ = ["resolve"]

_CREDIT = "This research has made use of the Sesame name resolver, CDS, Strasbourg, France."


def resolve(center: Any, store: Store | None, *, offline: bool) -> tuple[float, float]:
    """Return right ascension and declination [deg, ICRS] of a position or of a named object."""
    if not isinstance(center, str):
        return as_position(center)
    name = " ".join(center.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidInput(
            f"{center!r} is not the name of an object. Give one such as 'M 67', or (ra, dec)."
        )
    key = {"service": "sesame", "name": name.lower()}
    found = store.table(key) if store is not None else None
    if found is None:
        if offline:
            raise CacheMiss(
                f"The position of {name!r} is not in the cache, and this is offline. Give a "
                "SkyCoord, or (ra, dec) in degrees."
            )
        ra, dec = _ask(name)
        found = Result(
            {"name": [name], "ra": [ra], "dec": [dec]},
            units={"ra": "deg", "dec": "deg"},
            provenance={"title": f"Position of {name}", "credits": [_CREDIT]},
        )
        if store is not None:
            store.keep_table(key, found)
    return float(found["ra"][0]), float(found["dec"][0])


def _ask(name: str) -> tuple[float, float]:
    # Imported late: only names need it, and it brings a client of its own along.
    from astropy.coordinates.name_resolve import NameResolveError, get_icrs_coordinates

    try:
        place = get_icrs_coordinates(name)
    except NameResolveError as error:
        if "All Sesame queries failed" in str(error) or "timed out" in str(error).lower():
            raise ArchiveDown(
                f"The name service Sesame cannot be reached to find {name!r}. Try again, or give a "
                "SkyCoord, or (ra, dec) in degrees."
            ) from error
        raise InvalidInput(
            f"Sesame (SIMBAD, NED, VizieR) finds no object {name!r}. Check the spelling, "
            "or give a SkyCoord."
        ) from error
    except OSError as error:
        raise ArchiveDown(f"The name service Sesame cannot be reached: {error}.") from error
    return float(place.ra.deg), float(place.dec.deg)
