"""Archives: tables and spectra of stars, asked in ADQL."""

from typing import TYPE_CHECKING, Any

from stellarnb.archives.base.archive import Archive, Capabilities
from stellarnb.archives.local.archive import LocalArchive
from stellarnb.archives.registry import open_archive

if TYPE_CHECKING:
    from stellarnb.archives.hats import HatsArchive
    from stellarnb.archives.remote.archive import RemoteArchive

__all__ = [
    "Archive",
    "Capabilities",
    "HatsArchive",
    "LocalArchive",
    "RemoteArchive",
    "open_archive",
]

#: Imported when first named: clients of services, which the embedded archive does not need.
_LATE = {
    "HatsArchive": "stellarnb.archives.hats",
    "RemoteArchive": "stellarnb.archives.remote.archive",
}


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LATE[name]), name)
