"""Checks of the values that a user gives to a widget; each error names the fix."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from stellarnb.cartography import Bins, RZBins
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.views.data.stars import MapStars as Stars

__all__ = ["check_bins", "check_flags", "check_range", "check_row", "check_snr", "refuse_unknown"]


def refuse_unknown(what: str, unknown: dict[str, Any], known: Sequence[str]) -> None:
    """Raise InvalidInput for unknown keywords; the message names the nearest and all known."""
    for name in unknown:
        near = get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidInput(
            f"{what} has no keyword {name!r}: check the spelling.{hint} "
            f"There are: {', '.join(known)}."
        )


def check_range(name: str, ends: Any) -> tuple[float, float]:
    """Return two different finite ends as a rising pair; InvalidInput for anything else."""
    try:
        low, high = sorted(float(end) for end in ends)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{name}={ends!r}: give a pair of numbers, the lowest and the highest."
        ) from error
    if not (np.isfinite(high - low) and low < high):
        raise InvalidInput(f"{name}={ends!r}: give two different finite numbers.")
    return low, high


def check_snr(stars: Stars, value: Any) -> tuple[float, float] | None:
    """Return a range of S/N, or None; MissingInput for a table without a column ``snr``."""
    if value is None:
        return None
    if "snr" not in stars:
        raise MissingInput("This table has no column 'snr': add it, or leave snr at None.")
    return check_range("snr", value)


def check_flags(stars: Stars, value: Any) -> tuple[str, ...]:
    """Return names of the table's flags, each once; InvalidInput for an unknown one."""
    if isinstance(value, str) or not isinstance(value, (list, tuple, set)):
        raise InvalidInput(f"unflagged={value!r}: give a list of flags, such as ['teff_flag'].")
    for name in value:
        if name not in stars.flags:
            known = ", ".join(stars.flags) or "none"
            raise InvalidInput(f"unflagged: no flag {name!r} in this table; there are: {known}.")
    return tuple(name for name in stars.flags if name in value)


def check_bins(stars: Stars, grid: Bins, value: Any) -> list[tuple[int, int]]:
    """Return bins in abs(Z) and R, sorted, each once; MissingInput for a table without R and Z."""
    cells = sorted(set(RZBins(tuple(map(tuple, value)), grid).cells))
    if cells and not (grid.r_column in stars and grid.z_column in stars):
        raise MissingInput(
            "This table has no columns R and Z: add them with stellarnb.place first."
        )
    return cells


def check_row(stars: Stars, value: Any) -> int | None:
    """Return the number of a row, or None."""
    if value is None:
        return None
    if isinstance(value, (int, np.integer)) and 0 <= value < len(stars):
        return int(value)
    raise InvalidInput(f"star={value!r}: give the number of a row below {len(stars)}, or None.")
