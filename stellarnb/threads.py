"""Run a blocking call in a thread, so that the caller can leave it when the work is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol, TypeVar

from stellarnb.errors import Interrupted

__all__ = ["context_thread", "run_cancellable"]

T = TypeVar("T")

#: Time between two checks of the switch while a call runs [s].
POLL_SECONDS = 0.05


class Switch(Protocol):
    """A switch that can be read, such as `stellarnb.progress.Cancel`."""

    def is_set(self) -> bool:
        """Return whether the work is to stop."""


def context_thread(work: Callable[[], object], name: str) -> threading.Thread:
    """Return a daemon thread that runs in the caller's context (its notebook cell or click).

    The messages of a plain thread belong to whatever the kernel heard last, perhaps the subshell
    of a Cancel; ipykernel 7.4 sends the page's answers back there, even after its end.
    """
    context = copy_context()
    return threading.Thread(target=lambda: context.run(work), name=name, daemon=True)


def run_cancellable(
    work: Callable[[], T],
    cancel: Switch,
    *,
    name: str,
    stopped: str = "Stopped.",
    started: Callable[[threading.Thread], None] | None = None,
) -> T:
    """Run a blocking call in a thread and return its result; raise `Interrupted` when cancelled.

    A cancelled call cannot be woken: it ends by itself, and its result is dropped. `started`
    receives the thread, so that its owner can wait for it.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  (raised again below)
            errors.append(error)
        finally:
            ended.set()

    if cancel.is_set():
        raise Interrupted(stopped)
    thread = context_thread(run, name)
    if started is not None:
        started(thread)
    thread.start()
    while not ended.wait(POLL_SECONDS):
        if cancel.is_set():
            raise Interrupted(stopped)
    if errors:
        raise errors[0]
    return results[0]
