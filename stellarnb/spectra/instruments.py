"""The instruments: wavelength grid, resolution, air or vacuum."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = ["Instrument", "get_instrument", "instrument_ids"]


@dataclass(frozen=True)
class Instrument:
    """What is known of an instrument's spectra.

    Attributes
    ----------
    id : str
        Such as ``gaia-xp``.
    title : str
        For people.
    start, step : float
        First wavelength and sampling, in `unit`.
    n_pix : int
        Number of pixels.
    unit : str
        Unit of the wavelengths.
    medium : {"air", "vacuum"}
        What the wavelengths were measured in.
    flux_unit : str
        Unit of the flux; empty where it is normalised.
    normalisation : {"median", "continuum"}
        What a network divides the flux by: the spectrum's median, or nothing where the
        product is continuum-normalised.
    resolution : tuple of float
        R at the two ends of the range.
    id_column : str
        Name of the identifier.
    source : str
        Where the figures come from.
    """

    id: str
    title: str
    start: float
    step: float
    n_pix: int
    unit: str
    medium: Literal["air", "vacuum"]
    flux_unit: str
    normalisation: Literal["median", "continuum"]
    resolution: tuple[float, float]
    id_column: str
    source: str

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """The grid, in `unit`, float64 [n_pix]."""
        return self.start + self.step * np.arange(self.n_pix)

    def grid_words(self) -> str:
        """Return the grid in words, for messages."""
        stop = self.start + self.step * (self.n_pix - 1)
        return (
            f"{self.start:g}-{stop:g} {self.unit} in steps of {self.step:g} {self.unit} "
            f"({self.n_pix} pixels, {self.medium})"
        )


@cache
def _table() -> dict[str, Any]:
    text = resources.files("stellarnb.spectra").joinpath("instruments.toml").read_text("utf-8")
    return tomllib.loads(text)


def instrument_ids() -> list[str]:
    """Return the identifiers of all instruments."""
    return list(_table())


@cache
def get_instrument(name: str) -> Instrument:
    """Return an instrument by its identifier.

    Parameters
    ----------
    name : str
        Such as ``gaia-xp``.

    Returns
    -------
    Instrument

    Raises
    ------
    InvalidInput
        If there is none of this name; the message names the nearest.
    """
    table = _table()
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidInput(f"No instrument {name!r};{hint} there are: {', '.join(table)}.")
    entry = dict(table[name])
    entry["resolution"] = tuple(entry["resolution"])
    return Instrument(id=name, **entry)
