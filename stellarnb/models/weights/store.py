"""Weights: safetensors only, and only the bytes that the card names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stellarnb.errors import ChecksumMismatch, WeightsNotFound
from stellarnb.models.card import Card

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

__all__ = ["load_tensors", "read_weights", "shipped_path", "subset"]


def shipped_path(card: Card) -> Path:
    """Return where the weights of a card lie in the package."""
    return Path(str(resources.files("stellarnb.models").joinpath("weights", card.weights)))


def read_weights(card: Card, path: Path | None = None) -> bytes:
    """Read the file of weights of a card; wherever it lies, its sha256 must be the card's."""
    file = path or shipped_path(card)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise WeightsNotFound(
            f"The weights of {card.name} are not at {file} ({error.strerror}). Install the "
            "package again, or build them with: stellarnb train " + card.name
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != card.sha256:
        raise ChecksumMismatch(
            f"{file} is damaged or not the file of {card.name} {card.version}: sha256 {digest}, "
            f"expected {card.sha256}. Install the package again."
        )
    return data


def load_tensors(card: Card, path: Path | None = None) -> dict[str, Tensor]:
    """Read the weights of a card as tensors; see `read_weights`."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = read_weights(card, path)
    try:
        tensors: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise WeightsNotFound(
            f"{path or shipped_path(card)} is not a safetensors file: {error}. Install the package "
            "again, or train the model again."
        ) from error
    return tensors


def subset(tensors: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Return the tensors whose names begin with `prefix` and a dot, without it."""
    head = f"{prefix}."
    return {k.removeprefix(head): v for k, v in tensors.items() if k.startswith(head)}
