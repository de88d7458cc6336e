"""What a training set is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "Kind", "Wanted"]


@dataclass(frozen=True)
class Kind:
    """Which spectra a training set has.

    Attributes
    ----------
    archive : str
        Who has the spectra.
    product : str
        Which spectra.
    instrument : str
        Whose grid they are on.
    available : str
        The column that says whether there is one.
    """

    archive: str
    product: str
    instrument: str
    available: str


KINDS = {
    "gaia-rvs": Kind("gaia", "rvs", "gaia-rvs", "has_rvs"),
    "gaia-xp": Kind("gaia", "xp_sampled", "gaia-xp", "has_xp_sampled"),
}


@dataclass(frozen=True)
class Wanted:
    """What is taken of each star.

    Attributes
    ----------
    kind : Kind
        Its spectrum.
    labels, scalars, more : tuple of str
        Labels, further inputs, further products.
    cuts : dict
        Cuts of the archive's stars.
    strict : bool
        Whether a column to cut by must be there.
    max_masked : float
        Largest share of masked pixels.
    """

    kind: Kind
    labels: tuple[str, ...]
    scalars: tuple[str, ...]
    more: tuple[str, ...]
    cuts: dict[str, Any]
    strict: bool
    max_masked: float
