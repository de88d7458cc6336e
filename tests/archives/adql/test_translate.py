"""ADQL means here what it means elsewhere, and what is wrong is shown where it stands."""
# ruff: noqa: S608 - queries are what is tested

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.archives import LocalArchive
from stellarnb.errors import QueryError, StellarnbError


def one(archive: LocalArchive, expression: str) -> object:
    row = archive.query(f"SELECT TOP 1 {expression} AS x FROM stars")
    return row["x"][0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1/2", 0),
        ("7/2.0", 3.5),
        ("1./4", 0.25),
        ("LOG(10)", math.log(10)),
        ("LOG10(1000)", 3.0),
        ("POWER(2, 3)", 8.0),
        ("MOD(7, 3)", 1),
        ("ROUND(2.567, 1)", 2.6),
        ("TRUNCATE(2.567)", 2.0),
        ("'a' || 'b'", "ab"),
        ("'it''s'", "it's"),
        ("'a\\b'", "a\\b"),
        ("UPPER('xp')", "XP"),
        ("COALESCE(NULL, 4)", 4),
        ("CASE WHEN 1 > 2 THEN 'a' ELSE 'b' END", "b"),
        ("CAST('12' AS INTEGER)", 12),
        ("PI()", math.pi),
        ("ROUND(1234.5, -2)", 1200.0),
        ("TRUNCATE(2.567, 1)", 2.5),
        ("CEILING(-1.5)", -1.0),
        ("COT(0.5)", 1 / math.tan(0.5)),
        ("ATAN2(1, -1)", math.atan2(1, -1)),
        ("5 & 3", 1),
        ("5 | 3", 7),
        ("~5", -6),
        ("-7 / 2", -3),
        ("CASE WHEN 'a_c' LIKE 'a%' THEN 1 END", 1),
        ("CASE WHEN 'ABC' LIKE 'abc' THEN 1 ELSE 0 END", 0),
        ("CASE WHEN 'ABC' ILIKE 'abc' THEN 1 ELSE 0 END", 1),
        ("COORD1(POINT('ICRS', 10, 20))", 10),
        ("COORD2(POINT(10, 20))", 20),
        ("GAIA_HEALPIX_INDEX(12, 34359738368 * 5)", 5),
        ("GAIA_HEALPIX_INDEX(0, 34359738368 * 16777216)", 1),
        ("CONTAINS(POINT(0, 0), BOX(359, 1, 4, 4))", 1),
        ("CONTAINS(POINT(10, 0), BOX(POINT(359, 1), 4, 4))", 0),
        ("CONTAINS(POINT(0, 89), POLYGON(0, 80, 120, 80, 240, 80))", 1),
        ("CONTAINS(POINT(0, -89), POLYGON(0, 80, 120, 80, 240, 80))", 0),
        ("CONTAINS(POINT(1, 1), POLYGON(POINT(0, 0), POINT(3, 0), POINT(0, 3)))", 1),
        ("DISTANCE(POINT('ICRS', 0, 0), POINT('ICRS', 0, 90))", 90.0),
        ("DISTANCE(10, 0, 350, 0)", 20.0),
        ("DISTANCE(0, 0, 180, 0)", 180.0),
        ("DISTANCE(0, 0, 0, 1e-10)", 1e-10),
        ("CONTAINS(POINT(10, 10), CIRCLE(10, 11, 1.0001))", 1),
        ("CONTAINS(POINT(10, 10), CIRCLE(POINT(10, 11), 0.9999))", 0),
        ("0.1 + 0.2", 0.1 + 0.2),
    ],
)
def test_values(sample: LocalArchive, expression: str, value: object) -> None:
    got = one(sample, expression)
    assert got == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_nulls_come_last(sample: LocalArchive, direction: str) -> None:
    column = sample.query(f"SELECT fe_h FROM apogee ORDER BY fe_h {direction}")["fe_h"]
    n_null = np.isnan(column).sum()
    assert n_null == 436
    assert np.isnan(column[-n_null:]).all()


def test_top_belongs_to_its_select(sample: LocalArchive) -> None:
    assert len(sample.query("SELECT TOP 7 * FROM stars")) == 7
    assert len(sample.query("SELECT TOP 0 * FROM stars")) == 0
    both = "SELECT TOP 2 ra FROM stars UNION ALL SELECT TOP 3 dec FROM stars"
    assert len(sample.query(both)) == 5
    assert len(sample.query(f"SELECT TOP 4 * FROM ({both}) AS q")) == 4
    ordered = sample.query("SELECT TOP 3 ra FROM stars ORDER BY ra OFFSET 1")["ra"]
    assert np.array_equal(ordered, np.sort(sample.query("SELECT ra FROM stars")["ra"])[1:4])


def test_names_know_no_case_and_may_carry_the_archive(sample: LocalArchive) -> None:
    plain = sample.query("SELECT ra FROM stars")
    other = sample.query('SELECT SAMPLE.Stars."RA" FROM Sample.STARS')
    assert other.colnames == ["ra"]
    assert other.arrow.equals(plain.arrow)


def test_a_cone_is_a_predicate_like_any_other(sample: LocalArchive) -> None:
    cone = "CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 150, 2, 20))"
    inside = sample.query(f"SELECT source_id FROM stars WHERE 1 = {cone}")["source_id"]
    assert 10 < len(inside) < 200
    for where in (
        f"{cone} = 1",
        f"NOT {cone} = 0",
        f"{cone} <> 0",
        "DISTANCE(POINT(ra, dec), POINT(150, 2)) <= 20",
        f"1 = {cone.replace('20', '72000./3600')}",
    ):
        same = sample.query(f"SELECT source_id FROM stars WHERE {where}")["source_id"]
        assert np.array_equal(same, inside), where
    outside = sample.query(f"SELECT source_id FROM stars WHERE 0 = {cone}")
    assert len(outside) == 4039 - len(inside)
    joined = sample.query(
        "SELECT a.source_id FROM apogee AS a JOIN stars AS s USING (source_id) WHERE 1 = "
        + cone.replace("ra, dec", "s.ra, s.dec")
    )
    assert set(joined["source_id"]) == set(inside)


def test_units_follow_plain_columns_only(sample: LocalArchive) -> None:
    rows = sample.query(
        "WITH cool AS (SELECT source_id, teff AS t, teff / 1000 AS logg FROM apogee), "
        "far AS (SELECT * FROM stars) "
        "SELECT TOP 2 t, logg, far.k AS ks, AVG(t) FROM cool JOIN far USING (source_id) "
        "GROUP BY t, logg, far.k"
    )
    assert rows.colnames == ["t", "logg", "ks", "avg_t"]
    assert rows.units == {"t": "K", "ks": "mag"}
    assert rows.descriptions["t"] == "Effective temperature, APOGEE DR17"
    union = sample.query("SELECT teff FROM apogee UNION SELECT logg FROM apogee")
    assert union.units == {}
    star = sample.query("SELECT TOP 1 s.*, a.teff, a.source_id FROM stars s, apogee a")
    assert star.colnames[-1] == "source_id_2"
    assert (star.units["ra"], star.units["teff"]) == ("deg", "K")


def test_a_computed_name_never_shadows_a_column(sample: LocalArchive) -> None:
    rows = sample.query("SELECT TOP 5 -k, k FROM stars ORDER BY k")
    assert rows.colnames == ["col_k", "k"]
    assert np.all(np.diff(rows["k"]) >= 0)


@pytest.mark.parametrize(
    ("adql", "line", "column", "words"),
    [
        ("SELECT * FROM star", 1, 15, "did you mean 'stars'"),
        ("SELECT snr,\n  tef\nFROM apogee", 2, 3, "'tef'; did you mean 'teff'"),
        ("SELECT 'α', foo FROM stars", 1, 13, "no column 'foo'"),
        ("SELECT teff FROM stars", 1, 8, "JOIN apogee USING"),
        ("SELECT a.teff FROM stars AS s", 1, 8, "no table or alias 'a'"),
        ("SELECT * FRM stars", 1, 14, "'stars' is not expected"),
        ("SELECT (ra FROM stars", 1, 12, "')' is expected"),
        ("SELECT ra FROM stars WHERE", 1, 22, "missing"),
        ("SELECT 'abc FROM stars", 1, 8, "never closed"),
        ("SELECT ra /* x FROM stars", 1, 11, "never closed"),
        ("SELECT SQRTT(ra) FROM stars", 1, 8, "did you mean 'sqrt'"),
        ("SELECT ra FROM other.stars", 1, 16, "no schema 'other'"),
        ("SELECT ra FROM stars; DROP TABLE stars", 1, 23, "one query at a time"),
        ("DROP TABLE stars", 1, 1, "only SELECT"),
        ("SELECT 1 = INTERSECTS(CIRCLE(1,2,3), CIRCLE(1,2,3)) FROM stars", 1, 12, "INTERSECTS"),
        ("SELECT CONTAINS(POINT(ra,dec), BOX(1,2,3)) FROM stars", 1, 32, "width and height"),
        ("SELECT CONTAINS(POINT(ra,dec), BOX(1,89,3,4)) FROM stars", 1, 32, "over a pole"),
        ("SELECT CONTAINS(POINT(ra,dec), BOX(1,2,180,4)) FROM stars", 1, 32, "narrower"),
        ("SELECT CONTAINS(POINT(ra,dec), POLYGON(1,2,3,4)) FROM stars", 1, 32, "three corners"),
        ("SELECT CONTAINS(POINT(ra,dec), POLYGON(1,2,3,4,5)) FROM stars", 1, 32, "pairs"),
        ("SELECT CONTAINS(POINT(ra,dec), POLYGON(0,0,9,9,9,0,0,9)) FROM stars", 1, 32, "in order"),
        ("SELECT CONTAINS(POINT(ra,dec), POLYGON(0,0,120,0,240,0)) FROM stars", 1, 32, "hemispher"),
        ("SELECT CONTAINS(CIRCLE(1,2,3), CIRCLE(1,2,3)) FROM stars", 1, 8, "POINT is needed"),
        ("SELECT CENTROID(CIRCLE(1,2,3)) FROM stars", 1, 8, "CENTROID"),
        ("SELECT AREA(CIRCLE(1,2,3)) FROM stars", 1, 8, "AREA"),
        ("SELECT DISTANCE(POINT(1, 95), POINT(ra, dec)) FROM stars", 1, 17, "declination 95"),
        ("SELECT COORD1(ra) FROM stars", 1, 8, "POINT is needed"),
        ("SELECT GAIA_HEALPIX_INDEX(13, source_id) FROM stars", 1, 8, "0 to 12"),
        ("SELECT TOP 5 PERCENT ra FROM stars", 1, None, "LIMIT OPTIONS"),
        ("SELECT ra FROM stars SEMI JOIN apogee USING (source_id)", 1, None, "SEMI JOIN"),
        ("SELECT ra FROM stars GROUP BY ALL", 1, None, "ALL of GROUP"),
        ("SELECT DISTINCT ON (ra) dec FROM stars", 1, None, "ON of DISTINCT"),
        ("SELECT ra FROM stars QUALIFY ra > 1", 1, None, "QUALIFY"),
        ("SELECT ra FROM stars TABLESAMPLE (5 PERCENT)", 1, None, "not"),
        ("SELECT RAND(5) FROM stars", 1, 8, "no seed"),
        ("SELECT ra FROM stars WHERE k > 0xFF", 1, 32, "runs into a word"),
        ("SELECT ra FROM J/A+A/682/A9/table1", 1, 16, '"J/A+A/682/A9/table1"'),
        ("SELECT ra FROM tap_upload.mine", 1, 16, "no table was uploaded"),
        ("SELECT ra FROM tap_schema.tabels", 1, 16, "did you mean 'tap_schema.tables'"),
        ("SELECT * FROM a.b.stars", 1, 15, "too many parts"),
        ("SELECT REGION('x') FROM stars", 1, 8, "REGION"),
        ("SELECT CONTAINS(POINT(ra,dec), CIRCLE(1, 91, 1)) FROM stars", 1, 32, "declination 91"),
        ("SELECT CONTAINS(POINT(ra,dec), CIRCLE(1, 1, -1)) FROM stars", 1, 32, "radius -1"),
        ("SELECT CONTAINS(POINT('GALACTIC',ra,dec), CIRCLE(1, 1, 1)) FROM stars", 1, 17, "ICRS"),
        ("SELECT ra, k FROM stars WHERE k < 5 AND", 1, 37, "missing"),
        ("SELECT ra ^ 2 FROM stars", 1, 8, "POWER"),
        ("SELECT TOP 1.5 ra FROM stars", 1, None, "whole number"),
        ("SELECT apogee_id + 1 FROM apogee", 1, 8, None),
        ("SELECT SUM(k) FROM stars WHERE SUM(k) > 1", 1, 32, "aggregates"),
        ("SELECT SIN(snr) FROM apogee WHERE SIN(apogee_id) > 1", 1, 35, "sin(VARCHAR)"),
        ("SELECT SQRT(apogee_id) FROM apogee", 1, 8, "sqrt(VARCHAR)"),
        ("SELECT s.teff FROM stars s, apogee", 1, 8, '"teff"'),
        ("SELECT source_id FROM stars, apogee", 1, 8, "mbiguous"),
        ("SELECT ra FROM stars GROUP BY dec", 1, 8, "GROUP BY"),
        ("SELECT CAST(apogee_id AS INTEGER) FROM apogee", 1, None, "2M"),
    ],
)
def test_what_is_wrong_is_shown_where_it_stands(
    sample: LocalArchive, adql: str, line: int, column: int | None, words: str | None
) -> None:
    with pytest.raises(QueryError) as caught:
        sample.query(adql)
    text = str(caught.value)
    if column is not None:
        assert text.startswith(f"ADQL, line {line}, column {column}: ")
        *_, excerpt, caret = text.split("\n")
        source = adql.split("\n")[line - 1]
        assert excerpt[2:] == source
        assert caret.index("^") - 2 == column - 1
    assert words is None or words in text


@pytest.mark.parametrize("adql", ["", "  \n", ";", "-- only a comment", None, 5, b"SELECT 1"])
def test_what_is_no_query_is_refused(sample: LocalArchive, adql: object) -> None:
    with pytest.raises(QueryError):
        sample.query(adql)  # type: ignore[arg-type]


def test_a_long_line_is_cut_around_the_place(sample: LocalArchive) -> None:
    with pytest.raises(QueryError) as caught:
        sample.query("SELECT " + "ra, " * 100 + "foo FROM stars")
    *_, excerpt, caret = str(caught.value).split("\n")
    assert len(excerpt) < 110
    assert excerpt[caret.index("^") :].startswith("foo")


def test_deep_nesting_is_an_error_and_no_crash(sample: LocalArchive) -> None:
    with pytest.raises(QueryError):
        sample.query("SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM stars")
    assert len(sample.query("SELECT TOP 1 ra FROM stars")) == 1


WORDS = """
SELECT TOP 5 DISTINCT ra dec k teff source_id FROM stars apogee sample . , ( ) * + - / = < >
WHERE AND OR NOT IN IS NULL BETWEEN LIKE 'a' 1 2.5 1e400 CONTAINS POINT CIRCLE DISTANCE BOX
JOIN USING ON AS s UNION ALL WITH GROUP BY ORDER HAVING COUNT SUM CASE WHEN THEN ELSE END
CAST INTEGER " ` ; -- /* */ [ ] { } :: ? $1 @ # ^ % || EXISTS VALUES LATERAL OFFSET
"""


def ask(archive: LocalArchive, adql: str) -> None:
    """Ask, and let through only the errors that are meant for people."""
    with contextlib.suppress(StellarnbError):
        archive.query(adql)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*WORDS.split(), "\n"]), max_size=25).map(
        lambda words: "SELECT " + " ".join(words)
    )
)
def test_any_words_give_rows_or_a_named_error(sample: LocalArchive, adql: str) -> None:
    ask(sample, adql)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["", "SELECT ", "SELECT ra FROM stars WHERE "]))
def test_any_text_gives_rows_or_a_named_error(sample: LocalArchive, text: str, start: str) -> None:
    ask(sample, start + text)
