"""Hybrid networks as a family: scaling, branches that may be missing, and what is unusual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card
from stellarnb.models.families.base import Ensemble, Scalars, Scaled
from stellarnb.models.families.branches import SCALAR_KINDS, ScalarBranch
from stellarnb.models.inputs.continuum import Continuum
from stellarnb.models.inputs.features import XPScaler, signal_to_noise
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.trust.hybrid_novelty import HybridNovelty
from stellarnb.models.weights.store import subset
from stellarnb.spectra.noise import signal_to_noise as spectral_snr
from stellarnb.spectra.rows import row_count, row_median

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["HybridFamily", "SpectrumScaler", "colours_of", "load_hybrid", "pattern_names"]

Floats = NDArray[np.floating[Any]]

#: Scaled flux is clipped here.
LIMIT = 12.0
#: Part of the pixels that networks read which must be there.
ENOUGH = 0.3
#: log10 of the S/N: range, centre and unit.
SNR_RANGE, SNR_CENTRE, SNR_UNIT = (2.0, 2000.0), 1.7, 0.4
#: The S/N is the median over pixels so far apart.
SNR_STEP = 8
#: Scalars that say what is there of the spectrum, and of an XP spectrum.
N_SPECTRUM, N_XP = 3, 13


@dataclass(frozen=True)
class SpectrumScaler:
    """Scaling of continuum-normalised spectra.

    Attributes
    ----------
    read : numpy.ndarray of bool [n_pix]
        Pixels that networks read; the rest (cores that LTE gets wrong) always shows the mean.
    continuum : Continuum
        What is divided out first.
    mean : numpy.ndarray of float32 [n_pix]
        Of the training spectra.
    unit : float
        Flux that becomes 1.
    """

    read: NDArray[np.bool_]
    continuum: Continuum
    mean: NDArray[np.float32]
    unit: float

    def scale(self, pixels: Pixels) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return scaled flux [n, n_pix], the continuum [n, n_pix] and whether it is there [n].

        A pixel that is left out is 0, as in a mean spectrum; so is all of a spectrum that is
        not there, has no continuum, or too few pixels.
        """
        level, found = self.continuum.fit(pixels.flux, pixels.usable)
        used = pixels.usable & self.read
        there = found & pixels.alive
        there &= row_count(used) >= ENOUGH * np.count_nonzero(self.read)
        flux = pixels.flux / level
        flux -= self.mean
        flux *= np.float32(1.0 / self.unit)
        np.clip(flux, -LIMIT, LIMIT, out=flux)
        flux *= used & there[:, None]
        return flux, level, there

    def summary(self, pixels: Pixels, there: NDArray[np.bool_]) -> Floats:
        """Return whether a spectrum is missing, its S/N and the part that is masked, [n, 3]."""
        if pixels.error is None:
            snr = spectral_snr(pixels.flux, None, ~pixels.usable, 3)
        else:
            some = slice(None, None, SNR_STEP)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = pixels.flux[:, some] / pixels.error[:, some]
            snr = row_median(ratio).astype(np.float64)
            snr = np.where(there & np.isfinite(snr), snr, 1.0)
        level = (np.log10(np.clip(snr, *SNR_RANGE)) - SNR_CENTRE) / SNR_UNIT
        columns = [~there, np.where(there, level, 0.0), np.where(there, pixels.masked_fraction, 0)]
        return np.stack(columns, axis=1).astype(np.float32)

    def noise(self, pixels: Pixels, level: Floats) -> Floats | None:
        """Return the errors in units of the scaled flux [n, n_pix]; NaN = left out."""
        if pixels.error is None:
            return None
        noise = pixels.error / (level * np.float32(self.unit))
        noise[:, ~self.read] = np.nan
        return np.asarray(noise)

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        return {
            "read": self.read.astype(np.uint8),
            "continuum": self.continuum.pixels.astype(np.uint8),
            "degree": np.array(self.continuum.degree),
            "mean": self.mean,
            "unit": np.array(self.unit),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Build it from the arrays that `to_arrays` gave."""
        continuum = Continuum.of(arrays["continuum"].astype(bool), int(arrays["degree"]))
        return cls(arrays["read"].astype(bool), continuum, arrays["mean"], float(arrays["unit"]))


def pattern_names(branches: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name for each set of branches that may be there; the first has none.

    The place of a name is the sum of 2 ** i over the branches i that are there.
    """
    names = []
    for there in product((False, True), repeat=len(branches)):
        chosen = [name for name, yes in zip(branches, reversed(there), strict=True) if yes]
        names.append("+".join(chosen) or "nothing")
    return tuple(names)


@dataclass(frozen=True)
class HybridFamily:
    """Networks over a spectrum and whatever else there is of a star.

    Attributes
    ----------
    spectrum : SpectrumScaler
        Of the spectra.
    scalars : ScalarBranch
        Of colours, parallax and the like.
    xp : XPScaler or None
        Of XP spectra, where the networks read them.
    distances : HybridNovelty or None
        What the training set looks like; None while it is being learned.
    """

    spectrum: SpectrumScaler
    scalars: ScalarBranch
    xp: XPScaler | None
    distances: HybridNovelty | None
    needs_all: bool = False
    reads_errors: bool = True
    optional: tuple[str, ...] = field(init=False)
    branches: tuple[str, ...] = field(init=False)
    patterns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        own = ("spectrum", *(("xp",) if self.xp else ()), *self.scalars.branches)
        object.__setattr__(self, "optional", self.scalars.optional)
        object.__setattr__(self, "branches", own)
        object.__setattr__(self, "patterns", pattern_names(own))

    @property
    def n_extra(self) -> int:
        """Number of scalars that the networks read."""
        return N_SPECTRUM + (N_XP if self.xp else 0) + self.scalars.n_features

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the quantities that the limits of the card's scalars are about."""
        return self.scalars.limited(scalars)

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return what the networks read; a branch that is missing is 0 throughout."""
        flux, level, there = self.spectrum.scale(pixels)
        parts = [self.spectrum.summary(pixels, there)]
        present = [there]
        masked = np.where(there, pixels.masked_fraction, 0.0)
        low = None
        if self.xp is not None:
            low, summary, has_xp = _scale_xp(self.xp, pixels.xp, len(flux))
            parts.append(summary)
            present.append(has_xp)
            if pixels.xp is not None:
                masked = np.maximum(masked, np.where(has_xp, pixels.xp.masked_fraction, 0.0))
        features, has = self.scalars.features(scalars, len(flux))
        every = np.column_stack([*present, has])
        return Scaled(
            flux=flux,
            extra=np.concatenate([*parts, features], axis=1, dtype=np.float32),
            pattern=(every @ (1 << np.arange(every.shape[1]))).astype(np.intp),
            complete=np.asarray(every.any(axis=1), dtype=np.bool_),
            xp=low,
            level=level,
            masked=masked.astype(np.float32),
            notes={"continuum_level": np.where(there, row_median(level[:, ::16]), np.nan)},
        )

    def flux_slopes(self, pixels: Pixels, scaled: Scaled) -> tuple[Floats, ...]:
        """Return the slope of scaled by normalised flux, of the spectra and of XP spectra."""
        read = pixels.usable & self.spectrum.read & (scaled.extra[:, :1] == 0)
        own = read.astype(np.float32) / self.spectrum.unit
        if self.xp is None:
            return (own,)
        if pixels.xp is None:
            return own, np.zeros((len(own), len(self.xp.flux_centre)), dtype=np.float32)
        there = pixels.xp.usable & pixels.xp.alive[:, None]
        return own, np.where(there, self.xp.slope(pixels.xp), 0.0)

    def novelty(
        self,
        pixels: Pixels,
        scaled: Scaled,
        scalars: Scalars,
        spread: Floats,  # noqa: ARG002 - the protocol's; here the spectra themselves tell more
    ) -> NDArray[np.float32]:
        """Return the largest distance from the training set, of those branches that are there."""
        assert self.distances is not None, "a loaded model has learned its training set"  # noqa: S101
        assert scaled.level is not None, "`scale` has set it"  # noqa: S101
        noise = self.spectrum.noise(pixels, scaled.level)
        score = self.distances.spectrum_score(
            scaled.flux, noise, colours_of(scalars, len(pixels.flux)), pixels.flux / scaled.level
        )
        score[scaled.extra[:, 0] > 0] = 0.0
        if self.xp is not None and pixels.xp is not None and scaled.xp is not None:
            low = self.distances.xp_score(
                scaled.xp, self.xp.noise(pixels.xp), colours_of(scalars, len(pixels.flux))
            )
            score = np.maximum(score, np.where(scaled.extra[:, N_SPECTRUM] > 0, 0.0, low))
        return score.astype(np.float32)


def _scale_xp(
    scaler: XPScaler, pixels: Pixels | None, n: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return scaled XP spectra, what is there of them, and whether they are there."""
    if pixels is None:
        empty = np.zeros((n, len(scaler.flux_centre)), dtype=np.float32)
        summary = np.zeros((n, N_XP), dtype=np.float32)
        summary[:, 0] = 1.0
        return empty, summary, np.zeros(n, dtype=bool)
    there = pixels.alive
    flux = scaler.flux(pixels)
    flux[~there] = 0.0
    summary = np.zeros((n, N_XP), dtype=np.float32)
    summary[:, 0] = ~there
    if pixels.error is not None and there.any():
        some = Pixels(
            pixels.flux[there], pixels.error[there], pixels.usable[there], pixels.alive[there]
        )
        level = (signal_to_noise(some) - scaler.noise_centre) / scaler.noise_width
        summary[there, 1:] = np.clip(level, -8.0, 8.0)
    return flux, summary, there


def colours_of(scalars: Scalars, n: int) -> NDArray[np.float64]:
    """Return BP-RP and G-RP, NaN where missing, shape [n, 2]; [n, 0] if nobody asks for them."""
    names = ("phot_bp_mean_mag", "phot_rp_mean_mag", "phot_g_mean_mag")
    if not all(name in scalars for name in names):
        return np.empty((n, 0))
    bp, rp, g = (scalars[name] for name in names)
    return np.stack([bp - rp, g - rp], axis=1)


def load_hybrid(card: Card, tensors: Mapping[str, Tensor]) -> Ensemble:
    """Build networks and scaling from the tensors of a weights file."""
    from stellarnb.models.networks.hybrid import build_hybrid_network

    networks: list[nn.Module] = []
    for i in range(int(card.network["members"])):
        network = build_hybrid_network(card.network)
        # Stored in half precision, run in single.
        weights = {k: v.float() for k, v in subset(tensors, f"network{i}").items()}
        network.load_state_dict(weights)
        if network.n_xp:
            network.set_components(tensors["shared.components"], tensors["shared.deviations"])
        networks.append(network)
    arrays = {key: value.numpy() for key, value in tensors.items() if key[:7] != "network"}
    names = tuple(spec.name for spec in card.scalars)
    kind = SCALAR_KINDS[card.network["scalars"]]
    xp = subset(arrays, "xp")
    family = HybridFamily(
        SpectrumScaler.from_arrays(subset(arrays, "spectrum")),
        kind.from_arrays(names, subset(arrays, "scalars")),
        XPScaler.from_arrays(xp) if xp else None,
        HybridNovelty.from_arrays(subset(arrays, "novelty")),
    )
    return Ensemble(card, networks, family, LabelScaler.from_arrays(subset(arrays, "labels")))
