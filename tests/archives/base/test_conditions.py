"""The quick form says in keywords what a query says in ADQL."""
# ruff: noqa: S608 - queries are what is tested

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.archives import LocalArchive
from stellarnb.errors import InvalidInput, MissingInput, QueryError
from stellarnb.tables import Result


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    folder = tmp_path_factory.mktemp("stars")
    n = 40
    ids = np.arange(n)
    Result(
        {
            "source_id": ids,
            "ra": ids * 1.0,
            "dec": ids * 1.0,
            "has_rvs": ids % 2 == 0,
            "flag": (ids % 3).astype(np.int32),
            "name": [f"s{i % 4}'" for i in ids],
            "plx": np.where(ids % 5 == 0, np.nan, ids / 10),
        },
        units={"plx": "mas", "ra": "deg", "dec": "deg"},
    ).write(folder / "stars.parquet")
    Result({"source_id": ids[::2], "snr": ids[::2] * 2.0}).write(folder / "labels.parquet")
    Result({"word": ["x"]}).write(folder / "alone.parquet")
    return LocalArchive(folder, name="quick")


@pytest.mark.parametrize(
    ("conditions", "where"),
    [
        ({}, "1 = 1"),
        ({"has_rvs": True}, "has_rvs = 'true'"),
        ({"has_rvs": False}, "has_rvs = 'false'"),
        ({"has_rvs": np.True_}, "has_rvs = 'true'"),
        ({"flag": True}, "flag <> 0"),
        ({"flag": 2}, "flag = 2"),
        ({"flag": [0, 2]}, "flag IN (0, 2)"),
        ({"flag": np.array([0, 2])}, "flag IN (0, 2)"),
        ({"ra": (5, 9.5)}, "ra BETWEEN 5 AND 9.5"),
        ({"ra": (None, 9)}, "ra <= 9"),
        ({"RA": (9, None)}, "ra >= 9"),
        ({"plx": None}, "plx IS NULL"),
        ({"plx": (0.001 * u.arcsec, 2000 * u.uas)}, "plx BETWEEN 1.0 AND 2.0"),
        ({"name": "s1'"}, "name = 's1'''"),
        ({"name": {"s1'", "s2'"}}, "name IN ('s1''', 's2''')"),
        ({"ra": (3, 30), "flag": 1}, "ra BETWEEN 3 AND 30 AND flag = 1"),
    ],
)
def test_keywords_are_conditions(
    stars: LocalArchive, conditions: dict[str, object], where: str
) -> None:
    got = stars.stars(**conditions)  # type: ignore[arg-type]
    want = stars.query(f"SELECT * FROM stars WHERE {where} ORDER BY source_id")
    assert got.arrow.equals(want.arrow)
    assert stars.query(got.provenance["adql"]).arrow.equals(got.arrow)


def test_a_column_of_another_table_is_joined(stars: LocalArchive) -> None:
    got = stars.stars(snr=(10, 30), has_rvs=True)
    assert got.colnames[-1] == "snr"
    assert got["source_id"].tolist() == [6, 8, 10, 12, 14]
    few = stars.stars(snr=(10, 30), columns=["source_id", "name", "SNR"])
    assert few.colnames == ["source_id", "name", "snr"]


def test_a_limit_says_whether_there_is_more(stars: LocalArchive) -> None:
    some = stars.stars(limit=3)
    assert some["source_id"].tolist() == [0, 1, 2]
    assert some.truncated
    assert "TOP 3" in some.provenance["adql"]
    assert some.provenance["rows"] == 3
    assert not stars.stars(limit=40).truncated
    assert len(stars.stars(limit=0)) == 0


def test_stars_by_their_identifiers_come_in_order_and_the_others_are_missing(
    stars: LocalArchive,
) -> None:
    got = stars.stars(ids=[9, 77, 3, 9], columns=["source_id", "name"])
    assert got["source_id"].tolist() == [9, 3, 9]
    assert got.missing == (77,)
    some = stars.stars(ids={"source_id": [9, 3, 5]}, where="t.ra < 6 OR t.dec > 100")
    assert some["source_id"].tolist() == [3, 5]
    assert some.missing == (9,)


def test_a_condition_in_adql_must_be_one(stars: LocalArchive) -> None:
    with pytest.raises(QueryError):
        stars.stars(where="1 = 1) UNION SELECT * FROM (labels")
    with pytest.raises(QueryError):
        stars.stars(where="ra >")


def test_the_form_of_the_issue_works_on_the_sample(sample: LocalArchive) -> None:
    got = sample.stars(snr=(15, 25), limit=1000)
    assert np.all((got["snr"] >= 15) & (got["snr"] <= 25))
    assert got.units["ra"] == "deg"
    assert 0 < len(got) < 1000


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"has_rsv": True}, "did you mean 'has_rvs'"),
        ({"has_rvs": "maybe"}, "cannot compare"),
        ({"ra": True}, "true or false"),
        ({"ra": (1,)}, "a pair"),
        ({"ra": (None, None)}, "a pair"),
        ({"ra": (9, 1)}, "no number lies"),
        ({"ra": ("a", "b")}, "two numbers"),
        ({"ra": float("nan")}, "Give a finite number"),
        ({"ra": 5 * u.s}, "is in deg"),
        ({"flag": []}, "empty list"),
        ({"flag": object()}, "cannot compare with"),
        ({"name": 5}, "holds text"),
        ({"limit": 2.5}, "number of rows"),
        ({"limit": -1}, "number of rows"),
        ({"table": "start"}, "did you mean 'stars'"),
        ({"columns": ["nam"]}, "did you mean 'name'"),
    ],
)
def test_bad_keywords_are_refused_in_words(
    stars: LocalArchive, conditions: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        stars.stars(**conditions)  # type: ignore[arg-type]


def test_a_table_without_source_id_cannot_be_joined(stars: LocalArchive) -> None:
    with pytest.raises(MissingInput, match="alone"):
        stars.stars(word="x")
    assert len(stars.stars(table="alone", word="x")) == 1


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_no_text_breaks_out_of_its_quotes(stars: LocalArchive, text: str) -> None:
    if all(letter.isprintable() or letter.isspace() for letter in text):
        assert len(stars.stars(name=text)) in {0, 10}
    else:
        with pytest.raises(QueryError, match="character"):
            stars.stars(name=text)
