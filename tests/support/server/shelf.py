"""Files by name, as surveys serve their spectra: whole, or from where a download broke off."""

from __future__ import annotations

import hashlib
import re

from tests.support.server.calls import ServerCall, ServerReply, UnknownPath

__all__ = ["file_reply"]

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def file_reply(files: dict[str, bytes], call: ServerCall) -> ServerReply:
    """Answer a request for a file."""
    query = "&".join(f"{name}={value}" for name, values in call.params.items() for value in values)
    body = files.get(f"{call.path}?{query}", files.get(call.path))
    if body is None:
        raise UnknownPath(f"There is no file {call.path}.")
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    part = _RANGE.fullmatch(call.headers.get("range", ""))
    if part is None or call.headers.get("if-range", tag) != tag:
        return ServerReply(body, "application/octet-stream", 200, headers)
    start, end = int(part[1]), int(part[2] or len(body) - 1)
    if start >= len(body):
        headers["Content-Range"] = f"bytes */{len(body)}"
        return ServerReply(b"", "application/octet-stream", 416, headers)
    end = min(end, len(body) - 1)
    headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
    return ServerReply(body[start : end + 1], "application/octet-stream", 206, headers)
