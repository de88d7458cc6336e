"""JupyterLab in a real browser, for tests: started on a folder, with every foreign host blocked."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from stellarnb.errors import MissingInput, StellarnbError

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Route

__all__ = ["LabPage", "LabServer", "find_chromium", "lab_page", "lab_server"]

_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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

_EXTENTS = """() => {
  const out = {};
  for (const view of window.Bokeh?.index ?? []) {
    const renderer = (view.model.renderers ?? []).find(r => r.glyph?.type === 'Image');
    const data = renderer?.data_source.data;
    if (data) out[view.model.name] = ['x', 'y', 'dw', 'dh'].map(key => data[key][0]);
  }
  return out;
}"""


class LabServer:
    """A running JupyterLab.

    Attributes
    ----------
    url : str
        Address with the port, without a slash at the end.
    token : str
        What the address must carry.
    log : pathlib.Path
        What the server says.
    """

    def __init__(self, url: str, token: str, log: Path) -> None:
        self.url, self.token, self.log = url, token, log

    def address(self, notebook: str) -> str:
        """Return the address that opens a notebook of the folder."""
        return f"{self.url}/lab/tree/{quote(notebook)}?token={self.token}&reset"


def find_chromium() -> str:
    """Return the path of a Chromium on this machine.

    Raises
    ------
    MissingInput
        If there is none on the PATH.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    raise MissingInput("No Chromium on the PATH: install Debian's package 'chromium' first.")


@contextmanager
def lab_server(
    folder: str | os.PathLike[str],
    *,
    python: str = sys.executable,
    dark: bool = False,
    timeout: float = 90,
) -> Iterator[LabServer]:
    """Run JupyterLab on a folder, on a free port of this machine, until the block ends.

    Parameters
    ----------
    folder : path-like
        Where the notebooks are.
    python : str, optional
        The Python whose JupyterLab and kernel to use.
    dark : bool, optional
        Whether it has its dark theme.
    timeout : float, optional
        How long to wait for it [s].

    Yields
    ------
    LabServer

    Raises
    ------
    StellarnbError
        If it does not start in time; the end of its log is in the message.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="stellarnb-lab-") as private:
        server = LabServer(f"http://127.0.0.1:{port}", token, Path(private) / "lab.log")
        command = [
            *(python, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
            *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
            *(f"--ServerApp.root_dir={Path(folder).resolve()}",),
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        # Settings and workspaces of the person who runs the tests must neither matter nor change.
        own = {"JUPYTER_CONFIG_DIR": private, "JUPYTERLAB_SETTINGS_DIR": f"{private}/settings"}
        own |= {"JUPYTERLAB_WORKSPACES_DIR": f"{private}/workspaces", "IPYTHONDIR": private}
        _write_settings(Path(own["JUPYTERLAB_SETTINGS_DIR"]), dark=dark)
        with server.log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  (our own command, no shell)
                command, stdout=log, stderr=log, env={**os.environ, **own}
            )
        try:
            _wait_for(server, process, timeout)
            yield server
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _write_settings(folder: Path, *, dark: bool) -> None:
    """Choose the theme, and answer the question for news that would lie over the notebook."""
    extension = folder / "@jupyterlab" / "apputils-extension"
    extension.mkdir(parents=True)
    theme = {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
    news = {"fetchNews": "false", "checkForUpdates": False}
    for name, content in (("themes", theme), ("notification", news)):
        (extension / f"{name}.jupyterlab-settings").write_text(json.dumps(content))


def _wait_for(server: LabServer, process: subprocess.Popen[bytes], timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        with (
            suppress(URLError, ConnectionError, TimeoutError),
            urlopen(f"{server.url}/api?token={server.token}", timeout=5),  # noqa: S310
        ):
            return
        time.sleep(0.2)
    words = server.log.read_text(errors="replace")[-2000:]
    raise StellarnbError(f"JupyterLab did not start within {timeout:.0f} s. Its log ends: {words}")


class LabPage:
    """A browser page with a notebook in JupyterLab.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The page itself.
    console_errors : list of str
        Errors that the page has reported since it was opened.
    foreign_requests : list of str
        Addresses on other hosts that something asked for; each was refused.
    """

    def __init__(self, page: Page, server: LabServer) -> None:
        self.page, self._server = page, server
        self.console_errors: list[str] = []
        self.foreign_requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.context.route("**/*", self._filter)

    def open(self, notebook: str, *, timeout: float = 120) -> None:
        """Open a notebook of the server's folder and wait for its kernel.

        Parameters
        ----------
        notebook : str
            File name.
        timeout : float, optional
            How long to wait [s].
        """
        self.page.goto(self._server.address(notebook))
        self.wait_idle(timeout=timeout)

    def reload(self, *, timeout: float = 120) -> None:
        """Load the page anew, as a person would, and wait for the kernel."""
        self.page.reload()
        self.wait_idle(timeout=timeout)

    def command(self, name: str) -> None:
        """Execute a command of JupyterLab, such as ``docmanager:save``."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self, *, timeout: float = 300) -> None:
        """Run all cells and wait until the last has ended; see `cell_errors`."""
        self.command("notebook:run-all-cells")
        self.wait_idle(timeout=timeout)

    def run_code(self, code: str, *, timeout: float = 60) -> None:
        """Run some Python in a new cell at the end of the notebook; see `cell_errors`."""
        self.page.evaluate(
            """code => {
              const content = window.jupyterapp.shell.currentWidget.content;
              const cells = content.model.sharedModel;
              cells.insertCell(cells.cells.length, {cell_type: 'code', source: code});
              content.activeCellIndex = cells.cells.length - 1;
            }""",
            code,
        )
        self.command("notebook:run-cell")
        self.wait_idle(timeout=timeout)

    def save(self) -> None:
        """Save the notebook."""
        self.command("docmanager:save")

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

    def canvas(self, number: int = 0) -> Any:
        """Return a Bokeh figure's canvas as a locator; they are counted from the top."""
        # Playwright's CSS looks through the shadow roots that Bokeh draws in.
        return self.page.locator(".bk-Figure").nth(number).locator("canvas").first

    def wheel(self, number: int = 0, *, steps: int = 3) -> None:
        """Turn the wheel over a figure: up zooms in, and negative `steps` zoom out."""
        self.canvas(number).scroll_into_view_if_needed()
        box = self.canvas(number).bounding_box()
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, -120 if steps > 0 else 120)

    def pixels(self, number: int = 0) -> bytes:
        """Return a figure as it looks now, as the bytes of a PNG file."""
        figure = self.page.locator(".bk-Figure").nth(number)
        figure.scroll_into_view_if_needed()
        image: bytes = figure.screenshot()
        return image

    def extents(self) -> dict[str, list[float]]:
        """Return x, y, width and height of the image in each figure, by the figure's name.

        It is the image that Python has sent: a new one after a zoom shows that it was aggregated
        anew, while pixels would change by mere scaling too.
        """
        found: dict[str, list[float]] = self.page.evaluate(_EXTENTS)
        return found

    def settled(self, number: int = 0) -> bytes:
        """Return a figure's pixels once they no longer change.

        Raises
        ------
        StellarnbError
            If it never comes to rest (10 s).
        """
        last = self.pixels(number)
        for _ in range(40):
            self.page.wait_for_timeout(250)
            now = self.pixels(number)
            if now == last:
                return now
            last = now
        raise StellarnbError(f"Figure {number} never comes to rest.")

    def zoom_is_live(self, key: str, number: int = 0) -> bool:
        """Zoom into a figure; return whether Python sent a new image for it, and for no other.

        Parameters
        ----------
        key : str
            Name of the figure.
        number : int, optional
            Its place, counted from the top.
        """
        before, old = self.settled(number), self.extents()
        self.wheel(number, steps=1)
        self.page.wait_for_timeout(500)
        self.wait_idle()
        after, new = self.settled(number), self.extents()
        aggregated_anew = 0 < new[key][2] < old[key][2]
        others = all(new[other] == old[other] for other in old if other != key)
        return after != before and aggregated_anew and others

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(word in message.text for word in _HARMLESS):
            self.console_errors.append(message.text)

    def _filter(self, route: Route) -> None:
        url = route.request.url
        if urlsplit(url).hostname in _LOCAL or url.startswith(("data:", "blob:")):
            route.continue_()
        else:
            self.foreign_requests.append(url)
            route.abort()


@contextmanager
def lab_page(server: LabServer, *, width: int = 1500, height: int = 1000) -> Iterator[LabPage]:
    """Open a headless Chromium for a server, with every foreign host blocked.

    Parameters
    ----------
    server : LabServer
        From `lab_server`.
    width, height : int, optional
        Size of the page [pixel].

    Yields
    ------
    LabPage

    Raises
    ------
    MissingInput
        If there is no Chromium.
    """
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=_CHROMIUM)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            yield LabPage(page, server)
        finally:
            browser.close()
