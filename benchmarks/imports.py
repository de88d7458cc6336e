"""What ``import stellarnb`` costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

__all__ = ["bench_import"]

RUNS = 7
GOAL = 0.05
#: Packages that an import of stellarnb alone must not load.
HEAVY = ("torch", "bokeh", "holoviews", "astroquery")

_PROBE = """
import json, sys, time
start = time.perf_counter()
import {module}
spent = time.perf_counter() - start
print(json.dumps([spent, [name for name in {heavy!r} if name in sys.modules]]))
"""


def _import_once(module: str) -> tuple[float, list[str]]:
    """Import a module in a fresh interpreter; return seconds and the heavy packages it loaded."""
    code = _PROBE.format(module=module, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    seconds, heavy = json.loads(done.stdout)
    return float(seconds), list(heavy)


def bench_import() -> list[dict[str, Any]]:
    """Compare ``import stellarnb`` with ``import torch``, interleaved, median of seven."""
    for module in ("torch", "stellarnb"):  # the first import reads the disk
        _import_once(module)
    ours: list[float] = []
    peer: list[float] = []
    heavy: set[str] = set()
    for _ in range(RUNS):
        peer.append(_import_once("torch")[0])
        seconds, loaded = _import_once("stellarnb")
        ours.append(seconds)
        heavy.update(loaded)
    ratio = statistics.median(ours) / statistics.median(peer)
    return [
        {
            "name": "import.torch_ratio",
            "value": round(ratio, 5),
            "unit": "of import torch",
            "peer": "torch",
            "goal": GOAL,
            "meets": ratio <= GOAL,
            "runs": RUNS,
        },
        {
            "name": "import.heavy_modules",
            "value": len(heavy),
            "unit": "packages" + (f" ({', '.join(sorted(heavy))})" if heavy else ""),
            "peer": ", ".join(HEAVY),
            "goal": 0,
            "meets": not heavy,
            "runs": RUNS,
        },
    ]
