"""Weights made from published files, kept in the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stellarnb.errors import WeightsNotFound
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.card import Card
from stellarnb.models.fetch import model_folder, read_sources

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FORMAT", "Conversion", "converted_path", "load_converted", "whereabouts"]

#: Raised whenever a conversion gives other tensors than before; older files are then made anew.
FORMAT = 1
#: Seconds to wait for another process that fetches the same model.
LOCK_TIMEOUT = 600.0

#: Makes the tensors of a weights file from the bytes of the card's sources.
Conversion = Callable[[Card, Mapping[str, bytes]], "dict[str, Tensor]"]


def converted_path(card: Card) -> Path:
    """Return where the converted weights of a fetched model lie; a JSON of that name is beside."""
    return model_folder(card) / card.weights


def whereabouts(card: Card) -> str:
    """Return in words where the weights of a model are: in the package, fetched, or to fetch."""
    if not card.sources:
        return "in the package"
    if _cached(card) is not None:
        return "fetched"
    return f"to fetch ({sum(source.size for source in card.sources) / 1e6:.0f} MB)"


def load_converted(card: Card, convert: Conversion, *, progress: bool = True) -> dict[str, Tensor]:
    """Return the tensors of a fetched model, fetching and converting what is not there.

    Parameters
    ----------
    card : Card
        With ``sources``.
    convert : callable
        The family's conversion.
    progress : bool, optional
        Whether to show a progress bar while downloading.

    Returns
    -------
    dict of str to torch.Tensor
        From the cache if its file is, byte for byte, the one that was written there from these
        sources by this version; otherwise it is made anew. Two processes do it one after the
        other.

    Raises
    ------
    WeightsNotFound, ChecksumMismatch, OutputError, Interrupted
        As `stellarnb.models.fetch.read_sources` says.
    """
    from filelock import FileLock, Timeout
    from safetensors.torch import load, save

    data = _cached(card)
    if data is None:
        folder = make_folder(model_folder(card))
        try:
            with FileLock(folder / ".lock", timeout=LOCK_TIMEOUT):
                data = _cached(card)  # another process may have been first
                if data is None:
                    tensors = convert(card, read_sources(card, progress=progress))
                    data = save({k: v.contiguous() for k, v in tensors.items()})
                    _store(card, data)
        except Timeout as error:
            raise WeightsNotFound(
                f"{card.name}: another process has been fetching it for {LOCK_TIMEOUT:.0f} s. "
                f"If there is none, remove {folder / '.lock'} and run it again."
            ) from error
    loaded: dict[str, Tensor] = load(data)
    return loaded


def _record(card: Card, data: bytes) -> dict[str, object]:
    """Return what the JSON beside the weights says."""
    return {
        "format": FORMAT,
        "sources": {source.path: source.sha256 for source in card.sources},
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _store(card: Card, data: bytes) -> None:
    path = converted_path(card)
    with atomic_write(path) as part:
        part.write_bytes(data)
    with atomic_write(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(_record(card, data), indent=1), encoding="utf-8")


def _cached(card: Card) -> bytes | None:
    """Return the bytes of the converted weights, or None if they have to be made."""
    path = converted_path(card)
    try:
        data = path.read_bytes()
        record = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if record == _record(card, data) else None
