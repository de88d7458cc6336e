import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from stellarnb import tour
from stellarnb.errors import Interrupted, OutputError
from stellarnb.models import predict as chunk
from stellarnb.tables import Labels


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tour.TourReport:
    return tour.run_tour(tmp_path_factory.mktemp("tour") / "out", progress=False)


def test_all_files_are_there_and_nothing_else(report: tour.TourReport) -> None:
    names = ["00_tour.ipynb", "labels.parquet", "maps.html", "maps.png", "provenance.json"]
    assert sorted(p.name for p in report.folder.iterdir()) == names
    assert sorted(p.name for p in report.files) == names


def test_labels_read_back_for_every_star(report: tour.TourReport) -> None:
    again = Labels.read(report.folder / "labels.parquet")
    assert len(again) == 4039
    assert again.names == ["teff", "logg", "fe_h", "alpha_m"]
    assert again.units["teff"] == "K"
    np.testing.assert_array_equal(again["source_id"], report.labels["source_id"])


def test_the_comparison_has_a_row_a_label_with_honest_errors(report: tour.TourReport) -> None:
    rows = report.comparison_rows()
    assert [row["label"] for row in rows] == [
        "teff [K]",
        "logg [dex(cm s-2)]",
        "fe_h [dex]",
        "alpha_m [dex]",
    ]
    assert all(row["n"] > 2300 for row in rows)
    assert all(0.9 < row["pull"] < 1.1 for row in rows)


def test_provenance_tells_query_weights_and_credits(report: tour.TourReport) -> None:
    note = json.loads((report.folder / "provenance.json").read_text())
    assert note["queries"]["stars"] == "SELECT * FROM stars"
    assert note["labels"]["sha256"] == report.labels.provenance["sha256"]
    assert any("Gaia" in line for line in note["credits"])
    assert note["packages"]["torch"]


def test_the_notebook_is_the_one_of_the_repository(report: tour.TourReport) -> None:
    own = nbformat.read(report.folder / "00_tour.ipynb", as_version=4)
    assert own == nbformat.read(tour.notebook_source(), as_version=4)
    assert all(not cell.get("outputs") for cell in own.cells)


def test_an_own_version_of_the_notebook_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / tour.NOTEBOOK).write_text("mine")
    tour._copy_notebook(tmp_path)
    assert (tmp_path / tour.NOTEBOOK).read_text() == "mine"


def test_without_a_folder_a_new_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [tour._new_folder(Path("stellarnb-tour")).name for _ in range(3)]
    assert names == ["stellarnb-tour", "stellarnb-tour-2", "stellarnb-tour-3"]


def test_an_output_folder_that_cannot_be_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(tour, "load_model", lambda name: pytest.fail("worked in vain"))
    with pytest.raises(OutputError, match="file"):
        tour.run_tour(tmp_path / "file" / "out")


def test_ctrl_c_in_the_middle_keeps_the_finished_stars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = chunk.chunk_columns, []

    def work(*parts: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*parts)  # type: ignore[arg-type]

    monkeypatch.setattr("stellarnb.models.model.chunk_columns", work)
    with pytest.raises(Interrupted, match="1024 finished stars"):
        tour.run_tour(tmp_path, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["labels.partial.parquet"]
    assert len(Labels.read(tmp_path / "labels.partial.parquet")) == 1024
