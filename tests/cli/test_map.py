import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stellarnb.cartography import memory, mock_milky_way
from stellarnb.cli import main as cli
from stellarnb.cli.map import read_stars
from stellarnb.errors import InvalidInput, OutOfMemory
from stellarnb.tables import Labels


@pytest.fixture(scope="module")
def stars() -> Labels:
    return mock_milky_way(2000, seed=8)


@pytest.fixture
def table(stars: Labels, tmp_path: Path) -> Path:
    return stars.write(tmp_path / "stars.parquet")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["stellarnb", "map", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_table_becomes_a_page_that_says_that_it_is_a_mock(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = table.with_name("map.html")
    assert run(monkeypatch, table, "--out", out) == 0
    page = out.read_text()
    assert "mock Milky Way" in page
    assert "2,000 stars" in capsys.readouterr().out


def test_what_is_drawn_can_be_chosen(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = table.with_name("map.png")
    options = ["--panel", "r_z", "--panel", "X,Y", "--color-by", "alpha_m", "--good"]
    options += ["--where", "abs(Z) < 0.5", "--distance", "parallax", "--theme", "dark"]
    assert run(monkeypatch, table, "--out", out, *options) == 0
    assert out.stat().st_size > 10_000
    assert "2,000" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "map.gif"], "map.gif"),
        (["--out", "map.png", "--where", "m_hh > 1"], "m_hh"),
        (["--out", "map.png", "--panel", "a,b,c"], "two axes"),
        (["--out", "map.png", "--panel", "keil"], "keil"),
        (["--out", "map.png", "--color-by", "colour"], "colour"),
        (["--out", "map.png", "--distance", "dist"], "dist"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(
    options: list[str],
    words: str,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(table.parent)
    assert run(monkeypatch, table, *options) == 1
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err
    assert [path.name for path in table.parent.iterdir()] == [table.name]


def test_a_folder_is_all_its_files(stars: Labels, tmp_path: Path) -> None:
    for i in range(3):
        pq.write_table(
            stars.take(slice(100 * i, 100 * i + 100)).to_arrow(), tmp_path / f"{i}.parquet"
        )
    found = read_stars(tmp_path)
    assert found["source_id"].tolist() == stars["source_id"][:300].tolist()
    assert found.provenance["mock"] is True
    assert found.units["R"] == "kpc"


@pytest.mark.parametrize("ending", ["fits", "ecsv", "vot", "csv"])
def test_other_formats_are_read_with_their_units(
    stars: Labels, tmp_path: Path, ending: str
) -> None:
    names = ["source_id", "m_h", "teff", "good"]
    part = Labels(stars.take(slice(0, 20)).arrow.select(names), units={"teff": "K"})
    found = read_stars(part.write(tmp_path / f"stars.{ending}"))
    assert found["source_id"].tolist() == part["source_id"].tolist()
    np.testing.assert_allclose(found["m_h"], part["m_h"], rtol=1e-5)
    assert found.units.get("teff") == (None if ending == "csv" else "K")


def test_what_is_no_table_is_refused(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "bad.parquet").write_bytes(b"no")
    (tmp_path / "bad.fits").write_bytes(b"no")
    for name in ("deep", "bad.parquet", "bad.fits", "none.parquet", "none.xyz"):
        with pytest.raises(InvalidInput):
            read_stars(tmp_path / name)
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    with pytest.raises(OutOfMemory, match="2,000 stars"):
        read_stars(table)
