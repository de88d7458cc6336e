"""HATS catalogues through LSDB."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from stellarnb.archives import LocalArchive, open_archive
from stellarnb.archives.hats import is_hats
from stellarnb.errors import CacheMiss, InvalidInput, MissingInput, QueryError, TooLarge


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("s3://stpubdata/gaia/gaia_dr3/public/hats", True),
        ("hats:/somewhere", True),
        ("https://data.lsdb.io/hats/two_mass", True),
        ("https://gaia.aip.de/tap", False),
        ("sample", False),
    ],
)
def test_which_names_are_catalogues(name: str, is_one: bool) -> None:
    assert is_hats(name) == is_one


def test_without_lsdb_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "lsdb", None)
    (tmp_path / "hats.properties").write_text("obs_collection=x\n")
    with pytest.raises(MissingInput, match=r"stellarnb\[lsdb\]"):
        open_archive(tmp_path)


def test_a_catalogue_elsewhere_is_not_asked_offline() -> None:
    for name in ("s3://bucket/hats", "hats:https://data.lsdb.io/gaia", "https://x.org/hats/y"):
        with pytest.raises(CacheMiss, match="offline"):
            open_archive(name, offline=True)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, sky: LocalArchive) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lsdb = pytest.importorskip("lsdb", reason="the extra [lsdb] is not installed")
        frame = (
            sky.query("SELECT * FROM stars").to_pandas().rename(columns={"source_id": "Source_ID"})
        )
        path = tmp_path_factory.mktemp("hats") / "sky"
        made = lsdb.from_dataframe(frame, ra_column="ra", dec_column="dec", catalog_name="sky")
        made.write_catalog(path, catalog_name="sky", progress_bar=False)
    return path


@pytest.mark.filterwarnings("ignore")
class TestCatalogue:
    """`HatsArchive`, over the stars of `sky`."""

    def test_it_is_described(self, catalogue: Path) -> None:
        archive = open_archive(catalogue)
        assert archive.tables()["rows"].tolist() == [20_000]
        assert archive.columns()["name"].tolist() == ["source_id", "ra", "dec"]
        assert archive.check()["ok"].all()
        assert archive.label_columns["ra"] == "sky.ra"

    @pytest.mark.parametrize("center", [(83.0, -5.0), (10.0, 89.7), (0.02, 0.3)])
    def test_a_cone_has_the_stars_of_the_embedded_archive(
        self, catalogue: Path, sky: LocalArchive, center: tuple[float, float]
    ) -> None:
        found = open_archive(catalogue).cone(center, 0.5, columns=["source_id"])
        assert found["source_id"].tolist() == sky.cone(center, 0.5)["source_id"].tolist()
        assert found["source_id"].dtype == np.int64
        few = open_archive(catalogue).cone(center, 0.5, limit=3)
        assert few["source_id"].tolist() == found["source_id"].tolist()[:3]

    def test_it_is_asked_in_adql(self, catalogue: Path, sky: LocalArchive) -> None:
        archive = open_archive(catalogue)
        adql = "SELECT TOP 5 source_id FROM sky WHERE dec > 80 ORDER BY source_id"
        want = sky.query(adql.replace("FROM sky", "FROM stars"))
        assert archive.query(adql)["source_id"].tolist() == want["source_id"].tolist()
        assert len(archive.stars(dec=(80, None), limit=4)) == 4
        rows = archive.query(
            "SELECT m.x FROM tap_upload.mine AS m JOIN sky USING (source_id)",
            upload={"mine": {"source_id": want["source_id"], "x": np.arange(5)}},
        )
        assert sorted(rows["x"]) == [0, 1, 2, 3, 4]
        with pytest.raises(QueryError, match="no column 'decl'"):
            archive.query("SELECT decl FROM sky")

    def test_a_crossmatch_is_that_of_the_embedded_archive(
        self, catalogue: Path, sky: LocalArchive
    ) -> None:
        stars = sky.query("SELECT * FROM stars ORDER BY source_id")
        mine = {"ra": stars["ra"][::50], "dec": np.clip(stars["dec"][::50] + 1e-4, -90, 90)}
        mine["ra"] = np.append(mine["ra"], np.nan)
        mine["dec"] = np.append(mine["dec"], 0.0)
        for keep in ("best", "all"):
            theirs = open_archive(catalogue).crossmatch(mine, 1.0, keep=keep, columns=["source_id"])
            ours = sky.crossmatch(mine, 1.0, keep=keep, columns=["source_id"])
            assert theirs["source_id"].tolist() == ours["source_id"].tolist()
            assert np.allclose(theirs["separation"], ours["separation"])

    def test_what_does_not_fit_is_refused(self, catalogue: Path, monkeypatch) -> None:
        from stellarnb.archives import hats

        archive = open_archive(catalogue)
        with pytest.raises(InvalidInput, match="margin"):
            archive.crossmatch({"ra": [1.0], "dec": [1.0]}, 3600)
        with pytest.raises(InvalidInput, match="no spectra"):
            archive.spectra([1])
        monkeypatch.setattr(hats, "MOST_ROWS", 100)
        with pytest.raises(TooLarge, match="cone"):
            archive.query("SELECT ra FROM sky")

    def test_a_damaged_catalogue_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "hats.properties").write_text("nonsense\n")
        pytest.importorskip("lsdb", reason="the extra [lsdb] is not installed")
        with pytest.raises(InvalidInput, match="HATS"):
            open_archive(tmp_path)
