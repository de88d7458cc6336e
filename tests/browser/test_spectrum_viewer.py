"""The spectrum viewer and the validation as their user meets them, by keys and mouse."""

import os
from pathlib import Path

import pytest

from stellarnb.views.live.notebook import STILL
from tests.support.lab import lab_page, lab_server, write_notebook

pytestmark = pytest.mark.browser

MAKE = """import numpy as np
import stellarnb as snb
from stellarnb.models import load_emulator

n = 40
known = {"teff": np.linspace(4500, 6000, n), "logg": np.full(n, 3.0), "fe_h": np.full(n, -0.2)}
made = load_emulator("gaia-rvs").spectra(known, "gaia-rvs")
mask = np.zeros(made.flux.shape, bool)
mask[:, :20] = mask[:, 1200:1230] = True
mask[7] = True
ids = 2**62 + 1 + 2 * np.arange(n)
names = [f"<img src=x onerror=alert({i})>" for i in range(n)]
clean = snb.SpectrumSet(ids, made.wavelength, made.flux, None, mask, "gaia-rvs", names=names)
spectra = clean.degrade(snr=100.0)
model = snb.load_model("gaia-rvs")
labels = model.predict(spectra, progress=False)
reference = {"source_id": ids, **known, "snr": np.linspace(20, 200, n)}"""
SHOW = "view = snb.SpectrumViewer(spectra, model=model)\nview"
CHECK = "check = snb.Validation(labels, {'<b>truth</b>': reference}, good_only=False)\ncheck"
ROOT = ".snb-spectrum"


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("spectra")
    with lab_server(folder) as server, lab_page(server) as page:
        page.folder = folder
        yield page


@pytest.fixture
def opened(lab):
    def open_(name, *cells):
        write_notebook(lab.folder / name, [MAKE, *cells])
        lab.open(name)
        lab.run_all()
        assert lab.cell_errors() == []
        lab.console_errors.clear()
        return lab

    return open_


def run(lab, code):
    lab.run_code(code)
    assert lab.cell_errors() == []


def keep_picture(lab, name):
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        lab.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def shown(lab, name):
    return lab.page.locator(ROOT).first.get_attribute(f"data-{name}")


def press(lab, key, row):
    lab.page.keyboard.press(key)
    lab.wait_for(lambda: shown(lab, "row") == str(row), f"spectrum {row} after {key}")


def told(lab, words):
    lab.wait_for(lambda: words in lab.page.locator(ROOT).first.inner_text(), words)


def test_keys_step_zoom_and_jump_and_the_labels_follow(opened):
    lab = opened("keys.ipynb", SHOW)
    page = lab.page
    told(lab, "gaia-rvs (synthetic-trained)")
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    figure = page.locator(".snb-figure").first
    figure.focus()
    before = page.evaluate(active)
    press(lab, "n", 1)
    press(lab, "ArrowRight", 2)
    press(lab, "p", 1)
    press(lab, "End", 39)
    press(lab, "PageUp", 29)
    press(lab, "Home", 0)
    whole = shown(lab, "view")
    page.keyboard.press("+")
    lab.wait_for(lambda: shown(lab, "view") != whole, "a zoom")
    page.wait_for_timeout(400)  # Python is told once the view has come to rest
    run(lab, "low, high = view.view; assert 11.9 < high - low < 12.1, view.view")
    figure.focus()
    page.keyboard.press("0")
    lab.wait_for(lambda: shown(lab, "view") == whole, "the whole range")
    # JupyterLab has not taken the arrows for its cells.
    assert page.locator(ROOT).count() == 1
    assert page.evaluate(active) >= before

    assert lab.console_errors == []


def test_the_mouse_zooms_and_drags_and_stars_are_found(opened):
    lab = opened("mouse.ipynb", SHOW)
    page = lab.page
    told(lab, "gaia-rvs (synthetic-trained)")
    whole = shown(lab, "view")
    # Wheel and drag: Python is told of both.
    canvas = page.locator(f"{ROOT} canvas").first
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 100)
    page.mouse.wheel(0, -240)
    lab.wait_for(lambda: shown(lab, "view") != whole, "a zoom by the wheel")
    zoomed = shown(lab, "view")
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 100, steps=4)
    page.mouse.up()
    lab.wait_for(lambda: shown(lab, "view") != zoomed, "a drag")
    page.wait_for_timeout(400)
    run(lab, "assert view.view and view.view[0] > 850, view.view")

    # By source_id, beyond what a float can hold; a name with markup is text.
    jump = page.get_by_label("Go to a source_id").first
    jump.fill(str(2**62 + 11))
    jump.press("Enter")
    told(lab, f"source_id {2**62 + 11} · <img src=x onerror=alert(5)>")
    run(lab, f"assert view.source_id == {2**62 + 11} and view.row == 5")
    jump.fill("nobody")
    jump.press("Enter")
    page.get_by_text("No spectrum of 'nobody' here").wait_for()

    # A spectrum without a pixel.
    jump.fill("#8")
    jump.press("Enter")
    told(lab, "nothing can be read from this spectrum")
    assert lab.console_errors == []
    assert lab.foreign_requests == []


def test_sliders_degrade_and_the_newest_labels_are_shown(opened):
    lab = opened("sliders.ipynb", SHOW, "view")
    page = lab.page
    told(lab, "gaia-rvs (synthetic-trained)")
    slider = page.get_by_role("slider", name="S/N per pixel").first
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "as observed"
    for _ in range(50):
        page.keyboard.press("ArrowLeft")
    told(lab, "degraded")
    run(lab, "labels = view.shown_labels; assert 10 < view.snr < 40, view.snr")
    run(
        lab,
        "want = view._source.star_labels(view.row, view.shown); assert labels.rows == want.rows",
    )
    run(
        lab,
        "from stellarnb.widgets.spectrum_viewer.front import worded; print(worded(labels.rows[0]))",
    )
    value = page.locator(".jp-OutputArea-output pre").last.inner_text().strip()
    # Shown twice: both say the same.
    for number in range(2):
        text = page.locator(ROOT).nth(number).inner_text
        lab.wait_for(lambda text=text: value in text(), f"{value} in view {number}")
    assert lab.console_errors == []


def test_words_are_legible_in_both_themes_and_narrow_windows(opened):
    lab = opened("themes.ipynb", SHOW, CHECK)
    page = lab.page
    told(lab, "gaia-rvs (synthetic-trained)")
    page.get_by_text("39 stars in both").first.wait_for()
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        dark = "Dark" in theme
        light = str(not dark).lower()
        page.wait_for_function(f"document.body.dataset.jpThemeLight === '{light}'")
        page.wait_for_timeout(1000)
        page.locator(ROOT).first.scroll_into_view_if_needed()
        keep_picture(lab, f"spectrum-{'dark' if dark else 'light'}")
        for part in (".snb-title", "button:not(:disabled)", ".snb-labels td", ".snb-small"):
            node = page.locator(f"{ROOT} {part}").first
            ink, paper = node.evaluate(
                """node => [getComputedStyle(node).color,
                  getComputedStyle(node.closest('.snb-spectrum')).backgroundColor]"""
            )
            assert lab.contrast(ink, paper) > 4.5, (theme, part)
        page.get_by_text("39 stars in both").first.scroll_into_view_if_needed()
        keep_picture(lab, f"validation-{'dark' if dark else 'light'}")
    # Each control has a name.
    unnamed = page.locator(ROOT).first.evaluate(
        """root => [...root.querySelectorAll('button, input, select, [tabindex]')].filter(node =>
          !(node.ariaLabel || node.getAttribute('aria-label') || node.labels?.length)).length"""
    )
    assert unnamed == 0
    page.set_viewport_size({"width": 620, "height": 900})
    page.wait_for_timeout(600)
    assert page.locator(ROOT).first.evaluate("root => root.scrollWidth <= root.clientWidth + 1")
    keep_picture(lab, "spectrum-narrow")
    page.set_viewport_size({"width": 1500, "height": 1000})


def test_without_a_kernel_there_is_a_picture_and_a_sentence(opened):
    lab = opened("asleep.ipynb", SHOW)
    told(lab, "gaia-rvs (synthetic-trained)")
    run(lab, "view.row = 4; view.shown_labels; view._work.wait(20)")
    lab.save()
    lab.restart_kernel()
    lab.reload()
    picture = lab.page.locator(".stellarnb-picture").first
    picture.wait_for()
    assert STILL in picture.inner_text()
    image = picture.locator("img")
    assert image.evaluate("image => image.naturalWidth") > 400
    assert "Spectrum 5 of 40" in image.get_attribute("alt")
