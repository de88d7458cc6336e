"""What an instrument makes of a synthetic spectrum, as one matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import erfc

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.spectra import Instrument
from stellarnb.spectra.line_spread import transfer
from stellarnb.spectra.resample import MIN_COVERAGE_LSF

__all__ = [
    "LIGHT",
    "ROTATION",
    "broadening_matrix",
    "macroturbulence_profile",
    "response",
    "rotation_profile",
]

#: Speed of light [km/s].
LIGHT = 299_792.458
#: Rotation [km/s] between which fits interpolate, linearly in its square: that is what the
#: variance of a line's profile grows by.
ROTATION = np.array([0.0, 4, 8, 12, 16, 20, 25, 30, 36, 43, 51, 60])
#: Points of a profile on each side of its centre.
N_PROFILE = 2000
#: A radial-tangential profile is cut at this many times its speed, where 1e-6 of it is left.
REACH_MACRO = 3.5

Floats = NDArray[np.float64]


def rotation_profile(x: Floats, limb_darkening: float = 0.6) -> Floats:
    """Return the rotational profile of Gray (2005), eq. 18.14, at x = velocity over v sin i; integral 1."""
    inside = np.clip(1.0 - x * x, 0.0, None)
    limb = limb_darkening
    top = 2.0 * (1.0 - limb) * np.sqrt(inside) + 0.5 * np.pi * limb * inside
    return np.asarray(top / (np.pi * (1.0 - limb / 3.0)))


def macroturbulence_profile(x: Floats) -> Floats:
    """Return the radial-tangential profile of Gray (2005), equal parts, at x = velocity over speed; integral 1."""
    size = np.abs(x)
    return np.asarray(2 / np.sqrt(np.pi) * (np.exp(-(x**2)) - np.sqrt(np.pi) * size * erfc(size)))


def broadening_matrix(
    wavelength: Floats, vsini: float = 0.0, vmac: float = 0.0
) -> sparse.csr_array | None:
    """Return weights [n, n] of rotation and macroturbulence [km/s] on an even grid, or None.

    Each row sums to 1, at the ends of the grid too.
    """
    out = None
    for name, speed, profile, reach in (
        ("vsini", vsini, rotation_profile, 1.0),
        ("vmac", vmac, macroturbulence_profile, REACH_MACRO),
    ):
        if not (np.isfinite(speed) and speed >= 0):
            raise InvalidInput(f"{name} is {speed}; 0 or a positive speed in km/s is needed.")
        if speed > 0:
            x = np.linspace(-reach, reach, 2 * N_PROFILE + 1)
            matrix = _kernel(wavelength, speed, x, profile(x))
            out = matrix if out is None else matrix @ out
    return out


def _kernel(grid: Floats, speed: float, x: Floats, profile: Floats) -> sparse.csr_array:
    """Integrate a profile over each pixel, as wide as the wavelength there makes it."""
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (profile[1:] + profile[:-1]))])
    cumulative /= cumulative[-1]
    step = float(grid[1] - grid[0])
    width = grid * speed / LIGHT
    half = int(np.ceil(x[-1] * width[-1] / step + 0.5))
    offset = np.arange(-half, half + 1)
    edges = (np.arange(-half, half + 2) - 0.5) * step
    weight = np.diff(np.interp(edges[None, :] / width[:, None], x, cumulative), axis=1)
    column = np.arange(len(grid))[:, None] + offset[None, :]
    inside = (column >= 0) & (column < len(grid))
    weight = np.where(inside, weight, 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(len(grid))[:, None], column.shape)
    values = (weight[inside], (rows[inside], column[inside]))
    return sparse.csr_array(values, shape=(len(grid), len(grid)))


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
    """Return the weights [n_pix, n] of synthetic pixels in an instrument's; rows sum to 1.

    The grid is even, in air [Angstrom]; speeds are in km/s, a positive velocity moves lines to the
    red.
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
