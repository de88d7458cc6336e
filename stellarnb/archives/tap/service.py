"""TAP: queries, uploads and capabilities of a service.

pyvo implements the protocol (uploads, job documents, capabilities); the bytes go through
`stellarnb.archives.transport.client`, which handles network faults.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa

from stellarnb.archives.tap.job import Job
from stellarnb.archives.tap.votable import Answer, read_votable
from stellarnb.archives.transport.client import AddressNotFound, Budget, Reply, Transport
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import ArchiveDown, QueryError, StellarnbError
from stellarnb.progress import Cancel
from stellarnb.tables.convert import to_astropy

__all__ = ["Capabilities", "Query", "TapService", "parsed"]

T = TypeVar("T")
_BINARY2 = "serialization=binary2"


@dataclass(frozen=True)
class Query:
    """A query with its row limit and uploads."""

    #: The query.
    adql: str
    #: Row limit; the service's own where None.
    maxrec: int | None = None
    #: Tables that it names ``tap_upload.NAME``.
    uploads: Mapping[str, pa.Table] = field(default_factory=dict)


@dataclass(frozen=True)
class Capabilities:
    """What a TAP service supports."""

    #: FORMAT value for VOTable in BINARY2; empty if it is not offered.
    form: str
    #: Largest number of rows the service returns.
    maxrec: int | None
    #: Whether tables can be uploaded.
    uploads: bool


class TapService:
    """A TAP service."""

    def __init__(self, url: str, transport: Transport, form: str | None = None) -> None:
        self.url = url.rstrip("/?")
        self.transport = transport
        self.host = urlsplit(url).hostname or url
        self._form = form

    def sync(self, query: Query, *, budget: Budget, cancel: Cancel | None, watch: Watch) -> Answer:
        """Run a query synchronously and return its answer."""
        watch.phase("SENDING")
        try:
            reply = self.transport.post(
                f"{self.url}/sync",
                self._form_of(query),
                files=_files(query),
                expect={"votable"},
                budget=budget,
                cancel=cancel,
                on_bytes=watch.bytes,
            )
        except AddressNotFound as error:
            if error.refusal:  # some services answer so where a table is not there
                raise QueryError(f"{self.host} refuses the query: {error.refusal}") from error
            raise
        return read_votable(reply.body, self.host)

    def submit(self, query: Query, *, budget: Budget, cancel: Cancel | None) -> Job:
        """Create a job for a query, without starting it."""
        return Job.create(
            f"{self.url}/async",
            self._form_of(query),
            _files(query),
            self.transport,
            budget=budget,
            cancel=cancel,
        )

    def attach(self, url: str) -> Job:
        """Return an existing job."""
        return Job(url, self.transport)

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the service supports; defaults if it does not state it."""
        from pyvo.io.vosi import parse_capabilities

        try:
            reply = self.transport.get(f"{self.url}/capabilities", expect={"xml"})
            found = parsed(parse_capabilities, reply, self.host)
        except ArchiveDown:
            return Capabilities("", None, uploads=True)
        tap = next((c for c in found if hasattr(c, "outputformats")), None)
        limit = getattr(getattr(tap, "outputlimit", None), "hard", None)
        rows = getattr(limit, "content", None) if getattr(limit, "unit", "") == "row" else None
        uploads = bool(getattr(tap, "uploadmethods", ()))
        return Capabilities(_binary2(getattr(tap, "outputformats", ())), rows, uploads)

    def _form_of(self, query: Query) -> dict[str, str]:
        form = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": query.adql}
        wanted = self.capabilities.form if self._form is None else self._form
        if wanted:
            form["FORMAT"] = wanted
        if query.maxrec is not None:
            form["MAXREC"] = str(query.maxrec)
        if query.uploads:
            form["UPLOAD"] = _uploads(query).param()
        return form


def parsed(parser: Callable[[io.BytesIO], T], reply: Reply, host: str) -> T:
    """Parse a document with pyvo; raise `ArchiveDown` if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it forgives
            return parser(io.BytesIO(reply.body))
    except StellarnbError:
        raise
    except Exception as error:  # whatever a parser stumbles over in bytes from outside
        raise ArchiveDown(
            f"{host} sent a document that cannot be read ({type(error).__name__}); ask again."
        ) from error


def _binary2(formats: Any) -> str:
    for entry in formats:
        mime = str(getattr(entry, "mime", "") or "").lower().replace(" ", "")
        if _BINARY2 in mime:
            aliases = [str(alias) for alias in getattr(entry, "aliases", ()) or ()]
            return aliases[0] if aliases else str(entry.mime)
    return ""


def _uploads(query: Query) -> Any:
    from pyvo.dal.query import UploadList

    tables = {name: to_astropy(table, {}, {}, {}) for name, table in query.uploads.items()}
    return UploadList.fromdict(tables)


def _files(query: Query) -> dict[str, tuple[str, bytes, str]] | None:
    """Return uploads as parts of a multipart form, in bytes so that they can be sent again."""
    if not query.uploads:
        return None
    media = "application/x-votable+xml"
    return {
        upload.name: (f"{upload.name}.xml", upload.fileobj().read(), media)
        for upload in _uploads(query)
    }
