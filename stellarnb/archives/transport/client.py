"""HTTP for archives: budgets, safe retries, resumed downloads and checked answers.

A server may answer 200 with a maintenance page, end a stream early without an error, or send a
few bytes an hour. This module returns complete answers of the expected kind, or raises an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stellarnb import __version__
from stellarnb.archives.transport.connection import Clock, Connection, SystemClock
from stellarnb.archives.transport.download import ResumableDownload
from stellarnb.archives.transport.login import Cookie
from stellarnb.archives.transport.request import (
    RETRIED,
    AddressNotFound,
    Ask,
    Budget,
    OnBytes,
    Reply,
    Transient,
    cancelled_text,
    check_cancel,
    scrub_url,
)
from stellarnb.errors import ArchiveDown, CacheMiss, InvalidInput
from stellarnb.settings import settings
from stellarnb.threads import run_cancellable

__all__ = ["AddressNotFound", "Budget", "Clock", "OnBytes", "Reply", "Transport", "scrub_url"]


class Transport:
    """Send requests, and return complete answers or raise named errors.

    Failed connections, incomplete bodies and the statuses 429, 500, 502, 503 and 504 are retried
    (after Retry-After), but not requests that create something (``once=True``) nor wrong queries.
    """

    def __init__(
        self,
        *,
        budget: Budget | None = None,
        retries: int = 5,
        offline: bool | None = None,
        clock: Clock | None = None,
    ) -> None:
        import requests
        from urllib3.util import Retry

        self.budget = budget or Budget()
        self.offline = settings().offline if offline is None else offline
        self.clock: Clock = clock or SystemClock()
        self.policy = Retry(
            total=retries,
            allowed_methods=None,
            status_forcelist=RETRIED,
            respect_retry_after_header=True,
            backoff_factor=0.5,
            backoff_jitter=0.25,
            backoff_max=60,
        )
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"stellarnb/{__version__}"
        self._connection = Connection(self._session, self.clock, self.policy)

    def __repr__(self) -> str:
        return f"<Transport offline={self.offline}>"

    def get(self, url: str, params: Mapping[str, Any] | None = None, **how: Any) -> Reply:
        """Fetch an address; `how` takes the keywords of `Ask`."""
        return self._run(self._ask("GET", url, params=params, **how))

    def post(self, url: str, data: Any = None, *, files: Any = None, **how: Any) -> Reply:
        """Send a form and return the answer; `how` takes the keywords of `Ask`."""
        return self._run(self._ask("POST", url, data=data, files=files, **how))

    def delete(self, url: str, **how: Any) -> Reply:
        """Delete a resource; `how` takes the keywords of `Ask`."""
        return self._run(self._ask("DELETE", url, **how))

    def download(self, url: str, path: Path, **how: Any) -> Reply:
        """Download to a file, resuming an earlier download if the server's file has not changed."""
        ask = self._ask("GET", url, **how)
        part = ResumableDownload(path, url=scrub_url(ask.url), params=ask.params)
        with part.locked(self.clock, ask.deadline, ask.cancel):
            return self._run(ask, lambda attempt: part.fetch(self._connection, attempt))

    def use(self, cookie: Cookie) -> None:
        """Send a session cookie to the server that set it, and to no other."""
        self._session.cookies.set(
            cookie.name,
            cookie.value,
            domain=cookie.host if "." in cookie.host else f"{cookie.host}.local",
            path=cookie.path,
            secure=cookie.secure,
        )

    def forget(self) -> None:
        """Delete all session cookies."""
        self._session.cookies.clear()

    def _ask(self, method: str, url: str, **how: Any) -> Ask:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidInput(
                f"{scrub_url(url)!r} is not a valid address; it must begin with https://."
            )
        if parts.username or parts.password:
            raise InvalidInput(
                f"{scrub_url(url)}: the address holds a user name or password. Leave it out, and "
                "log in with archive.login(), which asks for it and keeps it nowhere."
            )
        budget = how.pop("budget", None) or self.budget
        expect = how.pop("expect", None)
        headers = dict(how.pop("headers", None) or {})
        return Ask(
            method,
            url,
            headers=headers,
            expect=None if expect is None else frozenset(expect),
            budget=budget,
            deadline=self.clock.now() + budget.seconds,
            **how,
        )

    def _run(self, ask: Ask, attempt: Callable[[Ask], Reply] | None = None) -> Reply:
        if self.offline:
            raise CacheMiss(
                f"{ask.host} would have to be asked, and this is offline (STELLARNB_OFFLINE or "
                "offline=True). Results in the cache remain available; the rest needs a network."
            )
        once = attempt or self._connection.read
        retry = self.policy
        while True:
            try:
                if ask.cancel is None:
                    return once(ask)
                return run_cancellable(
                    lambda: once(ask),
                    ask.cancel,
                    name="stellarnb-http",
                    stopped=cancelled_text(ask.host),
                )
            except Transient as fault:
                retry = self._again(retry, ask, fault)

    def _again(self, retry: Any, ask: Ask, fault: Transient) -> Any:
        """Wait before the next try, or raise if no try or time is left."""
        from urllib3.exceptions import MaxRetryError

        tries = len(retry.history) + 1
        times = "once" if tries == 1 else f"{tries} times"
        if ask.once:
            raise ArchiveDown(
                f"{ask.host}: {fault}. It was asked once only, since this creates a job there; "
                "run it again."
            ) from fault
        try:
            retry = retry.increment(ask.method, ask.host, error=fault)
        except MaxRetryError:
            raise ArchiveDown(
                f"{ask.host} was asked {times}: {fault}. Try again later, or use a mirror."
            ) from fault
        wait = retry.get_backoff_time() if fault.wait is None else fault.wait
        left = ask.deadline - self.clock.now()
        if wait >= left:
            asked = f"; it asks to wait {wait:.0f} s" if fault.wait is not None else ""
            raise ArchiveDown(
                f"{ask.host} was asked {times}: {fault}{asked}, and {max(left, 0):.0f} s are left "
                f"of the {ask.budget.seconds:.0f} s that this may take. Try again later."
            ) from fault
        if wait > 0:
            self.clock.wait(wait, ask.cancel)
        check_cancel(ask.cancel, ask.host)
        return retry
