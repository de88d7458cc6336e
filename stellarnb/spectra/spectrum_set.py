"""Many spectra of one instrument as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.ids import as_source_ids
from stellarnb.spectra.instruments import Instrument, get_instrument
from stellarnb.spectra.line_spread import can_reach, transfer
from stellarnb.spectra.lines import WavelengthCheck, check_wavelengths
from stellarnb.spectra.noise import draw_noise, independent_lag, signal_to_noise
from stellarnb.spectra.resample import MIN_COVERAGE, MIN_COVERAGE_LSF, pixel_edges, rebin

if TYPE_CHECKING:
    from astropy.units import Quantity


__all__ = ["SpectrumSet", "bare_wavelength", "grids_agree", "pixels"]

#: Two grids are the same where they agree to this fraction of a pixel.
GRID_TOLERANCE = 1e-3


def grids_agree(mine: NDArray[np.float64], its: NDArray[np.float64]) -> bool:
    """Return whether two grids are the same to a thousandth of a pixel."""
    if len(mine) != len(its):
        return False
    if len(mine) < 2 or np.array_equal(mine, its):
        return np.array_equal(mine, its)
    lower, upper = pixel_edges(its)
    return bool(np.all(np.abs(mine - its) < GRID_TOLERANCE * (upper - lower)))


def bare_wavelength(wavelength: Any, instrument: Instrument) -> NDArray[np.float64]:
    """Return a rising grid as float64 in the instrument's unit, or refuse it."""
    if hasattr(wavelength, "to_value"):
        wavelength = wavelength.to_value(instrument.unit)
    grid = np.atleast_1d(np.asarray(wavelength, dtype=np.float64))
    if grid.ndim != 1 or not np.all(np.isfinite(grid)) or np.any(np.diff(grid) <= 0):
        raise InvalidInput("wavelength: one rising row of finite numbers is needed.")
    return grid


def pixels(
    values: ArrayLike, name: str, shape: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return fluxes or errors as float32 [n, n_pix], or refuse them."""
    raw = np.asarray(getattr(values, "value", values))
    if raw.dtype.kind not in "fiu":
        raise InvalidInput(f"{name} is {raw.dtype}; numbers are needed.")
    if raw.dtype != np.float32 and raw.dtype.itemsize > 4 and raw.size:
        raw = _to_float32(raw, name)
    array = np.atleast_2d(raw.astype(np.float32, copy=False))
    if shape is not None and not (array.size or shape[0]):
        array = array.reshape(shape)
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


class SpectrumSet:
    """Spectra of many stars on one wavelength grid.

    Parameters
    ----------
    source_id : array_like of int, shape [n]
        Identifiers; repeated ones are kept, in order. Spectra of a survey that knows no Gaia
        source_id carry running numbers here and the survey's own identifiers in `names`.
    wavelength : Quantity [n_pix] or array_like
        One grid for all; bare numbers are in the instrument's unit.
    flux : array_like, shape [n, n_pix] (or [n_pix] for one star)
        As delivered; held as float32.
    flux_error : array_like, same shape, optional
        Standard deviations in the unit of the flux.
    mask : array_like of bool, same shape, optional
        True = ignore this pixel. Pixels whose flux is not finite, or whose error is not a
        positive number, are masked too.
    instrument : str or Instrument, optional
        Identifier from `stellarnb.spectra.instruments`, or an own one (`Instrument.custom`).
    missing : iterable of int, optional
        Identifiers that were asked for and have no such product.
    provenance : dict, optional
        Where the spectra come from.
    names : sequence of str, shape [n], optional
        The survey's own identifiers, such as APOGEE's.

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
        instrument: str | Instrument = "gaia-xp",
        *,
        missing: Iterable[int] = (),
        provenance: dict[str, Any] | None = None,
        names: Sequence[str] | NDArray[np.str_] | None = None,
    ) -> None:
        if isinstance(instrument, str):
            instrument = get_instrument(instrument)
        self.instrument: Instrument = instrument
        self.source_id: NDArray[np.int64] = as_source_ids(source_id)
        self._wavelength = bare_wavelength(wavelength, self.instrument)
        shape = (len(self.source_id), len(self._wavelength))
        self.flux = pixels(flux, "flux")
        if not (self.flux.size or shape[0]):
            self.flux = self.flux.reshape(shape)
        if self.flux.shape != shape:
            raise InvalidInput(
                f"flux has shape {self.flux.shape}; {shape[0]} identifiers and {shape[1]} "
                f"wavelengths need {shape}."
            )
        self.error = None if flux_error is None else pixels(flux_error, "flux_error", shape)
        self.mask: NDArray[np.bool_] = ~np.isfinite(self.flux)
        if mask is not None:
            given = np.atleast_2d(np.asarray(mask, dtype=bool))
            given = given if given.size or shape[0] else given.reshape(shape)
            if given.shape != shape:
                raise InvalidInput(f"mask has shape {given.shape}; {shape} is needed.")
            self.mask |= given
        if self.error is not None:
            with np.errstate(invalid="ignore"):
                self.mask |= ~(np.isfinite(self.error) & (self.error > 0))
        self.missing: tuple[int, ...] = tuple(int(i) for i in missing)
        self.provenance: dict[str, Any] = dict(provenance or {})
        self.names: NDArray[np.str_] | None = None
        if names is not None:
            self.names = np.atleast_1d(np.asarray(names, dtype=np.str_))
            if self.names.shape != shape[:1]:
                raise InvalidInput(f"names has shape {self.names.shape}; {shape[:1]} is needed.")
        self._resolution: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.source_id)

    def __repr__(self) -> str:
        grid = self._wavelength
        span = f"{grid[0]:g}-{grid[-1]:g} {self.instrument.unit}" if len(grid) else "no pixels"
        lost = f", {len(self.missing)} missing" if self.missing else ""
        return f"<SpectrumSet: {len(self)} {self.instrument.title}, {span}{lost}>"

    def __getitem__(self, rows: Any) -> Self:
        """Return some rows (a slice, mask or indices) as a SpectrumSet.

        As in numpy, a slice shares its arrays with the whole.
        """
        index = rows if isinstance(rows, slice) else np.atleast_1d(np.arange(len(self))[rows])
        out = self.__class__.__new__(self.__class__)
        out.__dict__.update(self.__dict__)
        out.source_id = self.source_id[index]
        out.flux, out.mask = self.flux[index], self.mask[index]
        out.error = None if self.error is None else self.error[index]
        out.names = None if self.names is None else self.names[index]
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
        if self.instrument.id == wanted.id and grids_agree(grid, wanted.wavelength):
            return
        span = f"{grid[0]:g}-{grid[-1]:g} {self.instrument.unit}" if len(grid) else "no range"
        way = f"spectra.to_instrument({wanted.id!r})"
        if self.instrument.id == wanted.id:
            how = f"Bring them there with {way}"
        else:
            how = f"These are {self.instrument.title} spectra: give those of {wanted.title}"
            if can_reach(grid, self.instrument, self.resolution, wanted):
                how += f", or degrade these with {way}"
        raise GridMismatch(
            f"The spectra are on {len(grid)} pixels over {span}; wanted is the grid of "
            f"{wanted.id}: {wanted.grid_words()}. {how}."
        )

    @property
    def resolution(self) -> NDArray[np.float64]:
        """R = wavelength / FWHM at each pixel, float64 [n_pix]; lower after `degrade`."""
        if self._resolution is not None:
            return self._resolution
        return self.instrument.resolution_at(self._wavelength)

    def set_resolution(self, resolution: NDArray[np.float64]) -> None:
        """State that the spectra have another resolution than their instrument's.

        Parameters
        ----------
        resolution : numpy.ndarray, shape [n_pix]
            R at each pixel.

        Raises
        ------
        InvalidInput
            If there is not one positive number a pixel.
        """
        power = np.asarray(resolution, dtype=np.float64)
        if power.shape != self._wavelength.shape or not np.all(power > 0):
            raise InvalidInput(
                f"resolution: {len(self._wavelength)} positive numbers are needed, one a pixel."
            )
        self._resolution = power

    @property
    def snr(self) -> NDArray[np.float64]:
        """Signal to noise per pixel, float64 [n].

        The median of flux / error where there are errors. Otherwise an estimate from the
        scatter between pixels (DER_SNR, Stoehr et al. 2008), and `snr_estimated` is True. It
        compares pixels two apart, or 0.4 FWHM where the sampling is finer: nearer ones share
        their noise (on real RVS spectra the estimate then lies 5 % below the errors' S/N, and
        35 % above it with two pixels). 0 where no pixel can be used.
        """
        lag = 2 if self.error is not None else independent_lag(self._wavelength, self.resolution)
        return signal_to_noise(self.flux, self.error, self.mask, lag)

    @property
    def snr_estimated(self) -> bool:
        """Whether `snr` is an estimate, since the spectra carry no errors."""
        return self.error is None

    def wavelength_check(self) -> WavelengthCheck:
        """Compare the strongest lines with where they should be.

        Finds air wavelengths given for vacuum ones (or the reverse), and a grid that is
        shifted, from S/N 20 or so.

        Returns
        -------
        WavelengthCheck
            Shift [km/s] per star and a verdict.

        Raises
        ------
        InvalidInput
            If no strong line that is known lies in the range.
        """
        return check_wavelengths(self)

    def to_instrument(self, name: str) -> SpectrumSet:
        """Bring the spectra to the grid and the resolution of an instrument.

        Between air and vacuum (Ciddor 1996) where the two differ; convolved with the Gaussian
        that takes the own R down to the wanted one; resampled so that flux is conserved. The
        pixels' share in both line widths counts as part of R. Values keep the unit that they
        have. Within one instrument only the sampling and the range change.

        Parameters
        ----------
        name : str
            Identifier of the instrument.

        Returns
        -------
        SpectrumSet
            Errors are propagated as if pixels were independent, which makes those of
            neighbouring pixels of the new spectrum dependent. A pixel is masked where more than
            5 % of its weight (0.1 % within one instrument) was masked or lies outside the old
            range.

        Raises
        ------
        GridMismatch
            If the ranges do not meet, or a higher resolution is asked for.
        InvalidInput
            If the grid has a single pixel.
        """
        wanted = get_instrument(name)
        same = wanted.id == self.instrument.id
        matrix = transfer(self._wavelength, self.instrument, self.resolution, wanted)
        coverage = MIN_COVERAGE if same else MIN_COVERAGE_LSF
        flux, error, mask = rebin(matrix, self.flux, self.error, self.mask, coverage)
        out = SpectrumSet(
            self.source_id,
            wanted.wavelength,
            flux,
            error,
            mask,
            wanted.id,
            missing=self.missing,
            provenance={**self.provenance, "resampled": True},
            names=self.names,
        )
        if not same:
            out.provenance |= {"observed_with": self.instrument.id, "air_vacuum": "Ciddor 1996"}
        elif self._resolution is not None:
            out.set_resolution(np.interp(wanted.wavelength, self._wavelength, self._resolution))
        return out

    def degrade(
        self, resolution: float | None = None, snr: float | None = None, *, seed: int = 0
    ) -> SpectrumSet:
        """Return the same spectra as a poorer instrument would show them, on the same grid.

        Parameters
        ----------
        resolution : float, optional
            R to convolve down to; None leaves it.
        snr : float, optional
            Signal to noise per pixel to reach: Gaussian noise, equally strong in all pixels
            of a star, is added to what noise there is by the spectrum's own errors. A star that
            is noisier already stays as it is; ``provenance["noisier_already"]`` counts those.
        seed : int, optional
            The noise depends on it and on the source_id alone, so a subset gets the same.

        Returns
        -------
        SpectrumSet
            Its errors hold the added noise; its `resolution` is the new one.

        Raises
        ------
        GridMismatch
            If the spectra have a lower resolution already.
        InvalidInput
            If R or the S/N is not a positive number.
        """
        out = self[:]
        out.provenance = dict(self.provenance)
        if resolution is not None:
            wanted = Instrument.custom(
                "degraded",
                resolution,
                unit=self.instrument.unit,
                medium=self.instrument.medium,
            )
            matrix = transfer(self._wavelength, self.instrument, self.resolution, wanted)
            flux, error, mask = rebin(matrix, self.flux, self.error, self.mask, MIN_COVERAGE_LSF)
            out.flux, out.mask = flux.astype(np.float32), mask | self.mask
            out.error = None if error is None else error.astype(np.float32)
            out.set_resolution(np.full(len(self._wavelength), float(resolution)))
            out.provenance["degraded_to_resolution"] = float(resolution)
        if snr is not None:
            out.flux, out.error, noisier = draw_noise(
                out.flux, out.error, out.mask, out.source_id, snr, seed
            )
            out.provenance |= {
                "degraded_to_snr": float(snr),
                "noise_seed": seed,
                "noisier_already": noisier,
            }
        return out

    @classmethod
    def concat(cls, sets: Sequence[SpectrumSet]) -> SpectrumSet:
        """Put several sets on the same grid into one.

        Parameters
        ----------
        sets : sequence of SpectrumSet
            At least one; all of one instrument and grid.

        Returns
        -------
        SpectrumSet
            All rows in order. Errors are kept if every set has some; so are names.

        Raises
        ------
        GridMismatch
            If grids or instruments differ.
        InvalidInput
            If there is no set.
        """
        if not sets:
            raise InvalidInput("There is no set of spectra to put together.")
        first = sets[0]
        for other in sets[1:]:
            other.check_grid_of(first)
        out = first[np.zeros(0, dtype=np.int64)]
        out.source_id = np.concatenate([part.source_id for part in sets])
        out.flux = np.concatenate([part.flux for part in sets])
        out.mask = np.concatenate([part.mask for part in sets])
        errors = [part.error for part in sets if part.error is not None]
        out.error = np.concatenate(errors) if len(errors) == len(sets) else None
        names = [part.names for part in sets if part.names is not None]
        out.names = np.concatenate(names) if len(names) == len(sets) else None
        out.missing = tuple(i for part in sets for i in part.missing)
        return out

    def check_grid_of(self, other: SpectrumSet) -> None:
        """Raise `GridMismatch` unless another set has the same instrument and grid.

        Parameters
        ----------
        other : SpectrumSet
            To compare with.

        Raises
        ------
        GridMismatch
            Says how the two differ.
        """
        mine, its = self._wavelength, other._wavelength
        if self.instrument.id == other.instrument.id and grids_agree(mine, its):
            return
        raise GridMismatch(
            f"{self!r} with {len(mine)} pixels and {other!r} with {len(its)} pixels are on "
            "different grids. Bring each to one with to_instrument, then put them together with "
            "SpectrumSet.concat."
        )
