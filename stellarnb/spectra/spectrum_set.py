"""Many spectra of one instrument as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.ids import as_source_ids
from stellarnb.spectra.instruments import Instrument, get_instrument
from stellarnb.spectra.resample import overlap_matrix, rebin

if TYPE_CHECKING:
    from astropy.units import Quantity

__all__ = ["SpectrumSet"]

#: Two grids are the same where they agree to this fraction of a pixel.
GRID_TOLERANCE = 1e-3


class SpectrumSet:
    """Spectra of many stars on one wavelength grid.

    Parameters
    ----------
    source_id : array_like of int, shape [n]
        Identifiers; repeated ones are kept, in order.
    wavelength : Quantity [n_pix] or array_like
        One grid for all; bare numbers are in the instrument's unit.
    flux : array_like, shape [n, n_pix] (or [n_pix] for one star)
        As delivered; held as float32.
    flux_error : array_like, same shape, optional
        Standard deviations in the unit of the flux.
    mask : array_like of bool, same shape, optional
        True = ignore this pixel. Pixels whose flux is not finite, or whose error is not a
        positive number, are masked too.
    instrument : str, optional
        Identifier from `stellarnb.spectra.instruments`.
    missing : iterable of int, optional
        Identifiers that were asked for and have no such product.
    provenance : dict, optional
        Where the spectra come from.

    Raises
    ------
    InvalidInput
        For float identifiers, shapes that do not fit, or wavelengths that do not rise.
    """

    def __init__(
        self,
        source_id: ArrayLike,
        wavelength: Any,
        flux: ArrayLike,
        flux_error: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        instrument: str = "gaia-xp",
        *,
        missing: Iterable[int] = (),
        provenance: dict[str, Any] | None = None,
    ) -> None:
        self.instrument: Instrument = get_instrument(instrument)
        self.source_id: NDArray[np.int64] = as_source_ids(source_id)
        self._wavelength = _bare_wavelength(wavelength, self.instrument)
        self.flux = _pixels(flux, "flux")
        shape = (len(self.source_id), len(self._wavelength))
        if self.flux.shape != shape:
            raise InvalidInput(
                f"flux has shape {self.flux.shape}; {shape[0]} identifiers and {shape[1]} "
                f"wavelengths need {shape}."
            )
        self.error = None if flux_error is None else _pixels(flux_error, "flux_error", shape)
        self.mask: NDArray[np.bool_] = ~np.isfinite(self.flux)
        if mask is not None:
            given = np.atleast_2d(np.asarray(mask, dtype=bool))
            if given.shape != shape:
                raise InvalidInput(f"mask has shape {given.shape}; {shape} is needed.")
            self.mask |= given
        if self.error is not None:
            with np.errstate(invalid="ignore"):
                self.mask |= ~(np.isfinite(self.error) & (self.error > 0))
        self.missing: tuple[int, ...] = tuple(int(i) for i in missing)
        self.provenance: dict[str, Any] = dict(provenance or {})

    def __len__(self) -> int:
        return len(self.source_id)

    def __repr__(self) -> str:
        grid = self._wavelength
        span = f"{grid[0]:g}-{grid[-1]:g} {self.instrument.unit}" if len(grid) else "no pixels"
        lost = f", {len(self.missing)} missing" if self.missing else ""
        return f"<SpectrumSet: {len(self)} {self.instrument.title}, {span}{lost}>"

    def __getitem__(self, rows: Any) -> Self:
        """Return some rows (a slice, mask or indices) as a SpectrumSet."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        out = self.__class__.__new__(self.__class__)
        out.__dict__.update(self.__dict__)
        out.source_id = self.source_id[index]
        out.flux, out.mask = self.flux[index], self.mask[index]
        out.error = None if self.error is None else self.error[index]
        return out

    @property
    def ids(self) -> NDArray[np.int64]:
        """The identifiers, int64 [n]."""
        return self.source_id

    @property
    def wavelength(self) -> Quantity:
        """The grid as a Quantity [n_pix]."""
        from astropy import units as u

        return u.Quantity(self._wavelength, self.instrument.unit)

    def check_grid(self, wanted: Instrument) -> None:
        """Raise `GridMismatch` unless the spectra are on the grid of an instrument.

        Parameters
        ----------
        wanted : Instrument
            Whose grid is needed.

        Raises
        ------
        GridMismatch
            Says which grid is wanted and how to get there.
        """
        grid = self._wavelength
        same = len(grid) == wanted.n_pix and bool(
            np.all(np.abs(grid - wanted.wavelength) < GRID_TOLERANCE * wanted.step)
        )
        if same and self.instrument.id == wanted.id:
            return
        span = f"{grid[0]:g}-{grid[-1]:g} {self.instrument.unit}" if len(grid) else "no range"
        how = (
            f"Bring them there with spectra.to_instrument({wanted.id!r})"
            if self.instrument.id == wanted.id
            else f"These are {self.instrument.title} spectra: give those of {wanted.title}"
        )
        raise GridMismatch(
            f"The spectra are on {len(grid)} pixels over {span}; wanted is the grid of "
            f"{wanted.id}: {wanted.grid_words()}. {how}."
        )

    def to_instrument(self, name: str) -> SpectrumSet:
        """Resample to the grid of an instrument, conserving the flux.

        Only between grids of the same instrument (another sampling or range): no line-spread
        function is applied. Pixels that the old grid does not cover come back masked.

        Parameters
        ----------
        name : str
            Identifier of the instrument.

        Returns
        -------
        SpectrumSet
            With errors propagated as independent and masks carried along.

        Raises
        ------
        GridMismatch
            If the spectra are of another instrument.
        """
        wanted = get_instrument(name)
        if wanted.id != self.instrument.id:
            self.check_grid(wanted)
        matrix = overlap_matrix(self._wavelength, wanted.wavelength)
        flux, error, mask = rebin(matrix, self.flux, self.error, self.mask)
        return SpectrumSet(
            self.source_id,
            wanted.wavelength,
            flux,
            error,
            mask,
            wanted.id,
            missing=self.missing,
            provenance={**self.provenance, "resampled": True},
        )


def _bare_wavelength(wavelength: Any, instrument: Instrument) -> NDArray[np.float64]:
    if hasattr(wavelength, "to_value"):
        wavelength = wavelength.to_value(instrument.unit)
    grid = np.atleast_1d(np.asarray(wavelength, dtype=np.float64))
    if grid.ndim != 1 or not np.all(np.isfinite(grid)) or np.any(np.diff(grid) <= 0):
        raise InvalidInput("wavelength: one rising row of finite numbers is needed.")
    return grid


def _pixels(
    values: ArrayLike, name: str, shape: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    raw = np.asarray(getattr(values, "value", values))
    if raw.dtype.kind not in "fiu":
        raise InvalidInput(f"{name} is {raw.dtype}; numbers are needed.")
    if raw.dtype != np.float32 and raw.dtype.itemsize > 4 and raw.size:
        raw = _to_float32(raw, name)
    array = np.atleast_2d(raw.astype(np.float32, copy=False))
    if shape is not None and array.shape != shape:
        raise InvalidInput(f"{name} has shape {array.shape}; {shape} is needed.")
    return array


def _to_float32(raw: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Convert, and refuse what float32 cannot hold instead of turning it into infinity."""
    finite = np.isfinite(raw)
    with np.errstate(over="ignore", under="ignore"):
        out = raw.astype(np.float32)
    if not np.array_equal(np.isfinite(out), finite):
        raise InvalidInput(f"{name} holds values too large for 32-bit floats; rescale it.")
    return out
