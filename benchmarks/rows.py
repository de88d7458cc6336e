"""A benchmark's clock, and its figure as one object of JSON."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["row", "timed"]

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds some work took by the clock, and what came of it."""
    start = time.perf_counter()
    out = work()
    return time.perf_counter() - start, out


def row(name: str, unit: str, peer: str, goal: float, values: Sequence[float]) -> dict[str, Any]:
    """Return a figure of which more is better."""
    value = statistics.median(values)
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "peer": peer,
        "goal": goal,
        "meets": value >= goal,
        "runs": len(values),
    }
