"""The tour's notebook as its reader sees it: real JupyterLab, real Chromium, no other host."""

import os
import shutil
from pathlib import Path

import pytest

from stellarnb.tour import NOTEBOOK, notebook_source
from tests.support.lab import LabPage

pytestmark = pytest.mark.browser

IN_VIEW = "assert 0 < len(chart.selection) < len(labels) and not chart.status"


def keep_picture(page: LabPage, name: str) -> None:
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        page.settled(0)
        page.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tour_runs_zooms_and_comes_back_after_a_reload(tmp_path, open_in_lab, theme) -> None:
    shutil.copy(notebook_source(), tmp_path / NOTEBOOK)
    page = open_in_lab(tmp_path / NOTEBOOK, dark=theme == "dark")
    page.run_all()
    assert page.cell_errors() == []
    page.figure(2)
    assert set(page.figures()) == {"kiel", "tinsley_wallerstein", "sky"}
    keep_picture(page, f"tour-{theme}")
    assert page.zoom_is_live("kiel")
    page.run_code(IN_VIEW)
    assert page.cell_errors() == []
    keep_picture(page, f"tour-{theme}-zoomed")
    page.save()
    page.reload()
    page.figure(0)
    assert page.zoom_is_live("tinsley_wallerstein")
    keep_picture(page, f"tour-{theme}-reloaded")
    assert page.console_errors == []
    assert page.foreign_requests == []
