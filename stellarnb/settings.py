"""Settings, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from stellarnb.errors import InvalidInput

__all__ = ["Settings", "settings"]

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


@dataclass(frozen=True)
class Settings:
    """What a user may set from outside.

    Attributes
    ----------
    cache : pathlib.Path
        Folder for fetched weights and archive answers (``STELLARNB_CACHE``).
    mirrors : tuple of pathlib.Path
        Folders searched for a file before any download (``STELLARNB_MIRROR``, separated by
        `os.pathsep`).
    offline : bool
        Never open a socket (``STELLARNB_OFFLINE``).
    device : str or None
        Torch device to use, or None to choose (``STELLARNB_DEVICE``).
    backend : str or None
        What runs networks on a CPU, ``torch`` or ``openvino`` (``STELLARNB_BACKEND``).
    """

    cache: Path
    mirrors: tuple[Path, ...]
    offline: bool
    device: str | None
    backend: str | None = None


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Parameters
    ----------
    environ : mapping, optional
        The environment, `os.environ` where not given.

    Returns
    -------
    Settings

    Raises
    ------
    InvalidInput
        If ``STELLARNB_OFFLINE`` is neither yes nor no.
    """
    env = os.environ if environ is None else environ
    offline = env.get("STELLARNB_OFFLINE", "").strip().lower()
    if offline not in _TRUE | _FALSE:
        raise InvalidInput(f"STELLARNB_OFFLINE={offline!r}: use 1 for yes or 0 for no.")
    cache = env.get("STELLARNB_CACHE") or platformdirs.user_cache_dir("stellarnb", False)
    mirrors = (part for part in env.get("STELLARNB_MIRROR", "").split(os.pathsep) if part)
    return Settings(
        cache=Path(cache).expanduser(),
        mirrors=tuple(Path(part).expanduser() for part in mirrors),
        offline=offline in _TRUE,
        device=env.get("STELLARNB_DEVICE") or None,
        backend=env.get("STELLARNB_BACKEND") or None,
    )
