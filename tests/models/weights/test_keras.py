import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from stellarnb.errors import GridMismatch, StellarnbError, WeightsNotFound
from stellarnb.models.networks.rave import KERAS_CLASSES, RaveNetwork, build_rave_network
from stellarnb.models.weights.keras import read_keras, to_state_dict

Make = Callable[..., bytes]


@pytest.fixture
def network(small_sizes: dict[str, Any]) -> RaveNetwork:
    return build_rave_network(small_sizes)


def convert(data: bytes, network: RaveNetwork) -> dict[str, torch.Tensor]:
    return to_state_dict(read_keras(data, "x.h5"), "x.h5", network, KERAS_CLASSES, 60)


@pytest.mark.parametrize("config", [True, False])
def test_the_torch_network_computes_what_the_file_computes(
    network: RaveNetwork, keras_file: Make, plain: Any, config: bool
) -> None:
    data = keras_file(config=config)
    network.load_state_dict(convert(data, network))
    rng = np.random.default_rng(1)
    flux, extra = rng.normal(1, 0.2, (5, 60)), rng.random((5, 9))
    with torch.inference_mode():
        got = network(torch.tensor(flux).float(), torch.tensor(extra).float()).numpy()
    np.testing.assert_allclose(got, plain(data, flux, extra), atol=1e-5)


def test_layers_are_matched_by_order_not_by_name(network: RaveNetwork, keras_file: Make) -> None:
    one, two = (convert(keras_file(first=first), network) for first in (1, 97))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_network_states_no_error_of_its_own(network: RaveNetwork) -> None:
    mean, log_sigma = network.distribution(torch.ones(2, 60), torch.ones(2, 9))
    assert torch.equal(mean, network(torch.ones(2, 60), torch.ones(2, 9)))
    assert torch.equal(torch.exp(2 * log_sigma), torch.zeros(2, 9))


def test_the_same_network_for_other_spectra_is_a_grid_mismatch(
    network: RaveNetwork, keras_file: Make, keras_weights: Any
) -> None:
    with pytest.raises(GridMismatch) as caught:
        convert(keras_file(keras_weights(100)), network)
    text = str(caught.value)
    assert "146x32" in text  # found
    assert "66x32" in text  # expected
    assert "100 pixels, not of 60" in text


def test_another_architecture_names_both_shapes(
    network: RaveNetwork, keras_file: Make, keras_weights: Any
) -> None:
    weights = keras_weights()
    weights[1] = (np.zeros((15, 8, 4), np.float32), weights[1][1])
    with pytest.raises(WeightsNotFound, match=r"expected kernels 10x1x8, 10x8x4.*found.*15x8x4"):
        convert(keras_file(weights), network)
    with pytest.raises(WeightsNotFound, match=r"found 10x1x8, 10x8x4\. This is another"):
        convert(keras_file(keras_weights()[:2]), network)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"LeakyReLU": {"alpha": 0.1}}, "alpha 0.1; expected 0.3"),
        ({"Dense": {"activation": "relu"}}, "activation 'relu'; expected 'linear'"),
        ({"Conv1D": {"padding": "same"}}, "padding 'same'"),
    ],
)
def test_equal_shapes_that_compute_something_else_are_refused(
    network: RaveNetwork, keras_file: Make, changes: Any, words: str
) -> None:
    with pytest.raises(WeightsNotFound, match=words):
        convert(keras_file(changes=changes), network)


def test_other_layers_are_refused(
    network: RaveNetwork, keras_file: Make, keras_order: tuple[str, ...]
) -> None:
    for order in ((*keras_order, "LeakyReLU"), (*keras_order, "Softmax")):
        with pytest.raises(WeightsNotFound, match="expected layers"):
            convert(keras_file(order=order), network)


def test_what_is_no_hdf5_file_is_said(tmp_path: Path) -> None:
    for data, words in (
        (b"", "no HDF5 file"),
        (b"PK\x03\x04", "zip archive"),
        (b"<html>", "no HD"),
    ):
        with pytest.raises(WeightsNotFound, match=words):
            read_keras(data, "x.h5")
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(WeightsNotFound, match="SavedModel"):
        read_keras(tmp_path, "x")
    with pytest.raises(WeightsNotFound, match="cannot be read"):
        read_keras(tmp_path / "none.h5", "none.h5")


def test_a_file_is_read_by_its_path_too(tmp_path: Path, keras_file: Make) -> None:
    (tmp_path / "m.h5").write_bytes(keras_file())
    assert len(read_keras(tmp_path / "m.h5", "m.h5").layers) == 7


def changed(data: bytes, change: Callable[[h5py.File], None]) -> bytes:
    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def test_a_file_that_leads_elsewhere_is_refused(tmp_path: Path, keras_file: Make) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(10 * 8 * 4))
    other = tmp_path / "other.h5"
    other.write_bytes(keras_file())
    name = "model_weights/conv1d_41/conv1d_41/kernel:0"

    def external_bytes(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, (10, 1, 8), "f4", external=[(str(secret), 0, 320)])

    def external_link(file: h5py.File) -> None:
        del file[name]
        file[name] = h5py.ExternalLink(str(other), name)

    def virtual(file: h5py.File) -> None:
        del file[name]
        layout = h5py.VirtualLayout((10, 1, 8), "f4")
        layout[:] = h5py.VirtualSource(str(other), name, (10, 1, 8))
        file.create_virtual_dataset(name, layout)

    for change in (external_bytes, external_link, virtual):
        with pytest.raises(WeightsNotFound):
            read_keras(changed(keras_file(), change), "x.h5")


def test_nonsense_weights_are_refused(keras_file: Make) -> None:
    name = "model_weights/conv1d_41/conv1d_41/kernel:0"

    def nan(file: h5py.File) -> None:
        file[name][0, 0, 0] = np.nan

    def text(file: h5py.File) -> None:
        del file[name]
        file[name] = np.full((10, 1, 8), b"x")

    def huge(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, (10**6, 10**6, 8), "f4", chunks=(10, 10, 8))

    for change, words in ((nan, "not finite"), (text, "not numbers"), (huge, "too large")):
        with pytest.raises(WeightsNotFound, match=words):
            read_keras(changed(keras_file(), change), "x.h5")


def test_broken_files_raise_nothing_but_our_errors(network: RaveNetwork, keras_file: Make) -> None:
    whole, rng = np.frombuffer(keras_file(), np.uint8), np.random.default_rng(2020)
    refused = 0
    for _ in range(200):
        data, count = whole.copy(), rng.choice([1, 5, 50, 500])
        reach = rng.choice([len(data), 4096])
        data[rng.integers(0, reach, count)] = rng.integers(0, 256, count)
        end = rng.integers(0, len(data)) if rng.random() < 0.25 else len(data)
        try:
            convert(data[:end].tobytes(), network)
        except StellarnbError:
            refused += 1
    assert refused > 50
