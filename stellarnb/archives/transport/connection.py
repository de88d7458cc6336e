"""One request on the wire: send it, and read its body within the budget."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Protocol

from stellarnb.archives.transport.request import (
    Ask,
    Reply,
    Transient,
    check_cancel,
    judged,
    lower_headers,
    plain_text,
    scrub_url,
)
from stellarnb.errors import ArchiveDown, TooLarge
from stellarnb.progress import Cancel

__all__ = ["Clock", "Connection", "SystemClock"]

#: Bytes handled at once.
BLOCK = 1 << 18
_ERROR_BYTES = 1 << 20


class Clock(Protocol):
    """A clock that can wait; tests pass one that never sleeps."""

    def now(self) -> float:
        """Return seconds since some moment."""

    def wait(self, seconds: float, cancel: Cancel | None) -> None:
        """Wait, or return early if `cancel` is set."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def wait(self, seconds: float, cancel: Cancel | None) -> None:
        """Wait, or return early if `cancel` is set."""
        if cancel is None:
            time.sleep(seconds)
        else:
            cancel.wait(seconds)


class Connection:
    """Sends one request at a time through a session of `requests`, without retries."""

    def __init__(self, session: Any, clock: Clock, policy: Any) -> None:
        self.session, self.clock, self.policy = session, clock, policy

    def read(self, ask: Ask) -> Reply:
        """Send a request once and return the whole answer."""
        with closing(self.open(ask)) as raw:
            body = b"".join(self.blocks(raw, ask))
            reply = Reply(scrub_url(raw.url), raw.status_code, lower_headers(raw), body, "")
        return judged(reply, ask, self.policy)

    def open(self, ask: Ask) -> Any:
        """Send a request and return the response of `requests` once its headers have arrived."""
        import requests

        left = ask.deadline - self.clock.now()
        if left <= 0:
            raise _late(ask, 0)
        silence = max(0.1, min(ask.budget.silence, left))
        headers = {"Accept-Encoding": "gzip, deflate", **ask.headers}
        try:
            return self.session.request(
                ask.method,
                ask.url,
                params=ask.params,
                data=ask.data,
                files=ask.files,
                headers=headers,
                stream=True,
                allow_redirects=ask.redirect,
                timeout=(min(ask.budget.connect, silence), silence),
            )
        except requests.Timeout as error:
            raise Transient(f"no answer within {silence:.0f} s") from error
        except requests.ConnectionError as error:
            raise Transient(f"cannot be reached ({_gist(error)})") from error
        except (requests.RequestException, ValueError, UnicodeError) as error:
            raise ArchiveDown(f"{ask.host}: {_gist(error)}.") from error

    def blocks(self, raw: Any, ask: Ask) -> Iterator[bytes]:
        """Yield the unpacked body within the budget; raise if it breaks off or ends early."""
        limit = ask.budget.bytes if raw.ok else min(ask.budget.bytes, _ERROR_BYTES)
        packed = _unpacker(raw.headers.get("Content-Encoding", ""))
        total = _length(raw) if packed is None else None
        if total is not None and total > limit:
            raise _too_large(ask, total, limit)
        done = 0
        for block in self._wire(raw, ask):
            for piece in _unpacked(packed, block):
                done += len(piece)
                if done > limit:
                    raise _too_large(ask, done, limit)
                yield piece
            if ask.on_bytes is not None:
                ask.on_bytes(done, total)
            if self.clock.now() > ask.deadline:
                raise _late(ask, done)
            check_cancel(ask.cancel, ask.host)
        if packed is not None and not packed.eof and done:
            raise Transient("the answer broke off while it was sent")

    @staticmethod
    def _wire(raw: Any, ask: Ask) -> Iterator[bytes]:
        from http.client import HTTPException

        from urllib3.exceptions import HTTPError, ReadTimeoutError

        while True:
            try:
                # read1 returns what is there, so that a drip can't outlast the deadline.
                block = raw.raw.read1(BLOCK, decode_content=False)
            except ReadTimeoutError as error:
                raise Transient(f"nothing arrived for {ask.budget.silence:.0f} s") from error
            except (HTTPError, HTTPException, OSError, ValueError) as error:
                raise Transient("the answer broke off while it was sent") from error
            if not block:
                return
            yield block


def _length(raw: Any) -> int | None:
    text = raw.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _too_large(ask: Ask, size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"{ask.host}: the answer has {size / 1e6:,.0f} MB or more, and {limit / 1e6:,.0f} MB are "
        "allowed. Ask for fewer rows or columns, or allow more with a Budget."
    )


def _late(ask: Ask, done: int) -> ArchiveDown:
    return ArchiveDown(
        f"{ask.host} gave no whole answer within {ask.budget.seconds:.0f} s ({done / 1e6:,.1f} MB "
        "arrived). Ask for less, allow more time with a Budget, or let a job do it: async_=True."
    )


def _gist(error: BaseException) -> str:
    """Return the reason of an error without the address, which may contain secrets."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    words = getattr(error, "strerror", None) or str(error)
    return plain_text(str(words), 120) or type(error).__name__


def _unpacker(encoding: str) -> Any:
    """Return a decompressor for gzip or deflate, or None if the body is not packed."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name in {"gzip", "x-gzip"}:
        return zlib.decompressobj(wbits=31)
    if name == "deflate":
        return zlib.decompressobj(wbits=15)
    raise ArchiveDown(f"The answer is packed as {plain_text(encoding, 40)!r}, which is unknown.")


def _unpacked(packed: Any, block: bytes) -> Iterator[bytes]:
    """Yield a block unpacked, in pieces of bounded size, so that a zip bomb cannot fill memory."""
    if packed is None:
        yield block
        return
    try:
        while block and not packed.eof:
            yield packed.decompress(block, BLOCK)
            block = packed.unconsumed_tail
    except zlib.error as error:
        raise Transient("the answer cannot be unpacked") from error
