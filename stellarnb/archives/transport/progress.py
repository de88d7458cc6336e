"""The progress of a long query: phase, rows, bytes, time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from stellarnb.progress import open_bar

__all__ = ["OnProgress", "Progress", "Watch"]

#: Seconds before anything is drawn: most queries are over by then.
PATIENCE = 1.5


@dataclass(frozen=True)
class Progress:
    """The progress of a query."""

    #: Name of the archive.
    archive: str
    #: ``SENDING``, ``RECEIVING``, or the phase of a job: ``PENDING QUEUED EXECUTING COMPLETED``.
    phase: str = "SENDING"
    #: Since the query began.
    seconds: float = 0.0
    #: That have been read so far.
    rows: int | None = None
    #: That have arrived of the present answer.
    bytes: int = 0
    #: That there will be of it, where that is known.
    total: int | None = None
    #: Seconds to go, where that can be told.
    left: float | None = None
    #: part, parts: Which of how many pieces a query was split into.
    part: int = 1
    parts: int = 1

    def __str__(self) -> str:
        words = [f"{self.archive}: {self.phase}"]
        if self.parts > 1:
            words.append(f"part {self.part} of {self.parts}")
        if self.rows is not None:
            words.append(f"{self.rows:,} rows")
        if self.bytes >= 100_000:
            of = f" of {self.total / 1e6:,.1f}" if self.total else ""
            words.append(f"{self.bytes / 1e6:,.1f}{of} MB")
        words.append(f"{self.seconds:.0f} s")
        if self.left is not None:
            words.append(f"about {self.left:.0f} s to go")
        return ", ".join(words)


#: Called with the progress of a query by the thread that runs it.
OnProgress = Callable[[Progress], None]


class Watch:
    """Report the progress of a query to a progress bar or to a function."""

    def __init__(
        self, archive: str, show: bool | OnProgress, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._show = show
        self._now = now
        self._start = self._received = now()
        self._bar: Any = None
        self.progress = Progress(archive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def phase(self, phase: str, left: float | None = None) -> None:
        """Report the phase, and the seconds left if the archive states them."""
        self._tell(phase=phase, left=left, bytes=0, total=None)

    def part(self, part: int, parts: int) -> None:
        """Report which part of how many comes next."""
        self._tell(part=part, parts=parts)

    def rows(self, count: int) -> None:
        """Add rows that have been read."""
        self._tell(rows=(self.progress.rows or 0) + count)

    def bytes(self, done: int, total: int | None) -> None:
        """Report how much of the answer has arrived."""
        now = self._now()
        if self.progress.phase != "RECEIVING" or done < self.progress.bytes:
            self._received = now
        left = None
        if total and 0 < done <= total and now > self._received:
            left = (now - self._received) * (total - done) / done
        self._tell(phase="RECEIVING", bytes=done, total=total, left=left)

    def _tell(self, **changes: Any) -> None:
        self.progress = replace(self.progress, seconds=self._now() - self._start, **changes)
        if callable(self._show):
            self._show(self.progress)
        elif self._show and (self._bar is not None or self.progress.seconds > PATIENCE):
            self._draw()

    def _draw(self) -> None:
        if self._bar is None:
            self._bar = open_bar(bar_format="{desc}", leave=False)
        self._bar.set_description_str(str(self.progress))
