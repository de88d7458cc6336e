"""The main job by mouse and keyboard in the workbench: real JupyterLab, real Chromium, no other host."""

import pytest

from tests.support.lab import lab_page, write_notebook

pytestmark = pytest.mark.browser

PAGES = ["1 Archive", "2 Spectra", "3 Predict", "4 Map", "5 Validate", "Model card"]
#: Red giants, to type in.
REGION = {
    "Teff [K] from": "4200",
    "Teff [K] to": "5200",
    "log g [dex(cm s⁻²)] from": "1",
    "log g [dex(cm s⁻²)] to": "3.2",
}
SHOW = "import stellarnb as snb\nbench = snb.Workbench()\nbench"
ROOT = ".jp-NotebookPanel:not(.lm-mod-hidden) .snb-widget"
#: The element that has the focus, as a screen reader calls it.
FOCUSED = """() => {
  let on = document.activeElement;
  while (on?.shadowRoot?.activeElement) on = on.shadowRoot.activeElement;
  const words = on?.getAttribute('aria-label') || on?.labels?.[0]?.textContent || on?.textContent;
  return (words ?? '').trim().slice(0, 100);
}"""


@pytest.fixture
def page(lab):
    """Return a page of a 13-inch screen; its kernels end with it."""
    with lab_page(lab[0], width=1280, height=720) as opened:
        opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield opened
        opened.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def run(page, code):
    page.run_code(code)
    assert page.cell_errors() == []


def open_from_launcher(page):
    """Open the Workbench as a person does who has no notebook yet."""
    page.visit("lab")
    cards = page.page.locator(".jp-LauncherCard[data-category=Stellar]")
    cards.get_by_text("Workbench", exact=True).click()
    bench_of(page).get_by_role("tab").first.wait_for(timeout=90_000)
    page.wait_idle()
    assert page.cell_errors() == []


def bench_of(page):
    return page.page.locator(ROOT).first


def press(page, name, **how):
    button = bench_of(page).get_by_role("button", name=name, **how).locator("visible=true").first
    button.scroll_into_view_if_needed()
    button.click()


def says(page, words, timeout=90):
    text = bench_of(page).get_by_text(words).locator("visible=true").first
    text.wait_for(timeout=1000 * timeout)


def tab_to(page, name, key="Tab"):
    """Go on from control to control until the one of a name has the focus."""
    passed = []
    for _ in range(60):
        page.page.keyboard.press(key)
        passed.append(page.page.evaluate(FOCUSED))
        if passed[-1] == name:
            return
    raise AssertionError(f"no way by keyboard to {name!r}: {passed}")


def predict(page):
    """Go from the query to labels, by mouse."""
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


def predict_by_keyboard(page):
    """Go from the first control of the Workbench to labels, with no mouse."""
    keys = page.page.keyboard
    bench_of(page).get_by_role("button", name="Next: 2 Spectra").focus()
    tab_to(page, "1 Archive")
    tab_to(page, "rows at most")
    keys.press("Control+a")
    keys.type("3000")
    tab_to(page, "Run")
    keys.press("Space")
    says(page, "3,000 stars")
    tab_to(page, "Fetch spectra")
    keys.press("Enter")
    says(page, "3,000 gaia-xp spectra")
    tab_to(page, "1 Archive", "Shift+Tab")
    keys.press("ArrowRight")
    keys.press("Enter")
    says(page, "1 of 3,000")
    keys.press("ArrowRight")
    keys.press("Enter")
    says(page, "What the model reads")
    tab_to(page, "Run")
    keys.press("Space")
    says(page, "labels of xp-apogee")


def map_by_keyboard(page):
    """Go from the labels to a brush and its selection in Python, with no mouse."""
    keys = page.page.keyboard
    tab_to(page, "3 Predict", "Shift+Tab")
    keys.press("ArrowRight")
    keys.press("Enter")
    says(page, "Labels are here")
    tab_to(page, "distances")
    keys.type("spec")
    tab_to(page, "Make the map")
    keys.press("Enter")
    page.figure("kiel")
    page.wait_answered()
    tab_to(page, "region and star by numbers: without a mouse")
    keys.press("Enter")
    tab_to(page, "diagram")
    for name, value in REGION.items():
        tab_to(page, name)
        keys.press("Control+a")
        keys.type(value)
    tab_to(page, "Brush")
    keys.press("Space")
    says(page, "brushed in Kiel")
    page.wait_answered()
    tab_to(page, "Kiel: log g [dex(cm s⁻²)] against Teff [K]")
    before = page.figures()["kiel"]["extent"]
    for key in ("+", "+", "ArrowRight"):
        keys.press(key)
    page.wait_for(lambda: page.figures()["kiel"]["extent"][2] < 0.7 * before[2], "a closer look")
    keys.press("0")
    page.wait_for(lambda: page.figures()["kiel"]["extent"] == before, "the whole diagram")
    tab_to(page, "Selection to Python")
    keys.press("Enter")
    says(page, "stars are in the variable selection")


def make_map(page):
    press(page, "Next: 4 Map")
    menu = bench_of(page).get_by_label("distances")
    menu.focus()
    menu.select_option(label="spectroscopic: from the labels and G")
    press(page, "Make the map")
    page.figure("kiel")
    page.wait_answered()


def select(page):
    press(page, "brush a box")
    page.wait_for(lambda: page.figures()["kiel"]["drag"] == "BoxSelectTool", "the brush")
    page.drag("kiel", (0.75, 0.15), (0.98, 0.6))
    page.wait_answered()
    press(page, "Selection to Python")
    says(page, "stars are in the variable selection")


def use_theme(page, name, light):
    page.page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name
    )
    page.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")


def sound_pages(page, serious, keep_picture, theme):
    """Open each page: axe-core finds nothing serious on it, and nothing of it is cut off."""
    tabs = bench_of(page).locator(":scope > .widget-tab > .lm-TabBar").get_by_role("tab")
    assert [text.strip() for text in tabs.all_inner_texts()] == PAGES
    for number, title in enumerate(PAGES):
        tabs.nth(number).click()
        page.wait_idle()
        page.page.wait_for_timeout(500)
        assert serious(page, ROOT) == [], (title, theme)
        bench_of(page).evaluate("bench => bench.scrollIntoView()")
        keep_picture(page, f"workbench-{number + 1}-{theme}")
        assert cut_off(page) == [], (title, theme)


def cut_off(page):
    return page.page.evaluate(
        """root => { const box = document.querySelector(root).getBoundingClientRect();
          return [...document.querySelectorAll(`${root} :is(button, select, .widget-tab)`)]
            .filter(e => e.offsetParent && e.getBoundingClientRect().right > box.right + 1)
            .map(e => e.className + e.textContent.slice(0, 40)) }""",
        ROOT,
    )


def test_from_the_launcher_to_a_selection_that_the_code_gives_again(page, lab, keep_picture):
    open_from_launcher(page)
    predict(page)
    make_map(page)
    select(page)
    keep_picture(page, "workbench-map")
    run(page, "assert 0 < len(selection) < len(labels), len(selection)")
    run(page, "assert selection.arrow.equals(bench.selection.arrow)")
    run(page, "selection.write('selection.parquet')")
    foot = page.page.locator(".snb-foot", has=page.page.get_by_label("Copy as Python: Workbench"))
    foot.get_by_label("Copy as Python: Workbench").click()
    foot.get_by_role("status").get_by_text("Copied").wait_for()
    assert page.console_errors == []

    # Pasted into a fresh notebook it makes the identical selection.
    write_notebook(lab[1] / "fresh.ipynb", [""])
    page.open("fresh.ipynb")
    editor = page.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .cm-content").first
    editor.click()
    page.page.keyboard.press("Control+v")
    page.page.keyboard.press("Shift+Enter")
    page.wait_for(page.cell_runs, "the pasted cell")
    page.wait_idle()
    assert page.cell_errors() == []
    assert "selection = " in editor.inner_text()
    run(page, "first = type(labels).read('selection.parquet')")
    run(page, "assert first.to_pandas().equals(selection.to_pandas()) and len(first) > 0")
    assert page.console_errors == []
    assert page.foreign_requests == []


def test_by_keyboard_in_both_themes_on_a_small_screen_and_asleep(page, serious, keep_picture):
    open_from_launcher(page)
    assert serious(page, ROOT) == []
    predict_by_keyboard(page)
    run(page, "assert len(labels) == len(bench.labels) == 3000")
    bench_of(page).get_by_role("tab", name="3 Predict").focus()
    map_by_keyboard(page)
    run(page, "assert 0 < len(selection) < len(labels), len(selection)")
    run(page, "assert selection['logg'].max() <= 3.2 and selection['teff'].max() <= 5200")
    run(page, "assert selection.arrow.equals(bench.selection.arrow)")
    sound_pages(page, serious, keep_picture, "light")
    use_theme(page, "JupyterLab Dark", "false")
    try:
        sound_pages(page, serious, keep_picture, "dark")
    finally:
        use_theme(page, "JupyterLab Light", "true")
    # Each control has a name.
    nameless = page.page.evaluate(
        """root => [...document.querySelectorAll(`${root} button`)]
          .filter(b => b.offsetParent && !(b.textContent.trim() || b.getAttribute('aria-label')))
          .map(b => b.outerHTML)""",
        ROOT,
    )
    assert nameless == []
    # Nothing is cut off on a narrow page.
    page.page.set_viewport_size({"width": 700, "height": 720})
    page.page.wait_for_timeout(500)
    assert cut_off(page) == []
    keep_picture(page, "workbench-narrow")
    assert page.console_errors == []

    # Without a kernel there are words in its place.
    page.save()
    page.restart_kernel()
    page.reload()
    asleep = page.page.locator(".stellarnb-picture").first
    asleep.wait_for()
    assert "Workbench: 3,000 stars" in asleep.inner_text()
    assert "run this cell" in asleep.inner_text()
    assert page.foreign_requests == []


def test_the_main_steps_in_notebook_7(open_in_lab, tmp_path, monkeypatch, keep_picture):
    pytest.importorskip("notebook", reason="Notebook 7 is not installed (extra [test])")
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    write_notebook(tmp_path / "seven.ipynb", [SHOW])
    # A server of its own: Jupyter's refuses Notebook a font (403) that it has given to JupyterLab.
    page = open_in_lab(tmp_path / "seven.ipynb", app="notebook")
    # Notebook's own, of any page of it: it says so before a cell of ours has run.
    own = set(page.console_errors)
    page.run_all()
    assert page.cell_errors() == []
    predict(page)
    make_map(page)
    select(page)
    keep_picture(page, "workbench-notebook-7")
    run(page, "assert 0 < len(selection) < len(labels), len(selection)")
    run(page, "assert selection.arrow.equals(bench.selection.arrow)")
    assert cut_off(page) == []
    assert set(page.console_errors) <= own
    assert page.foreign_requests == []
