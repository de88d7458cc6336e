"""Opening archives, asking for cones and spectra, and what the answers carry."""
# ruff: noqa: S608 - queries are what is tested

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table as AstropyTable

from stellarnb.archives import LocalArchive, open_archive
from stellarnb.errors import (
    InvalidInput,
    MissingInput,
    PartialProducts,
    QueryError,
    StellarnbError,
)
from stellarnb.tables import Result


def test_a_result_tells_where_it_comes_from(sample: LocalArchive) -> None:
    adql = "SELECT TOP 3 source_id, ra FROM stars ORDER BY ra"
    rows = sample.query(adql)
    assert isinstance(rows, Result)
    told = rows.provenance
    assert (told["archive"], told["adql"], told["rows"]) == ("sample", adql, 3)
    assert told["version"] == "1"
    assert len(told["credits"]) == 4
    assert rows.to_astropy()["ra"].unit == u.deg
    assert rows["source_id"].dtype == np.int64


def test_an_empty_answer_has_its_columns_types_and_units(sample: LocalArchive) -> None:
    rows = sample.query(
        "SELECT source_id, apogee_id, teff, COUNT(*) AS n FROM apogee WHERE teff < 0 "
        "GROUP BY source_id, apogee_id, teff"
    )
    assert len(rows) == 0
    assert rows.arrow.schema == pa.schema(
        {"source_id": pa.int64(), "apogee_id": pa.string(), "teff": pa.float32(), "n": pa.int64()}
    )
    assert rows.units == {"teff": "K"}


def test_sums_of_integers_are_integers(sample: LocalArchive) -> None:
    rows = sample.query("SELECT TOP 1 COUNT(*) AS n, SUM(1) AS s, SUM(source_id) AS big FROM stars")
    assert (rows["n"][0], rows["s"][0]) == (4039, 4039)
    assert rows.arrow.schema.field("s").type == pa.int64()
    assert rows.arrow.schema.field("big").type == pa.float64()  # beyond 63 bits


def test_threads_may_ask_at_once(make_folder: Callable[..., Path]) -> None:
    archive = LocalArchive(make_folder(t={"a": np.arange(10_000)}))
    answers: list[int] = []

    def ask(i: int) -> None:
        answers.append(int(archive.query(f"SELECT COUNT(*) AS n FROM t WHERE a >= {i}")["n"][0]))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [10_000 - i for i in range(15, -1, -1)]


@pytest.mark.parametrize(
    ("center", "radius"),
    [
        ((150.0, 2.0), 15),
        ((150 * u.deg, 2 * u.deg), 15 * u.deg),
        ([10 * u.hourangle, 120 * u.arcmin], 900 * u.arcmin),
        (SkyCoord(150, 2, unit="deg"), 15),
        (SkyCoord(150, 2, unit="deg").galactic, 15.0),
        (np.array([-210.0, 2.0]), np.float32(15)),
    ],
)
def test_a_cone_takes_positions_of_any_kind(
    sample: LocalArchive, center: object, radius: object
) -> None:
    stars = sample.cone(center, radius)
    known = sample.cone((150, 2), 15)
    assert len(stars) > 10
    assert set(stars["source_id"]) == set(known["source_id"])
    assert stars.colnames == sample.columns("stars")["name"].tolist()
    apart = SkyCoord(stars["ra"], stars["dec"], unit="deg").separation(SkyCoord(150, 2, unit="deg"))
    assert np.all(np.diff(apart.deg) >= 0)


def test_a_cone_gives_the_columns_asked_for_and_its_own_adql(sample: LocalArchive) -> None:
    stars = sample.cone((150, 2), 15, table="sample.STARS", columns=["K", "source_id"])
    assert stars.colnames == ["k", "source_id"]
    again = sample.query(stars.provenance["adql"])
    assert again.arrow.equals(stars.arrow)
    assert len(sample.cone((150, 2), 0)) == 0
    assert sample.cone((150, 2), 15, limit=4).arrow.equals(sample.cone((150, 2), 15).arrow[:4])
    assert len(sample.cone((150, 2), 170, limit=4)) == 4


@pytest.mark.parametrize(
    ("center", "radius", "words"),
    [
        ("M 67", 1, "only remote archives"),
        ((10, 91), 1, "dec is 91"),
        ((400, 0), 1, "ra is 400"),
        ((float("nan"), 0), 1, "finite"),
        ((10, None), 1, "number of degrees"),
        ((10 * u.m, 0), 1, "expected an angle"),
        ((10, 0, 5), 1, "not a position"),
        ({"ra": 1, "dec": 2}, 1, "not a position"),
        (5, 1, "not a position"),
        (SkyCoord([1, 2], [1, 2], unit="deg"), 1, "one position"),
        ((10, 0), -1, "within 0 and 180"),
        ((10, 0), 181, "within 0 and 180"),
        ((10, 0), float("inf"), "finite"),
        ((10, 0), 3 * u.s, "expected an angle"),
        ((10, 0), "wide", "number of degrees"),
    ],
)
def test_bad_cones_are_refused_in_words(
    sample: LocalArchive, center: object, radius: object, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        sample.cone(center, radius)


def test_a_cone_needs_a_table_with_positions_and_known_columns(sample: LocalArchive) -> None:
    with pytest.raises(MissingInput, match="stars"):
        sample.cone((1, 2), 3, table="apogee")
    with pytest.raises(InvalidInput, match="did you mean 'stars'"):
        sample.cone((1, 2), 3, table="star")
    with pytest.raises(InvalidInput, match="did you mean 'dec'"):
        sample.cone((1, 2), 3, columns=["decl"])


def test_spectra_come_in_the_order_asked_with_repeats(sample: LocalArchive) -> None:
    ids = sample.query("SELECT TOP 3 source_id FROM stars ORDER BY k")["source_id"]
    wanted = [int(ids[2]), 77, int(ids[0]), int(ids[2]), 5, 77]
    spectra = sample.spectra(wanted)
    assert spectra.ids.tolist() == [wanted[0], wanted[2], wanted[3]]
    assert spectra.missing == (77, 5)
    assert np.array_equal(spectra.flux[0], spectra.flux[2])
    assert not np.array_equal(spectra.flux[0], spectra.flux[1])
    assert spectra.flux.dtype == np.float32
    assert spectra.provenance["product"] == "xp_sampled"
    with pytest.raises(PartialProducts, match="77, 5"):
        sample.spectra(wanted, strict=True)
    assert len(sample.spectra([int(ids[0])], strict=True)) == 1


def test_spectra_are_in_physical_units_and_nothing_underflows(sample: LocalArchive) -> None:
    spectra = sample.spectra(sample.query("SELECT source_id FROM stars"))
    assert len(spectra) == 4039
    assert spectra.missing == ()
    assert not spectra.mask.any()
    assert spectra.error is not None
    smallest = float(spectra.error.min())
    assert smallest > 100 * np.finfo(np.float32).tiny
    median = np.median(spectra.flux, axis=1)
    assert np.all((median > 1e-18) & (median < 1e-12))
    assert spectra.wavelength[0] == 336 * u.nm
    spectra.check_grid(spectra.instrument)


@pytest.mark.parametrize("empty", [[], (), np.empty(0, dtype=np.int64), {"source_id": []}])
def test_no_stars_give_an_empty_set_on_the_grid(sample: LocalArchive, empty: object) -> None:
    if isinstance(empty, dict):
        empty = pa.table({"source_id": pa.array([], pa.int64())})
    spectra = sample.spectra(empty)
    assert spectra.flux.shape == (0, 343)
    assert spectra.error is not None
    assert spectra.error.shape == (0, 343)
    assert spectra.missing == ()


def test_any_table_of_stars_will_do(sample: LocalArchive) -> None:
    rows = sample.query("SELECT TOP 4 source_id, k FROM stars ORDER BY source_id")
    ids = rows["source_id"]
    upper = {"SOURCE_ID": ids}
    kinds = [rows, rows.to_astropy(), rows.to_pandas(), rows.arrow, upper, ids, ids.tolist()]
    kinds += [
        pd.Series(ids),
        pd.Series(ids, dtype="Int64"),
        AstropyTable(upper),
        rows.arrow["source_id"],
    ]
    for stars in kinds:
        assert sample.spectra(stars).ids.tolist() == ids.tolist()
    assert sample.spectra(int(ids[0])).flux.shape == (1, 343)


@pytest.mark.parametrize("ids", [[1.5], np.array([1e18]), ["x"], [-4], pd.Series([1.0, 2.0])])
def test_identifiers_that_are_no_integers_are_refused(sample: LocalArchive, ids: object) -> None:
    with pytest.raises(InvalidInput, match="source_id"):
        sample.spectra(ids)


def test_spectra_need_source_id_and_a_known_product(sample: LocalArchive) -> None:
    with pytest.raises(MissingInput, match="source_id"):
        sample.spectra(sample.query("SELECT TOP 2 ra, k FROM stars"))
    with pytest.raises(InvalidInput, match="did you mean 'xp_sampled'"):
        sample.spectra([1], product="xp_sample")
    with pytest.raises(InvalidInput, match="no spectra"):
        LocalArchive.spectra(_bare(sample), [1])


def _bare(archive: LocalArchive) -> LocalArchive:
    out = LocalArchive.__new__(LocalArchive)
    out.__dict__.update(archive.__dict__, _products={})
    return out


def test_help_on_tables_and_columns(sample: LocalArchive) -> None:
    tables = sample.tables()
    assert dict(zip(tables["name"], tables["rows"], strict=True)) == {"stars": 4039, "apogee": 4039}
    columns = sample.columns("sample.Stars")
    assert columns.colnames == ["name", "type", "unit", "description"]
    assert columns["unit"][columns["name"].tolist().index("ra")] == "deg"
    everything = sample.columns()
    assert everything.colnames[0] == "table"
    assert set(everything["table"]) == {"stars", "apogee"}
    with pytest.raises(InvalidInput, match="did you mean 'apogee'"):
        sample.columns("apogees")
    assert "4,039 rows" in repr(sample)
    assert sample.products == ("xp_sampled",)


@pytest.mark.parametrize("name", ["smaple", "", "gaja ", 5, None, "\0"])
def test_unknown_archives_are_named_with_what_there_is(name: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_archive(name)  # type: ignore[arg-type]
    if name == "smaple":
        assert "did you mean 'sample'" in str(caught.value)


def test_opening_reads_no_rows() -> None:
    archive = open_archive("Sample")
    assert archive._engine is None
    assert archive._products["xp_sampled"]._ids is None


def test_a_folder_of_results_opens_with_its_units(sample: LocalArchive, tmp_path: Path) -> None:
    sample.query("SELECT TOP 9 * FROM apogee").write(tmp_path / "My Giants.parquet")
    (tmp_path / "notes.txt").write_text("not a table")
    archive = open_archive(tmp_path)
    rows = archive.query('SELECT teff FROM "my giants"')
    assert len(rows) == 9
    assert rows.units == {"teff": "K"}
    assert "ESA/Gaia/DPAC" in rows.cite()
    assert archive.name == tmp_path.name.lower()
    assert open_archive(str(tmp_path)).columns("my giants")["name"][0] == "source_id"


def test_files_that_change_after_opening_give_named_errors(
    make_folder: Callable[..., Path],
) -> None:
    folder = make_folder(t={"a": [1, 2]})
    archive = LocalArchive(folder)
    (folder / "t.parquet").unlink()
    with pytest.raises(StellarnbError):
        archive.query("SELECT a FROM t")


def test_folders_that_hold_no_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder"):
        open_archive(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match=r"no .parquet file"):
        open_archive(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InvalidInput, match=r"a\.parquet cannot be read"):
        open_archive(tmp_path)


def test_tables_and_columns_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "A": [2]}), tmp_path / "t.parquet")
    with pytest.raises(InvalidInput, match="two columns 'a'"):
        open_archive(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "T.parquet")
    with pytest.raises(InvalidInput, match="both name table"):
        open_archive(tmp_path)


def test_spectra_of_another_layout_are_refused(tmp_path: Path) -> None:
    note = {"product": "xp_sampled", "instrument": "gaia-xp"}
    columns = {"source_id": [1], "medflux": [1.0], "flux": [b"ab"], "flux_error": [b"ab"]}
    Result(pa.table(columns), provenance=note).write(tmp_path / "xp.parquet")
    with pytest.raises(InvalidInput, match="fixed_size_binary"):
        open_archive(tmp_path).spectra([1])
    del columns["flux"]
    Result(pa.table(columns), provenance=note).write(tmp_path / "xp.parquet")
    with pytest.raises(MissingInput, match="flux"):
        open_archive(tmp_path).spectra([1])


def test_after_an_internal_error_the_next_query_works(make_folder: Callable[..., Path]) -> None:
    import duckdb

    from stellarnb.archives.local import engine as module

    archive = LocalArchive(make_folder(t={"a": [1, 2]}))
    assert len(archive.query("SELECT a FROM t")) == 2
    engine = archive.engine

    class Broken:
        def cursor(self) -> "Broken":
            return self

        def sql(self, sql: str) -> None:
            raise duckdb.InternalException("INTERNAL Error: x")

        def close(self) -> None:
            pass

    engine._connection = Broken()
    assert module.Engine is type(engine)
    with pytest.raises(QueryError):
        archive.query("SELECT a FROM t")
    assert len(archive.query("SELECT a FROM t")) == 2


def test_a_crossmatch_with_chosen_columns(sky: LocalArchive) -> None:
    few = sky.query("SELECT TOP 5 source_id, ra, dec FROM stars ORDER BY source_id")
    result = sky.crossmatch(few, 1, columns=["source_id"])
    assert result["source_id_2"].tolist() == few["source_id"].tolist()
    assert "ra_2" not in result
