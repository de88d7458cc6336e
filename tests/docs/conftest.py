import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session", autouse=True)
def _extensions() -> None:
    """Let the tests import what the site is made with."""
    pytest.importorskip("sphinx", reason="the site needs the extra [docs]")
    sys.path.insert(0, str(DOCS / "_ext"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as CI has built it (STELLARNB_SITE), or built here; a warning is an error."""
    built = os.environ.get("STELLARNB_SITE")
    if built:
        return Path(built)
    out = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", DOCS, out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, str]:
    """The text of each page by its path."""
    return {str(path.relative_to(site)): path.read_text("utf-8") for path in site.rglob("*.html")}
