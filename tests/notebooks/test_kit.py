"""The workshop kit speaks of the notebooks that there are."""

import re

import nbformat

from stellarnb.files import notebooks_folder
from tests.support.exercises import exercise_numbers
from tests.support.notebooks import notebook_names


def test_the_kit_lists_each_notebook_and_each_exercise_once() -> None:
    text = (notebooks_folder() / "README.md").read_text("utf-8")
    linked = re.findall(r"^\| \[(\w+)\]\((\w+)\.ipynb\) \|", text, re.MULTILINE)
    assert linked == [(name, name) for name in notebook_names()]
    index: dict[str, list[int]] = {}
    current = ""
    for number, exercise in re.findall(r"^\| (\d\d)? *\| (\d) \| \S.* \|$", text, re.MULTILINE):
        current = number or current
        index.setdefault(current, []).append(int(exercise))
    notebooks = {
        name[:2]: exercise_numbers(nbformat.read(notebooks_folder() / f"{name}.ipynb", 4))
        for name in notebook_names()
    }
    assert index == notebooks
