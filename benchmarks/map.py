"""How fast maps of 690,000 stars follow the hand, against HoloViews in the same browser."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.map_browser import (
    WATCH,
    image_size,
    open_peer,
    time_brush,
    time_first,
    time_zoom,
    write_ours,
)
from stellarnb.cartography import mock_milky_way
from stellarnb.errors import MissingInput
from tests.support.lab import lab_page, lab_server

__all__ = ["bench_map", "bench_map_browser"]

N_STARS = 690_000
#: Gestures of each kind, ours and the peer's, in rounds that alternate.
ROUNDS, OURS, PEER = 3, 7, 4
#: Cold kernels in which the first map is timed.
COLD = 3
PEER_NAME = "HoloViews link_selections(rasterize), hv.extension(inline=True)"
_NEEDED = ("holoviews", "panel", "playwright", "nbformat", "jupyter_bokeh")


def bench_map() -> list[dict[str, Any]]:
    """Measure maps in the browser, then their aggregates without one."""
    from benchmarks.map_aggregates import bench_map_aggregates

    return [*bench_map_browser(), *bench_map_aggregates()]


def bench_map_browser(n: int | None = None) -> list[dict[str, Any]]:
    """Measure zoom, brush and the first map in JupyterLab, foreign hosts blocked."""
    for package in _NEEDED:
        if find_spec(package) is None:
            raise MissingInput(f'The peer needs {package}: pip install "stellarnb[bench]".')
    with tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder:
        mock_milky_way(N_STARS if n is None else n).write(Path(folder) / "stars.parquet")
        return _rows(_measure(Path(folder)))


def _measure(folder: Path) -> dict[str, list[float]]:
    """Return seconds to the first map, and milliseconds of each gesture."""
    found: dict[str, list[float]] = {
        key: [] for key in ("first", "zoom", "brush", "peer_zoom", "peer_brush")
    }
    with lab_server(folder) as server, lab_page(server) as first:
        ours, peer = first, first.another()
        for page in (ours, peer):
            page.page.add_init_script(WATCH)
        for run in range(COLD):
            found["first"].append(time_first(ours, write_ours(folder, f"ours-{run}.ipynb")))
        size = image_size(ours)
        peer.page.bring_to_front()
        open_peer(peer, folder, size)
        for _ in range(ROUNDS):
            for page, prefix, runs in ((ours, "", OURS), (peer, "peer_", PEER)):
                page.page.bring_to_front()
                zooms = time_zoom(page, runs + 1)
                brushes = time_brush(page, runs + 1)
                # The first of a round wakes the page.
                found[f"{prefix}zoom"] += zooms[1:]
                found[f"{prefix}brush"] += brushes[1:]
    return found


def _rows(found: dict[str, list[float]]) -> list[dict[str, Any]]:
    zoom, brush = statistics.median(found["zoom"]), statistics.median(found["brush"])
    peer_zoom = statistics.median(found["peer_zoom"])
    peer_brush = statistics.median(found["peer_brush"])
    zooms, brushes = len(found["zoom"]), len(found["brush"])
    hand = "ms from a wheel step to the last repaint"
    return [
        _row("map.zoom_p50_ms", zoom, hand, f"{peer_zoom:.0f} ms", 150, zooms),
        _row(
            "map.zoom_p95_ms",
            _p95(found["zoom"]),
            hand,
            f"{_p95(found['peer_zoom']):.0f} ms",
            300,
            zooms,
        ),
        _row(
            "map.brush_p50_ms",
            brush,
            "ms from the end of a brush to the last repaint of four",
            f"{peer_brush:.0f} ms",
            200,
            brushes,
        ),
        _row("map.zoom_vs_holoviews", peer_zoom / zoom, "times as fast", "", 6, zooms, more=True),
        _row(
            "map.brush_vs_holoviews", peer_brush / brush, "times as fast", "", 6, brushes, more=True
        ),
        _row(
            "map.first_s",
            statistics.median(found["first"]),
            "s from running the cell to the map, new kernel",
            "none",
            5,
            len(found["first"]),
        ),
    ]


def _row(
    name: str, value: float, unit: str, peer: str, goal: float, runs: int, *, more: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "peer": peer if peer == "none" else f"{PEER_NAME} {peer}".rstrip(),
        "goal": goal,
        "meets": value >= goal if more else value <= goal,
        "runs": runs,
    }


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
