"""Archives by name."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from stellarnb.archives.catalog import nearest
from stellarnb.archives.local import LocalArchive
from stellarnb.errors import InvalidInput

__all__ = ["archive_names", "open_archive"]


@cache
def _registry() -> dict[str, dict[str, Any]]:
    text = resources.files("stellarnb.archives").joinpath("registry.toml").read_text("utf-8")
    return tomllib.loads(text)


def archive_names() -> list[str]:
    """Return the names that `open_archive` knows."""
    return list(_registry())


def open_archive(name: str | os.PathLike[str]) -> LocalArchive:
    """Open an archive.

    Parameters
    ----------
    name : str or path-like
        A name, such as ``"sample"`` (embedded, needs no network), or a folder of Parquet files:
        each file becomes a table of its name. A folder called like an archive is opened by
        ``"./sample"``.

    Returns
    -------
    LocalArchive

    Raises
    ------
    InvalidInput
        If there is neither an archive nor a folder of this name.

    Examples
    --------
    >>> import stellarnb as snb
    >>> snb.open_archive("sample").products
    ('xp_sampled',)
    """
    if not isinstance(name, (str, os.PathLike)):
        raise InvalidInput(f"An archive's name is text or a path, not {type(name).__name__}.")
    entry = _registry().get(name.strip().lower()) if isinstance(name, str) else None
    if entry is not None and isinstance(name, str):
        folder = Path(str(resources.files("stellarnb.archives"))) / entry["folder"]
        key = name.strip().lower()
        return LocalArchive(folder, name=key, title=entry["title"], version=entry["version"])
    path = Path(name).expanduser()
    if isinstance(name, str) and not path.exists() and len(path.parts) < 2:
        known = ", ".join(_registry())
        raise InvalidInput(
            f"There is no archive {name!r}{nearest(name, _registry())} (archives: {known}; or give "
            "the path of a folder of Parquet files)."
        )
    return LocalArchive(path)
