"""A server for the tests, and a wall round the loopback interface."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.archive_server import ArchiveServer, Limits, archive_server

_LOCAL = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="module", autouse=True)
def loopback_only() -> Iterator[list[str]]:
    """Refuse, and note, every address that is not this machine's own."""
    asked: list[str] = []
    patch = pytest.MonkeyPatch()
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in _LOCAL:
            asked.append(str(address))
            raise OSError(f"no way out to {address}")
        connect(self, address)

    def guarded_lookup(host: object, *args: object, **kwargs: object) -> object:
        if host not in _LOCAL and host is not None:
            asked.append(str(host))
            raise socket.gaierror(f"no way out to {host}")
        return lookup(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket, "getaddrinfo", guarded_lookup)
    yield asked
    patch.undo()


@pytest.fixture(scope="session")
def running() -> Iterator[ArchiveServer]:
    limits = Limits(drip_bytes=2000, drip_seconds=0.01, bomb_bytes=20_000_000)
    with archive_server(limits=limits) as server:
        yield server


@pytest.fixture
def server(running: ArchiveServer) -> Iterator[ArchiveServer]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="session")
def xp_ids(running: ArchiveServer) -> list[int]:
    """Twenty stars with XP spectra."""
    result = running.store.query(
        "SELECT TOP 20 source_id FROM gaiadr3.gaia_source WHERE has_xp_sampled = 't' "
        "ORDER BY source_id"
    )
    return result.arrow["source_id"].to_pylist()
