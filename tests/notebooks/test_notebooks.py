"""Each notebook is run once, with no network, and its exercises tried with right and wrong answers."""

import re
from collections.abc import Callable

import nbformat
import pytest

from stellarnb.files import notebooks_folder
from tests.support.exercises import cells_of, exercise_numbers
from tests.support.notebooks import Run, notebook_names

NAMES = notebook_names()
#: Headings that each notebook ends with.
ENDING = ("What to read", "Whom to thank")


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(notebooks_folder() / f"{name}.ipynb", as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", ()))


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_not_committed(name: str) -> None:
    code = code_cells(read(name))
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_goals_and_ends_with_what_to_read(name: str) -> None:
    notebook = read(name)
    first = notebook.cells[0].source
    assert first.startswith("# ")
    for word in ("**Goals**", "**Time**", "**You need**", "**What is real here**"):
        assert word in first, word
    assert re.search(r"^live = False\b", code_cells(notebook)[0].source, re.MULTILINE)
    headings = re.findall(
        r"^## (.+)$",
        "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"),
        re.MULTILINE,
    )
    assert tuple(headings[-2:]) == ENDING
    assert "cite()" in notebook.cells[-1].source
    assert all(re.match(r"\d+\. ", heading) for heading in headings[:-2]), headings


@pytest.mark.parametrize("name", NAMES)
def test_each_exercise_has_its_check_and_its_folded_solution(name: str) -> None:
    notebook = read(name)
    numbers = exercise_numbers(notebook)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) in {2, 3}
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    checks, solutions = cells_of(notebook, "check"), cells_of(notebook, "solution")
    for number in numbers:
        assert f"### Exercise {number}" in text
        assert len(checks[number].metadata["wrong"]) >= 2
        assert f"if answer_{number} is ...:" in checks[number].source
        assert checks[number].source.count("assert ") >= 2
        assert solutions[number].metadata["jupyter"]["source_hidden"] is True
        assert "hide-input" in tags(solutions[number])
        # JupyterLab shows the first line of what is folded.
        assert solutions[number].source.startswith("# Solution: unfold it")
    assert set(checks) == set(solutions) == set(numbers)


@pytest.mark.parametrize("name", NAMES)
def test_it_uses_public_names_alone(name: str) -> None:
    code = "\n".join(cell.source for cell in code_cells(read(name)))
    assert not re.search(r"\b[A-Za-z]\w*\._[a-z]", code)
    assert not re.search(r"^\s*(from|import) stellarnb\.\S*\._", code, re.MULTILINE)
    assert "/work" not in code


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_within_its_limits_and_its_checks_tell_right_from_wrong(
    name: str, executed_notebook: Callable[[str], Run]
) -> None:
    run = executed_notebook(name)
    assert run.faults() == []
    numbers = exercise_numbers(read(name))
    assert [trial.number for trial in run.trials if trial.right] == numbers
    assert {trial.number for trial in run.trials if not trial.right} == set(numbers)


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_a_figure(name: str, executed_notebook: Callable[[str], Run]) -> None:
    notebook = nbformat.read(executed_notebook(name).path, as_version=4)
    starts = [bool(re.search(r"^## 1\.", cell.source, re.MULTILINE)) for cell in notebook.cells]
    opening = notebook.cells[: starts.index(True)]
    kinds = {kind for c in opening for out in c.get("outputs", ()) for kind in out.get("data", {})}
    assert "image/png" in kinds
