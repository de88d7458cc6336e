import pytest

from benchmarks import spectrum as bench
from stellarnb.errors import MissingInput

FOUND = {
    "step": [20.0, 30.0, 90.0],
    "zoom": [60.0, 70.0],
    "slider": [100.0],
    "peer_step": [140.0],
    "peer_zoom": [70.0],
}


def test_every_figure_has_a_goal_that_it_meets_or_not():
    rows = {row["name"]: row for row in bench._rows(FOUND)}
    assert list(rows) == ["spectrum.step_ms", "spectrum.zoom_ms", "spectrum.slider_ms"]
    for row in rows.values():
        assert set(row) == {"name", "value", "unit", "peer", "goal", "meets", "runs"}
    assert [row["meets"] for row in rows.values()] == [True, False, True]
    assert rows["spectrum.step_ms"]["peer"].endswith("140 ms")


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match="playwright"):
        bench.bench_spectrum(10)
