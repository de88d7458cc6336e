"""Cancel while another cell is running: it takes effect before that cell has ended.

How long it took is printed (``-s``), not asserted, as tests run beside others: the kernel notes when
the run had ended, the page when it was clicked, by the one clock of this machine.
"""

import json
import re
import time

import pytest

from tests.support.archive_server import Limits, archive_server
from tests.support.lab import write_notebook

pytestmark = pytest.mark.browser

#: Within so long a Cancel should take effect where nothing else runs [s].
GOAL = 0.5
NOTE = """import time

def note(bar, into):
    "Note when the run has ended."
    import threading
    def watch():
        bar.task.wait()
        into.append((time.time(), bar.task.state))
    threading.Thread(target=watch).start()
"""
PREDICT = """import numpy as np
import stellarnb as snb
archive = snb.open_archive("sample")
stars = archive.query("SELECT TOP 2000 * FROM stars")
spectra = archive.spectra(stars)
many = np.arange(60_000) % len(spectra)
view = snb.Parametrizer(spectra[many], stars, variable="mine")
view"""
ARCHIVE = """import stellarnb as snb
explorer = snb.ArchiveExplorer("gaia", url={url!r}, cache=False,
    adql="SELECT source_id, ra FROM gaiadr3.gaia_source")
explorer"""
#: A cell that keeps the kernel busy, until a file is there; Python code, so that other threads
#: get their turn.
BUSY = """from pathlib import Path
end = time.time() + 90
while time.time() < end and not Path("enough").exists():
    for _ in range(5000):
        sum(range(2000))
print("the other cell has ended")"""


@pytest.fixture
def notebook(tmp_path, open_in_lab, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))

    def open_(*cells, **how):
        write_notebook(tmp_path / "cancel.ipynb", [NOTE, *cells])
        return open_in_lab(tmp_path / "cancel.ipynb", **how)

    return open_


def cancel_while_busy(page, progress):
    """Press Cancel once there is progress while a cell runs; return when that was."""
    bar = page.page.locator(".snb-task[data-state=running]").first
    bar.wait_for()
    before = bar.inner_text()
    page.wait_for(
        lambda: bar.inner_text() != before and re.search(progress, bar.inner_text()) is not None,
        "progress while the other cell runs",
    )
    button = bar.get_by_role("button", name="Cancel")
    button.scroll_into_view_if_needed()
    button.evaluate(
        "button => button.addEventListener('click', () => { window.clicked = Date.now() / 1000 }, "
        "{capture: true})"
    )
    button.click()
    page.page.locator(".snb-task[data-state=stopped]").first.wait_for(timeout=10_000)
    assert page.cell_runs(), "the other cell was over before the Cancel could show"
    return page.page.evaluate("window.clicked")


def ended(page, folder, into="ended"):
    """Return when the run had ended, and its state, as the kernel has noted."""
    (folder / "enough").touch()
    page.wait_idle()
    page.run_code(f"import json; print('noted', json.dumps({into}))")
    assert page.cell_errors() == []
    text = page.page.locator(".jp-OutputArea-output", has_text="noted [").last.inner_text()
    when, state = json.loads(text.split("noted", 1)[1])[0]
    return when, state


def subshells(page):
    return page.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
          .requestListSubshell({}).done.then(reply => reply.content.subshell_id.length)"""
    )


def test_a_prediction_stops_while_another_cell_runs_and_goes_on_later(notebook, tmp_path):
    page = notebook(PREDICT)
    page.run_all()
    assert page.cell_errors() == []
    before = subshells(page)
    page.page.get_by_role("button", name="Run", exact=True).click()
    page.page.locator(".snb-task[data-state=running]").wait_for()
    page.run_code("ended = []; note(view.bar, ended)")
    page.start_code(BUSY)
    clicked = cancel_while_busy(page, r"[1-9][\d,]* of 60,000 stars")
    when, state = ended(page, tmp_path)
    print(f"prediction: {when - clicked:.3f} s of {GOAL}")
    assert state == "stopped"
    # The subshell of the Cancel is gone, what was done is kept, and Resume goes on.
    assert subshells(page) == before
    page.run_code("assert 0 < len(view.partial) < 60_000 and view.labels is None, view.partial")
    assert page.cell_errors() == []
    page.page.get_by_role("button", name="Resume").wait_for()

    # A kernel that dies in the middle says nothing more: the page does.
    page.page.get_by_role("button", name="Resume").click()
    bar = page.page.locator(".snb-task[data-state=running]")
    bar.wait_for()
    page.wait_for(lambda: " of 60,000 stars" in bar.inner_text(), "progress")
    page.start_code("import os; os._exit(1)")
    failed = page.page.locator(".snb-task[data-state=failed]")
    failed.wait_for(timeout=20_000)
    assert "The kernel has ended in the middle of this" in failed.inner_text()
    assert "are kept" in failed.inner_text()
    assert page.foreign_requests == []


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_an_archive_job_stops_while_another_cell_runs(notebook, app, tmp_path):
    if app == "notebook":
        pytest.importorskip("notebook", reason="Notebook 7 is not installed (extra [test])")
    with archive_server(mock_stars=50, limits=Limits(job_seconds=0.2)) as server:
        server.faults.inject("stuck-executing")
        page = notebook(ARCHIVE.format(url=server.tap_url), app=app)
        # Notebook 7 has errors of its own before a cell of ours has run.
        own = set(page.console_errors)
        page.run_all()
        assert page.cell_errors() == []
        page.run_code("explorer.run(); ended = []; note(explorer._runs.bar, ended)")
        time.sleep(1)
        page.start_code(BUSY)
        clicked = cancel_while_busy(page, r"executing · \d+ s")
        when, state = ended(page, tmp_path)
    print(f"archive job ({app}): {when - clicked:.3f} s of {GOAL}")
    assert state == "stopped"
    assert app == "notebook" or own == set()
    assert set(page.console_errors) <= own
    assert page.foreign_requests == []
