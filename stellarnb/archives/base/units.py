"""Units as archives write them, in the spelling of astropy."""

from __future__ import annotations

import re
from functools import cache

__all__ = ["astropy_unit"]

#: Words that some archives write where there is no unit, or in another way than all formats.
_NONE = frozenset({"", "-", "--", "---", "none", "n/a", "unitless", "dimensionless", "char"})
_WORDS = {"dex": "dex", "'dex'": "dex", "[-]": "dex", "magnitude": "mag", "degree": "deg"}


@cache
def astropy_unit(text: str) -> str:
    """Return a unit as `astropy.units.Unit` reads it, or nothing where it is not understood."""
    bare = text.strip()
    if bare.lower() in _NONE:
        return ""
    if bare.lower() in _WORDS:
        return _WORDS[bare.lower()]
    log = re.fullmatch(r"(?:log|dex|lg)(?:10)?\s*\((.+)\)", bare, re.IGNORECASE)
    if log is not None:
        inner = astropy_unit(log[1])
        return f"dex({inner})" if inner else ""
    return _plain(bare)


def _plain(text: str) -> str:
    import warnings

    from astropy import units as u

    for form in ("vounit", "cds", "generic", "ogip"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a guess does not count
                unit = u.Unit(text, format=form)
                spelt = str(unit.to_string())
                if u.Unit(spelt) == unit:
                    return spelt
        except (ValueError, TypeError, Warning):
            continue
    return ""
