"""The form's query as ADQL, as a call and as Python."""

import json
import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from stellarnb.archives import LocalArchive
from stellarnb.archives.adql.dialect import QueryText, parse
from stellarnb.archives.base.catalog import ColumnInfo
from stellarnb.archives.registry import archive_names
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer.query import (
    Call,
    ExplorerQuery,
    TableKnown,
    column_word,
    filter_text,
    parse_center,
    table_word,
)
from stellarnb.widgets.archive_explorer.source import Source
from stellarnb.widgets.archive_explorer.state import (
    Entry,
    check_address,
    check_filters,
    query_from,
    query_values,
)

printable = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")) | st.just(" "),
    min_size=1,
    max_size=12,
)
#: Names as an archive on this machine has them.
names = printable.map(str.lower).filter(lambda name: name == name.lower() == name.strip())
odd = st.sampled_from(
    ["e_[fe/h]", 'a"b', "select", "<b>x</b>", "o'neil", "rv km/s", "[α/m]", "date", "1st", "a.b"]
)
finite = st.floats(-1e12, 1e12, allow_nan=False)


def known(**columns):
    infos = {name: ColumnInfo(name, kind, unit) for name, (kind, unit) in columns.items()}
    return TableKnown("t", "t", infos, {"snr": "rvs_spec_sig_to_noise"})


STARS = known(
    source_id=("int64", ""),
    ra=("double", "deg"),
    dec=("double", "deg"),
    teff=("float", "K"),
    name=("string", ""),
    has_rvs=("bool", ""),
    rvs_spec_sig_to_noise=("float", ""),
)


@given(names | odd)
def test_a_columns_name_stands_in_a_query_so_that_it_is_read_back(name):
    tree = parse(QueryText(" ".join(["SELECT", column_word(name), "FROM t"])))
    column = tree.expressions[0]
    assert isinstance(column, exp.Column)
    assert column.name == name


@given(st.lists(names | odd, min_size=1, max_size=3, unique=True), st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_names_a_table_has_the_form_finds_its_rows(tmp_path_factory, columns, data):
    folder = tmp_path_factory.mktemp("odd")
    values = {name: np.arange(6.0) + 10 * i for i, name in enumerate(columns)}
    Result(values).write(folder / "J%2FA+A%2F682%2FA9%2Ftab-1.parquet")
    source = Source(LocalArchive(folder))
    (entry,) = source.tables()
    chosen = data.draw(st.sampled_from(columns))
    low = values[chosen][2]
    query = ExplorerQuery(entry.name, tuple(columns), filters=((chosen, (low, None)),), limit=3)
    found = source.run(source.call(query), None, None)
    assert found.colnames == columns
    assert found[chosen].tolist() == [low, low + 1, low + 2]
    assert source.count(query, None, None) == 3
    assert source.preview(query, None, None).arrow.equals(found.arrow)


@given(finite, finite)
def test_a_range_is_what_it_says(one, other):
    low, high = sorted((one, other))
    text = filter_text(STARS, "teff", (low, high))
    word, _, rest = text.partition(" BETWEEN ")
    first, _, last = rest.partition(" AND ")
    assert (word, float(first), float(last)) == ("teff", low, high)
    assert filter_text(STARS, "teff", (str(low), str(high))).startswith("teff BETWEEN ")


@pytest.mark.parametrize(
    ("name", "wanted", "text"),
    [
        ("teff", ("5 kK", None), "teff >= 5000.0"),
        ("teff", (None, 5 * u.kK), "teff <= 5000.0"),
        ("teff", (None, None), "teff IS NOT NULL"),
        ("teff", None, "teff IS NULL"),
        ("ra", ("30 arcmin", "1e0"), "ra BETWEEN 0.5 AND 1.0"),
        ("source_id", "4611686018427387905", "source_id = 4611686018427387905"),
        ("source_id", ["3", 2], "source_id IN (2, 3)"),
        ("name", "O'Neil", "name = 'O''Neil'"),
        ("name", ["a", "b,c"], "name IN ('a', 'b,c')"),
        ("has_rvs", True, "has_rvs = 'true'"),
        ("has_rvs", False, "has_rvs = 'false'"),
        ("snr", (15, 25), "rvs_spec_sig_to_noise BETWEEN 15 AND 25"),
        ("TEFF", 1, "teff = 1"),
    ],
)
def test_a_filter_in_adql(name, wanted, text):
    assert filter_text(STARS, name, wanted) == text


@pytest.mark.parametrize(
    ("name", "wanted", "words"),
    [
        ("tef", (1, 2), "did you mean 'teff'"),
        ("teff", ("5 deg", None), "is in K"),
        ("teff", ("5,000", None), "must be a number"),
        ("teff", (6000, 5000), "no number lies"),
        ("teff", ("nan", None), "finite number"),
        ("teff", "warm", "must be a number"),
        ("teff", True, "true or false"),
        ("name", (1, 2), "holds text"),
        ("has_rvs", "yes", "must be a number"),
        ("teff", ("9" * 5000, None), "finite number"),
    ],
)
def test_a_filter_that_does_not_fit_says_why(name, wanted, words):
    with pytest.raises(InvalidInput, match=words):
        filter_text(STARS, name, wanted)


def test_the_whole_form_in_adql():
    query = ExplorerQuery(
        "t",
        ("source_id", "snr"),
        "1 2",
        0.5,
        (("has_rvs", True), ("teff", (None, "5 kK"))),
        10,
    )
    assert query.text(STARS, (1.0, 2.0), "ICRS") == (
        "SELECT TOP 10\n  source_id, rvs_spec_sig_to_noise\nFROM t\n"
        "WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 1.0, 2.0, 0.5))\n"
        "  AND has_rvs = 'true'\n  AND teff <= 5000.0"
    )
    assert ExplorerQuery("t").text(STARS, None, "") == "SELECT\n  *\nFROM t"


@pytest.mark.parametrize(
    ("columns", "position"),
    [
        ({"RA_ICRS": ("double", "deg"), "DE_ICRS": ("double", "deg")}, ("RA_ICRS", "DE_ICRS")),
        (
            {"RAJ2000": ("string", ""), "_RA": ("double", "deg"), "_DE": ("double", "deg")},
            ("_RA", "_DE"),
        ),
        ({"ra": ("double", "rad"), "dec": ("double", "rad")}, None),
        ({"teff": ("float", "K")}, None),
    ],
)
def test_where_positions_are(columns, position):
    assert known(**columns).position == position
    if position is None:
        with pytest.raises(MissingInput, match="searched in a cone"):
            ExplorerQuery("t").text(known(**columns), (1.0, 2.0), "")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("gaiadr3.gaia_source", "gaiadr3.gaia_source"),
        ("J/A+A/682/A9/table1", '"J/A+A/682/A9/table1"'),
        ('"J/A+A/682/A9/table1"', '"J/A+A/682/A9/table1"'),
        ('safcat."GES_DR5_1_V1"', 'safcat."GES_DR5_1_V1"'),
        ('vizier."I/355/gaiadr3"', 'vizier."I/355/gaiadr3"'),
        ("table", '"table"'),
    ],
)
def test_a_tables_name_in_a_query(name, word):
    assert table_word(name) == word


@given(st.floats(0, 359.99), st.floats(-90, 90))
def test_a_position_is_read_as_it_is_written(ra, dec):
    assert parse_center(f"{ra!r} {dec!r}") == (ra % 360, dec)
    assert parse_center(f" {ra!r},{dec!r} ") == (ra % 360, dec)


@given(st.floats(0, 359.99), st.floats(-89, 89), st.sampled_from(["hmsdms", ":", " "]))
def test_sexagesimal_positions_are_read(ra, dec, style):
    place = SkyCoord(ra, dec, unit="deg")
    how = {} if style == "hmsdms" else {"sep": style}
    found = parse_center(place.to_string("hmsdms", precision=4, **how))
    assert SkyCoord(*found, unit="deg").separation(place).arcsec < 0.01


@pytest.mark.parametrize(
    "text", ["M 67", "NGC 188", "HD 1", "61 Cyg", "2MASS J00", "47 Tuc", "1e7"]
)
def test_a_name_stays_a_name(text):
    assert parse_center(f"  {text} ") == text


@pytest.mark.parametrize("text", ["10 91", "400 0", "8:51:18 +91:00:00"])
def test_a_place_outside_the_sky_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_center(text)


class Recorder:
    """An archive that notes how it is asked."""

    def query(self, *args, **options):
        self.asked = ("query", args, options)

    def cone(self, *args, **options):
        self.asked = ("cone", args, options)


values = st.text(max_size=60) | st.integers() | finite | st.booleans() | st.none()


@given(
    st.sampled_from(["query", "cone"]),
    st.text(max_size=200) | st.text("\n\"'\\ab ", max_size=30) | st.tuples(finite, finite),
    st.dictionaries(st.sampled_from(["table", "columns", "limit"]), values),
)
def test_the_code_of_a_call_makes_that_call(method, argument, options):
    archive = Recorder()
    exec(Call(method, (argument,), options).code("archive", "x"), {"archive": archive})  # noqa: S102
    assert archive.asked == (method, (argument,), options)


wanted = (
    st.tuples(st.none() | finite | st.just("5 kK"), st.none() | finite)
    | st.booleans()
    | st.none()
    | printable
    | st.lists(printable, min_size=1)
)
queries = st.builds(
    ExplorerQuery,
    printable,
    st.lists(printable).map(tuple),
    st.text(max_size=10),
    st.floats(0, 180),
    st.dictionaries(printable, wanted).map(lambda d: tuple(d.items())),
    st.none() | st.integers(0, 10**9),
    st.none() | st.text(),
    st.booleans(),
)


@given(queries)
def test_a_query_goes_through_json(query):
    assert query_from(json.loads(json.dumps(query_values(query)))) == query


@given(queries, st.none() | st.integers(0, 10**9), st.sampled_from(archive_names()))
def test_a_history_entry_goes_through_json_and_into_a_line(query, rows, archive):
    entry = Entry(archive, {"mirror": "ari"}, query, "2026-01-02T03:04:05+00:00", rows, "note")
    assert Entry.read(json.loads(json.dumps(entry.values()))) == entry
    assert archive in entry.words


def test_filters_keep_what_can_be_kept():
    kept = check_filters({"teff": (5 * u.kK, np.float32(6)), "n": np.int64(3)})
    assert kept == {"teff": ("5.0 kK", 6.0), "n": 3}
    for bad in ({"teff": (1, 2, 3)}, {"teff": object()}, {"teff": math.inf}, [("a", 1)]):
        with pytest.raises(InvalidInput):
            check_filters(bad)


@pytest.mark.parametrize(
    "address",
    ["https://me:secret@tap.example/tap", "https://tap.example/tap?token=abc", "http://u@h/x"],
)
def test_an_address_with_a_secret_is_not_kept(address):
    with pytest.raises(InvalidInput, match="password or a key") as raised:
        check_address(address)
    assert "secret" not in str(raised.value)
    assert "abc" not in str(raised.value)


@given(st.text("abc./-", max_size=20))
def test_other_addresses_are(path):
    assume("//" not in path)
    assert check_address(f"https://tap.example/{path}") == f"https://tap.example/{path}"
