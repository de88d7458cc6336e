from __future__ import annotations

import numpy as np
import pytest

from benchmarks import archive_local as bench
from stellarnb.archives.base.crossmatch import match_positions
from stellarnb.errors import OutputError

KEYS = {"name", "value", "unit", "peer", "goal", "meets", "runs"}


def test_small_tables_give_both_figures_with_the_same_stars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("N_CONE", 20_000), ("N_MATCH", 3000), ("RUNS", 2)):
        monkeypatch.setattr(bench, name, value)
    rows = bench.bench_archive_local()
    assert [row["name"] for row in rows] == ["archive.cone", "archive.crossmatch"]
    assert all(set(row) == KEYS and row["value"] > 0 and row["runs"] == 2 for row in rows)
    assert [row["goal"] for row in rows] == [4.0, 3.0]


def test_a_figure_meets_its_goal_by_its_median() -> None:
    assert bench.row("x", "", "", 4.0, [9.0, 4.0, 1.0])["meets"]
    assert not bench.row("x", "", "", 4.0, [9.0, 3.9, 1.0])["meets"]


def test_another_pair_is_an_error_and_no_figure() -> None:
    places = np.arange(100.0), np.zeros(100)
    pairs = match_positions(*places, *places, 1 / 3600)
    index, near = np.arange(100), np.ones(100, dtype=bool)
    bench._same(pairs, index, near)
    with pytest.raises(OutputError, match="crossmatch"):
        bench._same(pairs, index[::-1], near)
    with pytest.raises(OutputError, match="crossmatch"):
        bench._same(pairs, index, np.arange(100) < 50)
