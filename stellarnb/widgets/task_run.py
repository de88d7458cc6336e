"""One run of long work: what is known of it, and how it is said."""

from __future__ import annotations

import secrets
import time
from typing import Any, Literal

from stellarnb.progress import Cancel
from stellarnb.widgets.words import error_words, number_words, time_words

__all__ = ["Run", "State"]

State = Literal["idle", "running", "stopped", "failed", "done"]


class Run:
    """One run of some work: what is known of it.

    Attributes
    ----------
    label, unit : str
        What is going on, and what is counted.
    token : str
        Names the run to the page; cannot be guessed.
    cancel : stellarnb.progress.Cancel
        Its switch.
    state : str
        ``running``, then ``stopped``, ``failed`` or ``done``.
    done, total : int
        How much is done, of how much; a total of 0 is not known.
    begun : int
        How much was done before, by a run that this one goes on with.
    doing : str
        What is going on in detail.
    result : object
        What the work returned; of a stopped run what it had finished.
    error : BaseException or None
        Why it failed.
    seconds : float
        What it has taken.
    """

    def __init__(self, label: str, unit: str) -> None:
        self.label, self.unit = label, unit
        self.token = secrets.token_urlsafe(24)
        self.cancel = Cancel()
        self.state: State = "running"
        self.done = self.total = 0
        self.begun = 0
        self.doing = ""
        self.result: Any = None
        self.error: BaseException | None = None
        self._start = time.monotonic()
        self._end: float | None = None

    @property
    def seconds(self) -> float:
        """What it has taken [s]."""
        return (self._end or time.monotonic()) - self._start

    @property
    def rate(self) -> float:
        """How much it does a second; 0 while that is not known."""
        return (self.done - self.begun) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """How long it will take from here [s], if that can be said."""
        if self.state != "running" or not (self.total and self.rate > 0):
            return None
        return max(self.total - self.done, 0) / self.rate

    @property
    def words(self) -> str:
        """All of it in one line for people."""
        if self.state == "failed" and self.error is not None:
            return f"{self.label}: {error_words(self.error)}"
        of = f" of {number_words(self.total)}" if self.total else ""
        counted = f"{number_words(self.done)}{of} {self.unit}".strip() if self.done or of else ""
        if self.state == "done":
            # What it was doing is over; work that was not counted to its end has ended all the same.
            parts = [counted if self.done >= self.total else ""]
        else:
            parts = [counted, self.doing]
        if self.state == "running":
            if self.cancel.is_set():
                return f"{self.label}: stopping."
            parts += [f"{self.rate:,.0f} a second"] if self.rate >= 1 else []
            parts += [f"{time_words(self.left)} left"] if self.left is not None else []
        else:
            parts.append(f"{self.state} after {time_words(self.seconds)}")
        return f"{self.label}: {' · '.join(part for part in parts if part)}"

    def finish(self, state: State) -> None:
        """Take note that it has ended."""
        self.state, self._end = state, time.monotonic()
