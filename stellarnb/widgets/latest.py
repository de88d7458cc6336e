"""Work that is worth doing for the newest wish only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["Latest"]

#: A thread with nothing to do ends after this [s].
IDLE = 20.0
#: How long `close` waits for the job that is being done [s].
PATIENCE = 10.0

_log = logging.getLogger(__name__)
#: Tells a job whether nobody has wished for something newer.
Current = Callable[[], bool]


class Latest:
    """A thread that does the newest job; whatever waits behind it is forgotten.

    A slider that moves faster than labels can be predicted thus never builds up a queue.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._condition = threading.Condition()
        self._job: Callable[[Current], None] | None = None
        self._number = 0
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, job: Callable[[Current], None]) -> None:
        """Do a job as soon as the one that is being done notices that it is no longer wanted.

        Parameters
        ----------
        job : callable
            Called by the thread with a function that says whether it is still the newest; to be
            asked between two steps.
        """
        with self._condition:
            if self._closed:
                return
            self._number += 1
            self._job = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until there is nothing left to do, or for so many seconds; return whether so."""
        with self._condition:
            return self._condition.wait_for(lambda: self._job is None and not self._busy, seconds)

    def close(self) -> None:
        """Forget what waits, and wait for the thread to end."""
        with self._condition:
            self._closed = True
            self._number += 1
            self._job = None
            thread = self._thread
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._job is not None or self._closed, IDLE)
                if self._job is None:
                    self._thread = None
                    return
                job, number, self._job, self._busy = self._job, self._number, None, True
            try:
                job(lambda number=number: number == self._number)  # type: ignore[misc]
            except Exception:  # a job tells of its own errors; this one is ours
                _log.exception("%s: a job failed", self._name)
            finally:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()
                del job
