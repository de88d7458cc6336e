"""What the networks' speed is measured against: Keras, OpenVINO, and the machine itself."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stellarnb.errors import MissingInput
from stellarnb.models.backends.openvino import compile_network
from stellarnb.models.networks.hybrid import LOG_SCALE, HybridNetwork

__all__ = ["KERAS_BATCHES", "keras_model", "openvino_runner", "peak_flops"]

Floats = NDArray[np.float32]

#: Batches of Keras's `predict`, of which the best counts.
KERAS_BATCHES = (32, 64, 128, 256)
#: Matrices of this size reach the peak.
_SIZE = 1536


def peak_flops() -> Callable[[], float]:
    """Return what measures the oneDNN float32 matrix peak of one core [FLOP/s], in CPU time.

    Call it with PyTorch on one thread.
    """
    with warnings.catch_warnings():
        # The module holds script modules, a form that PyTorch has begun to give up.
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.utils.mkldnn import to_mkldnn

        layer = to_mkldnn(nn.Linear(_SIZE, _SIZE).eval())  # type: ignore[no-untyped-call]
    matrix = torch.rand(_SIZE, _SIZE).to_mkldnn()

    def measure() -> float:
        with torch.inference_mode():
            start = time.process_time()
            for _ in range(4):
                layer(matrix)
            return 4 * 2 * _SIZE**3 / (time.process_time() - start)

    return measure


def keras_model(network: HybridNetwork) -> Any:
    """Return a hybrid network in Keras, with the same weights."""
    # Of Keras's backends TensorFlow is the fastest here: JAX reaches 0.9 of it, PyTorch 0.6.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ImportError as error:
        raise MissingInput(
            'Keras with TensorFlow is not installed: pip install "stellarnb[bench]".'
        ) from error
    first = cast("nn.Linear", network.scalar[0])
    flux = keras.Input((network.direct.in_features, 1))
    low, extra = keras.Input((network.n_xp,)), keras.Input((first.in_features,))
    spectral = keras.layers.Add()(
        [
            _dense(network.spectral, n_channels=_channels(network.convolutions))(
                _sequence(network.convolutions, flux)
            ),
            _dense(network.direct)(keras.layers.Flatten()(flux)),
        ]
    )
    components = network.components.numpy()
    white = 2 * keras.ops.arcsinh(
        keras.ops.matmul(low, components.T) * (network.inverse.numpy() / 2)
    )
    both = keras.ops.stack([low, keras.ops.matmul(3 * white, components)], axis=2)
    flat = _sequence(network.low_convolutions, both)
    joined = keras.layers.Concatenate()(
        [
            _sequence(network.after, spectral),
            _sequence(network.low, white),
            _sequence(network.low_spectral, flat, n_channels=_channels(network.low_convolutions)),
            _sequence(network.scalar, extra),
        ]
    )
    scale = keras.ops.clip(_sequence(network.scale, joined), *LOG_SCALE)
    return keras.Model([flux, low, extra], [_sequence(network.joint, joined), scale])


def _channels(convolutions: nn.Sequential) -> int:
    """Return how many channels come out of convolutions."""
    return next(m.out_channels for m in reversed(convolutions) if isinstance(m, nn.Conv1d))


def _sequence(modules: nn.Sequential, x: Any, n_channels: int = 0) -> Any:
    """Return what a chain of torch layers makes of a Keras tensor.

    `n_channels` says that the first dense layer reads flattened convolutions.
    """
    import keras

    for module in modules:
        if isinstance(module, nn.Conv1d):
            x = _convolution(module)(keras.layers.ZeroPadding1D(int(module.padding[0]))(x))
        elif isinstance(module, nn.Linear):
            x = _dense(module, n_channels=n_channels)(x)
            n_channels = 0
        elif isinstance(module, nn.Flatten):
            x = keras.layers.Flatten()(x)
        else:
            x = keras.layers.Activation("silu")(x)
    return x


def _convolution(module: nn.Conv1d) -> Any:
    import keras

    layer = keras.layers.Conv1D(
        module.out_channels, module.kernel_size[0], strides=module.stride[0]
    )
    layer.build((None, None, module.in_channels))
    layer.set_weights([module.weight.detach().numpy().transpose(2, 1, 0), _bias(module)])
    return layer


def _dense(module: nn.Linear, *, n_channels: int = 0) -> Any:
    import keras

    kernel = module.weight.detach().numpy()
    if n_channels:  # Keras flattens with the channels last, PyTorch with the pixels last
        n_out = len(kernel)
        kernel = kernel.reshape(n_out, n_channels, -1).transpose(0, 2, 1).reshape(n_out, -1)
    layer = keras.layers.Dense(module.out_features)
    layer.build((None, module.in_features))
    layer.set_weights([np.ascontiguousarray(kernel.T), _bias(module)])
    return layer


def _bias(module: nn.Linear | nn.Conv1d) -> Floats:
    return cast("Tensor", module.bias).detach().numpy()


def openvino_runner(
    network: nn.Module, inputs: Sequence[Floats], batch: int, **options: Any
) -> Callable[[], None]:
    """Return what runs a network over all stars through OpenVINO, asynchronously."""
    compiled = compile_network(network, inputs, batch, **options)
    from openvino import AsyncInferQueue

    queue = AsyncInferQueue(compiled)

    def run() -> None:
        for start in range(0, len(inputs[0]), batch):
            rows = slice(start, start + batch)
            queue.start_async({i: array[rows] for i, array in enumerate(inputs)})
        queue.wait_all()

    return run
