"""Networks on a GPU: double-buffered batches, and less at once where memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["ACCELERATOR_BATCH", "Launcher", "run_on_accelerator"]

Floats = NDArray[np.float32]

#: Stars that go through a network at once, to begin with.
ACCELERATOR_BATCH = 4096
#: Precisions that a card may allow.
_AUTOCAST = ("bfloat16", "float16")


class Launcher:
    """Starts batches on a device without waiting for them.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        On the device.
    device : torch.device
        Which.
    autocast : str, optional
        ``bfloat16`` or ``float16``; None computes in single precision throughout.

    Raises
    ------
    InvalidInput
        For another precision.
    """

    def __init__(
        self, networks: Sequence[nn.Module], device: torch.device, autocast: str | None = None
    ) -> None:
        if autocast is not None and autocast not in _AUTOCAST:
            raise InvalidInput(f"autocast={autocast!r}: use one of {', '.join(_AUTOCAST)}.")
        self.networks, self.device, self.autocast = networks, device, autocast
        self._buffers: dict[tuple[int, int], torch.Tensor] = {}
        self._turn = 0

    def start(self, batch: Sequence[Floats]) -> tuple[torch.Tensor, torch.Tensor]:
        """Start a batch; return mean and log_sigma [n_networks, n, n_labels], perhaps still being computed."""
        import torch

        self._turn = 1 - self._turn
        tensors = [self._send(i, array) for i, array in enumerate(batch)]
        lower = (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.device.type, getattr(torch, self.autocast))
        )
        with torch.inference_mode(), lower:
            pairs = [network.distribution(*tensors) for network in self.networks]  # type: ignore[operator]
            mean, log_sigma = (torch.stack([p[k].float() for p in pairs]) for k in (0, 1))
        return mean, log_sigma

    def _send(self, which: int, array: Floats) -> torch.Tensor:
        """Bring one input to the device, through page-locked memory where there is such."""
        import torch

        tensor = torch.from_numpy(array)
        if self.device.type != "cuda":
            return tensor.to(self.device)
        # Two buffers in turn: the one before the last has been read once its result is here.
        key = (which, self._turn)
        buffer = self._buffers.get(key)
        if buffer is None or len(buffer) < len(array):
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._buffers[key] = buffer
        staged = buffer[: len(array)]
        staged.copy_(tensor)
        return staged.to(self.device, non_blocking=True)

    def forget(self) -> None:
        """Give back what memory the device can spare."""
        import torch

        if self.device.type != "cpu" and torch.accelerator.is_available():
            torch.accelerator.synchronize()
            torch.accelerator.empty_cache()


def run_on_accelerator(
    networks: Sequence[nn.Module],
    inputs: Sequence[Floats],
    device: torch.device,
    *,
    autocast: str | None = None,
    batch: int = ACCELERATOR_BATCH,
) -> tuple[Floats, Floats]:
    """Return mean and log_sigma, float32 [n_networks, n, n_labels], from a device.

    `batch` is halved when the device is out of memory; `TooLarge` if a single star has no room.
    """
    launcher = Launcher(networks, device, autocast)
    parts: list[tuple[Any, Any]] = []
    n, start, size = len(inputs[0]), 0, batch
    running: tuple[torch.Tensor, torch.Tensor] | None = None
    while start < n or not (parts or running):
        try:
            launched = launcher.start([array[start : start + size] for array in inputs])
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if size == 1:
                raise TooLarge(
                    f"{device} is out of memory with a single star. Close what else uses it, or "
                    "set STELLARNB_DEVICE=cpu."
                ) from error
            size = max(1, min(size, n - start) // 2)
            launched = None
        if running is not None:
            parts.append(_collect(running))
        running = launched
        if launched is None:
            launcher.forget()
        else:
            start += size
    if running is not None:
        parts.append(_collect(running))
    mean, log_sigma = (np.concatenate([part[k] for part in parts], axis=1) for k in (0, 1))
    return mean, log_sigma


def _collect(pair: tuple[torch.Tensor, torch.Tensor]) -> tuple[Floats, Floats]:
    return pair[0].cpu().numpy(), pair[1].cpu().numpy()


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    # Metal has no class of its own for it.
    return isinstance(error, torch.OutOfMemoryError) or "MPS backend out of memory" in str(error)
