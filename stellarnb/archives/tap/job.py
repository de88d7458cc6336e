"""UWS jobs: create, run, wait, fetch, resume, abort."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from stellarnb.archives.tap.votable import Answer, read_votable
from stellarnb.archives.transport.client import AddressNotFound, Budget, Reply, Transport, scrub_url
from stellarnb.archives.transport.progress import Watch
from stellarnb.archives.transport.request import plain_text
from stellarnb.errors import ArchiveDown, Interrupted, QueryError, StellarnbError
from stellarnb.progress import Cancel

__all__ = ["Expired", "Job", "State"]

#: Seconds between two looks at a job, at first and at most.
FIRST_POLL, LAST_POLL = 0.2, 10.0
_STEP = 1.5
#: A request about a job, as opposed to its result, has little to say.
_SMALL = Budget(seconds=120.0, bytes=16 * 1024**2, silence=30.0)
_OVER = frozenset({"COMPLETED", "ERROR", "ABORTED", "ARCHIVED"})


class Expired(ArchiveDown):
    """The archive has deleted or aborted the job."""


@dataclass(frozen=True)
class State:
    """The state of a job."""

    #: Of UWS.
    phase: str
    #: The error message, as plain text.
    message: str
    #: Address of the result.
    result: str
    #: Seconds left, if the archive states them.
    left: float | None


class Job:
    """A job of a TAP service (UWS)."""

    def __init__(self, url: str, transport: Transport) -> None:
        self.url = url.rstrip("/")
        self._transport = transport
        self._host = urlsplit(url).hostname or url

    def __repr__(self) -> str:
        return f"<Job {scrub_url(self.url)}>"

    @classmethod
    def create(
        cls,
        url: str,
        form: Mapping[str, str],
        files: Any,
        transport: Transport,
        *,
        budget: Budget,
        cancel: Cancel | None,
    ) -> Job:
        """Create a job with a request that is never repeated."""
        reply = transport.post(
            url, form, files=files, budget=budget, cancel=cancel, once=True, redirect=False
        )
        where = reply.headers.get("location", "")
        if not where:
            raise ArchiveDown(
                f"{urlsplit(url).hostname} created no job for the query (status {reply.status}: "
                f"{plain_text(reply.text, 200)!r}). Try again, or async_=False."
            )
        return cls(_sound(url, where), transport)

    def run(self, cancel: Cancel | None = None) -> None:
        """Start the job; a running job continues."""
        try:
            with _kept():
                self._ask("POST", "/phase", {"PHASE": "RUN"}, cancel)
        except QueryError:
            # Asked a second time because the first answer was lost: then it is not PENDING.
            if self.state(cancel).phase in {"PENDING", "HELD"}:
                raise

    def state(self, cancel: Cancel | None = None) -> State:
        """Return the state of the job; raise `Expired` if the archive has deleted it."""
        return self._state(self._ask("GET", "", None, cancel))

    def wait(self, deadline: float, watch: Watch, cancel: Cancel | None = None) -> State:
        """Wait until the job has completed or `deadline` (of the transport's clock) has passed."""
        clock, pause = self._transport.clock, FIRST_POLL
        while True:
            with _kept():
                state = self.state(cancel)
            watch.phase(state.phase, state.left)
            if state.phase in _OVER:
                return self._judged(state, cancel)
            left = deadline - clock.now()
            if left <= 0:
                raise ArchiveDown(
                    f"{self._host}: the job is still {state.phase} after all the time that it was "
                    "given. It goes on there, and its address is kept: ask the same query again to "
                    "wait on (longer with timeout=…)."
                )
            clock.wait(min(pause, left), cancel)
            if cancel is not None and cancel.is_set():
                raise Interrupted(f"Stopped while {self._host} was working on the job.")
            pause = min(pause * _STEP, LAST_POLL)

    def fetch(
        self, state: State, path: Path, *, budget: Budget, cancel: Cancel | None, watch: Watch
    ) -> Answer:
        """Return the result, downloaded to `path` so that a broken download resumes."""
        try:
            with _kept():
                self._transport.download(
                    state.result,
                    path,
                    expect={"votable"},
                    budget=budget,
                    cancel=cancel,
                    on_bytes=watch.bytes,
                )
        except AddressNotFound as error:
            raise Expired(f"{self._host} has removed the result of the job.") from error
        answer = read_votable(path.read_bytes(), self._host)
        path.unlink(missing_ok=True)
        return answer

    def abort(self) -> None:
        """Ask the archive to abort the job; ignore errors."""
        with suppress(StellarnbError):
            self._ask("POST", "/phase", {"PHASE": "ABORT"}, None)

    def delete(self) -> None:
        """Ask the archive to delete the job; ignore errors."""
        with suppress(StellarnbError):
            self._transport.delete(self.url, budget=_SMALL, redirect=False)

    def _ask(
        self, method: str, part: str, form: Mapping[str, str] | None, cancel: Cancel | None
    ) -> Reply:
        url = f"{self.url}{part}"
        try:
            if method == "GET":
                return self._transport.get(url, budget=_SMALL, cancel=cancel)
            return self._transport.post(url, form, budget=_SMALL, cancel=cancel, redirect=False)
        except AddressNotFound as error:
            raise Expired(
                f"{self._host} does not know the job any more: it has expired or was deleted. Ask "
                "the query again."
            ) from error

    def _state(self, reply: Reply) -> State:
        from astropy.time import Time
        from pyvo.io.uws import parse_job

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                job = parse_job(io.BytesIO(reply.body))
            phase = str(job.phase or "UNKNOWN").strip().upper()
            found = [result.href for result in job.results if result.href]
            standard = [href for href in found if href.endswith("results/result")]
            words = job.errorsummary.message.content if job.errorsummary is not None else ""
            left = float((job.quote - Time.now()).sec) if job.quote is not None else None
        except Exception as error:  # whatever a parser stumbles over in bytes from outside
            raise ArchiveDown(
                f"{self._host} sent a job's description that cannot be read; the job goes on. Ask "
                "the same query again."
            ) from error
        where = next(iter([*standard, *found]), f"{self.url}/results/result")
        return State(
            phase,
            plain_text(str(words or "")),
            _sound(f"{self.url}/", where),
            left if left is not None and left > 0 else None,
        )

    def _judged(self, state: State, cancel: Cancel | None) -> State:
        if state.phase == "ERROR":
            message = state.message
            with suppress(ArchiveDown):  # a QueryError from here tells more
                reply = self._ask("GET", "/error", None, cancel)
                message = plain_text(reply.text) if reply.kind == "text" else message
            raise QueryError(
                f"{self._host} could not run the query: {message or 'no reason given'}"
            )
        if state.phase == "ABORTED":
            raise Expired(
                f"{self._host} aborted the job ({state.message or 'it gives no reason'}): perhaps "
                "it took longer than the archive allows. Ask for less at a time."
            )
        if state.phase == "ARCHIVED":
            raise Expired(f"{self._host} has removed the result of the job.")
        return state


@contextmanager
def _kept() -> Iterator[None]:
    """Add to a network error that the job still exists at the archive."""
    try:
        yield
    except (Expired, AddressNotFound):
        raise
    except ArchiveDown as error:
        raise ArchiveDown(
            f"{error} The job is kept there; ask the same query again to go on with it."
        ) from error


def _sound(base: str, where: str) -> str:
    """Return the address that a service gives for a job; raise if it is invalid.

    Behind a proxy services are known to name themselves by http; what was asked safely stays so.
    """
    parts, own = urlsplit(urljoin(base, where)), urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ArchiveDown(f"{own.hostname} gives {where[:80]!r} as the address of a job.")
    if own.scheme == "https" and parts.scheme == "http" and parts.hostname == own.hostname:
        host = parts.hostname if parts.port in {None, 80} else parts.netloc
        parts = parts._replace(scheme="https", netloc=host)
    return urlunsplit(parts)
