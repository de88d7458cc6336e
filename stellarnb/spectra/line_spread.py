"""From one instrument's grid, medium and resolution to another's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.spectra.air import air_to_vacuum, vacuum_to_air
from stellarnb.spectra.instruments import Instrument
from stellarnb.spectra.resample import lsf_matrix, pixel_edges

__all__ = ["can_reach", "convert_wavelength", "transfer"]

#: FWHM of a Gaussian in units of its standard deviation.
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
#: A resolution this much higher than the own one still counts as the same.
R_TOLERANCE = 1.01


def convert_wavelength(
    wavelength: NDArray[np.float64], unit: str, medium: str, new_unit: str, new_medium: str
) -> NDArray[np.float64]:
    """Return wavelengths in another unit and medium."""
    if unit == new_unit and medium == new_medium:
        return wavelength
    from astropy import units as u

    angstrom = wavelength * u.Unit(unit).to("Angstrom")
    if medium != new_medium:
        angstrom = (air_to_vacuum if new_medium == "vacuum" else vacuum_to_air)(angstrom)
    return np.asarray(angstrom * u.Unit("Angstrom").to(new_unit))


def transfer(
    grid: NDArray[np.float64],
    instrument: Instrument,
    resolution: NDArray[np.float64],
    wanted: Instrument,
) -> sparse.csr_array:
    """Return the weights that bring spectra to the grid and resolution of an instrument.

    grid [n]: wavelengths of the spectra, in the instrument's unit; resolution [n]: their R. Returns
    [m, n]: for `resample.rebin`.
    """
    old = pixel_edges(grid)
    if wanted.n_pix == 0:
        new, power = old, np.full(len(grid), wanted.resolution[0])
    else:
        lower, upper = (
            convert_wavelength(edge, wanted.unit, wanted.medium, instrument.unit, instrument.medium)
            for edge in pixel_edges(wanted.wavelength)
        )
        new, power = (lower, upper), wanted.resolution_at(wanted.wavelength)
    centre = 0.5 * (new[0] + new[1])
    meets = (new[1] > old[0][0]) & (new[0] < old[1][-1])
    if not meets.any():
        raise GridMismatch(
            f"The spectra reach over {grid[0]:g}-{grid[-1]:g} {instrument.unit} "
            f"({instrument.medium}); nothing of {wanted.id}, {wanted.grid_words()}, lies there."
        )
    if wanted.id == instrument.id:
        return lsf_matrix(old, new, np.zeros(len(centre)))
    own = np.interp(centre, grid, resolution)
    if np.any(power[meets] > R_TOLERANCE * own[meets]):
        at = int(np.argmax(np.where(meets, power / own, 0.0)))
        raise GridMismatch(
            f"A resolution of R = {power[at]:.0f} is asked for ({wanted.title}) and the spectra "
            f"have R = {own[at]:.0f} at {centre[at]:g} {instrument.unit}: detail that was never "
            "recorded cannot be put back. Choose an instrument of lower resolution."
        )
    # A quoted R is that of a line as delivered, pixels included. Averaging over the old and the
    # new pixel widens by step^2 / 12 each; the kernel makes up for the rest.
    box = (np.interp(centre, grid, old[1] - old[0]) ** 2 + (new[1] - new[0]) ** 2) / 12
    variance = (centre / FWHM) ** 2 * (1 / power**2 - 1 / own**2) - box
    return lsf_matrix(old, new, np.sqrt(np.clip(variance, 0, None)))


def can_reach(
    grid: NDArray[np.float64],
    instrument: Instrument,
    resolution: NDArray[np.float64],
    wanted: Instrument,
) -> bool:
    """Return whether `transfer` can bring spectra to an instrument."""
    try:
        transfer(grid, instrument, resolution, wanted)
    except (GridMismatch, InvalidInput):
        return False
    return True
