"""The RAVE networks of Guiglion et al. (2020) as a family: scaling, limits, what is unusual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card
from stellarnb.models.families.base import Ensemble, Scalars, Scaled
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.weights.store import subset

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["RaveFamily", "absolute_magnitudes", "load_rave"]

Floats = NDArray[np.floating[Any]]

#: Parallax, in arcsec, below which the authors put every star: 10 kpc.
_MIN_PARALLAX = 1e-4


def absolute_magnitudes(
    magnitudes: NDArray[np.float64], parallax: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return magnitudes [n] at 10 pc as the authors make them, without extinction; parallax [mas].

    A parallax below 0.1 mas (negative ones too) counts as 0.1 mas.
    """
    arcsec = np.clip(parallax / 1000.0, _MIN_PARALLAX, None)
    absolute: NDArray[np.float64] = magnitudes + 5.0 * (np.log10(arcsec) + 1.0)
    return absolute


@dataclass(frozen=True)
class RaveFamily:
    """Networks over RAVE spectra, absolute magnitudes and A_V.

    Attributes
    ----------
    names : tuple of str
        Scalar inputs in the card's order: parallax first, A_V last, magnitudes between.
    low, high : numpy.ndarray [n_extra]
        Training limits of what the network reads: absolute magnitudes and A_V.
    scatter_limits : numpy.ndarray [n_labels]
        Scatter of a scaled label over the networks that gives a novelty of 1.
    """

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    scatter_limits: NDArray[np.float64]
    patterns: tuple[str, ...] = ("full",)
    needs_all: bool = True
    reads_errors: bool = False
    optional: tuple[str, ...] = ()

    def limited(self, scalars: Scalars) -> Scalars:
        """Return parallax and A_V as they are, and absolute magnitudes."""
        parallax, *magnitudes, extinction = self.names
        values = {parallax: scalars[parallax], extinction: scalars[extinction]}
        for name in magnitudes:
            values[name] = absolute_magnitudes(scalars[name], scalars[parallax])
        return values

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return the flux as it is, and the scalars scaled to 0..1 on the training split."""
        values = self.limited(scalars)
        extra = np.stack([values[name] for name in self.names[1:]], axis=1)
        complete = np.asarray(np.isfinite(extra).all(axis=1) & pixels.alive, dtype=np.bool_)
        scaled = (extra - self.low) / (self.high - self.low)
        # Any finite number will do: such a star gets no labels.
        scaled[~complete] = 0.5
        return Scaled(
            flux=pixels.flux,
            extra=scaled.astype(np.float32),
            pattern=np.zeros(len(extra), dtype=np.intp),
            complete=complete,
        )

    def flux_slopes(self, pixels: Pixels, scaled: Scaled) -> tuple[Floats, ...]:  # noqa: ARG002
        """Return 1: these networks read the flux as it is."""
        return (pixels.usable.astype(np.float32),)

    def novelty(
        self,
        pixels: Pixels,  # noqa: ARG002 - the protocol's; no training spectrum is published
        scaled: Scaled,  # noqa: ARG002
        scalars: Scalars,  # noqa: ARG002
        spread: Floats,
    ) -> NDArray[np.float32]:
        """Return how much the networks disagree, against their usual disagreement."""
        worst: NDArray[np.float32] = (spread / self.scatter_limits).max(axis=1).astype(np.float32)
        return worst


def load_rave(card: Card, tensors: Mapping[str, Tensor]) -> Ensemble:
    """Build a RAVE model from the tensors of `convert_rave`; its card has the limits at full precision."""
    from stellarnb.models.networks.rave import build_rave_network

    networks: list[nn.Module] = []
    for i in range(int(card.network["members"])):
        network = build_rave_network(card.network)
        network.load_state_dict(subset(tensors, f"network{i}"))
        networks.append(network)
    arrays = {key: value.numpy() for key, value in tensors.items() if key[:7] != "network"}
    family = RaveFamily(
        names=tuple(spec.name for spec in card.scalars),
        low=arrays["scalars.low"][1:],
        high=arrays["scalars.high"][1:],
        scatter_limits=arrays["novelty.scatter"],
    )
    labels = LabelScaler.from_arrays(subset(arrays, "labels"))
    return Ensemble(_with_figures(card, arrays), networks, family, labels)


def _with_figures(card: Card, arrays: Mapping[str, NDArray[np.float64]]) -> Card:
    """Return the card with limits and calibration as they were made from the authors' files."""

    def pairs(name: str) -> Sequence[tuple[float, float]]:
        low, high = arrays[f"{name}.low"], arrays[f"{name}.high"]
        return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]

    factors, floors = arrays["calibration.factor"], arrays["calibration.floor"]
    return replace(
        card,
        labels=tuple(
            replace(spec, limits=limit, error_factor={"full": float(factor)}, floor=float(floor))
            for spec, limit, factor, floor in zip(
                card.labels, pairs("limits"), factors, floors, strict=True
            )
        ),
        scalars=tuple(
            replace(spec, limits=limit)
            for spec, limit in zip(card.scalars, pairs("scalars"), strict=True)
        ),
    )
