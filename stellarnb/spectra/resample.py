"""Flux-conserving resampling and convolution with a line-spread function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import erf

from stellarnb.errors import InvalidInput

__all__ = ["lsf_matrix", "overlap_matrix", "pixel_edges", "rebin"]

#: A new pixel is kept where valid old pixels cover at least this fraction of it.
MIN_COVERAGE = 0.999
#: The same for a convolved spectrum, whose pixels each draw on many old ones.
MIN_COVERAGE_LSF = 0.95
#: Spectra that are resampled at a time.
BLOCK = 1024
#: Less coverage than this is rounding.
NOTHING = 1e-6
#: A step this many times wider than the ones beside it is a gap between two arms.
GAP = 20.0
#: The kernel is cut where 1e-8 of it is left.
KERNEL_SIGMAS = 5.7


def pixel_edges(
    centres: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where pixels begin and end.

    centres [n]: rising wavelengths, n >= 2. Returns lower, upper [n]: half-way between the centres;
    beside a gap, as far away as on the other side.
    """
    if len(centres) < 2:
        raise InvalidInput(
            f"The grid has {len(centres)} pixel(s); at least two are needed to know how wide a "
            "pixel is. Give the spectrum with its whole wavelength grid."
        )
    half = 0.5 * np.diff(centres)
    before = np.concatenate([[half[0]], half])
    after = np.concatenate([half, [half[-1]]])
    lower = centres - np.where(before > GAP * after, after, before)
    upper = centres + np.where(after > GAP * before, before, after)
    return lower, upper


def _pairs(
    first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (row, column) of every old pixel from first to last (included) of each new one."""
    counts = np.maximum(last - first + 1, 0)
    rows = np.repeat(np.arange(len(first)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, np.repeat(first, counts) + offset


def overlap_matrix(old: NDArray[np.float64], new: NDArray[np.float64]) -> sparse.csr_array:
    """Return the fraction of each new pixel that each old pixel covers.

    old, new [n] and [m]: rising pixel centres in the same unit; edges lie half-way between them.
    Returns [m, n]: each row sums to the covered fraction, so that ``matrix @ flux`` conserves the
    integral of a flux density wherever the old grid covers the new one (Carnall 2017,
    arXiv:1705.05165, the same weights).
    """
    return lsf_matrix(pixel_edges(old), pixel_edges(new), np.zeros(len(new)))


def lsf_matrix(
    old: tuple[NDArray[np.float64], NDArray[np.float64]],
    new: tuple[NDArray[np.float64], NDArray[np.float64]],
    sigma: NDArray[np.float64],
) -> sparse.csr_array:
    """Return the weights of old pixels in new ones after convolution with a Gaussian.

    old, new [n] and [m]: lower and upper edges of the pixels, in the same unit; sigma [m]: standard
    deviation of the Gaussian at each new pixel; 0 = only resample. Returns [m, n]: the Gaussian is
    integrated over the old and over the new pixel, so that the flux is conserved for any sampling.
    Each row sums to the part of the kernel that the old grid covers.
    """
    reach = KERNEL_SIGMAS * sigma
    first = np.searchsorted(old[1], new[0] - reach, side="right")
    last = np.searchsorted(old[0], new[1] + reach, side="left") - 1
    rows, columns = _pairs(first, last)
    low, high = old[0][columns], old[1][columns]
    begin, end = new[0][rows], new[1][rows]
    weight = np.clip(np.minimum(high, end) - np.maximum(low, begin), 0, None)
    wide = sigma[rows] > 0
    if wide.any():
        scale = sigma[rows[wide]]
        low, high, begin, end = (edge[wide] for edge in (low, high, begin, end))
        weight[wide] = scale * (
            _twice_integrated((end - low) / scale)
            - _twice_integrated((begin - low) / scale)
            - _twice_integrated((end - high) / scale)
            + _twice_integrated((begin - high) / scale)
        )
    weight /= (new[1] - new[0])[rows]
    return sparse.csr_array((weight, (rows, columns)), shape=(len(new[0]), len(old[0])))


def _twice_integrated(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second antiderivative of the standard normal density."""
    cumulative = 0.5 * (1 + erf(x / np.sqrt(2)))
    return np.asarray(x * cumulative + np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi))


def rebin(
    matrix: sparse.csr_array,
    flux: NDArray[np.float32],
    error: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
    min_coverage: float = MIN_COVERAGE,
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.bool_]]:
    """Resample flux, errors and masks with the weights of `overlap_matrix` or `lsf_matrix`.

    matrix [m, n]: weights; flux, error, mask [n_stars, n]: the spectra; `error` may be None. Masked
    pixels give nothing. Returns flux, error, mask [n_stars, m]: errors are propagated as if pixels
    were independent; a new pixel of which masked pixels or gaps take too much (0.1 % unless told
    otherwise) is masked. Where nothing is left, the flux is 0.
    """
    shape = (len(flux), matrix.shape[0])
    out, out_mask = np.zeros(shape), np.zeros(shape, dtype=bool)
    out_error = None if error is None else np.zeros(shape)
    squared = matrix.power(2)
    whole = matrix.sum(axis=1)
    # In blocks, so that the float64 copies stay small beside the spectra themselves.
    for first in range(0, len(flux), BLOCK):
        rows = slice(first, first + BLOCK)
        valid = ~mask[rows]
        coverage = whole[None] if valid.all() else (matrix @ valid.T.astype(np.float64)).T
        safe = np.where(coverage > NOTHING, coverage, np.inf)
        out[rows] = (matrix @ np.where(valid, flux[rows], 0.0).T.astype(np.float64)).T / safe
        out_mask[rows] = coverage < min_coverage
        if error is not None and out_error is not None:
            variance = np.where(valid, error[rows].astype(np.float64) ** 2, 0.0)
            out_error[rows] = np.sqrt((squared @ variance.T).T) / safe
    return out, out_error, out_mask
