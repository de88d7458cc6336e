"""Fetch spectra through the cache: request each missing spectrum once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.cache.core import STAR
from stellarnb.archives.cache.spectra import Claims, Found, Keys, Piece
from stellarnb.archives.cache.store import Store
from stellarnb.archives.transport.client import AddressNotFound, Transport
from stellarnb.errors import (
    ArchiveDown,
    CacheMiss,
    Interrupted,
    OutputError,
    PartialProducts,
    StellarnbError,
    TooLarge,
)
from stellarnb.progress import Advance, Cancel, progress_bar
from stellarnb.spectra import SpectrumSet

__all__ = ["SpectraSource", "fetch_spectra"]

#: Delays before each retry of a chunk [s].
WAITS = (0.5, 2.0, 8.0)
#: Fruitless retries after which missing stars count as absent.
QUIET = 2
#: Time between checks for spectra that another kernel is fetching [s].
POLL_SECONDS = 0.2
#: How often damaged files are fetched again before an error is raised.
ROUNDS = 3
#: Flux, error and mask as they are read and as they are returned [bytes a pixel].
PIXEL_BYTES = 17


class SpectraSource(Protocol):
    """A service of spectra, as `fetch_spectra` uses it."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def chunk(self) -> int:
        """How many stars are asked for at once."""

    def scope(self, product: str) -> str:
        """Return the cache's name of a product, or raise `InvalidInput`."""

    def describe(self, product: str) -> dict[str, Any]:
        """Return service and product as JSON, for provenance."""

    def pixels(self, product: str) -> int:
        """Return how many pixels a spectrum has."""

    def keys(self, ids: Any) -> Keys:
        """Return checked identifiers [n]: int64 source_ids, or the survey's own as text."""

    def fetch(
        self, product: str, stars: Keys, transport: Transport, cancel: Cancel | None
    ) -> list[pa.Table]:
        """Fetch some stars once and return the packed spectra; some may be missing."""

    def assemble(
        self, product: str, pieces: Sequence[Piece], provenance: Mapping[str, Any]
    ) -> SpectrumSet:
        """Join pieces (perhaps none) in the order of their places."""

    def gaia_ids(self, stars: Keys) -> list[int]:
        """Return the Gaia source_ids of stars, where they are known."""


@dataclass(frozen=True)
class _Gaps:
    """What is fetched, its source, and the cache it goes to."""

    source: SpectraSource
    product: str
    scope: str
    store: Store
    work: Claims

    def open(self, stars: Keys) -> Keys:
        """Return the stars that are neither stored nor known to be absent."""
        return stars[self.store.stars.find(self.scope, stars).gaps]


def fetch_spectra(
    source: SpectraSource,
    ids: Any,
    product: str,
    *,
    store: Store | None,
    transport: Transport,
    offline: bool = False,
    strict: bool = False,
    progress: bool = True,
    cancel: Cancel | None = None,
) -> SpectrumSet:
    """Return the spectra of stars `ids` [n], in that order, fetching those not in the cache.

    What arrives is stored chunk by chunk, so whatever stops the work, the next call goes on
    where this one ended. Several kernels may fetch into one cache: none asks for a star that
    another is fetching.
    """
    wanted = source.keys(ids)
    scope = source.scope(product)
    _check_memory(len(wanted), source.pixels(product))
    unique, inverse = np.unique(wanted, return_inverse=True)
    with _kept(store) as cache, cache.stars.work() as work:
        job = _SpectraRequest(_Gaps(source, product, scope, cache, work), unique)
        try:
            found, pieces = job.complete(
                transport, offline=offline or transport.offline, progress=progress, cancel=cancel
            )
        except Interrupted as stop:
            pieces, _ = cache.stars.read(cache.stars.find(scope, unique))
            raise Interrupted(str(stop), job.result(pieces, inverse)) from stop
    spectra = job.result(pieces, inverse)
    gone = unique[found.absent]
    if len(gone) and strict:
        some = ", ".join(map(str, gone[:3].tolist())) + (", …" if len(gone) > 3 else "")
        raise PartialProducts(
            f"{source.title} has no {product} of {len(gone)} of the {len(unique)} stars: {some}. "
            "Leave them out, or call without strict=True and look at .missing."
        )
    return spectra


def _check_memory(spectra: int, pixels: int) -> None:
    """Raise `TooLarge` if the spectra do not fit into memory."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        return
    need = spectra * pixels * PIXEL_BYTES
    if need > memory:
        raise TooLarge(
            f"{spectra:,} spectra of {pixels} pixels need {need / 1e9:,.0f} GB of memory, and this "
            f"machine has {memory / 1e9:,.0f}. Ask for {memory // (2 * pixels * PIXEL_BYTES):,} at "
            "a time: what was fetched stays in the cache."
        )


@contextmanager
def _kept(store: Store | None) -> Iterator[Store]:
    """Yield the cache, or a temporary one if it is None."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="stellarnb-", ignore_cleanup_errors=True) as folder:
        yield Store(folder)


class _SpectraRequest:
    """One call of `fetch_spectra`."""

    def __init__(self, gaps: _Gaps, unique: Keys) -> None:
        self.gaps, self.unique = gaps, unique
        self.source, self.product, self.scope = gaps.source, gaps.product, gaps.scope
        self.store, self.work = gaps.store, gaps.work

    def complete(
        self, transport: Transport, *, offline: bool, progress: bool, cancel: Cancel | None
    ) -> tuple[Found, list[Piece]]:
        """Fetch missing spectra and read all; fetch damaged files again."""
        for _ in range(ROUNDS):
            found = self.store.stars.find(self.scope, self.unique)
            # What is needed is not evicted to make room for the rest of it.
            self.work.pin(found)
            if found.gaps.any():
                if offline:
                    raise self._miss(found)
                self._fill(found, transport, progress=progress, cancel=cancel)
                found = self.store.stars.find(self.scope, self.unique)
                self.work.pin(found)
            pieces, lost = self.store.stars.read(found)
            if not len(lost) and not found.gaps.any():
                return found, pieces
        raise ArchiveDown(
            f"{len(lost)} spectra were damaged on the disk as soon as they were stored, or were "
            f"removed by someone else, {ROUNDS} times. Check the disk of {self.store.folder}."
        )

    def _fill(
        self, found: Found, transport: Transport, *, progress: bool, cancel: Cancel | None
    ) -> None:
        stars = self.unique[found.gaps]
        label = f"{self.source.title}: {self.product}"
        with progress_bar(len(stars), label, show=progress) as advance:
            _fill(self.gaps, stars, transport, advance, cancel)

    def _miss(self, found: Found) -> CacheMiss:
        gaps = self.unique[found.gaps]
        some = ", ".join(map(str, gaps[:3].tolist())) + (", …" if len(gaps) > 3 else "")
        return CacheMiss(
            f"{len(gaps)} of {len(self.unique)} spectra are not in the cache {self.store.folder}, "
            f"and this is offline: {self.scope} of {some}. Fetch them once while online, or unset "
            "STELLARNB_OFFLINE (offline=False)."
        )

    def result(self, pieces: Sequence[Piece], inverse: NDArray[np.int64]) -> SpectrumSet:
        """Return the spectra in the requested order."""
        provenance = {
            **self.source.describe(self.product),
            "product": self.product,
            "cache": self.scope,
            "objects": sorted({piece.sha256 for piece in pieces})[:100],
        }
        spectra = self.source.assemble(self.product, pieces, provenance)
        here = np.zeros(len(self.unique), dtype=bool)
        for piece in pieces:
            here[piece.places] = True
        row = np.cumsum(here) - 1
        rows = row[inverse[here[inverse]]]
        if not np.array_equal(rows, np.arange(len(spectra))):
            spectra = spectra[rows]
        gone = self.unique[~here]
        spectra.missing = tuple(self.source.gaia_ids(gone))
        if gone.dtype.kind != "i" and len(gone):
            spectra.provenance["missing_names"] = gone.tolist()
        return spectra


def _fill(
    gaps: _Gaps, stars: Keys, transport: Transport, advance: Advance, cancel: Cancel | None
) -> None:
    """Fetch spectra until every star is stored or known to have none."""
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
    def __init__(self, gaps: _Gaps, transport: Transport, cancel: Cancel | None) -> None:
        self.gaps = gaps
        self.transport = transport
        self.cancel = cancel
        self.counted = 0

    def run(self, stars: Keys, advance: Advance) -> None:
        """Fetch the stars that no other kernel is fetching."""
        unseen: list[Keys] = []
        place = 0
        while place < len(stars):
            chunk, place = self._claim(stars, place)
            if len(chunk):
                unseen.append(self._fetch(chunk, advance))
        self._ask_again(np.concatenate([stars[:0], *unseen]), advance)

    def _claim(self, stars: Keys, place: int) -> tuple[Keys, int]:
        """Claim the next chunk of stars; return it and the next position."""
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
        """Request the missing stars again: archives sometimes omit some without an error."""
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
        """Fetch and store a chunk of stars, and return those that are missing."""
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
        """Fetch a chunk, retrying errors that may be temporary."""
        for wait in WAITS:
            _check(self.cancel)
            try:
                return self._once(chunk)
            except (Interrupted, CacheMiss, OutputError, AddressNotFound):
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
