from benchmarks.map_aggregates import bench_map_aggregates

KEYS = {"name", "value", "unit", "peer", "goal", "meets", "runs"}


def test_each_figure_is_there_and_judged_by_its_goal() -> None:
    rows = bench_map_aggregates(5000, many=20_000, rows=1000, files=2, runs=1)
    names = ("grid", "grid_pixels", "mean", "scale_10m", "memory_100m_gb")
    assert [row["name"] for row in rows] == [f"map.{name}" for name in names]
    assert all(set(row) == KEYS for row in rows)
    assert all(row["meets"] == (row["value"] <= row["goal"]) for row in rows)
    found = {row["name"]: row["value"] for row in rows}
    assert found["map.grid_pixels"] == 0
    assert 0.05 < found["map.memory_100m_gb"] < 3
