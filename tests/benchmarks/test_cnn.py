from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import stellarnb as snb
from benchmarks import cnn, feed, peers
from benchmarks.reference import N_PIX, N_XP, ReferenceHybrid
from stellarnb.errors import MissingInput, OutputError

NAMES = {
    "cnn.peak",
    "cnn.keras",
    "cnn.openvino_peak",
    "cnn.openvino_keras",
    "cnn.whole_array",
    "cnn.ensemble",
    "cnn.feed",
    "cnn.memory_gb",
    "cnn.vs_headline",
}


def test_the_reference_hybrid_has_its_published_size() -> None:
    assert sum(p.numel() for p in ReferenceHybrid().parameters()) == 690_090


def test_every_figure_has_a_goal_that_it_meets_or_not() -> None:
    assert {name for name, *_ in cnn._ROWS} == NAMES
    peer = {"x": "y"}
    fast = cnn._row("x", "unit", 1.1, [9.0, 1.2, 0.0], peer, more=True)
    assert fast["value"] == 1.2
    assert fast["meets"]
    assert fast["runs"] == 3
    assert set(fast) == {"name", "value", "unit", "peer", "goal", "meets", "runs"}
    assert not cnn._row("x", "unit", 1.1, [1.2], peer, more=False)["meets"]


def test_the_bench_puts_all_figures_together(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(*names: str) -> object:
        return lambda: dict.fromkeys(names, 1.0)

    monkeypatch.setattr(cnn, "N_STARS", 64)
    monkeypatch.setattr(cnn, "_one_core", lambda *_: fake("cnn.peak", "cnn.openvino_peak"))
    rest = fake("cnn.keras", "cnn.openvino_keras", "cnn.whole_array", "cnn.vs_headline")
    monkeypatch.setattr(cnn, "_all_cores", lambda *_: (rest, dict.fromkeys(NAMES, "peer")))
    monkeypatch.setattr(cnn, "_ensemble", lambda *_: fake("cnn.ensemble"))
    monkeypatch.setattr(cnn, "peak_memory_gb", lambda folder: 1.0)
    rows = cnn.bench_cnn()
    assert {row["name"] for row in rows} == NAMES
    assert {row["name"]: row["runs"] for row in rows} == {
        name: 1 if name == "cnn.memory_gb" else cnn.RUNS for name in NAMES
    }


@pytest.fixture
def network() -> torch.nn.Module:
    return snb.load_model("gaia-rvs").networks[0].cpu()


def test_keras_computes_what_gaia_rvs_does(network: torch.nn.Module) -> None:
    pytest.importorskip("keras", reason="the extra [bench] is not installed")
    pytest.importorskip("tensorflow", reason="the extra [bench] is not installed")
    rng = np.random.default_rng(2)
    sizes = (N_PIX, N_XP, network.scalar[0].in_features)
    inputs = [rng.standard_normal((8, size)).astype(np.float32) for size in sizes]
    theirs = peers.keras_model(network).predict([inputs[0][:, :, None], *inputs[1:]], verbose=0)
    with torch.inference_mode():
        ours = network.distribution(*map(torch.from_numpy, inputs))
    for their, our in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(their, our.numpy(), atol=2e-4)


def test_a_missing_peer_is_an_error_that_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, network: torch.nn.Module
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingInput, match=r"stellarnb\[bench\]"):
        peers.keras_model(network)


def test_spectra_are_written_for_the_feed(tmp_path: Path) -> None:
    path = feed.write_spectra(tmp_path / "s.parquet", 70, group=32)
    table = pq.read_table(path)
    assert table["source_id"].to_pylist() == list(range(70))
    assert pq.read_metadata(path).num_row_groups == 3
    assert feed.feed_ratio(snb.load_model("gaia-rvs"), path) > 0


def test_memory_is_that_of_another_process(tmp_path: Path) -> None:
    peak = feed.peak_memory_gb(tmp_path, 50)
    assert 0.05 < peak < 4
    assert pq.read_table(tmp_path / "labels").num_rows == 50


def test_a_process_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_CHILD", "raise SystemExit('no room')")
    with pytest.raises(OutputError, match="no room"):
        feed.peak_memory_gb(tmp_path, 5)
