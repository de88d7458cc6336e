import sys

import nbformat
import pytest

from stellarnb.errors import MissingInput
from stellarnb.testing.lab import find_chromium, lab_page, lab_server

pytestmark = pytest.mark.browser

CELLS = (
    """
import numpy as np
import stellarnb as snb

rng = np.random.default_rng(0)
n = 3000
labels = snb.Labels(
    {
        "teff": rng.normal(4800, 400, n),
        "logg": rng.normal(2.5, 0.6, n),
        "fe_h": rng.normal(-0.2, 0.3, n),
        "alpha_m": rng.normal(0.1, 0.08, n),
        "good": rng.random(n) > 0.2,
        "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-90, 90, n),
    },
    provenance={"model": "mock"},
)
""",
    "view = snb.ChemicalMap(labels)\nview",
)
CHECK = 'assert "kiel" in view.views and 0 < len(view.selection) < 3000 and not view.status'


@pytest.fixture
def page(tmp_path):
    pytest.importorskip("playwright", reason="playwright is not installed (extra [test])")
    try:
        find_chromium()
    except MissingInput as error:
        pytest.skip(str(error))
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "map.ipynb")
    with lab_server(tmp_path, python=sys.executable) as server, lab_page(server) as page:
        page.open("map.ipynb")
        yield page


def settled(page, number=0):
    """Return a figure's pixels once they no longer change."""
    last = page.pixels(number)
    for _ in range(40):
        page.page.wait_for_timeout(250)
        now = page.pixels(number)
        if now == last:
            return now
        last = now
    pytest.fail("The figure never comes to rest.")


def zoom_changes_the_image(page):
    before, old = settled(page), page.extents()
    page.wheel(0, steps=1)
    page.page.wait_for_timeout(500)
    page.wait_idle()
    after, new = settled(page), page.extents()
    aggregated_anew = 0 < new["kiel"][2] < old["kiel"][2]
    untouched = all(new[key] == old[key] for key in ("tinsley_wallerstein", "sky"))
    return after != before and aggregated_anew and untouched


def test_the_map_zooms_in_jupyterlab_and_again_after_a_reload(page):
    page.run_all()
    assert page.cell_errors() == []
    page.canvas(0).wait_for()
    assert page.page.locator(".bk-Figure").count() == 3
    assert zoom_changes_the_image(page)
    # Python knows the view: the next cell's assertion fails otherwise.
    page.run_code(CHECK)
    assert page.cell_errors() == []
    page.save()
    page.reload()
    page.canvas(0).wait_for()
    assert zoom_changes_the_image(page)
    assert page.console_errors == []
    assert page.foreign_requests == []
