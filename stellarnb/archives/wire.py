"""Waiting that can be stopped, and bytes that are unpacked as they come."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from stellarnb.archives.asks import Transient, check_cancel
from stellarnb.archives.bodies import plain_text
from stellarnb.errors import ArchiveDown
from stellarnb.progress import Cancel

__all__ = ["BLOCK", "stoppable", "unpacked", "unpacker"]

T = TypeVar("T")

#: As many bytes are handled at once.
BLOCK = 1 << 18


def stoppable(work: Callable[[], T], cancel: Cancel | None, host: str) -> T:
    """Do something that may wait for a server; `cancel` ends the waiting at once.

    A socket cannot be woken from another thread, so the work has a thread of its own, which is
    left to its time-out when it is no longer wanted.
    """
    if cancel is None:
        return work()
    check_cancel(cancel, host)
    done = threading.Event()
    out: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            out.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it belongs
            failed.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="stellarnb-http", daemon=True).start()
    while not done.wait(0.1):
        check_cancel(cancel, host)
    if failed:
        raise failed[0]
    return out[0]


def unpacker(encoding: str) -> Any:
    """Return what unpacks gzip or deflate, or None where nothing is packed."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name in {"gzip", "x-gzip"}:
        return zlib.decompressobj(wbits=31)
    if name == "deflate":
        return zlib.decompressobj(wbits=15)
    raise ArchiveDown(f"The answer is packed as {plain_text(encoding, 40)!r}, which is unknown.")


def unpacked(packed: Any, block: bytes) -> Iterator[bytes]:
    """Yield a block unpacked, in pieces of bounded size: a bomb never unfolds at once."""
    if packed is None:
        yield block
        return
    try:
        while block and not packed.eof:
            yield packed.decompress(block, BLOCK)
            block = packed.unconsumed_tail
    except zlib.error as error:
        raise Transient("the answer cannot be unpacked") from error
