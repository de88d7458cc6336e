"""Whether the strongest lines are where they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.instruments import Instrument
from stellarnb.spectra.line_spread import FWHM, convert_wavelength

if TYPE_CHECKING:
    from astropy.units import Quantity

__all__ = ["WavelengthCheck", "check_wavelengths"]

#: Speed of light [km/s].
C = 299792.458
#: Strong lines of F to K stars: Angstrom in air (NIST), relative depth, width by the star [Angstrom].
LINES = (
    (4861.35, 1.0, 2.0),  # H beta
    (6462.57, 0.3, 0.1),  # Ca I
    (6493.78, 0.3, 0.1),  # Ca I
    (6494.98, 0.3, 0.1),  # Fe I
    (6496.90, 0.3, 0.1),  # Ba II
    (6562.80, 1.0, 1.0),  # H alpha
    (6643.63, 0.3, 0.1),  # Ni I
    (6677.99, 0.3, 0.1),  # Fe I
    (6717.68, 0.3, 0.1),  # Ca I
    (6750.15, 0.2, 0.1),  # Fe I
    (8498.02, 0.8, 0.8),  # Ca II
    (8542.09, 1.0, 1.0),  # Ca II
    (8662.14, 1.0, 1.0),  # Ca II
)
#: Trial shifts [km/s].
TRIALS = np.arange(-400.0, 401.0, 2.0)
#: A grid is taken as right within this shift, and as air for vacuum within this of theirs [km/s].
TOLERANCE = 15.0
#: A peak counts from this many times the scatter of the correlation.
MIN_SIGNIFICANCE = 4.0
#: Pieces of the range in which the continuum is found.
PIECES = 24


class SpectraOnGrid(Protocol):
    """Spectra on one grid: flux and mask [n, n_pix], wavelength and resolution [n_pix]."""

    flux: NDArray[np.float32]
    mask: NDArray[np.bool_]
    instrument: Instrument

    def __len__(self) -> int: ...

    @property
    def wavelength(self) -> Quantity:
        """The grid in the instrument's unit."""

    @property
    def resolution(self) -> NDArray[np.float64]:
        """R = wavelength / FWHM."""


@dataclass(frozen=True)
class WavelengthCheck:
    """Where the lines are.

    Attributes
    ----------
    shift : numpy.ndarray of float64, shape [n]
        Of each star against the laboratory [km/s]; positive = to the red. NaN where no line was
        found, as `found` says.
    found : numpy.ndarray of bool, shape [n]
        Whether the lines stand out of the noise.
    median : float
        Median shift of those found [km/s]; NaN without any.
    ok : bool
        Whether the grid agrees with the laboratory.
    verdict : str
        What that means, as a sentence.
    """

    shift: NDArray[np.float64]
    found: NDArray[np.bool_]
    median: float
    ok: bool
    verdict: str


def check_wavelengths(spectra: SpectraOnGrid) -> WavelengthCheck:
    """Correlate spectra in the stars' rest frame with a template of strong lines."""
    instrument = spectra.instrument
    grid = convert_wavelength(
        spectra.wavelength.value, instrument.unit, instrument.medium, "Angstrom", instrument.medium
    )
    power = spectra.resolution
    if len(grid) < 2 * PIECES or np.median(power) < 1000:
        raise InvalidInput(
            f"{instrument.title}: at this resolution no line can tell whether the grid is right."
        )
    template, near = _template(grid, power, instrument.medium)
    shift, found = _measure(spectra, template, near)
    median = float(np.median(shift[found])) if found.any() else float("nan")
    ok, verdict = _verdict(median, int(found.sum()), instrument.medium, float(grid[near].mean()))
    return WavelengthCheck(shift, found, median, ok, verdict)


def _template(
    grid: NDArray[np.float64], power: NDArray[np.float64], medium: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return line depths at each trial shift [n_trials, n_near], and the pixels near lines."""
    lines = np.array(LINES)
    centres = convert_wavelength(lines[:, 0], "Angstrom", "air", "Angstrom", medium)
    reach = (TRIALS[-1] + 200.0) / C
    inside = (centres * (1 - reach) > grid[0]) & (centres * (1 + reach) < grid[-1])
    index = np.clip(np.searchsorted(grid, centres), 1, len(grid) - 1)
    # A line in the gap between two arms has no pixel next to it.
    inside &= np.minimum(abs(grid[index] - centres), abs(grid[index - 1] - centres)) < 1.0
    if not inside.any():
        raise InvalidInput(
            f"No strong line of the list lies within {grid[0]:.0f}-{grid[-1]:.0f} Angstrom, so "
            "the wavelengths cannot be checked."
        )
    near = np.zeros(len(grid), dtype=bool)
    for centre in centres[inside]:
        near |= np.abs(grid / centre - 1) < reach
    at = grid[near]
    model = np.zeros((len(TRIALS), len(at)))
    for centre, (_, depth, width) in zip(centres[inside], lines[inside], strict=True):
        sigma = np.hypot(centre / np.interp(centre, grid, power) / FWHM, width)
        moved = centre * (1 + TRIALS / C)
        model += depth * np.exp(-0.5 * ((at[None, :] - moved[:, None]) / sigma) ** 2)
    return model, near


def _measure(
    spectra: SpectraOnGrid, template: NDArray[np.float64], near: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return shift [km/s] and whether it is significant, for each star."""
    shift = np.full(len(spectra), np.nan)
    found = np.zeros(len(spectra), dtype=bool)
    for row in range(len(spectra)):
        valid = ~spectra.mask[row]
        if valid[near].sum() < 0.8 * near.sum():
            continue
        depth = _depth(spectra.flux[row].astype(np.float64), valid)[near]
        weight = valid[near].astype(np.float64)
        depth -= np.average(depth, weights=weight)
        mean = (template @ weight) / weight.sum()
        model = (template - mean[:, None]) * weight
        norm = np.sqrt((model**2).sum(axis=1))
        curve = (model @ depth) / np.where(norm > 0, norm, np.inf)
        best = int(np.argmax(curve))
        if not 0 < best < len(TRIALS) - 1:
            continue
        far = np.abs(TRIALS - TRIALS[best]) > 120.0
        spread = 1.4826 * np.median(np.abs(curve[far] - np.median(curve[far])))
        found[row] = curve[best] - np.median(curve[far]) > MIN_SIGNIFICANCE * max(spread, 1e-12)
        if found[row]:
            left, top, right = curve[best - 1 : best + 2]
            bend = left - 2 * top + right
            offset = 0.5 * (left - right) / bend if bend < 0 else 0.0
            shift[row] = TRIALS[best] + offset * (TRIALS[1] - TRIALS[0])
    return shift, found


def _depth(flux: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return 1 - flux / continuum, the continuum being a high percentile in pieces of the range."""
    pieces = np.array_split(np.arange(len(flux)), PIECES)
    places, levels = [], []
    for piece in pieces:
        use = piece[valid[piece]]
        if len(use):
            places.append(float(use.mean()))
            levels.append(float(np.percentile(flux[use], 85)))
    # A piece that a broad line fills would follow the line: bridge it by its neighbours.
    level = np.array(levels)
    wide = np.maximum(np.maximum(np.roll(level, 1), level), np.roll(level, -1))
    wide[[0, -1]] = level[[0, -1]]
    continuum = np.interp(np.arange(len(flux)), places, wide)
    safe = np.where(continuum > 0, continuum, np.inf)
    return np.where(valid, 1 - flux / safe, 0.0)


def _verdict(median: float, count: int, medium: str, wavelength: float) -> tuple[bool, str]:
    other = "air" if medium == "vacuum" else "vacuum"
    moved = convert_wavelength(np.array([wavelength]), "Angstrom", medium, "Angstrom", other)[0]
    swapped = C * (moved / wavelength - 1)
    if count == 0:
        return False, "No strong line stands out of the noise: the wavelengths cannot be checked."
    stars = "the star" if count == 1 else f"{count} stars"
    where = (
        f"The lines of {stars} lie {round(median):+d} km/s from where {medium} wavelengths put them"
    )
    if abs(median) <= TOLERANCE:
        return True, f"{where}: the grid agrees with the laboratory."
    if abs(median - swapped) <= TOLERANCE:
        return False, (
            f"{where}, and {other} wavelengths would be off by {round(swapped):+d} km/s: this looks like "
            f"{other} given for {medium}. Convert them with stellarnb.spectra."
            f"{'air_to_vacuum' if medium == 'vacuum' else 'vacuum_to_air'}."
        )
    return False, (
        f"{where}: the spectra are not in the rest frame, or the grid is shifted. Divide the "
        f"wavelengths by {1 + median / C:.6f}."
    )
