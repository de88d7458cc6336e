"""A cone through ranges of source_id gives exactly the rows of looking at each star."""
# ruff: noqa: S608 - queries are what is tested

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import angular_separation
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stellarnb.archives import LocalArchive
from stellarnb.archives.base.healpix import cone_ranges, position_pad


def brute(archive: LocalArchive, ra: float, dec: float, radius: float) -> set[int]:
    stars = archive.query("SELECT source_id, ra, dec FROM stars")
    lon, lat = np.radians(stars["ra"]), np.radians(stars["dec"])
    apart = np.degrees(angular_separation(np.radians(ra), np.radians(dec), lon, lat))
    # Where rounding decides, either answer is right.
    assert not np.any(np.abs(apart - radius) < 1e-12), "choose another radius"
    return set(stars["source_id"][apart <= radius].tolist())


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 360),
    st.one_of(st.floats(-90, 90), st.floats(89, 90), st.floats(-90, -89)),
    st.one_of(st.floats(1e-3, 2), st.floats(2, 180)),
)
@example(0.0, 90.0, 0.3)
@example(123.0, -90.0, 0.3)
@example(0.0, 0.0, 0.3)
@example(359.999, 0.2, 1.0)
@example(83.0, -5.0, 0.01)
@example(10.0, 10.0, 179.0)
def test_cones_are_exact(sky: LocalArchive, ra: float, dec: float, radius: float) -> None:
    got = sky.cone((ra, dec), radius, columns=["source_id"])["source_id"].tolist()
    assert len(got) == len(set(got))
    assert set(got) == brute(sky, ra, dec, radius)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 4038), st.floats(1e-4, 15))
def test_cones_around_real_stars_are_exact(sample: LocalArchive, row: int, radius: float) -> None:
    stars = sample.query("SELECT ra, dec FROM stars")
    ra, dec = float(stars["ra"][row]), float(stars["dec"][row])
    got = sample.cone((ra, dec), radius, columns=["source_id"])["source_id"].tolist()
    assert set(got) == brute(sample, ra, dec, radius)


def test_the_query_does_use_ranges(sky: LocalArchive) -> None:
    from stellarnb.archives.adql.translate import translate

    def sql(adql: str) -> str:
        return translate(adql, "sky", sky._infos, sky.engine.pad).sql

    cone = "CIRCLE(10, 20, 0.5))"
    ranges = '"source_id" BETWEEN'
    for same in (
        f"SELECT ra FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), {cone}",
        f"SELECT s.ra FROM stars s WHERE 1 = CONTAINS(POINT(s.ra, s.dec), {cone}",
        f"SELECT ra FROM sky.stars WHERE ra > 1 AND CONTAINS(POINT(ra, dec), {cone} = 1",
        "SELECT ra FROM stars WHERE DISTANCE(POINT(ra, dec), POINT(10, 20)) < 0.5",
        "SELECT ra FROM stars WHERE 0.5 >= DISTANCE(10, 20, ra, dec)",
        "SELECT ra FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), BOX(10, 20, 0.5, 0.5))",
        "SELECT ra FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON(1, 2, 3, 4, 5, 3))",
    ):
        assert ranges in sql(same), same
    for other in (
        f"SELECT ra FROM stars WHERE 1 = CONTAINS(POINT(dec, ra), {cone}",
        f"SELECT ra FROM (SELECT * FROM stars) q WHERE 1 = CONTAINS(POINT(ra, dec), {cone}",
        "SELECT ra FROM stars WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(ra, 20, 0.5))",
        f"SELECT ra FROM stars WHERE 0 = CONTAINS(POINT(ra, dec), {cone}",
        f"SELECT ra FROM stars WHERE NOT 1 = CONTAINS(POINT(ra, dec), {cone}",
        "SELECT ra FROM stars WHERE DISTANCE(POINT(ra, dec), POINT(10, 20)) > 0.5",
        f"SELECT CONTAINS(POINT(ra, dec), {cone} FROM stars",
    ):
        assert ranges not in sql(other), other


def test_a_join_on_the_sky_compares_declinations_first(sky: LocalArchive) -> None:
    from stellarnb.archives.adql.translate import translate

    sql = translate(
        "SELECT a.ra FROM stars AS a JOIN stars AS b "
        "ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.001))",
        "sky",
        sky._infos,
        sky.engine.pad,
    ).sql
    assert '"a"."dec" BETWEEN "b"."dec" -' in sql


def test_ranges_are_few_and_narrow() -> None:
    def covered(ranges: list[tuple[int, int]] | None) -> float:
        assert ranges is not None
        return sum(last - first + 1 for first, last in ranges) / (12 * 2**59)

    area = (1 - np.cos(np.radians(0.5))) / 2
    exact = cone_ranges(10.0, 20.0, 0.5, 0.014, most=1000)
    few = cone_ranges(10.0, 20.0, 0.5, 0.014)
    assert covered(exact) < 4 * area
    assert covered(few) < 40 * area
    assert few is not None
    assert len(few) <= 4
    assert exact is not None
    assert all(any(a <= x and y <= b for a, b in few) for x, y in exact)
    assert cone_ranges(10.0, 20.0, 100.0) is None


@pytest.mark.parametrize("spoil", ["ids", "position", "null"])
def test_without_gaia_identifiers_every_row_is_looked_at(
    make_folder: Callable[..., Path], spoil: str
) -> None:
    ids: object = np.arange(100, dtype=np.int64)
    ra, dec = np.linspace(0, 20, 100), np.linspace(-10, 10, 100)
    if spoil == "position":
        ra[50] = np.nan
    if spoil == "null":
        import pyarrow as pa

        ids = pa.array([None, *range(1, 100)], pa.int64())
    archive = LocalArchive(make_folder(stars={"source_id": ids, "ra": ra, "dec": dec}))
    found = archive.cone((10, 0), 3, columns=["ra"])
    with np.errstate(invalid="ignore"):
        assert len(found) == np.sum(
            np.degrees(angular_separation(np.radians(10), 0, *np.radians([ra, dec]))) <= 3
        )
    assert len(found) > 10


def test_the_pad_is_the_largest_offset_or_none() -> None:
    none = np.empty(0)
    assert position_pad(np.empty(0, dtype=np.int64), none, none) is None
    far = position_pad(np.array([0]), np.array([10.0]), np.array([10.0]))
    assert far is None
    near = position_pad(np.array([0]), np.array([45.0]), np.array([0.01]))
    assert near is not None
    assert near < 0.02
