"""Progress bars, and a switch that cancels long work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Advance", "Cancel", "open_bar", "progress_bar"]

#: Called with the number of items just finished.
Advance = Callable[[int], None]


class Cancel:
    """A switch that stops long work between two batches.

    Set it from another thread, a widget or a signal handler; the worker looks at it after each
    batch and raises `stellarnb.errors.Interrupted` with what it has finished.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def __repr__(self) -> str:
        return f"Cancel(set={self.is_set()})"

    def set(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether the work was asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the work is asked to stop, or for so many seconds; returns `is_set`."""
        return self._event.wait(seconds)


def open_bar(**options: Any) -> Any:
    """Draw a bar of tqdm in a terminal or a notebook, and return it."""
    from tqdm.auto import tqdm  # imported late: it is needed only where a bar is drawn

    return tqdm(**options)


@contextmanager
def progress_bar(
    total: int, label: str, *, show: bool = True, unit: str = " stars"
) -> Iterator[Advance]:
    """Show a progress bar in a terminal or a notebook."""
    if not show:
        yield lambda count: None
        return
    with open_bar(total=total, desc=label, unit=unit) as bar:

        def advance(count: int) -> None:
            bar.update(count)

        yield advance
