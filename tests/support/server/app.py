"""The server's addresses, and where faults strike."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stellarnb.errors import StellarnbError
from tests.support.server.calls import (
    Log,
    LogEntry,
    ServerCall,
    ServerReply,
    UnknownPath,
    error_reply,
)
from tests.support.server.datalink import data, links
from tests.support.server.faults import Fault, Faults
from tests.support.server.jobs import Jobs
from tests.support.server.shelf import file_reply
from tests.support.server.store import ServerStore
from tests.support.server.tap import run_query
from tests.support.server.uws import answer_async, create_job, delete_jobs
from tests.support.server.vosi import availability, capabilities, tables

__all__ = ["Limits", "Service"]

_MAX_PART = 512 * 1024 * 1024
#: What astroquery shows when it makes its client.
_NEWS = b"message=A test server on loopback: nothing here comes from a live archive.\n"
_MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>The archive is down "
    b"for maintenance</h1><p>Please try again on Tuesday.</p></body></html>"
)


@dataclass(frozen=True)
class Limits:
    """Numbers that tests choose."""

    #: More rows than these are cut off with OVERFLOW.
    max_rows: int = 3_000_000
    #: How long a job is EXECUTING at least.
    job_seconds: float = 0.0
    #: drip_bytes, drip_seconds: Size of a piece, and pause behind it, under `Fault.SLOW_DRIP`.
    drip_bytes: int = 512
    drip_seconds: float = 0.2
    #: Unpacked size of the file that `Fault.ZIP_BOMB` adds.
    bomb_bytes: int = 256 * 1024 * 1024
    #: Seconds that `Fault.UNAVAILABLE` tells the client to wait.
    retry_after: int = 1
    #: How hard zips are compressed; 0, not at all, makes the server several times faster.
    zip_level: int = 1


class Service:
    """The whole server, but for its socket."""

    def __init__(self, store: ServerStore, faults: Faults, limits: Limits) -> None:
        self.store = store
        self.faults = faults
        self.limits = limits
        self.log = Log()
        #: Files by path, for what surveys serve star by star; tests put them in.
        self.files: dict[str, bytes] = {}
        self.jobs = Jobs(self._query, limits.job_seconds)
        tap = "/tap-server/tap"
        self.app = Starlette(
            routes=[
                self._route(f"{tap}/sync", "sync", self._query),
                self._route(f"{tap}/async", "async", lambda c: create_job(self.jobs, c), ["POST"]),
                self._route(f"{tap}/async", "job", self._async, ["GET"]),
                self._route(f"{tap}/async/{{path:path}}", "job", self._async),
                self._route(f"{tap}/deletejobs", "job", lambda c: delete_jobs(self.jobs, c)),
                self._route(f"{tap}/tables", "vosi", lambda c: tables(self.store, c)),
                self._route(f"{tap}/tables/{{path:path}}", "vosi", lambda c: tables(self.store, c)),
                self._route(f"{tap}/capabilities", "vosi", self._capabilities),
                self._route(f"{tap}/availability", "vosi", lambda _: availability()),
                self._route(f"{tap}/notification", "vosi", lambda _: ServerReply(_NEWS)),
                self._route("/data-server/data", "data", self._data),
                self._route("/data-server/datalink/links", "links", self._links),
                self._route("/tap-server/datalink/links", "links", self._links),
                self._route("/datalink/links", "links", self._links),
                self._route("/files/{path:path}", "files", self._file),
            ]
        )

    def close(self) -> None:
        """End the jobs and remove the temporary files."""
        self.jobs.close()
        self.store.close()

    def _query(self, call: ServerCall) -> ServerReply:
        return run_query(self.store, call, self.limits.max_rows)

    def _async(self, call: ServerCall) -> ServerReply:
        return answer_async(self.jobs, call)

    def _capabilities(self, call: ServerCall) -> ServerReply:
        return capabilities(call.base, self.limits.max_rows)

    def _data(self, call: ServerCall) -> ServerReply:
        return data(self.store, call, self.limits.bomb_bytes, self.limits.zip_level)

    def _file(self, call: ServerCall) -> ServerReply:
        return file_reply(self.files, call)

    def _links(self, call: ServerCall) -> ServerReply:
        return links(self.store, call)

    def _route(
        self,
        path: str,
        kind: str,
        handler: Callable[[ServerCall], ServerReply],
        methods: list[str] | None = None,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            call = await _read(request, self.faults.draw(kind))
            replacing = next((fault for fault in call.faults if fault.replaces), None)
            if replacing is None:
                reply = await run_in_threadpool(_safely, handler, call)
            else:
                reply = _instead(replacing, self.limits.retry_after)
            entry = LogEntry(
                call.method, request.url.path, kind, call.params, reply.status, call.faults
            )
            return _Sent(reply, entry, self.log, self.limits)

        return Route(path, endpoint, methods=methods or ["GET", "POST", "DELETE"])


def _safely(handler: Callable[[ServerCall], ServerReply], call: ServerCall) -> ServerReply:
    try:
        return handler(call)
    except UnknownPath as error:
        return error_reply(str(error), 404)
    except StellarnbError as error:
        return error_reply(str(error))


async def _read(request: Request, faults: frozenset[Fault]) -> ServerCall:
    params: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    items: list[tuple[str, UploadFile | str]] = list(request.query_params.multi_items())
    if request.method == "POST":
        async with request.form(max_part_size=_MAX_PART) as form:
            items += form.multi_items()
            for name, value in items:
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
    for name, value in items:
        if isinstance(value, str):
            params.setdefault(name.upper(), []).append(value)
    base = str(request.base_url).rstrip("/")
    path = str(request.path_params.get("path", ""))
    headers = {name.lower(): value for name, value in request.headers.items()}
    return ServerCall(request.method, path, base, params, files, faults, headers)


def _instead(fault: Fault, retry_after: int) -> ServerReply:
    """Return what comes in place of the service's answer."""
    if fault is Fault.UNAVAILABLE:
        return ServerReply(
            b"Service Unavailable", status=503, headers={"Retry-After": str(retry_after)}
        )
    if fault is Fault.POOL_EMPTY:
        body = b"<html><body><ul><li><b>Message: </b>Pool empty</li></ul></body></html>"
        return ServerReply(body, "text/html", 500)
    if fault is Fault.MAINTENANCE:
        return ServerReply(_MAINTENANCE, "text/html")
    if fault is Fault.ERROR_200:
        return error_reply("Cannot execute the query: the database is busy.", 200)
    return ServerReply(_entity_bomb(), "application/x-votable+xml")


def _entity_bomb() -> bytes:
    """Return a small VOTable that is gigabytes for a parser that believes in entities."""
    levels = "".join(
        f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' if i else '<!ENTITY e0 "stellarnb!">'
        for i in range(10)
    )
    return (
        f'<?xml version="1.0"?><!DOCTYPE VOTABLE [{levels}]>'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/><TABLE>'
        '<FIELD name="source_id" datatype="char" arraysize="*"/><DATA><TABLEDATA>'
        "<TR><TD>&e9;</TD></TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    ).encode()


class _Sent(Response):
    """An answer on its way, where it may come to harm."""

    def __init__(self, reply: ServerReply, entry: LogEntry, log: Log, limits: Limits) -> None:
        super().__init__(reply.body, reply.status, dict(reply.headers), reply.media)
        self._reply = reply
        self._entry = entry
        self._log = log
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = next((fault for fault in self._entry.faults if fault.transport), None)
        # Logged before it is sent: who has the answer finds it in the log.
        self._log.requests.append(self._entry)
        if fault in {None, Fault.SLOW_DRIP}:
            self._log.served.update(Counter(self._reply.served))
        if fault is None:
            await super().__call__(scope, receive, send)
        else:
            await self._harmed(fault, send)

    async def _harmed(self, fault: Fault, send: Send) -> None:
        body = bytes(self.body)
        keep = len(body) // 2
        headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
        if fault is Fault.WRONG_LENGTH:
            body = body[:keep]
        if fault is not Fault.CUT_CHUNKED:
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        if fault in {Fault.CUT_STREAM, Fault.CUT_CHUNKED}:
            # An answer that is never finished: the server closes the connection.
            await send({"type": "http.response.body", "body": body[:keep], "more_body": True})
            return
        pause = self._limits.drip_seconds if fault is Fault.SLOW_DRIP else 0.0
        size = self._limits.drip_bytes if pause else max(len(body), 1)
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(pause)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
