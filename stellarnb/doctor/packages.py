"""Python and the packages, against what the installed stellarnb says that it needs."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from stellarnb import __version__
from stellarnb.doctor.finding import Finding, failed, ok, warning

__all__ = ["check_extras", "check_packages", "check_python", "installed", "needed"]

#: Whose versions are worth a look even where all is well.
_SHOWN = ("astropy", "bokeh", "datashader", "duckdb", "ipywidgets", "jupyterlab", "numpy", "torch")
#: Extras for users; those for developers and benchmarks are not asked about.
_EXTRAS = {
    "xp": "XP coefficients of Gaia",
    "lsdb": "HATS catalogues and Dask",
    "openvino": "faster networks on a CPU",
    "specutils": "exchange with specutils",
    "train": "training",
}


def check_python() -> list[Finding]:
    """Compare the running Python with what the package asks for."""
    here = platform.python_version()
    found = f"Python {here}, {sys.executable}"
    try:
        wanted = metadata.metadata("stellarnb")["Requires-Python"]
    except (metadata.PackageNotFoundError, KeyError):
        wanted = ""
    details = {"version": here, "executable": sys.executable, "needed": wanted}
    if not SpecifierSet(wanted).contains(here, prereleases=True):
        remedy = f"Make a virtual environment with a Python {wanted} and install stellarnb there."
        return [failed("python", f"{found}; needed is {wanted}", remedy, **details)]
    if sys.maxsize < 2**32:
        return [failed("python", f"{found}: a 32-bit build", "Install a 64-bit Python.", **details)]
    return [ok("python", found, **details)]


def needed(name: str, extra: str = "") -> Requirement | None:
    """Return what stellarnb asks of a package; None if it does not ask, or is not installed."""
    return next((r for r in _requirements(extra) if r.name.lower() == name), None)


def check_packages() -> list[Finding]:
    """Compare what is installed with what is needed."""
    try:
        wanted = _requirements()
        own = metadata.version("stellarnb")
    except metadata.PackageNotFoundError:
        words = "stellarnb runs from a folder and is not installed, so what it needs is not known"
        return [warning("packages", words, "In the folder of the repository: pip install -e .")]
    if own != __version__:
        words = f"stellarnb {__version__} runs, but {own} is what is installed here"
        return [warning("packages", words, "Install it again: pip install -e . (or pip install .)")]
    versions = {r.name: installed(r.name) for r in wanted}
    bad = [r for r in wanted if not _satisfied(r)]
    if bad:
        words = "; ".join(
            f"{r.name} {versions[r.name] or 'is missing'}, needed is {r.specifier or 'any'}"
            for r in bad
        )
        return [failed("packages", words, _install(bad), **versions)]
    shown = ", ".join(f"{name} {versions[name]}" for name in _SHOWN if name in versions)
    return [ok("packages", f"all {len(wanted)} are there: {shown}", **versions)]


def check_extras() -> list[Finding]:
    """Say which of the extras for users are there."""
    try:
        states = {
            extra: all(_satisfied(r) for r in _requirements(extra, alone=True)) for extra in _EXTRAS
        }
    except metadata.PackageNotFoundError:
        return []
    absent = [extra for extra, there in states.items() if not there]
    present = ", ".join(extra for extra, there in states.items() if there) or "none"
    words = f"{present} installed"
    if not absent:
        return [ok("extras", words, **states)]
    missing = "; ".join(f"{extra}: {_EXTRAS[extra]}" for extra in absent)
    remedy = f'Only if you want it: pip install "stellarnb[{",".join(absent)}]"'
    return [ok("extras", f"{words}; not installed: {missing}", remedy, **states)]


def _requirements(extra: str = "", *, alone: bool = False) -> list[Requirement]:
    """Return what is needed on this platform, with an extra; `alone` leaves out the rest."""
    found = []
    for text in metadata.requires("stellarnb") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            wanted = not alone
        else:
            wanted = bool(extra) and marker.evaluate({"extra": extra})
        if wanted:
            found.append(requirement)
    return found


def installed(name: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _satisfied(requirement: Requirement) -> bool:
    version = installed(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _install(requirements: list[Requirement]) -> str:
    names = " ".join(f'"{r.name}{r.specifier}"' for r in requirements)
    return f"{sys.executable} -m pip install {names}; then restart the kernel."
