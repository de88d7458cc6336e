"""Folders of Parquet and FITS files, large and damaged ones, and what `check` finds."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.archives import LocalArchive, open_archive
from stellarnb.archives.local import engine
from stellarnb.archives.local import spectra as products
from stellarnb.errors import InvalidInput, QueryError, StellarnbError
from stellarnb.tables import Result

ID = 5853418002145112704


def write_fits(path: Path, **more: object) -> Path:
    """Write a table as surveys do: capitals, units, TNULL, NaN, text, arrays and an offset."""
    columns = [
        fits.Column("SOURCE_ID", "K", array=np.array([ID, ID + 1, -1]), null=-1),
        fits.Column("TEFF", "E", unit="K", array=np.array([4800, np.nan, 5777], "f4")),
        fits.Column("LOGG", "D", unit="dex(cm / s2)", array=np.array([1.0, 2.0, 3.0])),
        fits.Column("APOGEE_ID", "18A", array=np.array(["2M1 ", "", "ab"])),
        fits.Column("GOOD", "L", array=np.array([True, False, True])),
        fits.Column("PARAM", "9E", array=np.zeros((3, 9), "f4")),
        fits.Column("FLAGS", "J", bzero=2147483648, array=np.array([1, 2, 2**32 - 1], "u4")),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header["TCOMM2"] = "Effective <b>temperature</b>"
    table.header["EXTNAME"] = "CATALOGUE"
    image = fits.ImageHDU(np.zeros((2, 2)))
    second = fits.BinTableHDU.from_columns([fits.Column("A", "I", array=np.arange(5))], name="More")
    fits.HDUList([fits.PrimaryHDU(), image, table, second]).writeto(path)
    return path


def test_a_fits_file_is_asked_like_parquet(tmp_path: Path) -> None:
    write_fits(tmp_path / "allStar.FITS")
    Result({"source_id": [ID], "x": [1.5]}).write(tmp_path / "mine.parquet")
    archive = open_archive(tmp_path)
    assert archive.tables()["name"].tolist() == ["allstar", "allstar_more", "mine"]
    rows = archive.query("SELECT * FROM allstar ORDER BY source_id")
    assert rows["source_id"].tolist()[:2] == [ID, ID + 1]
    assert rows["source_id"].mask.tolist() == [False, False, True]
    assert rows.arrow["teff"].null_count == 1
    assert rows["apogee_id"].tolist() == ["2M1", "", "ab"]
    assert rows["good"].tolist() == [True, False, True]
    assert rows["flags"].tolist() == [1, 2, 2**32 - 1]
    assert "param" not in rows
    assert (rows.units["teff"], rows.units["logg"]) == ("K", "dex(cm / s2)")
    assert rows.descriptions["teff"] == "Effective <b>temperature</b>"
    joined = archive.query("SELECT m.x, a.teff FROM mine AS m JOIN allstar AS a USING (source_id)")
    assert joined["teff"].tolist() == [4800.0]
    assert len(archive.query("SELECT a FROM allstar_more WHERE a > 2")) == 2


def test_a_zipped_fits_file_is_read(tmp_path: Path) -> None:
    plain = write_fits(tmp_path / "t.fits")
    (tmp_path / "t.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert len(open_archive(tmp_path).query("SELECT teff FROM t")) == 3


def test_a_fits_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_fits(tmp_path / "t.fits")
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(InvalidInput, match=r"t\.fits cannot be read as FITS"):
        open_archive(tmp_path)


def test_a_folder_of_images_holds_no_table(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(InvalidInput, match="has no table"):
        open_archive(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_header_is_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = write_fits(folder / "t.fits")
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(bytes(data))
    try:
        archive = open_archive(folder)
        for name in archive.tables()["name"]:
            archive.query(f'SELECT * FROM "{name}"')  # noqa: S608
    except StellarnbError:
        pass


def test_a_large_file_stays_on_the_disk_and_answers_the_same(
    sky: LocalArchive, make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_SHARE", 0.0)
    stars = sky.query("SELECT * FROM stars ORDER BY source_id")
    spoilt = np.where(np.arange(len(stars)) == 7, np.nan, stars["dec"])
    columns = {"source_id": stars["source_id"], "ra": stars["ra"], "dec": stars["dec"], "x": spoilt}
    disk = LocalArchive(make_folder(stars=columns), name="disk")
    assert disk.engine._on_disk
    cone = disk.cone((83, -5), 0.3, columns=["source_id"])
    assert cone["source_id"].tolist() == sky.cone((83, -5), 0.3)["source_id"].tolist()
    mine = {"ra": stars["ra"][::1000], "dec": stars["dec"][::1000]}
    pairs = disk.crossmatch(mine, 0.1, columns=["source_id"])
    assert pairs["source_id"].tolist() == stars["source_id"][::1000].tolist()
    assert len(disk.query("SELECT x FROM stars WHERE x IS NULL")) == 1
    assert disk.engine.pad("stars") == sky.engine.pad("stars")


def test_positions_in_words_are_refused_in_words(make_folder: Callable[..., Path]) -> None:
    columns = {"source_id": [1], "ra": ["10 00 00"], "dec": ["+1 0 0"]}
    archive = LocalArchive(make_folder(stars=columns), name="x")
    with pytest.raises(QueryError, match="VARCHAR"):
        archive.cone((10, 1), 1)
    with pytest.raises(InvalidInput, match="not numbers; expected degrees"):
        archive.crossmatch({"ra": [1.0], "dec": [1.0]})
    assert not archive.check()["ok"].all()


def test_rows_keep_their_order_unless_sorting_makes_cones_fast(
    sky: LocalArchive, make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stars = sky.query("SELECT * FROM stars ORDER BY ra")
    folder = make_folder(stars={n: stars[n] for n in stars.colnames})
    kept = LocalArchive(folder, name="x").query("SELECT source_id FROM stars")
    assert kept["source_id"].tolist() == stars["source_id"].tolist()
    monkeypatch.setattr(engine, "_ROW_GROUP", 1000)
    archive = LocalArchive(folder, name="x")
    assert np.all(np.diff(archive.query("SELECT source_id FROM stars")["source_id"]) >= 0)
    assert archive.cone((83, -5), 0.3).arrow.equals(sky.cone((83, -5), 0.3).arrow)


def test_a_large_file_that_is_not_sorted_gets_no_ranges(
    sky: LocalArchive, make_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_SHARE", 0.0)
    stars = sky.query("SELECT * FROM stars ORDER BY ra")
    archive = LocalArchive(make_folder(stars={n: stars[n] for n in stars.colnames}), name="x")
    assert archive.engine.pad("stars") is None
    found = archive.cone((83, -5), 0.3)["source_id"].tolist()
    assert found == sky.cone((83, -5), 0.3)["source_id"].tolist()


def test_nothing_is_written_where_the_user_works(
    sample: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archive = open_archive("sample")
    archive.query("SELECT * FROM stars AS a, apogee AS b WHERE a.k < 6 ORDER BY a.k, b.snr")
    assert list(tmp_path.iterdir()) == []


def spectra_folder(folder: Path, *, half: bool, error: bool) -> np.ndarray:
    from stellarnb.spectra import get_instrument

    n_pix, n = get_instrument("gaia-rvs").n_pix, 9
    flux = np.random.default_rng(1).normal(1, 0.1, (n, n_pix)).astype("<f2" if half else "<f4")
    kind = pa.binary(flux.itemsize * n_pix)
    packed = pa.FixedSizeBinaryArray.from_buffers(kind, n, [None, pa.py_buffer(flux.tobytes())])
    columns = {"source_id": pa.array(np.arange(n)), "flux": packed}
    if error:
        columns["flux_error"] = packed
    note = {"product": "rvs", "instrument": "gaia-rvs"}
    table = Result(pa.table(columns), provenance=note).to_arrow()
    pq.write_table(table, folder / "rvs.parquet", row_group_size=2)
    Result({"source_id": np.arange(n)}).write(folder / "stars.parquet")
    return flux.astype(np.float32)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("half", "error"), [(False, True), (True, False)])
def test_spectra_in_the_engines_own_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool, half: bool, error: bool
) -> None:
    if large:
        monkeypatch.setattr(products, "_IN_MEMORY", 0)
    flux = spectra_folder(tmp_path, half=half, error=error)
    archive = open_archive(tmp_path)
    spectra = archive.spectra([7, 2, 50, 7, 8], product="rvs")
    assert spectra.ids.tolist() == [7, 2, 7, 8]
    assert spectra.missing == (50,)
    assert np.array_equal(spectra.flux, flux[[7, 2, 7, 8]])
    assert (spectra.error is not None) == error
    assert archive.spectra([], product="rvs").flux.shape == (0, flux.shape[1])


def test_check_finds_what_is_wrong(tmp_path: Path, make_folder: Callable[..., Path]) -> None:
    folder = make_folder(
        good={"source_id": [1], "ra": [45.0], "dec": [0.0]},
        bad={"source_id": [1, 1], "ra": [400.0, 1.0], "dec": [0.0, np.nan]},
        text={"source_id": ["a"]},
    )
    write_fits(folder / "survey.fits")
    report = open_archive(folder).check()
    found = {
        (what, check): (ok, note)
        for what, check, ok, note in zip(
            *(report[n] for n in ("what", "check", "ok", "note")), strict=True
        )
    }
    assert all(ok for (what, _), (ok, _) in found.items() if what == "good")
    assert found["bad", "source_id is unique"] == (False, "1 repeated")
    assert found["bad", "ra and dec are positions"] == (False, "2 rows without")
    assert not found["text", "source_id is a 64-bit integer"][0]
    assert found["survey", "source_id is there"] == (False, "1 rows without")
    assert "param" in found["survey", "columns"][1]


def test_the_sample_is_sound(sample: LocalArchive) -> None:
    report = sample.check()
    assert report["ok"].all()
    assert "xp_sampled" in report["what"].tolist()


def test_check_tells_of_a_file_that_changed(make_folder: Callable[..., Path]) -> None:
    folder = make_folder(a={"x": [1]}, b={"x": [1, 2]})
    archive = open_archive(folder)
    (folder / "a.parquet").unlink()
    Result({"x": [1]}).write(folder / "b.parquet")
    report = archive.check()
    assert report["ok"].tolist() == [False, True, False]
