"""The loop that every network runs in: chunks, micro-batches, progress, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.progress import Cancel, progress_bar
from stellarnb.settings import settings

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["CHUNK", "in_chunks", "pick_device", "run_networks"]

#: Stars between two looks at the stop switch; what a stop can lose.
CHUNK = 512
#: Stars that go through a network at once: larger batches spill out of the CPU's caches.
MICRO_BATCH = 64

Part = TypeVar("Part")


def pick_device() -> torch.device:
    """Return the device to run on: ``STELLARNB_DEVICE``, else an accelerator, else the CPU.

    Raises
    ------
    InvalidInput
        If ``STELLARNB_DEVICE`` names none.
    """
    import torch

    name = settings().device
    if name:
        try:
            return torch.device(name)
        except RuntimeError as error:
            raise InvalidInput(f"STELLARNB_DEVICE={name!r} is no torch device.") from error
    if torch.accelerator.is_available():
        found = torch.accelerator.current_accelerator()
        if found is not None:
            return found
    return torch.device("cpu")


def in_chunks(
    n: int,
    work: Callable[[slice], Part],
    *,
    label: str,
    progress: bool,
    cancel: Cancel | None,
) -> tuple[list[Part], bool]:
    """Do `work` on slices of n rows until it is done or stopped.

    Parameters
    ----------
    n : int
        Number of rows.
    work : callable
        Gets a slice, returns its part of the result.
    label : str
        For the progress bar.
    progress : bool
        Whether to show it.
    cancel : Cancel or None
        Looked at before each slice; Ctrl-C has the same effect.

    Returns
    -------
    parts : list
        What was finished, in order.
    complete : bool
        False if it was stopped.
    """
    parts: list[Part] = []
    with progress_bar(n, label, show=progress) as advance:
        try:
            for start in range(0, n, CHUNK):
                if cancel is not None and cancel.is_set():
                    return parts, False
                rows = slice(start, min(start + CHUNK, n))
                parts.append(work(rows))
                advance(rows.stop - rows.start)
        except KeyboardInterrupt:
            return parts, False
    return parts, True


def run_networks(
    networks: Sequence[nn.Module], flux: NDArray[Any], extra: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Run each network on the same stars.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        In evaluation mode, with a method ``distribution``.
    flux, extra : numpy.ndarray of float32, shapes [n, n_pix] and [n, k]
        Scaled inputs.

    Returns
    -------
    mean, variance : numpy.ndarray of float64, shape [n_networks, n, n_labels]
        Scaled labels and their variance as each network states it.
    """
    import torch

    device = next(networks[0].parameters()).device
    means: list[list[torch.Tensor]] = [[] for _ in networks]
    logs: list[list[torch.Tensor]] = [[] for _ in networks]
    with torch.inference_mode():
        # An empty set goes through once, for the shapes.
        for start in range(0, max(len(flux), 1), MICRO_BATCH):
            rows = slice(start, start + MICRO_BATCH)
            x = torch.from_numpy(flux[rows]).to(device)
            e = torch.from_numpy(extra[rows]).to(device)
            for i, network in enumerate(networks):
                mean, log_sigma = network.distribution(x, e)  # type: ignore[operator]
                means[i].append(mean.cpu())
                logs[i].append(log_sigma.cpu())
    mean_array = np.stack([torch.cat(m).numpy() for m in means]).astype(np.float64)
    log_array = np.stack([torch.cat(s).numpy() for s in logs]).astype(np.float64)
    return mean_array, np.exp(2.0 * log_array)
