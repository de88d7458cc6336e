import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stellarnb.errors import MissingInput
from tests.support.lab import LabPage, LabServer, find_chromium, lab_page, lab_server

SOURCE = Path(__file__).resolve().parents[2] / "stellarnb" / "labextension"


@pytest.fixture(scope="session")
def browser() -> None:
    """Skip the test, with a word, where there is no browser or nothing that drives it."""
    pytest.importorskip("playwright", reason="playwright is not installed (extra [test])")
    try:
        find_chromium()
    except MissingInput as error:
        pytest.skip(str(error))


@pytest.fixture
def open_in_lab(browser: None) -> Iterator[Callable[[Path], LabPage]]:
    """Open a notebook in JupyterLab and Chromium, until the test ends."""
    with ExitStack() as stack:

        def open_(notebook: Path, *, dark: bool = False, app: str = "lab") -> LabPage:
            server = stack.enter_context(lab_server(notebook.parent, dark=dark))
            page = stack.enter_context(lab_page(server))
            page.open(notebook.name, app=app)
            return page

        yield open_


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, browser: None
) -> Iterator[tuple[LabServer, Path]]:
    """Run a server that finds the extension as it was built here, and no other one before it."""
    folder = tmp_path_factory.mktemp("lab")
    place = folder / "jupyter" / "labextensions"
    place.mkdir(parents=True)
    (place / "stellarnb").symlink_to(_needed(SOURCE / "built"))
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(place.parent))
        patch.setenv("STELLARNB_CACHE", str(folder / "cache"))
        with lab_server(notebooks) as server:
            yield server, notebooks


@pytest.fixture(scope="session")
def serious() -> Callable[[LabPage, str], list[str]]:
    """Return what finds, with axe-core, what is serious or critical in a part of a page."""
    script = _needed(SOURCE / "node_modules" / "axe-core" / "axe.min.js")

    def find(page: LabPage, part: str) -> list[str]:
        if not page.page.evaluate("'axe' in window"):
            page.page.add_script_tag(path=script)
        found = page.page.evaluate("part => axe.run(part)", part)
        assert len(found["passes"]) > 10
        return [
            f"{v['id']}: {node['html']}"
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"]
        ]

    return find


@pytest.fixture(scope="session")
def keep_picture() -> Callable[[LabPage, str], None]:
    """Return what leaves a screenshot where STELLARNB_SCREENSHOTS says, for people to look at."""

    def keep(page: LabPage, name: str) -> None:
        folder = os.environ.get("STELLARNB_SCREENSHOTS")
        if folder:
            page.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    return keep


def _needed(path: Path) -> Path:
    """Return a path that the build of the extension makes; where it must be there, it is."""
    if not path.exists() and not os.environ.get("STELLARNB_REQUIRE_LABEXTENSION"):
        pytest.skip(f"the extension was not built ({path.name} is missing): see CONTRIBUTING.md")
    assert path.exists()
    return path
