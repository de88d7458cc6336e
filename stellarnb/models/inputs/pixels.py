"""Inputs of the networks: pixels that may be used, and scalars found by their column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import GridMismatch, InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.spectra import SpectrumSet
from stellarnb.spectra.rows import row_count, row_median
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import find_column

__all__ = ["Pixels", "clean_pixels", "line_verdict", "match_scalars"]

Floats = NDArray[np.floating[Any]]

#: Spectra whose lines are looked at before a prediction.
LINE_CHECKED = 32
#: Stars whose shifts [km/s] must agree within this before a grid is called wrong.
MIN_AGREEING, AGREEMENT = 3, 20.0
#: Shift of air wavelengths against vacuum in the optical [km/s] (n - 1 = 2.75e-4).
AIR_VACUUM = 82.5

#: A pixel further below zero than this many errors is not noise.
MAX_NEGATIVE_SIGMA = 5.0

#: No star has a value outside these ranges: 99.99 and -9999 mean 'none'.
MAGNITUDE_RANGE = (-5.0, 40.0)
RANGES: dict[str, tuple[float, float]] = {
    "parallax": (-500.0, 800.0),
    "parallax_error": (0.0, 100.0),
    "av": (-5.0, 100.0),
    **dict.fromkeys(("j", "h", "k", "w1", "w2"), MAGNITUDE_RANGE),
}
#: Where the median of a continuum-normalised spectrum lies; one in counts is far off.
CONTINUUM_RANGE = (0.2, 2.0)


@dataclass(frozen=True)
class Pixels:
    """Spectra ready for scaling.

    Attributes
    ----------
    flux, error : numpy.ndarray of float32, shape [n, n_pix]
        Normalised; unusable pixels are interpolated in `flux` and NaN in `error`. `error` is None
        where none was given.
    usable : numpy.ndarray of bool, shape [n, n_pix]
        Pixels that count.
    alive : numpy.ndarray of bool, shape [n]
        False for a spectrum from which nothing can be read (no valid pixel, a median that is not
        positive, or for a continuum-normalised product one that is nowhere near 1); its flux is
        set to 1 throughout.
    xp : Pixels or None
        The same stars' XP spectra, for networks that read them beside the others.
    """

    flux: Floats
    error: Floats | None
    usable: NDArray[np.bool_]
    alive: NDArray[np.bool_]
    xp: Pixels | None = None

    @property
    def masked_fraction(self) -> Floats:
        """Fraction of pixels left out, shape [n]."""
        n_pix = self.usable.shape[1]
        fraction: Floats = (1.0 - row_count(self.usable) / n_pix).astype(np.float32)
        return fraction


def clean_pixels(spectra: SpectrumSet) -> Pixels:
    """Mask what cannot be flux, and divide by the median of the rest.

    Masked: flux that is not finite, has no positive error or lies 5 errors below zero. Spectra of
    an instrument that is continuum-normalised are not divided.
    """
    usable = ~spectra.mask
    flux = np.array(spectra.flux)
    error = None if spectra.error is None else np.array(spectra.error)
    masked = not usable.all()
    if masked:
        flux[spectra.mask] = 0.0
    if error is not None:
        if masked:
            error[spectra.mask] = np.nan
        with np.errstate(invalid="ignore"):
            usable &= flux >= -MAX_NEGATIVE_SIGMA * error
    continuum = spectra.instrument.normalisation == "continuum"
    scale = None if continuum else _medians(flux, usable)
    if scale is None:
        alive = _most(flux > CONTINUUM_RANGE[0], usable) & _most(flux < CONTINUUM_RANGE[1], usable)
    else:
        alive = scale > 0
    pixel = np.arange(flux.shape[1])
    # Before the first and after the last usable pixel: the continuum where it is known.
    end = 1.0 if continuum else None
    whole = usable.all(axis=1)
    for row in np.flatnonzero(~whole & alive):
        use = usable[row]
        flux[row] = np.interp(pixel, pixel[use], flux[row, use], left=end, right=end)
    if scale is not None:
        scale = np.where(alive, scale, 1.0)[:, None].astype(np.float32)
        flux /= scale
    flux[~alive] = 1.0
    if error is not None:
        if not whole.all():
            error[~usable] = np.nan
        if scale is not None:
            error /= scale
        error[~alive] = np.nan
    return Pixels(flux=flux, error=error, usable=usable & alive[:, None], alive=alive)


def _medians(flux: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Return the median of the usable pixels, 0 where there is none, shape [n]."""
    seen = flux if usable.all() else np.where(usable, flux, np.float32(np.nan))
    median = row_median(seen).astype(np.float64)
    return np.where(np.isnan(median), 0.0, median)


def _most(condition: NDArray[np.bool_], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether a condition holds for more than half of the usable pixels, shape [n].

    It says the same of their median, for less.
    """
    holds: NDArray[np.bool_] = 2 * row_count(condition & usable) > row_count(usable)
    return holds


def line_verdict(spectra: SpectrumSet) -> str:
    """Return a note on the place of the strong lines in some spectra; `GridMismatch` if they lie elsewhere."""
    chosen = np.unique(np.linspace(0, max(len(spectra) - 1, 0), LINE_CHECKED).astype(int))
    try:
        check = spectra[chosen[: len(spectra)]].wavelength_check()
    except InvalidInput as error:
        return f"not possible: {error}"
    if not check.ok and _agree(check.shift[check.found], len(check.found), spectra):
        raise GridMismatch(
            f"{check.verdict} A network would read these as other stars. Correct the wavelengths, "
            "or pass check_lines=False if they are right."
        )
    return check.verdict


def _agree(shifts: NDArray[np.float64], asked: int, spectra: SpectrumSet) -> bool:
    """Return whether shifts [km/s] are one and the same, and not peaks of the noise."""
    if len(shifts) < 0.5 * asked or len(shifts) == 0:
        return False
    if len(shifts) < MIN_AGREEING:  # one star may be wrong, unless it errs just by air for vacuum
        sign = -1.0 if spectra.instrument.medium == "vacuum" else 1.0
        return bool(np.all(np.abs(shifts - sign * AIR_VACUUM) < AGREEMENT))
    return bool(np.median(np.abs(shifts - np.median(shifts))) < AGREEMENT)


def match_scalars(
    source_id: NDArray[np.int64],
    stars: Any,
    wanted: Sequence[str],
    *,
    optional: Sequence[str] = (),
    allow_missing: bool = False,
    needs_all: bool = False,
) -> dict[str, NDArray[np.float64]]:
    """Return columns, float64 [n], in the order of the spectra; NaN for a star not in the table.

    Rows are matched by ``source_id``, the first for an id counts; identical identifiers are taken
    as they stand.
    """
    empty = {name: np.full(len(source_id), np.nan) for name in wanted}
    if stars is None:
        if needs_all:
            raise MissingInput(
                "This network reads more than the spectrum: pass stars, a table with source_id, "
                f"{', '.join(wanted)}."
            )
        return empty
    table = as_arrow(stars)
    columns = {n: find_column(table.column_names, n) for n in ("source_id", *wanted, *optional)}
    if columns["source_id"] is None:
        raise MissingInput(
            "stars has no column source_id; stars and spectra are joined by it. Add it."
        )
    absent = [name for name in wanted if columns[name] is None]
    if absent and (needs_all or not allow_missing):
        hint = (
            "This network needs every input; a star with NaN in one gets no labels."
            if needs_all
            else "Or pass allow_missing=True: the errors grow accordingly."
        )
        raise MissingInput(
            f"stars: no column {', '.join(absent)}. Add what you have of it (NaN where a star has "
            f"none). {hint}"
        )
    ids = as_source_ids(column_to_numpy(table[columns["source_id"]]))
    row = np.arange(len(ids)) if np.array_equal(ids, source_id) else match_ids(source_id, ids)
    out = empty
    for name in (*wanted, *optional):
        column = columns[name]
        if column is not None:
            values = _numbers(table[column], column)
            if "mag" in name or name in RANGES:
                low, high = RANGES.get(name, MAGNITUDE_RANGE)
                values = np.where((values > low) & (values < high), values, np.nan)
            padded = np.append(values, np.nan)  # row -1, 'no such star', takes the NaN
            out[name] = padded[row]
    return out


def _numbers(column: Any, name: str) -> NDArray[np.float64]:
    kind = str(column.type)
    if not kind.startswith(("float", "double", "halffloat", "int", "uint", "decimal", "null")):
        raise InvalidInput(f"stars: column {name} is {kind}; numbers are needed.")
    values = np.array(column.cast("float64").to_numpy(), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values
