"""What a kind of models has to know: its scaling, its limits, and what is unusual to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.card import Card
from stellarnb.models.inputs.pixels import Pixels, match_scalars
from stellarnb.models.inputs.scaling import LabelScaler

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Ensemble", "Family", "Scalars", "Scaled"]

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
    complete : numpy.ndarray of bool, shape [n]
        False for a star of which there can be no labels: its spectrum cannot be read, or it
        lacks an input without which nothing can be said.
    xp : numpy.ndarray of float32, shape [n, n_xp], or None
        Scaled XP spectra, for networks that read them beside the others.
    level : numpy.ndarray, shape [n, n_pix], or None
        Continuum that was divided out.
    masked : numpy.ndarray, shape [n], or None
        Part of the pixels left out of spectra that the labels rest on, if that is not simply
        what `Pixels.masked_fraction` says.
    notes : mapping of str to numpy.ndarray, shape [n]
        More columns for the labels.
    """

    flux: Floats
    extra: Floats
    pattern: NDArray[np.intp]
    complete: NDArray[np.bool_]
    xp: Floats | None = None
    level: Floats | None = None
    masked: Floats | None = None
    notes: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Floats, ...]:
        """What each network is called with."""
        return (self.flux, self.extra) if self.xp is None else (self.flux, self.xp, self.extra)

    def lost_pixels(self, pixels: Pixels) -> Floats:
        """Return the part of the pixels left out of the spectra that labels rest on, shape [n]."""
        return pixels.masked_fraction if self.masked is None else self.masked


class Family(Protocol):
    """A kind of model."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Names of the patterns of missing inputs; a label's ``error_factor`` has each."""
        ...

    @property
    def needs_all(self) -> bool:
        """Whether a star that lacks any scalar input has no labels."""
        ...

    @property
    def optional(self) -> tuple[str, ...]:
        """Scalars that are read where the stars have them, beside the inputs of the card."""
        ...

    @property
    def reads_errors(self) -> bool:
        """Whether the networks read flux errors, or typical ones where none are given."""
        ...

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the quantities that the limits of the card's scalars are about."""
        ...

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:
        """Return the scaled inputs of n stars."""
        ...

    def flux_slopes(self, pixels: Pixels, scaled: Scaled) -> tuple[Floats, ...]:
        """Return the slope of scaled by normalised flux, [n, n_pix] for each spectrum; 0 = unread.

        The continuum, or the median, that the flux was divided by counts as fixed.
        """
        ...

    def novelty(
        self, pixels: Pixels, scaled: Scaled, scalars: Scalars, spread: Floats
    ) -> NDArray[np.float32]:
        """Return how unlike the training set each star is; the limit is 1, shape [n].

        `spread` [n, n_labels] is the standard deviation of the scaled labels over the networks.
        """
        ...


@dataclass(frozen=True)
class Ensemble:
    """The networks of a model, and what turns their inputs and outputs into physical ones.

    Attributes
    ----------
    card : Card
        With the figures that the file brings, where it brings any.
    networks : list of torch.nn.Module
        In the published order.
    family : Family
        With its scaling.
    labels : LabelScaler
        Scaling of the labels.
    backend : str or None
        What runs the networks on a CPU, ``torch`` or ``openvino``; None = ``STELLARNB_BACKEND``.
    """

    card: Card
    networks: list[nn.Module]
    family: Family
    labels: LabelScaler
    backend: str | None = None

    def unscale_labels(self, scaled: Any) -> NDArray[np.float64]:
        """Return labels in the card's units from scaled labels, shape [n, n_labels]."""
        return self.labels.unscale(np.asarray(scaled, dtype=np.float64))

    def match_scalars(
        self,
        source_id: NDArray[np.int64],
        stars: Any,
        *,
        allow_missing: bool,
        optional: Sequence[str] = (),
    ) -> dict[str, NDArray[np.float64]]:
        """Return the scalar inputs [n] in the order of the stars; see `inputs.pixels`."""
        return match_scalars(
            source_id,
            stars,
            [spec.name for spec in self.card.scalars],
            optional=(*optional, *self.family.optional),
            allow_missing=allow_missing,
            needs_all=self.family.needs_all,
        )
