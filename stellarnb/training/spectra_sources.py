"""Where training spectra come from: made as they are asked for, or as a survey delivered them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stellarnb.training.nuisance import SpectrumMaker

__all__ = ["Emulated", "Recorded", "SpectrumSource"]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Seen = tuple[Floats, Floats, NDArray[np.bool_]]

#: Recorded spectra are noisy already: no more than this part of their noise again.
MORE_NOISE = 0.3


class SpectrumSource(Protocol):
    """Spectra of the stars of a population."""

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:
        """Return flux, errors and usable pixels [n, n_pix] of some stars, seen anew."""
        ...


@dataclass(frozen=True)
class Emulated:
    """Spectra from an emulator; see `SpectrumMaker`.

    Attributes
    ----------
    coefficients : numpy.ndarray of float32, shape [n, n_draws, k]
        Of the emulator's components.
    maker : SpectrumMaker
        Makes spectra of them.
    """

    coefficients: Floats
    maker: SpectrumMaker

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:
        """Return spectra with flaws, noise and gaps."""
        snr = self.maker.draw_snr(rng, len(rows))
        return self.maker.make(self.coefficients[rows, draw], snr, rng)


@dataclass(frozen=True)
class Recorded:
    """Real spectra.

    Attributes
    ----------
    flux, error : numpy.ndarray of float32, shape [n, n_pix]
        As `clean_pixels` gives them.
    usable : numpy.ndarray of bool, shape [n, n_pix]
    """

    flux: Floats
    error: Floats
    usable: NDArray[np.bool_]

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:  # noqa: ARG002
        """Return spectra with a little of their noise again."""
        error = self.error[rows]
        size = MORE_NOISE * rng.random((len(rows), 1), dtype=np.float32)
        noise = rng.standard_normal(error.shape, dtype=np.float32)
        return self.flux[rows] + size * noise * np.nan_to_num(error), error, self.usable[rows]
