"""How fast stars become pixels, with no browser: grids, means, ten and a hundred million."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datashader as ds
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.memory import peak_gb
from stellarnb.cartography import Bins, Window, columns, count, grid, mean, mock_milky_way

__all__ = ["bench_map_aggregates"]

N_STARS, N_MANY, N_FILE, FILES = 690_000, 10_000_000, 1_000_000, 100
RUNS = 5
#: Calls of one timing.
_CALLS, _CALLS_MANY = 15, 3
_X, _Y, _OF = "m_h", "alpha_m", "logg"
_WINDOW = Window((-1.5, 0.6), (-0.15, 0.45), 300, 300)

_CHILD = """
import sys
from stellarnb.cartography import Bins, Window, stream
path, files = sys.argv[1], int(sys.argv[2])
window = Window((-1.5, 0.6), (-0.15, 0.45), 300, 300)
*_, last = stream([path] * files, "m_h", "alpha_m", window, of="logg", bins=Bins())
assert last.kind == "exact" and last.rows == last.total, last
print(last.rows)
"""


def bench_map_aggregates(
    n: int = N_STARS,
    *,
    many: int = N_MANY,
    rows: int = N_FILE,
    files: int = FILES,
    runs: int = RUNS,
) -> list[dict[str, Any]]:
    """Measure the aggregates, interleaved with their peers, median of five."""
    frame = columns(mock_milky_way(n), [_X, _Y, _OF, "R", "Z"])
    bins = Bins()
    codes = bins.codes(frame)
    unequal = float(_unequal_pixels(frame, bins, codes))
    found = _time(frame, bins, codes, many, runs)
    memory = _stream_gb(rows, files)
    counted = "of one count's time, 18 panels, bins known"
    scaled = f"of the time of {n:,} stars, {many:,} stars"
    return [
        _row("map.grid", found["grid"], counted, "count of one panel", 3.0),
        _row(
            "map.grid_pixels", [unequal], "pixels that differ", "Datashader, a loop over masks", 0
        ),
        _row("map.mean", found["mean"], "of Datashader's time", "Canvas.points(mean)", 0.7),
        _row("map.scale_10m", found["scale"], scaled, "the same aggregates", 20.0),
        _row("map.memory_100m_gb", [memory], f"GB for {rows * files:,} stars", "none", 3.0),
    ]


def _time(
    frame: pd.DataFrame, bins: Bins, codes: Any, many: int, runs: int
) -> dict[str, list[float]]:
    """Return the ratios of times, each measured some times."""
    found: dict[str, list[float]] = {"grid": [], "mean": [], "scale": []}
    large = pd.DataFrame({name: np.resize(frame[name].to_numpy(), many) for name in frame})
    large_codes = np.resize(codes, many)
    canvas = ds.Canvas(300, 300, x_range=_WINDOW.x, y_range=_WINDOW.y)
    for _ in range(runs):
        ratio = _ratio(
            lambda: grid(frame, _X, _Y, _WINDOW, bins, codes=codes),
            lambda: count(frame, _X, _Y, _WINDOW),
        )
        found["grid"].append(ratio)
        ratio = _ratio(
            lambda: mean(frame, _X, _Y, _OF, _WINDOW),
            lambda: canvas.points(frame, _X, _Y, ds.mean(_OF)),
        )
        found["mean"].append(ratio)
        ratio = _ratio(
            lambda: _all_aggregates(large, bins, large_codes),
            lambda: _all_aggregates(frame, bins, codes),
            _CALLS_MANY,
        )
        found["scale"].append(ratio)
    return found


def _row(name: str, values: list[float], unit: str, peer: str, goal: float) -> dict[str, Any]:
    value = statistics.median(values)
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "peer": peer,
        "goal": goal,
        "meets": value <= goal,
        "runs": len(values),
    }


def _ratio(ours: Callable[[], Any], theirs: Callable[[], Any], calls: int = _CALLS) -> float:
    """Return the median time of one over that of the other, called in turn after a warm-up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for call in range(calls + 1):
        for work, spent in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            work()
            if call:
                spent.append(time.perf_counter() - start)
    return statistics.median(seconds[0]) / statistics.median(seconds[1])


def _all_aggregates(frame: pd.DataFrame, bins: Bins, codes: Any) -> None:
    """Aggregate what a zoom in a map with four panels asks for."""
    count(frame, _X, _Y, _WINDOW)
    mean(frame, _X, _Y, _OF, _WINDOW)
    grid(frame, _X, _Y, _WINDOW, bins, codes=codes)


def _unequal_pixels(frame: pd.DataFrame, bins: Bins, codes: Any) -> int:
    """Return how many pixels of the grid differ from counts of masks made with numpy."""
    panels = grid(frame, _X, _Y, _WINDOW, bins, codes=codes).to_numpy()
    canvas = ds.Canvas(300, 300, x_range=_WINDOW.x, y_range=_WINDOW.y)
    r, height = frame["R"].to_numpy(float), np.abs(frame["Z"].to_numpy(float))
    unequal = 0
    for i, j in bins:
        inside = (r >= bins.r[j]) & (r < bins.r[j + 1])
        inside &= (height >= bins.z[i]) & (height < bins.z[i + 1])
        alone = canvas.points(frame[inside], _X, _Y, ds.count()).to_numpy()
        unequal += int(np.count_nonzero(panels[i, j] != alone))
    return unequal


def _stream_gb(rows: int, files: int) -> float:
    """Return the peak memory [GB] of a process that aggregates one file again and again."""
    with tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder:
        path = Path(folder) / "stars.parquet"
        stars = mock_milky_way(rows, seed=3)
        pq.write_table(stars.arrow.select([_X, _Y, _OF, "R", "Z"]), path)
        return peak_gb(_CHILD, [str(path), str(files)], "aggregates many files")
