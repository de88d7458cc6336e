"""How fast the spectrum viewer follows the hand, beside Bokeh figures in the same browser."""

from __future__ import annotations

import statistics
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.spectrum_browser import (
    WATCH,
    open_ours,
    open_peer,
    time_peer,
    time_slider,
    time_step,
    time_zoom,
)
from stellarnb.errors import MissingInput
from tests.support.lab import lab_page, lab_server

__all__ = ["bench_spectrum"]

#: Spectra of 2,401 pixels.
N_SPECTRA = 1000
#: Gestures of each kind, in rounds that alternate with the peer's.
ROUNDS, RUNS = 2, 15
PEER_NAME = "Bokeh figures on one ColumnDataSource in a BokehModel"
_NEEDED = ("playwright", "nbformat", "jupyter_bokeh")


def bench_spectrum(n: int | None = None) -> list[dict[str, Any]]:
    """Measure step, zoom and slider in JupyterLab, foreign hosts blocked."""
    for package in _NEEDED:
        if find_spec(package) is None:
            raise MissingInput(f'The benchmark needs {package}: pip install "stellarnb[bench]".')
    with tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder:
        return _rows(_measure(Path(folder), N_SPECTRA if n is None else n))


def _measure(folder: Path, n: int) -> dict[str, list[float]]:
    """Return milliseconds of each gesture."""
    keys = ("step", "zoom", "slider", "peer_step", "peer_zoom")
    found: dict[str, list[float]] = {key: [] for key in keys}
    with lab_server(folder) as server, lab_page(server) as ours:
        peer = ours.another()
        for page in (ours, peer):
            page.page.add_init_script(WATCH)
        ours.page.bring_to_front()
        open_ours(ours, folder, n)
        peer.page.bring_to_front()
        open_peer(peer, folder, n)
        for _ in range(ROUNDS):
            # The first of a round wakes the page.
            ours.page.bring_to_front()
            found["step"] += time_step(ours, RUNS + 1)[1:]
            found["zoom"] += time_zoom(ours, RUNS + 1)[1:]
            found["slider"] += time_slider(ours, RUNS + 1)[1:]
            peer.page.bring_to_front()
            steps, zooms = time_peer(peer, RUNS + 1)
            found["peer_step"] += steps[1:]
            found["peer_zoom"] += zooms[1:]
    return found


def _rows(found: dict[str, list[float]]) -> list[dict[str, Any]]:
    def row(name: str, unit: str, goal: float, peer: str = "") -> dict[str, Any]:
        value = statistics.median(found[name])
        beside = f"{PEER_NAME} {statistics.median(found[peer]):.0f} ms" if peer else "none"
        return {
            "name": f"spectrum.{name}_ms",
            "value": round(value, 2),
            "unit": unit,
            "peer": beside,
            "goal": goal,
            "meets": value <= goal,
            "runs": len(found[name]),
        }

    return [
        row("step", "ms from the key to the repaint with the next spectrum, p50", 50, "peer_step"),
        row("zoom", "ms from a wheel step to the repaint, p50", 50, "peer_zoom"),
        row("slider", "ms from the slider to the repaint with new labels, p50", 150),
    ]
