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
    """One request.

    Attributes
    ----------
    method : str
        In upper case.
    path : str
        Behind the service's own address; empty or without a slash in front.
    base : str
        The server's address, without a slash at the end.
    params : dict of str to list of str
        Names in upper case, from the address and the body.
    files : dict of str to bytes
        What came inline, by the part's name.
    faults : frozenset of Fault
        That strike it.
    headers : dict of str to str
        Names in lower case.
    """

    method: str
    path: str
    base: str
    params: Mapping[str, list[str]]
    files: Mapping[str, bytes] = field(default_factory=dict)
    faults: frozenset[Fault] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """Return a parameter's last value."""
        values = self.params.get(name.upper())
        return values[-1] if values else default


@dataclass(frozen=True)
class ServerReply:
    """One answer.

    Attributes
    ----------
    body : bytes
        Its content.
    media : str
        Its media type.
    status : int
        Of HTTP.
    headers : dict of str to str
        More headers.
    served : tuple
        ``(product, source_id)`` of each spectrum in it.
    """

    body: bytes
    media: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
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
    """What the server did, for tests to look at.

    Attributes
    ----------
    requests : list of LogEntry
        In order of the answers.
    served : Counter of (product, source_id)
        How often each spectrum was in an answer that left the server whole.
    """

    requests: list[LogEntry] = field(default_factory=list)
    served: Counter[tuple[str, int]] = field(default_factory=Counter)

    def count(self, kind: str) -> int:
        """Return how many requests of a kind were answered."""
        return sum(entry.kind == kind for entry in list(self.requests))


def error_reply(message: str, status: int = 400) -> ServerReply:
    """Return an error as DALI wants it: a VOTable whose QUERY_STATUS is ERROR.

    Parameters
    ----------
    message : str
        For people.
    status : int, optional
        Of HTTP.
    """
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<RESOURCE type="results">\n'
        f'<INFO name="QUERY_STATUS" value="ERROR">{escape(message)}</INFO>\n'
        "</RESOURCE>\n</VOTABLE>\n"
    )
    return ServerReply(body.encode(), "application/x-votable+xml", status)
