"""How unlike the training set a star is, though its labels may look fine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

__all__ = ["Novelty", "leading_terms"]

Floats = NDArray[np.floating[Any]]

#: Standardised components are clipped here before they are squared for the colour prediction.
_CLIP = 6.0


@dataclass(frozen=True)
class Novelty:
    """Three distances from the training set, each in units of its limit; the largest counts.

    The residual: what principal components of the training spectra cannot describe, against the
    noise. The position: how far out the star lies among those components. The mismatch: how much
    its colours differ from those that stars with such a spectrum have, so that the spectrum
    of one star with the photometry of another stands out.

    Attributes
    ----------
    mean : numpy.ndarray [n_pix]
        Mean scaled spectrum.
    components : numpy.ndarray [k, n_pix]
        Principal components.
    deviations : numpy.ndarray [k]
        Standard deviation of the training stars along each.
    residual : numpy.ndarray [n_pix]
        Robust scatter of the training stars about the components.
    colour_weights : numpy.ndarray [n_terms, n_colours]
        Quadratic regression of the colours on the leading components.
    colour_scatter : numpy.ndarray [n_colours]
        Robust scatter about it.
    limits : numpy.ndarray [3]
        Of residual, position and mismatch: a novelty of 1.
    """

    mean: Floats
    components: Floats
    deviations: Floats
    residual: Floats
    colour_weights: Floats
    colour_scatter: Floats
    limits: Floats

    @classmethod
    def fit(
        cls,
        flux: Floats,
        noise: Floats,
        colours: Floats,
        *,
        n_components: int = 40,
        n_leading: int = 12,
    ) -> Self:
        """Learn the training set; the limits are all 1 until `calibrated`.

        Scaled spectra and errors are [n, n_pix], colours [n, n_colours], NaN where missing.
        """
        if len(flux) <= n_components or flux.shape != noise.shape or len(colours) != len(flux):
            raise InvalidInput("novelty: more stars than components and equal shapes are needed.")
        mean = flux.mean(axis=0)
        centred = flux - mean
        components = np.linalg.svd(centred, full_matrices=False)[2][:n_components]
        scores = centred @ components.T
        deviations = scores.std(axis=0)
        rest = centred - scores @ components
        residual = 1.4826 * np.median(np.abs(rest), axis=0)
        whole = np.isfinite(colours).all(axis=1)
        terms = _quadratic(scores[whole, :n_leading] / deviations[:n_leading])
        gram = terms.T @ terms + np.eye(terms.shape[1])
        weights = np.linalg.solve(gram, terms.T @ colours[whole])
        scatter = 1.4826 * np.median(np.abs(colours[whole] - terms @ weights), axis=0)
        parts = (mean, components, deviations, residual, weights, scatter, np.ones(3))
        return cls(*(np.asarray(part, dtype=np.float32) for part in parts))

    def distances(self, flux: Floats, noise: Floats | None, colours: Floats) -> Floats:
        """Return residual, position and mismatch of each star, float32 [n, 3], before the limits.

        NaN errors mark pixels to leave out; a star without any colour has mismatch 0.
        """
        centred = flux - self.mean
        scores = centred @ self.components.T
        rest = centred - scores @ self.components
        variance = self.residual**2 + (0.0 if noise is None else noise**2)
        with np.errstate(invalid="ignore"):  # a pixel that no network reads: 0 of 0
            ratio = rest**2 / variance
        used = np.isfinite(ratio)
        total = np.where(used, ratio, 0.0).sum(axis=1)
        residual = np.sqrt(total / np.maximum(used.sum(axis=1), 1))
        scaled = scores / self.deviations
        position = np.sqrt(np.mean(scaled**2, axis=1))
        n_leading = _leading(len(self.colour_weights))
        expected = _quadratic(scaled[:, :n_leading]) @ self.colour_weights
        # 0.02 mag: what photometry of one star differs by between epochs and catalogues.
        off = np.abs(colours - expected) / np.sqrt(self.colour_scatter**2 + 0.02**2)
        mismatch = np.max(np.where(np.isfinite(off), off, 0.0), axis=1, initial=0.0)
        return np.stack([residual, position, mismatch], axis=1).astype(np.float32)

    def calibrated(self, distances: Floats, refused: float = 0.007) -> Self:
        """Return the same with limits that refuse a fraction of validation stars with `distances` [n, 3]."""
        # A distance that is 0 for all (no colours) tells nothing apart.
        limits = np.maximum(np.quantile(distances, 1.0 - refused, axis=0), 1e-6).astype(np.float32)
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{**parts, "limits": limits})

    def score(self, flux: Floats, noise: Floats | None, colours: Floats) -> Floats:
        """Return the novelty of each star, shape [n]; above 1 it is unlike the training set."""
        if len(flux) == 0:
            return np.empty(0, dtype=np.float32)
        ratios = self.distances(flux, noise, colours) / self.limits
        worst: Floats = ratios.max(axis=1)
        return worst

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Build it from the arrays that `to_arrays` gave."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})


def leading_terms(novelty: Novelty, flux: Floats) -> Floats:
    """Return the quadratic terms of the leading components of scaled spectra, [n, n_terms]."""
    n_leading = _leading(len(novelty.colour_weights))
    components = novelty.components[:n_leading]
    scores = (flux - novelty.mean) @ components.T / novelty.deviations[:n_leading]
    return _quadratic(scores)


def _quadratic(x: NDArray[Any]) -> NDArray[Any]:
    """Return 1, x and all products of two, shape [n, 1 + q + q (q + 1) / 2]."""
    x = np.clip(x, -_CLIP, _CLIP)
    i, j = np.triu_indices(x.shape[1])
    return np.concatenate([np.ones((len(x), 1)), x, x[:, i] * x[:, j]], axis=1)


def _leading(n_terms: int) -> int:
    """Return q of `_quadratic` from its number of terms, (q + 1)(q + 2) / 2."""
    return round((math.sqrt(8 * n_terms + 1) - 3) / 2)
