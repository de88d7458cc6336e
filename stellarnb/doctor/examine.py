"""All checks, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.doctor import frontend, networks, packages, places, services
from stellarnb.doctor.finding import Finding, failed
from stellarnb.errors import StellarnbError

__all__ = ["run_doctor"]

Check = Callable[[], list[Finding]]


def run_doctor(
    *, online: bool = False, archives: Sequence[RemoteArchive] | None = None
) -> list[Finding]:
    """Look whether everything that stellarnb needs is here and works.

    Parameters
    ----------
    online : bool, optional
        Also ask the archives; nothing is asked of the network otherwise, nor where
        ``STELLARNB_OFFLINE`` is set.
    archives : sequence of RemoteArchive, optional
        Which archives to ask; all named archives if omitted.

    Returns
    -------
    list of Finding
        In a fixed order: one or more a check, each with its verdict and its remedy.

    Examples
    --------
    >>> from stellarnb.doctor import run_doctor
    >>> [f.check for f in run_doctor() if f.verdict == "failed"]  # doctest: +SKIP
    []
    """
    checks: dict[str, Check] = {
        "python": packages.check_python,
        "packages": packages.check_packages,
        "extras": packages.check_extras,
        "settings": places.check_settings,
        "jupyterlab": frontend.check_jupyter,
        "labextensions": frontend.check_extensions,
        "kernel": frontend.check_kernel,
        "bokehjs": frontend.check_bokehjs,
        "torch": networks.check_torch,
        "weights": networks.check_weights,
        "memory": places.check_memory,
        "disk": places.check_disk,
        "cache": places.check_cache,
        "embedded archive": services.check_sample,
        "network": partial(services.check_network, online, archives),
        "chromium": services.check_browser,
    }
    with ThreadPoolExecutor(1) as pool:
        # Torch takes longest and is tried in a process of its own; the others import modules, which
        # threads had better not do side by side.
        torch = pool.submit(_guarded, "torch", checks["torch"])
        found = {name: _guarded(name, c) for name, c in checks.items() if name != "torch"}
        found["torch"] = torch.result()
    return [finding for name in checks for finding in found[name]]


def _guarded(name: str, check: Check) -> list[Finding]:
    """Run a check; what it stumbles over is what it found."""
    try:
        return check()
    except StellarnbError as error:
        return [failed(name, f"{type(error).__name__}: {error}", "Do what the message says.")]
    except Exception as error:  # noqa: BLE001 - whatever is broken here, the other checks go on
        words = f"could not be checked: {type(error).__name__}: {error}"
        return [failed(name, words, "Install stellarnb again in a new virtual environment.")]
