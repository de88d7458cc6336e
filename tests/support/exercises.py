"""Exercises of a notebook: which cells belong together, and what the checks say to answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbclient import NotebookClient

__all__ = ["Trial", "cells_of", "exercise_numbers", "trials_of"]

#: The tags of an exercise's cells. The number is in the name of the answer: ``answer_1``.
EXERCISE, CHECK, SOLUTION = "exercise", "check", "solution"
_NUMBER = re.compile(r"\b(?:answer|solution)_(\d+)\b")


@dataclass(frozen=True)
class Trial:
    """What the check of an exercise said to an answer."""

    #: Of the exercise.
    number: int
    #: The answer, as code.
    answer: str
    #: Whether the check must accept it.
    right: bool
    #: What the check printed, or the error that it raised.
    said: str
    #: The kind of the error; empty where there was none.
    error: str

    def fault(self) -> str:
        """Return a message about what is wrong with the check, or an empty string."""
        what = f"exercise {self.number}"
        if self.right:
            if self.error:
                return f"{what}: its own solution is refused: {self.error}: {self.said}"
            return "" if self.said.strip() else f"{what}: its solution is met with silence"
        if not self.error:
            return f"{what}: the wrong answer {self.answer} is accepted"
        if self.error != "AssertionError":
            return f"{what}: the wrong answer {self.answer} ends in {self.error}: {self.said}"
        return "" if self.said.strip() else f"{what}: {self.answer} is refused without a hint"


def cells_of(notebook: Any, tag: str) -> dict[int, Any]:
    """Return the code cells with a tag, by the number of their exercise."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", ()):
            number = _number(cell)
            if number:
                found[number] = cell
    return found


def exercise_numbers(notebook: Any) -> list[int]:
    """Return the numbers of a notebook's exercises, in order of their cells."""
    return list(cells_of(notebook, EXERCISE))


def trials_of(client: NotebookClient, notebook: Any, index: int) -> list[Trial]:
    """Try the solution and the wrong answers at a check that has just been run."""
    check = notebook.cells[index]
    if check.cell_type != "code" or CHECK not in check.metadata.get("tags", ()):
        return []
    number = _number(check)
    solution = cells_of(notebook, SOLUTION)[number].source
    keep = f"__kept = answer_{number}"
    _run(client, notebook, index, keep)
    right = f"{solution}\nanswer_{number} = solution_{number}\n{check.source}"
    said = [(f"solution_{number}", True, _run(client, notebook, index, right))]
    for answer in check.metadata.get("wrong", ()):
        code = f"answer_{number} = {answer}\n{check.source}"
        said.append((answer, False, _run(client, notebook, index, code)))
    _run(client, notebook, index, f"answer_{number} = __kept; del __kept")
    return [Trial(number, answer, right, *words) for answer, right, words in said]


def _number(cell: Any) -> int:
    """Return the number of the exercise that a cell belongs to; 0 where it has none."""
    found = _NUMBER.search(cell.source)
    return int(found.group(1)) if found else 0


def _run(client: NotebookClient, notebook: Any, index: int, code: str) -> tuple[str, str]:
    """Run some code in the kernel; return what it said, and the kind of its error."""
    import nbformat

    cell = nbformat.v4.new_code_cell(code)  # type: ignore[no-untyped-call]
    cell.metadata["tags"] = ["raises-exception"]
    own = notebook.cells[index]
    client.execute_cell(cell, index, store_history=False)
    notebook.cells[index] = own
    errors = [out for out in cell.outputs if out.output_type == "error"]
    if errors:
        return errors[0].evalue, errors[0].ename
    return "".join(out.text for out in cell.outputs if out.output_type == "stream"), ""
