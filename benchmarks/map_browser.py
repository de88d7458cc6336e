"""A map in a real JupyterLab and a real Chromium, timed from the user's hand to the last repaint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellarnb.errors import StellarnbError
from tests.support.lab import write_notebook

if TYPE_CHECKING:
    from tests.support.lab import LabPage

__all__ = [
    "WATCH",
    "image_size",
    "open_peer",
    "time_brush",
    "time_first",
    "time_zoom",
    "write_ours",
]

#: The columns of the four linked diagrams.
PANELS = (("teff", "logg"), ("m_h", "alpha_m"), ("R", "Z"), ("X", "Y"))
_KEYS = ["kiel", "tinsley_wallerstein", "r_z", "x_y"]
#: Without a new image for so long, a page has come to rest [ms].
QUIET = 1500
#: Longest that one gesture may take [ms].
LONGEST = 60_000

#: Notes when the user acts and when images reach the page. Bokeh puts the pixels of each image,
#: ours as those of HoloViews, into a canvas (putImageData) and draws that (drawImage).
WATCH = """(() => {
  const seen = window.stellarnb_paint = {images: 0, hand: 0, painted: 0, first: 0}
  const canvas = CanvasRenderingContext2D.prototype
  const {putImageData, drawImage} = canvas
  let fresh = false
  canvas.putImageData = function(...args) {
    seen.images += 1
    seen.changed = performance.now()
    fresh = true
    return putImageData.apply(this, args)
  }
  canvas.drawImage = function(...args) {
    const out = drawImage.apply(this, args)
    if (fresh) {
      fresh = false
      // The frame in which the image is seen.
      requestAnimationFrame(() => setTimeout(() => {
        seen.painted = performance.now()
        seen.first ||= seen.painted
      }, 0))
    }
    return out
  }
  for (const kind of ["wheel", "pointerup"]) {
    window.addEventListener(kind, () => { seen.hand = performance.now() }, {capture: true})
  }
})()"""

_OURS = """import stellarnb as snb

stars = snb.Labels.read("stars.parquet")
view = snb.ChemicalMap(stars, panels={panels!r}, good_only=False)
view.drag = "box"
view"""

#: The usual way to linked selections of many points; BokehJS comes inline, since no other host
#: can be reached.
_PEER = """import holoviews as hv
import pandas as pd
from holoviews.operation.datashader import rasterize
from holoviews.selection import link_selections

hv.extension("bokeh", inline=True)
names = sorted({{name for pair in {panels!r} for name in pair}})
frame = pd.read_parquet("stars.parquet", columns=names).astype("float32")
linked = link_selections.instance()
look = dict(
    frame_width={width},
    frame_height={height},
    cnorm="log",
    tools=["box_select"],
    active_tools=["box_select", "wheel_zoom"],
)
hv.Layout(
    [linked(rasterize(hv.Points(frame, list(pair)))).opts(hv.opts.Image(**look)) for pair in {panels!r}]
).cols(2)"""


def write_ours(folder: Path, name: str) -> str:
    """Write the notebook with our map; return its name."""
    return write_notebook(folder / name, [_OURS.format(panels=_KEYS)])


def time_first(page: LabPage, notebook: str) -> float:
    """Open a notebook and run its one cell in its new kernel; return seconds to the first map."""
    page.open(notebook)
    page.page.evaluate(
        """() => {
          window.stellarnb_paint.first = 0
          window.stellarnb_paint.run = performance.now()
        }"""
    )
    page.run_all()
    _check(page)
    page.page.wait_for_function("window.stellarnb_paint.first > 0", timeout=LONGEST)
    seen = _rest(page)
    return float((seen["first"] - seen["run"]) / 1000)


def open_peer(page: LabPage, folder: Path, size: tuple[int, int]) -> None:
    """Run the notebook with HoloViews' linked selections, images of a size [pixel]."""
    cell = _PEER.format(panels=[list(pair) for pair in PANELS], width=size[0], height=size[1])
    page.open(write_notebook(folder / "holoviews.ipynb", [cell]))
    page.run_all()
    _check(page)
    _rest(page)
    found = len(page.page.query_selector_all(".bk-Figure"))
    if found != len(PANELS):
        raise StellarnbError(f"HoloViews shows {found} figures, not {len(PANELS)}.")


def time_zoom(page: LabPage, runs: int) -> list[float]:
    """Turn the wheel by a step over the second figure; return milliseconds to the last repaint."""

    def turn(number: int) -> None:
        page.wheel(1, steps=1 if number % 2 == 0 else -1)

    return [_timed(page, lambda i=i: turn(i), least=1) for i in range(runs)]  # type: ignore[misc]


def time_brush(page: LabPage, runs: int) -> list[float]:
    """Draw boxes in the second figure; return milliseconds to the last repaint of all four."""

    def draw(number: int) -> None:
        page.drag(1, (0.35, 0.35), (0.55 + 0.02 * (number % 5), 0.6))

    return [_timed(page, lambda i=i: draw(i), least=len(PANELS)) for i in range(runs)]  # type: ignore[misc]


def image_size(page: LabPage) -> tuple[int, int]:
    """Return width and height of the second figure's image [pixel]."""
    found = page.figures()[_KEYS[1]]
    return int(found["width"]), int(found["height"])


def _timed(page: LabPage, gesture: Callable[[], None], *, least: int) -> float:
    before = _rest(page)
    page.page.evaluate("() => { window.stellarnb_paint.hand = 0 }")
    gesture()
    page.page.wait_for_function(
        f"window.stellarnb_paint.images >= {before['images'] + least}", timeout=LONGEST
    )
    after = _rest(page)
    return float(after["painted"] - after["hand"])


def _rest(page: LabPage) -> dict[str, Any]:
    """Wait until no new image has come for a while; return what was noted."""
    page.page.wait_for_function(
        f"performance.now() - (window.stellarnb_paint.changed ?? 0) > {QUIET}", timeout=LONGEST
    )
    found: dict[str, Any] = page.page.evaluate("() => ({...window.stellarnb_paint})")
    return found


def _check(page: LabPage) -> None:
    errors = page.cell_errors()
    if errors:
        raise StellarnbError(f"A cell of the benchmark failed: {errors[0]}")
