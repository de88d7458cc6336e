"""Queries that run as jobs."""

import threading

import pytest

from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.remote.jobs import budget_for
from stellarnb.archives.tap.job import Expired, Job
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.transport.client import Budget, Transport
from stellarnb.archives.transport.progress import Progress, Watch
from stellarnb.errors import ArchiveDown, Interrupted, InvalidInput, QueryError
from stellarnb.progress import Cancel
from tests.support.archive_server import Fault

ADQL = "SELECT source_id, ra FROM gaiadr3.gaia_source WHERE ra < 20"


def phases(told: list[Progress]) -> list[str]:
    return list(dict.fromkeys(progress.phase for progress in told))


def ids(server) -> list[int]:
    return server.store.query(ADQL).arrow["source_id"].to_pylist()


def requests(server, kind: str, method: str = "") -> int:
    return sum(e.kind == kind and method in {"", e.method} for e in list(server.log.requests))


def test_a_job_gives_the_whole_answer_and_is_deleted(server, gaia, store):
    told: list[Progress] = []
    result = gaia.query(ADQL, progress=told.append)
    assert sorted(result["source_id"].tolist()) == sorted(ids(server))
    assert requests(server, "async") == 1
    assert phases(told)[-2:] == ["COMPLETED", "RECEIVING"]
    assert requests(server, "job", "DELETE") == 1
    assert result.provenance["job"].startswith(server.tap_url)
    assert store.jobs() == []
    assert list(store.parts.glob("*.vot")) == []


def test_small_queries_are_no_jobs(server, gaia):
    gaia.query("SELECT TOP 5 ra FROM gaiadr3.gaia_source")
    gaia.query(ADQL, maxrec=1500)
    gaia.query("SELECT table_name FROM tap_schema.tables")
    gaia.query(ADQL + " AND dec > 0", async_=False)
    assert requests(server, "async") == 0
    gaia.query("SELECT TOP 5 dec FROM gaiadr3.gaia_source", async_=True)
    assert requests(server, "async") == 1


def test_a_query_that_fails_in_a_job_says_why(server, gaia, store):
    with pytest.raises(QueryError, match="there is no column 'nonsense'"):
        gaia.query("SELECT nonsense FROM gaiadr3.gaia_source")
    assert store.jobs() == []
    assert requests(server, "job", "DELETE") == 1


@pytest.mark.parametrize(
    ("fault", "phase"),
    [
        (Fault.STUCK_PENDING, "PENDING"),
        (Fault.STUCK_QUEUED, "QUEUED"),
        (Fault.STUCK_EXECUTING, "EXECUTING"),
    ],
    ids=lambda value: getattr(value, "word", None),
)
def test_a_stuck_job_ends_at_the_deadline_and_is_kept(server, gaia, store, fault, phase):
    server.faults.inject(fault, times=1)
    with pytest.raises(ArchiveDown, match=rf"still {phase}.*ask the same query again"):
        gaia.query(ADQL, timeout=30)
    assert [job.note["archive"] for job in store.jobs()] == ["gaia"]
    assert requests(server, "async") == 1


def test_polling_slows_down(server, gaia, clock):
    server.faults.inject(Fault.STUCK_EXECUTING, times=1)
    with pytest.raises(ArchiveDown):
        gaia.query(ADQL, timeout=600)
    waits = clock.waited[:-1]
    assert waits == sorted(waits)
    assert max(waits) == 10
    assert len(waits) < 80


def test_a_restarted_kernel_picks_the_job_up(server, gaia_survey, store, clock):
    def archive() -> RemoteArchive:
        transport = Transport(offline=False, clock=clock)
        return RemoteArchive(gaia_survey, store=store, transport=transport)

    tap = TapService(server.tap_url, Transport(offline=False, clock=clock), "votable")
    first = archive()
    key = first._runner.key(Query(ADQL), {})
    job = tap.submit(Query(ADQL), budget=Budget(), cancel=None)
    store.keep_job(key, job.url)  # and here the first kernel died, before it could start it
    server.log.requests.clear()
    result = archive().query(ADQL)
    assert sorted(result["source_id"].tolist()) == sorted(ids(server))
    assert requests(server, "async") == 0
    assert result.provenance["job"] == job.url
    assert store.jobs() == []


def test_a_job_of_long_ago_is_asked_anew(server, gaia, store):
    key = gaia._runner.key(Query(ADQL), {})
    store.keep_job(key, f"{server.tap_url}/async/12345")
    assert len(gaia.query(ADQL)) == len(ids(server))
    assert requests(server, "async") == 1


def test_a_new_job_that_expires_at_once_is_named(server, gaia, store):
    server.faults.inject(Fault.EXPIRED_JOB)
    with pytest.raises(Expired, match="has expired or was deleted"):
        gaia.query(ADQL)
    assert store.jobs() == []
    assert requests(server, "async") == 1


def test_cancel_stops_the_job_at_the_archive(server, gaia, store):
    server.faults.inject(Fault.STUCK_EXECUTING, times=1)
    cancel = Cancel()
    before = server.service.jobs.all()

    def tell(progress: Progress) -> None:
        if progress.phase == "EXECUTING":
            cancel.set()

    with pytest.raises(Interrupted, match="Stopped while"):
        gaia.query(ADQL, cancel=cancel, progress=tell)
    assert store.jobs() == []
    assert requests(server, "job", "DELETE") == 1
    assert server.service.jobs.all() == before


def test_ctrl_c_leaves_the_job_for_later(server, gaia, store):
    server.faults.inject(Fault.STUCK_EXECUTING, times=1)

    def tell(progress: Progress) -> None:
        if progress.phase == "EXECUTING":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"The job goes on at http.*same query picks it up"):
        gaia.query(ADQL, progress=tell)
    (job,) = store.jobs()
    assert job.url.startswith(server.tap_url)
    assert server.service.jobs.all()[0].phase == "EXECUTING"


def test_run_is_not_an_error_where_the_job_runs_already(server, transport):
    tap = TapService(server.tap_url, transport, "votable")
    job = tap.submit(Query(ADQL), budget=Budget(), cancel=None)
    job.run()
    job.run()
    with Watch("gaia", show=False) as watch:
        assert job.wait(transport.clock.now() + 60, watch).phase == "COMPLETED"


def test_an_aborted_job_is_named(server, transport):
    tap = TapService(server.tap_url, transport, "votable")
    server.faults.inject(Fault.STUCK_EXECUTING, times=1)
    job = tap.submit(Query(ADQL), budget=Budget(), cancel=None)
    job.run()
    job.abort()
    with Watch("gaia", show=False) as watch, pytest.raises(ArchiveDown, match="aborted the job"):
        job.wait(transport.clock.now() + 60, watch)


def test_a_job_that_was_aborted_meanwhile_is_asked_anew(server, gaia, store, transport):
    tap = TapService(server.tap_url, transport, "votable")
    job = tap.submit(Query(ADQL), budget=Budget(), cancel=None)
    job.abort()
    store.keep_job(gaia._runner.key(Query(ADQL), {}), job.url)
    assert len(gaia.query(ADQL)) == len(ids(server))
    assert store.jobs() == []


def test_faults_while_waiting_are_ridden_out(server, gaia):
    for fault in (Fault.UNAVAILABLE, Fault.POOL_EMPTY, Fault.CUT_STREAM, Fault.WRONG_LENGTH):
        server.faults.inject(fault, times=2, where="job")
    assert len(gaia.query(ADQL)) == len(ids(server))
    assert requests(server, "async") == 1


@pytest.mark.parametrize("after", range(3), ids=["run", "looked at", "looked at or fetched"])
def test_a_maintenance_page_on_the_way_keeps_the_job(server, gaia, store, after):
    # How often a job is looked at before it is fetched depends on how fast it runs.
    server.faults.inject(Fault.MAINTENANCE, where="job", after=after)
    with pytest.raises(ArchiveDown, match=r"down for maintenance.*The job is kept there"):
        gaia.query(ADQL)
    assert len(store.jobs()) == 1
    server.faults.clear()
    assert len(gaia.query(ADQL)) == len(ids(server))
    assert requests(server, "async") == 1


def test_two_threads_that_ask_the_same_make_one_job(server, gaia_survey, store):
    results = []

    def work() -> None:
        archive = RemoteArchive(gaia_survey, store=store, transport=Transport(offline=False))
        results.append(len(archive.query(ADQL)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [len(ids(server))] * 3
    assert requests(server, "async") == 1


@pytest.mark.parametrize("where", ["javascript:alert(1)", "file:///etc/passwd", "http://"])
def test_a_strange_address_of_a_job_is_refused(where, transport, monkeypatch):
    class Answer:
        headers = {"location": where}  # noqa: RUF012

    monkeypatch.setattr(transport, "post", lambda *args, **kwargs: Answer())
    with pytest.raises(ArchiveDown, match="as the address of a job"):
        Job.create("https://a.org/tap/async", {}, None, transport, budget=Budget(), cancel=None)


@pytest.mark.parametrize(
    ("where", "url"),
    [
        ("http://a.org/tap/async/1", "https://a.org/tap/async/1"),
        ("http://a.org:80/tap/async/1", "https://a.org/tap/async/1"),
        ("/tap/async/2", "https://a.org/tap/async/2"),
        ("https://b.org/async/3", "https://b.org/async/3"),
    ],
)
def test_what_was_asked_safely_stays_safe(where, url, transport, monkeypatch):
    class Answer:
        headers = {"location": where}  # noqa: RUF012

    monkeypatch.setattr(transport, "post", lambda *args, **kwargs: Answer())
    job = Job.create("https://a.org/tap/async", {}, None, transport, budget=Budget(), cancel=None)
    assert job.url == url


def test_where_there_are_no_jobs(gaia_survey, store, transport):
    from dataclasses import replace

    archive = RemoteArchive(replace(gaia_survey, jobs=False), store=store, transport=transport)
    assert len(archive.query(ADQL)) > 0
    with pytest.raises(InvalidInput, match="has no jobs"):
        archive.query(ADQL + " AND dec > 1", async_=True)


def test_the_clock_budget_is_for_all_of_a_query(gaia):
    assert budget_for(QueryOptions(), gaia._runner.tap.transport, 600).seconds == 600
    now = gaia._runner.tap.transport.clock.now()
    assert budget_for(
        QueryOptions(deadline=now + 5), gaia._runner.tap.transport, 600
    ).seconds == pytest.approx(5, abs=1)


def test_progress_says_what_is_known():
    text = str(Progress("gaia", "RECEIVING", 63.2, 1000, 2_000_000, 8_000_000, 21, 2, 5))
    assert text == (
        "gaia: RECEIVING, part 2 of 5, 1,000 rows, 2.0 of 8.0 MB, 63 s, about 21 s to go"
    )
    assert str(Progress("gaia")) == "gaia: SENDING, 0 s"
