"""What the networks' speed is measured against: Keras, OpenVINO, and the machine itself."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stellarnb.bench.reference import N_EXTRA, N_LABELS, N_PIX, N_XP, ReferenceHybrid
from stellarnb.errors import MissingInput
from stellarnb.models.openvino import compile_network

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


def keras_model(network: ReferenceHybrid) -> Any:
    """Return the reference hybrid in Keras, with the same weights.

    Parameters
    ----------
    network : ReferenceHybrid
        Whose weights to take.

    Returns
    -------
    keras.Model
        Takes ``[flux [n, n_pix, 1], extra [n, n_extra]]``, gives [n, 2 n_labels].

    Raises
    ------
    MissingInput
        If Keras or its TensorFlow is not installed.
    """
    # Of Keras's backends TensorFlow is the fastest here: JAX reaches 0.9 of it, PyTorch 0.6.
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
        from keras import layers
    except ImportError as error:
        raise MissingInput(
            'Keras with TensorFlow is not installed: pip install "stellarnb[bench]".'
        ) from error
    flux, extra = keras.Input((N_PIX, 1)), keras.Input((N_EXTRA,))
    x = flux
    for channels, kernel, pool in ((16, 7, 4), (32, 7, 4), (64, 5, 2)):
        x = layers.Conv1D(channels, kernel, padding="same", activation="relu")(x)
        x = layers.MaxPooling1D(pool)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    low = layers.Dense(128, activation="relu")(extra[:, :N_XP])
    low = layers.Dense(32, activation="relu")(low)
    scalar = layers.Dense(32, activation="relu")(extra[:, N_XP:])
    joined = layers.Dense(64, activation="relu")(layers.Concatenate()([x, low, scalar]))
    model = keras.Model([flux, extra], layers.Dense(2 * N_LABELS)(joined))
    _copy_weights(network, model)
    return model


def _copy_weights(network: ReferenceHybrid, model: Any) -> None:
    """Give a Keras model the weights of a network, matched by shape."""
    ours = [m for m in network.modules() if isinstance(m, (nn.Conv1d, nn.Linear))]
    for layer in model.layers:
        if not layer.weights:
            continue
        shape = tuple(layer.weights[0].shape)
        match = next(m for m in ours if tuple(reversed(m.weight.shape)) == shape)
        ours.remove(match)
        kernel = match.weight.detach().numpy()
        if match is network.spectral[-2]:
            # Keras flattens with the channels last, PyTorch with the pixels last.
            kernel = kernel.reshape(128, 64, -1).transpose(0, 2, 1).reshape(128, -1)
        layer.set_weights([np.ascontiguousarray(kernel.T), cast("Tensor", match.bias).detach()])


def openvino_runner(
    network: nn.Module, flux: Floats, extra: Floats, batch: int, **options: Any
) -> Callable[[], None]:
    """Return what runs a network over all stars through OpenVINO, asynchronously.

    Parameters
    ----------
    network : torch.nn.Module
        With a method ``distribution``.
    flux, extra : numpy.ndarray of float32, shapes [n, ...]
        Inputs; n is a multiple of `batch`.
    batch : int
        Stars of a batch.
    **options
        OpenVINO's own.

    Returns
    -------
    callable

    Raises
    ------
    MissingInput
        If OpenVINO is not installed.
    """
    compiled = compile_network(network, [flux, extra], batch, **options)
    from openvino import AsyncInferQueue

    queue = AsyncInferQueue(compiled)

    def run() -> None:
        for start in range(0, len(flux), batch):
            rows = slice(start, start + batch)
            queue.start_async({0: flux[rows], 1: extra[rows]})
        queue.wait_all()

    return run
