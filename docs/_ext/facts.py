"""The numbers that hand-written pages may show, each from the code that it is about."""

import functools
import importlib.util
import inspect
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import stellarnb
from stellarnb.archives import open_archive
from stellarnb.cartography import mock_milky_way
from stellarnb.models import model_names
from stellarnb.settings import settings

_ROOT = Path(__file__).resolve().parents[2]


def _badges() -> Any:
    spec = importlib.util.spec_from_file_location("badges", _ROOT / "binder" / "badges.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("binder/badges.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def facts() -> dict[str, str]:
    """Return what ``{{ name }}`` in a page stands for."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    badges = _badges()
    binder = badges.where()
    rows = {row["name"]: row["rows"] for row in open_archive("sample").tables().arrow.to_pylist()}
    mock = inspect.signature(mock_milky_way).parameters["n"].default
    weights = Path(str(resources.files("stellarnb.models"))) / "weights"
    size = sum(path.stat().st_size for path in weights.glob("*.safetensors"))
    return {
        "version": stellarnb.__version__,
        "python": project["requires-python"].lstrip(">="),
        "sample_stars": f"{rows['stars']:,}",
        "mock_stars": f"{mock:,}",
        "models": str(len(model_names())),
        "weights_mb": f"{size / 1e6:.0f} MB",
        "cache_gb": f"{settings({}).cache_bytes / 1e9:g} GB",
        "repository": binder["repository"],
        "environment_branch": binder["environment"],
        "content_branch": binder["content"],
        "binder_tour": badges.link("notebooks/00_tour.ipynb"),
        "binder_line": badges.line("notebooks/00_tour.ipynb"),
    }
