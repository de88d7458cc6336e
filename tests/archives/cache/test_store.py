"""The cache: nothing half-written, nothing damaged returned, nothing done twice."""

import json
import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.archives.cache.locks import hold
from stellarnb.archives.cache.store import Store
from stellarnb.errors import CacheMiss, Interrupted, InvalidInput, OutputError, Truncated
from stellarnb.progress import Cancel
from stellarnb.settings import settings as read_settings
from stellarnb.tables import Result

KEY = {"service": "gaia", "release": "dr3", "adql": "SELECT 1", "maxrec": 10}
SCOPE = "gaiadr3/rvs"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def result(value: int = 1, **more: object) -> Result:
    return Result(
        {"source_id": np.array([value, 2**62 + 1]), "x": [1.5, 2.5]},
        units={"x": "mas"},
        descriptions={"x": "words"},
        provenance={"adql": "SELECT 1", **more},
    )


def spectra(stars: object, width: int = 3) -> pa.Table:
    stars = np.asarray(stars)
    flux = (stars.astype("<f4")[:, None] + np.arange(width, dtype="<f4")).tobytes()
    column = pa.Array.from_buffers(pa.binary(4 * width), len(stars), [None, pa.py_buffer(flux)])
    return pa.table({"star": pa.array(stars), "flux": column})


def objects(store: Store) -> list[Path]:
    return sorted(store.folder.glob("sha256/??/*.parquet"))


def flux_of(store: Store, stars: object) -> dict[int, float]:
    """The first pixel of each star that is there."""
    found = store.stars.find(SCOPE, np.asarray(stars))
    pieces, _ = store.stars.read(found)
    out = {}
    for piece in pieces:
        values = [np.frombuffer(v, "<f4")[0] for v in piece.table["flux"].to_pylist()]
        out |= dict(zip(found.stars[piece.places].tolist(), map(float, values), strict=True))
    return out


# Answers by key


def test_an_answer_comes_back_with_units_and_provenance(store):
    store.keep_table(KEY, result())
    again = store.table(dict(reversed(KEY.items())))
    assert again.arrow.equals(result().arrow)
    assert again["source_id"].tolist() == [1, 2**62 + 1]
    assert (again.units, again.descriptions) == ({"x": "mas"}, {"x": "words"})
    assert again.provenance["adql"] == "SELECT 1"


def test_another_question_has_another_answer(store):
    store.keep_table(KEY, result())
    assert store.table({**KEY, "maxrec": 11}) is None
    store.keep_table(KEY, result(5))
    assert store.table(KEY)["source_id"][0] == 5


def test_offline_names_what_is_not_there(store):
    with pytest.raises(CacheMiss, match=r"SELECT 1.*STELLARNB_OFFLINE"):
        store.table(KEY, offline=True)
    store.keep_table(KEY, result())
    assert len(store.table(KEY, offline=True)) == 2


def test_a_truncated_answer_is_not_cached(store):
    half = result()
    half.truncated = True
    with pytest.raises(Truncated, match="cannot be cached"):
        store.keep_table(KEY, half)
    assert store.table(KEY) is None


def test_a_file_is_named_after_its_content_and_has_its_provenance_beside_it(store):
    import hashlib

    store.keep_table(KEY, result(service="https://gea.esac.esa.int"))
    (path,) = objects(store)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
    assert path.parent.name == path.stem[:2]
    (note,) = json.loads(path.with_suffix(".json").read_text())
    assert note["provenance"]["service"] == "https://gea.esac.esa.int"
    assert note["title"] == "SELECT 1"
    assert note["overflow"] is False
    assert note["stored"].startswith("20")
    assert list(store.parts.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2")),
        lambda path: path.unlink(),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_a_damaged_answer_is_never_returned(store, damage, fresh):
    store.keep_table(KEY, result())
    damage(objects(store)[0])
    again = Store(store.folder) if fresh else store
    assert again.table(KEY) is None
    again.keep_table(KEY, result())
    assert again.table(KEY)["source_id"][0] == 1


def test_one_flipped_bit_is_seen_though_the_times_are_set_back(store):
    store.keep_table(KEY, result())
    (path,) = objects(store)
    before, body = path.stat(), bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.table(KEY) is None


def test_passwords_are_kept_nowhere(store):
    address = "https://me:hunter2@gea.esac.esa.int/tap"
    store.keep_table({**KEY, "service": address}, result(service=address))
    store.keep_job({**KEY, "service": address}, address + "/async/1", {"from": address})
    store.stars.keep(SCOPE, spectra([1]), {"service": address})
    everything = b"".join(p.read_bytes() for p in store.folder.rglob("*") if p.is_file())
    assert b"hunter2" not in everything
    assert b"gea.esac.esa.int/tap" in everything
    assert store.table({**KEY, "service": address}) is not None


def test_a_key_must_be_json(store):
    with pytest.raises(InvalidInput, match="JSON"):
        store.table({"service": object()})


def test_a_folder_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="STELLARNB_CACHE"):
        Store(tmp_path / "file" / "cache")


def test_a_write_that_fails_leaves_nothing_behind(store, monkeypatch):
    import pyarrow.parquet as pq

    def full(table: object, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OutputError, match="No space left"):
        store.keep_table(KEY, result())
    assert objects(store) == list(store.parts.iterdir()) == []
    assert store.table(KEY) is None
    assert store.upkeep.bytes == 0


def test_the_folder_and_the_limit_come_from_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path))
    monkeypatch.setenv("STELLARNB_CACHE_GB", "0.5")
    made = Store()
    assert made.folder == tmp_path / "archives"
    assert made.upkeep.limit_bytes == 500_000_000
    with pytest.raises(InvalidInput, match="STELLARNB_CACHE_GB"):
        read_settings({"STELLARNB_CACHE_GB": "lots"})


# Jobs


def test_a_jobs_address_is_found_by_a_restarted_kernel(store):
    store.keep_job(KEY, "http://x/async/7", {"rows": 3})
    again = Store(store.folder)
    job = again.job(KEY)
    assert (job.url, job.key, job.note) == ("http://x/async/7", KEY, {"rows": 3})
    assert time.time() - job.created < 60
    assert [job.url for job in again.jobs()] == ["http://x/async/7"]
    again.drop_job(KEY)
    assert store.job(KEY) is None


# Spectra, star by star


def test_a_new_list_has_only_the_gaps_left(store):
    store.stars.keep(SCOPE, spectra([10, 30]), {})
    store.stars.keep_absent(SCOPE, np.array([20]))
    found = store.stars.find(SCOPE, np.array([30, 40, 20, 10]))
    assert found.here.tolist() == [True, False, False, True]
    assert found.absent.tolist() == [False, False, True, False]
    assert found.stars[found.gaps].tolist() == [40]
    assert flux_of(store, [30, 40, 10]) == {30: 30.0, 10: 10.0}


def test_a_release_and_a_product_are_apart(store):
    store.stars.keep(SCOPE, spectra([10]), {})
    for other in ("gaiadr4/rvs", "gaiadr3/xp_sampled"):
        assert store.stars.find(other, np.array([10])).gaps.all()


def test_identifiers_of_63_bits_and_names_are_exact(store):
    big = np.array([2**63 - 1, 2**62 + 1, 2**53 + 1])
    store.stars.keep(SCOPE, spectra(big), {})
    assert store.stars.find(SCOPE, big).here.all()
    assert not store.stars.find(SCOPE, big - 1).here.any()
    names = np.array(["apo25m/M67/2M0851'; DROP TABLE stars", "αβγ"])
    table = spectra([1, 2]).set_column(0, "star", pa.array(names))
    store.stars.keep("apogee/apstar", table, {})
    assert store.stars.find("apogee/apstar", names[::-1]).row.tolist() == [1, 0]


def test_what_is_absent_is_asked_for_again_after_a_while(store, monkeypatch):
    store.stars.keep_absent(SCOPE, np.array([5]), seconds=60)
    assert store.stars.find(SCOPE, np.array([5])).absent.all()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert store.stars.find(SCOPE, np.array([5])).gaps.all()
    with store.stars.work() as work:
        assert work.claim(SCOPE, np.array([5])).all()


def test_a_star_that_turns_up_is_no_longer_absent(store):
    store.stars.keep_absent(SCOPE, np.array([5]))
    store.stars.keep(SCOPE, spectra([5]), {})
    assert store.stars.find(SCOPE, np.array([5])).here.all()


def test_one_star_has_one_row(store):
    with pytest.raises(InvalidInput, match="two rows"):
        store.stars.keep(SCOPE, spectra([5, 5]), {})


def test_a_damaged_file_of_spectra_makes_gaps_of_its_stars_only(store):
    store.stars.keep(SCOPE, spectra([1, 2]), {})
    first = objects(store)[0]
    store.stars.keep(SCOPE, spectra([3]), {})
    first.write_bytes(b"PAR1 nonsense PAR1")
    found = store.stars.find(SCOPE, np.array([3, 2, 1]))
    pieces, lost = store.stars.read(found)
    assert sorted(found.stars[lost].tolist()) == [1, 2]
    assert [piece.places.tolist() for piece in pieces] == [[0]]
    assert store.stars.find(SCOPE, np.array([1, 2, 3])).gaps.tolist() == [True, True, False]
    assert not first.exists()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rows_come_back_as_they_were_stored(tmp_path_factory, data):
    store = Store(tmp_path_factory.mktemp("cache"))
    chunks = data.draw(
        st.lists(st.sets(st.integers(0, 2**20), min_size=1, max_size=600), min_size=1, max_size=4)
    )
    for chunk in chunks:
        store.stars.keep(SCOPE, spectra(sorted(chunk)), {})
    everything = sorted(set().union(*chunks))
    wanted = data.draw(st.lists(st.sampled_from([*everything, -1]), max_size=50, unique=True))
    expected = {star: float(np.float32(star)) for star in wanted if star >= 0}
    assert flux_of(store, np.array(wanted, dtype=np.int64)) == expected


# Several kernels


def test_two_pieces_of_work_do_not_claim_the_same_star(store):
    stars = np.arange(10)
    store.stars.keep(SCOPE, spectra([7]), {})
    store.stars.keep_absent(SCOPE, np.array([8]))
    other = Store(store.folder)
    with store.stars.work() as mine, other.stars.work() as its:
        assert mine.claim(SCOPE, stars[:5]).all()
        assert its.claim(SCOPE, stars).tolist() == [False] * 5 + [True, True, False, False, True]
        assert mine.claim(SCOPE, stars[:5]).all()
        assert not mine.claim(SCOPE, stars[5:]).any()
    with store.stars.work() as mine:
        assert mine.claim(SCOPE, stars).sum() == 8


def _claim_and_die(folder: str, done: object) -> None:
    work = Store(folder).stars.work().__enter__()
    assert work.claim(SCOPE, np.arange(4)).all()
    done.set()
    time.sleep(60)


def test_the_claims_of_a_killed_kernel_are_void(store):
    spawn = multiprocessing.get_context("spawn")
    done = spawn.Event()
    kernel = spawn.Process(target=_claim_and_die, args=(str(store.folder), done))
    kernel.start()
    assert done.wait(60)
    with store.stars.work() as work:
        assert not work.claim(SCOPE, np.arange(4)).any()
        kernel.kill()
        kernel.join()
        assert work.claim(SCOPE, np.arange(4)).all()


def test_many_threads_store_and_find_at_once(store):
    failed: list[BaseException] = []

    def kernel(own: int) -> None:
        try:
            mine = Store(store.folder) if own % 2 else store
            for step in range(5):
                stars = own * 100 + step * 10 + np.arange(10)
                mine.stars.keep(SCOPE, spectra(stars), {})
                assert flux_of(mine, stars) == {int(s): float(s) for s in stars}
                mine.keep_table({"n": own}, result(own))
                assert mine.table({"n": own})["source_id"][0] == own
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=kernel, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(store.upkeep.list()) == 36
    assert store.upkeep.verify().sound


def test_a_question_is_asked_by_one_at_a_time(store):
    inside: list[int] = []

    def ask(own: int) -> None:
        with Store(store.folder).lock(KEY):
            inside.append(own)
            time.sleep(0.02)
            inside.append(own)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside[::2] == inside[1::2]


def test_waiting_for_another_kernel_can_be_cancelled(store):
    cancel = Cancel()
    with store.lock(KEY):
        cancel.set()
        with pytest.raises(Interrupted), Store(store.folder).lock(KEY, cancel=cancel):
            pass


def test_a_lock_in_a_folder_that_is_not_there_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="on a disk of this machine"),
        hold(tmp_path / "file" / "x"),
    ):
        pass


# Looking after it


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    now = time.time()
    store = Store(tmp_path, limit_bytes=25_000)
    for step, star in enumerate([1, 2, 3]):
        monkeypatch.setattr(time, "time", lambda at=now + 1000 * step: at)
        store.stars.keep(SCOPE, spectra([star], 1700), {})
    monkeypatch.setattr(time, "time", lambda: now + 5000)
    assert flux_of(store, [1]) == {1: 1.0}
    store.stars.keep(SCOPE, spectra([4], 1700), {})
    assert flux_of(store, [1, 2, 3, 4]).keys() == {1, 3, 4}
    assert store.upkeep.bytes <= 25_000
    assert len(objects(store)) == 3


def test_what_is_being_read_is_not_evicted(tmp_path):
    store = Store(tmp_path, limit_bytes=1)
    store.stars.keep(SCOPE, spectra([1]), {})
    with Store(tmp_path).stars.work() as work:
        work.pin(store.stars.find(SCOPE, np.array([1])))
        store.stars.keep(SCOPE, spectra([2]), {})
        assert flux_of(store, [1, 2]).keys() == {1, 2}
    store.stars.keep(SCOPE, spectra([3]), {})
    assert flux_of(store, [1, 2, 3]).keys() == {3}


def test_list_says_what_is_there(store):
    store.keep_table(KEY, result())
    store.stars.keep(SCOPE, spectra([1, 2]), {})
    listed = store.upkeep.list()
    assert dict(zip(listed["kind"], listed["what"], strict=True)) == {
        "table": "SELECT 1",
        "spectra": SCOPE,
    }
    assert dict(zip(listed["kind"], listed["stars"], strict=True)) == {"table": 1, "spectra": 2}
    assert (
        sum(listed["bytes"]) == store.upkeep.bytes == sum(p.stat().st_size for p in objects(store))
    )
    assert repr(store).endswith("MB>")
    assert len(Store(store.folder.parent / "empty").upkeep.list()) == 0


def test_verify_finds_what_is_damaged_gone_and_stray(store):
    for star in (1, 2, 3):
        store.stars.keep(SCOPE, spectra([star]), {})
    first, second, third = objects(store)
    first.write_bytes(b"x")
    second.unlink()
    stray = third.with_name("0" * 64 + ".parquet")
    stray = store.folder / "sha256" / "00" / stray.name
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    report = store.upkeep.verify()
    assert not report.sound
    assert first.stem in report.damaged
    assert report.gone == (second.stem,)
    assert objects(store) == [third]
    again = store.upkeep.verify()
    assert again.sound
    assert (again.checked, again.adopted) == (1, 0)


def test_verify_takes_in_what_a_killed_kernel_did_not_enter(store, monkeypatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    import stellarnb.archives.cache.spectra as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "register_stars", killed)
        with pytest.raises(KeyboardInterrupt):
            store.stars.keep(SCOPE, spectra([1, 2]), {})
    assert len(objects(store)) == 1
    assert store.stars.find(SCOPE, np.array([1, 2])).gaps.all()
    assert store.upkeep.verify().adopted == 1
    assert flux_of(store, [1, 2]) == {1: 1.0, 2: 2.0}


@pytest.mark.parametrize("damage", ["nonsense", "other layout"])
def test_a_damaged_index_is_built_anew_from_the_notes(store, damage):
    store.keep_table(KEY, result())
    store.stars.keep(SCOPE, spectra([1, 2]), {})
    index = store.folder / "index.sqlite"
    if damage == "nonsense":
        store._core.index.close()
        for end in ("-wal", "-shm"):
            index.with_name(index.name + end).unlink(missing_ok=True)
        index.write_bytes(b"this is no database" * 1000)
    else:
        with sqlite3.connect(index) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    again = Store(store.folder)
    assert again.table(KEY)["source_id"][0] == 1
    assert flux_of(again, [1, 2]) == {1: 1.0, 2: 2.0}
    assert (store.folder / "damaged-index.sqlite").exists()


@pytest.mark.parametrize(
    ("what", "left"),
    [
        (None, set()),
        ("tables", {"spectra"}),
        ("spectra", {"table"}),
        (SCOPE, {"table"}),
    ],
)
def test_clear_frees_what_it_is_told_to(store, what, left):
    store.keep_table(KEY, result())
    store.stars.keep(SCOPE, spectra([1]), {})
    store.stars.keep_absent(SCOPE, np.array([2]))
    before = store.upkeep.bytes
    freed = store.upkeep.clear(what)
    assert set(store.upkeep.list()["kind"]) == left
    assert store.upkeep.bytes == before - freed == sum(p.stat().st_size for p in objects(store))
    assert store.stars.find(SCOPE, np.array([2])).absent.all() == (what == "tables")


def test_clear_by_age_and_by_a_wrong_name(store):
    store.keep_table(KEY, result())
    assert store.upkeep.clear(older_than_days=1) == 0
    assert store.table(KEY) is not None
    assert store.upkeep.clear(older_than_days=0) > 0
    with pytest.raises(InvalidInput, match=r"tables, spectra"):
        store.upkeep.clear("gaiadr9/rvs")
    with pytest.raises(InvalidInput, match="expected 0 or more"):
        store.upkeep.clear(older_than_days=-1)


def test_unfinished_files_are_swept_up_after_a_day(store):
    old, new = store.parts / "old.part", store.parts / "new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    Store(store.folder)
    assert [path.name for path in store.parts.iterdir()] == ["new.part"]


def test_lock_files_do_not_pile_up(store):
    with store.lock(KEY):
        pass
    (lock,) = (store.folder / "locks").glob("key-*.lock")
    Store(store.folder)
    assert lock.exists()
    os.utime(lock, (time.time() - 8 * 24 * 3600,) * 2)
    with store.lock({"another": 1}):
        Store(store.folder)
    assert not lock.exists()
    assert len(list((store.folder / "locks").glob("key-*.lock"))) == 1


def _claim_and_leave(folder: str) -> None:
    with Store(folder).stars.work() as work:
        work.claim(SCOPE, np.arange(4))


def test_a_kernel_that_ends_takes_its_lock_file_along(store):
    kernel = multiprocessing.get_context("spawn").Process(
        target=_claim_and_leave, args=(str(store.folder),)
    )
    kernel.start()
    kernel.join()
    assert kernel.exitcode == 0
    assert list((store.folder / "locks").glob("owner-*.lock")) == []
