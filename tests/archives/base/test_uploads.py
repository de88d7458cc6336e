"""Tables of one's own in a query, and TAP_SCHEMA."""
# ruff: noqa: S608 - queries are what is tested

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import QTable

from stellarnb.archives import LocalArchive
from stellarnb.errors import InvalidInput, QueryError
from stellarnb.tables import Result


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    """An archive with schemas, and with names as VizieR has them."""
    folder = tmp_path_factory.mktemp("papers")
    ids = np.arange(1, 4)
    note = {"title": "Labels from RVS"}
    Result(
        {"GaiaDR3": ids, "[Fe/H]": [0.1, np.nan, -0.5], "_RAJ2000": [1.0, 2.0, 3.0]},
        units={"[Fe/H]": "dex"},
        descriptions={"[Fe/H]": "Iron abundance"},
        provenance=note,
    ).write(folder / "J%2FA%2BA%2F682%2FA9%2Ftable1.parquet")
    for schema, teff in (("gaiadr3", 5000.0), ("galah_dr4", 6000.0)):
        rows = {"source_id": ids, "teff": np.full(3, teff)}
        Result(rows).write(folder / f"{schema}.stars.parquet")
    Result({"source_id": ids, "snr": [1.0, 2.0, 3.0]}).write(folder / "gaiadr3.extra.parquet")
    return LocalArchive(folder, name="papers")


@pytest.mark.parametrize("kind", ["result", "arrow", "pandas", "astropy", "dict"])
def test_a_table_of_any_kind_is_joined_by_source_id(sample: LocalArchive, kind: str) -> None:
    ids = sample.query("SELECT TOP 4 source_id FROM stars ORDER BY k")["source_id"]
    columns = {"SOURCE_ID": ids, "mine": np.arange(4.0)}
    table = {
        "result": Result(columns),
        "arrow": pa.table(columns),
        "pandas": pd.DataFrame(columns),
        "astropy": QTable(columns),
        "dict": columns,
    }[kind]
    rows = sample.query(
        "SELECT m.mine, s.source_id, s.k FROM TAP_UPLOAD.Mine AS m JOIN stars AS s "
        "USING (source_id) ORDER BY m.mine",
        upload={"mine": table},
    )
    assert rows["source_id"].tolist() == ids.tolist()
    assert rows["source_id"].dtype == np.int64
    assert rows.units == {"k": "mag"}


def test_units_of_an_upload_come_back_and_its_hash_is_in_the_provenance(
    sample: LocalArchive,
) -> None:
    mine = QTable({"source_id": [1], "V": [7.5] * u.km / u.s})
    rows = sample.query("SELECT v FROM tap_upload.mine", upload={"mine": mine})
    assert rows.units == {"v": "km / s"}
    note = rows.provenance["uploads"]["mine"]
    assert note["rows"] == 1
    other = sample.query("SELECT v FROM tap_upload.mine", upload={"mine": {"v": [7.6]}})
    assert other.provenance["uploads"]["mine"]["sha256"] != note["sha256"]


def test_an_upload_is_gone_after_its_query(sample: LocalArchive) -> None:
    sample.query("SELECT * FROM tap_upload.mine", upload={"mine": {"a": [1]}})
    with pytest.raises(QueryError, match="no table was uploaded"):
        sample.query("SELECT * FROM tap_upload.mine")
    with pytest.raises(QueryError, match="no table 'mine'"):
        sample.query("SELECT * FROM mine")


def test_nan_counts_as_not_there(sample: LocalArchive) -> None:
    mine = {"x": [1.0, np.nan, 3.0]}
    rows = sample.query("SELECT x FROM tap_upload.mine WHERE x > 2", upload={"mine": mine})
    assert rows["x"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("upload", "words"),
    [
        ({"my stars": {"a": [1]}}, "not a valid table name"),
        ({"": {"a": [1]}}, "not a valid table name"),
        ({'x" AS SELECT 1; --': {"a": [1]}}, "not a valid table name"),
        ({5: {"a": [1]}}, "not a valid table name"),
        ({"m": {"a": [1]}, "M": {"a": [1]}}, "count as the same"),
        ({"m": pa.table({"a": [1], "A": [2]})}, "two columns 'a'"),
        ({"m": {}}, "no columns"),
        ({"m": [1, 2, 3]}, "not a table"),
        ({"m": pa.table({"a": [[1, 2]]})}, "several values"),
        ({"m": {"source_id": [5.853418002145113e18]}}, "float cannot hold"),
        ([1], "names to tables"),
    ],
)
def test_bad_uploads_are_refused_in_words(sample: LocalArchive, upload: object, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        sample.query("SELECT * FROM tap_upload.m", upload=upload)  # type: ignore[arg-type]


def test_names_with_other_signs_stand_in_quotes(papers: LocalArchive) -> None:
    table = '"J/A+A/682/A9/table1"'
    rows = papers.query(f'SELECT GaiaDR3, "[Fe/H]" FROM {table} WHERE "[Fe/H]" < 0')
    assert rows["gaiadr3"].tolist() == [3]
    assert rows.units == {"[fe/h]": "dex"}
    joined = papers.query(
        f'SELECT v."_RAJ2000", s.teff FROM {table.lower()} AS v '
        "JOIN gaiadr3.stars AS s ON s.source_id = v.gaiadr3 ORDER BY s.source_id"
    )
    assert joined["_raj2000"].tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(QueryError, match="double quotes"):
        papers.query("SELECT * FROM J/A+A/682/A9/table1")


def test_schemas_tell_tables_of_one_name_apart(papers: LocalArchive) -> None:
    for schema, teff in (("gaiadr3", 5000.0), ("galah_dr4", 6000.0)):
        assert set(papers.query(f"SELECT teff FROM {schema}.stars")["teff"]) == {teff}
    with pytest.raises(QueryError, match=r"several tables 'stars'.*gaiadr3\.stars"):
        papers.query("SELECT teff FROM stars")
    assert len(papers.query("SELECT gaiadr3.extra.snr FROM gaiadr3.extra")) == 3
    assert len(papers.query("SELECT snr FROM extra")) == 3
    both = papers.query(
        "SELECT a.teff - b.teff AS x FROM gaiadr3.stars AS a JOIN galah_dr4.stars AS b "
        "USING (source_id)"
    )
    assert set(both["x"]) == {-1000.0}


def test_a_definition_may_have_the_name_of_a_table(papers: LocalArchive) -> None:
    rows = papers.query(
        "WITH extra AS (SELECT source_id FROM extra WHERE snr > 1) SELECT source_id FROM extra"
    )
    assert rows["source_id"].tolist() == [2, 3]


def test_tap_schema_tells_what_there_is(papers: LocalArchive, sample: LocalArchive) -> None:
    tables = papers.query("SELECT schema_name, table_name, description FROM TAP_SCHEMA.tables")
    names = tables["table_name"].tolist()
    assert '"j/a+a/682/a9/table1"' in names
    assert {"gaiadr3.stars", "tap_schema.tables"} <= set(names)
    assert tables["description"][names.index('"j/a+a/682/a9/table1"')] == "Labels from RVS"
    for name in names:  # each can be asked as it is written there
        papers.query(f"SELECT TOP 1 * FROM {name}")
    schemas = papers.query("SELECT schema_name FROM tap_schema.schemas")["schema_name"]
    assert set(schemas) == {"papers", "gaiadr3", "galah_dr4", "tap_schema"}
    column = sample.query(
        "SELECT unit, datatype, ucd, description FROM tap_schema.columns "
        "WHERE table_name = 'stars' AND column_name = 'ra'"
    )
    assert column["unit"][0] == "deg"
    assert column["datatype"][0] == "double"
    assert column["ucd"][0].startswith("pos.eq.ra")
    joins = sample.query(
        "SELECT k.from_table, c.from_column FROM tap_schema.keys AS k "
        "JOIN tap_schema.key_columns AS c USING (key_id)"
    )
    assert (joins["from_table"][0], joins["from_column"][0]) == ("apogee", "source_id")


def test_a_table_is_read_only_when_it_is_named(make_folder: Callable[..., Path]) -> None:
    archive = LocalArchive(make_folder(a={"x": [1]}, b={"y": [2]}))
    archive.query("SELECT x FROM a")
    assert archive.engine._ready == {"a"}
