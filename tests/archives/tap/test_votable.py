"""Answers of archives as Arrow."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellarnb.archives.base.units import astropy_unit
from stellarnb.archives.tap.votable import read_votable
from stellarnb.archives.transport.request import kind_of, plain_text, query_status, whole
from stellarnb.errors import ArchiveDown, QueryError, StellarnbError
from tests.support.server.answers import AnswerField, ServerAnswer, render


def table(n: int = 5) -> pa.Table:
    rng = np.random.default_rng(n)
    ids = rng.integers(2**53, 2**62, n) | 1  # no float can hold these
    gaps = pa.array(np.arange(n) % 3 == 1)
    return pa.table(
        {
            "source_id": ids,
            "whole": pa.array(rng.integers(-9, 9, n), mask=np.arange(n) % 2 == 1),
            "short": rng.integers(-9, 9, n).astype(np.int16),
            "ra": rng.uniform(0, 360, n),
            "mag": pa.array(rng.normal(14, 1, n).astype(np.float32), mask=np.arange(n) % 3 == 2),
            "name": pa.array([f"Größe & <{i}>" if i % 2 else None for i in range(n)], pa.string()),
            "flag": pa.compute.if_else(gaps, None, pa.array(rng.random(n) > 0.5)),
        }
    )


FIELDS = (
    AnswerField("source_id", "", "An identifier"),
    AnswerField("whole"),
    AnswerField("short"),
    AnswerField("ra", "deg", "Right ascension"),
    AnswerField("mag", "mag"),
    AnswerField("name"),
    AnswerField("flag"),
)


@pytest.mark.parametrize("form", ["votable", "votable_plain"])
@pytest.mark.parametrize("n", [0, 1, 5, 1000])
def test_every_serialisation_gives_the_same_table(form, n):
    body, _ = render(ServerAnswer(table(n), FIELDS, {"QUERY": "SELECT"}), form)
    answer = read_votable(body, "here")
    assert answer.table["source_id"].type == pa.int64()
    assert answer.table.to_pylist() == table(n).to_pylist()
    assert answer.units == {"ra": "deg", "mag": "mag"}
    assert answer.descriptions == {"source_id": "An identifier", "ra": "Right ascension"}
    assert not answer.overflow


def test_fixed_rows_without_text_are_read_whole():
    plain = table(700).drop_columns(["name"])
    fields = tuple(f for f in FIELDS if f.name != "name")
    answer = read_votable(render(ServerAnswer(plain, fields, {}), "votable")[0], "here")
    assert answer.table.to_pylist() == plain.to_pylist()


def test_arrays_in_cells():
    values = np.arange(12, dtype=np.float32)
    cells = pa.table({"flux": pa.FixedSizeListArray.from_arrays(pa.array(values), 4)})
    for form in ("votable", "votable_plain"):
        body, _ = render(ServerAnswer(cells, (AnswerField("flux"),), {}), form)
        answer = read_votable(body, "here")
        assert answer.table["flux"].to_pylist() == values.reshape(3, 4).tolist()


def test_astropys_own_tables_with_everything_in_them():
    from astropy.io.votable import from_table
    from astropy.table import MaskedColumn, QTable

    own = QTable(
        {
            "Source": MaskedColumn(np.array([2**62 + 1, 5]), mask=[False, True]),
            "name": ["a", "longer"],
            "vec": np.arange(6.0).reshape(2, 3),
        }
    )
    for form in ("binary2", "tabledata", "binary"):
        out = io.BytesIO()
        if form == "binary":  # which knows no missing integers without a sentinel
            own["Source"].mask = False
        document = from_table(own)
        document.get_first_table().format = form
        document.to_xml(out)
        answer = read_votable(out.getvalue(), "here").table
        assert answer["source"].type == pa.int64()
        assert answer["source"][0].as_py() == 2**62 + 1
        assert answer["name"].to_pylist() == ["a", "longer"]
        assert answer["vec"].to_pylist() == [[0, 1, 2], [3, 4, 5]]
        gone = 5 if form == "binary" else None
        assert answer["source"].to_pylist() == [2**62 + 1, gone]


def test_names_in_upper_case_and_repeated_ones():
    two = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["RA", "ra", "Dec"])
    body, _ = render(
        ServerAnswer(two, (AnswerField("RA"), AnswerField("ra"), AnswerField("Dec")), {}), "votable"
    )
    assert read_votable(body, "here").table.column_names == ["ra", "ra_2", "dec"]


def test_overflow_behind_the_table_is_seen():
    body, _ = render(ServerAnswer(table(), FIELDS, {}, overflow=True), "votable")
    assert read_votable(body, "here").overflow


def test_an_error_behind_rows_is_an_error():
    body, _ = render(ServerAnswer(table(), FIELDS, {}), "votable")
    late = b'</TABLE><INFO name="QUERY_STATUS" value="ERROR">disk full</INFO>'
    with pytest.raises(QueryError, match="disk full"):
        read_votable(body.replace(b"</TABLE>", late), "here")


def test_html_in_descriptions_becomes_words_and_stays_words():
    noted = (
        AnswerField("source_id", "", "<b>An</b> id<script>alert(1)</script> &lt;img src=x&gt;"),
    )
    body, _ = render(ServerAnswer(table().select(["source_id"]), noted, {}), "votable")
    assert read_votable(body, "here").descriptions == {"source_id": "An id"}


def test_what_looks_like_a_tag_and_is_none_stays():
    assert plain_text("Teff<Tmax and x <5 & y>3") == "Teff<Tmax and x <5 & y>3"


def test_a_unit_that_is_none_is_kept_in_words():
    noted = (AnswerField("source_id", "furlong/fortnight"),)
    body, _ = render(ServerAnswer(table().select(["source_id"]), noted, {}), "votable")
    answer = read_votable(body, "here")
    assert answer.units == {}
    assert "furlong/fortnight" in answer.descriptions["source_id"]


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("mas.yr**-1", "mas / yr"),
        ("km/s", "km / s"),
        ("km.s**-1", "km / s"),
        ("log(cm.s**-2)", "dex(cm / s2)"),
        ("[cm/s2]", "dex(cm / s2)"),
        ("'dex'", "dex"),
        ("---", ""),
        ("solMass", "solMass"),
        ("0.1nm", "0.1 nm"),
    ],
)
def test_units_of_several_dialects(written, spelt):
    from astropy import units as u

    assert astropy_unit(written) == spelt
    if spelt:
        u.Unit(spelt)


def test_a_stream_elsewhere_is_not_fetched():
    body, _ = render(ServerAnswer(table(), FIELDS, {}), "votable")
    evil = body.replace(b'<STREAM encoding="base64">', b'<STREAM href="file:///etc/passwd">')
    with pytest.raises(ArchiveDown, match="elsewhere"):
        read_votable(evil, "here")


def test_external_entities_are_not_read():
    body, _ = render(ServerAnswer(table(), FIELDS, {}), "votable_plain")
    doctype = b'?><!DOCTYPE V [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    evil = body.replace(b"?>", doctype, 1).replace(b"<TD>", b"<TD>&x;", 1)
    with pytest.raises(ArchiveDown, match="entities"):
        read_votable(evil, "here")


@pytest.mark.parametrize("size", ["99999999999999", "9999999x99999999", "-3", "q", "*x*"])
def test_absurd_sizes(size):
    body, _ = render(ServerAnswer(table(), FIELDS, {}), "votable")
    evil = body.replace(b'datatype="double"', f'datatype="double" arraysize="{size}"'.encode())
    with pytest.raises(ArchiveDown):
        read_votable(evil, "here")


def test_fewer_rows_than_announced():
    body, _ = render(ServerAnswer(table(), FIELDS, {}), "votable")
    with pytest.raises(ArchiveDown, match="announces 6 rows and sends 5"):
        read_votable(body.replace(b"<TABLE>", b'<TABLE nrows="6">'), "here")


def test_no_table_at_all():
    with pytest.raises(ArchiveDown, match="no table"):
        read_votable(b'<VOTABLE><RESOURCE type="results"/></VOTABLE>', "here")


BODY = render(ServerAnswer(table(), FIELDS, {"QUERY": "SELECT"}), "votable")[0]
PLAIN = render(ServerAnswer(table(), FIELDS, {"QUERY": "SELECT"}), "votable_plain")[0]


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_answers_raise_our_errors_only(data):
    body = bytearray(data.draw(st.sampled_from([BODY, PLAIN])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 40))
        body[start : start + length] = data.draw(st.binary(max_size=20))
    try:
        answer = read_votable(bytes(body), "here")
    except StellarnbError:
        return
    assert isinstance(answer.table, pa.Table)


def test_the_real_answers_are_read(shared_data: Path):
    folder = shared_data / "gaia_datalink_astroquery"
    for name in ("1710099405832VAL-result.vot", "job_1.vot"):
        body = (folder / name).read_bytes()
        if kind_of(body) == "gzip":
            import gzip

            body = gzip.decompress(body)
        from astropy.io.votable import parse

        theirs = parse(io.BytesIO(body), verify="ignore").get_first_table().array
        ours = read_votable(body, "here").table
        assert ours.num_rows == len(theirs)
        assert ours.column_names == [str(name).lower() for name in theirs.dtype.names]
        for mine, other in zip(ours.columns, theirs.dtype.names, strict=True):
            if pa.types.is_integer(mine.type) and not mine.null_count:
                assert mine.to_pylist() == theirs[other].tolist()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"SIMPLE  =                    T", "fits"),
        (b"PK\x03\x04", "zip"),
        (b"PAR1", "parquet"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!doctype HTML><p>", "html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <html> --><VOTABLE>", "votable"),
        (b"<?xml version='1.0'?><vot:VOTABLE xmlns:vot='x'>", "votable"),
        (b"<!DOCTYPE html PUBLIC 'x'><html>", "html"),
        (b"<h1>Service Unavailable</h1>", "html"),
        (b"<uws:job>", "xml"),
        (b'{"a": 1}', "json"),
        (b"source_id,ra\n1,2\n", "text"),
        (b"\x00\x01\x02", "binary"),
    ],
)
def test_kinds_of_bodies(body, kind):
    assert kind_of(body) == kind


def test_wholeness_needs_the_last_tag():
    assert whole(BODY, BODY, len(BODY))
    for cut in (1, 10, len(BODY) // 2):
        assert not whole(BODY, BODY[: -cut - 1], len(BODY) - cut - 1)


@pytest.mark.parametrize(
    ("body", "sound"),
    [
        (b"<?xml version='1.0'?><uws:job a='>'><uws:phase>RUN</uws:phase></uws:job>\n", True),
        (b"<?xml version='1.0'?><uws:job><uws:phase>RUN</uws:phase>", False),
        (b"<uws:jobs/><!-- none -->", True),
        (b"<job></job", False),
        (b"{}", True),
        (b"[1, 2", False),
        (b"any text", True),
    ],
)
def test_wholeness_of_documents(body, sound):
    assert whole(body, body, len(body)) is sound


def test_query_status_in_any_spelling():
    text = b"<vot:INFO ID='x' value='ERROR'\n name='query_status'>a &amp; b</vot:INFO>"
    assert query_status(text) == ("ERROR", "a & b")
    assert query_status(b'<INFO name="QUERY_STATUS" value="OK"/>') == ("OK", "")
    assert query_status(b'<INFO name="other" value="ERROR"/>') == ("", "")
