"""Binder's files and links; `binder/check.sh` builds the same steps by hand."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest

from stellarnb.settings import LEAN_MEMORY

ROOT = Path(__file__).resolve().parents[2]
BINDER = ROOT / "binder"


@pytest.fixture(scope="module")
def badges() -> ModuleType:
    spec = importlib.util.spec_from_file_location("badges", BINDER / "badges.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_link_runs_the_environment_and_fetches_the_content(badges: ModuleType) -> None:
    place = badges.where()
    link = urlsplit(badges.link("notebooks/00_tour.ipynb"))
    assert link.netloc == "mybinder.org"
    assert link.path == f"/v2/gh/{place['repository']}/{place['environment']}"
    pull = urlsplit(parse_qs(link.query)["urlpath"][0])
    asked = {key: value[0] for key, value in parse_qs(pull.query).items()}
    assert pull.path == "git-pull"
    assert asked == {
        "repo": f"https://github.com/{place['repository']}",
        "branch": place["content"],
        "targetPath": "course",
        "urlpath": "lab/tree/course/notebooks/00_tour.ipynb",
    }
    # The image has the repository's folders at home: what is fetched must not lie over one.
    assert not (ROOT / asked["targetPath"]).exists()


def test_the_readme_has_the_link_and_a_picture_of_our_own(badges: ModuleType) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert badges.readme_text(ROOT / "README.md") == text
    assert badges.link("notebooks/00_tour.ipynb") in text
    assert (ROOT / "docs" / "binder.svg").is_file()
    assert "badge_logo" not in text


def test_a_notebook_gets_its_line_once_and_is_otherwise_as_it_was(
    badges: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "00_tour.ipynb"
    shutil.copy(ROOT / "notebooks" / "00_tour.ipynb", path)
    before = nbformat.read(path, as_version=4)
    path.write_text(badges.notebook_text(path), encoding="utf-8")
    once = path.read_text("utf-8")
    assert badges.notebook_text(path) == once
    after = nbformat.read(path, as_version=4)
    nbformat.validate(after)
    assert after.cells[1:] == before.cells[1:]
    line = badges.line("notebooks/00_tour.ipynb")
    assert after.cells[0].source.splitlines()[-1] == line
    assert after.cells[0].source.count("mybinder.org") == 1
    old = once.replace("mybinder.org/v2/gh/", "mybinder.org/v2/gh/old-")
    path.write_text(old, encoding="utf-8")
    assert badges.notebook_text(path) == once


def test_every_version_is_pinned_and_python_is() -> None:
    lines = (BINDER / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    names = [re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins]
    assert len(names) == len(set(names))
    wanted = (BINDER / "requirements.txt").read_text("utf-8").splitlines()
    packages = [line for line in wanted if re.match(r"\w", line)]
    assert {"torch", "nbgitpuller"} == set(packages)
    assert set(packages) <= set(names)
    assert re.fullmatch(r"python-3\.\d+\n", (BINDER / "runtime.txt").read_text("utf-8"))


def test_another_index_is_named_here_alone() -> None:
    addresses = re.findall(r"https?://[^\s|]+", (BINDER / "requirements.txt").read_text("utf-8"))
    assert addresses == ["https://download.pytorch.org/whl/cpu"]
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", ".ci/run"):
        assert "index-url" not in (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["postBuild", "start", "check.sh"])
def test_a_script_is_sound(name: str) -> None:
    path = BINDER / name
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    assert name == "check.sh" or os.access(path, os.X_OK)


def test_start_gives_freed_memory_back_as_the_tour_does() -> None:
    words = (BINDER / "start").read_text("utf-8")
    assert all(f"{name}={value}" in words for name, value in LEAN_MEMORY.items())


def test_start_sets_few_threads_and_runs_what_it_is_given() -> None:
    code = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"
    command = [BINDER / "start", sys.executable, "-c", code, "a b", "$HOME"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    environment, arguments = json.loads(done.stdout)
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["STELLARNB_CACHE_GB"] == "0.5"
    assert "STELLARNB_OFFLINE" not in environment
    assert arguments == ["a b", "$HOME"]


def test_repo2docker_takes_the_files_as_they_are_meant() -> None:
    pytest.importorskip("repo2docker", reason="pip install jupyter-repo2docker")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", BINDER / "check.sh", "--read-only"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Node.js is there" in done.stdout


def test_more_memory_than_there_is_ends_it_all(tmp_path: Path) -> None:
    pytest.importorskip("psutil")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import time; x = b'x' * 300_000_000; time.sleep(60)")]
    )
    nbformat.write(notebook, tmp_path / "greedy.ipynb")
    done = subprocess.run(
        [sys.executable, BINDER / "within.py", "0.3", tmp_path / "greedy.ipynb"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["within"] is False
    assert told["peak_gb"] > 0.3
    assert told["exit"] == [None]
