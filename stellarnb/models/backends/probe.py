"""Trying torch, in a process of its own: ``python -m stellarnb.models.backends.probe`` prints JSON.

A torch that does not fit the machine can end the process that imports it.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["probe"]


def probe() -> dict[str, Any]:
    """Return what torch is and where it computes.

    Memory in byte; ``right`` is whether a small convolution comes out as counted by hand.
    """
    import torch

    from stellarnb.models.backends.loop import pick_device

    device = pick_device()
    ones = torch.ones(1, 2, 64, device=device)
    kernel = torch.ones(3, 2, 7, device=device)
    right = bool((torch.nn.functional.conv1d(ones, kernel).cpu() == 14.0).all())
    name, memory = "", 0
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, int(properties.total_memory)
    return {
        "version": str(torch.__version__),
        "device": str(device),
        "name": name,
        "memory": memory,
        "threads": torch.get_num_threads(),
        "right": right,
    }


if __name__ == "__main__":
    print(json.dumps(probe()))
