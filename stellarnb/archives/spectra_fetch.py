"""Spectra through the cache: only the gaps are asked for, and nothing is asked for twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.spectra_gaps import Gaps, fill
from stellarnb.archives.store import Store
from stellarnb.archives.store_stars import Claims, Found, Keys, Piece
from stellarnb.archives.transport import Transport
from stellarnb.errors import ArchiveDown, CacheMiss, Interrupted, PartialProducts, TooLarge
from stellarnb.progress import Cancel, progress_bar
from stellarnb.spectra import SpectrumSet

__all__ = ["SpectraSource", "fetch_spectra"]

#: How often spectra whose files turn out damaged are fetched anew before the disk is blamed.
ROUNDS = 3
#: Flux, error and mask as they are read and as they are returned [bytes a pixel].
PIXEL_BYTES = 17


class SpectraSource(Protocol):
    """Where spectra come from: what `fetch_spectra` has to know of a service."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def chunk(self) -> int:
        """How many stars are asked for at once."""

    def scope(self, product: str) -> str:
        """Return under what the cache keeps a product, or raise `InvalidInput`."""

    def describe(self, product: str) -> dict[str, Any]:
        """Return service and product as JSON, for the notes in the cache."""

    def pixels(self, product: str) -> int:
        """Return how many pixels a spectrum has."""

    def keys(self, ids: Any) -> Keys:
        """Return identifiers, checked: int64 source_ids or the survey's own, as text."""

    def fetch(
        self, product: str, stars: Keys, transport: Transport, cancel: Cancel | None
    ) -> list[pa.Table]:
        """Ask for some stars once, and return what came, packed; some may be missing."""

    def assemble(
        self, product: str, pieces: Sequence[Piece], provenance: Mapping[str, Any]
    ) -> SpectrumSet:
        """Put pieces (there may be none) together, in the order of their places."""

    def gaia_ids(self, stars: Keys) -> list[int]:
        """Return the Gaia source_ids of those stars for which they are known."""


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
    """Return spectra of stars; those that the cache has are not asked for again.

    What arrives is stored chunk by chunk, so whatever stops the work, the next call goes on
    where this one ended. Several kernels may fetch into one cache: none asks for a star that
    another is fetching.

    Parameters
    ----------
    source : SpectraSource
        The service, such as `stellarnb.archives.datalink.DataLink`.
    ids : array_like, shape [n]
        Which stars; a scalar will do. A repeated one gets its spectrum as often.
    product : str
        Which kind of spectrum, such as ``rvs``.
    store : Store or None
        The cache; None keeps nothing beyond this call.
    transport : Transport
        Sends the requests; logged in, if the user is.
    offline : bool, optional
        Ask nobody; so does ``transport.offline``.
    strict : bool, optional
        Raise if a star has no such spectrum, instead of naming it in ``.missing``.
    progress : bool, optional
        Whether to show a progress bar.
    cancel : Cancel, optional
        Stops it.

    Returns
    -------
    SpectrumSet
        In the order of `ids`, without those in ``.missing``.

    Raises
    ------
    InvalidInput
        For an unknown product, or identifiers that are none.
    CacheMiss
        Offline, if a spectrum is not in the cache; names the first ones.
    ArchiveDown, QueryError
        If the service fails for good; what had arrived is in the cache.
    TooLarge
        If they would not fit into this machine's memory; nothing is asked then.
    PartialProducts
        With ``strict=True``.
    Interrupted
        If `cancel` was set; ``.partial`` has the spectra that are there.
    """
    wanted = source.keys(ids)
    scope = source.scope(product)
    _check_memory(len(wanted), source.pixels(product))
    unique, inverse = np.unique(wanted, return_inverse=True)
    with _kept(store) as cache, cache.stars.work() as work:
        job = _Call(source, product, scope, unique, cache, work)
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
    """Refuse what does not fit, before it is fetched for hours."""
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
    """Give the cache, or one that is gone afterwards."""
    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="stellarnb-", ignore_cleanup_errors=True) as folder:
        yield Store(folder)


class _Call:
    """One call of `fetch_spectra`."""

    def __init__(
        self,
        source: SpectraSource,
        product: str,
        scope: str,
        unique: Keys,
        store: Store,
        work: Claims,
    ) -> None:
        self.source = source
        self.product = product
        self.scope = scope
        self.unique = unique
        self.store = store
        self.work = work

    def complete(
        self, transport: Transport, *, offline: bool, progress: bool, cancel: Cancel | None
    ) -> tuple[Found, list[Piece]]:
        """Fetch what is missing, and read all of it; a damaged file is fetched anew."""
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
            fill(
                Gaps(self.source, self.product, self.scope, self.store, self.work),
                stars,
                transport,
                advance,
                cancel,
            )

    def _miss(self, found: Found) -> CacheMiss:
        gaps = self.unique[found.gaps]
        some = ", ".join(map(str, gaps[:3].tolist())) + (", …" if len(gaps) > 3 else "")
        return CacheMiss(
            f"{len(gaps)} of {len(self.unique)} spectra are not in the cache {self.store.folder}, "
            f"and this is offline: {self.scope} of {some}. Fetch them once while online, or unset "
            "STELLARNB_OFFLINE (offline=False)."
        )

    def result(self, pieces: Sequence[Piece], inverse: NDArray[np.int64]) -> SpectrumSet:
        """Return the spectra in the order that they were asked for."""
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
