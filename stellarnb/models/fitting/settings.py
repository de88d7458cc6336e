"""How spectra are to be fitted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FitSettings"]


@dataclass(frozen=True)
class FitSettings:
    """How to fit; the arguments of `fit_spectra`.

    Attributes
    ----------
    labels : tuple of str
        What to return.
    vsini : float or None
        Rotation [km/s]; None = free.
    vmac : float
        Radial-tangential macroturbulence [km/s].
    velocity_limit : float
        Largest velocity [km/s] that may be left in the spectra.
    continuum : int
        Degree of the polynomial that is fitted along.
    mask_cores : bool
        Whether the cores of Ca II and Halpha are left out.
    resolution : float or None
        R, where it is not the instrument's own.
    floor : bool
        Whether errors hold the card's floor.
    """

    labels: tuple[str, ...]
    vsini: float | None
    vmac: float
    velocity_limit: float
    continuum: int
    mask_cores: bool
    resolution: float | None
    floor: bool
