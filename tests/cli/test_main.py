import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stellarnb.training.run
from stellarnb.cli import main as cli
from stellarnb.tables import Labels

COMMAND = [sys.executable, "-c", "from stellarnb.cli.main import main; main()"]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["stellarnb", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_an_error_on_purpose_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "train", "xp-apoge", "--evaluate") == 1
    err = capsys.readouterr().err
    assert err.startswith("InvalidInput: No recipe for 'xp-apoge'")
    assert "Traceback" not in err


def test_a_wrong_option_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "tour", "--no-such-option") == 2
    assert "no-such-option" in capsys.readouterr().err


def test_figures_come_as_one_json_object_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"label": "teff", "snr": "all", "n": 3, "bias": 0.5}] * 2
    monkeypatch.setattr(stellarnb.training.run, "evaluate_model", lambda name, data: rows)
    assert run(monkeypatch, "train", "xp-apogee", "--evaluate", "--json") == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows


def test_units_in_brackets_reach_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stellarnb.training.run, "refusals_model", lambda name: [{"a": "[dex]"}])
    assert run(monkeypatch, "train", "xp-apogee", "--refusals") == 0
    assert "[dex]" in capsys.readouterr().out


def test_ctrl_c_ends_the_tour_cleanly_and_keeps_what_is_finished(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "tour", "--no-lab", "--out", str(tmp_path)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # A shell's background job hands SIGINT on as ignored; a user's terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stderr is not None
    seen = ""
    deadline = time.monotonic() + 120
    while "%|" not in seen.replace("  0%|", "") and time.monotonic() < deadline:
        seen += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, seen + rest
    assert "Traceback" not in rest
    assert "finished stars are kept" in rest
    assert [p.name for p in tmp_path.iterdir()] == ["labels.partial.parquet"]
    assert len(Labels.read(tmp_path / "labels.partial.parquet")) >= 512
