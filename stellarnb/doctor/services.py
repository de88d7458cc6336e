"""The embedded archive, the archives on the network, and the browser for tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from stellarnb.archives import open_archive
from stellarnb.archives.registry import archive_names
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.transport.client import Budget, Transport
from stellarnb.doctor.finding import Finding, failed, ok, warning
from stellarnb.errors import MissingInput, StellarnbError
from stellarnb.settings import settings

__all__ = ["check_browser", "check_network", "check_sample", "find_chromium"]

#: What asking one archive may cost: whoever waits for a doctor wants to know soon.
_BUDGET = Budget(seconds=90.0, silence=30.0, connect=10.0)


def check_sample() -> list[Finding]:
    """Read the embedded archive through."""
    archive = open_archive("sample")
    table = archive.check()
    wrong = [row for row in table.arrow.to_pylist() if not row["ok"]]
    if wrong:
        words = "; ".join(f"{row['what']} {row['check']}: {row['note']}" for row in wrong)
        return [failed("embedded archive", words, "Install stellarnb again.")]
    return [ok("embedded archive", f"{archive.title}: {len(table)} checks")]


def check_network(online: bool, archives: Sequence[RemoteArchive] | None = None) -> list[Finding]:
    """Ask each archive whether it is as it is known here.

    Parameters
    ----------
    online : bool
        Whether to ask at all.
    archives : sequence of RemoteArchive, optional
        Which; all named archives if omitted.
    """
    if settings().offline:
        words = "STELLARNB_OFFLINE is set: archives answer from the cache, nothing is asked"
        return [ok("network", words, asked=False)]
    if not online:
        remedy = "To ask the archives: stellarnb doctor --online"
        return [ok("network", "not asked; the embedded archive needs none", remedy, asked=False)]
    chosen = _known_archives() if archives is None else list(archives)
    with ThreadPoolExecutor(len(chosen) or 1) as pool:
        return list(pool.map(_ask, chosen))


def check_browser() -> list[Finding]:
    """Look for Chromium."""
    try:
        return [ok("chromium", find_chromium())]
    except MissingInput:
        words = "not installed; only tests and benchmarks in a browser need it"
        return [ok("chromium", words, "Only for them: apt-get install chromium")]


def find_chromium() -> str:
    """Return the path of a Chromium on this machine.

    Raises
    ------
    MissingInput
        If there is none on the PATH.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    raise MissingInput("No Chromium on the PATH: install Debian's package 'chromium' first.")


def _known_archives() -> list[RemoteArchive]:
    opened = (open_archive(name, cache=False) for name in archive_names())
    return [
        RemoteArchive(archive.survey, cache=False, transport=Transport(retries=1, budget=_BUDGET))
        for archive in opened
        if isinstance(archive, RemoteArchive)
    ]


def _ask(archive: RemoteArchive) -> Finding:
    check = f"network: {archive.name}"
    try:
        table = archive.check()
    except StellarnbError as error:
        remedy = (
            "Try again later. If no archive answers: is there a network, and does it want a proxy "
            "(HTTPS_PROXY)? Kept answers and the embedded archive work without."
        )
        return warning(check, f"{type(error).__name__}: {error}", remedy, asked=True)
    other = [row for row in table.arrow.to_pylist() if not row["ok"]]
    if other:
        words = "; ".join(f"{row['what']} {row['check']}: no, {row['note']}" for row in other)
        remedy = f'Ask it in ADQL by its own names: open_archive("{archive.name}").columns()'
        return warning(check, words, remedy, asked=True)
    good = int(np.sum(table["ok"]))
    return ok(check, f"{archive.title} answers; {good} names are as known here", asked=True)
