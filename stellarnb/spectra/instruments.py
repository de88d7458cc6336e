"""The instruments: wavelength grid, resolution, air or vacuum."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import InvalidInput

__all__ = ["Arm", "Instrument", "get_instrument", "instrument_ids"]


@dataclass(frozen=True)
class Arm:
    """One stretch of wavelengths."""

    name: str  #: Such as ``blue``; empty where there is only one
    #: start, step: First wavelength and sampling; for ``log10``, those of the decimal logarithm.
    start: float
    step: float
    n_pix: int  #: Number of pixels
    #: What is evenly spaced: the wavelength or its logarithm.
    sampling: Literal["linear", "log10"] = "linear"

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """The grid, float64 [n_pix]."""
        grid = self.start + self.step * np.arange(self.n_pix, dtype=np.float64)
        return grid if self.sampling == "linear" else np.power(10.0, grid)


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
        First wavelength and sampling, in `unit` (where `sampling` is ``log10``: of the decimal
        logarithm). With several arms, those of the first.
    n_pix : int
        Number of pixels, over all arms.
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
    sampling : {"linear", "log10"}
        What is evenly spaced.
    arms : tuple of Arm
        The stretches of wavelength where there are several; otherwise empty.
    resolution_table : tuple of (float, float)
        Wavelength and R, where R is known at more than the two ends.
    detector_step : float
        Sampling of the detector, in `unit`, where spectra are delivered on a finer grid, so that
        neighbouring pixels share their noise; 0 where they do not.
    unconfirmed : tuple of str
        Fields of which no authoritative source was at hand.
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
    sampling: Literal["linear", "log10"] = "linear"
    arms: tuple[Arm, ...] = ()
    resolution_table: tuple[tuple[float, float], ...] = ()
    detector_step: float = 0.0
    unconfirmed: tuple[str, ...] = ()

    @classmethod
    def custom(
        cls,
        title: str,
        resolution: float,
        *,
        unit: str = "Angstrom",
        medium: Literal["air", "vacuum"] = "air",
        flux_unit: str = "",
    ) -> Instrument:
        """Describe a spectrograph that is not in the list, whose spectra bring their own grid.

        Parameters
        ----------
        title : str
            For people.
        resolution : float
            R = wavelength / FWHM of an unresolved line.
        unit : str, optional
            Of the wavelengths.
        medium : {"air", "vacuum"}, optional
            What the wavelengths were measured in.
        flux_unit : str, optional
            Empty where the flux is normalised.

        Returns
        -------
        Instrument
            To be given to `SpectrumSet` or `read`; its own grid is empty.

        Raises
        ------
        InvalidInput
            If R is not a positive number, or the medium is neither air nor vacuum.
        """
        if not (np.isfinite(resolution) and resolution > 0):
            raise InvalidInput(f"resolution is {resolution}; a positive number is needed.")
        if medium not in ("air", "vacuum"):
            raise InvalidInput(f"medium is {medium!r}; 'air' or 'vacuum' is needed.")
        return cls(
            id=f"custom-{title.lower().replace(' ', '-')}",
            title=title,
            start=0.0,
            step=0.0,
            n_pix=0,
            unit=unit,
            medium=medium,
            flux_unit=flux_unit,
            normalisation="median",
            resolution=(float(resolution), float(resolution)),
            id_column="name",
            source="as described by the caller",
        )

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """The grid, in `unit`, float64 [n_pix]."""
        return np.concatenate([arm.wavelength for arm in self.stretches])

    @property
    def stretches(self) -> tuple[Arm, ...]:
        """The arms; one where the grid has no gap."""
        return self.arms or (Arm("", self.start, self.step, self.n_pix, self.sampling),)

    def resolution_at(self, wavelength: ArrayLike) -> NDArray[np.float64]:
        """Return R at some wavelengths.

        Parameters
        ----------
        wavelength : array_like, shape [n]
            In `unit`.

        Returns
        -------
        numpy.ndarray of float64, shape [n]
            Interpolated between the two ends or in the table; beyond them, R of the end.
        """
        at = np.asarray(wavelength, dtype=np.float64)
        if self.resolution_table:
            known, power = np.array(self.resolution_table).T
        elif self.n_pix > 1:
            known, power = self.wavelength[[0, -1]], np.array(self.resolution)
        else:
            return np.full(at.shape, self.resolution[0])
        return np.asarray(np.interp(at, known, power), dtype=np.float64)

    def grid_words(self) -> str:
        """Describe the grid for messages: ranges, steps, number of pixels, air or vacuum."""
        parts = []
        for arm in self.stretches:
            grid = arm.wavelength
            span = f"{grid[0]:g}-{grid[-1]:g} {self.unit}" if len(grid) else "any range"
            unit = f" {self.unit}" if arm.sampling == "linear" else " in log10"
            parts.append(f"{arm.name} {span} in steps of {arm.step:g}{unit}".strip())
        return f"{', '.join(parts)} ({self.n_pix} pixels, {self.medium})"


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
    return _from_entry(name, table[name])


def _from_entry(name: str, entry: Mapping[str, Any]) -> Instrument:
    fields = dict(entry)
    given = fields.pop("resolution")
    points = given if isinstance(given, list) else [given, given]
    if isinstance(points[0], list):
        fields["resolution_table"] = tuple((float(at), float(power)) for at, power in points)
        points = [power for _, power in points]
    fields["resolution"] = (float(points[0]), float(points[-1]))
    fields["unconfirmed"] = tuple(fields.get("unconfirmed", ()))
    arms = tuple(Arm(**arm) for arm in fields.pop("arms", ()))
    if arms:
        fields |= {"start": arms[0].start, "step": arms[0].step}
        fields["n_pix"] = sum(arm.n_pix for arm in arms)
    return replace(Instrument(id=name, **fields), arms=arms)
