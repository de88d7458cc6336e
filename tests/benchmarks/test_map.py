from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import map as bench
from benchmarks import run_bench
from stellarnb.errors import MissingInput

NAMES = [
    "map.zoom_p50_ms",
    "map.zoom_p95_ms",
    "map.brush_p50_ms",
    "map.zoom_vs_holoviews",
    "map.brush_vs_holoviews",
    "map.first_s",
]
FOUND = {
    "first": [4.0, 3.0, 9.0],
    "zoom": [100.0, 90.0, 110.0],
    "brush": [150.0, 160.0, 400.0],
    "peer_zoom": [1000.0, 1000.0],
    "peer_brush": [800.0, 800.0],
}


def rows_by_name(found: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in bench._rows(found)}


def test_every_figure_has_a_goal_that_it_meets_or_not() -> None:
    rows = rows_by_name(FOUND)
    assert list(rows) == NAMES
    for row in rows.values():
        assert set(row) == {"name", "value", "unit", "peer", "goal", "meets", "runs"}
    assert rows["map.zoom_vs_holoviews"]["value"] == 10.0
    assert rows["map.zoom_vs_holoviews"]["meets"]
    assert rows["map.brush_vs_holoviews"]["value"] == 5.0
    assert not rows["map.brush_vs_holoviews"]["meets"]
    assert rows["map.first_s"]["value"] == 4.0
    assert rows["map.zoom_p95_ms"]["value"] == pytest.approx(109.0)
    slow = rows_by_name(FOUND | {"zoom": [400.0] * 3, "first": [6.0]})
    assert not any(slow[name]["meets"] for name in (NAMES[0], NAMES[1], NAMES[3], NAMES[5]))


def test_a_missing_peer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench.find_spec
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "panel" else found(name))
    with pytest.raises(MissingInput, match="panel"):
        bench.bench_map_browser(10)


def test_browser_and_aggregates_are_one_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import map_aggregates

    measured: list[Path] = []

    def measure(folder: Path) -> dict[str, list[float]]:
        measured.append(folder / "stars.parquet")
        assert measured[0].exists()
        return FOUND

    monkeypatch.setattr(bench, "N_STARS", 100)
    monkeypatch.setattr(bench, "_measure", measure)
    monkeypatch.setattr(map_aggregates, "bench_map_aggregates", lambda: [{"name": "map.grid"}])
    assert [row["name"] for row in run_bench("map")] == [*NAMES, "map.grid"]
    assert not measured[0].exists()
