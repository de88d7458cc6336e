"""Requests and answers, freed from the web framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from stellarnb.errors import InvalidInput
from tests.support.server.faults import Fault

__all__ = ["Log", "ServerCall", "ServerReply", "UnknownPath", "error_reply"]


class UnknownPath(InvalidInput):
    """What the address names does not exist, or exists no more: HTTP 404."""


@dataclass(frozen=True)
class ServerCall:
    """One request."""

    #: In upper case.
    method: str
    #: Behind the service's own address; empty or without a slash in front.
    path: str
    #: The server's address, without a slash at the end.
    base: str
    #: Names in upper case, from the address and the body.
    params: Mapping[str, list[str]]
    #: What came inline, by the part's name.
    files: Mapping[str, bytes] = field(default_factory=dict)
    #: That strike it.
    faults: frozenset[Fault] = frozenset()
    #: Names in lower case.
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """Return a parameter's last value."""
        values = self.params.get(name.upper())
        return values[-1] if values else default


@dataclass(frozen=True)
class ServerReply:
    """One answer."""

    #: Its content.
    body: bytes
    #: Its media type.
    media: str = "text/plain"
    #: Of HTTP.
    status: int = 200
    #: More headers.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: ``(product, source_id)`` of each spectrum in it.
    served: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class LogEntry:
    """One request that was answered: method, path with query, kind, status and faults."""

    method: str
    path: str
    kind: str
    params: Mapping[str, list[str]]
    status: int
    faults: frozenset[Fault]


@dataclass
class Log:
    """What the server did, for tests to look at."""

    #: In order of the answers.
    requests: list[LogEntry] = field(default_factory=list)
    #: How often each spectrum was in an answer that left the server whole.
    served: Counter[tuple[str, int]] = field(default_factory=Counter)

    def count(self, kind: str) -> int:
        """Return how many requests of a kind were answered."""
        return sum(entry.kind == kind for entry in list(self.requests))


def error_reply(message: str, status: int = 400) -> ServerReply:
    """Return an error as DALI wants it: a VOTable whose QUERY_STATUS is ERROR."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<RESOURCE type="results">\n'
        f'<INFO name="QUERY_STATUS" value="ERROR">{escape(message)}</INFO>\n'
        "</RESOURCE>\n</VOTABLE>\n"
    )
    return ServerReply(body.encode(), "application/x-votable+xml", status)
