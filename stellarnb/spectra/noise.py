"""Signal to noise: measured, estimated and imposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.rows import row_median

__all__ = ["Interpolation", "draw_noise", "independent_lag", "signal_to_noise"]

#: From a median absolute value to a standard deviation, for 2 a - b - c of equal noises.
MAD_OF_THREE = 1.482602 / np.sqrt(6.0)


def signal_to_noise(
    flux: NDArray[np.float32],
    error: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
    lag: int = 2,
) -> NDArray[np.float64]:
    """Return the signal to noise per pixel of each spectrum.

    flux, error, mask [n, n_pix]: the spectra. Without errors the noise is estimated as DER_SNR does
    (Stoehr et al. 2008, ASP Conf. 394, 505). Returns [n]: 0 where no pixel can be used, or where
    the flux is not positive.
    """
    value = np.where(mask, np.nan, flux.astype(np.float64))
    # A star all of whose pixels are masked has no median; it comes back as 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        if error is not None:
            ratio = row_median(value / error)
        else:
            curve = np.abs(2 * value[:, lag:-lag] - value[:, : -2 * lag] - value[:, 2 * lag :])
            ratio = row_median(value) / (MAD_OF_THREE * row_median(curve))
    known = np.nan_to_num(ratio, nan=0.0, posinf=np.inf, neginf=0.0)
    return np.asarray(np.clip(known, 0, None))


def independent_lag(grid: NDArray[np.float64], resolution: NDArray[np.float64]) -> int:
    """Return how many pixels apart noise is independent: two, or 0.4 FWHM where that is more.

    grid, resolution [n_pix]: wavelengths, in any unit, and R.
    """
    if len(grid) < 2:
        return 2
    return max(2, round(0.4 * float(np.median(grid[1:] / resolution[1:] / np.diff(grid)))))


def draw_noise(
    flux: NDArray[np.float32],
    error: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
    source_id: NDArray[np.int64],
    snr: float,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """Add Gaussian noise until the spectra have a given signal to noise.

    flux, error, mask [n, n_pix]: the spectra; without errors they are taken as free of noise;
    source_id [n]: identifiers, part of the seed. Returns flux, error [n, n_pix]: with the noise.
    """
    if not (np.isfinite(snr) and snr > 0):
        raise InvalidInput(f"snr is {snr}; a positive number is needed.")
    if seed < 0:
        raise InvalidInput(f"seed is {seed}; 0 or a positive number is needed.")
    out = flux.copy()
    out_error: NDArray[np.float32] = np.zeros_like(flux) if error is None else error.copy()
    noisier = 0
    for row, name in enumerate(source_id):
        use = ~mask[row]
        if not use.any():
            continue
        level = float(np.median(flux[row, use])) / snr
        own = out_error[row].astype(np.float64)
        variance = level**2 - float(np.median(own[use])) ** 2
        if variance <= 0:
            noisier += 1
            continue
        noise = np.random.default_rng([seed, int(name)]).standard_normal((flux.shape[1],))
        out[row, use] += (np.sqrt(variance) * noise[use]).astype(np.float32)
        out_error[row] = np.sqrt(own**2 + variance).astype(np.float32)
    return out, out_error, noisier


@dataclass(frozen=True)
class Interpolation:
    """Linear interpolation from evenly spaced nodes to pixels.

    Noise that is white on the samples of a detector is shared by neighbours on a finer grid.
    """

    left: NDArray[np.int64]
    part: NDArray[np.float32]

    @classmethod
    def of(cls, n_pix: int, spacing: float) -> Interpolation:
        """Nodes every so many pixels."""
        at = np.arange(n_pix) / spacing
        left = np.floor(at + 1e-9).astype(np.int64)
        return cls(left, (at - left).astype(np.float32))

    def draw(self, rng: np.random.Generator, n: int, *, tails: bool = False) -> NDArray[np.float32]:
        """Return white noise at the nodes, seen by the pixels, [n, n_pix].

        With tails a tenth of the nodes errs three times as much.
        """
        nodes = rng.standard_normal((n, int(self.left[-1]) + 2), dtype=np.float32)
        if tails:
            nodes *= 1.0 + 2.0 * (rng.random(nodes.shape, dtype=np.float32) < 0.1)
        low = np.take(nodes, self.left, axis=1)
        high = np.take(nodes, self.left + 1, axis=1)
        high -= low
        high *= self.part
        high += low
        return high
