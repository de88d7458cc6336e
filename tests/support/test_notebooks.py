"""The runner of the notebooks sees what is wrong with one."""

import json
from pathlib import Path

import nbformat
import pytest

from stellarnb.errors import InvalidInput
from tests.support import notebooks
from tests.support.exercises import Trial
from tests.support.notebooks import Run

CHECK = """if answer_{n} is ...:
    print("waits")
else:
    assert answer_{n} {rule}, "Hint."
    print("Right.")"""
ASKS = """import socket, subprocess, sys, warnings
try:
    socket.create_connection(("192.0.2.7", 80), timeout=1)
except OSError as error:
    print(type(error).__name__)
said = subprocess.run(
    [sys.executable, "-c", "import socket; socket.getaddrinfo('example.org', 443)"],
    capture_output=True, text=True,
)
print(said.returncode)
with socket.socket() as server:
    server.bind(("127.0.0.1", 0)); server.listen()
    socket.create_connection(server.getsockname(), timeout=1).close()
warnings.warn("careful")
big = b"x" * 200_000_000"""


def cell(source: str, *tags: str, **metadata: object) -> nbformat.NotebookNode:
    made = nbformat.v4.new_code_cell(source)
    made.metadata.update({"tags": list(tags)} | metadata)
    return made


def written(folder: Path, *cells: nbformat.NotebookNode) -> Path:
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    nbformat.write(notebook, folder / "own.ipynb")
    return folder / "own.ipynb"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("notebook")
    source = written(
        folder,
        cell(ASKS),
        cell("answer_1 = ...", "exercise"),
        cell(CHECK.format(n=1, rule="== 3"), "check", wrong=["4", "None", "1 / 0"]),
        cell("solution_1 = 3", "solution"),
        cell("answer_2 = 7", "exercise"),
        cell(CHECK.format(n=2, rule="> 5"), "check", wrong=["8"]),
        cell("solution_2 = 2", "solution"),
        cell("assert answer_2 == 7 and 'solution_1' in dir(); print('kept')"),
        cell("raise ValueError('end')"),
        cell("print('never')"),
    )
    return notebooks._execute(source, folder / "done.ipynb")


def test_other_hosts_are_refused_in_the_kernel_and_in_its_children(run: Run) -> None:
    assert run.foreign == ["socket.getaddrinfo 192.0.2.7", "socket.getaddrinfo example.org"]
    outputs = nbformat.read(run.path, as_version=4).cells[0].outputs
    assert "".join(o.text for o in outputs if o.name == "stdout").split() == [
        "ConnectionRefusedError",
        "1",
    ]


def test_warnings_errors_and_what_was_said_before_are_kept(run: Run) -> None:
    assert len(run.spoken) == 1
    assert "careful" in run.spoken[0]
    assert "ValueError: end" in run.error
    cells = nbformat.read(run.path, as_version=4).cells
    assert cells[-3].outputs[0].text == "kept\n"
    assert not cells[-1].outputs


def test_time_and_memory_are_those_of_the_kernel(run: Run) -> None:
    assert 0.22 < run.peak_gib < 0.6
    assert run.cpu_seconds > 0
    assert 0 < run.seconds < 120


def test_a_check_that_accepts_the_wrong_or_refuses_the_right_is_told(run: Run) -> None:
    faults = "\n".join(run.faults())
    assert "exercise 2: its own solution is refused: AssertionError: Hint." in faults
    assert "exercise 2: the wrong answer 8 is accepted" in faults
    assert "exercise 1: the wrong answer 1 / 0 ends in ZeroDivisionError" in faults
    assert faults.count("exercise 1") == 1
    assert run.trials[0].answer == "solution_1"


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (Trial(1, "solution_1", True, "", ""), "silence"),
        (Trial(1, "3", False, "", "AssertionError"), "without a hint"),
        (Trial(1, "3", False, "Too low.", "AssertionError"), ""),
        (Trial(1, "solution_1", True, "Right.", ""), ""),
    ],
)
def test_words_for_a_trial(trial: Trial, words: str) -> None:
    assert words in trial.fault()
    assert bool(words) == bool(trial.fault())


def test_limits_are_of_the_clock_or_of_the_work_on_a_busy_machine() -> None:
    assert Run("00_tour", seconds=90, cpu_seconds=20, peak_gib=0.5).faults() == []
    assert Run("02_how", seconds=90, cpu_seconds=90, peak_gib=0.5).faults() == []
    assert Run("00_tour", seconds=61, cpu_seconds=90, peak_gib=0.5).faults() == ["took 61 s of 60"]
    assert Run("00_tour", seconds=9, cpu_seconds=9, peak_gib=0.9).faults() == [
        "took 0.90 GiB of 0.8"
    ]


def test_it_is_run_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, cell("print(1)"))
    monkeypatch.setattr(notebooks, "notebooks_folder", lambda: tmp_path)
    calls = []

    def execute(source: Path, target: Path) -> Run:
        calls.append(source)
        target.write_bytes(source.read_bytes())
        return Run("own", 1.5, 1.0, 0.3, trials=[Trial(1, "2", False, "No.", "AssertionError")],
                   path=target)  # fmt: skip

    monkeypatch.setattr(notebooks, "_execute", execute)
    first = notebooks.executed("own", tmp_path / "kept")
    assert notebooks.executed("own", tmp_path / "kept") == first
    assert len(calls) == 1
    assert notebooks.runs_in(tmp_path / "kept") == [first]
    written(tmp_path, cell("print(2)"))
    notebooks.executed("own", tmp_path / "kept")
    assert len(calls) == 2
    assert source == calls[0]


def test_an_unknown_name_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="00_tour"):
        notebooks.executed("../00_tour", tmp_path)


def test_the_command_prints_a_line_each_and_fails_with_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {"a": Run("a", 3.0, 2.0, 0.4), "b": Run("b", 3.0, 2.0, 0.4, error="cell 3: broken")}
    monkeypatch.setattr(notebooks, "executed", lambda name, folder: runs[name])
    assert notebooks.main(["a", "--out", str(tmp_path)]) == 0
    assert "3.0 s" in capsys.readouterr().out
    assert notebooks.main(["a", "b", "--json", "--out", str(tmp_path)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["faults"] for line in lines] == [[], ["cell 3: broken"]]
