"""Long work beside the cells of a notebook: in a thread, with progress and a Cancel at all times.

A click on an ordinary button waits until the running cell has ended. The Cancel here does not: the
page opens a subshell of the kernel for it (task.js), and the message on it does no more than set
the switch of the run that it names.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import traitlets
from anywidget import AnyWidget
from comm import get_comm_manager

from stellarnb.errors import Interrupted, InvalidInput
from stellarnb.progress import Cancel
from stellarnb.threads import context_thread, run_cancellable
from stellarnb.widgets.core.formatting import error_words, number_words, page_file, time_words

__all__ = ["Report", "State", "Task", "TaskBar", "TaskRun", "beside"]

State = Literal["idle", "running", "stopped", "failed", "done"]


class TaskRun:
    """One run of some work: its switch, its progress, and its result or error."""

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
        """Record that the run has ended."""
        self.state, self._end = state, time.monotonic()


#: Called by the work with how much is done, of how much, and perhaps what is going on.
Report = Callable[..., None]
#: The work itself: looks at the switch between two batches, and reports.
Work = Callable[[Cancel, Report], Any]

T = TypeVar("T")

#: Least time between two messages to the page [s].
PACE = 0.1
#: How long `close` waits for a thread [s].
PATIENCE = 10.0

#: Where the page sends the tokens of runs that are to stop.
TARGET = "stellarnb.cancel"

_log = logging.getLogger(__name__)
#: Tasks that have a run going on, by its token.
_TASKS: WeakValueDictionary[str, Task] = WeakValueDictionary()
#: Threads of steps that cannot be interrupted, by their `Cancel`.
_STEPS: WeakKeyDictionary[Cancel, threading.Thread] = WeakKeyDictionary()


class Task:
    """At most one run at a time, in a thread of its own.

    That thread calls `told` with the run on changes, every `PACE` seconds at most, and at the end.
    """

    def __init__(self, told: Callable[[TaskRun], None] | None = None) -> None:
        self._told = told
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._last = 0.0
        self._context = copy_context()
        self.run: TaskRun | None = None

    def __repr__(self) -> str:
        return f"Task({self.state})"

    @property
    def state(self) -> State:
        """``idle``, ``running``, ``stopped``, ``failed`` or ``done``."""
        return "idle" if self.run is None else self.run.state

    @property
    def running(self) -> bool:
        """Whether the thread is at work, or still on its way out."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(
        self,
        work: Work,
        *,
        label: str,
        unit: str = "",
        ended: Callable[[TaskRun], None] | None = None,
    ) -> TaskRun:
        """Start ``work(cancel, report)`` and return at once; InvalidInput while a run is going on.

        The work calls ``report(done, total=0, doing="", begun=None)``; the thread calls ``ended``.
        """
        with self._lock:
            if self.running:
                raise InvalidInput(
                    "The last run is still running: wait for its end, or press Cancel."
                )
            run = TaskRun(label, unit)
            self.run = run
            _TASKS[run.token] = self
            self._thread = context_thread(
                lambda: self._do(run, work, ended), name=f"stellarnb: {label}"
            )
            self._context = copy_context()
            self._last = 0.0
            self._tell(run, at_once=True)
            self._thread.start()
        return run

    def cancel(self) -> bool:
        """Ask the run to stop; return whether there was something to stop."""
        run = self.run
        if run is None or run.state != "running":
            return False
        run.cancel.set()
        # In the name of whatever started the run, see `stellarnb.threads`: this may be a subshell.
        self._context.copy().run(self._tell, run, at_once=True)
        return True

    def wait(self, seconds: float | None = None) -> State:
        """Wait for the end of the run, or for so many seconds; return the state."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)
        return self.state

    def close(self) -> None:
        """Stop what runs, wait for the thread, and forget everything."""
        self._told = None
        self.cancel()
        self.wait(PATIENCE)
        step = None if self.run is None else _STEPS.get(self.run.cancel)
        if step is not None:
            step.join(PATIENCE)
        self.run = self._thread = None

    def _do(self, run: TaskRun, work: Work, ended: Callable[[TaskRun], None] | None) -> None:
        def report(done: int, total: int = 0, doing: str = "", begun: int | None = None) -> None:
            run.done, run.total, run.doing = int(done), int(total), doing
            run.begun = run.begun if begun is None else int(begun)
            self._tell(run)

        try:
            run.result = work(run.cancel, report)
            state: State = "done"
        except Interrupted as stop:
            run.result, state = stop.partial, "stopped"
        except KeyboardInterrupt:
            state = "stopped"
        except BaseException as error:  # noqa: BLE001  (the widget shows it)
            run.error = error.with_traceback(None)
            state = "failed"
        run.finish(state)
        _TASKS.pop(run.token, None)
        try:
            if ended is not None:
                ended(run)
        except Exception as error:  # noqa: BLE001
            run.error = error.with_traceback(None)
            run.state = "failed"
        self._tell(run, at_once=True)

    def _tell(self, run: TaskRun, *, at_once: bool = False) -> None:
        told, now = self._told, time.monotonic()
        if told is None or not (at_once or now - self._last >= PACE):
            return
        self._last = now
        try:
            told(run)
        except Exception:  # noqa: BLE001  (a page that cannot be told must not end the work)
            _log.exception("The progress could not be shown")


def _cancel(token: str) -> None:
    task = _TASKS.get(token)
    if task is not None:
        task.cancel()


def _on_cancel(comm: Any, message: Any) -> None:
    """Set the switch of the run that a message of the page names, and close its comm quietly."""
    token = message["content"]["data"].get("token")
    if isinstance(token, str):
        _cancel(token)
    # The page has no such comm: it must not be told of its end.
    manager: Any = get_comm_manager()
    manager.comm_close(None, "", {"content": {"comm_id": comm.comm_id}})


def beside(work: Callable[[], T], cancel: Cancel) -> T:
    """Run a blocking step in a thread and return its result; raise `Interrupted` when cancelled."""

    def started(thread: threading.Thread) -> None:
        _STEPS[cancel] = thread

    return run_cancellable(work, cancel, name="stellarnb: step", started=started)


class TaskBar(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """A bar, a line of text and a Cancel that works while a cell is running.

    `resume` is the text that is shown once the kernel has died in the middle of a run.
    """

    _esm = traitlets.Unicode(page_file("task.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("base.css")).tag(sync=True)

    state = traitlets.Unicode("idle").tag(sync=True)
    words = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    token = traitlets.Unicode("").tag(sync=True)
    resume = traitlets.Unicode("Run the cell again to begin anew.").tag(sync=True)

    def __init__(self, *, resume: str | None = None) -> None:
        super().__init__()
        if resume is not None:
            self.resume = resume
        # Registered once more where it is there: a kernel has but one manager of comms.
        get_comm_manager().register_target(TARGET, _on_cancel)
        self.task = Task(self._show)
        self.on_msg(self._hear)

    def __repr__(self) -> str:
        return f"TaskBar({self.words or self.state})"

    def start(self, work: Work, **how: Any) -> TaskRun:
        """Start some work; see `Task.start`."""
        return self.task.start(work, **how)

    def cancel(self) -> bool:
        """Stop what runs, as the button does; see `Task.cancel`."""
        return self.task.cancel()

    def close(self) -> None:
        """Stop what runs and leave the page."""
        self.task.close()
        self.on_msg(self._hear, remove=True)
        super().close()

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Take a message of the page: there is but one that means something."""
        if isinstance(content, dict) and content.get("kind") == "cancel":
            token = content.get("token")
            if isinstance(token, str):
                _cancel(token)

    def _show(self, run: TaskRun) -> None:
        with self.hold_sync():
            self.set_trait("state", run.state)
            self.set_trait("label", run.label)
            self.set_trait("done", run.done)
            self.set_trait("total", run.total)
            self.set_trait("token", run.token if run.state == "running" else "")
            self.set_trait("words", run.words)
