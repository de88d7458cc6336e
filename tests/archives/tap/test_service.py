"""TAP: what is sent, what services say of themselves, and queries word by word."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.archives.adql.normalize import canonical, checked, plain, top_of
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.transport.client import Budget, Reply
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import ArchiveDown, QueryError
from tests.support.archive_server import Fault

ADQL = "SELECT TOP 3 source_id FROM gaiadr3.gaia_source"


def sync(tap: TapService, query: Query):
    with Watch("gaia", show=False) as watch:
        return tap.sync(query, budget=Budget(), cancel=None, watch=watch)


def test_what_the_service_says_of_itself(server, transport):
    found = TapService(server.tap_url, transport).capabilities
    assert found.form == "votable"
    assert found.maxrec == 2000
    assert found.uploads


def test_capabilities_are_asked_once_and_only_where_the_format_is_unknown(server, transport):
    tap = TapService(server.tap_url, transport)
    sync(tap, Query(ADQL))
    sync(tap, Query(ADQL))
    assert server.log.count("vosi") == 1
    sync(TapService(server.tap_url, transport, "votable"), Query(ADQL))
    assert server.log.count("vosi") == 1


@pytest.mark.parametrize("fault", [Fault.MAINTENANCE, Fault.ENTITY_BOMB, Fault.UNAVAILABLE])
def test_without_capabilities_the_service_is_asked_for_its_usual_format(server, transport, fault):
    server.faults.inject(fault, where="vosi")
    tap = TapService(server.tap_url, transport)
    assert sync(tap, Query(ADQL)).table.num_rows == 3
    sent = [entry.params for entry in server.log.requests if entry.kind == "sync"]
    assert "FORMAT" not in sent[0]
    assert sent[0]["LANG"] == ["ADQL"]


@pytest.mark.parametrize("form", ["votable", "votable_plain", ""])
def test_whatever_votable_comes_is_read(server, transport, form):
    answer = sync(TapService(server.tap_url, transport, form), Query(ADQL))
    assert answer.table["source_id"].to_pylist() == (
        server.store.query(ADQL).arrow["source_id"].to_pylist()
    )


def test_an_upload_is_sent_again_whole(server, transport):
    server.faults.inject(Fault.CUT_STREAM, times=2)
    own = pa.table({"x": pa.array([2**62 + 1, None])})
    query = Query("SELECT x FROM tap_upload.own", uploads={"own": own})
    answer = sync(TapService(server.tap_url, transport, "votable"), query)
    assert answer.table["x"].to_pylist() == [2**62 + 1, None]


def test_a_404_of_a_query_is_a_query_error_where_the_service_says_why(transport, monkeypatch):
    from stellarnb.archives.transport.client import AddressNotFound

    def gone(*args, **kwargs):
        error = AddressNotFound("nothing")
        error.refusal = "Table x not found"
        raise error

    monkeypatch.setattr(transport, "post", gone)
    with pytest.raises(QueryError, match=r"a\.org refuses the query: Table x not found"):
        sync(TapService("https://a.org/tap", transport, ""), Query(ADQL))


def test_a_document_that_is_none(transport):
    from pyvo.io.vosi import parse_capabilities

    from stellarnb.archives.tap.service import parsed

    reply = Reply("https://a.org", 200, {}, b"<a><b></a>", "xml")
    with pytest.raises(ArchiveDown, match="cannot be read"):
        parsed(parse_capabilities, reply, "a.org")


@pytest.mark.parametrize(
    "other",
    [
        "select top 5 A.ra from T as A where A.x='It''s' -- note\n;",
        "SELECT  TOP 5\n a.RA FROM t AS a /* here */ WHERE a.x = 'It''s'",
    ],
)
def test_the_same_question_has_one_key(other):
    one = "SELECT TOP 5 a.ra FROM t AS a WHERE a.x = 'It''s'"
    assert canonical(checked(one)) == canonical(checked(other))


@pytest.mark.parametrize(
    "other",
    [
        "SELECT \"b_rgeo\" FROM t WHERE x = 'a'",
        "SELECT \"B_rgeo\" FROM t WHERE x = 'A'",
        "SELECT \"B_rgeo\" FROM t WHERE x = 'a  '",
        "SELECT B_rgeo FROM t WHERE x = 'a'",
        "SELECT \"B_rgeo\" FROM t WHERE x = 'a' AND 1 = 1",
    ],
)
def test_other_questions_have_other_keys(other):
    assert canonical(other) != canonical("SELECT \"B_rgeo\" FROM t WHERE x = 'a'")


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_a_query_or_a_query_error(text):
    try:
        adql = checked(text)
    except QueryError:
        return
    canonical(adql)
    plain(adql)
    top_of(adql)


@pytest.mark.parametrize(
    ("adql", "limited"),
    [
        ("SELECT * FROM t", "SELECT * FROM t WHERE x < 1"),
        ("select a from t where b=1 or c=2", "SELECT a FROM t WHERE (b=1 or c=2) AND x < 1"),
        (
            "SELECT a FROM t WHERE a IN (SELECT b FROM u WHERE c = 1 ORDER BY d) -- end",
            "SELECT a FROM t WHERE (a IN (SELECT b FROM u WHERE c = 1 ORDER BY d)) AND x < 1",
        ),
        ('SELECT a AS "order" FROM t -- x\n', 'SELECT a AS "order" FROM t WHERE x < 1'),
    ],
)
def test_a_condition_is_added_where_the_query_ends(adql, limited):
    assert plain(adql).limited("x < 1") == limited


@pytest.mark.parametrize(
    "adql",
    [
        "SELECT TOP 5 a FROM t",
        "SELECT a FROM t ORDER BY a",
        "SELECT MAX(a) FROM t",
        "SELECT DISTINCT a FROM t",
        "SELECT a, ROW_NUMBER() OVER (ORDER BY a) FROM t",
        "WITH t AS (SELECT 1 AS a FROM u) SELECT a FROM t",
        "SELECT a FROM t RIGHT JOIN u USING (b)",
        "(SELECT a FROM t)",
        "SELECT a FROM t LIMIT 5",
        "SELECT a FROM t GROUP BY a",
        "SELECT a FROM t UNION ALL SELECT a FROM u",
    ],
)
def test_what_cannot_be_cut(adql):
    assert plain(adql) is None


@pytest.mark.parametrize(
    ("source", "alias"),
    [
        ("gaiadr3.gaia_source", "gaiadr3.gaia_source"),
        ("GaiaDR3.Gaia_Source AS G, other o", "G"),
        ('"gaiadr3"."gaia_source" g JOIN x ON g.a = x.a', "g"),
        ("other AS o JOIN gaiadr3.gaia_source AS g ON g.a = o.a", None),
        ("(SELECT 1 AS x FROM gaiadr3.gaia_source) AS g", None),
        ("gaiadr2.gaia_source", None),
    ],
)
def test_the_table_that_a_query_begins_with(source, alias):
    assert plain(f"SELECT x FROM {source}").alias("gaiadr3.gaia_source") == alias  # noqa: S608


@pytest.mark.parametrize(
    ("adql", "top"),
    [("SELECT TOP 12 a FROM t", 12), ("SELECT a FROM t", None), ("SELECT top_ten FROM t", None)],
)
def test_top(adql, top):
    assert top_of(adql) == top
