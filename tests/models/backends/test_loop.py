from __future__ import annotations

import pickle
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import stellarnb as snb
from benchmarks.reference import N_EXTRA, N_PIX, ReferenceHybrid, reference_model
from stellarnb.errors import InvalidInput, MissingInput, TooLarge
from stellarnb.models.backends import cuda as accelerator
from stellarnb.models.backends import loop as engine
from stellarnb.models.backends.cuda import Launcher, run_on_accelerator
from stellarnb.models.backends.loop import run_networks

RNG = np.random.default_rng(5)
CPU = torch.device("cpu")


def inputs(n: int) -> tuple[np.ndarray, np.ndarray]:
    flux = RNG.standard_normal((n, N_PIX)).astype(np.float32)
    return flux, RNG.standard_normal((n, N_EXTRA)).astype(np.float32)


@pytest.fixture(scope="module")
def networks() -> list[nn.Module]:
    return [network.cpu() for network in reference_model(2).networks]


@pytest.fixture(scope="module")
def stars() -> tuple[np.ndarray, np.ndarray]:
    return inputs(150)


@pytest.fixture(scope="module")
def eager(
    networks: list[nn.Module], stars: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        pairs = [network.distribution(*map(torch.from_numpy, stars)) for network in networks]
    mean, log_sigma = (torch.stack([p[k] for p in pairs]).double().numpy() for k in (0, 1))
    return mean, np.exp(2 * log_sigma)


def spread(eager: tuple[np.ndarray, np.ndarray]) -> float:
    return float(np.ptp(eager[0]))


def test_labels_are_those_of_the_networks(networks, stars, eager) -> None:
    mean, variance = run_networks(networks, *stars)
    assert mean.dtype == variance.dtype == np.float64
    np.testing.assert_allclose(mean, eager[0], atol=1e-5 * spread(eager))
    np.testing.assert_allclose(variance, eager[1], rtol=1e-4)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 149), max_size=4, unique=True))
def test_labels_do_not_depend_on_how_the_stars_are_split(cuts: list[int]) -> None:
    networks = [ReferenceHybrid().eval()]
    flux, extra = inputs(150)
    whole = run_networks(networks, flux, extra)
    edges = [0, *sorted(cuts), 150]
    parts = [
        run_networks(networks, flux[a:b], extra[a:b])
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    for k in (0, 1):
        np.testing.assert_array_equal(np.concatenate([p[k] for p in parts], axis=1), whole[k])


def test_no_stars_give_empty_labels(networks) -> None:
    mean, variance = run_networks(networks, *inputs(0))
    assert mean.shape == variance.shape == (2, 0, 5)


def test_the_number_of_threads_is_left_as_it_was(networks, stars) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        run_networks(networks, *stars)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_two_callers_at_once_get_the_same_labels(networks, stars) -> None:
    expected = run_networks(networks, *stars)[0]
    found: list[np.ndarray] = []
    callers = [
        threading.Thread(target=lambda: found.append(run_networks(networks, *stars)[0]))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 3
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_changed_weights_are_seen() -> None:
    network = ReferenceHybrid().eval()
    flux, extra = inputs(3)
    before = run_networks([network], flux, extra)[0]
    with torch.no_grad():
        network.head[2].bias.add_(1.0)
    after = run_networks([network], flux, extra)[0]
    np.testing.assert_allclose(after - before, 1.0, atol=1e-5)


class Cramped(nn.Module):
    """A network on a device that has room for only so many stars."""

    def __init__(self, inner: nn.Module, room: int) -> None:
        super().__init__()
        self.inner, self.room = inner, room
        self.seen: list[int] = []

    def distribution(self, flux: torch.Tensor, extra: torch.Tensor):
        self.seen.append(len(flux))
        if len(flux) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.inner.distribution(flux, extra)


@pytest.mark.parametrize("batch", [7, 64, 4096])
def test_the_accelerators_loop_gives_the_same_labels(networks, stars, eager, batch) -> None:
    mean, _ = run_on_accelerator(networks, stars, CPU, batch=batch)
    np.testing.assert_allclose(mean, eager[0], atol=1e-5 * spread(eager))


def test_out_of_memory_halves_the_batch_and_goes_on(networks, stars, eager) -> None:
    cramped = [Cramped(network, 20) for network in networks]
    mean, _ = run_on_accelerator(cramped, stars, CPU, batch=128)
    np.testing.assert_allclose(mean, eager[0], atol=1e-5 * spread(eager))
    assert cramped[0].seen[:5] == [128, 64, 32, 16, 16]


def test_out_of_memory_later_on_loses_nothing(networks, stars, eager) -> None:
    class Filling(Cramped):
        def distribution(self, flux, extra):
            self.room = 64 if len(self.seen) < 1 else 5
            return super().distribution(flux, extra)

    mean, _ = run_on_accelerator([Filling(networks[0], 64)], stars, CPU, batch=64)
    np.testing.assert_allclose(mean[0], eager[0][0], atol=1e-5 * spread(eager))


def test_no_room_for_a_single_star_says_what_to_do(networks, stars) -> None:
    with pytest.raises(TooLarge, match="STELLARNB_DEVICE=cpu"):
        run_on_accelerator([Cramped(networks[0], 0)], stars, CPU, batch=4)


def test_another_error_of_the_device_is_not_swallowed(stars) -> None:
    class Broken(nn.Module):
        def distribution(self, flux, extra):
            raise RuntimeError("device-side assert")

    with pytest.raises(RuntimeError, match="assert"):
        run_on_accelerator([Broken()], stars, CPU)


def test_a_batch_started_on_another_device_stays_there(stars) -> None:
    meta = torch.device("meta")
    launcher = Launcher([ReferenceHybrid().eval().to(meta)], meta)
    mean, log_sigma = launcher.start([array[:9] for array in stars])
    assert mean.device == log_sigma.device == meta
    assert mean.shape == log_sigma.shape == (1, 9, 5)


def test_only_precisions_that_exist_are_allowed(networks) -> None:
    with pytest.raises(InvalidInput, match="bfloat16"):
        Launcher(networks, CPU, "float8")


def test_lower_precision_only_where_asked(networks, stars) -> None:
    batch = [array[:8] for array in stars]
    single = Launcher(networks, CPU).start(batch)[0]
    lower = Launcher(networks, CPU, "bfloat16").start(batch)[0]
    assert lower.dtype == torch.float32
    assert not torch.equal(single, lower)
    assert float((single - lower).abs().max()) < 0.05


def test_chunks_are_large_only_on_an_accelerator(networks) -> None:
    assert engine.chunk_size(networks) == engine.CHUNK
    meta = [ReferenceHybrid().to("meta")]
    assert engine.chunk_size(meta) > accelerator.ACCELERATOR_BATCH


def test_a_backend_that_is_none_is_refused(networks, stars, monkeypatch) -> None:
    monkeypatch.setenv("STELLARNB_BACKEND", "abacus")
    with pytest.raises(InvalidInput, match="abacus"):
        run_networks(networks, *stars)


def test_openvino_gives_the_same_labels(networks, stars, eager) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    mean, variance = run_networks(networks, *stars, backend="openvino")
    np.testing.assert_allclose(mean, eager[0], atol=1e-4 * spread(eager))
    np.testing.assert_allclose(variance, eager[1], rtol=1e-3)
    assert run_networks(networks, *inputs(0), backend="openvino")[0].shape == (2, 0, 5)


def test_without_openvino_it_says_how_to_get_it(networks, stars, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    monkeypatch.setenv("STELLARNB_BACKEND", "openvino")
    with pytest.raises(MissingInput, match=r"stellarnb\[openvino\]"):
        run_networks([ReferenceHybrid().eval()], *stars)


def test_a_model_travels_by_name() -> None:
    model = snb.load_model("xp-apogee", backend="torch")
    data = pickle.dumps(model)
    assert len(data) < 1000
    again = pickle.loads(data)  # noqa: S301 - our own bytes
    assert again.card == model.card
    assert again.backend == "torch"
    assert pickle.loads(data) is again  # noqa: S301


def test_a_model_without_a_name_travels_whole(stars) -> None:
    model = reference_model()
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(
        run_networks(again.networks, *stars)[0], run_networks(model.networks, *stars)[0]
    )


needs_gpu = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="no accelerator is at hand"
)


@pytest.mark.gpu
@needs_gpu
def test_an_accelerator_gives_the_same_labels_as_the_cpu(networks, capsys) -> None:
    device = torch.accelerator.current_accelerator()
    assert device is not None
    flux, extra = inputs(20_000)
    expected = run_networks(networks, flux, extra)[0]
    there = [pickle.loads(pickle.dumps(network)).to(device) for network in networks]  # noqa: S301
    run_networks(there, flux[:5000], extra[:5000])
    start = time.perf_counter()
    found = run_networks(there, flux, extra)[0]
    rate = len(flux) / (time.perf_counter() - start)
    with capsys.disabled():
        print(f"\n{device}: {rate:,.0f} stars/s through {len(networks)} networks")
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.gpu
@needs_gpu
def test_an_accelerator_that_is_full_goes_on_with_less(networks) -> None:
    device = torch.accelerator.current_accelerator()
    assert device is not None
    if device.type != "cuda":
        pytest.skip("memory can be limited on CUDA only")
    flux, extra = inputs(8192)
    expected = run_networks(networks[:1], flux, extra)[0]
    there = [pickle.loads(pickle.dumps(networks[0])).to(device)]  # noqa: S301
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(600e6 / total)
    try:
        found = run_networks(there, flux, extra)[0]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))
