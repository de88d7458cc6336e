"""Gaia's spectra through DataLink and the cache: each fault is recovered from or named."""

import importlib.util
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stellarnb.archives.cache.store import Store
from stellarnb.archives.spectra import fetch as spectra_gaps
from stellarnb.archives.spectra.datalink import DR4_NAMES, DataLink
from stellarnb.archives.spectra.fetch import fetch_spectra
from stellarnb.archives.transport.client import Budget, Transport
from stellarnb.errors import (
    ArchiveDown,
    CacheMiss,
    Interrupted,
    InvalidInput,
    MissingInput,
    PartialProducts,
    StellarnbError,
    TooLarge,
)
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result
from tests.support.archive_server import ArchiveServer, Fault, Limits, archive_server
from tests.support.interrupted import run

#: Not imported to find out: importing it sets matplotlib to LaTeX.
NEEDS_GAIAXPY = pytest.mark.skipif(
    importlib.util.find_spec("gaiaxpy") is None, reason="the extra [xp] is not installed"
)

N = 60


class Quick:
    """A clock that does not wait."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float, cancel: Cancel | None) -> None:
        self.waited.append(seconds)
        time.sleep(min(seconds, 0.01))


@pytest.fixture(scope="module")
def running() -> Iterator[ArchiveServer]:
    limits = Limits(drip_bytes=30_000, drip_seconds=0.002, bomb_bytes=30_000_000, retry_after=0)
    with archive_server(mock_stars=N, limits=limits) as server:
        yield server


@pytest.fixture
def server(running: ArchiveServer) -> Iterator[ArchiveServer]:
    running.reset()
    yield running
    running.reset()


@pytest.fixture(scope="module")
def truth(running: ArchiveServer) -> SpectrumSet:
    ids = running.store.query("SELECT source_id FROM mock.stars").arrow["source_id"].to_numpy()
    return running.store.spectra(ids, "RVS")


@pytest.fixture
def link(server: ArchiveServer) -> DataLink:
    return DataLink((server.data_url,), chunk=20)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def get(store: Store, link: DataLink):
    """Fetch, into the test's cache, with a clock that does not wait."""

    def fetch(ids: object, product: str = "rvs", **more: object) -> SpectrumSet:
        source = more.pop("source", link)
        more = {"store": store, "progress": False, "transport": Transport(clock=Quick())} | more
        return fetch_spectra(source, ids, product, **more)

    return fetch


def same(mine: SpectrumSet, truth: SpectrumSet) -> None:
    """Equal bit for bit, NaN included, in the same order."""
    assert mine.source_id.tolist() == truth.source_id.tolist()
    assert mine.flux.tobytes() == truth.flux.tobytes()
    assert mine.error.tobytes() == truth.error.tobytes()
    assert np.array_equal(mine.mask, truth.mask)
    assert np.isnan(mine.flux[:, :3]).all()


# What is asked for, and what comes


@pytest.mark.parametrize("form", ["fits", "csv", "ecsv", "votable", "votable_plain"])
@pytest.mark.parametrize("structure", ["RAW", "INDIVIDUAL"])
def test_every_format_and_structure_gives_the_same_bits(get, link, truth, form, structure):
    source = replace(link, form=form, structure=structure)
    same(get(truth.source_id[:3], source=source), truth[:3])


def test_order_and_repetition_are_kept_and_missing_ones_named_once(get, truth):
    wanted = [*truth.source_id[::-1].tolist(), 77, int(truth.source_id[4]), 5, 77]
    spectra = get(wanted)
    same(spectra, truth[[*range(N - 1, -1, -1), 4]])
    assert spectra.missing == (5, 77)
    assert spectra.provenance["release"] == "gaiadr3"
    assert spectra.instrument.id == "gaia-rvs"


def test_provenance_names_service_product_and_files(get, server, store, truth):
    spectra = get(truth.source_id[:2])
    assert spectra.provenance["service"] == server.data_url
    assert spectra.provenance["retrieval_type"] == "RVS"
    (path,) = store.folder.glob("sha256/??/*.parquet")
    assert spectra.provenance["objects"] == [path.stem]
    assert server.data_url in path.with_suffix(".json").read_text()


def test_more_than_fits_into_memory_is_refused_before_anything_is_asked(get, server, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 10_000)
    with pytest.raises(TooLarge, match=r"3,000 spectra of 2401 pixels need 0 GB.*Ask for 1,224"):
        get(np.arange(1, 3001))
    assert server.log.count("data") == 0


@pytest.mark.parametrize("one", [int, np.int64, str])
def test_a_scalar_identifier_will_do(get, truth, one):
    same(get(one(truth.source_id[7])), truth[[7]])


def test_nothing_asked_for_is_nothing(get, server):
    spectra = get([])
    assert (len(spectra), spectra.flux.shape, spectra.missing) == (0, (0, 2401), ())
    assert server.log.count("data") == 0


def test_stars_without_a_spectrum_are_an_empty_set(get):
    spectra = get([1, 2])
    assert (len(spectra), spectra.missing) == (0, (1, 2))


def test_strict_raises_for_what_is_missing_and_keeps_the_rest(get, server, truth):
    with pytest.raises(PartialProducts, match=r"no rvs of 1 of the 3 stars: 5"):
        get([5, *truth.source_id[:2]], strict=True)
    same(get(truth.source_id[:2], offline=True), truth[:2])


@pytest.mark.parametrize(
    ("ids", "product", "words"),
    [
        ([5.9e18], "rvs", "float"),
        (["x"], "rvs", "not an integer"),
        ([[1, 2]], "rvs", "one dimension"),
        ([1], "rsv", r"did you mean 'rvs'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(get, server, ids, product, words):
    with pytest.raises(InvalidInput, match=words):
        get(ids, product)
    assert server.log.count("data") == 0


@pytest.mark.parametrize("wrong", [{"chunk": 0}, {"chunk": 5001}, {"form": "xml"}, {"urls": ()}])
def test_a_service_that_cannot_be(link, wrong):
    with pytest.raises(InvalidInput):
        replace(link, **wrong)


def test_no_request_has_more_than_the_chunk(get, server, truth):
    get(truth.source_id)
    sizes = [len(entry.params["ID"][0].split(",")) for entry in server.log.requests]
    assert sizes == [20, 20, 20]


def test_no_file_is_left_in_the_current_folder(get, truth, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    get(truth.source_id[:3])
    assert list(here.iterdir()) == []


def test_dr4_names_are_a_setting(get, link, server):
    source = replace(
        link, names=DR4_NAMES, release="gaiadr4", release_parameter="Gaia DR4", chunk=1
    )
    with pytest.raises(StellarnbError, match="MEAN_SPECTRUM_RVS is not at hand"):
        get([1], source=source)
    entry = server.log.requests[0]
    assert entry.params["RELEASE"] == ["Gaia DR4"]


def test_a_mirror_is_asked_where_the_first_fails(get, link, server, truth):
    source = replace(link, urls=("http://127.0.0.1:9/data", server.data_url))
    spectra = get(truth.source_id[:2], source=source, transport=Transport(retries=0, clock=Quick()))
    same(spectra, truth[:2])


def test_the_sampled_spectra_of_the_real_sample(get, server):
    query = (
        "SELECT TOP 30 source_id FROM gaiadr3.gaia_source WHERE has_xp_sampled = 't' "
        "ORDER BY source_id"
    )
    ids = server.store.query(query).arrow["source_id"].to_numpy()
    expected = server.store.spectra(ids, "XP_SAMPLED")
    spectra = get(ids, "xp_sampled")
    assert spectra.flux.tobytes() == expected.flux.tobytes()
    assert spectra.error.tobytes() == expected.error.tobytes()


# The cache


def test_only_the_gaps_are_asked_for(get, server, truth):
    get(truth.source_id[10:30])
    server.log.requests.clear()
    same(get(truth.source_id[:40]), truth[:40])
    asked = {star for e in server.log.requests for star in e.params["ID"][0].split(",")}
    assert asked == {str(s) for s in [*truth.source_id[:10], *truth.source_id[30:40]]}
    server.log.requests.clear()
    same(get(truth.source_id[5:40]), truth[5:40])
    assert server.log.requests == []


def test_known_absent_stars_are_not_asked_for_again(get, server):
    get([1, 2])
    asked = server.log.count("data")
    assert get([2, 1]).missing == (1, 2)
    assert server.log.count("data") == asked


def test_offline_names_what_is_not_in_the_cache(get, server, truth):
    get(truth.source_id[:2])
    server.log.requests.clear()
    same(get(truth.source_id[:2], offline=True), truth[:2])
    missed = r"1 of 3 spectra.*gaiadr3/rvs of " + str(truth.source_id[2])
    for more in ({"offline": True}, {"transport": Transport(offline=True)}):
        with pytest.raises(CacheMiss, match=missed):
            get(truth.source_id[:3], **more)
    assert server.log.requests == []


def test_a_damaged_file_is_fetched_again_and_never_returned(get, server, store, truth):
    get(truth.source_id[:20])
    get(truth.source_id[20:40])
    path = next(iter(store.folder.glob("sha256/??/*.parquet")))
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(bytes(body))
    server.log.requests.clear()
    same(get(truth.source_id[:40]), truth[:40])
    assert server.log.count("data") == 1
    assert store.upkeep.verify().sound


def test_without_a_cache_nothing_is_kept(get, server, truth):
    same(get(truth.source_id[:2], store=None), truth[:2])
    same(get(truth.source_id[:2], store=None), truth[:2])
    assert server.log.count("data") == 2


def test_a_cache_too_small_for_the_question_answers_and_asks_for_nothing_twice(
    get, tmp_path, server, truth
):
    small = Store(tmp_path / "small", limit_bytes=400_000)
    get(truth.source_id[:20], store=small)
    same(get(truth.source_id, store=small), truth)
    assert set(server.log.served.values()) == {1}
    get([5], store=small)
    small.keep_table({"n": 1}, Result({"a": [1]}))
    assert small.upkeep.bytes <= small.upkeep.limit_bytes


def test_the_users_login_goes_with_the_transport(get, server, truth):
    transport = Transport(clock=Quick())
    transport._session.headers["X-Mine"] = "yes"
    same(get(truth.source_id[:2], transport=transport), truth[:2])


# Faults


#: Faults that do something else to a file a star than to one for all.
IN_FILES = (
    *(Fault.UPPER_CASE, Fault.MISSING_IDS, Fault.DUPLICATE_PRODUCTS),
    *(Fault.WRONG_LENGTH, Fault.PATH_TRAVERSAL, Fault.ZIP_BOMB),
)
ON_THE_WAY = (
    *(Fault.UNAVAILABLE, Fault.POOL_EMPTY, Fault.MAINTENANCE, Fault.ERROR_200),
    *(Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.SLOW_DRIP, Fault.ENTITY_BOMB),
)


@pytest.mark.parametrize(
    ("fault", "structure"),
    [(fault, "RAW") for fault in (*ON_THE_WAY, *IN_FILES)]
    + [(fault, "INDIVIDUAL") for fault in IN_FILES],
    ids=lambda value: value.word if isinstance(value, Fault) else value,
)
def test_a_fault_that_passes_is_recovered_from(get, link, server, store, truth, fault, structure):
    server.faults.inject(fault, times=2, where="data")
    spectra = get(truth.source_id, source=replace(link, structure=structure))
    same(spectra, truth)
    assert server.faults.struck[fault] == 2
    assert spectra.missing == ()
    assert store.upkeep.verify().sound
    assert list(store.parts.iterdir()) == []
    assert set(server.log.served.values()) <= {1, 2, 3}


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault.UNAVAILABLE, ArchiveDown, "503"),
        (Fault.POOL_EMPTY, ArchiveDown, "Pool empty"),
        (Fault.MAINTENANCE, ArchiveDown, "down for maintenance.*Tuesday"),
        (Fault.ERROR_200, StellarnbError, "database is busy"),
        (Fault.CUT_STREAM, ArchiveDown, "broke off"),
        (Fault.WRONG_LENGTH, ArchiveDown, "no end|cannot be read"),
        (Fault.ENTITY_BOMB, ArchiveDown, "entities"),
        (Fault.PATH_TRAVERSAL, ArchiveDown, "out of its folder"),
    ],
    ids=lambda value: value.word if isinstance(value, Fault) else None,
)
def test_a_fault_that_stays_is_named_and_leaves_the_cache_intact(
    get, server, store, truth, fault, error, words
):
    get(truth.source_id[:20])
    server.faults.inject(fault, where="data")
    with pytest.raises(error, match=rf"(?s){words}.*0 of 20 spectra had arrived"):
        get(truth.source_id[:40], transport=Transport(retries=1, clock=Quick()))
    server.faults.clear()
    assert store.upkeep.verify().sound
    assert list(store.parts.iterdir()) == []
    same(get(truth.source_id[:20], offline=True), truth[:20])
    same(get(truth.source_id[:40]), truth[:40])


def test_nothing_escapes_from_a_zip(get, server, truth, tmp_path):
    server.faults.inject(Fault.PATH_TRAVERSAL)
    with pytest.raises(ArchiveDown, match=r"escaped\.fits"):
        get(truth.source_id[:2])
    names = {path.name for path in tmp_path.parent.rglob("*")}
    assert "escaped.fits" not in names


def test_a_zip_bomb_is_refused_before_it_fills_the_memory(get, server, store, truth):
    server.faults.inject(Fault.ZIP_BOMB)
    with pytest.raises(TooLarge, match="unpacks to more than 16,777,216"):
        get(truth.source_id[:2])
    assert store.upkeep.bytes == 0


def test_stars_that_the_archive_always_leaves_out_are_reported(get, server, truth):
    server.faults.inject(Fault.MISSING_IDS, where="data")
    spectra = get(truth.source_id[:20])
    # The first of every ten is left out, also of those that are asked for again.
    assert spectra.missing == (int(truth.source_id[0]),)
    same(spectra, truth[1:20])


def test_an_answer_with_other_stars_is_not_taken(get, server, link, truth, store, monkeypatch):
    other = link.fetch("rvs", truth.source_id[:2], Transport(), None)[0]
    monkeypatch.setattr(DataLink, "read", lambda self, product, body: other)
    spectra = get([int(truth.source_id[0]), 7])
    same(spectra, truth[:1])
    assert store.stars.find("gaiadr3/rvs", truth.source_id[:2]).here.tolist() == [True, False]


def test_two_products_of_a_star_that_differ_are_refused(link, server, truth):
    form = {"RETRIEVAL_TYPE": "RVS", "FORMAT": "csv", "DATA_STRUCTURE": "RAW"}
    form["ID"] = ",".join(map(str, truth.source_id[:2].tolist()))
    body = Transport().post(server.data_url, form).body
    assert len(link.read("rvs", body)) == 2
    lines = body.decode().splitlines()
    twice = "\n".join([*lines, lines[1]]).encode()
    assert len(link.read("rvs", twice)) == 2
    other = lines[1].replace(str(truth.source_id[0]), str(truth.source_id[1]))
    differ = "\n".join([*lines, other]).encode()
    with pytest.raises(ArchiveDown, match=f"differ in flux.*{truth.source_id[1]}"):
        link.read("rvs", differ)


def test_another_product_than_was_asked_for_is_refused(link, server):
    query = "SELECT TOP 3 source_id FROM sample.stars"
    ids = server.store.query(query).arrow["source_id"].to_pylist()
    form = {"ID": ",".join(map(str, ids)), "RETRIEVAL_TYPE": "XP_SAMPLED", "FORMAT": "fits"}
    body = Transport().post(server.data_url, form).body
    with pytest.raises(ArchiveDown, match="cannot be read as RVS"):
        link.read("rvs", body)


def test_a_budget_of_bytes_is_kept(get, truth):
    transport = Transport(budget=Budget(bytes=50_000), clock=Quick())
    with pytest.raises(TooLarge, match="are allowed"):
        get(truth.source_id[:20], transport=transport)


def test_a_server_that_is_not_there(get, link):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        gone = replace(link, urls=(f"http://127.0.0.1:{door.getsockname()[1]}/data",))
        with pytest.raises(ArchiveDown, match="cannot be reached"):
            get([1], source=gone, transport=Transport(retries=1, clock=Quick()))


# Several kernels, and being stopped


def test_two_threads_share_the_work_and_nothing_is_sent_twice(get, server, link, truth):
    sets: list[SpectrumSet] = []
    source = replace(link, chunk=5)

    def kernel(order: int) -> None:
        sets.append(get(truth.source_id[::order], source=source))

    threads = [threading.Thread(target=kernel, args=(order,)) for order in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for spectra in sets:
        order = np.argsort(spectra.source_id)
        same(spectra[order], truth[np.argsort(truth.source_id)])
    assert set(server.log.served.values()) == {1}


def test_a_kernel_waits_for_what_another_is_fetching(get, store, server, truth, monkeypatch):
    stars = truth.source_id[:3]
    spectra = get(stars, store=None)
    server.log.requests.clear()
    polls: list[float] = []

    class Watched(Quick):
        def wait(self, seconds: float, cancel: Cancel | None) -> None:
            polls.append(seconds)
            if len(polls) == 3:
                from stellarnb.archives.spectra.arrow import pack

                store.stars.keep("gaiadr3/rvs", pack(spectra, spectra.source_id), {})

    with store.stars.work() as other:
        assert other.claim("gaiadr3/rvs", stars).all()
        same(get(stars, transport=Transport(clock=Watched())), truth[:3])
    assert polls == [spectra_gaps.POLL_SECONDS] * 3
    assert server.log.requests == []


def test_cancel_stops_and_hands_over_what_is_there(get, server, link, truth):
    cancel = Cancel()
    source = replace(link, chunk=20)
    asked = DataLink.fetch

    def fetch(self: DataLink, *args: object) -> object:
        if server.log.count("data") == 2:
            cancel.set()
        return asked(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DataLink, "fetch", fetch)
        with pytest.raises(Interrupted, match=r"cache|stored") as caught:
            get(truth.source_id, source=source, cancel=cancel)
    assert len(caught.value.partial) == 40
    server.log.requests.clear()
    same(get(truth.source_id, source=source), truth)
    assert server.log.count("data") == 1


def test_killed_kernels_lose_nothing_and_fetch_nothing_twice():
    """1000 spectra; ``python -m tests.support.interrupted`` does the same with 20,000."""
    outcome = run(1000, kills=3, faults=0.25, chunk=20)
    assert outcome.kills == 3
    assert outcome.good, outcome
    assert sum(outcome.faults.values()) >= 5


# BP/RP coefficients


@NEEDS_GAIAXPY
def test_coefficients_are_cached_and_sampled_by_gaiaxpy(get, server):
    ids = server.store.query("SELECT source_id FROM mock.stars").arrow["source_id"].to_numpy()[:4]
    spectra = get([*ids[::-1], 5], "xp_continuous")
    assert spectra.source_id.tolist() == ids[::-1].tolist()
    assert spectra.missing == (5,)
    assert spectra.flux.shape == (4, 343)
    assert np.isfinite(spectra.flux).all()
    assert spectra.provenance["sampled_with"].startswith("GaiaXPy 2")
    server.log.requests.clear()
    again = get(ids, "xp_continuous", offline=True)
    assert again.flux.tobytes() == spectra.flux[::-1].tobytes()


def test_without_gaiaxpy_it_says_so_before_anything_is_asked(get, server, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingInput, match=r'pip install "stellarnb\[xp\]"'):
        get([1], "xp_continuous")
    assert server.log.count("data") == 0


def test_an_empty_zip_and_an_empty_body_mean_that_no_star_has_one(link, tmp_path):
    path = tmp_path / "empty.zip"
    zipfile.ZipFile(path, "w").close()
    assert link.read("rvs", path.read_bytes()) is None
