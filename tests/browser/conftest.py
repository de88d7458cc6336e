from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stellarnb.errors import MissingInput
from stellarnb.testing.lab import LabPage, find_chromium, lab_page, lab_server


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
