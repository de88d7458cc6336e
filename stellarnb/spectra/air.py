"""Air and vacuum wavelengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["air_to_vacuum", "vacuum_to_air"]


def _index(vacuum: NDArray[np.float64]) -> NDArray[np.float64]:
    # Ciddor 1996, Applied Optics 35, 1566, eq. 1: dry air at 15 C, 101325 Pa, 450 ppm of CO2.
    squared_wavenumber = (1e4 / vacuum) ** 2
    return np.asarray(
        1
        + 0.05792105 / (238.0185 - squared_wavenumber)
        + 0.00167917 / (57.362 - squared_wavenumber)
    )


def vacuum_to_air(wavelength: ArrayLike) -> NDArray[np.float64]:
    """Return wavelengths in standard air (Ciddor 1996).

    Parameters
    ----------
    wavelength : array_like
        In vacuum [Angstrom]; meant for 2300-17,000 Angstrom.

    Returns
    -------
    numpy.ndarray of float64
        In air at 15 C and 101,325 Pa [Angstrom].
    """
    vacuum = np.asarray(wavelength, dtype=np.float64)
    return np.asarray(vacuum / _index(vacuum))


def air_to_vacuum(wavelength: ArrayLike) -> NDArray[np.float64]:
    """Return wavelengths in vacuum (Ciddor 1996, inverted).

    Parameters
    ----------
    wavelength : array_like
        In standard air [Angstrom]; meant for 2300-17,000 Angstrom.

    Returns
    -------
    numpy.ndarray of float64
        In vacuum [Angstrom].
    """
    air = np.asarray(wavelength, dtype=np.float64)
    vacuum = air
    # The index hardly changes over the 2-5 Angstrom of the shift: each round gains five digits.
    for _ in range(3):
        vacuum = air * _index(vacuum)
    return vacuum
