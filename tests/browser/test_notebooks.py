"""Each notebook of the course in real JupyterLab: Run All, and every live figure has a picture."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from stellarnb.files import notebooks_folder
from tests.support.lab import LabPage, lab_page, lab_server
from tests.support.notebooks import guarded, notebook_names

pytestmark = pytest.mark.browser

#: What the outputs of a cell show: Bokeh's figures, and images, each an element.
_PICTURES = """index => {
  const cell = window.jupyterapp.shell.currentWidget.content.widgets[index].node;
  const box = cell.getBoundingClientRect();
  const inside = element => {
    const own = element.getBoundingClientRect();
    const middle = own.y + own.height / 2;
    return own.width > 50 && own.height > 50 && middle > box.y && middle < box.y + box.height;
  };
  const found = [...cell.querySelectorAll('.jp-OutputArea img, .jp-OutputArea canvas')];
  const walk = view => {
    if (view.model?.type === 'Figure') found.push(view.el);
    for (const child of view.child_views ?? []) walk(child);
  };
  for (const view of window.Bokeh?.index ?? []) if (view.el?.isConnected) walk(view);
  return found.filter(inside);
}"""
_SHOW = """index => {
  const content = window.jupyterapp.shell.currentWidget.content;
  content.activeCellIndex = index;
  const node = content.widgets[index].node;
  (node.querySelector('.jp-Cell-outputWrapper') ?? node).scrollIntoView({block: 'start'});
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabPage, Path]]:
    """One JupyterLab for all, dark at first, whose kernels reach no other host; and who did."""
    folder = tmp_path_factory.mktemp("course")
    for name in notebook_names():
        shutil.copy(notebooks_folder() / f"{name}.ipynb", folder)
    log = tmp_path_factory.mktemp("guard") / "refused.txt"
    with guarded(log) as environment, pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        with lab_server(folder, dark=True) as server, lab_page(server, height=1100) as page:
            yield page, log


def interactive_cells(name: str) -> list[int]:
    notebook = nbformat.read(notebooks_folder() / f"{name}.ipynb", as_version=4)
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if "interactive" in cell.metadata.get("tags", ())
    ]


def pictures(page: LabPage, index: int) -> list[Any]:
    """Return the elements of a cell that show something, once it is in view."""
    page.page.evaluate(_SHOW, index)
    page.wait_for(
        lambda: page.page.evaluate(f"index => ({_PICTURES})(index).length", index) > 0,
        f"a picture in cell {index}",
        timeout=60,
    )
    found = page.page.evaluate_handle(_PICTURES, index)
    return [handle.as_element() for handle in found.get_properties().values()]


def colours_inside(image: bytes) -> int:
    """Return how many colours the middle of a picture has: axes and titles are at its edge."""
    pixels = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
    height, width = pixels.shape[:2]
    middle = pixels[height // 6 : -height // 6, width // 6 : -width // 6]
    return len(np.unique(middle.reshape(-1, 3), axis=0))


def keep(page: LabPage, name: str) -> None:
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def change_theme(page: LabPage, theme: str) -> None:
    page.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
    )
    light = theme.removeprefix("JupyterLab ") == "Light"
    page.page.wait_for_selector(
        f"body[data-jp-theme-light={'true' if light else 'false'}]", state="attached"
    )


@pytest.mark.parametrize("name", notebook_names())
def test_run_all_shows_every_live_figure_in_both_themes(
    name: str, lab: tuple[LabPage, Path]
) -> None:
    first, log = lab
    page = first.another()
    try:
        page.open(f"{name}.ipynb", timeout=240)
        change_theme(page, "JupyterLab Dark")
        page.run_all(timeout=400)
        assert page.cell_errors() == []
        cells = interactive_cells(name)
        for theme in ("JupyterLab Dark", "JupyterLab Light"):
            change_theme(page, theme)
            for index in cells:
                shown = pictures(page, index)
                keep(page, f"{name}-{index}-{theme.split()[-1].lower()}")
                # The middle of an empty figure has two: the page, and lines of the grid.
                assert min(colours_inside(element.screenshot()) for element in shown) > 5
        assert page.console_errors == []
        assert page.foreign_requests == []
        assert not log.exists(), log.read_text()
    finally:
        page.page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
        page.page.close()
