import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.errors import InvalidInput, MissingInput, OutputError
from stellarnb.tables import Labels, Result, Table

ID = 5853418002145112704


@pytest.fixture
def table() -> Result:
    columns = {
        "source_id": pa.array([ID, ID + 1, None], pa.int64()),
        "teff": [4800.0, np.nan, 5777.0],
        "name": ["a", "<script>alert(1)</script>", None],
    }
    return Result(
        columns,
        units={"teff": "K"},
        descriptions={"teff": "temperature"},
        provenance={"adql": "SELECT 1", "credits": ["ESA"]},
    )


def test_int64_survives_pandas_with_missing_values(table: Result) -> None:
    frame = table.to_pandas()
    assert frame["source_id"].dtype == "Int64"
    assert frame["source_id"][0] == ID
    assert frame["source_id"].isna().tolist() == [False, False, True]


def test_int64_survives_astropy_with_missing_values(table: Result) -> None:
    got = table.to_astropy()["source_id"]
    assert got.dtype == np.int64
    assert got[0] == ID
    assert got.mask.tolist() == [False, False, True]


def test_astropy_has_units_descriptions_and_provenance(table: Result) -> None:
    got = table.to_astropy()
    assert isinstance(got, QTable)
    assert got["teff"].unit == u.K
    assert got["teff"].info.description == "temperature"
    assert got.meta["provenance"]["adql"] == "SELECT 1"


def test_a_missing_text_is_masked_in_astropy_and_not_the_word_none(table: Result) -> None:
    got = table.to_astropy()["name"]
    assert got.mask.tolist() == [False, False, True]
    assert got[0] == "a"


def test_function_units_reach_astropy() -> None:
    got = Table({"logg": [4.4]}, units={"logg": "dex(cm s-2)"}).to_astropy()
    assert got["logg"].physical[0].to_value(u.cm / u.s**2) == pytest.approx(10**4.4)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".ecsv", ".fits", ".vot"])
def test_each_format_keeps_the_identifier_exactly(tmp_path, ending: str) -> None:
    ids = pa.array([ID, ID + 1, None], pa.int64())
    table = Table({"source_id": ids, "teff": [1.0, 2.0, 3.0]}, units={"teff": "K"})
    path = table.write(tmp_path / f"t{ending}")
    again = Table.read(path)
    assert again.arrow["source_id"].to_pylist() == [ID, ID + 1, None]
    assert again.arrow["source_id"].type == pa.int64()
    if ending in {".ecsv", ".fits", ".vot"}:  # and others read it as well
        theirs = QTable.read(path)["source_id"]
        assert list(theirs[:2]) == [ID, ID + 1]
        assert theirs.mask.tolist() == [False, False, True]


@pytest.mark.parametrize("ending", [".parquet", ".ecsv", ".fits", ".vot"])
def test_a_table_comes_back_as_it_was(tmp_path, ending: str) -> None:
    table = Result(
        {
            "source_id": [ID, ID + 1, 3],
            "teff": pa.array([4800.0, 5000.0, None], pa.float32()),
            "logg": [1.0, 2.0, 3.0],
            "name": ["a", "Müller" if ending != ".fits" else "b", "<b>"],
            "ok": [True, False, True],
        },
        units={"teff": "K", "logg": "dex(cm / s2)"},
        descriptions={"teff": "temperature", "name": "α Cen's"},
        provenance={"adql": "SELECT " + "x, " * 100, "credits": ["ESA", "Ω"]},
    )
    again = Result.read(table.write(tmp_path / f"t{ending}"))
    assert again.colnames == table.colnames
    assert again.arrow["name"].to_pylist() == table.arrow["name"].to_pylist()
    assert again["ok"].tolist() == [True, False, True]
    assert again["teff"][:2].tolist() == [4800.0, 5000.0]
    assert np.isnan(again["teff"][2])
    assert again.arrow["teff"].type == pa.float32()
    assert again.units == table.units
    assert again.descriptions == table.descriptions
    assert again.provenance == table.provenance


@pytest.mark.parametrize("ending", [".csv", ".ecsv", ".fits", ".vot"])
def test_a_damaged_file_of_any_format_is_refused(tmp_path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    path.write_bytes(b"\x00\xff<VOTABLE nonsense")
    with pytest.raises(InvalidInput, match="cannot be read as"):
        Table.read(path)
    with pytest.raises(InvalidInput, match="cannot be read as"):
        Table.read(tmp_path / f"nothing{ending}")


def test_a_votable_that_declares_entities_is_refused(tmp_path) -> None:
    path = Table({"a": [1]}).write(tmp_path / "t.vot")
    text = path.read_text().replace("<VOTABLE", '<!DOCTYPE x [<!ENTITY a "b">]>\n<VOTABLE', 1)
    path.write_text(text)
    with pytest.raises(InvalidInput, match="entities"):
        Table.read(path)


def test_parquet_keeps_units_and_provenance(tmp_path, table: Result) -> None:
    again = Result.read(table.write(tmp_path / "t.parquet"))
    assert again.units == {"teff": "K"}
    assert again.cite() == "ESA"
    assert again.truncated is False


def test_an_unknown_ending_is_refused(tmp_path, table: Result) -> None:
    with pytest.raises(InvalidInput, match=r"\.parquet"):
        table.write(tmp_path / "t.pickle")


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path, table: Result) -> None:
    with pytest.raises(OutputError):
        table.write(tmp_path / "no" / "t.parquet")


def test_a_damaged_file_is_refused(tmp_path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1nonsense")
    with pytest.raises(InvalidInput, match="Parquet"):
        Table.read(tmp_path / "t.parquet")


def test_text_from_data_is_not_markup(table: Result) -> None:
    html = table._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_missing_column_is_named(table: Result) -> None:
    with pytest.raises(MissingInput, match="'logg'"):
        table["logg"]


@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_mask_selects_its_rows(mask: list[bool]) -> None:
    table = Table({"a": [0, 1, 2]})
    assert table[np.array(mask)]["a"].tolist() == [i for i in range(3) if mask[i]]


def test_a_mask_of_another_length_is_refused(table: Result) -> None:
    with pytest.raises(InvalidInput, match="mask"):
        table[np.array([True])]


@pytest.mark.parametrize("bad", [3, "text", {"a": [1], "b": [1, 2]}, {"a": [[1, 2]]}])
def test_what_is_no_table_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput):
        Table(bad)


def test_quantities_and_masked_columns_are_read() -> None:
    source = QTable({"teff": [1.0, 2.0] * u.K, "n": np.ma.array([1, 2], mask=[True, False])})
    table = Table(source)
    assert table["teff"].tolist() == [1.0, 2.0]
    assert table["n"].mask.tolist() == [True, False]


def labels(**columns: object) -> Labels:
    n = len(columns["source_id"])  # type: ignore[arg-type]
    base = {
        "fe_h": np.zeros(n),
        "fe_h_error": np.full(n, 0.1),
        "fe_h_flag": np.zeros(n, bool),
        "good": np.ones(n, bool),
    }
    return Labels({**base, **columns})


def test_good_keeps_the_recommended_stars_only() -> None:
    table = labels(source_id=[1, 2, 3], good=np.array([True, False, True]))
    assert isinstance(table.good(), Labels)
    assert table.good()["source_id"].tolist() == [1, 3]


def test_names_are_those_with_error_and_flag() -> None:
    assert labels(source_id=[1], ra=[2.0]).names == ["fe_h"]


def test_compare_recovers_bias_scatter_and_pull() -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    truth = rng.normal(0, 0.3, n)
    table = labels(source_id=np.arange(n), fe_h=truth + 0.02 + rng.normal(0, 0.1, n))
    reference = {"source_id": np.arange(n)[::-1], "fe_h": truth[::-1]}
    row = table.compare(reference)
    assert row["n"][0] == n
    assert row["bias"][0] == pytest.approx(0.02, abs=0.003)
    assert row["sigma"][0] == pytest.approx(0.1, rel=0.03)
    assert row["pull"][0] == pytest.approx(1.0, rel=0.03)


def test_compare_splits_by_bins_and_leaves_out_what_has_no_partner() -> None:
    table = labels(source_id=[1, 2, 3, 9])
    reference = {"source_id": [1, 2, 3], "fe_h": [0.0, np.nan, 0.0], "snr": [20.0, 20.0, 80.0]}
    rows = table.compare(reference, by="snr", bins=(15, 50, 100))
    assert rows["bin"].tolist() == ["15..50", "50..100"]
    assert rows["n"].tolist() == [1, 1]


def test_compare_names_what_is_missing() -> None:
    with pytest.raises(MissingInput, match="source_id"):
        labels(source_id=[1]).compare({"fe_h": [0.0]})
    with pytest.raises(MissingInput, match="labels"):
        labels(source_id=[1]).compare({"source_id": [1], "teff": [0.0]})
    with pytest.raises(InvalidInput, match="edges"):
        labels(source_id=[1]).compare(
            {"source_id": [1], "fe_h": [0.0], "snr": [1.0]}, by="snr", bins=(2, 1)
        )


def test_compare_reads_the_columns_of_a_survey_by_their_own_names() -> None:
    table = labels(
        source_id=[ID, ID + 1], m_h=[0.1, 0.2], m_h_error=[0.1, 0.1], m_h_flag=np.zeros(2, bool)
    )
    reference = {"Gaia_source_id": pa.array([ID + 1, None], pa.int64()), "mh_gspphot": [0.3, 9.0]}
    row = table.compare(reference, survey="gsp-phot")
    assert row["label"].tolist() == ["m_h"]
    assert row["n"].tolist() == [1]
    assert row["bias"][0] == pytest.approx(-0.1)
    with pytest.raises(InvalidInput, match="galah"):
        table.compare(reference, survey="gala")


def test_compare_splits_by_region_of_the_kiel_diagram() -> None:
    table = labels(source_id=[1, 2, 3, 4])
    reference = {
        "source_id": [1, 2, 3, 4],
        "fe_h": [0.0] * 4,
        "teff": [4500, 5800, 6000, np.nan],
        "logg": [2.0, 4.4, 3.7, 1.0],
    }
    rows = table.compare(reference, by="region")
    assert dict(zip(rows["bin"], rows["n"], strict=True)) == {
        "dwarfs": 1,
        "subgiants": 1,
        "giants": 1,
    }


def test_compare_splits_by_the_names_of_clusters() -> None:
    table = labels(source_id=[1, 2, 3], fe_h=[0.0, 0.1, 0.3])
    reference = {
        "source_id": [1, 2, 3],
        "fe_h": [0.0, 0.0, 0.0],
        "cluster": ["M 67", "M 67", "Hyades"],
    }
    rows = table.compare(reference, by="cluster")
    assert rows["bin"].tolist() == ["Hyades", "M 67"]
    assert rows["bias"].tolist() == pytest.approx([0.3, 0.05])


def test_compare_with_nothing_in_common_is_empty_not_wrong() -> None:
    rows = labels(source_id=[1]).compare(
        {"source_id": [2], "fe_h": [0.0], "cluster": ["M 67"]}, by="cluster"
    )
    assert rows.colnames == ["label", "bin", "n", "bias", "sigma", "pull", "mean_error"]
    assert len(rows) == 0


def test_compare_with_the_gaia_benchmark_stars(shared_data) -> None:
    name = "gaia_benchmark_stars_v3/gbs_v3_tmass_gaiadr3_hip_allwise_all_lite.fits"
    from astropy.io import fits

    data = fits.getdata(shared_data / name, 1)
    reference = {key: data[key] for key in ("source_id_gaiadr3", "teff", "logg", "fe_h")}
    ids = np.asarray(data["source_id_gaiadr3"]).astype(np.int64)
    table = labels(source_id=ids, fe_h=np.asarray(data["fe_h"], float) + 0.05)
    rows = table.compare(reference, survey="benchmark", by="region")
    assert rows["n"].sum() > 150
    np.testing.assert_allclose(rows["bias"], 0.05, atol=1e-6)


def test_cells_of_several_numbers_go_everywhere_that_can_hold_them(tmp_path):
    from astropy.table import Table as AstropyTable

    values = np.arange(6, dtype=np.float32)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(values), 3)
    result = Result(pa.table({"id": [1, 2], "flux": fixed}), units={"flux": "mag"})
    assert result["flux"].tolist() == values.reshape(2, 3).tolist()
    assert result.to_astropy()["flux"].shape == (2, 3)
    assert result.to_pandas()["flux"][1].tolist() == [3, 4, 5]
    assert "3.0" in repr(result)
    for end in ("fits", "vot", "ecsv"):
        path = result.write(tmp_path / f"x.{end}")
        again = AstropyTable.read(path, **({"format": "ascii.ecsv"} if end == "ecsv" else {}))
        assert np.asarray(again["flux"]).tolist() == values.reshape(2, 3).tolist()
    with pytest.raises(InvalidInput, match=r"x\.csv: column 'flux' holds several values"):
        result.write(tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_cells_of_different_lengths_and_missing_ones(tmp_path):
    fixed = pa.array([[1, 2], None], pa.list_(pa.int64(), 2))
    result = Result(pa.table({"some": pa.array([[1, 2], [3]]), "gap": fixed}))
    assert result["gap"].mask.tolist() == [[False, False], [True, True]]
    assert [list(cell) for cell in result.to_astropy()["some"]] == [[1, 2], [3]]
    assert Result.read(result.write(tmp_path / "x.parquet")).arrow.equals(result.arrow)
    with pytest.raises(InvalidInput, match="several values"):
        result.write(tmp_path / "x.fits")


def test_no_more_columns_leave_the_table_as_it_is():
    table = Table({"source_id": [1, 2], "teff": [5000.0, 6000.0]}, units={"teff": "K"})
    same = table.with_columns({}, provenance={"seen": True})
    assert same.arrow.equals(table.arrow)
    assert same.units == {"teff": "K"}
    assert same.provenance["seen"]
