"""Check that a table fits into this machine's memory before it is made."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from stellarnb.errors import OutOfMemory

__all__ = ["available_memory", "give_back_memory", "need_memory"]

#: Share of the free memory that one table may take.
_SHARE = 0.8
_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Return how many bytes a new table could take here; None where it cannot be known."""
    found = [size for size in (_free_of_machine(), _free_of_container()) if size is not None]
    return min(found) if found else None


def need_memory(rows: int, bytes_per_row: int, what: str) -> None:
    """Raise `OutOfMemory`, naming the rows that would fit, if a table of this size does not."""
    free = available_memory()
    if free is None or rows * bytes_per_row <= _SHARE * free:
        return
    fits = int(_SHARE * free / bytes_per_row)
    raise OutOfMemory(
        f"{what}: {rows:,} stars need {rows * bytes_per_row / 1e9:.3g} GB of memory, and "
        f"{free / 1e9:.3g} GB are free: {fits:,} stars would fit. Take fewer, or leave them in a "
        "folder of Parquet files and aggregate that with stellarnb.cartography.stream."
    )


def give_back_memory() -> bool:
    """Return freed memory to the system; False if the C library cannot.

    The allocator of glibc keeps what many arrays of a few megabytes leave.
    """
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):  # other systems have none
        return False


def _free_of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = {key: int(rest.split()[0]) for key, rest in (line.split(":") for line in lines)}
        return 1024 * free["MemAvailable"]
    except (OSError, ValueError, KeyError):
        pass
    try:  # no Linux: what there is in all
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _free_of_container() -> int | None:
    """Return what is left of a control group's limit, as on Binder; None without one."""
    try:
        limit, used = ((_CGROUP / f"memory.{n}").read_text().strip() for n in ("max", "current"))
        return max(int(limit) - int(used), 0)
    except (OSError, ValueError):
        return None
