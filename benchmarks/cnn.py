"""How fast networks run: against the machine's peak, and against Keras and OpenVINO.

The part of the peak is that of the reference hybrid, which stays the same whatever is trained;
all else is measured on the shipped ``gaia-rvs``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.feed import feed_ratio, peak_memory_gb, write_spectra
from benchmarks.peers import KERAS_BATCHES, keras_model, openvino_runner, peak_flops
from benchmarks.reference import N_EXTRA, N_PIX, N_XP, reference_model
from stellarnb.models import load_model
from stellarnb.models.backends.loop import fast_form, run_networks

__all__ = ["bench_cnn"]

Floats = NDArray[np.float32]
Inputs = Sequence[Floats]

RUNS = 5
#: Stars of one timing.
N_STARS = 4096
#: Stars of one timing of the ensemble.
N_ENSEMBLE = 1024
#: Stars a second that the talk named for its network.
HEADLINE = 3300.0
#: Batches of which OpenVINO's and the plain loops' best counts.
BATCHES = (8, 16, 32, 64, 128)

#: Name, unit, goal, and whether more is better.
_ROWS = (
    ("cnn.peak", "of the oneDNN float32 peak, one core", 0.45, True),
    ("cnn.keras", "of Keras's rate", 1.1, True),
    ("cnn.openvino_peak", "of the oneDNN float32 peak, one core", 0.65, True),
    ("cnn.openvino_keras", "of Keras's rate", 1.6, True),
    ("cnn.whole_array", "of the best micro-batch's rate", 0.9, True),
    ("cnn.ensemble", "of an eager loop's time", 0.85, False),
    ("cnn.feed", "of the networks' CPU time", 0.15, False),
    ("cnn.memory_gb", "GB for 200,000 spectra", 1.5, False),
    ("cnn.vs_headline", "of 3,300 stars/s, on two cores", 5.0, True),
)


def bench_cnn() -> list[dict[str, Any]]:
    """Measure the networks, interleaved with their peers, median of five."""
    with tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder:
        return _bench(Path(folder))


def _bench(folder: Path) -> list[dict[str, Any]]:
    model = load_model("gaia-rvs")
    model.networks = [network.cpu() for network in model.networks]
    rng = np.random.default_rng(1)

    def draw(*sizes: int) -> list[Floats]:
        return [rng.standard_normal((N_STARS, size)).astype(np.float32) for size in sizes]

    inputs = draw(N_PIX, N_XP, model.family.n_extra)  # type: ignore[attr-defined]
    source = write_spectra(folder / "spectra.parquet", N_STARS)
    one_core = _one_core(reference_model().networks[0].cpu(), draw(N_PIX, N_EXTRA))
    all_cores, names = _all_cores(model.networks, inputs)
    found: dict[str, list[float]] = {name: [] for name, *_ in _ROWS}
    ensemble = _ensemble(model.networks, [array[:N_ENSEMBLE] for array in inputs])
    for _ in range(RUNS):
        for measured in (one_core(), all_cores(), ensemble()):
            for name, value in measured.items():
                found[name].append(value)
        found["cnn.feed"].append(feed_ratio(model, source))
    found["cnn.memory_gb"].append(peak_memory_gb(folder))
    return [
        _row(name, unit, goal, found[name], names, more=more) for name, unit, goal, more in _ROWS
    ]


def _row(
    name: str, unit: str, goal: float, values: list[float], peers: dict[str, str], *, more: bool
) -> dict[str, Any]:
    value = statistics.median(values)
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "peer": peers[name],
        "goal": goal,
        "meets": value >= goal if more else value <= goal,
        "runs": len(values),
    }


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rate(work: Callable[[], Any], n: int, clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return n / (clock() - start)


def _best(choices: dict[int, Callable[[], Any]]) -> int:
    """Return the choice that runs soonest, tried twice each after a warm-up."""
    seconds = {
        key: min(1 / _rate(work, 1, time.perf_counter) for _ in range(3))
        for key, work in choices.items()
    }
    return min(seconds, key=lambda key: seconds[key])


def _one_core(network: nn.Module, inputs: Inputs) -> Callable[[], dict[str, float]]:
    """Return what compares with the machine's peak: one thread, CPU time."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(*(torch.from_numpy(array[:1]) for array in inputs))
    flops = counter.get_total_flops()
    n = N_STARS // 2
    some = [array[:n] for array in inputs]
    with _threads(1):
        peak = peak_flops()
        runners = {
            batch: openvino_runner(network, some, batch, INFERENCE_NUM_THREADS=1)
            for batch in BATCHES
        }
        other = runners[_best(runners)]
        run_networks([network], *(array[:64] for array in some))

    def measure() -> dict[str, float]:
        with _threads(1):
            before = peak()
            ours = _rate(lambda: run_networks([network], *some), n, time.process_time)
            theirs = _rate(other, n, time.process_time)
            top = (before + peak()) / 2
        return {"cnn.peak": ours * flops / top, "cnn.openvino_peak": theirs * flops / top}

    return measure


def _all_cores(
    networks: Sequence[nn.Module], inputs: Inputs
) -> tuple[Callable[[], dict[str, float]], dict[str, str]]:
    """Return what compares with Keras, OpenVINO and plain loops on all cores, by the clock."""
    network = networks[0]
    keras = keras_model(network)  # type: ignore[arg-type]
    theirs_inputs = [inputs[0][:, :, None], *inputs[1:]]

    def predict(batch: int) -> Callable[[], Any]:
        return lambda: keras.predict(theirs_inputs, batch_size=batch, verbose=0)

    batch = _best({b: predict(b) for b in KERAS_BATCHES})
    runners = {b: openvino_runner(network, inputs, b) for b in BATCHES}
    other = _best(runners)
    fast = fast_form(network)
    loops = {b: _plain_loop(fast, inputs, b) for b in (16, 32, 64)}
    loop = _best(loops)

    def measure() -> dict[str, float]:
        theirs = _rate(predict(batch), N_STARS, time.perf_counter)
        ours = _rate(lambda: run_networks([network], *inputs), N_STARS, time.perf_counter)
        plain = _rate(loops[loop], N_STARS, time.perf_counter)
        openvino = _rate(runners[other], N_STARS, time.perf_counter)
        with _threads(min(2, torch.get_num_threads())):
            two = _rate(lambda: run_networks([network], *inputs), N_STARS, time.perf_counter)
        return {
            "cnn.keras": ours / theirs,
            "cnn.openvino_keras": openvino / theirs,
            "cnn.whole_array": ours / plain,
            "cnn.vs_headline": two / HEADLINE,
        }

    import keras as package

    title = f"Keras {package.__version__} on {package.backend.backend()}, batch {batch}"
    peak = "torch.utils.mkldnn Linear(1536, 1536)"
    return measure, {
        "cnn.peak": peak,
        "cnn.openvino_peak": peak,
        "cnn.keras": title,
        "cnn.openvino_keras": title,
        "cnn.whole_array": f"threads over ready micro-batches of {loop}",
        "cnn.ensemble": "PyTorch, eager, batch 32",
        "cnn.feed": "the same networks",
        "cnn.memory_gb": "none",
        "cnn.vs_headline": f"the rate named in the talk; one of {len(networks)} networks",
    }


def _plain_loop(network: nn.Module, inputs: Inputs, batch: int) -> Callable[[], None]:
    """Return what runs ready tensors of one size through a network, a thread a core."""
    ready = [
        [torch.from_numpy(array[i : i + batch]) for array in inputs]
        for i in range(0, len(inputs[0]), batch)
    ]

    def one(tensors: list[torch.Tensor]) -> None:
        with torch.inference_mode():
            network.distribution(*tensors)  # type: ignore[operator]

    def run() -> None:
        cores = torch.get_num_threads()
        with _threads(1), ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, ready))

    return run


def _ensemble(networks: Sequence[nn.Module], inputs: Inputs) -> Callable[[], dict[str, float]]:
    """Return what compares the ensemble with an eager loop over its networks."""

    def loop() -> None:
        with torch.inference_mode():
            for network in networks:
                for i in range(0, len(inputs[0]), 32):
                    tensors = [torch.from_numpy(array[i : i + 32]) for array in inputs]
                    network.distribution(*tensors)  # type: ignore[operator]

    loop()
    run_networks(networks, *inputs)

    def measure() -> dict[str, float]:
        theirs = _rate(loop, 1, time.perf_counter)
        ours = _rate(lambda: run_networks(networks, *inputs), 1, time.perf_counter)
        return {"cnn.ensemble": theirs / ours}

    return measure
