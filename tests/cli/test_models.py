import json
import sys
from pathlib import Path

import pytest

from stellarnb.cli import main as cli


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path))
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    monkeypatch.delenv("STELLARNB_MIRROR", raising=False)


def models(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["stellarnb", "models", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_list_says_what_is_there_and_what_is_to_fetch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(monkeypatch, "list", "--json") == 0
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["xp-apogee"]["weights"] == "in the package"
    assert rows["rave-guiglion2020"]["weights"] == "to fetch (9 MB)"
    assert rows["rave-guiglion2020"]["instrument"] == "rave"
    assert rows["rave-guiglion2020"]["labels"].startswith("teff logg m_h fe_h")


def test_names_in_the_list_are_never_cut_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert models(monkeypatch, "list") == 0
    assert "rave-guiglion2020" in capsys.readouterr().out


def test_show_needs_nothing_fetched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(monkeypatch, "show", "rave-guiglion2020") == 0
    out = capsys.readouterr().out
    for words in ("7287", "absolute", "inferred", "licence: MIT", "A&A 644, A168", "[M/H] < -1"):
        assert words in out


@pytest.mark.parametrize("name", ["rave-guiglion2020", "xp-apogee"])
def test_a_card_as_json_is_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert models(monkeypatch, "show", name, "--json") == 0

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert json.loads(capsys.readouterr().out, parse_constant=refuse)["name"] == name


def test_fetch_offline_ends_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert models(monkeypatch, "fetch", "rave-guiglion2020") == 1
    err = capsys.readouterr().err
    assert err.startswith("WeightsNotFound: rave-guiglion2020: STELLARNB_OFFLINE is set")
    assert "/8cbbac32fc81069c34f0f58583a645f30f02c852/models/model_version_1_009.h5" in err
    assert str(tmp_path) in err


def test_fetch_from_a_mirror_makes_it_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    monkeypatch.setenv("STELLARNB_MIRROR", str(shared_data))
    assert models(monkeypatch, "fetch", "rave-guiglion2020") == 0
    assert capsys.readouterr().out == "rave-guiglion2020: fetched\n"


def test_an_unknown_model_names_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models(monkeypatch, "show", "rave-guiglion") == 1
    assert "Did you mean 'rave-guiglion2020'?" in capsys.readouterr().err
