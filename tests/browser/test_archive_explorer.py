"""The archive explorer as its user meets it: real JupyterLab, real Chromium, no other host."""

import os
import time
from pathlib import Path

import pytest

from stellarnb.views.live.notebook import STILL
from tests.support.archive_server import Fault, Limits, archive_server
from tests.support.lab import lab_page, lab_server, write_notebook

pytestmark = pytest.mark.browser

SHOW = """import stellarnb as snb
explorer = snb.ArchiveExplorer("sample")
explorer"""
#: A cell that keeps the kernel busy; Python code, so that other threads get their turn.
BUSY = """import time
end = time.time() + 12
while time.time() < end:
    sum(range(2000))"""
#: Whether a cell is running.
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"
#: Letters that are seen, with the colour and background that they have on the page.
SEEN = """selector => [...document.querySelectorAll(selector)].filter(e => e.textContent.trim())
  .slice(0, 60).map(element => {
    let at = element, back = "rgba(0, 0, 0, 0)";
    while (at && /rgba\\(.*, 0\\)|transparent/.test(back)) {
      back = getComputedStyle(at).backgroundColor;
      at = at.parentElement;
    }
    return [element.className, getComputedStyle(element).color, back];
  })"""
WORDS = (
    ".stellarnb-adql pre, .stellarnb-adql pre span, .stellarnb-adql label, .stellarnb-adql-said, "
    ".stellarnb-adql-keys, .stellarnb-chooser li span, .stellarnb-chooser label, "
    ".stellarnb-chooser-said, .snb-widget .snb-table :is(td, th), .snb-widget .snb-words"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def lab(folder, browser):
    """One JupyterLab and one page for all tests of this file."""
    with lab_server(folder) as server, lab_page(server) as page:
        yield page


@pytest.fixture
def show(lab, folder, request):
    """Open a notebook of these cells and run it."""

    def show_(*cells):
        name = write_notebook(folder / f"{request.node.name}.ipynb", cells)
        lab.console_errors.clear()
        lab.open(name)
        lab.run_all()
        assert lab.cell_errors() == []
        lab.page.get_by_label("archive", exact=True).first.wait_for()
        return lab

    yield show_
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")


def check(page, code):
    """Run some Python in the notebook; an assertion that fails there fails here."""
    page.run_code(code)
    assert page.cell_errors() == []


def sound(page):
    assert page.console_errors == []
    assert page.foreign_requests == []


def press(page, *keys):
    for key in keys:
        page.page.keyboard.press(key)


def tab_to(page, role, name, *, most=40):
    """Go on with the Tab key until a control of this role and name has the focus."""
    control = page.page.get_by_role(role, name=name, exact=True).first
    for _ in range(most):
        press(page, "Tab")
        if control.evaluate("control => control === document.activeElement"):
            return control
    raise AssertionError(f"Tab does not get to {name}.")


def keep_picture(page, name):
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    where = os.environ.get("STELLARNB_SCREENSHOTS")
    if where:
        page.page.screenshot(path=str(Path(where) / f"explorer-{name}.png"))


def legible(page):
    found = page.page.evaluate(SEEN, WORDS)
    assert len(found) > 20
    faint = [part for part in found if page.contrast(part[1], part[2]) < 4.5]
    assert faint == []


def theme(page, name):
    page.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
    )
    light = "false" if name == DARK else "true"
    page.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
    page.page.wait_for_timeout(500)


def test_a_query_by_keyboard_alone(show):
    page = show(SHOW)
    page.page.get_by_label("archive", exact=True).focus()
    tab_to(page, "searchbox", "Search tables")
    page.page.keyboard.type("apog")
    press(page, "ArrowDown", "Enter")
    page.page.get_by_text("chosen: apogee").wait_for()
    tab_to(page, "searchbox", "Search columns")
    page.page.keyboard.type("temperature")
    press(page, "ArrowDown", "Space")
    page.page.get_by_text("chosen: teff").wait_for()
    tab_to(page, "textbox", "S/N from")
    page.page.keyboard.type("100")
    tab_to(page, "textbox", "rows at most")
    page.page.keyboard.type("20")
    tab_to(page, "button", "Estimate rows")
    press(page, "Enter")
    page.page.get_by_text("20 rows, counted").wait_for()
    tab_to(page, "button", "Run")
    press(page, "Enter")
    page.page.get_by_text("20 rows × 1 column, in .result and in the variable stars").wait_for()
    keep_picture(page, "form")
    check(page, "assert len(stars) == 20 and stars.colnames == ['teff'], stars")
    check(page, "names = {}; exec(explorer.to_code(), names)")
    check(page, "assert names['stars'].arrow.equals(stars.arrow)")
    sound(page)


def test_the_editor_marks_an_error_and_completes_names(show):
    page = show(SHOW)
    page.page.get_by_role("button", name="ADQL", exact=True).focus()
    press(page, "Enter")
    area = page.page.get_by_label("ADQL query")
    area.focus()
    page.page.keyboard.type("SELECT source_id, tef\nFROM apogee WHERE 'a' = 'a' -- a word")
    wrong = page.page.locator(".stellarnb-adql-wrong")
    wrong.filter(has_text="tef").wait_for()
    assert wrong.inner_text() == "tef"
    said = page.page.locator(".stellarnb-adql-said")
    assert "line 1, column 19" in said.inner_text()
    assert area.get_attribute("aria-invalid") == "true"
    # The mark lies where the letters of the field are.
    box, field = wrong.bounding_box(), area.bounding_box()
    assert field["x"] < box["x"] < field["x"] + 250
    assert field["y"] < box["y"] < field["y"] + 30
    keep_picture(page, "error")
    legible(page)
    theme(page, DARK)
    legible(page)
    keep_picture(page, "error-dark")
    theme(page, LIGHT)

    press(page, "Tab", "Enter")  # the button 'Go to the error'
    assert area.evaluate("a => a.value.slice(a.selectionStart, a.selectionEnd)") == "tef"
    press(page, "ArrowRight", "Control+Space")
    page.page.get_by_role("option", name="teff column").wait_for()
    keep_picture(page, "complete")
    press(page, "Enter")
    assert area.input_value().startswith("SELECT source_id, teff\n")
    press(page, "Control+Enter")
    page.page.get_by_text("4,039 rows × 2 columns").wait_for()
    assert wrong.count() == 0
    check(page, "assert stars.colnames == ['source_id', 'teff']")
    page.page.get_by_role("button", name="Copy as Python: Archive explorer").wait_for()
    sound(page)


def test_cancel_reaches_the_archive_while_a_cell_runs(show, tmp_path):
    with archive_server(limits=Limits(max_rows=2000)) as server:
        server.faults.inject(Fault.STUCK_EXECUTING)
        make = f"""import stellarnb as snb
explorer = snb.ArchiveExplorer("gaia", url={server.tap_url!r}, cache=False)
explorer"""
        page = show(make)
        page.page.get_by_text("chosen: gaiadr3.gaia_source").wait_for()
        page.page.get_by_role("button", name="Run", exact=True).click()
        page.page.get_by_text("executing").first.wait_for()
        page.start_code(BUSY)
        page.page.get_by_role("button", name="Cancel: Query at gaia").click()
        clicked = time.monotonic()
        aborted = lambda: any("ABORT" in str(r.params) for r in server.log.requests)  # noqa: E731
        while not aborted() and time.monotonic() < clicked + 20:
            page.page.wait_for_timeout(20)
        took = time.monotonic() - clicked
        assert aborted()
        assert page.cell_runs()  # the other cell has not ended
        print(f"\nfrom the click on Cancel to the archive's ABORT: {took:.2f} s")
        page.wait_idle()
        page.page.get_by_text("stopped after").first.wait_for()
        check(page, "assert explorer.history[0].note == 'stopped'")
        page.page.get_by_role("button", name="Run", exact=True).wait_for()
        sound(page)


def test_twice_narrow_dark_and_asleep(show):
    page = show(
        SHOW,
        "explorer.table = 'apogee'; explorer.run(); explorer.wait()\nexplorer",
    )
    page.page.get_by_label("archive", exact=True).nth(1).wait_for()
    assert page.page.get_by_label("archive", exact=True).count() == 2
    page.page.get_by_text("4,039 rows × 11 columns").nth(1).wait_for()
    theme(page, DARK)
    legible(page)
    keep_picture(page, "dark")
    page.page.set_viewport_size({"width": 700, "height": 900})
    page.page.wait_for_timeout(800)
    keep_picture(page, "narrow")
    wide = page.page.evaluate(
        """() => [...document.querySelectorAll('.snb-widget')].map(
          e => [e.scrollWidth, e.clientWidth, e.getBoundingClientRect().width])"""
    )
    assert all(scroll <= client + 2 for scroll, client, _ in wide), wide
    page.page.set_viewport_size({"width": 1500, "height": 1000})
    theme(page, LIGHT)
    page.save()
    page.reload()
    page.page.get_by_text("4,039 rows × 11 columns").first.wait_for()
    page.restart_kernel()
    page.reload()
    still = page.page.locator(".stellarnb-picture").first
    still.wait_for()
    assert "Archive explorer of sample, table" in still.inner_text()
    assert STILL in still.inner_text()
    keep_picture(page, "asleep")
    assert page.foreign_requests == []
