"""Published Keras weights, read without TensorFlow."""

from __future__ import annotations

import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import GridMismatch, WeightsNotFound

if TYPE_CHECKING:
    import h5py
    from torch import Tensor, nn

__all__ = ["ExpectedLayers", "KerasLayer", "KerasModel", "read_keras", "to_state_dict"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: No published network of this kind is near these; a file that claims more is not one.
_MAX_BYTES = 256 * 2**20
_MAX_LAYERS = 1000
_SETTINGS = ("strides", "padding", "dilation_rate", "groups", "activation", "alpha", "data_format")
#: What h5py and json raise on a file that breaks its format.
_BROKEN = (
    OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError,
    OverflowError, MemoryError, SystemError,
)  # fmt: skip


@dataclass(frozen=True)
class KerasLayer:
    """The weights of one layer, as Keras lays them out.

    Attributes
    ----------
    name : str
        As in the file; it differs from file to file.
    kernel : numpy.ndarray of float32, shape [width, n_in, n_out] or [n_in, n_out]
        Of a Conv1D or a Dense layer.
    bias : numpy.ndarray of float32, shape [n_out]
        Added to the sum.
    """

    name: str
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class KerasModel:
    """What a Keras file says of a network.

    Attributes
    ----------
    layers : tuple of KerasLayer
        Those with weights, in the order of the file.
    settings : tuple of (str, mapping), or None
        Keras class of each layer and those of its settings that change what it computes; None
        where the file has weights alone.
    """

    layers: tuple[KerasLayer, ...]
    settings: tuple[tuple[str, Mapping[str, Any]], ...] | None


@dataclass(frozen=True)
class ExpectedLayers:
    """What the layers of one Keras class have to be.

    Attributes
    ----------
    count : int
        How many there are.
    settings : mapping
        Settings that each must have.
    """

    count: int
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_keras(source: bytes | os.PathLike[str], name: str) -> KerasModel:
    """Read a network of Conv1D and Dense layers from a legacy Keras HDF5 file; `name` is for messages."""
    data = source if isinstance(source, bytes) else _file_bytes(Path(source), name)
    if not data.startswith(_SIGNATURE):
        kind = "a zip archive (the newer .keras format?)" if data[:2] == b"PK" else "no HDF5 file"
        raise WeightsNotFound(
            f"{name} is {kind}. The weights are wanted as Keras's legacy HDF5 (.h5), as the "
            "authors publish them; a TensorFlow SavedModel cannot be read."
        )
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            layers = tuple(_layers(file, name))
            settings = _settings(file)
    except _BROKEN as error:
        raise WeightsNotFound(
            f"{name} is an HDF5 file, but cut, damaged or not of a Keras network ({error}). "
            "Fetch it again."
        ) from error
    return KerasModel(layers, settings)


def _file_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of a file that can be one of weights."""
    if path.is_dir():
        raise WeightsNotFound(
            f"{name}: {path} is a folder, such as a TensorFlow SavedModel, which cannot be read; "
            "the weights are wanted as Keras's legacy HDF5 (.h5)."
        )
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise WeightsNotFound(f"{name}: {path} is too large for the weights of a network.")
        return path.read_bytes()
    except OSError as error:
        raise WeightsNotFound(f"{name}: {path} cannot be read ({error.strerror}).") from error


def _layers(file: h5py.File, name: str) -> Iterator[KerasLayer]:
    """Yield the layers that have weights, in the order in which Keras lists them."""
    import h5py

    root = file.get("model_weights", file)
    names = _texts(root.attrs["layer_names"])
    for layer_name in names:
        group = root[layer_name]
        weight_names = _texts(group.attrs["weight_names"])
        if not weight_names:
            continue
        arrays = []
        for weight_name in weight_names:
            # External links and files would lead out of the bytes that were checked.
            dataset = group[weight_name]
            if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
                raise ValueError(f"{weight_name} is not a plain array")
            if dataset.file.id != file.id or dataset.nbytes > _MAX_BYTES:
                raise ValueError(f"{weight_name} lies outside the file or is too large")
            if dataset.dtype.kind != "f":
                raise ValueError(f"{weight_name} is {dataset.dtype}, not numbers")
            arrays.append(np.asarray(dataset[()], dtype=np.float32))
        shapes = [a.shape for a in arrays]
        fits = len(arrays) == 2 and arrays[0].ndim in {2, 3} and shapes[1] == shapes[0][-1:]
        if not fits:
            raise WeightsNotFound(
                f"{name}: layer {layer_name} has arrays of shape {shapes}; a Conv1D or Dense layer "
                "has a kernel and a bias. This is another architecture."
            )
        if not all(np.isfinite(a).all() for a in arrays):
            raise ValueError(f"layer {layer_name} has weights that are not finite")
        yield KerasLayer(layer_name, *arrays)


def _texts(attribute: Any) -> list[str]:
    """Return a list of names from an attribute."""
    values = np.atleast_1d(attribute)
    if values.ndim != 1 or len(values) > _MAX_LAYERS:
        raise ValueError("a list of names was expected")
    return [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values]


def _settings(file: h5py.File) -> tuple[tuple[str, Mapping[str, Any]], ...] | None:
    """Return what the file says of its layers beside their weights."""
    text = file.attrs.get("model_config")
    if text is None:
        return None
    entries = json.loads(text)["config"]["layers"]
    return tuple(
        (str(e["class_name"]), {k: e["config"][k] for k in _SETTINGS if k in e["config"]})
        for e in entries
    )


def to_state_dict(
    model: KerasModel,
    name: str,
    network: nn.Module,
    classes: Mapping[str, ExpectedLayers],
    n_pix: int,
) -> dict[str, Tensor]:
    """Return Keras weights for a torch network of the same architecture.

    Layers are matched by order, shapes checked. What it flattens must be channels-last: permuted
    to [n, n_pix, n_channels] first.
    """
    import torch
    from torch import nn

    modules = [(k, m) for k, m in network.named_modules() if isinstance(m, (nn.Conv1d, nn.Linear))]
    expected = [tuple(reversed(m.weight.shape)) for _, m in modules]
    found = [layer.kernel.shape for layer in model.layers]
    if found != expected:
        words = f"{name}: expected kernels {_shapes(expected)}; found {_shapes(found)}."
        pixels = _other_pixels(expected, found, n_pix)
        if pixels is not None:
            raise GridMismatch(
                f"{words} This network reads spectra of {pixels:g} pixels, not of {n_pix}."
            )
        raise WeightsNotFound(f"{words} This is another architecture.")
    if model.settings is not None:
        _check_settings(model.settings, name, classes)
    state = {}
    for (key, _), layer in zip(modules, model.layers, strict=True):
        # Keras: [width, in, out] and [in, out]; torch: [out, in, width] and [out, in].
        state[f"{key}.weight"] = torch.from_numpy(np.ascontiguousarray(layer.kernel.T))
        state[f"{key}.bias"] = torch.from_numpy(layer.bias)
    return state


def _check_settings(
    layers: tuple[tuple[str, Mapping[str, Any]], ...],
    name: str,
    classes: Mapping[str, ExpectedLayers],
) -> None:
    """Raise `WeightsNotFound` if the layers compute something else than is expected."""
    found = Counter(kind for kind, _ in layers)
    expected = {kind: layer.count for kind, layer in classes.items()}
    if found != expected:
        raise WeightsNotFound(
            f"{name}: expected layers {expected}; found {dict(found)}. This is another architecture."
        )
    for kind, settings in layers:
        for key, wanted in classes[kind].settings.items():
            given = settings.get(key)
            if isinstance(wanted, float):
                same = isinstance(given, (int, float)) and math.isclose(given, wanted, abs_tol=1e-6)
            else:
                same = given == wanted
            if not same:
                raise WeightsNotFound(
                    f"{name}: a {kind} layer has {key} {given!r}; expected {wanted!r}. This is "
                    "another architecture."
                )


def _other_pixels(
    expected: list[tuple[int, ...]], found: list[tuple[int, ...]], n_pix: int
) -> float | None:
    """Return how many pixels a network reads that differs in nothing else, or None."""
    differ = [i for i, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]]
    if len(expected) != len(found) or len(differ) != 1 or differ[0] == 0:
        return None
    at = differ[0]
    before, ours, theirs = expected[at - 1], expected[at], found[at]
    # Only the first Dense after the convolutions knows the number of pixels.
    if len(before) != 3 or len(ours) != 2 or len(theirs) != 2 or ours[1] != theirs[1]:
        return None
    pixels: float = n_pix + (theirs[0] - ours[0]) / before[2]
    return pixels


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("x".join(str(n) for n in shape) for shape in shapes) or "none"
