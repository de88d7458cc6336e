"""What a training set is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "Kind", "Wanted"]


@dataclass(frozen=True)
class Kind:
    """Which spectra a training set has."""

    archive: str  #: Who has the spectra
    product: str  #: Which spectra
    instrument: str  #: Whose grid they are on
    available: str  #: The column that says whether there is one


KINDS = {
    "gaia-rvs": Kind("gaia", "rvs", "gaia-rvs", "has_rvs"),
    "gaia-xp": Kind("gaia", "xp_sampled", "gaia-xp", "has_xp_sampled"),
}


@dataclass(frozen=True)
class Wanted:
    """What is taken of each star."""

    kind: Kind  #: Its spectrum
    #: labels, scalars, more: Labels, further inputs, further products.
    labels: tuple[str, ...]
    scalars: tuple[str, ...]
    more: tuple[str, ...]
    cuts: dict[str, Any]  #: Cuts of the archive's stars
    strict: bool  #: Whether a column to cut by must be there
    max_masked: float  #: Largest share of masked pixels
