import nbformat
import pytest

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
def page(tmp_path, open_in_lab):
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "map.ipynb")
    return open_in_lab(tmp_path / "map.ipynb")


def test_the_map_zooms_in_jupyterlab_and_again_after_a_reload(page):
    page.run_all()
    assert page.cell_errors() == []
    page.canvas(0).wait_for()
    assert page.page.locator(".bk-Figure").count() == 3
    assert page.zoom_is_live("kiel")
    # Python knows the view: the next cell's assertion fails otherwise.
    page.run_code(CHECK)
    assert page.cell_errors() == []
    page.save()
    page.reload()
    page.canvas(0).wait_for()
    assert page.zoom_is_live("kiel")
    assert page.console_errors == []
    assert page.foreign_requests == []
