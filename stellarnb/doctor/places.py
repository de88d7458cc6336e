"""Settings, memory, disks and the cache."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from stellarnb.archives.cache.store import Store
from stellarnb.cartography.memory import available_memory
from stellarnb.doctor.finding import Finding, Verdict, failed, ok, warning
from stellarnb.settings import settings

__all__ = ["check_cache", "check_disk", "check_memory", "check_settings"]

#: Free memory in bytes below which a tutorial may not run, and below which nothing will.
_LITTLE_MEMORY, _NO_MEMORY = 1_000_000_000, 400_000_000
#: The same of a disk.
_LITTLE_DISK, _NO_DISK = 1_000_000_000, 50_000_000
#: A cache up to this size [byte] is read through; a larger one takes too long to do unasked.
_READ_THROUGH = 2_000_000_000


def check_settings() -> list[Finding]:
    """Read the settings, and say which differ from the default."""
    names = sorted(name for name in os.environ if name.startswith("STELLARNB_"))
    settings()  # raises InvalidInput, which names the variable
    given = {name: os.environ[name] for name in names}
    words = ", ".join(f"{name}={value}" for name, value in given.items())
    return [ok("settings", words or "none is set: all by default", **given)]


def check_memory() -> list[Finding]:
    """See how much memory is free, on this machine or within its container."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        cores = os.cpu_count() or 1
    free = available_memory()
    if free is None:
        words = f"{cores} CPU cores; how much memory is free cannot be known here"
        return [ok("memory", words, cores=cores)]
    words = f"{free / 1e9:.1f} GB free, {cores} CPU cores"
    remedy = "Shut down other kernels (JupyterLab: Kernel, Shut Down All) and close programs."
    verdict = _by_size(free, _LITTLE_MEMORY, _NO_MEMORY)
    return [Finding("memory", verdict, words, _if(verdict, remedy), {"free": free, "cores": cores})]


def check_disk() -> list[Finding]:
    """See how much room there is where results and the cache go."""
    found = []
    for what, folder in (("this folder", Path.cwd()), ("the cache", settings().cache)):
        place = _existing(folder)
        free = shutil.disk_usage(place).free
        verdict = _by_size(free, _LITTLE_DISK, _NO_DISK)
        remedy = "Make room, or choose another disk" + (
            " with STELLARNB_CACHE; stellarnb cache clear empties it."
            if what == "the cache"
            else "."
        )
        words = f"{free / 1e9:,.1f} GB free for {what} ({place})"
        found.append(Finding("disk", verdict, words, _if(verdict, remedy), {"free": free}))
    return found


def check_cache() -> list[Finding]:
    """Try to write to the cache, and read through what is in it."""
    folder = settings().cache
    place = _existing(folder)
    try:
        # Nothing is made that was not there: the first answer of an archive makes the folder.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        words = f"{folder} cannot be written: {place}: {error.strerror or error}"
        remedy = "Choose a folder of your own: export STELLARNB_CACHE=~/stellarnb-cache"
        return [failed("cache", words, remedy, folder=str(folder))]
    if not (folder / "archives").exists():
        return [ok("cache", f"{folder} is empty and can be written", folder=str(folder))]
    store = Store()
    words = f"{store.folder}: {store.upkeep.bytes / 1e6:,.1f} of {store.upkeep.limit_bytes / 1e6:,.0f} MB"
    details = {"folder": str(folder), "bytes": store.upkeep.bytes}
    if store.upkeep.bytes > _READ_THROUGH:
        remedy = "To read it all through: stellarnb cache verify"
        return [ok("cache", f"{words}; can be written, was not read through", remedy, **details)]
    checked = store.upkeep.verify()
    if not checked.sound:
        lost = len(checked.damaged) + len(checked.gone)
        words = f"{words}; {lost} of {checked.checked + len(checked.gone)} files were damaged"
        remedy = "They were removed, and are fetched again when needed. If it happens again, check the disk."
        return [warning("cache", words, remedy, **details)]
    return [ok("cache", f"{words}; can be written, {checked.checked} files undamaged", **details)]


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that is there."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if _there(place))


def _there(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # below a file, or in a folder that may not be looked into
        return False


def _by_size(size: int, little: int, none: int) -> Verdict:
    return "failed" if size < none else "warning" if size < little else "ok"


def _if(verdict: Verdict, remedy: str) -> str:
    return "" if verdict == "ok" else remedy
