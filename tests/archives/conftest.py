"""Archives that the tests share."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stellarnb.archives import LocalArchive, open_archive
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.surveys import Survey
from stellarnb.archives.transport.client import Transport
from stellarnb.tables import Result
from tests.support.archive_server import ArchiveServer, Limits, archive_server


@pytest.fixture(scope="session")
def sample() -> LocalArchive:
    return open_archive("sample")


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write tables to a new folder as Parquet files."""

    def make(**tables: dict[str, object]) -> Path:
        folder = tmp_path_factory.mktemp("archive")
        for name, columns in tables.items():
            Result(columns).write(folder / f"{name}.parquet")
        return folder

    return make


@pytest.fixture(scope="session")
def sky(make_folder: Callable[..., Path]) -> LocalArchive:
    """20,000 stars over the whole sky, dense at the poles, at RA 0 and in one field."""
    from astropy import units as u
    from astropy_healpix import lonlat_to_healpix

    rng = np.random.default_rng(5)
    n = 5000
    ra = np.concatenate(
        [rng.uniform(0, 360, 2 * n), rng.normal(0, 0.5, n) % 360, rng.normal(83, 0.2, n)]
    )
    dec = np.concatenate(
        [
            np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            rng.choice([-1, 1], n) * (90 - np.abs(rng.normal(0, 0.5, n))),
            rng.normal(0, 1, n),
            rng.normal(-5, 0.2, n),
        ]
    )
    pixel = lonlat_to_healpix(ra * u.deg, dec * u.deg, nside=4096, order="nested")
    source_id = (pixel.astype(np.int64) << 35) + np.arange(len(ra))
    order = np.argsort(source_id)
    columns = {"source_id": source_id[order], "ra": ra[order], "dec": dec[order]}
    return LocalArchive(make_folder(stars=columns), name="sky")


class Clock:
    """A clock that waits in no time: what was waited for is added to it."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self._start = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self._start + sum(self.waited)

    def wait(self, seconds: float, cancel: object) -> None:
        self.waited.append(seconds)
        time.sleep(min(seconds, 0.005))  # so that a job in another thread gets on


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transport(clock: Clock) -> Transport:
    return Transport(offline=False, clock=clock)


#: More rows than these the server of the tests does not send at once.
MAX_ROWS = 2000


@pytest.fixture(scope="session")
def gaia_server(make_folder: Callable[..., Path], sky: LocalArchive) -> Iterator[ArchiveServer]:
    """A server with 6,000 made-up stars in ``gaiadr3.gaia_source``; the first have RVS spectra."""
    rng = np.random.default_rng(8)
    n = 6000
    places = sky.query("SELECT source_id, ra, dec FROM stars ORDER BY source_id")
    rows = np.sort(rng.choice(len(places), n, replace=False))
    columns = {name: places[name][rows] for name in places.colnames}
    columns |= {
        "parallax": rng.normal(1, 0.2, n),
        "phot_g_mean_mag": rng.normal(14, 1, n).astype(np.float32),
        "has_rvs": np.arange(n) < 4000,
        "rvs_spec_sig_to_noise": rng.uniform(5, 60, n).astype(np.float32),
    }
    folder = make_folder()
    units = {"ra": "deg", "dec": "deg", "parallax": "mas", "phot_g_mean_mag": "mag"}
    Result(columns, units=units).write(folder / "gaia_source.parquet")
    limits = Limits(max_rows=MAX_ROWS, drip_bytes=400, drip_seconds=0.01)
    with archive_server(folder, limits=limits) as server:
        yield server


@pytest.fixture
def server(gaia_server: ArchiveServer) -> Iterator[ArchiveServer]:
    gaia_server.reset()
    yield gaia_server
    gaia_server.reset()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def gaia_survey(server: ArchiveServer) -> Survey:
    """The registry's Gaia, served from the test server."""
    from dataclasses import replace

    survey = open_archive("gaia", cache=False, offline=True).survey
    return replace(survey, url=server.tap_url, data=server.data_url)


@pytest.fixture
def gaia(gaia_survey: Survey, store: Store, transport: Transport) -> RemoteArchive:
    return RemoteArchive(gaia_survey, store=store, transport=transport)
