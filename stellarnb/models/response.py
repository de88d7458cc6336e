"""What an instrument makes of a synthetic spectrum, as one matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stellarnb.errors import GridMismatch
from stellarnb.models.broadening import LIGHT, broadening_matrix
from stellarnb.spectra import Instrument
from stellarnb.spectra.line_spread import transfer
from stellarnb.spectra.resample import MIN_COVERAGE_LSF

__all__ = ["response"]

#: R of a spectrum that no instrument has broadened.
PERFECT = 1e7


def response(
    grid: NDArray[np.float64],
    instrument: Instrument,
    *,
    resolution: float | None = None,
    velocity: float = 0.0,
    vsini: float = 0.0,
    vmac: float = 0.0,
) -> sparse.csr_array:
    """Return the weights of a synthetic spectrum's pixels in an instrument's.

    Parameters
    ----------
    grid : numpy.ndarray, shape [n]
        Evenly spaced wavelengths of the synthetic spectrum, in air [Angstrom].
    instrument : Instrument
        Whose line-spread function, medium and grid are wanted.
    resolution : float, optional
        R, where it is not the instrument's own.
    velocity : float, optional
        Radial velocity that is left in the spectra [km/s]; positive moves lines to the red.
    vsini, vmac : float, optional
        Rotation and radial-tangential macroturbulence [km/s].

    Returns
    -------
    scipy.sparse.csr_array, shape [n_pix, n]
        Each row sums to 1.

    Raises
    ------
    GridMismatch
        If the synthetic spectrum does not cover the instrument's grid.
    InvalidInput
        If a speed is negative.
    """
    shifted = grid * (1.0 + velocity / LIGHT)
    source = Instrument.custom("synthetic", PERFECT)
    wanted = instrument
    if resolution is not None:
        wanted = replace(instrument, resolution=(resolution, resolution), resolution_table=())
    matrix = transfer(shifted, source, np.full(len(grid), PERFECT), wanted)
    whole = matrix.sum(axis=1)
    if np.any(whole < MIN_COVERAGE_LSF):
        raise GridMismatch(
            f"Synthetic spectra over {grid[0]:g}-{grid[-1]:g} Angstrom (air) do not cover "
            f"{instrument.id}: {instrument.grid_words()}."
        )
    matrix = sparse.csr_array(sparse.diags_array(1.0 / whole) @ matrix)
    broadened = broadening_matrix(grid, vsini, vmac)
    return matrix if broadened is None else sparse.csr_array(matrix @ broadened)
