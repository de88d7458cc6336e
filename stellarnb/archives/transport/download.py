"""Downloads that resume where they broke off."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from stellarnb.archives.transport.connection import Clock, Connection
from stellarnb.archives.transport.request import (
    EDGE,
    Ask,
    Reply,
    Transient,
    check_cancel,
    judged,
    lower_headers,
    scrub_url,
)
from stellarnb.errors import ArchiveDown, OutputError
from stellarnb.files import make_folder
from stellarnb.progress import Cancel

__all__ = ["ResumableDownload"]

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class ResumableDownload:
    """A partly downloaded file.

    Beside the final path, ``.part`` holds the bytes received and ``.part.json`` their source.
    """

    def __init__(self, path: Path, *, url: str, params: Mapping[str, Any] | None) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.part.json")
        self._lock = path.with_name(f"{path.name}.lock")
        self._source = json.dumps([url, sorted((params or {}).items())], default=str)

    @contextmanager
    def locked(self, clock: Clock, deadline: float, cancel: Cancel | None) -> Iterator[None]:
        """Lock the file against other kernels."""
        from filelock import FileLock, Timeout

        make_folder(self.path.parent)
        lock = FileLock(self._lock)
        while True:
            try:
                lock.acquire(timeout=0.05)
                break
            except Timeout:
                check_cancel(cancel, self.path.name)
                if clock.now() > deadline:
                    raise ArchiveDown(
                        f"{self.path.name} is still being downloaded by another kernel. "
                        f"Wait for it; if none runs, delete {self._lock}."
                    ) from None
        try:
            yield
        finally:
            lock.release()

    def fetch(self, connection: Connection, ask: Ask) -> Reply:
        """Fetch the missing bytes once, and move the complete file to its path."""
        have, tag = self._had()
        # Ranges count packed bytes, so nothing may be packed on the way.
        headers = {**ask.headers, "Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": tag}
        with closing(connection.open(replace(ask, headers=headers))) as raw:
            status = raw.status_code
            if status == 416:
                self._drop()
                raise Transient("the partial download no longer matches the server's file", 0.0)
            said = lower_headers(raw)
            if status == 206:
                self._check_range(said, have, tag)
            elif status != 200:
                body = b"".join(connection.blocks(raw, ask))
                reply = Reply(scrub_url(raw.url), status, said, body, "")
                judged(reply, ask, connection.policy)
                raise ArchiveDown(f"{ask.host} answers a download with status {status}.")
            try:
                self._append(connection, raw, ask, have if status == 206 else 0, said)
            except ArchiveDown:
                raise
            except OSError as error:
                raise OutputError(
                    f"Cannot write {self.part}: {error.strerror or error}. Make room, or choose "
                    "another folder with STELLARNB_CACHE; what had arrived is kept."
                ) from error
            return self._finish(connection, Reply(scrub_url(raw.url), 200, said, b"", ""), ask)

    def _had(self) -> tuple[int, str]:
        """Return the bytes received and their version tag; 0 if the download cannot be resumed."""
        try:
            note = json.loads(self._note.read_text("utf-8"))
            size = self.part.stat().st_size
            if note["source"] == self._source and note["tag"] and size:
                return size, str(note["tag"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, ""

    def _check_range(self, said: Mapping[str, str], have: int, tag: str) -> None:
        match = _RANGE.fullmatch(said.get("content-range", "").strip())
        fits = match is not None and int(match[1]) == have
        if not fits or (said.get("etag", tag) != tag and _tag(said) != tag):
            self._drop()
            raise Transient("the server returned the wrong byte range", 0.0)

    def _append(
        self, connection: Connection, raw: Any, ask: Ask, have: int, said: Mapping[str, str]
    ) -> None:
        if not have:
            # What was packed on the way against our wish cannot be continued by its ranges.
            packed = said.get("content-encoding", "identity").lower() != "identity"
            note = {"source": self._source, "tag": "" if packed else _tag(said)}
            self._note.write_text(json.dumps(note), "utf-8")
        on_bytes = ask.on_bytes
        shifted = None
        if on_bytes is not None:
            shifted = lambda done, total: on_bytes(have + done, total and have + total)  # noqa: E731
        left = replace(ask.budget, bytes=ask.budget.bytes - have)
        # Unbuffered, and not a byte after `cancel`: by then another kernel may hold the lock.
        with self.part.open("ab" if have else "wb", buffering=0) as out:
            for block in connection.blocks(raw, replace(ask, on_bytes=shifted, budget=left)):
                check_cancel(ask.cancel, ask.host)
                rest = memoryview(block)
                while rest:
                    rest = rest[out.write(rest) or 0 :]
            os.fsync(out.fileno())

    def _finish(self, connection: Connection, reply: Reply, ask: Ask) -> Reply:
        size = self.part.stat().st_size
        with self.part.open("rb") as stream:
            head = stream.read(EDGE)
            stream.seek(max(0, size - EDGE))
            tail = stream.read()
        try:
            reply = judged(reply, ask, connection.policy, (head, tail, size))
        except Exception:
            self._drop()  # an error page is not worth continuing
            raise
        self.part.replace(self.path)
        self._note.unlink(missing_ok=True)
        return replace(reply, path=self.path)

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _tag(said: Mapping[str, str]) -> str:
    """Return the version tag of a file: a strong ETag, or else Last-Modified."""
    tag = said.get("etag", "")
    return tag if tag and not tag.startswith("W/") else said.get("last-modified", "")
