"""Positions are matched as looking at every pair would do it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, match_coordinates_sky
from astropy.table import QTable
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stellarnb.archives import LocalArchive
from stellarnb.archives.base import crossmatch
from stellarnb.archives.base.crossmatch import SkyTree, match_positions, separations
from stellarnb.errors import InvalidInput, MissingInput, TooLarge

PLACES = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 360), st.floats(0, 1e-3), st.floats(359.999, 360)),
        st.one_of(st.floats(-90, 90), st.floats(89.99, 90), st.floats(-90, -89.99)),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(PLACES, PLACES, st.one_of(st.floats(1e-4, 1), st.floats(1, 180)))
@example([(0.0, 90.0)], [(123.0, 90.0), (5.0, 89.9999)], 0.001)
@example([(359.9999, 0.0)], [(0.0001, 0.0)], 0.001)
@example([(10.0, 5.0)], [(190.0, -5.0)], 180.0)
@example([], [(1.0, 2.0)], 1.0)
def test_pairs_are_those_of_every_pair(
    mine: list[tuple[float, float]], theirs: list[tuple[float, float]], radius: float
) -> None:
    a, b = (np.reshape(np.array(places, dtype=float), (-1, 2)) for places in (mine, theirs))
    apart = separations(a[:, None, 0], a[:, None, 1], b[None, :, 0], b[None, :, 1])
    near = apart <= radius
    sure = np.abs(apart - radius) > 1e-7
    pairs = match_positions(*a.T, *b.T, radius, "all")
    found = set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert {pair for pair in found if sure[pair]} == set(
        zip(*(axis.tolist() for axis in np.nonzero(near & sure)), strict=True)
    )
    assert np.allclose(pairs.separation / 3600, apart[pairs.first, pairs.second], atol=1e-7)
    best = match_positions(*a.T, *b.T, radius, "best")
    assert len(np.unique(best.first)) == len(best)
    for first, second in zip(best.first, best.second, strict=True):
        assert apart[first, second] <= apart[first].min() + 1e-7
    mutual = match_positions(*a.T, *b.T, radius, "mutual")
    assert len(np.unique(mutual.second)) == len(mutual)
    assert set(mutual.second.tolist()) == set(best.second.tolist())


def test_pairs_are_those_of_astropy() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra2, dec2 = ra + rng.normal(0, 2e-4, n), np.clip(dec + rng.normal(0, 2e-4, n), -90, 90)
    index, apart, _ = match_coordinates_sky(
        SkyCoord(ra2, dec2, unit="deg"), SkyCoord(ra, dec, unit="deg")
    )
    near = np.flatnonzero(apart.arcsec <= 1)
    pairs = match_positions(ra2, dec2, ra, dec, 1 / 3600)
    assert pairs.first.tolist() == near.tolist()
    assert pairs.second.tolist() == index[near].tolist()
    assert np.allclose(pairs.separation, apart.arcsec[near], atol=1e-9)


def test_many_neighbours_are_found_too() -> None:
    rng = np.random.default_rng(2)
    ra, dec = 10 + rng.normal(0, 1e-3, 200), rng.normal(0, 1e-3, 200)
    pairs = SkyTree(ra, dec).near([10.0], [0.0], 0.1, "all")
    assert sorted(pairs.second.tolist()) == list(range(200))
    assert np.all(np.diff(pairs.separation) >= 0)


def test_too_many_pairs_are_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossmatch, "MOST_PAIRS", 50)
    places = np.zeros(10), np.zeros(10)
    with pytest.raises(TooLarge, match="100 pairs"):
        match_positions(*places, *places, 1.0, "all")


def test_what_is_no_position_is_never_found() -> None:
    pairs = match_positions([np.nan, 1, 2], [0, np.inf, 91], [np.nan, 1, 2], [0, 0, 0], 180, "all")
    assert len(pairs) == 0
    pairs = match_positions([1.0], [0.0], [np.nan, 1.0], [0.0, 0.0], 1)
    assert pairs.second.tolist() == [1]


@pytest.fixture(scope="module")
def field(make_folder: Callable[..., Path]) -> LocalArchive:
    columns = {
        "source_id": [11, 12, 13],
        "ra": [10.0, 10.0002, 20.0],
        "dec": [0.0, 0.0, 90.0],
        "g": [1.0, 2.0, np.nan],
    }
    return LocalArchive(make_folder(stars=columns, other={"x": [1]}), name="field")


def test_a_row_a_pair_with_both_sides_and_the_separation(field: LocalArchive) -> None:
    mine = {"source_id": [5, 6, 7], "ra": [10.00005, 10.0, 50.0], "dec": [0.0, 0.0, 0.0]}
    rows = field.crossmatch(mine, 1 * u.arcsec)
    assert rows.colnames == [
        *("source_id", "ra", "dec", "source_id_2", "ra_2", "dec_2", "g", "separation", "n_shared")
    ]
    assert rows["source_id"].tolist() == [5, 6]
    assert rows["source_id_2"].tolist() == [11, 11]
    assert rows["separation"] == pytest.approx([0.18, 0.0], abs=1e-9)
    assert rows["n_shared"].tolist() == [2, 2]
    assert rows.units["separation"] == "arcsec"
    assert rows.missing == (7,)
    note = rows.provenance["crossmatch"]
    assert (note["rows"], note["with_partner"], note["keep"]) == (3, 2, "best")


def test_all_and_mutual_pairs(field: LocalArchive) -> None:
    mine = {"name": ["a", "b"], "ra": [10.00005, 10.0], "dec": [0.0, 0.0]}
    every = field.crossmatch(mine, 1.0, keep="all", columns=["source_id"])
    assert list(zip(every["name"], every["source_id"], strict=True)) == [
        *(("a", 11), ("a", 12), ("b", 11), ("b", 12))
    ]
    one = field.crossmatch(mine, 1.0, keep="mutual", columns=["source_id"])
    assert one["name"].tolist() == ["b"]
    assert one.missing == ()


def test_positions_come_in_other_units_names_and_as_coordinates(field: LocalArchive) -> None:
    hours = QTable({"RA_ICRS": [10 / 15] * u.hourangle, "DE_ICRS": [0.0] * u.rad})
    places = SkyCoord([10.0, 77.0], [0.0, 89.9999], unit="deg")
    assert field.crossmatch(hours)["source_id"].tolist() == [11]
    assert field.crossmatch(places, 1.0)["source_id"].tolist() == [11, 13]
    assert field.crossmatch(places[0].galactic)["source_id"].tolist() == [11]


def test_no_pair_gives_an_empty_table_with_all_columns(field: LocalArchive) -> None:
    rows = field.crossmatch({"ra": [100.0, np.nan], "dec": [0.0, 0.0]}, 1.0)
    assert len(rows) == 0
    assert rows["source_id"].dtype == np.int64
    assert rows.provenance["crossmatch"]["without_position"] == 1
    assert len(field.crossmatch({"ra": np.empty(0), "dec": np.empty(0)})) == 0


@pytest.mark.parametrize(
    ("mine", "more", "kind", "words"),
    [
        ({"x": [1]}, {}, MissingInput, "'ra'"),
        ({"ra": ["a"], "dec": [1.0]}, {}, InvalidInput, "expected numbers"),
        ({"ra": [1.0], "dec": [1.0]}, {"keep": "bests"}, InvalidInput, "mutual"),
        ({"ra": [1.0], "dec": [1.0]}, {"radius": -1}, InvalidInput, "within 0"),
        ({"ra": [1.0], "dec": [1.0]}, {"radius": 3 * u.s}, InvalidInput, "expected an angle"),
        ({"ra": [1.0], "dec": [1.0]}, {"columns": ["h"]}, InvalidInput, "no column 'h'"),
        ({"ra": [1.0], "dec": [1.0]}, {"table": "other"}, MissingInput, "no ra and dec"),
        (QTable({"ra": [1.0] * u.m, "dec": [1.0]}), {}, InvalidInput, "unit of angle"),
    ],
)
def test_bad_crossmatches_are_refused_in_words(
    field: LocalArchive, mine: object, more: dict[str, object], kind: type, words: str
) -> None:
    with pytest.raises(kind, match=words):
        field.crossmatch(mine, **more)  # type: ignore[arg-type]
