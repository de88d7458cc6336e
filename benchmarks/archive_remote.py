"""How fast spectra are read: from an archive's answer against astroquery, and from the cache."""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.rows import row, timed
from stellarnb.archives.cache.spectra import Piece
from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra.datalink import DataLink
from stellarnb.archives.spectra.fetch import fetch_spectra
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import MissingInput, OutputError
from stellarnb.spectra import SpectrumSet

__all__ = ["bench_archive_remote"]

RUNS = 5
#: Spectra that are read; DataLink gives no more in one answer.
N_SPECTRA = 5000


def bench_archive_remote() -> list[dict[str, Any]]:
    """Measure reading spectra, against astroquery and against bare Parquet in the same run."""
    try:
        from tests.support.archive_server import Limits, archive_server
    except ModuleNotFoundError as error:
        raise MissingInput(
            f"The local server needs {error.name}, which is not installed: pip install "
            '"stellarnb[bench]".'
        ) from error
    with (
        tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder,
        archive_server(mock_stars=N_SPECTRA, limits=Limits(zip_level=0)) as server,
    ):
        query = "SELECT source_id FROM mock.stars ORDER BY source_id"
        ids = server.store.query(query).arrow["source_id"].to_numpy()
        link = DataLink((server.data_url,), chunk=N_SPECTRA)
        truth = server.store.spectra(ids, "RVS")
        read = _read_ratio(link, ids, truth, Path(folder))
        cache = _cache_ratios(link, ids, truth, Path(folder) / "cache")
    import astroquery

    return [
        row(
            "archive.rvs_read",
            f"times as fast, {N_SPECTRA:,} RVS spectra of one answer",
            f"astroquery {astroquery.__version__}, GaiaClass.load_data, VOTable",
            20.0,
            read,
        ),
        row(
            "archive.cache",
            f"of the rate of bare Parquet, {N_SPECTRA:,} RVS spectra",
            "pyarrow.parquet.read_table of the same file",
            0.5,
            cache,
        ),
    ]


def _answer(link: DataLink, ids: NDArray[np.int64], form: str, structure: str) -> bytes:
    """Return the server's answer, whose making and sending is nobody's merit."""
    more = {"ID": ",".join(map(str, ids.tolist())), "RETRIEVAL_TYPE": "RVS", "FORMAT": form}
    more |= {"DATA_STRUCTURE": structure, "USE_ZIP_ALWAYS": "true"}
    return Transport().post(link.urls[0], more).body


def _read_ratio(
    link: DataLink, ids: NDArray[np.int64], truth: SpectrumSet, folder: Path
) -> list[float]:
    """Return how much sooner our reader has the spectra; astroquery takes minutes: once."""
    ours = _answer(link, ids, link.form, link.structure)
    theirs = folder / "theirs.zip"
    theirs.write_bytes(_answer(link, ids, "votable", "INDIVIDUAL"))
    mine = []
    for _ in range(RUNS):
        seconds, spectra = timed(lambda: _arrays(link, ours))
        mine.append(seconds)
    _same(spectra.source_id, spectra.flux, spectra.error, truth)
    load = _astroquery(theirs)
    with contextlib.chdir(folder):
        seconds, products = timed(load)
    _same(*_their_arrays(products), truth)
    return [seconds / statistics.median(mine)]


def _arrays(link: DataLink, body: bytes) -> SpectrumSet:
    """Return an answer's spectra as arrays with masks."""
    table = link.read("rvs", body)
    if table is None:
        raise OutputError("The server sent no spectrum; nothing was compared.")
    return link.assemble("rvs", [Piece(np.arange(len(table)), table)], {})


class _Recorded:
    """Hands astroquery an answer as its own connection would: as a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load_data(self, *, output_file: str, **_: object) -> None:
        """Put the answer where it is wanted."""
        shutil.copyfile(self._path, output_file)


def _astroquery(path: Path) -> Callable[[], Mapping[str, Any]]:
    """Return what loads an answer as ``Gaia.load_data`` does."""
    with _no_network(), contextlib.redirect_stdout(io.StringIO()):
        # Its module asks the real archive for messages at import; in vain, here.
        from astroquery.gaia import GaiaClass

        gaia = GaiaClass(datalink_handler=_Recorded(path), show_server_messages=False)

    def load() -> Mapping[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Mapping[str, Any] = gaia.load_data(
                [1], retrieval_type="RVS", data_structure="INDIVIDUAL", format="votable"
            )
        return found

    return load


@contextlib.contextmanager
def _no_network() -> Iterator[None]:
    """Let no address be looked up."""

    def refuse(host: object, *_: object, **__: object) -> Any:
        raise socket.gaierror(f"no way out to {host}")

    known = socket.getaddrinfo
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.getaddrinfo = known


def _their_arrays(
    products: Mapping[str, Any],
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    ids = np.array([int(name.split()[-1].partition(".")[0]) for name in products], dtype=np.int64)
    columns = [
        np.stack(
            [np.ma.filled(tables[0].array[name], np.nan) for tables in products.values()]
        ).astype(np.float32)
        for name in ("flux", "flux_error")
    ]
    order = np.argsort(ids)
    return ids[order], columns[0][order], columns[1][order]


def _same(
    ids: NDArray[np.int64], flux: NDArray[np.float32], error: Any, truth: SpectrumSet
) -> None:
    assert truth.error is not None  # noqa: S101 - RVS spectra have errors
    if not (
        np.array_equal(ids, truth.source_id)
        and np.array_equal(flux, truth.flux, equal_nan=True)
        and np.array_equal(error, truth.error, equal_nan=True)
    ):
        raise OutputError("The peers read other spectra; nothing was compared.")


def _cache_ratios(
    link: DataLink, ids: NDArray[np.int64], truth: SpectrumSet, folder: Path
) -> list[float]:
    """Return how our warm read compares with reading the same file by pyarrow alone."""
    store, transport = Store(folder), Transport()

    def ours() -> SpectrumSet:
        return fetch_spectra(link, ids, "rvs", store=store, transport=transport, progress=False)

    first = ours()
    _same(first.source_id, first.flux, first.error, truth)
    (path,) = folder.glob("sha256/??/*.parquet")
    transport.offline = True
    ratios = []
    for _ in range(RUNS + 1):
        theirs, _table = timed(lambda: pq.read_table(path))
        mine, spectra = timed(ours)
        ratios.append(theirs / mine)
    _same(spectra.source_id, spectra.flux, spectra.error, truth)
    return ratios[1:]
