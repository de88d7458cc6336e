"""The commands query and cache."""

import json
import sys
from pathlib import Path

import pytest

from stellarnb.archives.cache.store import Store
from stellarnb.cli import main as cli
from stellarnb.tables import Result


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["stellarnb", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_query_is_written_whole(monkeypatch, capsys, tmp_path):
    out = tmp_path / "x.parquet"
    adql = "SELECT TOP 7 source_id, ra FROM stars"
    assert run(monkeypatch, "query", adql, "--archive", "sample", "--out", str(out)) == 0
    assert "7 rows" in capsys.readouterr().out
    result = Result.read(out)
    assert len(result) == 7
    assert result.units["ra"] == "deg"
    assert result.provenance["adql"] == adql


def test_a_query_is_shown(monkeypatch, capsys):
    assert run(monkeypatch, "query", "SELECT TOP 30 source_id, ra FROM stars") == 0
    out = capsys.readouterr().out
    assert "sample: 30 rows" in out
    assert "The first 20 of 30 rows" in out


def test_rows_as_json_keep_whole_identifiers(monkeypatch, capsys):
    assert run(monkeypatch, "query", "SELECT TOP 3 source_id FROM stars", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 3
    assert all(isinstance(row["source_id"], int) for row in rows)


def test_a_table_is_sent_along(monkeypatch, capsys, tmp_path):
    Result({"x": [4, 5]}).write(tmp_path / "own.parquet")
    Result({"x": [5, 6]}).write(tmp_path / "other.csv")
    adql = "SELECT a.x FROM tap_upload.own AS a JOIN tap_upload.other AS b ON a.x = b.x"
    uploads = ["--upload", f"own={tmp_path}/own.parquet", "--upload", f"other={tmp_path}/other.csv"]
    assert run(monkeypatch, "query", adql, *uploads, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"x": 5}
    assert run(monkeypatch, "query", adql, "--upload", "own") == 1
    assert "NAME=FILE" in capsys.readouterr().err
    assert run(monkeypatch, "query", adql, "--upload", f"own={tmp_path}/none.csv") == 1
    assert "cannot be read" in capsys.readouterr().err


def test_mistakes_are_one_sentence(monkeypatch, capsys):
    assert run(monkeypatch, "query", "SELECT nonsense FROM stars") == 1
    assert capsys.readouterr().err.startswith("QueryError: ADQL, line 1")
    assert run(monkeypatch, "query", "SELECT 1", "--archive", "gaja") == 1
    assert "did you mean 'gaia'" in capsys.readouterr().err
    adql = "SELECT TOP 1 ra FROM gaiadr3.gaia_source"
    assert run(monkeypatch, "query", adql, "--archive", "gaia", "--offline") == 1
    assert capsys.readouterr().err.startswith("CacheMiss: Not in the cache")
    assert run(monkeypatch, "query", "SELECT 1 AS x FROM stars", "--out", "x.doc") == 1
    assert "write one of .parquet" in capsys.readouterr().err


def test_the_cache_is_listed_checked_and_emptied(monkeypatch, capsys, cache):
    assert run(monkeypatch, "cache", "list", "--json") == 0
    assert capsys.readouterr().out == ""
    store = Store()
    store.keep_table({"adql": "SELECT 1", "service": "x"}, Result({"x": [1, 2]}))
    assert run(monkeypatch, "cache", "list", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["what"]) == ("table", "SELECT 1")
    assert run(monkeypatch, "cache", "list") == 0
    assert "SELECT 1" in capsys.readouterr().out
    assert run(monkeypatch, "cache", "verify", "--json") == 0
    assert json.loads(capsys.readouterr().out)["checked"] == 1
    (path,) = cache.rglob("*.parquet")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3] + b"xxx")
    assert run(monkeypatch, "cache", "verify") == 1
    assert "fetched again" in capsys.readouterr().err
    store.keep_table({"adql": "SELECT 2", "service": "x"}, Result({"x": [1, 2]}))
    monkeypatch.setattr("sys.stdin", __import__("io").StringIO("n\n"))
    assert run(monkeypatch, "cache", "clear") == 1
    assert len(store.upkeep.list()) == 1
    assert run(monkeypatch, "cache", "clear", "--yes") == 0
    assert "MB freed" in capsys.readouterr().out
    assert len(store.upkeep.list()) == 0
    assert run(monkeypatch, "cache", "clear", "nothing", "--yes") == 1
