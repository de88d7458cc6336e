"""What an archive explorer does: read, preview, count, run, fetch spectra; one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stellarnb.archives.transport.progress import Progress
from stellarnb.errors import TooLarge
from stellarnb.progress import Cancel
from stellarnb.widgets.task import Report, beside
from stellarnb.widgets.words import time_words

if TYPE_CHECKING:
    from stellarnb.spectra import SpectrumSet
    from stellarnb.tables import Result
    from stellarnb.widgets.archive_explorer_source import Source

__all__ = ["all_spectra", "reporter"]

#: Spectra between two reports, and at most.
_CHUNK, MOST_SPECTRA = 2000, 200_000


def reporter(report: Report) -> Callable[[Progress], None]:
    """Return a function that tells a task how far an archive's query is."""

    def tell(progress: Progress) -> None:
        parts = [progress.phase.lower()]
        if progress.parts > 1:
            parts.append(f"part {progress.part} of {progress.parts}")
        if progress.rows is not None:
            parts.append(f"{progress.rows:,} rows so far")
        if progress.bytes and not progress.total:
            parts.append(f"{progress.bytes / 1e6:.1f} MB so far")
        if progress.left is not None and not progress.total:
            parts.append(f"about {time_words(progress.left)} left")
        report(progress.bytes if progress.total else 0, progress.total or 0, ", ".join(parts))

    return tell


def all_spectra(
    source: Source, stars: Result, product: str | None, cancel: Cancel, report: Report
) -> SpectrumSet:
    """Return the spectra of a table of stars, with a word on the way now and then.

    Raises
    ------
    TooLarge
        If there are more stars than should be asked for by a button.
    StellarnbError
        See the archive's ``spectra``.
    """
    n = len(stars)
    if n > MOST_SPECTRA:
        raise TooLarge(
            f"Spectra of {n:,} stars may not fit into memory; at most {MOST_SPECTRA:,} are fetched "
            "from here. Choose fewer, or go through archive.spectra in parts."
        )
    archive = source.archive
    report(0, n, "asking")
    if not source.remote:
        spectra: SpectrumSet = beside(lambda: archive.spectra(stars, product), cancel)
        return spectra
    how: dict[str, Any] = {"progress": False, "cancel": cancel}
    if n > _CHUNK and source.keeps:
        # What has arrived is in the cache, so that the last call finds all of it there.
        for first in range(0, n, _CHUNK):
            archive.spectra(stars.take(slice(first, first + _CHUNK)), product, **how)
            report(min(first + _CHUNK, n), n, "fetching")
    found: SpectrumSet = archive.spectra(stars, product, **how)
    return found
