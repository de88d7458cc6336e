"""Checks of what a set of spectra is built from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.instruments import Instrument
from stellarnb.spectra.resample import pixel_edges

__all__ = ["bare_wavelength", "grids_agree", "pixels"]

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
