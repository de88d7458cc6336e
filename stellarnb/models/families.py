"""Kinds of models: how each scales its inputs, builds its networks and knows what is unusual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.calibration import PATTERNS, missing_pattern
from stellarnb.models.card import Card
from stellarnb.models.features import MAGNITUDES, XPScaler, colours
from stellarnb.models.inputs import Pixels
from stellarnb.models.novelty import Novelty
from stellarnb.models.scaling import LabelScaler
from stellarnb.models.weights import subset

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Family", "Loaded", "Scaled", "load_family"]

Floats = NDArray[np.floating[Any]]
Scalars = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Scaled:
    """What the networks read of n stars.

    Attributes
    ----------
    flux, extra : numpy.ndarray of float32, shapes [n, n_pix] and [n, k]
        Scaled inputs.
    pattern : numpy.ndarray of int, shape [n]
        Which of the family's `patterns` of missing inputs a star has.
    """

    flux: Floats
    extra: Floats
    pattern: NDArray[np.intp]


class Family(Protocol):
    """A kind of model."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of the patterns of missing inputs; a label's ``error_factor`` has each."""
        ...

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return the scaled inputs of n stars."""
        ...

    def novelty(
        self, pixels: Pixels, scaled: Scaled, scalars: Scalars, spread: Floats
    ) -> NDArray[np.float32]:
        """Return how unlike the training set each star is; the limit is 1, shape [n].

        `spread` [n, n_labels] is the standard deviation of the scaled labels over the networks.
        """
        ...


@dataclass(frozen=True)
class Loaded:
    """All that a weights file holds.

    Attributes
    ----------
    networks : list of torch.nn.Module
        In the published order.
    family : Family
        With its scaling.
    labels : LabelScaler
        Scaling of the labels.
    """

    networks: list[nn.Module]
    family: Family
    labels: LabelScaler


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

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return scaled spectra, colours and noise."""
        magnitudes = _magnitudes(scalars)
        extra = self.scaler.extras(pixels, magnitudes)
        return Scaled(self.scaler.flux(pixels), extra, missing_pattern(magnitudes))

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


def _load_xp(card: Card, tensors: Mapping[str, Tensor]) -> Loaded:
    from stellarnb.models.networks import build_network

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
    return Loaded(
        networks, XPFamily(scaler, distances), LabelScaler.from_arrays(subset(arrays, "labels"))
    )


_LOADERS: dict[str, Callable[[Card, Mapping[str, Tensor]], Loaded]] = {"xp": _load_xp}


def load_family(card: Card, tensors: Mapping[str, Tensor]) -> Loaded:
    """Build networks and scaling from the tensors of a weights file.

    Parameters
    ----------
    card : Card
        Names the family.
    tensors : mapping of str to torch.Tensor
        From `load_tensors`.

    Returns
    -------
    Loaded
    """
    return _LOADERS[card.family](card, tensors)
