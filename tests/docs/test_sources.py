"""The pages' sources: numbers come from code, examples run, lists are complete."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

import stellarnb.settings
from stellarnb.cli.main import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
HAND_WRITTEN = sorted([*DOCS.glob("*.md"), *DOCS.glob("howto/*.md")])

#: A number that somebody must have measured, counted or chosen: with a unit, with a decimal point or
#: of three digits and more.
_NUMBER = re.compile(
    r"(?<![\w.-])(?:\d+(?:\.\d+)?\s?(?:K|dex|mag|kpc|mas|km/s|ms|s|min|h|[kMGT]i?B|%|σ|Å|nm|stars|"
    r"spectra|rows|times|seconds|minutes|hours|million stars|tests|cores)\b|\d+[.,]\d+|\d{3,})"
)
#: What such a number may be without coming from code, and why.
_ALLOWED = {
    "1.4826": "a mathematical constant: a Gaussian's sigma over its median absolute deviation",
    "100 million stars": "what a page is for, not a figure",
    "130": "the exit status of Ctrl-C, as every shell has it",
}


def prose(text: str) -> str:
    """Return a page without code, addresses, raw markup and facts that are filled in."""
    fences = r"(?ms)^(`{3,})(?:\{|\w).*?^\1\s*$"
    marks = r"`[^`]*`|\{\{ \w+ \}\}|<[^>]*>|\]\([^)]*\)"
    return re.sub(marks, " ", re.sub(fences, "", text))


@pytest.mark.parametrize("page", HAND_WRITTEN, ids=lambda page: page.stem)
def test_no_number_is_written_by_hand(page: Path) -> None:
    found = [match[0] for match in _NUMBER.finditer(prose(page.read_text("utf-8")))]
    assert [number for number in found if number not in _ALLOWED] == []


def test_the_search_for_numbers_finds_them() -> None:
    text = "takes 12 s and 0.8 GB for 690,000 stars; `3 s` and {{ n }} do not count, nor DR17"
    assert _NUMBER.findall(prose(text)) == ["12 s", "0.8 GB", "690,000"]


def test_every_fact_that_a_page_wants_is_known() -> None:
    from facts import facts

    wanted = {
        name
        for page in HAND_WRITTEN
        for name in re.findall(r"\{\{ (\w+) \}\}", page.read_text("utf-8"))
    }
    assert wanted == facts().keys() & wanted
    assert facts()["sample_stars"] == "4,039"


@pytest.mark.parametrize(
    "page", [p for p in HAND_WRITTEN if "```python" in p.read_text("utf-8")], ids=lambda p: p.stem
)
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    code = re.findall(r"(?ms)^```python\n(.*?)^```$", page.read_text("utf-8"))
    namespace: dict[str, Any] = {}
    for number, block in enumerate(code, 1):
        exec(compile(block, f"{page.name}, example {number}", "exec"), namespace)  # noqa: S102


def test_every_command_and_setting_has_its_line() -> None:
    text = (DOCS / "commands.md").read_text("utf-8")
    commands = {info.name or info.callback.__name__ for info in app.registered_commands}
    commands |= {str(group.typer_instance.info.name) for group in app.registered_groups}
    assert {name for name in commands if f"`stellarnb {name}" not in text} == set()
    source = inspect.getsource(stellarnb.settings)
    names = set(re.findall(r'env\.get\("(STELLARNB_\w+)"', source))
    assert len(names) >= 6
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_readme_is_short() -> None:
    assert len((DOCS.parent / "README.md").read_text("utf-8").split()) <= 500


def test_features_and_glossary_are_in_the_site() -> None:
    index = (DOCS / "index.md").read_text("utf-8")
    contents = index.split(":hidden:")[1].split("```")[0].split()
    assert {"features", "glossary"} <= set(contents)
    terms = re.findall(r"(?m)^(.+)\n: ", (DOCS / "glossary.md").read_text("utf-8"))
    assert {"novelty", "boundary", "pull", "crossmatch", "ADQL", "`good()`"} <= set(terms)
    assert terms == sorted(terms, key=lambda term: term.strip("`").lower())


class TestPerformance:
    """The page is the record, whatever it says."""

    def test_missed_goals_and_missing_benchmarks_are_said(self, tmp_path: Path) -> None:
        from performance import BENCHES, performance_page

        row = {"name": "map.zoom", "value": 250.5, "unit": "ms", "peer": "HoloViews", "goal": 150}
        row |= {"meets": False, "runs": 3, "machine": "a machine", "date": "2026-01-02"}
        record = tmp_path / "performance.jsonl"
        record.write_text(json.dumps(row) + "\n")
        page = performance_page(record)
        assert "| `map.zoom` | 250.5 ms | 150 | **no** | HoloViews |" in page
        assert "2026-01-02, a machine: 0 of 1 goals were met." in page
        assert page.count("Not in the record") == len(BENCHES) - 1

    def test_a_line_that_is_not_complete_is_refused(self, tmp_path: Path) -> None:
        from performance import performance_page

        record = tmp_path / "performance.jsonl"
        record.write_text('{"name": "map.zoom", "value": 1}\n')
        with pytest.raises(ValueError, match="lacks date, goal, machine"):
            performance_page(record)

    def test_new_figures_replace_older_ones_of_the_same_name(self, tmp_path: Path) -> None:
        from performance import add, read_record

        record = tmp_path / "performance.jsonl"
        row = {"name": "import.x", "value": 1, "unit": "", "peer": "p", "goal": 1, "meets": True}
        other = row | {"name": "import.y", "runs": 1}
        assert add([json.dumps(row | {"runs": 1}), json.dumps(other), "a word"], record) == 2
        assert add([json.dumps(row | {"runs": 9})], record) == 1
        assert {r["name"]: r["runs"] for r in read_record(record)} == {"import.x": 9, "import.y": 1}
        assert all("cores" in r["machine"] and r["date"] for r in read_record(record))

    def test_the_record_is_of_benchmarks_that_there_are(self) -> None:
        from performance import BENCHES, RECORD, read_record

        from benchmarks import _BENCHES

        assert set(BENCHES) == set(_BENCHES)
        assert read_record(RECORD)


class TestNotebooks:
    """Notebooks as pages: pictures stay, what needs a kernel or another host goes."""

    def test_an_executed_one_is_taken_where_there_is_one(self, tmp_path: Path) -> None:
        from pages import notebooks

        cell = nbformat.v4.new_code_cell("x", outputs=[])
        picture = nbformat.v4.new_output("display_data", {"image/png": "aGk=", "text/plain": "p"})
        live = nbformat.v4.new_output(
            "display_data",
            {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "w"},
        )
        script = nbformat.v4.new_output("display_data", {"application/javascript": "Bokeh"})
        cell.outputs = [script, live, picture]
        badge = "# T\n\n[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/x)"
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(badge), cell])
        made.metadata["widgets"] = {"state": {}}
        nbformat.write(made, tmp_path / "00_tour.ipynb")
        page = notebooks(tmp_path)["00_tour"]
        nbformat.validate(page)
        assert page.cells[0].source == "# T\n\n[Binder](https://mybinder.org/v2/x)"
        assert "Run without a network" in page.cells[1].source
        assert [list(out.data) for out in page.cells[2].outputs] == [["image/png", "text/plain"]]
        assert "widgets" not in page.metadata

    def test_without_one_it_says_that_it_was_not_run(self, tmp_path: Path) -> None:
        from pages import notebooks

        page = notebooks(tmp_path)["00_tour"]
        assert "without what its cells print" in page.cells[1].source
        assert notebooks(None)["00_tour"] == page
