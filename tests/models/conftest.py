"""Keras files as the authors of a network write them, and what they compute, in plain numpy."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np
import pytest

#: Layers of the RAVE network as Keras lists them.
ORDER = (
    *("InputLayer", "Conv1D", "LeakyReLU", "Conv1D", "LeakyReLU", "Conv1D", "LeakyReLU"),
    *("Dropout", "InputLayer", "Flatten", "Flatten", "Dense", "Dense", "LeakyReLU", "LeakyReLU"),
    *("Concatenate", "Dense", "LeakyReLU", "Dense"),
)
SIZES = {
    "n_pix": 60, "n_extra": 9, "n_labels": 9, "channels": [8, 4, 2], "kernel": 10,
    "hidden": 32, "hidden_extra": 27, "hidden_joint": 16, "slope": 0.3,
}  # fmt: skip

Weights = list[tuple[np.ndarray, np.ndarray]]


def random_weights(n_pix: int = 60, seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    shapes = [
        (10, 1, 8),
        (10, 8, 4),
        (10, 4, 2),
        (2 * (n_pix - 27), 32),
        (9, 27),
        (59, 16),
        (16, 9),
    ]
    return [
        (
            rng.normal(0, 1 / np.sqrt(np.prod(s[:-1])), s).astype(np.float32),
            rng.normal(0, 0.1, s[-1]).astype(np.float32),
        )
        for s in shapes
    ]


def keras_bytes(
    weights: Weights | None = None,
    *,
    order: Sequence[str] = ORDER,
    changes: dict[str, dict[str, Any]] | None = None,
    config: bool = True,
    first: int = 40,
) -> bytes:
    """A legacy HDF5 file; `first` numbers the layers, as Keras goes on counting in a session."""
    settings: dict[str, dict[str, Any]] = {
        "Conv1D": {
            "strides": [1],
            "padding": "valid",
            "dilation_rate": [1],
            "groups": 1,
            "activation": "linear",
            "data_format": "channels_last",
        },
        "LeakyReLU": {"alpha": 0.30000001192092896},
        "Flatten": {"data_format": "channels_last"},
        "Dense": {"activation": "linear"},
    }
    for kind, change in (changes or {}).items():
        settings[kind] = settings.get(kind, {}) | change
    left = list(weights or random_weights())
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        root = file.create_group("model_weights") if config else file
        names = [f"{kind.lower()}_{first + i}" for i, kind in enumerate(order)]
        root.attrs["layer_names"] = [name.encode() for name in names]
        for name, kind in zip(names, order, strict=True):
            group = root.create_group(name)
            own = kind in {"Conv1D", "Dense"} and bool(left)
            paths = [f"{name}/kernel:0", f"{name}/bias:0"] if own else []
            group.attrs["weight_names"] = [path.encode() for path in paths]
            for path, array in zip(paths, left.pop(0) if own else (), strict=True):
                group.create_dataset(path, data=array)
        if config:
            layers = [{"class_name": kind, "config": settings.get(kind, {})} for kind in order]
            file.attrs["model_config"] = json.dumps({"config": {"layers": layers}})
    return stream.getvalue()


def read_weights(data: bytes) -> Weights:
    """Kernel and bias of each layer, straight from the file."""
    with h5py.File(io.BytesIO(data)) as file:
        root = file.get("model_weights", file)
        groups = [root[name] for name in root.attrs["layer_names"]]
        return [
            tuple(np.asarray(group[path], np.float64) for path in group.attrs["weight_names"])
            for group in groups
            if len(group.attrs["weight_names"])
        ]  # type: ignore[misc]


def evaluate(weights: Weights, flux: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """The network of Guiglion et al. (2020) as Keras computes it, in double precision."""

    def act(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, 0.3 * x)

    x = flux[:, :, None].astype(np.float64)  # [star, pixel, channel]
    for kernel, bias in weights[:3]:
        out = np.zeros((len(x), x.shape[1] - len(kernel) + 1, kernel.shape[2]))
        for shift, part in enumerate(kernel):
            out += x[:, shift : shift + out.shape[1]] @ part
        x = act(out + bias)
    (spectral, b1), (scalars, b2), (joint, b3), (head, b4) = weights[3:]
    both = [act(x.reshape(len(x), -1) @ spectral + b1), act(extra @ scalars + b2)]
    return act(np.concatenate(both, axis=1) @ joint + b3) @ head + b4


@pytest.fixture(scope="session")
def keras_file() -> Callable[..., bytes]:
    return keras_bytes


@pytest.fixture(scope="session")
def keras_weights() -> Callable[..., Weights]:
    """Random weights for a file."""
    return random_weights


@pytest.fixture(scope="session")
def keras_order() -> tuple[str, ...]:
    return ORDER


@pytest.fixture(scope="session")
def small_sizes() -> dict[str, Any]:
    """The ``network`` table of a card, for spectra of 60 pixels."""
    return SIZES


@pytest.fixture(scope="session")
def plain() -> Callable[[bytes, np.ndarray, np.ndarray], np.ndarray]:
    """What a Keras file computes, in plain numpy: (file, flux, extra) -> scaled labels."""
    return lambda data, flux, extra: evaluate(read_weights(data), flux, extra)
