"""Settings, read once from the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from stellarnb.errors import InvalidInput

__all__ = ["LEAN_MEMORY", "Settings", "settings"]

#: Environment of a process that gives freed memory back, about 0.1 GiB less in a kernel: glibc would
#: keep a pool for each thread, Arrow one of its own. Both are read before Python starts.
LEAN_MEMORY = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"}

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
    cache_bytes : int
        How much the archives' answers in the cache may take up (``STELLARNB_CACHE_GB``, in
        10⁹ bytes; 20 if omitted).
    """

    cache: Path
    mirrors: tuple[Path, ...]
    offline: bool
    device: str | None
    backend: str | None = None
    cache_bytes: int = 20_000_000_000


def settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Parameters
    ----------
    environ : mapping, optional
        The environment, `os.environ` if omitted.

    Returns
    -------
    Settings

    Raises
    ------
    InvalidInput
        If ``STELLARNB_OFFLINE`` is neither yes nor no, or ``STELLARNB_CACHE_GB`` no positive
        number.
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
        cache_bytes=_cache_bytes(env.get("STELLARNB_CACHE_GB") or "20"),
    )


def _cache_bytes(text: str) -> int:
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < 1e9:
        raise InvalidInput(f"STELLARNB_CACHE_GB={text!r}: give a number of gigabytes, such as 20.")
    return int(size * 1e9)
