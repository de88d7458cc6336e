"""A spectrum viewer in a real JupyterLab and a real Chromium, timed from the hand to the repaint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stellarnb.errors import StellarnbError
from tests.support.lab import write_notebook

if TYPE_CHECKING:
    from tests.support.lab import LabPage

__all__ = ["WATCH", "open_ours", "open_peer", "time_peer", "time_slider", "time_step", "time_zoom"]

#: Longest that one gesture may take, and the rest between two [ms].
LONGEST, REST = 30_000, 400

#: Notes when the user acts, when a line is drawn, and when the viewer has drawn what it says. The
#: frame in which a change is seen counts.
WATCH = """(() => {
  const seen = window.stellarnb_seen = {hand: 0, stroke: 0, row: 0, view: 0, labels: 0}
  const coming = new Set()
  const note = key => {
    if (coming.has(key)) return
    coming.add(key)
    requestAnimationFrame(() => setTimeout(() => {
      coming.delete(key)
      seen[key] = performance.now()
    }, 0))
  }
  const {stroke} = CanvasRenderingContext2D.prototype
  CanvasRenderingContext2D.prototype.stroke = function(...args) {
    note("stroke")
    return stroke.apply(this, args)
  }
  for (const kind of ["keydown", "wheel", "pointerdown"]) {
    window.addEventListener(kind, () => { seen.hand = performance.now() }, {capture: true})
  }
  window.stellarnb_follow = () => new MutationObserver(list => {
    for (const {attributeName, oldValue, target} of list) {
      // A picture that was redrawn unchanged is not an answer.
      if (target.getAttribute(attributeName) !== oldValue) note(attributeName.slice(5))
    }
  }).observe(document.querySelector(".snb-spectrum"), {
    attributes: true, attributeOldValue: true, attributeFilter: ["data-row", "data-view", "data-labels"],
  })
})()"""

_SPECTRA = """import numpy as np
import stellarnb as snb
from stellarnb.models import load_emulator

rng, n = np.random.default_rng(1), {n}
known = {{
    "teff": rng.uniform(4400, 6200, n),
    "logg": rng.uniform(1.5, 4.5, n),
    "fe_h": rng.uniform(-1.0, 0.3, n),
}}
made = load_emulator("gaia-rvs").spectra(known, "gaia-rvs")
mask = np.zeros(made.flux.shape, bool)
mask[:, :20] = mask[:, -15:] = True
ids = np.arange(n) + 4 * 10**18
spectra = snb.SpectrumSet(ids, made.wavelength, made.flux, None, mask, "gaia-rvs").degrade(snr=80.0)
"""
_OURS = "view = snb.SpectrumViewer(spectra, model='gaia-rvs')\nview"

#: The usual way: figures with a common axis on one ColumnDataSource, changed by a button's callback.
_PEER = """import ipywidgets as ipw
from bokeh.io import output_notebook
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from bokeh.resources import INLINE
from jupyter_bokeh.widgets import BokehModel

output_notebook(INLINE, hide_banner=True)
grid, row = np.asarray(spectra.wavelength.value), 0
smooth = made.flux


def columns(i):
    flux, error = np.where(spectra.mask[i], np.nan, spectra.flux[i]), spectra.error[i]
    parts = {"low": flux - error, "high": flux + error, "flux": flux, "model": smooth[i]}
    return {"x": grid, **parts, "residual": flux - smooth[i]}


source, x = ColumnDataSource(columns(0)), Range1d(grid[0], grid[-1])
plots = []
for height, names in ((240, ("flux", "model")), (80, ("residual",)), (90, ("residual",))):
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_range=x,
        tools="xpan,xwheel_zoom",
        active_scroll="xwheel_zoom",
        toolbar_location=None,
        lod_timeout=40,
    )
    if height == 240:
        plot.varea("x", "low", "high", source=source, fill_alpha=0.3)
    for name in names:
        plot.line("x", name, source=source)
    plots.append(plot)


def step(_):
    global row
    row = (row + 1) % len(spectra)
    source.data = columns(row)


button = ipw.Button(description="next spectrum")
button.on_click(step)
ipw.VBox([button, BokehModel(column(*plots, sizing_mode="stretch_width"))])"""


def open_ours(page: LabPage, folder: Path, n: int) -> None:
    """Show our viewer of n spectra, and wait until it has come to rest."""
    _open(page, write_notebook(folder / "ours.ipynb", [_SPECTRA.format(n=n), _OURS]))
    page.page.wait_for_selector(".snb-spectrum tbody", timeout=LONGEST)
    page.page.wait_for_timeout(5 * REST)
    page.page.evaluate("window.stellarnb_follow()")


def open_peer(page: LabPage, folder: Path, n: int) -> None:
    """Show n spectra in Bokeh figures with a button that steps."""
    _open(page, write_notebook(folder / "peer.ipynb", [_SPECTRA.format(n=n), _PEER]))
    page.figure(0)
    page.page.wait_for_timeout(5 * REST)


def time_step(page: LabPage, runs: int) -> list[float]:
    """Press n; return milliseconds to the repaint with the next spectrum."""
    page.page.locator(".snb-figure").focus()
    return [_timed(page, lambda: page.page.keyboard.press("n"), "row") for _ in range(runs)]


def time_zoom(page: LabPage, runs: int) -> list[float]:
    """Turn the wheel by a step, in and out; return milliseconds to the repaint."""
    box = page.page.locator(".snb-figure canvas").bounding_box() or {"x": 0.0, "y": 0.0}
    page.page.mouse.move(box["x"] + 300, box["y"] + 100)
    return [
        _timed(page, lambda i=i: _turn(page, i), "view")  # type: ignore[misc]
        for i in range(runs)
    ]


def time_slider(page: LabPage, runs: int) -> list[float]:
    """Move the slider for S/N by a step; return milliseconds to the repaint with new labels."""
    page.page.get_by_role("slider", name="S/N per pixel").focus()
    return [
        _timed(page, lambda: page.page.keyboard.press("ArrowLeft"), "labels") for _ in range(runs)
    ]


def time_peer(page: LabPage, runs: int) -> tuple[list[float], list[float]]:
    """Return milliseconds to the last repaint of Bokeh's figures: of steps, and of zooms."""
    button = page.page.get_by_role("button", name="next spectrum")
    steps = [_timed(page, button.click, "stroke") for _ in range(runs)]
    page.page.mouse.move(*page.place(0, (0.5, 0.5)))
    zooms = [
        _timed(page, lambda i=i: _turn(page, i), "stroke")  # type: ignore[misc]
        for i in range(runs)
    ]
    return steps, zooms


def _turn(page: LabPage, number: int) -> None:
    page.page.mouse.wheel(0, -120 if number % 2 == 0 else 120)


def _open(page: LabPage, notebook: str) -> None:
    page.open(notebook)
    page.run_all()
    errors = page.cell_errors()
    if errors:
        raise StellarnbError(f"A cell of the benchmark failed: {errors[0]}")


def _timed(page: LabPage, gesture: Callable[[], object], key: str) -> float:
    page.page.evaluate("key => { window.stellarnb_seen[key] = 0 }", key)
    gesture()
    there = "key => window.stellarnb_seen[key] > window.stellarnb_seen.hand"
    page.page.wait_for_function(there, arg=key, timeout=LONGEST)
    page.page.wait_for_timeout(REST)
    taken: float = page.page.evaluate(
        "key => window.stellarnb_seen[key] - window.stellarnb_seen.hand", key
    )
    return taken
