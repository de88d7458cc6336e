"""The server in a thread."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from stellarnb.errors import ArchiveDown, OutputError
from tests.support.server.app import Limits, Service
from tests.support.server.calls import Log
from tests.support.server.faults import Fault, Faults
from tests.support.server.store import ServerStore

__all__ = ["ArchiveServer", "archive_server"]

_START_SECONDS = 30.0


@dataclass(frozen=True)
class ArchiveServer:
    """A server that runs."""

    #: Its address, without a slash at the end.
    url: str
    #: What it does.
    service: Service

    @property
    def tap_url(self) -> str:
        """Address of TAP, for pyvo."""
        return f"{self.url}/tap-server/tap"

    @property
    def data_url(self) -> str:
        """Address of DataLink's products."""
        return f"{self.url}/data-server/data"

    @property
    def files_url(self) -> str:
        """Address of the files that tests put into `files`."""
        return f"{self.url}/files"

    @property
    def files(self) -> dict[str, bytes]:
        """Files by path; see `tests.support.server.shelf.file_reply`."""
        return self.service.files

    @property
    def faults(self) -> Faults:
        """What goes wrong; `Faults.inject` adds to it."""
        return self.service.faults

    @property
    def log(self) -> Log:
        """What was asked, and which spectra were sent how often."""
        return self.service.log

    @property
    def store(self) -> ServerStore:
        """The truth behind the answers."""
        return self.service.store

    def reset(self) -> None:
        """Commit no more faults, forget what was asked and what struck, and serve no files."""
        self.faults.clear()
        self.faults.struck.clear()
        self.log.requests.clear()
        self.log.served.clear()
        self.files.clear()


@contextmanager
def archive_server(
    folder: str | Path | None = None,
    *,
    port: int = 0,
    mock_stars: int = 200,
    limits: Limits | None = None,
    faults: tuple[Fault | str, ...] = (),
) -> Iterator[ArchiveServer]:
    """Run a TAP and DataLink server on 127.0.0.1 while the context lasts."""
    planned = Faults()
    for fault in faults:
        planned.inject(fault)
    service = Service(ServerStore(folder, mock_stars=mock_stars), planned, limits or Limits())
    try:
        with _listening(port) as door, _serving(service, door):
            yield ArchiveServer(f"http://127.0.0.1:{door.getsockname()[1]}", service)
    finally:
        service.close()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError as error:
            raise OutputError(
                f"Port {port} cannot be used ({error.strerror}); give another, or 0 for a free one."
            ) from error
        yield door


@contextmanager
def _serving(service: Service, door: socket.socket) -> Iterator[None]:
    # Answers cut short on purpose are not logged.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        service.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [door]}, name="stellarnb-server", daemon=True
    )
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ArchiveDown("The test server did not start; look for errors above.")
            time.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
