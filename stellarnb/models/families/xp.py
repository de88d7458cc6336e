"""Networks over Gaia XP spectra as a family: scaling, and what is unusual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card
from stellarnb.models.families.base import Ensemble, Scalars, Scaled
from stellarnb.models.inputs.features import MAGNITUDES, XPScaler, colours
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.trust.calibration import PATTERNS, missing_pattern
from stellarnb.models.trust.novelty import Novelty
from stellarnb.models.weights.store import subset

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["XPFamily", "load_xp"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class XPFamily:
    """Networks over Gaia XP spectra and colours.

    Attributes
    ----------
    scaler : XPScaler
        Of the inputs.
    distances : Novelty
        What the training set looks like.
    """

    scaler: XPScaler
    distances: Novelty
    patterns: tuple[str, ...] = tuple(PATTERNS)
    needs_all: bool = False
    reads_errors: bool = True
    optional: tuple[str, ...] = ()

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the scalars as they are."""
        return scalars

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return scaled spectra, colours and noise."""
        magnitudes = _magnitudes(scalars)
        extra = self.scaler.extras(pixels, magnitudes)
        return Scaled(
            flux=self.scaler.flux(pixels),
            extra=extra,
            pattern=missing_pattern(magnitudes),
            complete=pixels.alive,
        )

    def flux_slopes(self, pixels: Pixels, scaled: Scaled) -> tuple[Floats, ...]:  # noqa: ARG002
        """Return the slope of scaled by median-normalised flux."""
        return (np.where(pixels.usable, self.scaler.slope(pixels), 0.0),)

    def novelty(
        self,
        pixels: Pixels,
        scaled: Scaled,
        scalars: Scalars,
        spread: Floats,  # noqa: ARG002 - the protocol's; here the spectrum itself tells more
    ) -> NDArray[np.float32]:
        """Return the distance from the training set in spectrum and colours."""
        noise, colour = self.scaler.noise(pixels), colours(_magnitudes(scalars))
        score: NDArray[np.float32] = self.distances.score(scaled.flux, noise, colour).astype(
            np.float32
        )
        return score


def _magnitudes(scalars: Scalars) -> NDArray[np.float64]:
    return np.stack([scalars[name] for name in MAGNITUDES], axis=1)


def load_xp(card: Card, tensors: Mapping[str, Tensor]) -> Ensemble:
    """Build networks and scaling from the tensors of a weights file."""
    from stellarnb.models.networks.xp import build_network

    networks: list[nn.Module] = []
    for i in range(int(card.network["members"])):
        network = build_network(card.network, i)
        # Stored in half precision, run in single.
        weights = {k: v.float() for k, v in subset(tensors, f"network{i}").items()}
        network.load_state_dict(weights)
        network.set_components(tensors["shared.components"], tensors["shared.deviations"])
        networks.append(network)
    arrays = {key: value.numpy() for key, value in tensors.items() if key[:7] != "network"}
    scaler = XPScaler.from_arrays(subset(arrays, "scaler"))
    distances = Novelty.from_arrays(subset(arrays, "novelty"))
    labels = LabelScaler.from_arrays(subset(arrays, "labels"))
    return Ensemble(card, networks, XPFamily(scaler, distances), labels)
