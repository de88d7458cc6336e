"""The main job by mouse and keyboard in the workbench: real JupyterLab, real Chromium, no other host."""

import os
from pathlib import Path

import pytest

from stellarnb.testing.lab import write_notebook

pytestmark = pytest.mark.browser

SHOW = "import stellarnb as snb\nbench = snb.Workbench()\nbench"


@pytest.fixture
def opened(tmp_path, open_in_lab, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))

    def open_(*cells, dark=False):
        write_notebook(tmp_path / "fresh.ipynb", [""])
        write_notebook(tmp_path / "bench.ipynb", cells)
        return open_in_lab(tmp_path / "bench.ipynb", dark=dark)

    return open_


def run(page, code):
    page.run_code(code)
    assert page.cell_errors() == []


def keep_picture(page, name):
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def bench_of(page):
    return page.page.locator(".snb-widget").first


def press(page, name, **how):
    button = bench_of(page).get_by_role("button", name=name, **how).locator("visible=true").first
    button.scroll_into_view_if_needed()
    button.click()


def says(page, words, timeout=90):
    text = bench_of(page).get_by_text(words).locator("visible=true").first
    text.wait_for(timeout=1000 * timeout)


def to_the_map(page):
    """Go from the query to the map, by mouse and keyboard alone."""
    limit = bench_of(page).get_by_label("rows at most", exact=False).first
    limit.fill("3000")
    limit.press("Enter")
    press(page, "Run", exact=True)
    says(page, "3,000 stars")
    press(page, "Fetch spectra")
    says(page, "3,000 gaia-xp spectra")
    press(page, "Next: 2 Spectra")
    says(page, "1 of 3,000")
    press(page, "Next: 3 Predict")
    press(page, "Run", exact=True)
    says(page, "labels of xp-apogee")
    press(page, "Next: 4 Map")
    menu = bench_of(page).get_by_label("distances")
    menu.focus()
    menu.select_option(label="spectroscopic: from the labels and G")
    press(page, "Make the map")
    page.figure("kiel")


def test_from_an_empty_notebook_to_a_selection_that_the_code_gives_again(opened):
    page = opened(SHOW)
    page.run_all()
    assert page.cell_errors() == []
    to_the_map(page)
    page.wait_answered()
    press(page, "brush a box")
    page.wait_for(lambda: page.figures()["kiel"]["drag"] == "BoxSelectTool", "the brush")
    page.drag("kiel", (0.75, 0.15), (0.98, 0.6))
    page.wait_answered()
    press(page, "Selection to Python")
    says(page, "stars are in the variable selection")
    keep_picture(page, "workbench-map")
    run(page, "assert 0 < len(selection) < len(labels), len(selection)")
    run(page, "assert selection.arrow.equals(bench.selection.arrow)")
    run(page, "selection.write('selection.parquet')")

    # The clipboard is closed to a page without permission: the text is selected then.
    foot = page.page.locator(".snb-foot", has=page.page.get_by_label("Copy as Python: Workbench"))
    foot.get_by_label("Copy as Python: Workbench").click()
    foot.get_by_role("status").get_by_text("Copied").or_(
        foot.get_by_role("status").get_by_text("selected")
    ).wait_for()
    if foot.locator("textarea").is_hidden():
        foot.get_by_label("Show Python: Workbench").click()
    code = foot.locator("textarea").input_value()
    assert page.console_errors == []
    assert page.foreign_requests == []

    # Pasted into a fresh notebook it makes the identical selection.
    page.open("fresh.ipynb")
    page.run_code(code, timeout=120)
    assert page.cell_errors() == []
    run(page, "first = snb.SpectrumSet and type(labels).read('selection.parquet')")
    run(page, "assert first.to_pandas().equals(selection.to_pandas()) and len(first) > 0")


def test_by_keyboard_in_the_dark_on_a_small_screen_and_asleep(opened):
    page = opened(SHOW, dark=True)
    page.page.set_viewport_size({"width": 1280, "height": 720})
    page.run_all()
    assert page.cell_errors() == []
    tabs = bench_of(page).get_by_role("tab")
    titles = [text.strip() for text in tabs.all_inner_texts()][:6]
    assert titles[0] == "1 Archive"
    assert titles[-1] == "Model card"
    keep_picture(page, "workbench-dark")
    # The pages can be reached without a mouse.
    tabs.first.focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    says(page, "No spectra yet")
    run(page, "assert bench.page == 1, bench.page")
    # Each control has a name.
    nameless = page.page.evaluate(
        """() => [...document.querySelectorAll('.snb-widget button')]
          .filter(b => b.offsetParent && !(b.textContent.trim() || b.getAttribute('aria-label')))
          .map(b => b.outerHTML)"""
    )
    assert nameless == []
    # Nothing is cut off on a narrow page.
    page.page.set_viewport_size({"width": 700, "height": 720})
    page.page.wait_for_timeout(500)
    wide = page.page.evaluate(
        """() => { const box = document.querySelector('.snb-widget').getBoundingClientRect();
          return [...document.querySelectorAll('.snb-widget button, .snb-widget select')]
            .filter(e => e.offsetParent && e.getBoundingClientRect().right > box.right + 2)
            .map(e => e.textContent.slice(0, 40)) }"""
    )
    assert wide == []
    keep_picture(page, "workbench-narrow")
    assert page.console_errors == []

    # Without a kernel there are words in its place.
    page.save()
    page.restart_kernel()
    page.reload()
    asleep = page.page.locator(".stellarnb-picture")
    asleep.wait_for()
    assert "Workbench: no stars yet" in asleep.inner_text()
    assert "run this cell" in asleep.inner_text()
