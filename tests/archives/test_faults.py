"""Each fault of an archive, by name: the right named error or full recovery, an intact cache.

What strikes spectra (missing ids, duplicate products, zips) is in test_datalink.py.
"""

import numpy as np
import pytest

from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.transport.client import Budget
from stellarnb.errors import ArchiveDown, QueryError, TooLarge, Truncated
from tests.support.archive_server import Fault

SYNC = "SELECT TOP 900 source_id, ra, dec FROM gaiadr3.gaia_source WHERE dec > 0"
JOB = "SELECT source_id, ra, dec FROM gaiadr3.gaia_source WHERE ra < 40"
BOTH = pytest.mark.parametrize(
    ("adql", "where"), [(SYNC, "sync"), (JOB, "job")], ids=["sync", "job"]
)


def same_as_the_server(server, result, adql: str) -> bool:
    truth = server.store.query(adql)
    order, other = np.argsort(truth["source_id"]), np.argsort(result["source_id"])
    return all(np.array_equal(truth[n][order], result[n][other]) for n in truth.colnames)


@pytest.fixture
def intact(server, gaia: RemoteArchive, store):
    """At the end the cache is sound, and the archive answers as if nothing had been."""
    yield
    server.reset()
    for adql in (SYNC, JOB):
        assert same_as_the_server(server, gaia.query(adql), adql)
    assert store.upkeep.verify().sound
    assert store.jobs() == []


@BOTH
def test_503_with_retry_after_is_waited_for(server, gaia, clock, adql, where, intact):
    server.faults.inject(Fault.UNAVAILABLE, times=3, where=where)
    assert same_as_the_server(server, gaia.query(adql), adql)
    assert clock.waited.count(1) >= 2
    assert server.faults.struck[Fault.UNAVAILABLE] == 3


@BOTH
def test_503_for_ever_is_archive_down(server, gaia, adql, where, intact):
    server.faults.inject(Fault.UNAVAILABLE, where=where)
    with pytest.raises(ArchiveDown, match="503"):
        gaia.query(adql)


def test_503_at_the_creation_of_a_job_is_asked_once(server, gaia, intact):
    server.faults.inject(Fault.UNAVAILABLE, where="async")
    with pytest.raises(ArchiveDown, match="asked once only"):
        gaia.query(JOB)
    assert server.faults.struck[Fault.UNAVAILABLE] == 1


@BOTH
def test_500_pool_empty_is_asked_again(server, gaia, adql, where, intact):
    server.faults.inject(Fault.POOL_EMPTY, times=2, where=where)
    assert same_as_the_server(server, gaia.query(adql), adql)


@BOTH
def test_html_maintenance_page_is_shown(server, gaia, adql, where, intact):
    server.faults.inject(Fault.MAINTENANCE, where=where)
    with pytest.raises(ArchiveDown, match="down for maintenance Please try again on Tuesday"):
        gaia.query(adql)


@BOTH
def test_200_with_an_error_is_a_query_error(server, gaia, adql, where, intact):
    server.faults.inject(Fault.ERROR_200, where=where)
    with pytest.raises(QueryError, match="the database is busy"):
        gaia.query(adql)


@BOTH
def test_entity_bomb_is_refused(server, gaia, adql, where, intact):
    server.faults.inject(Fault.ENTITY_BOMB, where=where)
    with pytest.raises(ArchiveDown, match="declares entities"):
        gaia.query(adql)


@BOTH
@pytest.mark.parametrize("fault", [Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.WRONG_LENGTH])
def test_cut_streams_and_wrong_lengths_are_asked_again(server, gaia, adql, where, fault, intact):
    server.faults.inject(fault, times=2, where=where)
    assert same_as_the_server(server, gaia.query(adql), adql)
    assert server.faults.struck[fault] == 2


@BOTH
def test_slow_drip_is_read_whole_in_time(server, gaia, adql, where, intact):
    server.faults.inject(Fault.SLOW_DRIP, times=3, where=where)
    assert same_as_the_server(server, gaia.query(adql), adql)


def test_slow_drip_beyond_the_clock_budget_is_archive_down(server, gaia, intact):
    server.faults.inject(Fault.SLOW_DRIP, where="sync")
    with pytest.raises(ArchiveDown, match="answer within"):
        gaia.query(SYNC, budget=Budget(seconds=0.3))


def test_overflow_is_raised_and_not_kept(server, gaia, store, intact):
    server.faults.inject(Fault.OVERFLOW, times=1)
    with pytest.raises(Truncated, match=r"sent 450 rows and held back others"):
        gaia.query(SYNC)
    assert SYNC.lower() not in " ".join(store.upkeep.list()["what"].tolist())


def test_overflow_is_taken_where_that_is_allowed_and_not_kept(server, gaia, store, intact):
    server.faults.inject(Fault.OVERFLOW, times=1)
    result = gaia.query(SYNC, allow_truncated=True)
    assert result.truncated
    assert result.provenance["overflow"]
    assert len(result) == 450
    assert SYNC.lower() not in " ".join(store.upkeep.list()["what"].tolist())


def test_overflow_of_a_job_is_completed_in_pieces(server, gaia, intact):
    server.faults.inject(Fault.OVERFLOW, times=1, where="async")
    result = gaia.query(JOB)
    assert not result.truncated
    assert result.provenance["pieces"] > 1
    assert same_as_the_server(server, result, JOB)


@BOTH
def test_upper_case_columns_come_in_lower_case(server, gaia, adql, where, intact):
    server.faults.inject(Fault.UPPER_CASE)
    result = gaia.query(adql)
    assert result.colnames == ["source_id", "ra", "dec"]
    assert same_as_the_server(server, result, adql)


def test_html_in_descriptions_is_plain_text(server, gaia, intact):
    server.faults.inject(Fault.HTML_DESCRIPTION)
    result = gaia.query(SYNC)
    assert result.descriptions["ra"] == "& more"
    assert "<script" not in result._repr_html_()


def test_html_in_tap_schema_is_plain_text(server, gaia, monkeypatch, intact):
    from stellarnb.archives.remote import schema

    rows = [
        {
            "table_name": "gaiadr3.gaia_source",
            "column_name": "ra",
            "description": "<script>alert(1)</script><a href='x'>Right</a> ascension",
            "unit": "<b>deg</b>",
            "ucd": "",
            "datatype": "double",
        }
    ]
    monkeypatch.setattr(schema, "_ask", lambda *args, **kwargs: rows)
    columns = gaia.columns("gaiadr3.gaia_source")
    assert columns["description"].tolist() == ["Right ascension"]
    assert columns["unit"].tolist() == ["deg"]
    assert "<script" not in columns._repr_html_()


def test_absurd_sizes_stop_at_the_byte_budget(server, gaia, intact):
    with pytest.raises(TooLarge, match="allow more with a Budget"):
        gaia.query(SYNC, budget=Budget(bytes=2000))


@pytest.mark.parametrize("fault", [Fault.STUCK_PENDING, Fault.STUCK_QUEUED, Fault.STUCK_EXECUTING])
def test_stuck_job_ends_at_the_deadline(server, gaia, store, fault):
    server.faults.inject(fault, times=1)
    with pytest.raises(ArchiveDown, match="ask the same query again"):
        gaia.query(JOB, timeout=20)
    assert len(store.jobs()) == 1
    assert store.upkeep.verify().sound


def test_expired_job_is_named(server, gaia, intact):
    server.faults.inject(Fault.EXPIRED_JOB, times=1)
    with pytest.raises(ArchiveDown, match="has expired"):
        gaia.query(JOB)


def test_some_requests_fail_and_every_answer_is_right(server, gaia, store):
    for seed, fault in enumerate((Fault.UNAVAILABLE, Fault.CUT_STREAM, Fault.WRONG_LENGTH)):
        for where in ("sync", "job"):
            server.faults.inject(fault, probability=0.07, seed=seed, where=where)
    for low in range(0, 360, 60):
        adql = f"SELECT source_id, ra FROM gaiadr3.gaia_source WHERE ra > {low}"  # noqa: S608
        for quick in (True, False):
            text = f"{adql} AND ra < {low + 60} AND dec {'>' if quick else '<'} 0"
            result = gaia.query(text, async_=not quick)
            assert same_as_the_server(server, result, text)
    assert sum(server.faults.struck.values()) >= 3
    assert store.upkeep.verify().sound
