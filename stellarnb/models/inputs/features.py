"""From clean pixels and magnitudes to the scaled tensors that the XP networks read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.inputs.pixels import Pixels
from stellarnb.spectra.rows import row_median

__all__ = ["COLOURS", "MAGNITUDES", "XPScaler", "colours"]

Floats = NDArray[np.floating[Any]]

MAGNITUDES = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "j", "h", "k")
#: Pairs of `MAGNITUDES`: BP-RP, BP-G, G-RP, G-J, G-H, G-K, J-H, H-K, J-K.
COLOURS = ((1, 2), (1, 0), (0, 2), (0, 3), (0, 4), (0, 5), (3, 4), (4, 5), (3, 5))
N_BANDS = 12
#: Scaled values are clipped here: further out no training star lies.
LIMIT = 8.0


def colours(magnitudes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the colours of `COLOURS`, shape [n, 9], from magnitudes [n, 6]; NaN = missing."""
    return np.stack([magnitudes[:, a] - magnitudes[:, b] for a, b in COLOURS], axis=1)


@dataclass(frozen=True)
class XPScaler:
    """Scaling of XP spectra, colours and noise, with robust centres and widths.

    No apparent magnitude goes in, only colours: brightness would teach a network the survey's
    selection.

    Attributes
    ----------
    softening : numpy.ndarray []
        Flux, in units of the median, below which asinh is linear: noise about zero stays
        harmless.
    flux_centre, flux_width : numpy.ndarray [n_pix]
        Of asinh(flux / softening).
    colour_centre, colour_width : numpy.ndarray [9]
        Of the colours.
    noise_centre, noise_width : numpy.ndarray [12]
        Of log10 of the median S/N in twelve bands.
    """

    softening: Floats
    flux_centre: Floats
    flux_width: Floats
    colour_centre: Floats
    colour_width: Floats
    noise_centre: Floats
    noise_width: Floats

    @classmethod
    def fit(cls, pixels: Pixels, magnitudes: NDArray[Any], softening: float) -> Self:
        """Measure centres and widths on training stars (median and 1.4826 MAD); magnitudes [n, 6], NaN = missing."""
        stretched = np.arcsinh(pixels.flux / softening)
        parts: list[Floats] = [np.asarray(softening, dtype=np.float32)]
        for values in (stretched, colours(magnitudes), signal_to_noise(pixels)):
            centre = np.nanmedian(values, axis=0)
            parts += [centre, 1.4826 * np.nanmedian(np.abs(values - centre), axis=0)]
        return cls(*(np.asarray(part, dtype=np.float32) for part in parts))

    def flux(self, pixels: Pixels) -> Floats:
        """Return the scaled flux, float32 [n, n_pix]."""
        scaled = (np.arcsinh(pixels.flux / self.softening) - self.flux_centre) / self.flux_width
        clipped: Floats = np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)
        return clipped

    def noise(self, pixels: Pixels) -> Floats | None:
        """Return the errors in units of the scaled flux, float32 [n, n_pix]; NaN = left out."""
        if pixels.error is None:
            return None
        noise: Floats = (pixels.error * self.slope(pixels)).astype(np.float32)
        return noise

    def slope(self, pixels: Pixels) -> Floats:
        """Return the derivative of the scaled flux by the median-normalised one, [n, n_pix]."""
        # d asinh(f/s) / df
        slope: Floats = 1.0 / np.sqrt(pixels.flux**2 + self.softening**2) / self.flux_width
        return slope

    def extras(self, pixels: Pixels, magnitudes: NDArray[Any]) -> Floats:
        """Return colours, missing-indicators and noise, float32 [n, 27].

        A missing colour is 0; without flux errors the noise is that of a typical training star.
        """
        colour = (colours(magnitudes) - self.colour_centre) / self.colour_width
        colour = np.nan_to_num(np.clip(colour, -LIMIT, LIMIT))
        if pixels.error is None:
            level = np.zeros((len(pixels.flux), N_BANDS))
        else:
            level = (signal_to_noise(pixels) - self.noise_centre) / self.noise_width
        parts = [colour, np.isnan(magnitudes), np.clip(level, -LIMIT, LIMIT)]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Build it from the arrays that `to_arrays` gave."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})


def signal_to_noise(pixels: Pixels) -> NDArray[np.float64]:
    """Return log10 of the median S/N in each of twelve bands, shape [n, 12].

    A band of which nothing is usable takes the mean of the others.
    """
    assert pixels.error is not None, "callers ask only where errors are given"  # noqa: S101
    edges = np.linspace(0, pixels.flux.shape[1], N_BANDS + 1).astype(int)
    ratio = np.abs(pixels.flux) / pixels.error
    bands = [row_median(ratio[:, a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    level = np.log10(np.clip(np.stack(bands, axis=1, dtype=np.float64), 0.1, 1e4))
    seen = np.isfinite(level)
    mean = np.where(seen, level, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, level, mean[:, None])
