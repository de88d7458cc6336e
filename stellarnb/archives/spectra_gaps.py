"""Fetches the spectra that the cache lacks, beside other kernels that do the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stellarnb.archives.store import Store
from stellarnb.archives.store_core import STAR
from stellarnb.archives.store_stars import Claims, Keys
from stellarnb.archives.transport import NotThere, Transport
from stellarnb.errors import CacheMiss, Interrupted, OutputError, StellarnbError
from stellarnb.progress import Advance, Cancel

if TYPE_CHECKING:
    import pyarrow as pa

    from stellarnb.archives.spectra_fetch import SpectraSource

__all__ = ["Gaps", "fill"]

#: Waits before a chunk is asked for once more, after which its error is passed on [s].
WAITS = (0.5, 2.0, 8.0)
#: How often stars that did not come are asked for again in vain before they count as absent.
QUIET = 2
#: How often one looks whether another kernel has stored what it is fetching [s].
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Gaps:
    """What is fetched, from where, and where to."""

    source: SpectraSource
    product: str
    scope: str
    store: Store
    work: Claims

    def open(self, stars: Keys) -> Keys:
        """Return those of some stars that are neither stored nor known to be absent."""
        return stars[self.store.stars.find(self.scope, stars).gaps]


def fill(
    gaps: Gaps, stars: Keys, transport: Transport, advance: Advance, cancel: Cancel | None
) -> None:
    """Fetch spectra until every star is stored or known to have none.

    Parameters
    ----------
    gaps : Gaps
        What and where.
    stars : numpy.ndarray of int64 or str, shape [n]
        Each once.
    transport : Transport
        Sends the requests.
    advance : callable
        Told how many more stars are done.
    cancel : Cancel or None
        Stops it.
    """
    total = len(stars)
    filler = _Filler(gaps, transport, cancel)
    left = stars
    while len(left):
        before = len(left)
        try:
            filler.run(left, advance)
        except Interrupted:
            raise
        except StellarnbError as error:
            done = total - len(gaps.open(stars))
            raise type(error)(
                f"{error} {done:,} of {total:,} spectra had arrived and are in the cache; run it "
                "again to go on from there."
            ) from error
        left = gaps.open(left)
        advance(before - len(left) - filler.counted)
        filler.counted = 0
        if len(left):  # another kernel is at it
            transport.clock.wait(POLL_SECONDS, cancel)
            _check(cancel)


class _Filler:
    def __init__(self, gaps: Gaps, transport: Transport, cancel: Cancel | None) -> None:
        self.gaps = gaps
        self.transport = transport
        self.cancel = cancel
        self.counted = 0

    def run(self, stars: Keys, advance: Advance) -> None:
        """Go through the stars once, and fetch those that nobody else is fetching."""
        unseen: list[Keys] = []
        place = 0
        while place < len(stars):
            chunk, place = self._claim(stars, place)
            if len(chunk):
                unseen.append(self._fetch(chunk, advance))
        self._ask_again(np.concatenate([stars[:0], *unseen]), advance)

    def _claim(self, stars: Keys, place: int) -> tuple[Keys, int]:
        """Claim the next stars, as many as are asked for at once; return where to go on."""
        size = self.gaps.source.chunk
        taken: list[Keys] = [stars[:0]]
        count = 0
        while count < size and place < len(stars):
            window = stars[place : place + size - count]
            mine = window[self.gaps.work.claim(self.gaps.scope, window)]
            taken.append(mine)
            count += len(mine)
            place += len(window)
        return np.concatenate(taken), place

    def _ask_again(self, unseen: Keys, advance: Advance) -> None:
        """Ask for the stars that did not come: archives leave some out without a word."""
        size = self.gaps.source.chunk
        quiet = 0
        while len(unseen):
            parts = [unseen[i : i + size] for i in range(0, len(unseen), size)]
            rest = np.concatenate([self._fetch(part, advance) for part in parts])
            # One more question costs little where few are left, and a lot where many are.
            quiet = quiet + 1 if len(rest) == len(unseen) else 0
            unseen = rest
            if quiet >= (QUIET if len(unseen) <= size else 1):
                self.gaps.store.stars.keep_absent(self.gaps.scope, unseen)
                return

    def _fetch(self, chunk: Keys, advance: Advance) -> Keys:
        """Ask for stars, store what came, and return those that did not."""
        gaps = self.gaps
        tables = self._patiently(chunk)
        seen: list[Keys] = [chunk[:0]]
        for table in tables:
            note = gaps.source.describe(gaps.product)
            gaps.store.stars.keep(gaps.scope, table, note, gaps.work)
            seen.append(table[STAR].to_numpy().astype(chunk.dtype))
        came = np.concatenate(seen)
        self.counted += len(came)
        advance(len(came))
        return chunk[~np.isin(chunk, came)]

    def _patiently(self, chunk: Keys) -> list[pa.Table]:
        """Ask once more where that may help."""
        for wait in WAITS:
            _check(self.cancel)
            try:
                return self._once(chunk)
            except (Interrupted, CacheMiss, OutputError, NotThere):
                raise
            except StellarnbError:
                self.transport.clock.wait(wait, self.cancel)
        _check(self.cancel)
        return self._once(chunk)

    def _once(self, chunk: Keys) -> list[pa.Table]:
        gaps = self.gaps
        return gaps.source.fetch(gaps.product, chunk, self.transport, self.cancel)


def _check(cancel: Cancel | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Interrupted("Stopped; what had arrived is in the cache.")
