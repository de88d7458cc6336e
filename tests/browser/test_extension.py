"""The JupyterLab extension as its user meets it: launcher, panel, palette, Notebook 7."""

from pathlib import Path

import pytest

import stellarnb as snb
from tests.support.lab import LabPage, lab_page, write_notebook

pytestmark = pytest.mark.browser

SOURCE = Path(__file__).resolve().parents[2] / "stellarnb" / "labextension"
EVIL = "<img src=x onerror=document.body.remove()>"
MAKE = f"""import numpy as np
import stellarnb as snb

flux = np.ones((3000, 343), dtype=np.float32)
stars = snb.mock_milky_way(3000)
spectra = snb.SpectrumSet(stars["source_id"], np.arange(336.0, 1021.0, 2.0), flux)
globals()["{EVIL}"] = spectra[:5]"""
#: Of Notebook 7.6 itself: it says them with no extension of ours too.
NOTEBOOKS_OWN = {
    "Cannot read properties of undefined (reading 'schema')",
    "Cannot convert undefined or null to object",
}
#: The notebook in front; others are there and hidden.
FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
RAN = "() => window.jupyterapp.shell.currentWidget.content.widgets[0].model.executionCount"
#: A cell that is busy with a figure that is not finished, until a file is there.
BUSY = """import time
from pathlib import Path
import matplotlib.pyplot as plt

figure = plt.figure()
late = spectra[:7]
while not Path("enough").exists():
    time.sleep(0.1)
plt.plot([1, 2])
plt.show()"""


@pytest.fixture(scope="module")
def window(lab):
    with lab_page(lab[0], width=1280, height=900) as opened:
        yield opened


@pytest.fixture
def page(window):
    """One page for all tests: loading JupyterLab takes longer than what is tested."""
    window.console_errors.clear()
    yield window
    assert window.foreign_requests == []


def open_with_panel(page: LabPage, folder: Path, name: str, cells: list[str]) -> None:
    write_notebook(folder / name, cells)
    if "/lab" not in page.page.url:
        page.visit("lab")
    page.page.evaluate(
        """async path => {
          const opened = await window.jupyterapp.commands.execute('docmanager:open', {path});
          await opened.context.ready;
        }""",
        name,
    )
    page.wait_idle()
    page.command("stellarnb:show-panel")
    page.run_all()
    assert page.cell_errors() == []


def line(page: LabPage, text: str):
    return page.page.locator("#stellarnb-panel [role=option]").filter(has_text=text).first


def status(page: LabPage) -> str:
    return page.page.locator("#stellarnb-panel [role=status]").first.inner_text()


def sources(page: LabPage) -> list[str]:
    return page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
        ".map(cell => cell.source)"
    )


def subshells(page: LabPage) -> list[str]:
    return page.page.evaluate(
        "async () => (await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestListSubshell({}).done).content.subshell_id"
    )


@pytest.fixture
def in_panel(serious):
    """Find what axe-core finds in the panel that is serious or critical."""
    return lambda page: serious(page, "#stellarnb-panel")


def test_the_launcher_opens_the_workbench_and_the_tutorials(page, lab, keep_picture) -> None:
    page.visit("lab")
    cards = page.page.locator(".jp-LauncherCard[data-category=Stellar]")
    cards.first.wait_for()
    assert cards.first.inner_text() == "Workbench"
    assert cards.count() == 1 + len(list((SOURCE.parents[1] / "notebooks").glob("??_*.ipynb")))
    keep_picture(page, "launcher-light")
    for name in ("Workbench.ipynb", "Workbench-1.ipynb"):
        cards.first.focus()
        page.page.keyboard.press("Enter")
        page.wait_for((lab[1] / name).exists, name)
        page.wait_for(lambda: "Workbench" in "".join(sources_or_none(page)), "the notebook")
        page.wait_idle()
        page.wait_for(lambda: page.page.evaluate(RAN) == 1, "its cell to have run")
        assert page.cell_errors() == [] or not hasattr(snb, "Workbench")
        page.command("launcher:create")
    cards.get_by_text("From an empty notebook").click()
    page.wait_for(lambda: any("snb.open_archive" in s for s in sources_or_none(page)), "the tour")
    page.wait_idle()
    assert (lab[1] / "00_tour.ipynb").exists()
    assert page.console_errors == []


def sources_or_none(page: LabPage) -> list[str]:
    """Return the cells of the widget in front, if it is a notebook."""
    is_notebook = "() => !!window.jupyterapp.shell.currentWidget?.content?.model?.sharedModel"
    return sources(page) if page.page.evaluate(is_notebook) else []


def test_the_panel_shows_the_kernel_and_inserts_code(page, lab, keep_picture) -> None:
    open_with_panel(page, lab[1], "panel.ipynb", [MAKE, "chart = snb.ChemicalMap(stars)", ""])
    line(page, "chart").wait_for()
    assert "SpectrumSet · 3,000 rows" in line(page, "spectra").inner_text()
    assert "mock" in line(page, "stars").inner_text()
    assert "synthetic-trained" in line(page, "gaia-rvs").inner_text()
    assert line(page, EVIL).locator(".jp-stellarnb-name").inner_text() == EVIL
    assert page.page.locator("#stellarnb-panel img").count() == 0
    keep_picture(page, "panel-light")

    # The active cell is empty and takes the code; then a new one is made below.
    line(page, "spectra").focus()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("Enter")
    assert sources(page)[2:] == ["snb.SpectrumViewer(spectra)"]
    line(page, "stars").dblclick()
    assert sources(page)[2:] == ["snb.SpectrumViewer(spectra)", "snb.ChemicalMap(stars)"]
    line(page, "xp-apogee").dblclick()
    assert sources(page)[4:] == ['snb.load_model("xp-apogee")']

    # Dropped on an editor it goes in there; dropped beside one it becomes a cell.
    page.page.evaluate("document.getSelection().removeAllRanges()")
    editors = page.page.locator(f"{FRONT} .cm-content")
    line(page, "chart").drag_to(editors.nth(1))
    page.wait_for(lambda: len(sources(page)[1]) == len("chart = snb.ChemicalMap(stars)chart"), "it")
    line(page, "chart").drag_to(page.page.locator(f"{FRONT} .jp-InputPrompt").nth(0))
    page.wait_for(lambda: sources(page)[1] == "chart", "a new cell below the first")

    # Nothing of the asking is in the history.
    page.run_code("assert len(In) == 4, In")
    assert page.cell_errors() == []
    assert page.console_errors == []


def test_a_busy_kernel_answers_and_its_cell_is_left_alone(page, lab) -> None:
    open_with_panel(page, lab[1], "busy.ipynb", [MAKE, ""])
    line(page, "spectra").wait_for()
    page.page.evaluate(
        "code => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel"
        ".setSource(code)",
        BUSY,
    )
    # Not awaited: it ends when the cell does.
    page.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for(lambda: status(page).endswith("busy."), "the cell to run")
    refresh = page.page.locator("#stellarnb-panel").get_by_role("button", name="Refresh")

    def shown() -> bool:
        refresh.click()
        page.page.wait_for_timeout(500)
        return line(page, "late").count() == 1

    page.wait_for(shown, "what the running cell has made")
    assert status(page).endswith("busy.")
    assert len(subshells(page)) <= 1
    (lab[1] / "enough").touch()
    page.wait_idle()
    assert page.cell_errors() == []
    # One figure, finished: looking at the kernel has not shown it half drawn.
    images = page.page.locator(f"{FRONT} .jp-OutputArea-output img")
    page.wait_for(lambda: images.count() == 1, "the figure")
    page.wait_for(lambda: subshells(page) == [], "the subshells to be gone")
    page.page.wait_for_timeout(500)
    assert images.count() == 1

    page.restart_kernel()
    page.wait_for(lambda: line(page, "spectra").count() == 0, "the old kernel's spectra to be gone")
    line(page, "gaia-rvs").wait_for()
    page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.shutdown()"
    )
    page.wait_for(lambda: "has no kernel" in status(page), "words that there is no kernel")
    assert line(page, "gaia-rvs").is_hidden()
    assert page.console_errors == []


def test_the_palette_has_the_commands_and_a_setting_stops_the_looking(page, lab) -> None:
    open_with_panel(page, lab[1], "settings.ipynb", [MAKE])
    line(page, "spectra").wait_for()
    page.page.evaluate(
        """async () => {
          const manager = window.jupyterapp.serviceManager.settings;
          await manager.save('stellarnb:plugin', '{"refresh": false}');
        }"""
    )
    page.reload()
    line(page, "spectra").wait_for()
    page.run_code("more = spectra[:2]")
    page.page.wait_for_timeout(1500)
    assert line(page, "spectra").count() == 1
    assert line(page, "more").count() == 0
    page.page.keyboard.press("Control+Shift+C")
    page.page.keyboard.type("Stellar ask the kernel")
    page.page.locator(".lm-CommandPalette-itemLabel", has_text="Ask the Kernel").wait_for()
    page.page.keyboard.press("Enter")
    line(page, "more").wait_for()
    page.page.evaluate(
        "() => window.jupyterapp.serviceManager.settings.save('stellarnb:plugin', '{}')"
    )
    assert page.console_errors == []


def test_axe_finds_nothing_serious_and_a_narrow_panel_needs_no_sideways_scrolling(
    page, lab, in_panel, keep_picture
):
    page.visit("lab")
    page.command("stellarnb:show-panel")
    page.wait_for(lambda: "No notebook is open" in status(page), "words that there is none")
    assert in_panel(page) == []
    open_with_panel(page, lab[1], "axe.ipynb", [MAKE])
    line(page, "spectra").focus()
    assert in_panel(page) == []
    page.page.locator("#stellarnb-panel").evaluate(
        "node => node.style.setProperty('width', '180px', 'important')"
    )
    keep_picture(page, "panel-narrow")
    fits = "node => node.scrollWidth <= node.clientWidth"
    assert page.page.locator("#stellarnb-panel").evaluate(fits)
    assert page.console_errors == []


def test_the_dark_theme(page, lab, in_panel, keep_picture) -> None:
    theme = (
        "async name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    )
    open_with_panel(page, lab[1], "dark.ipynb", [MAKE])
    page.page.evaluate(theme, "JupyterLab Dark")
    page.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    line(page, "spectra").focus()
    keep_picture(page, "panel-dark")
    assert in_panel(page) == []
    page.command("launcher:create")
    page.page.locator(".jp-LauncherCard[data-category=Stellar]").first.wait_for()
    keep_picture(page, "launcher-dark")
    page.page.evaluate(theme, "JupyterLab Light")
    page.page.locator("body[data-jp-theme-light=true]").wait_for(state="attached")
    assert page.console_errors == []


def test_notebook_7_has_the_panel_and_the_commands(window, lab, in_panel, keep_picture) -> None:
    page = window.another()
    write_notebook(lab[1] / "seven.ipynb", [MAKE, ""])
    page.visit("notebooks/seven.ipynb")
    page.wait_idle()
    page.command("stellarnb:show-panel")
    page.run_all()
    line(page, "spectra").dblclick()
    assert sources(page)[1:] == ["snb.SpectrumViewer(spectra)"]
    keep_picture(page, "panel-notebook-7")
    assert in_panel(page) == []

    # There is no launcher: the palette of the list of files opens tutorials, each in its page.
    files = window.another()
    files.visit("tree")
    with files.page.expect_popup() as popup:
        files.page.evaluate(
            "() => void window.jupyterapp.commands.execute('stellarnb:open-tutorial',"
            " {file: '00_tour.ipynb'})"
        )
    popup.value.get_by_role("heading", name="From an empty notebook").first.wait_for()
    assert "/notebooks/" in popup.value.url
    for opened in (page, files):
        assert set(opened.console_errors) <= NOTEBOOKS_OWN
        assert opened.foreign_requests == []
        opened.page.close()
