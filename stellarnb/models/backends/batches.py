"""What every backend shares: batches of one size, and whether weights have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

__all__ = ["padded_batches", "weights_state"]


def padded_batches(
    inputs: Sequence[NDArray[np.float32]], size: int
) -> Iterator[tuple[slice, list[NDArray[np.float32]]]]:
    """Yield rows and batches of exactly `size` stars, the last filled with zeros.

    One shape throughout keeps a star's result the same, bit for bit, in any company. An empty set
    goes through once, for the shapes.
    """
    n = len(inputs[0])
    for start in range(0, max(n, 1), size):
        rows = slice(start, min(start + size, n))
        short = size - (rows.stop - rows.start)
        batch = [array[rows] for array in inputs]
        if short:
            batch = [np.concatenate([b, np.zeros((short, *b.shape[1:]), b.dtype)]) for b in batch]
        yield rows, batch


def weights_state(network: nn.Module) -> tuple[Any, ...]:
    """Return the addresses and versions of a network's tensors, which differ once its weights do."""
    tensors = [*network.parameters(), *network.buffers()]
    # A tensor made in inference mode keeps no version counter.
    return tuple(
        (t.data_ptr(), 0 if t.is_inference() else t._version)  # noqa: SLF001 - torch documents it
        for t in tensors
    )
