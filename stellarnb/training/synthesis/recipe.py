"""What a node is: its window, its labels, and what they mean for the synthesis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = ["LABELS", "WINDOWS", "SynthesisWindow", "abundances", "carbon_isotopes", "window_named"]

#: The labels of a node: teff [K], logg [dex(cm s-2)], fe_h, alpha_m [dex], vmic [km s-1], then
#: [X/Fe] of single elements [dex], and A(Li).
LABELS = (
    "teff",
    "logg",
    "fe_h",
    "alpha_m",
    "vmic",
    "mg_fe",
    "si_fe",
    "ca_fe",
    "ti_fe",
    "al_fe",
    "ni_fe",
    "c_fe",
    "n_fe",
    "a_li",
)

#: Atomic number and A(X) in the Sun of the elements with a label of their own (Grevesse, Asplund
#: & Sauval 2007, Space Sci. Rev. 130, 105). Turbospectrum has the same scale for all others.
SUN = {
    "c": (6, 8.39),
    "n": (7, 7.78),
    "mg": (12, 7.53),
    "al": (13, 6.37),
    "si": (14, 7.51),
    "ca": (20, 6.31),
    "ti": (22, 4.90),
    "ni": (28, 6.23),
}
LITHIUM = 3

#: Giants have mixed their carbon: 12C/13C below and above this logg.
MIXED_LOGG, MIXED, UNMIXED = 3.3, 19.0, 90.0


@dataclass(frozen=True)
class SynthesisWindow:
    """A stretch of spectrum."""

    name: str  #: ``cat`` or ``hr15n``
    #: low, high, step: First wavelength, the last that may be there, and the distance of two, in
    #: air [Angstrom].
    low: float
    high: float
    step: float
    #: Lines left out because they come out more than 5 % too deep in the Sun or in two stars of
    #: Gaia RVS: species (``26.000`` is iron) and wavelength, all neutral.
    removed: tuple[tuple[str, float], ...]

    @property
    def n_pixels(self) -> int:
        """Number of wavelengths."""
        return int((self.high - self.low) / self.step) + 1

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """Wavelengths in air [Angstrom], shape [n_pixels]."""
        return np.round(self.low + self.step * np.arange(self.n_pixels), 3)


WINDOWS = {
    "cat": SynthesisWindow("cat", 8412.0, 8792.0, 0.06, (("28.000", 8501.796),)),
    "hr15n": SynthesisWindow(
        "hr15n",
        6446.0,
        6814.0,
        0.05,
        (
            ("26.000", 6539.005),
            ("26.000", 6711.820),
            ("26.000", 6724.091),
            ("12.000", 6765.450),
        ),
    ),
}


def window_named(name: str) -> SynthesisWindow:
    """Return a window, or raise `InvalidInput`."""
    if name not in WINDOWS:
        raise InvalidInput(f"No window {name!r}; there are: {', '.join(WINDOWS)}.")
    return WINDOWS[name]


def abundances(star: Mapping[str, float]) -> dict[int, float]:
    """Return A(X) of the elements with a label of their own, by atomic number.

    Returns A(X) = A(X) in the Sun + [Fe/H] + [X/Fe]; A(Li) as it is.
    """
    out = {LITHIUM: star["a_li"]}
    for element, (number, sun) in SUN.items():
        out[number] = sun + star["fe_h"] + star[f"{element}_fe"]
    return dict(sorted(out.items()))


def carbon_isotopes(logg: float) -> tuple[float, float]:
    """Return the fractions of 12C and 13C for a surface gravity [dex(cm s-2)]."""
    ratio = MIXED if logg < MIXED_LOGG else UNMIXED
    return ratio / (1.0 + ratio), 1.0 / (1.0 + ratio)
