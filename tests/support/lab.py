"""JupyterLab in a real browser, for tests: started on a folder, with every foreign host blocked."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from stellarnb.doctor.services import find_chromium
from stellarnb.errors import StellarnbError
from tests.support.lab_page import LabPage, write_notebook

__all__ = [
    "LabPage",
    "LabServer",
    "lab_page",
    "lab_server",
    "write_notebook",
]

_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class LabServer:
    """A running JupyterLab."""

    def __init__(self, url: str, token: str, log: Path) -> None:
        self.url, self.token, self.log = url, token, log

    def address(self, notebook: str, app: str = "lab") -> str:
        """Return the address that opens a notebook of the folder; `app` as in `LabPage.open`."""
        return self.place(f"{'lab/tree' if app == 'lab' else 'notebooks'}/{notebook}")

    def place(self, path: str) -> str:
        """Return the address of a page: ``lab``, or ``tree`` and ``notebooks/…`` of Notebook 7."""
        return f"{self.url}/{quote(path)}?token={self.token}&reset"


@contextmanager
def lab_server(
    folder: str | os.PathLike[str],
    *,
    python: str = sys.executable,
    dark: bool = False,
    timeout: float = 90,
) -> Iterator[LabServer]:
    """Run JupyterLab on a folder, on a free port of this machine, until the block ends.

    It serves Notebook 7 too, where that is installed.
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
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        # Settings and workspaces of the person who runs the tests must neither matter nor change.
        own = {"JUPYTER_CONFIG_DIR": private, "JUPYTERLAB_SETTINGS_DIR": f"{private}/settings"}
        own |= {"JUPYTERLAB_WORKSPACES_DIR": f"{private}/workspaces", "IPYTHONDIR": private}
        _write_settings(Path(own["JUPYTERLAB_SETTINGS_DIR"]), dark=dark)
        with server.log.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **own})
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


@contextmanager
def lab_page(server: LabServer, *, width: int = 1500, height: int = 1000) -> Iterator[LabPage]:
    """Open a headless Chromium for a server, with every foreign host blocked."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=_CHROMIUM)
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            yield LabPage(page, server)
        finally:
            browser.close()
