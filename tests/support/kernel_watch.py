"""What a kernel takes, seen from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["KernelWatch", "Pause"]

#: How often processes are looked at [s].
EVERY = 0.2


class Pause:
    """A time that does not count."""

    #: How long it was, once it is over.
    seconds: float = 0.0


class KernelWatch:
    """Take memory and processor time of a process and its children while the block runs."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._process = psutil.Process(pid)
        self._end, self._paused = threading.Event(), 0.0
        self._peak = 0
        self._children: dict[int, float] = {}
        self._thread = threading.Thread(target=self._look, name="kernel-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    @contextmanager
    def pause(self) -> Iterator[Pause]:
        """Leave out the processor time of what is done meanwhile; its memory counts."""
        pause, start, work = Pause(), time.monotonic(), self._work()
        yield pause
        pause.seconds = time.monotonic() - start
        self._paused += self._work() - work

    def cpu_seconds(self) -> float:
        """Return the processor time so far [s], without that of pauses."""
        return self._work() - self._paused

    def peak_gib(self) -> float:
        """Return the largest memory (RSS) so far [GiB].

        That of the process itself is the system's own record where it keeps one; with children,
        what was seen every 0.2 s.
        """
        own = 0
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
            own = int(next(s.split()[1] for s in status.splitlines() if "VmHWM" in s)) * 1024
        return max(own, self._peak) / 2**30

    def _look(self) -> None:
        import psutil

        while not self._end.wait(EVERY):
            total = 0
            with suppress(psutil.Error):
                for process in (self._process, *self._process.children(recursive=True)):
                    with suppress(psutil.Error):
                        total += process.memory_info().rss
                        if process.pid != self._process.pid:
                            self._children[process.pid] = sum(process.cpu_times()[:2])
            self._peak = max(self._peak, total)

    def _work(self) -> float:
        import psutil

        with suppress(psutil.Error):
            return float(sum(self._process.cpu_times()[:2])) + sum([*self._children.values()])
        return 0.0
