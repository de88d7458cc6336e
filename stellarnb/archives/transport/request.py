"""A request, what it may cost, and whether its answer is what was wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from stellarnb.errors import ArchiveDown, Interrupted, QueryError, StellarnbError, TooLarge
from stellarnb.progress import Cancel

__all__ = [
    "EDGE",
    "RETRIED",
    "AddressNotFound",
    "Ask",
    "Budget",
    "OnBytes",
    "Reply",
    "Transient",
    "cancelled_text",
    "check_cancel",
    "judged",
    "kind_of",
    "lower_headers",
    "plain_text",
    "query_status",
    "scrub_url",
    "status_text",
    "whole",
]

#: First bytes of each kind of body.
_MAGIC = (
    (b"SIMPLE  =", "fits"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", "gzip"),
)
_FITS_BLOCK = 2880
_HEAD = 65_536
_ROOT = re.compile(rb"<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
#: A declaration, comment or instruction in front of the root; comments may hold anything.
_PROLOG = re.compile(rb"\s*(?:<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)", re.DOTALL)
_INFO = re.compile(rb"<(?:\w+:)?INFO\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>", re.DOTALL)
_ATTRIBUTE = re.compile(rb"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SILENT = re.compile(r"<(script|style|head|title)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->|<!DOCTYPE[^>]*>", re.DOTALL | re.IGNORECASE)
#: Only what HTML knows is a tag: "Teff<Tmax" in a description is not.
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|big|blockquote|body|br|button|center|code|col|dd|div|dl|dt|em|embed|"
    r"font|footer|form|frame|h[1-6]|head|header|hr|html|i|iframe|img|input|li|link|main|meta|nav|"
    r"object|ol|option|p|pre|script|section|select|small|span|strong|style|sub|sup|svg|table|"
    r"tbody|td|textarea|tfoot|th|thead|title|tr|tt|u|ul|video)\b[^<>]*>",
    re.IGNORECASE,
)


def kind_of(body: bytes) -> str:
    """Return the kind of a body by its first bytes: ``fits``, ``votable``, ``html``, ``empty`` and others."""
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    head = body[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return "empty"
    if head.startswith(b"<"):
        return _markup(head)
    if b"\x00" in head:
        return "binary"
    return "json" if head[:1] in b"{[" else "text"


def _markup(head: bytes) -> str:
    if head[:256].lower().startswith(b"<!doctype html"):
        return "html"
    name = _root(head).rpartition(b":")[2].lower()
    if name in {b"html", b"body", b"head", b"title", b"h1", b"p"}:
        return "html"
    return "votable" if name == b"votable" else "xml"


def _root(head: bytes) -> bytes:
    """Return the name of a document's first element, with its prefix."""
    rest = head.removeprefix(b"\xef\xbb\xbf")
    while match := _PROLOG.match(rest):
        rest = rest[match.end() :]
    root = _ROOT.match(rest.lstrip())
    return root[0][1:] if root else b""


def whole(head: bytes, tail: bytes, size: int) -> bool:
    """Return whether a body ends as its kind requires.

    A body cut at its announced length looks complete to HTTP. Text, which has no end mark, passes.
    """
    kind = kind_of(head)
    if kind == "fits":
        return size % _FITS_BLOCK == 0
    if kind == "zip":
        return b"PK\x05\x06" in tail
    if kind == "parquet":
        return tail.endswith(b"PAR1")
    if kind in {"votable", "xml"}:
        return _closed(head, tail)
    if kind == "json":
        return tail.rstrip()[-1:] in {b"}", b"]"}
    return True


def _closed(head: bytes, tail: bytes) -> bool:
    """Return whether a document's first element ends at its end, but for comments."""
    name = re.escape(_root(head))
    end = rb"(?:\s|<!--.*?-->)*$"
    if re.search(rb"</" + name + rb"\s*>" + end, tail, re.DOTALL):
        return True
    return re.search(rb"<" + name + rb"\b[^<>]*/>" + end, tail, re.DOTALL) is not None


def query_status(body: bytes) -> tuple[str, str]:
    """Return the last QUERY_STATUS of a VOTable and its text, or two empty strings.

    It may stand before the table or, as OVERFLOW does, behind it.
    """
    found = ("", "")
    for match in _INFO.finditer(body):
        notes = {name.lower(): a or b for name, a, b in _ATTRIBUTE.findall(match[1])}
        if notes.get(b"name", b"").upper() != b"QUERY_STATUS":
            continue
        text = b""
        if not match[2]:
            end = re.compile(rb"</(?:\w+:)?INFO\s*>").search(body, match.end())
            text = body[match.end() : end.start()] if end else b""
        value = notes.get(b"value", b"").decode("utf-8", "replace").strip().upper()
        found = (value, status_text(text))
        if value == "ERROR":
            return found
    return found


def status_text(text: bytes) -> str:
    """Return a server's error message as plain text."""
    decoded = text.decode("utf-8", "replace").strip()
    return plain_text(decoded.removeprefix("<![CDATA[").removesuffix("]]>"))


def plain_text(text: str, limit: int = 500) -> str:
    """Return a server's text without tags and control characters, cut to `limit` characters."""
    bare = _COMMENT.sub(" ", _SILENT.sub(" ", text[: 100 * limit]))
    bare = unescape(_TAG.sub(" ", bare))
    # Once more: what was escaped twice must not become markup further on.
    bare = _TAG.sub(" ", _SILENT.sub(" ", bare))
    words = " ".join("".join(c if c.isprintable() else " " for c in bare).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


#: Called with the bytes received, and the total if it is known.
OnBytes = Callable[[int, int | None], None]

#: HTTP statuses after which a request may be sent again.
RETRIED = frozenset({429, 500, 502, 503, 504})
#: Bytes checked at both ends of a file.
EDGE = 1 << 16
_SECRET = frozenset({"password", "passwd", "pwd", "token", "access_token", "auth", "key", "apikey"})


class AddressNotFound(ArchiveDown):
    """The address does not exist, or no longer exists (HTTP 404 or 410)."""

    #: The server's own message, if it is a TAP error.
    refusal: str = ""


@dataclass(frozen=True)
class Budget:
    """Limits on the time and size of one request.

    Attributes
    ----------
    seconds : float
        For all of it, retries and waiting included.
    bytes : int
        Of the body, unpacked.
    silence : float
        Seconds without a byte after which a connection counts as dead.
    connect : float
        Seconds to get through to the server.
    """

    seconds: float = 600.0
    bytes: int = 4 * 1024**3
    silence: float = 60.0
    connect: float = 15.0


@dataclass(frozen=True)
class Reply:
    """An answer that has been checked."""

    #: Where it came from, without secrets.
    url: str
    #: Of HTTP.
    status: int
    #: Names in lower case.
    headers: Mapping[str, str]
    #: Unpacked; empty where it went to `path`.
    body: bytes
    #: What the body is, see `stellarnb.archives.transport.request.kind_of`.
    kind: str
    #: The file it went to.
    path: Path | None = None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


@dataclass
class Ask:
    """One request and what is expected of its answer."""

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    data: Any = None
    files: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    expect: frozenset[str] | None = None
    budget: Budget = field(default_factory=Budget)
    cancel: Cancel | None = None
    on_bytes: OnBytes | None = None
    once: bool = False
    redirect: bool = True
    deadline: float = 0.0

    @property
    def host(self) -> str:
        """Name of the archive."""
        return urlsplit(self.url).hostname or self.url


class Transient(Exception):
    """A fault that may not recur; `wait` is the delay the server asks for [s]."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def judged(
    reply: Reply, ask: Ask, policy: Any, edges: tuple[bytes, bytes, int] | None = None
) -> Reply:
    """Return an answer with its kind if it is what was expected; raise otherwise."""
    head, tail, size = edges or (reply.body[:EDGE], reply.body[-EDGE:], len(reply.body))
    ends = head if size <= len(head) else head + tail
    kind = kind_of(head)
    reply = replace(reply, kind=kind)
    if 300 <= reply.status < 400:
        return reply
    value, words = query_status(ends) if kind == "votable" else ("", "")
    said = words or plain_text(ends.decode("utf-8", "replace")) or f"HTTP status {reply.status}"
    if reply.status in RETRIED and not (reply.status == 500 and value == "ERROR"):
        wait = None
        with suppress(Exception):  # a Retry-After that is neither a number nor a date
            wait = policy.get_retry_after(_Headers(reply.headers))
        raise Transient(f"HTTP status {reply.status}, {said!r}", wait)
    if reply.status in {404, 410}:
        gone = AddressNotFound(f"{ask.host} has nothing at {reply.url}: {said!r}")
        gone.refusal = said if value == "ERROR" else ""
        raise gone
    if value == "ERROR":
        raise QueryError(f"{ask.host} refuses the query: {said}")
    if reply.status >= 400:
        raise _refused(reply, ask, kind, said)
    if not whole(head, tail, size):
        raise Transient(f"the answer, {size} bytes of {kind}, has no end")
    if b"<!ENTITY" in (head if edges else reply.body) and kind in {"votable", "xml"}:
        raise ArchiveDown(
            f"{ask.host} sent a document that declares entities, which can fill all memory; it "
            "was not read. Tell the archive's operators."
        )
    if kind == "html" and "html" not in (ask.expect or ()):
        raise ArchiveDown(f"{ask.host} answers with a web page instead of data: {said!r}")
    if ask.expect is not None and kind not in ask.expect:
        wanted = " or ".join(sorted(ask.expect))
        begin = f", which begins {said[:100]!r}" if kind in {"text", "xml", "json"} else ""
        raise ArchiveDown(f"{ask.host} answers with {kind} instead of {wanted}{begin}.")
    return reply


def _refused(reply: Reply, ask: Ask, kind: str, said: str) -> StellarnbError:
    if reply.status in {401, 403, 407}:
        return ArchiveDown(
            f"{ask.host} gives no access ({reply.status}): {said!r}. It may need a login: "
            "archive.login() asks for it."
        )
    if reply.status == 413:
        return TooLarge(f"{ask.host} takes no request of this size: {said!r}")
    if kind == "html" and reply.status >= 500:
        return ArchiveDown(f"{ask.host} fails ({reply.status}): {said!r}")
    return QueryError(f"{ask.host} refuses the request ({reply.status}): {said}")


def scrub_url(url: str) -> str:
    """Return an address without user name, password, and parameters that are secrets."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(no address)"
    host = f"[{host}]" if ":" in host else host
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if any(name.lower() in _SECRET for name, _ in pairs):
        query = urlencode([(n, "***" if n.lower() in _SECRET else v) for n, v in pairs])
    else:
        query = parts.query
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, query, ""))


def check_cancel(cancel: Cancel | None, host: str) -> None:
    """Raise `Interrupted` if the work was asked to stop."""
    if cancel is not None and cancel.is_set():
        raise Interrupted(cancelled_text(host))


def cancelled_text(host: str) -> str:
    """Return the message of a request that was cancelled."""
    return f"Stopped while waiting for {host}. Results stored so far are kept."


def lower_headers(raw: Any) -> dict[str, str]:
    """Return an answer's headers with names in lower case."""
    return {str(name).lower(): str(value) for name, value in raw.headers.items()}


@dataclass(frozen=True)
class _Headers:
    """The part of an answer that urllib3 needs to find Retry-After."""

    lower: Mapping[str, str]

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Retry-After": self.lower["retry-after"]} if "retry-after" in self.lower else {}
