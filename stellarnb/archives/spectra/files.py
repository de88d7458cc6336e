"""Fetch spectra of surveys that serve one file per star."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.cache.core import STAR
from stellarnb.archives.cache.spectra import Keys, Piece
from stellarnb.archives.spectra.arrow import empty, join, pack
from stellarnb.archives.tap.votable import read_votable
from stellarnb.archives.transport.client import Reply, Transport, scrub_url
from stellarnb.archives.transport.request import AddressNotFound
from stellarnb.errors import ArchiveDown, GridMismatch, InvalidInput, StellarnbError
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.readers import read_contents

__all__ = ["SpectraFiles", "Target"]

#: How many files are fetched at once.
CONNECTIONS = 4


@dataclass(frozen=True)
class Target:
    """One spectrum of a survey."""

    #: Key in the cache, unique within the release and product.
    key: str
    #: The survey's identifier, for people.
    name: str
    #: Its file, or its files where each arm has one.
    urls: tuple[str, ...]
    #: Gaia source_id, if known.
    source_id: int | None = None


@dataclass(frozen=True)
class SpectraFiles:
    """A survey's files, as `stellarnb.archives.spectra.urls` finds them."""

    #: For people.
    title: str
    #: Part of the cache's key.
    release: str
    #: The only product, such as ``apstar``.
    product: str
    #: Whose spectra they are.
    instrument: str
    #: From where files may come; hosts below them will do. An address in a table that leads
    #: elsewhere is refused.
    hosts: tuple[str, ...]
    #: The stars.
    targets: tuple[Target, ...]
    #: How many stars are fetched before they are stored.
    chunk: int = 32

    @property
    def stars(self) -> NDArray[np.str_]:
        """The stars' keys, in the order of the table that they are from."""
        return np.array([target.key for target in self.targets], dtype=np.str_)

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products: one."""
        return (self.product,)

    def scope(self, product: str) -> str:
        """Return the cache's name of the product."""
        if product != self.product:
            raise InvalidInput(f"{self.title}: {product!r} is not {self.product!r}.")
        return f"{self.release}/{product}"

    def describe(self, product: str) -> dict[str, Any]:
        """Return service and product, for provenance."""
        self.scope(product)
        return {"service": self.hosts[0], "title": self.title, "release": self.release}

    def pixels(self, product: str) -> int:
        """Return how many pixels a spectrum has."""
        self.scope(product)
        return get_instrument(self.instrument).n_pix

    def keys(self, ids: Any) -> NDArray[np.str_]:
        """Return keys [n], which must be in `stars`."""
        keys = np.atleast_1d(np.asarray(ids, dtype=np.str_))
        strange = sorted(set(keys.tolist()) - set(self._known()))
        if strange:
            raise InvalidInput(f"{self.title}: {strange[0]!r} is not among the given stars.")
        return keys

    def gaia_ids(self, stars: Keys) -> list[int]:
        """Return the source_ids of those stars that have one."""
        known = self._known()
        ids = [known[star].source_id for star in stars.tolist()]
        return [number for number in ids if number is not None]

    def fetch(
        self, product: str, stars: Keys, transport: Transport, cancel: Cancel | None
    ) -> list[pa.Table]:
        """Fetch the files of some stars in parallel; one table per grid."""
        self.scope(product)
        known = self._known()
        found: list[pa.Table] = []
        failed: StellarnbError | None = None

        def one(star: str) -> pa.Table | StellarnbError | None:
            try:
                return self._fetch_one(known[star], transport, cancel)
            except StellarnbError as error:
                return error

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for got in pool.map(one, stars.tolist()):
                if isinstance(got, StellarnbError):
                    failed = failed or got
                elif got is not None:
                    found.append(got)
        if failed is not None and (not found or isinstance(failed, KeyboardInterrupt)):
            raise failed
        return _grouped(found)

    def assemble(
        self, product: str, pieces: Sequence[Piece], provenance: Mapping[str, Any]
    ) -> SpectrumSet:
        """Join the cached pieces.

        ``source_id`` is Gaia's where it is known, else the number of the row in `targets`.
        """
        self.scope(product)
        if not pieces:
            return empty(self.instrument, provenance)
        spectra = join(pieces, provenance)
        places = np.concatenate([piece.places for piece in pieces])
        keys = np.concatenate([piece.table[STAR].to_numpy() for piece in pieces])
        known = self._known()
        row = {target.key: number for number, target in enumerate(self.targets)}
        targets = [known[key] for key in keys[np.argsort(places)].tolist()]
        ids = [row[t.key] if t.source_id is None else t.source_id for t in targets]
        spectra.source_id = np.array(ids, dtype=np.int64)
        spectra.names = np.array([target.name for target in targets], dtype=np.str_)
        unknown = sum(target.source_id is None for target in targets)
        if unknown:
            spectra.provenance["rows_without_source_id"] = unknown
        return spectra

    def _known(self) -> dict[str, Target]:
        return {target.key: target for target in self.targets}

    def _fetch_one(
        self, target: Target, transport: Transport, cancel: Cancel | None
    ) -> pa.Table | None:
        """Return the spectrum of one star, or None if the survey has no file of it."""
        files = []
        for url in target.urls:
            body = self._body(url, transport, cancel)
            if body is None and len(target.urls) > 1:
                # A star without one of its arms would be kept so; a second look makes sure.
                body = self._body(url, transport, cancel)
            if body is not None:
                files.append((body, f"{target.name} {urlsplit(url).path.rpartition('/')[2]}"))
        if not files:
            return None
        try:
            spectra = read_contents(files, self.instrument)
        except (InvalidInput, GridMismatch) as error:
            raise ArchiveDown(
                f"{self.title} sent what cannot be read as {self.product} of {target.name}: {error}"
            ) from error
        if len(spectra) != 1:
            raise ArchiveDown(
                f"{self.title} sent {len(spectra)} spectra of {target.name}, not one."
            )
        return pack(spectra, np.array([target.key])) if _in_range(spectra) else None

    def _body(self, url: str, transport: Transport, cancel: Cancel | None) -> bytes | None:
        """Return a FITS file, or None for a 404 or a page or table in its place."""
        try:
            reply = self._get(url, transport, cancel)
            if reply.kind == "votable":
                link = _direct_link(reply.body, self.title)
                if link is None:
                    return None
                reply = self._get(link, transport, cancel)
        except AddressNotFound:
            return None
        return reply.body if reply.kind in {"fits", "gzip"} else None

    def _get(self, url: str, transport: Transport, cancel: Cancel | None) -> Reply:
        host = (urlsplit(url).hostname or "").lower()
        if not any(host == known or host.endswith(f".{known}") for known in self.hosts):
            raise ArchiveDown(
                f"{self.title} names {scrub_url(url)} as the place of a spectrum, which is none of "
                f"its own hosts ({', '.join(self.hosts)}); it was not asked."
            )
        return transport.get(url, expect={"fits", "gzip", "votable"}, cancel=cancel)


def _in_range(spectra: SpectrumSet) -> bool:
    """Return whether at least half of the instrument's wavelength range is covered."""
    wanted = spectra.instrument.wavelength
    own = spectra.wavelength.to_value(spectra.instrument.unit)
    shared = min(own[-1], wanted[-1]) - max(own[0], wanted[0])
    return bool(shared >= 0.5 * (wanted[-1] - wanted[0]))


def _direct_link(body: bytes, title: str) -> str | None:
    """Return the address of the file in a DataLink document, or None if it is empty."""
    table = read_votable(body, title).table
    if not {"semantics", "access_url"} <= set(table.column_names):
        return None
    for row in table.select(["semantics", "access_url"]).to_pylist():
        if row["semantics"] == "#this" and row["access_url"]:
            return str(row["access_url"])
    return None


def _grouped(tables: Iterable[pa.Table]) -> list[pa.Table]:
    """Concatenate tables with the same columns and grid."""
    groups: list[list[pa.Table]] = []
    for table in tables:
        for group in groups:
            if group[0].schema.equals(table.schema, check_metadata=True):
                group.append(table)
                break
        else:
            groups.append([table])
    return [pa.concat_tables(group) for group in groups]
