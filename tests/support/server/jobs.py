"""Jobs as UWS 1.1 has them: made, run, waited for, aborted, destroyed."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from stellarnb.errors import InvalidInput, StellarnbError
from tests.support.server.calls import ServerCall, ServerReply, UnknownPath, error_reply
from tests.support.server.faults import Fault

__all__ = ["ACTIVE", "Jobs", "ServerJob"]

#: Phases that a job leaves by itself.
ACTIVE = frozenset({"PENDING", "QUEUED", "EXECUTING"})
_STUCK = {
    Fault.STUCK_PENDING: "PENDING",
    Fault.STUCK_QUEUED: "QUEUED",
    Fault.STUCK_EXECUTING: "EXECUTING",
}
_LIFE = timedelta(days=3)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class ServerJob:
    """One job."""

    #: Its identifier.
    id: str
    #: params, files: As in `ServerCall`.
    params: dict[str, list[str]]
    files: dict[str, bytes]
    #: That struck when it was made.
    faults: frozenset[Fault]
    #: Of UWS.
    phase: str = "PENDING"
    #: The result, or the error.
    reply: ServerReply | None = None
    #: What went wrong.
    message: str = ""
    #: Seconds after which it is aborted; 0 for never.
    duration: int = 3600
    #: created, started, ended, destruction: When; at the last of them it is destroyed.
    created: datetime = field(default_factory=_now)
    started: datetime | None = None
    ended: datetime | None = None
    destruction: datetime = field(default_factory=lambda: _now() + _LIFE)
    #: Tells of a new phase.
    changed: threading.Condition = field(default_factory=threading.Condition)

    def enter(self, phase: str) -> None:
        """Change the phase, and tell those who wait; a finished job stays as it is."""
        with self.changed:
            if self.phase not in ACTIVE:
                return
            if phase == "EXECUTING":
                self.started = _now()
            elif phase not in ACTIVE:
                self.ended = _now()
            self.phase = phase
            self.changed.notify_all()

    def wait(self, seconds: float, phase: str) -> None:
        """Wait until the phase is another than `phase`, as WAIT= does it."""
        with self.changed:
            if phase in ACTIVE:
                self.changed.wait_for(lambda: self.phase != phase, timeout=seconds)


class Jobs:
    """All jobs of a server."""

    def __init__(self, answer: Callable[[ServerCall], ServerReply], seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds
        self._jobs: dict[str, ServerJob] = {}
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="stellarnb-job")
        self._lock = threading.Lock()

    def close(self) -> None:
        """Abort what runs."""
        for job in self.all():
            job.enter("ABORTED")
        self._pool.shutdown(cancel_futures=True)

    def all(self) -> list[ServerJob]:
        """Return the jobs that are not destroyed, the newest first."""
        with self._lock:
            now = _now()
            for job in list(self._jobs.values()):
                if job.destruction <= now:
                    del self._jobs[job.id]
            return list(reversed(self._jobs.values()))

    def make(self, call: ServerCall) -> ServerJob:
        """Make a job of a request; `Fault.EXPIRED_JOB` makes one that is gone at once."""
        given = {name: list(values) for name, values in call.params.items() if name != "PHASE"}
        number = f"{int(_now().timestamp())}{secrets.token_hex(4)}O"
        job = ServerJob(number, given, dict(call.files), call.faults)
        if Fault.EXPIRED_JOB not in call.faults:
            with self._lock:
                self._jobs[job.id] = job
        return job

    def get(self, key: str) -> ServerJob:
        """Return a job."""
        found = next((job for job in self.all() if job.id == key), None)
        if found is None:
            raise UnknownPath(f"There is no job {key!r}; it may have been destroyed.")
        return found

    def change_phase(self, job: ServerJob, wanted: str, base: str) -> None:
        """Do what PHASE=RUN or PHASE=ABORT asks for."""
        stuck = next((phase for fault, phase in _STUCK.items() if fault in job.faults), None)
        if wanted == "ABORT":
            job.enter("ABORTED")
        elif wanted != "RUN":
            raise InvalidInput(f"PHASE={wanted} is unknown; there are RUN and ABORT.")
        elif job.phase != "PENDING":
            raise InvalidInput(f"The job is {job.phase}; only a PENDING one can be run.")
        elif stuck is not None:
            job.enter(stuck)
        else:
            job.enter("QUEUED")
            self._pool.submit(self._run, job, base)

    def destroy(self, job: ServerJob) -> None:
        """Destroy a job."""
        job.enter("ABORTED")
        with self._lock:
            self._jobs.pop(job.id, None)

    def _run(self, job: ServerJob, base: str) -> None:
        job.enter("EXECUTING")
        too_long = 0 < job.duration < self._seconds
        job.wait(job.duration if too_long else self._seconds, "EXECUTING")
        if too_long:
            job.enter("ABORTED")
        if job.phase != "EXECUTING":
            return
        params: Mapping[str, list[str]] = job.params
        try:
            job.reply = self._answer(ServerCall("POST", "", base, params, job.files, job.faults))
        except StellarnbError as error:
            job.message = str(error)
        except Exception as error:  # noqa: BLE001 - a job must end, whatever happens in it
            job.message = f"{type(error).__name__}: {error}"
        if job.message:
            job.reply = error_reply(job.message)
        job.enter("ERROR" if job.message else "COMPLETED")
