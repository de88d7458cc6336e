"""What networks run on here, and its memory, without waking anything up to find out."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from stellarnb.models.backends.loop import pick_device

__all__ = ["DeviceMemory", "device_memory"]


@dataclass(frozen=True)
class DeviceMemory:
    """An accelerator's memory, as its driver tells it.

    Attributes
    ----------
    name : str
        As torch calls it, such as ``cuda:0``, and what it is.
    free, total : int
        Of its memory [byte].
    reserved : int
        What this process holds of it [byte].
    """

    name: str
    free: int
    total: int
    reserved: int


def device_memory() -> DeviceMemory | None:
    """Return the memory of the accelerator in use, or None; asking never takes a share of its memory."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    device = pick_device()
    if device.type != "cuda" or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info(device)
    name = f"{device} ({torch.cuda.get_device_name(device)})"
    return DeviceMemory(name, free, total, torch.cuda.memory_reserved(device))
