"""Kinds of models, by the name that a card gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stellarnb.errors import InvalidInput
from stellarnb.models.card import Card
from stellarnb.models.families.base import Ensemble
from stellarnb.models.families.hybrid import load_hybrid
from stellarnb.models.families.rave import load_rave
from stellarnb.models.families.rave_published import convert_rave
from stellarnb.models.families.xp import load_xp
from stellarnb.models.weights.download import Conversion, load_converted
from stellarnb.models.weights.store import load_tensors

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["fetch_weights", "load_family"]


@dataclass(frozen=True)
class _Kind:
    """How models of one family come from their weights file, and that from published files."""

    load: Callable[[Card, Mapping[str, Tensor]], Ensemble]
    convert: Conversion | None = None


_KINDS = {
    "xp": _Kind(load_xp),
    "rave": _Kind(load_rave, convert_rave),
    "hybrid": _Kind(load_hybrid),
}


def load_family(card: Card, path: Path | None = None, *, progress: bool = True) -> Ensemble:
    """Build networks and scaling of a model; `path` = where its weights are, if not in package or cache."""
    tensors = fetch_weights(card, progress=progress) if card.sources else load_tensors(card, path)
    return _KINDS[card.family].load(card, tensors)


def fetch_weights(card: Card, *, progress: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a model that is fetched; see `load_converted`."""
    convert = _KINDS[card.family].convert
    if convert is None:
        raise InvalidInput(
            f"{card.name}: no published files of the family {card.family!r} can be converted; "
            "its card must not name sources."
        )
    return load_converted(card, convert, progress=progress)
