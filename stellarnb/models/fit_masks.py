"""Which pixels of a window a fit leaves out, since no synthetic spectrum gets them right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BAD_LINES", "CORES", "unfit_pixels"]

#: Cores that a chromosphere fills and LTE misses: centre and half-width, in air [Angstrom]. Of
#: Halpha the whole line as Nepal et al. (2023, A&A 671, A61) cut it: its wings are what the
#: continuum of a reduced spectrum is least sure of.
CORES = (
    (8498.02, 2.0),
    (8542.09, 2.5),
    (8662.14, 2.5),
    (6562.81, 8.0),
)
#: Lines too deep in the synthesis and not understood, and lines that were taken out of it.
BAD_LINES = (
    (6504.19, 0.4),
    (6592.66, 0.4),
    (6730.30, 0.4),
    (6784.99, 0.4),
    (6539.005, 0.3),
    (6711.820, 0.3),
    (6724.091, 0.3),
    (6765.450, 0.3),
    (8501.796, 0.4),
)


def unfit_pixels(air: NDArray[np.float64], *, mask_cores: bool) -> NDArray[np.bool_]:
    """Return which pixels to leave out.

    Parameters
    ----------
    air : numpy.ndarray, shape [n_pix]
        Wavelengths in air [Angstrom].
    mask_cores : bool
        Whether the cores of Ca II and Halpha are left out too.

    Returns
    -------
    numpy.ndarray of bool, shape [n_pix]
    """
    out = np.zeros(len(air), dtype=bool)
    for centre, half in (*BAD_LINES, *(CORES if mask_cores else ())):
        out |= np.abs(air - centre) <= half
    return out
