"""Training one member of an ensemble."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from stellarnb.files import atomic_write
from stellarnb.progress import Advance

__all__ = [
    "TrainingBatches",
    "checkpoint_key",
    "load_checkpoint",
    "save_checkpoint",
    "train_member",
]

Network = TypeVar("Network", bound=nn.Module)

MAX_GRADIENT = 5.0


class TrainingBatches(Protocol):
    """Training stars, drawn anew each time, and the loss on them."""

    generator: torch.Generator

    def __len__(self) -> int:
        """Return the number of stars of an epoch."""
        ...

    def evaluate(self, network: Any, index: torch.Tensor) -> torch.Tensor:
        """Return the loss of a network on some stars."""
        ...


def train_member(
    network: Network, batches: TrainingBatches, config: dict[str, Any], advance: Advance
) -> Network:
    """Train a network; return it with the running mean of its weights."""
    averaged = copy.deepcopy(network)
    per_epoch = len(batches) // config["batch"]
    optimizer, schedule = _optimizer(network, config, per_epoch * config["epochs"])
    step = 0
    for _ in range(config["epochs"]):
        order = torch.randperm(len(batches), generator=batches.generator)
        for index in torch.split(order[: per_epoch * config["batch"]], config["batch"]):
            loss = batches.evaluate(network, index)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT)
            optimizer.step()
            schedule.step()
            step += 1
            decay = min(config["average"], (1 + step) / (10 + step))
            with torch.no_grad():
                for kept, now in zip(averaged.parameters(), network.parameters(), strict=True):
                    kept.lerp_(now, 1 - decay)
        advance(1)
    return averaged.eval()


def _optimizer(
    network: nn.Module, config: dict[str, Any], steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config["decay"]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config["rate"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config["rate"], steps, pct_start=0.15, div_factor=20, final_div_factor=200
    )
    return optimizer, schedule


def checkpoint_key(config: dict[str, Any]) -> str:
    """Return a digest of a configuration: a checkpoint of another one is not resumed."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, network: nn.Module, key: str) -> None:
    """Write the weights of a finished member, with its key."""
    from safetensors.torch import save_file

    with atomic_write(path) as part:
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(tensors, part, metadata={"key": key})


def load_checkpoint(path: Path, key: str) -> dict[str, torch.Tensor] | None:
    """Return the weights of a member, or None if there are none with this key."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
