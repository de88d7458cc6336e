"""Locks of the cache, and the processes that hold them."""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from stellarnb.errors import Interrupted, OutputError
from stellarnb.progress import Cancel

__all__ = ["Owners", "hold", "sweep_locks"]

#: How often a lock that another kernel holds is tried [s].
POLL_SECONDS = 0.05
#: Lock files that were not used for so long are removed [s].
STALE_SECONDS = 7 * 24 * 3600.0


class Owners:
    """Names for tasks that show whether the process of a task is still alive.

    A process holds the lock of a file of its own for as long as it lives, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._own: tuple[int, str, filelock.BaseFileLock] | None = None
        self._count = 0

    def name(self) -> str:
        """Return a new unique name."""
        with self._guard:
            self._count += 1
            if self._own is None or self._own[0] != os.getpid():
                word = uuid.uuid4().hex
                lock = filelock.FileLock(self._path(word), thread_local=False)
                _acquire(lock, 0.0)
                self._own = os.getpid(), word, lock
                atexit.register(_leave, lock, os.getpid())
            return f"{self._own[1]}.{self._count}"

    def alive(self, name: str) -> bool:
        """Return whether the process behind a name is still alive."""
        word = name.partition(".")[0]
        with self._guard:
            if self._own is not None and self._own[:2] == (os.getpid(), word):
                return True
        path = self._path(word)
        if not path.exists():
            return False
        return not _remove_if_free(path)

    def _path(self, word: str) -> Path:
        return self._folder / f"owner-{word}.lock"


@contextmanager
def hold(path: Path, cancel: Cancel | None = None) -> Iterator[None]:
    """Hold a lock among kernels and threads, waiting until it is free or `cancel` is set."""
    lock = filelock.FileLock(path, thread_local=False)
    while not _acquire(lock, POLL_SECONDS):
        if cancel is not None and cancel.is_set():
            raise Interrupted("Stopped while another kernel was fetching the same answer.")
        time.sleep(POLL_SECONDS)
    try:
        with suppress(OSError):
            os.utime(path)
        yield
    finally:
        lock.release()


def sweep_locks(folder: Path) -> None:
    """Delete lock files that were not used for a week."""
    limit = time.time() - STALE_SECONDS
    for path in folder.glob("*.lock"):
        with suppress(OSError):
            if path.stat().st_mtime < limit:
                _remove_if_free(path)


def _remove_if_free(path: Path) -> bool:
    """Delete a lock file unless it is held, and return whether it was deleted."""
    lock = filelock.FileLock(path, thread_local=False)
    if not _acquire(lock, 0.0):
        return False
    path.unlink(missing_ok=True)
    lock.release()
    return True


def _leave(lock: filelock.BaseFileLock, pid: int) -> None:
    """Delete this process's lock when it ends, but not in a forked child."""
    if os.getpid() == pid:
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def _acquire(lock: filelock.BaseFileLock, timeout: float) -> bool:
    try:
        lock.acquire(timeout=timeout)
    except filelock.Timeout:
        return False
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"The cache cannot lock {lock.lock_file}: {error}. Set STELLARNB_CACHE to a folder on "
            "a disk of this machine."
        ) from error
    return True
