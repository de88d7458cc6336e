"""Work that is worth doing for the newest wish only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stellarnb.threads import context_thread

__all__ = ["Latest", "Ticket"]

#: A thread with nothing to do ends after this [s].
IDLE = 20.0
#: How long `close` waits for the job that is being done [s].
PATIENCE = 10.0

_log = logging.getLogger(__name__)


class Ticket:
    """Tell a job whether it is still the newest."""

    def __init__(self, number: int, latest: Latest) -> None:
        self.number, self._latest = number, latest

    @property
    def current(self) -> bool:
        """Whether there is no newer wish."""
        return self.number == self._latest.number

    def rest(self, seconds: float) -> bool:
        """Wait so long, or until there is a newer wish; return whether there is none."""
        with self._latest.condition:
            return not self._latest.condition.wait_for(lambda: not self.current, seconds)


class Latest:
    """A thread that does the newest job and drops those that wait behind it: no queue builds up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.condition = threading.Condition()
        self.number = 0
        self._job: Callable[[Ticket], None] | None = None
        self._busy = self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[Ticket], None]) -> None:
        """Do a job, called with a `Ticket`, once the job before has ended."""
        with self.condition:
            if self._closed:
                return
            self.number += 1
            self._job = job
            if self._thread is None:
                self._thread = context_thread(self._run, self._name)
                self._thread.start()
            self.condition.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until there is nothing left to do, or for so many seconds; return whether so."""
        with self.condition:
            return self.condition.wait_for(lambda: self._job is None and not self._busy, seconds)

    def close(self) -> None:
        """Forget what waits, and wait for the thread to end."""
        with self.condition:
            self._closed = True
            self.number += 1
            self._job = None
            thread = self._thread
            self.condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self._job is not None or self._closed, IDLE)
                if self._job is None:
                    self._thread = None
                    return
                job, self._job, self._busy = self._job, None, True
                ticket = Ticket(self.number, self)
            try:
                job(ticket)
            except Exception:  # noqa: BLE001  (a job tells of its own errors; this one is ours)
                _log.exception("%s: a job failed", self._name)
            finally:
                del job
                with self.condition:
                    self._busy = False
                    self.condition.notify_all()
