"""The workflows: valid YAML, what they run exists, and nothing is published unasked."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"


def workflow(name: str) -> dict[Any, Any]:
    found = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def triggers(flow: dict[Any, Any]) -> Any:
    return flow[True]  # YAML 1.1 reads the key "on" as true


def commands(flow: dict[Any, Any]) -> str:
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    return "\n".join(step["run"] for step in steps if "run" in step)


def test_ci_runs_what_guards_main_and_the_fast_tests() -> None:
    flow = workflow("ci.yml")
    assert {"push", "pull_request"} <= triggers(flow).keys()
    text = commands(flow)
    assert "bash .ci/run" in text
    assert 'pytest -n 2 -m "not browser and not slow"' in text
    versions = flow["jobs"]["fast"]["strategy"]["matrix"]["python"]
    required = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert required is not None
    assert versions[0] == required[1]
    assert len(versions) == 2


def test_scripts_of_the_workflows_exist() -> None:
    for path in FOLDER.glob("*.yml"):
        for name in re.findall(r"\.ci/\w+(?:\.py)?", commands(workflow(path.name))):
            assert (ROOT / name).is_file()


def test_a_version_is_published_by_tag_and_only_if_switched_on() -> None:
    flow = workflow("publish.yml")
    assert triggers(flow) == {"push": {"tags": ["v*"]}}
    job = flow["jobs"]["publish"]
    assert job["if"] == "vars.PUBLISH == 'true'"
    assert job["permissions"]["id-token"] == "write"


def test_no_workflow_names_a_host_or_a_secret() -> None:
    for path in FOLDER.glob("*.yml"):
        assert not re.search(r"https?://|secrets\.", path.read_text("utf-8"))
