"""Archives: tables and spectra of stars, asked in ADQL."""

from stellarnb.archives.local.archive import LocalArchive
from stellarnb.archives.registry import open_archive

__all__ = ["LocalArchive", "open_archive"]
