"""A page with a notebook in JupyterLab, and what a person does there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stellarnb.errors import StellarnbError

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Route

    from tests.support.lab import LabServer

__all__ = ["LabPage", "write_notebook"]

_LOCAL = {"127.0.0.1", "localhost", ""}
#: A page that speaks of these has lost nothing: the browser's own remarks.
_HARMLESS = ("favicon", "ResizeObserver loop")
#: Whether the notebook in front has a kernel that has nothing to do, and no cell waits for it.
_IDLE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  const session = panel?.sessionContext;
  if (!session || session.kernelDisplayStatus !== 'idle') return false;
  return ![...panel.content.widgets].some(
    cell => cell.inputArea && cell.inputArea.promptNode?.textContent.includes('*'));
}"""

#: The figures of the page, by name: what part of the plane their image covers, how it looks.
_FIGURES = """() => {
  const out = {};
  const walk = view => {
    const model = view.model;
    if (model?.type === 'Figure') {
      const image = (model.renderers ?? []).find(r => r.glyph?.type === 'Image');
      const data = image?.data_source.data;
      const bar = model.below.find(part => part.type === 'ColorBar');
      out[model.name] = {
        extent: data ? ['x', 'y', 'dw', 'dh'].map(key => data[key][0]) : [],
        shape: data ? data.shades?.[0]?.shape ?? [] : [],
        width: model.inner_width, height: model.inner_height,
        caption: model.above.find(part => part.name === 'caption')?.text ?? '',
        drag: model.toolbar.active_drag?.type ?? '',
        bar_colour: bar?.major_label_text_color ?? '',
        hover: model.center.find(part => part.name === 'hover' && part.visible)?.text ?? '',
      };
    }
    for (const child of view.child_views ?? []) walk(child);
  };
  for (const view of window.Bokeh?.index ?? []) if (view.el?.isConnected) walk(view);
  return out;
}"""


#: The element of the figure of a name, or of a number counted from the top.
_ELEMENT = """which => {
  const found = [];
  const walk = view => {
    if (view.model?.type === 'Figure') found.push(view);
    for (const child of view.child_views ?? []) walk(child);
  };
  for (const view of window.Bokeh?.index ?? []) if (view.el?.isConnected) walk(view);
  if (typeof which === 'string') return found.find(view => view.model.name === which)?.el ?? null;
  const top = view => view.el.getBoundingClientRect();
  found.sort((a, b) => top(a).y - top(b).y || top(a).x - top(b).x);
  return found[which]?.el ?? null;
}"""

#: Whether Python has answered whatever the figures of stellarnb have asked for.
_ANSWERED = """() => {
  for (const view of window.Bokeh?.index ?? []) {
    if (!view.el?.isConnected) continue;
    for (const model of view.model.document?._all_models.values() ?? []) {
      const state = model.__state;
      if (state && (state.waiting.length > 0 || state.requests.size > 0)) return false;
    }
  }
  return true;
}"""


def write_notebook(path: str | os.PathLike[str], cells: Sequence[str]) -> str:
    """Write a notebook of code cells; return its file name."""
    import nbformat

    target = Path(path)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    code = [nbformat.v4.new_code_cell(text) for text in cells]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=code, metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, target)  # type: ignore[no-untyped-call]
    return target.name


class LabPage:
    """A browser page with a notebook in JupyterLab."""

    def __init__(self, page: Page, server: LabServer) -> None:
        self.page, self._server = page, server
        self.console_errors: list[str] = []
        self.foreign_requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.context.route("**/*", self._filter)

    def open(self, notebook: str, *, app: str = "lab", timeout: float = 120) -> None:
        """Open a notebook of the server's folder and wait for its kernel."""
        self.page.goto(self._server.address(notebook, app))
        self.wait_idle(timeout=timeout)

    def visit(self, path: str, *, timeout: float = 120) -> None:
        """Open a page of the server and wait until its plugins are there."""
        self.page.goto(self._server.place(path))
        self.page.wait_for_function("() => window.jupyterapp", timeout=1000 * timeout)
        self.page.evaluate("() => window.jupyterapp.restored.then(() => null)")

    def reload(self, *, timeout: float = 120) -> None:
        """Load the page anew, as a person would, and wait for the kernel."""
        self.page.reload()
        self.wait_idle(timeout=timeout)

    def command(self, name: str) -> None:
        """Execute a command of JupyterLab, such as ``docmanager:save``."""
        # What it returns may be a widget, with all of JupyterLab behind it: too much to send.
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute(name).then(() => null)", name
        )

    def run_all(self, *, timeout: float = 300) -> None:
        """Run all cells and wait until the last has ended; see `cell_errors`."""
        self.command("notebook:run-all-cells")
        self.wait_idle(timeout=timeout)

    def run_code(self, code: str, *, timeout: float = 60) -> None:
        """Run some Python in a new cell at the end of the notebook; see `cell_errors`."""
        self._append(code)
        self.command("notebook:run-cell")
        self.wait_idle(timeout=timeout)

    def start_code(self, code: str) -> None:
        """Begin to run some Python in a new cell, and return while it runs; see `cell_runs`."""
        self._append(code)
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
        self.wait_for(self.cell_runs, "the cell")

    def cell_runs(self) -> bool:
        """Whether a cell is running: a kernel with an idle subshell calls itself idle."""
        return bool(
            self.page.evaluate(
                """() => [...window.jupyterapp.shell.currentWidget.content.widgets].some(
                  cell => cell.inputArea?.promptNode?.textContent.includes('*'))"""
            )
        )

    def _append(self, code: str) -> None:
        self.page.evaluate(
            """code => {
              const content = window.jupyterapp.shell.currentWidget.content;
              const cells = content.model.sharedModel;
              cells.insertCell(cells.cells.length, {cell_type: 'code', source: code});
              content.activeCellIndex = cells.cells.length - 1;
            }""",
            code,
        )

    def save(self) -> None:
        """Save the notebook, and wait until it is saved."""
        self.command("docmanager:save")
        self.page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")

    def restart_kernel(self, *, timeout: float = 60) -> None:
        """Restart the kernel, without the question that a person would be asked."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.wait_idle(timeout=timeout)

    def wait_for(self, true: Callable[[], bool], what: str, *, timeout: float = 20) -> None:
        """Wait until something is true of the page [s]."""
        for _ in range(int(timeout / 0.25)):
            if true():
                return
            self.page.wait_for_timeout(250)
        raise StellarnbError(f"Waited {timeout:.0f} s in vain for {what}.")

    def contrast(self, colour: str, other: str) -> float:
        """Return the contrast of two CSS colours by WCAG 2.1: from 1 to 21; 4.5 can be read."""
        first, second = (self._luminance(one) for one in (colour, other))
        return (max(first, second) + 0.05) / (min(first, second) + 0.05)

    def _luminance(self, colour: str) -> float:
        parts: list[float] = self.page.evaluate(
            """colour => {
              const context = document.createElement('canvas').getContext('2d');
              context.fillStyle = colour;
              context.fillRect(0, 0, 1, 1);
              return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255);
            }""",
            colour,
        )
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def wait_idle(self, *, timeout: float = 120) -> None:
        """Wait until the kernel has nothing to do and no cell waits for it [s]."""
        self.page.wait_for_function(_IDLE, timeout=1000 * timeout)

    def cell_errors(self) -> list[str]:
        """Return the errors in the cells' outputs, as text."""
        found: list[str] = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.flatMap(
              cell => (cell.outputs ?? []).map(o => o.toJSON ? o.toJSON() : o)
                .filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`))"""
        )
        return found

    def figure(self, which: int | str = 0) -> Any:
        """Return the element of a Bokeh figure, once it is there."""
        there = f"which => ({_ELEMENT})(which) !== null"
        self.page.wait_for_function(there, arg=which, timeout=60_000)
        return self.page.evaluate_handle(_ELEMENT, which).as_element()

    def wheel(self, which: int | str = 0, *, steps: int = 3) -> None:
        """Turn the wheel over a figure: up zooms in, and negative `steps` zoom out."""
        self.page.mouse.move(*self.place(which, (0.5, 0.5)))
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, -120 if steps > 0 else 120)

    def pixels(self, which: int | str = 0) -> bytes:
        """Return a figure as it looks now, as the bytes of a PNG file."""
        image: bytes = self.figure(which).screenshot()
        return image

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return what each Bokeh figure shows, by its name.

        ``extent`` (x, y, width and height of the image), its ``shape``, the ``width`` and
        ``height`` of the frame [pixel], the ``caption``, what dragging does (``drag``, a tool
        of Bokeh), the colour of the numbers at the colour bar, and the words beside the mouse.
        """
        found: dict[str, dict[str, Any]] = self.page.evaluate(_FIGURES)
        return found

    def extents(self) -> dict[str, list[float]]:
        """Return x, y, width and height of the image in each figure, by the figure's name.

        It is the image that Python has sent: a new one after a zoom shows that it was aggregated
        anew, while pixels would change by mere scaling too.
        """
        return {name: found["extent"] for name, found in self.figures().items()}

    def place(self, which: int | str, at: tuple[float, float]) -> tuple[float, float]:
        """Return where a place of a figure is on the page; (0, 0) is its upper left corner."""
        box = self._in_view(which)
        return box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"]

    def _in_view(self, which: int | str) -> dict[str, float]:
        """Scroll a figure into view, if its middle is not, and return where it is."""
        figure = self.figure(which)
        # JupyterLab goes on scrolling for a while after a cell has run.
        last = None
        for _ in range(40):
            box: dict[str, float] = figure.bounding_box()
            if box == last:
                break
            last = box
            figure.evaluate("figure => figure.scrollIntoView({block: 'center'})")
            self.page.wait_for_timeout(50)
        return box

    def drag(self, which: int | str, *path: tuple[float, float]) -> None:
        """Drag the mouse over a figure, along places from (0, 0) to (1, 1)."""
        # All places first: a button that is held down for long is a press, and no drag.
        start, *rest = [self.place(which, at) for at in path]
        self.page.mouse.move(*start)
        self.page.mouse.down()
        for place in rest:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up()

    def hover(self, which: int | str, at: tuple[float, float]) -> None:
        """Move the mouse to a place of a figure, from (0, 0) to (1, 1), and leave it there."""
        self.page.mouse.move(*self.place(which, at), steps=4)

    def click(self, which: int | str, at: tuple[float, float]) -> None:
        """Click a place of a figure, from (0, 0) to (1, 1)."""
        self.page.mouse.click(*self.place(which, at))

    def another(self) -> LabPage:
        """Open one more page in the same browser."""
        browser = self.page.context.browser
        if browser is None:  # pragma: no cover - a page of a browser that was closed
            raise StellarnbError("The browser is closed.")
        return LabPage(browser.new_page(viewport=self.page.viewport_size), self._server)

    def settled(self, which: int | str = 0) -> bytes:
        """Return a figure's pixels once they no longer change."""
        last = self.pixels(which)
        for _ in range(40):
            self.page.wait_for_timeout(250)
            now = self.pixels(which)
            if now == last:
                return now
            last = now
        raise StellarnbError(f"Figure {which} never comes to rest.")

    def wait_answered(self, *, timeout: float = 60) -> None:
        """Wait until Python has answered whatever the figures have asked for [s]."""
        # What was just done takes a moment to become a wish.
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(_ANSWERED, timeout=1000 * timeout)

    def zoom_is_live(self, key: str) -> bool:
        """Zoom into the figure of a name; return whether Python sent a new image for it alone."""
        self.wait_answered()
        before, old = self.settled(key), self.extents()
        self.wheel(key, steps=1)
        self.wait_answered()
        after, new = self.settled(key), self.extents()
        aggregated_anew = 0 < new[key][2] < old[key][2]
        others = all(new[other] == old[other] for other in old if other != key)
        return after != before and aggregated_anew and others

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(word in message.text for word in _HARMLESS):
            # The browser's own words do not say what could not be loaded.
            failed = message.text.startswith("Failed to load resource")
            where = f" {message.location['url']}" if failed else ""
            self.console_errors.append(message.text + where)

    def _filter(self, route: Route) -> None:
        url = route.request.url
        if urlsplit(url).hostname in _LOCAL or url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.foreign_requests.append(url)
            route.abort()
