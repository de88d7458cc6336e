"""The chemical map as its user meets it: real JupyterLab, real Chromium, no other host."""

import json
import os
from pathlib import Path

import nbformat
import pytest

from stellarnb.views.live.notebook import ASLEEP
from tests.support.lab import write_notebook

pytestmark = pytest.mark.browser

MAKE = """import numpy as np
import stellarnb as snb

stars = snb.mock_milky_way(3000)
spectra = snb.SpectrumSet(
    stars["source_id"],
    np.arange(336.0, 1021.0, 2.0),
    np.ones((3000, 343), dtype=np.float32),
    instrument="gaia-xp",
)"""
SHOW = """view = snb.ChemicalMap(
    stars, panels=["kiel", "tinsley_wallerstein", "r_z", "x_y"], spectra=spectra, title="<b>x</b>"
)
view"""
KEYS = {"kiel", "tinsley_wallerstein", "r_z", "x_y"}
ZOOMED = 'assert "kiel" in view.views and 0 < len(view.selection) < 3000, view.status'


@pytest.fixture
def open_map(tmp_path, open_in_lab):
    def open_(*more, **how):
        write_notebook(tmp_path / "map.ipynb", [MAKE, SHOW, *more])
        return open_in_lab(tmp_path / "map.ipynb", **how)

    return open_


def run(page, code):
    """Run some Python in the notebook; an assertion that fails there fails here."""
    page.run_code(code)
    assert page.cell_errors() == []


def show(page):
    page.run_all()
    assert page.cell_errors() == []
    page.figure(0)
    page.wait_answered()


def drag_with(page, words, tool):
    page.page.get_by_text(words).click()
    page.wait_for(lambda: all(page.figures()[key]["drag"] == tool for key in KEYS), tool)


def sound(page):
    assert page.console_errors == []
    assert page.foreign_requests == []


def legible(page):
    background = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    for key in KEYS:
        assert page.contrast(page.figures()[key]["bar_colour"], background) > 4.5


def keep_picture(page, name):
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_zoom_brush_lasso_tap_undo_and_reload(open_map):
    page = open_map()
    show(page)
    assert set(page.figures()) == KEYS | {"spectrum"}
    # Live: its picture for a notebook without kernel is hidden.
    assert not page.page.locator(".stellarnb-picture").is_visible()
    legible(page)
    assert page.zoom_is_live("kiel")
    run(page, ZOOMED)

    drag_with(page, "brush a box", "BoxSelectTool")
    page.drag("tinsley_wallerstein", (0.4, 0.3), (0.7, 0.7))
    page.wait_answered()
    run(page, "box = view.state.brush; assert box.key == 'tinsley_wallerstein' and len(box.x) == 2")
    run(page, "inside = len(view.selection); assert 0 < inside < 3000")
    run(page, "names = {'labels': stars}; exec(view.to_code(), names)")
    run(page, "assert names['selection'].arrow.equals(view.selection.arrow)")
    keep_picture(page, "map-box")

    drag_with(page, "brush a lasso", "LassoSelectTool")
    page.drag("r_z", (0.4, 0.3), (0.8, 0.3), (0.8, 0.6), (0.4, 0.6))
    page.wait_answered()
    run(page, "assert view.state.brush.key == 'r_z' and len(view.state.brush.x) > 3")
    page.page.get_by_role("button", name="Undo").click()
    page.wait_answered()
    run(page, "assert view.state.brush == box")
    page.page.get_by_role("button", name="Reset").click()
    page.wait_answered()
    run(page, "assert view.state.brush is None and view.views == {}")

    page.click("x_y", (0.5, 0.5))
    page.wait_for(lambda: page.page.get_by_text("source_id").count() > 0, "a star's card")
    run(page, "assert view.star is not None and not view.status")
    page.hover("kiel", (0.52, 0.5))
    page.wait_for(lambda: page.figures()["kiel"]["hover"].startswith("source_id"), "a star's words")
    keep_picture(page, "map-star")

    page.save()
    page.reload()
    page.figure(0)
    assert page.zoom_is_live("tinsley_wallerstein")
    sound(page)


def test_words_are_legible_in_the_dark_theme(open_map):
    page = open_map(dark=True)
    show(page)
    keep_picture(page, "map-dark")
    legible(page)
    sound(page)


def test_it_is_live_in_notebook_7(open_map):
    pytest.importorskip("notebook", reason="Notebook 7 is not installed (extra [test])")
    page = open_map(app="notebook")
    # Notebook's own, of any page of it: it says so before a cell of ours has run.
    own = set(page.console_errors)
    show(page)
    assert set(page.figures()) == KEYS | {"spectrum"}
    assert page.zoom_is_live("kiel")
    run(page, ZOOMED)
    drag_with(page, "brush a box", "BoxSelectTool")
    page.drag("tinsley_wallerstein", (0.4, 0.3), (0.7, 0.7))
    page.wait_answered()
    run(page, "assert view.state.brush.key == 'tinsley_wallerstein'")
    keep_picture(page, "map-notebook-7")
    page.save()
    page.reload()
    page.figure(0)
    assert page.zoom_is_live("x_y")
    assert set(page.console_errors) <= own
    assert page.foreign_requests == []


def test_a_restart_leaves_a_picture_and_the_state_comes_back(open_map, tmp_path):
    page = open_map()
    show(page)
    run(page, "view.zoom('kiel', (4000, 5200), (1.0, 3.5)); view.brush('r_z', (6, 9), (-1, 1))")
    run(page, "path = view.save('map.json'); view._page.link.mailbox.patience = 500")
    page.wait_answered()
    page.save()
    saved = nbformat.read(tmp_path / "map.ipynb", as_version=4)
    outputs = [output for cell in saved.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert json.loads((tmp_path / "map.json").read_text())["brush"]["key"] == "r_z"

    # The figures of a kernel that is gone say so when they are touched.
    page.restart_kernel()
    page.wheel("kiel", steps=1)
    said = "No answer from Python"
    page.wait_for(lambda: said in page.figures().get("kiel", {}).get("caption", said), "words")

    # Loaded again there is a picture in their place, which says what to do.
    page.reload()
    picture = page.page.locator(".stellarnb-picture")
    picture.wait_for()
    assert ASLEEP in picture.inner_text()
    assert picture.locator("img").evaluate("image => image.naturalWidth") > 200
    keep_picture(page, "map-asleep")

    # Run All brings the map back, and the file its state.
    page.run_all()
    run(page, "again = snb.ChemicalMap(stars, state='map.json')")
    run(page, "assert again.state.brush.key == 'r_z' and set(again.views) == {'kiel'}")
    run(page, "view.restore('map.json'); assert len(view.selection) == len(again.selection) > 0")
    assert page.zoom_is_live("x_y")
    assert page.foreign_requests == []


def test_each_view_is_live_in_a_notebook(tmp_path, open_in_lab):
    cells = [
        MAKE,
        "snb.views.r_z_grid(stars)",
        "snb.views.gradient(stars, samples=50)",
        "snb.views.healpix(stars, order=3)",
        "snb.hv.show(snb.hv.kiel(stars) + snb.hv.x_y(stars))",
    ]
    write_notebook(tmp_path / "views.ipynb", cells)
    page = open_in_lab(tmp_path / "views.ipynb")
    show(page)
    page.figure(18 + 1 + 2 + 1 + 2 - 1)
    before = page.figures()["tinsley_wallerstein"]["extent"]
    page.wheel(7, steps=1)
    page.wait_for(
        lambda: 0 < page.figures()["tinsley_wallerstein"]["extent"][2] < before[2], "a new grid"
    )
    keep_picture(page, "views")
    sound(page)
