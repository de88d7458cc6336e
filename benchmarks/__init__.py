"""Performance, as ratios against a peer measured in the same run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.imports import bench_import
from stellarnb.errors import InvalidInput

__all__ = ["run_bench"]


def _bench_cnn() -> list[dict[str, Any]]:
    from benchmarks.cnn import bench_cnn  # imported late: torch takes a second

    return bench_cnn()


def _bench_archive() -> list[dict[str, Any]]:
    from benchmarks.archive_local import bench_archive_local
    from benchmarks.archive_remote import bench_archive_remote  # both late: they load much

    return [*bench_archive_local(), *bench_archive_remote()]


def _bench_map() -> list[dict[str, Any]]:
    from benchmarks.map import bench_map  # imported late, as it draws

    return bench_map()


def _bench_spectrum() -> list[dict[str, Any]]:
    from benchmarks.spectrum import bench_spectrum  # imported late, as it draws

    return bench_spectrum()


_BENCHES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "archive": _bench_archive,
    "cnn": _bench_cnn,
    "import": bench_import,
    "map": _bench_map,
    "spectrum": _bench_spectrum,
}


def run_bench(name: str) -> list[dict[str, Any]]:
    """Run a benchmark and return its figures: ``name, value, unit, peer, goal, meets, runs``."""
    if name not in _BENCHES:
        raise InvalidInput(f"No benchmark {name!r}. Choose one of: {', '.join(_BENCHES)}.")
    return _BENCHES[name]()
