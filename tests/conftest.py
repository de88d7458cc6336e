import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stellarnb.tables import Labels
from tests.support.notebooks import Run, executed, runs_in

_COUNT = itertools.count()
#: Settings that say how to test, not how stellarnb behaves: they stay.
TESTING = {
    "STELLARNB_CYCLES",
    "STELLARNB_EXECUTED",
    "STELLARNB_FUZZ_RUNS",
    "STELLARNB_REQUIRE_LABEXTENSION",
    "STELLARNB_SCREENSHOTS",
    "STELLARNB_SITE",
    "STELLARNB_TORCH_INDEX",
    "STELLARNB_WRITE_REFERENCE",
}


def pytest_configure(config: pytest.Config) -> None:
    """Give the whole run a home of its own: nothing of the user's is read or written.

    Worker processes of pytest-xdist inherit it from the process that started them.
    """
    if hasattr(config, "workerinput"):
        return
    home = tempfile.TemporaryDirectory(prefix="stellarnb-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    for name in [n for n in os.environ if n.startswith("STELLARNB_") and n not in TESTING]:
        del os.environ[name]
    for name in [n for n in os.environ if n.startswith(("JUPYTER_", "IPYTHON"))]:
        del os.environ[name]
    folder = Path(home.name)
    places = {
        "HOME": folder,
        "USERPROFILE": folder,
        "XDG_CACHE_HOME": folder / "cache",
        "XDG_CONFIG_HOME": folder / "config",
        "XDG_DATA_HOME": folder / "data",
        "MPLCONFIGDIR": folder / "matplotlib",
    }
    for name, place in places.items():
        place.mkdir(exist_ok=True)
        os.environ[name] = str(place)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what runs notebooks, builds the site or evaluates networks on real stars."""
    slow = {Path(__file__).parent / name for name in ("docs", "notebooks", "science")}
    for item in items:
        if slow & set(item.path.parents):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give each test a cache of its own; the folder is made when something is kept in it."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{next(_COUNT)}"
    monkeypatch.setenv("STELLARNB_CACHE", str(folder))


def notebooks_of_session(config: pytest.Config) -> Path:
    """The folder that all processes of a session share for the notebooks that were run."""
    given = os.environ.get("STELLARNB_EXECUTED")
    if given:
        return Path(given)
    own = config._tmp_path_factory.getbasetemp()
    return (own.parent if hasattr(config, "workerinput") else own) / "executed-notebooks"


@pytest.fixture(scope="session")
def executed_notebook(pytestconfig: pytest.Config) -> Callable[[str], Run]:
    """Run a notebook of the course by its name, or return how it ran earlier in the session."""
    return lambda name: executed(name, notebooks_of_session(pytestconfig))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the notebooks took."""
    runs = runs_in(notebooks_of_session(terminalreporter.config))
    if runs:
        terminalreporter.section("notebooks: time, memory")
        for run in runs:
            terminalreporter.line(run.summary())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real sample files, which lies beside the repository and not in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real sample files are not at hand ({folder})")
    return folder


@pytest.fixture
def labels() -> Labels:
    """Made-up labels of 500 stars, a few of them missing, for drawing."""
    rng = np.random.default_rng(3)
    n = 500
    columns = {"source_id": np.arange(n) + 1}
    for name, centre, width in (
        ("teff", 4800, 500),
        ("logg", 2.5, 0.7),
        ("fe_h", -0.3, 0.3),
        ("alpha_m", 0.1, 0.08),
    ):
        columns[name] = rng.normal(centre, width, n).astype(np.float32)
        columns[f"{name}_error"] = np.full(n, 0.1, np.float32)
        columns[f"{name}_flag"] = np.zeros(n, bool)
    columns["alpha_m"][:7] = np.nan
    columns |= {
        "boundary": np.full(n, "0000"),
        "novelty": rng.random(n).astype(np.float32),
        "good": rng.random(n) > 0.3,
        "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-90, 90, n),
    }
    return Labels(columns, provenance={"model": "test <b>net</b>"})
