"""How unlike its training set a star is to a hybrid network, branch by branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.trust.ca_cores import CORE_LIMIT
from stellarnb.models.trust.novelty import Novelty, leading_terms
from stellarnb.models.weights.store import subset

__all__ = ["HybridNovelty"]

Floats = NDArray[np.floating[Any]]

#: Pixels that share their noise, at the sampling of the detector.
CORRELATED = 3.0


@dataclass(frozen=True)
class HybridNovelty:
    """Distances from the training set in the spectrum, its cores, and the XP spectrum.

    Attributes
    ----------
    spectrum : Novelty
        Of scaled spectra and colours.
    xp : Novelty or None
        Of scaled XP spectra and colours.
    core : numpy.ndarray of bool [n_pix]
        Cores of Ca II, which networks do not read; none where the range has no such line.
    core_weights : numpy.ndarray [n_terms]
        Quadratic regression of the mean flux there on the leading components.
    """

    spectrum: Novelty
    xp: Novelty | None
    core: NDArray[np.bool_]
    core_weights: Floats
    #: Flux that one scaled unit stands for; the same for all hybrid networks.
    unit: float = 0.1

    def spectrum_score(
        self, flux: Floats, noise: Floats | None, colours: Floats, normalised: Floats
    ) -> Floats:
        """Return the novelty [n] of scaled spectra; above 1 the star is unlike the training set.

        NaN noise = left out; `normalised` is flux over the continuum, for the cores.
        """
        score = self.spectrum.score(flux, noise, colours)
        if len(flux) == 0 or not self.core.any():
            return score
        expected = leading_terms(self.spectrum, flux) @ self.core_weights
        observed = normalised[:, self.core].mean(axis=1)
        sigma: Any = 0.0
        if noise is not None:
            typical = np.nan_to_num(_row_median(noise)) * self.unit
            sigma = typical / np.sqrt(max(self.core.sum() / CORRELATED, 1.0))
        excess = (observed - 2.0 * sigma) / np.clip(expected, 0.05, None) - 1.0
        return np.asarray(np.maximum(score, np.clip(excess, 0.0, None) / CORE_LIMIT))

    def xp_score(self, flux: Floats, noise: Floats | None, colours: Floats) -> Floats:
        """Return the novelty of scaled XP spectra, shape [n]; see `Novelty.score`."""
        assert self.xp is not None, "asked of networks that read XP spectra only"  # noqa: S101
        return self.xp.score(flux, noise, colours)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for a weights file."""
        out: dict[str, NDArray[Any]] = {
            "core": self.core.astype(np.uint8),
            "core_weights": self.core_weights,
        }
        for name, part in (("spectrum", self.spectrum), ("xp", self.xp)):
            if part is not None:
                out |= {f"{name}.{key}": array for key, array in part.to_arrays().items()}
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Build it from the arrays that `to_arrays` gave."""
        low = subset(arrays, "xp")
        return cls(
            Novelty.from_arrays(subset(arrays, "spectrum")),
            Novelty.from_arrays(low) if low else None,
            arrays["core"].astype(bool),
            arrays["core_weights"],
        )


def _row_median(noise: Floats) -> Floats:
    """Return a typical error of each star, shape [n]; from every eighth pixel that has one."""
    some = noise[:, ::8]
    counts = np.isfinite(some).sum(axis=1)
    total = np.nansum(some, axis=1)
    return np.asarray(total / np.maximum(counts, 1))
