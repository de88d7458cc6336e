"""The loop that every network runs in: chunks, micro-batches, progress, stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.models.backends.batches import padded_batches, weights_state
from stellarnb.models.backends.cuda import run_on_accelerator
from stellarnb.progress import Cancel, progress_bar
from stellarnb.settings import settings

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = [
    "CHUNK",
    "MICRO_BATCH",
    "chunk_size",
    "fast_form",
    "in_chunks",
    "pick_device",
    "run_networks",
]

Floats = NDArray[np.floating[Any]]
Outputs = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Stars between two looks at the stop switch; what a stop can lose.
CHUNK = 512
#: The same where an accelerator would idle on so few.
ACCELERATOR_CHUNK = 16384
#: Stars that go through a network at once on a CPU: larger batches spill out of its caches.
MICRO_BATCH = 64

Part = TypeVar("Part")

#: Held while a CPU runs networks: PyTorch's number of threads is one for the whole process.
_CPU = threading.Lock()
#: Fast forms of networks, with what tells whether the weights are still those.
_FAST: WeakKeyDictionary[nn.Module, tuple[tuple[Any, ...], nn.Module]] = WeakKeyDictionary()


def pick_device() -> torch.device:
    """Return the device to run on: ``STELLARNB_DEVICE``, else an accelerator, else the CPU."""
    import torch

    name = settings().device
    if name:
        try:
            return torch.device(name)
        except RuntimeError as error:
            raise InvalidInput(
                f"STELLARNB_DEVICE={name!r} is not a device of PyTorch. Set it to cpu, cuda, xpu or "
                "mps, or unset it."
            ) from error
    if torch.accelerator.is_available():
        found = torch.accelerator.current_accelerator()
        if found is not None:
            return found
    return torch.device("cpu")


def chunk_size(networks: Sequence[nn.Module]) -> int:
    """Return how many stars to do between two looks at the stop switch."""
    kind = next(networks[0].parameters()).device.type
    return CHUNK if kind == "cpu" else ACCELERATOR_CHUNK


def in_chunks(
    n: int,
    work: Callable[[slice], Part],
    *,
    label: str,
    progress: bool,
    cancel: Cancel | None,
    chunk: int | None = None,
) -> tuple[list[Part], bool]:
    """Do `work` on slices of n rows; return its parts in order, and False if it was stopped before the end."""
    parts: list[Part] = []
    size = chunk or CHUNK
    with progress_bar(n, label, show=progress) as advance:
        try:
            for start in range(0, n, size):
                if cancel is not None and cancel.is_set():
                    return parts, False
                rows = slice(start, min(start + size, n))
                parts.append(work(rows))
                advance(rows.stop - rows.start)
        except KeyboardInterrupt:
            return parts, False
    return parts, True


def run_networks(
    networks: Sequence[nn.Module],
    *inputs: Floats,
    autocast: str | None = None,
    backend: str | None = None,
) -> Outputs:
    """Return mean and variance, float64 [n_networks, n, n_labels], of the scaled labels.

    A star's do not depend on the others. `autocast` is the precision that an accelerator may use.
    """
    name = backend or settings().backend or "torch"
    if name not in {"torch", "openvino"}:
        raise InvalidInput(f"There is no backend {name!r}. Choose torch or openvino.")
    arrays = [np.ascontiguousarray(array, dtype=np.float32) for array in inputs]
    device = next(networks[0].parameters()).device
    if name == "openvino":
        from stellarnb.models.backends.openvino import run_on_openvino

        mean, log_sigma = run_on_openvino(networks, arrays, MICRO_BATCH)
    elif device.type == "cpu":
        mean, log_sigma = _run_on_cpu([fast_form(network) for network in networks], arrays)
    else:
        mean, log_sigma = run_on_accelerator(networks, arrays, device, autocast=autocast)
    return mean.astype(np.float64), np.exp(2.0 * log_sigma.astype(np.float64))


def fast_form(network: nn.Module) -> nn.Module:
    """Return the form of a network that runs on a CPU, made once for its present weights."""
    from stellarnb.models.backends.cpu import optimise

    state = weights_state(network)
    known = _FAST.get(network)
    if known is None or known[0] != state:
        known = (state, optimise(network))
        _FAST[network] = known
    return known[1]


@contextmanager
def _one_thread_each() -> Iterator[int]:
    """Give each Python thread one core; yields how many cores PyTorch may use."""
    import torch

    with _CPU:
        cores = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield cores
        finally:
            torch.set_num_threads(cores)


def _run_on_cpu(
    networks: Sequence[nn.Module], inputs: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run micro-batches side by side, a core each."""
    import torch

    def one(work: tuple[slice, list[NDArray[np.float32]]]) -> list[list[NDArray[np.float32]]]:
        rows, batch = work
        tensors = [torch.from_numpy(array) for array in batch]
        keep = rows.stop - rows.start
        with torch.inference_mode():
            outputs = [network.distribution(*tensors) for network in networks]  # type: ignore[operator]
        return [[pair[k][:keep].numpy() for pair in outputs] for k in (0, 1)]

    batches = padded_batches(inputs, MICRO_BATCH)
    n_batches = -(-max(len(inputs[0]), 1) // MICRO_BATCH)
    with _one_thread_each() as cores:
        if min(cores, n_batches) == 1:
            parts = [one(batch) for batch in batches]
        else:
            # PyTorch counts threads per Python thread too: each says that it wants one.
            with ThreadPoolExecutor(
                min(cores, n_batches), "stellarnb", lambda: torch.set_num_threads(1)
            ) as pool:
                parts = list(pool.map(one, batches))
    mean, log_sigma = (np.concatenate([np.stack(p[k]) for p in parts], axis=1) for k in (0, 1))
    return mean, log_sigma
