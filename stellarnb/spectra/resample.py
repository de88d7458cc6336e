"""Flux-conserving resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["overlap_matrix", "rebin"]

#: A new pixel is kept where valid old pixels cover at least this fraction of it.
MIN_COVERAGE = 0.999


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = 0.5 * (centres[1:] + centres[:-1])
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def overlap_matrix(old: NDArray[np.float64], new: NDArray[np.float64]) -> sparse.csr_array:
    """Return the fraction of each new pixel that each old pixel covers.

    Parameters
    ----------
    old, new : numpy.ndarray, shapes [n] and [m]
        Rising pixel centres in the same unit; edges lie half-way between them.

    Returns
    -------
    scipy.sparse.csr_array, shape [m, n]
        Each row sums to the covered fraction, so that ``matrix @ flux`` conserves the integral
        of a flux density wherever the old grid covers the new one (Carnall 2017,
        arXiv:1705.05165, the same weights).
    """
    a, b = _edges(old), _edges(new)
    first = np.clip(np.searchsorted(a, b[:-1], side="right") - 1, 0, len(old) - 1)
    last = np.clip(np.searchsorted(a, b[1:], side="left") - 1, 0, len(old) - 1)
    counts = np.maximum(last - first + 1, 0)
    rows = np.repeat(np.arange(len(new)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    columns = np.repeat(first, counts) + offset
    overlap = np.minimum(a[columns + 1], b[rows + 1]) - np.maximum(a[columns], b[rows])
    weight = np.clip(overlap, 0, None) / (b[rows + 1] - b[rows])
    return sparse.csr_array((weight, (rows, columns)), shape=(len(new), len(old)))


def rebin(
    matrix: sparse.csr_array,
    flux: NDArray[np.float32],
    error: NDArray[np.float32] | None,
    mask: NDArray[np.bool_],
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.bool_]]:
    """Resample flux, errors and masks with the weights of `overlap_matrix`.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array, shape [m, n]
        Weights.
    flux, error, mask : numpy.ndarray, shape [n_stars, n]
        The spectra; `error` may be None. Masked pixels give nothing.

    Returns
    -------
    flux, error, mask : numpy.ndarray, shape [n_stars, m]
        Errors are propagated as if pixels were independent; a new pixel of which masked pixels
        or gaps take more than 0.1 % is masked, and its flux is 0.
    """
    valid = ~mask
    coverage = (matrix @ valid.T.astype(np.float64)).T
    safe = np.where(coverage > 0, coverage, 1.0)
    out = (matrix @ np.where(valid, flux, 0.0).T.astype(np.float64)).T / safe
    out_error = None
    if error is not None:
        variance = np.where(valid, error.astype(np.float64) ** 2, 0.0)
        out_error = np.sqrt((matrix.power(2) @ variance.T).T) / safe
    return out, out_error, coverage < MIN_COVERAGE
