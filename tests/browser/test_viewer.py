"""The viewer of files in real JupyterLab: what a double click in the file browser opens."""

from __future__ import annotations

import importlib.util
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from tests.support.lab import LabPage, LabServer, lab_page, lab_server

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
EXTENSION = HERE.parents[1] / "stellarnb" / "labextension"
VIEWER = ".jp-Document:not(.lm-mod-hidden) > .jp-stellarnb-Viewer"
#: Over the limit of the settings [bytes]; nothing but zeros, so that it takes no room on disk.
LARGE = 120_000_000


def _samples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("viewer_files", HERE / "viewer_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAMPLES = _samples()


def write_large(path: Path) -> int:
    """Write a FITS table larger than the limit, of zeros after its first row; return its rows."""
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("source_id", "K", array=np.array([SAMPLES.SOURCE_ID])),
            fits.Column("vector", "1000E", array=np.zeros((1, 1000), dtype="f4")),
        ]
    )
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    rows = LARGE // 4008
    data = path.read_bytes()
    old = b"NAXIS2  =                    1"
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, b"NAXIS2  = " + str(rows).rjust(20).encode()))
    os.truncate(path, 2 * 2880 + -(-rows * 4008 // 2880) * 2880)
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("files")
    SAMPLES.write_all(out)
    (out / "expected.json").unlink()
    whole = (out / "spectrum.fits").read_bytes()
    (out / "cut.fits").write_bytes(whole[: 2880 * 2 + 1000])
    (out / "page.fits").write_text("<html><title>Please log in</title></html>")
    shutil.copy(out / "table.ecsv", out / "table-misnamed.fits")
    (out / "broken.vot").write_text("<VOTABLE><RESOURCE><TABLE></RESOURCE></VOTABLE>")
    empty = SAMPLES.table()["source_id", "teff"][:0]
    empty.write(out / "empty.vot", format="votable")
    (out / "sub folder").mkdir()
    shutil.copy(out / "spectrum.fits", out / "sub folder" / "star #1 100%.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names like these are what is tried
        markup = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(_markup_table())])
        markup[0].header["OBJECT"] = SAMPLES.MARKUP
        markup.writeto(out / "markup.fits")
    return out


def _markup_table() -> Any:
    out = SAMPLES.spectrum_table()
    out["note"] = [SAMPLES.MARKUP] * len(out)
    out.rename_column("note", SAMPLES.MARKUP[:60])
    return out


def built(path: Path) -> Path:
    """Return a path that the extension's build makes; CI says that it must be there."""
    if not path.exists() and not os.environ.get("STELLARNB_REQUIRE_LABEXTENSION"):
        pytest.skip(f"{path.name} of the JupyterLab extension is not built: see CONTRIBUTING.md")
    return path


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """Run JupyterLab with the extension that is built in the sources."""
    own = tmp_path_factory.mktemp("jupyter")
    (own / "labextensions").mkdir()
    target = built(EXTENSION / "built").resolve(strict=True)
    (own / "labextensions" / "stellarnb").symlink_to(target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(own))
        with lab_server(folder) as running:
            yield running


@pytest.fixture(scope="module")
def opened(server: LabServer) -> Iterator[LabPage]:
    with lab_page(server, width=1300, height=800) as out:
        out.page.set_default_timeout(20_000)
        out.page.goto(f"{server.url}/lab?token={server.token}&reset")
        out.page.wait_for_selector(".jp-DirListing-item")
        yield out


@pytest.fixture
def page(opened: LabPage) -> Iterator[LabPage]:
    """Return the page with no file open; whatever a test does must leave no error in the console."""
    opened.command("application:close-all")
    yield opened
    assert opened.console_errors == []
    assert opened.foreign_requests == []


def open_file(page: LabPage, name: str, ready: str) -> str:
    """Open a file by double click, wait for an element of the viewer, and return its text."""
    page.page.locator(f'.jp-DirListing-item[title^="Name: {name}\\a"]').dblclick()
    page.page.wait_for_selector(f"{VIEWER} {ready}")
    return text(page)


def text(page: LabPage) -> str:
    return page.page.locator(VIEWER).inner_text()


def tab(page: LabPage, name: str) -> None:
    page.page.locator(VIEWER).get_by_role("tab", name=name).click()


def open_and_close(page: LabPage, name: str, ready: str, times: int) -> dict[str, int]:
    """Open a file and close it again, so many times; return what is there when all is collected.

    ``kept`` of the viewers and their documents, ``bytes`` of the page, ``nodes``, ``listeners``.
    """
    page.page.evaluate(
        """async ([name, ready, times]) => {
          const {commands} = window.jupyterapp;
          const next = () => new Promise(resolve => requestAnimationFrame(resolve));
          window.viewersClosed = [];
          for (let i = 0; i < times; i++) {
            const widget = await commands.execute('docmanager:open', {path: name});
            while (!widget.node.querySelector(ready)) await next();
            window.viewersClosed.push(new WeakRef(widget), new WeakRef(widget.context));
            widget.close();
            while (!widget.isDisposed) await next();
          }
        }""",
        [name, ready, times],
    )
    page.page.wait_for_timeout(500)
    tools = page.page.context.new_cdp_session(page.page)
    for _ in range(3):
        tools.send("HeapProfiler.collectGarbage")
    used, counted = tools.send("Runtime.getHeapUsage"), tools.send("Memory.getDOMCounters")
    tools.detach()
    kept = page.page.evaluate("() => window.viewersClosed.filter(one => one.deref()).length")
    return {
        "kept": int(kept),
        "bytes": int(used["usedSize"]),
        "nodes": int(counted["nodes"]),
        "listeners": int(counted["jsEventListeners"]),
    }


def keep_picture(page: LabPage, name: str) -> None:
    """Leave a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("STELLARNB_SCREENSHOTS")
    if folder:
        page.page.mouse.move(5, 795)
        page.page.wait_for_timeout(300)
        page.page.screenshot(path=str(Path(folder) / f"viewer-{name}.png"))


def ink(page: LabPage) -> int:
    """Return how many pixels of the plot have the colour of the line, or of its band."""
    count: int = page.page.evaluate(
        """viewer => {
          const canvas = document.querySelector(viewer + ' canvas');
          const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let n = 0;
          for (let i = 0; i < data.length; i += 4) n += Math.abs(data[i] - data[i + 2]) > 40;
          return n;
        }""",
        VIEWER,
    )
    return count


def test_a_spectrum_is_drawn_with_units_and_can_be_read_off_by_keyboard(page) -> None:
    open_file(page, "spectrum.fits", "canvas[aria-label]")
    label = page.page.locator(f"{VIEWER} canvas").get_attribute("aria-label")
    assert "Wavelength [Å]" in label
    assert "200 pixels, with its errors as a band" in label
    page.wait_for(lambda: ink(page) > 500, "the line of the spectrum")
    page.page.locator(f"{VIEWER} [role=group]").focus()
    page.page.keyboard.press("ArrowRight")
    readout = page.page.locator(f"{VIEWER} output").inner_text()
    wave = SAMPLES.fluxes()[0]
    assert f"{wave[100]:.8g}"[:6] in readout or f"{wave[101]:.8g}"[:6] in readout
    assert "±" in readout
    before = ink(page)
    page.page.keyboard.press("+")
    page.page.keyboard.press("+")
    page.wait_for(lambda: ink(page) != before, "the zoomed plot")
    keep_picture(page, "spectrum-light-zoomed")
    page.page.keyboard.press("Home")
    page.wait_for(lambda: abs(ink(page) - before) < 0.02 * before, "the whole spectrum again")
    keep_picture(page, "spectrum-light")


@pytest.mark.parametrize("name", ["types.fits", "binary2.vot", "zstd.parquet", "table.ecsv"])
def test_identifiers_units_and_descriptions_of_each_kind_of_table(page, name) -> None:
    open_file(page, name, "[role=tab]")
    tab(page, "Table")
    page.page.wait_for_selector(f"{VIEWER} tbody td")
    assert str(SAMPLES.SOURCE_ID) in text(page)
    tab(page, "Columns")
    shown = text(page)
    assert ("Effective temperature" in shown and "K" in shown) or "Gaia's identifier" in shown


def test_a_header_is_searched_and_tabs_are_moved_by_arrows(page) -> None:
    open_file(page, "images.fits", "canvas[aria-label]")
    page.page.locator(f"{VIEWER} [role=tab]").first.focus()
    page.page.keyboard.press("ArrowRight")
    page.page.locator(VIEWER).get_by_label("Search the header").fill("crval")
    rows = page.page.locator(f"{VIEWER} [role=tabpanel]:not([hidden]) tbody tr")
    assert rows.count() == 1
    assert "3.929419" in rows.inner_text()
    page.page.locator(VIEWER).get_by_label("HDU").select_option(label="2 SPECTRUM: image, 200")
    page.page.wait_for_selector(f"{VIEWER} canvas[aria-label*='Wavelength in air']")
    assert "ERROR × flux" in text(page)


def test_what_files_say_is_text_and_never_markup(page) -> None:
    open_file(page, "markup.fits", "canvas[aria-label]")
    for name in ("Table", "Columns", "Header"):
        tab(page, name)
        page.page.wait_for_timeout(100)
    tab(page, "Table")
    assert "<b>bold</b>" in text(page)
    assert page.page.locator(f"{VIEWER} img, {VIEWER} b, {VIEWER} script").count() == 0
    keep_picture(page, "markup-light")


def test_damaged_and_misnamed_files_are_said_in_words(page) -> None:
    assert "cut short" in open_file(page, "cut.fits", ".jp-stellarnb-Viewer-notes")
    keep_picture(page, "cut-light")
    said = open_file(page, "page.fits", "[role=alert]")
    assert "web page, titled “Please log in”" in said
    assert "XML is damaged" in open_file(page, "broken.vot", "[role=alert]")
    said = open_file(page, "table-misnamed.fits", "tbody td")
    assert "Its name says FITS, but it is ECSV" in said
    assert "table is empty" in open_file(page, "empty.vot", "[role=tab]")


def test_a_large_file_is_refused_kindly_and_read_in_part(page, folder) -> None:
    loaded: list[str] = []
    page.page.on("request", lambda request: loaded.append(request.url))
    rows = write_large(folder / "large.fits")
    page.command("filebrowser:refresh")
    said = open_file(page, "large.fits", "[role=alert]")
    assert "This file has 120" in said
    assert 'snb.read("large.fits")' in said
    assert not any("large.fits" in url and "content=1" in url for url in loaded)
    keep_picture(page, "large-light")
    page.page.locator(VIEWER).get_by_role("button", name="Read in part").click()
    page.page.wait_for_selector(f"{VIEWER} tbody td")
    shown = text(page)
    assert str(SAMPLES.SOURCE_ID) in shown
    assert f"of {rows:,}" in shown
    page.page.locator(VIEWER).get_by_role("button", name="Last").click()
    page.wait_for(lambda: f"to {rows:,} of" in text(page), "the last page")


def test_a_hundred_files_opened_and_closed_leave_nothing(page, folder) -> None:
    (folder / "plain.csv").write_text("a,b\n1,2\n")
    left = {}
    tries = (("plain.csv", ".lm-DataGrid", 40), ("spectrum.fits", "canvas[aria-label]", 100))
    for name, ready, times in tries:
        before = open_and_close(page, name, ready, 10)
        after = open_and_close(page, name, ready, times)
        left[name] = {what: (after[what] - before[what]) / times for what in before}
        assert after["kept"] == 0
    print(left)
    # JupyterLab itself leaves a little of each document (4.6: 38 nodes): as much of a table of its
    # own viewer, which is opened on the same page.
    ours, own = left["spectrum.fits"], left["plain.csv"]
    assert ours["nodes"] <= own["nodes"] + 0.5
    assert ours["listeners"] <= own["listeners"] + 0.5
    assert 100 * ours["bytes"] <= 100 * own["bytes"] + 0.05 * before["bytes"]


def test_a_table_is_sorted_by_a_column(page) -> None:
    open_file(page, "types.fits.gz", "tbody td")
    column = page.page.locator(VIEWER).get_by_role("button", name="long", exact=True)
    first = page.page.locator(f"{VIEWER} tbody tr").first
    assert str(SAMPLES.SOURCE_ID) in first.inner_text()
    column.click()
    page.wait_for(lambda: str(SAMPLES.SOURCE_ID) not in first.inner_text(), "the rows sorted")
    assert page.page.locator(f"{VIEWER} th[aria-sort=ascending]").count() == 1


def test_names_of_any_kind_and_the_python_that_reads_the_file(page) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.locator('.jp-DirListing-item[title^="Name: sub folder"]').dblclick()
    open_file(page, "star #1 100%.fits", "canvas[aria-label]")
    page.page.locator(VIEWER).get_by_role("button", name="Copy as Python").click()
    assert 'Copied: spectra = snb.read("sub folder/star #1 100%.fits")' in text(page)
    page.page.locator(".jp-BreadCrumbs-home").click()


def test_notebook_7_opens_files_too(page, server) -> None:
    pytest.importorskip("notebook", reason="Notebook 7 is not installed (extra [test])")
    tree = page.another()
    tree.page.goto(f"{server.url}/tree?token={server.token}")
    item = tree.page.locator('.jp-DirListing-item[title^="Name: spectrum.fits\\a"]')
    with tree.page.context.expect_page() as opened:
        item.dblclick()
    opened.value.wait_for_selector(".jp-stellarnb-Viewer canvas[aria-label*='200 pixels']")
    assert tree.foreign_requests == []
    tree.page.context.close()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_no_serious_violation_of_accessibility(page, theme) -> None:
    axe = built(EXTENSION / "node_modules" / "axe-core" / "axe.min.js")
    page.page.evaluate(
        "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
        f"JupyterLab {theme}",
    )
    page.page.wait_for_selector(f"body[data-jp-theme-name='JupyterLab {theme}']", state="attached")
    page.page.evaluate(axe.read_text())
    for name in ("spectrum.fits", "cut.fits", "page.fits"):
        open_file(page, name, ":is([role=alert], canvas[aria-label])")
        tabs = page.page.locator(f"{VIEWER} [role=tab]").all_inner_texts()
        for one in tabs or [""]:
            if one:
                tab(page, one)
            found = page.page.evaluate(
                "viewer => axe.run(viewer).then(r => r.violations.filter("
                "v => ['serious', 'critical'].includes(v.impact))"
                ".map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))",
                VIEWER,
            )
            assert found == []
            keep_picture(page, f"{name}-{one}-{theme}".lower())
