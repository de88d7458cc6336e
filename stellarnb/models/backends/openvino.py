"""OpenVINO as another way to run a network on a CPU: the same answers, often sooner."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.models.backends.batches import padded_batches, weights_state

if TYPE_CHECKING:
    from torch import nn

__all__ = ["compile_network", "run_on_openvino"]

Floats = NDArray[np.float32]

_COMPILED: WeakKeyDictionary[nn.Module, dict[tuple[Any, ...], Any]] = WeakKeyDictionary()
_LOCK = threading.Lock()


def compile_network(
    network: nn.Module, inputs: Sequence[Floats], batch: int, **options: Any
) -> Any:
    """Compile a network for OpenVINO in float32, for batches of exactly `batch` stars."""
    import torch

    try:
        import openvino
    except ImportError as error:
        raise MissingInput(
            'OpenVINO is not installed: pip install "stellarnb[openvino]", or leave '
            "STELLARNB_BACKEND unset to run on PyTorch."
        ) from error

    class Distribution(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.network.distribution(*tensors)  # type: ignore[operator]

    shapes = [(batch, *array.shape[1:]) for array in inputs]
    example = tuple(torch.zeros(shape) for shape in shapes)
    with torch.no_grad(), warnings.catch_warnings():
        # OpenVINO traces the network in a way that PyTorch has begun to give up.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        model = openvino.convert_model(Distribution().eval(), example_input=example)
    model.reshape({i: list(shape) for i, shape in enumerate(shapes)})
    options = options or {"PERFORMANCE_HINT": "THROUGHPUT"}
    return openvino.Core().compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", **options}
    )


def run_on_openvino(
    networks: Sequence[nn.Module], inputs: Sequence[Floats], batch: int
) -> tuple[Floats, Floats]:
    """Return mean and log_sigma, float32 [n_networks, n, n_labels], from OpenVINO; several batches at a time."""
    results = [_run_one(network, inputs, batch) for network in networks]
    mean, log_sigma = (np.stack([result[k] for result in results]) for k in (0, 1))
    return mean, log_sigma


def _run_one(network: nn.Module, inputs: Sequence[Floats], batch: int) -> list[Floats]:
    parts: dict[int, list[Floats]] = {}

    def keep(request: Any, rows: slice) -> None:
        stop = rows.stop - rows.start
        parts[rows.start] = [request.get_output_tensor(k).data[:stop].copy() for k in (0, 1)]

    compiled = _compiled(network, inputs, batch)
    from openvino import AsyncInferQueue

    queue = AsyncInferQueue(compiled)
    queue.set_callback(keep)
    for rows, arrays in padded_batches(inputs, batch):
        queue.start_async(dict(enumerate(arrays)), rows)
    queue.wait_all()
    ordered = [parts[start] for start in sorted(parts)]
    return [np.concatenate([part[k] for part in ordered]) for k in (0, 1)]


def _compiled(network: nn.Module, inputs: Sequence[Floats], batch: int) -> Any:
    """Return the network compiled for these shapes, from memory where its weights are the same."""
    key = (batch, *(array.shape[1:] for array in inputs))
    state = weights_state(network)
    with _LOCK:
        known = _COMPILED.setdefault(network, {})
        if key not in known or known[key][0] != state:
            known[key] = (state, compile_network(network, inputs, batch))
        return known[key][1]
