"""Gaia's spectra: RVS, and BP/RP sampled or as coefficients, through DataLink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.cache.core import STAR
from stellarnb.archives.cache.spectra import Keys, Piece
from stellarnb.archives.spectra import xp as xp_continuous
from stellarnb.archives.spectra.arrow import empty, join, pack, unique_rows
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import ArchiveDown, GridMismatch, InvalidInput, StellarnbError
from stellarnb.ids import as_source_ids
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.spectra.readers import read_contents

__all__ = ["DR3_NAMES", "DR4_NAMES", "MAX_IDS", "DataLink"]

#: As many stars as Gaia's DataLink takes in one request.
MAX_IDS = 5000
#: What the archive calls our products, in RETRIEVAL_TYPE.
DR3_NAMES = {"rvs": "RVS", "xp_sampled": "XP_SAMPLED", "xp_continuous": "XP_CONTINUOUS"}
DR4_NAMES = {
    "rvs": "MEAN_SPECTRUM_RVS",
    "xp_sampled": "XP_SAMPLED",
    "xp_continuous": "MEAN_SPECTRUM_XP",
}
_INSTRUMENTS = {"rvs": "gaia-rvs", "xp_sampled": "gaia-xp", "xp_continuous": "gaia-xp"}
_KINDS = {
    "fits": {"fits", "zip"},
    "csv": {"text", "zip"},
    "ecsv": {"text", "zip"},
    "votable": {"votable", "zip"},
    "votable_plain": {"votable", "zip"},
}


@dataclass(frozen=True)
class DataLink:
    """A DataLink service like Gaia's ``/data-server/data``.

    Products: ``rvs``; ``xp_sampled``; ``xp_continuous``, whose coefficients are cached as they
    came, and sampled through gaiaxpy (extra ``[xp]``) on the grid of ``gaia-xp``.
    """

    #: Its address, and those of mirrors: the next is asked where one fails.
    urls: tuple[str, ...]
    #: Part of the cache's key: releases have the same identifiers for other spectra.
    release: str = "gaiadr3"
    #: What the service calls the release.
    release_parameter: str = "Gaia DR3"
    #: What the service calls the products, see `DR3_NAMES` and `DR4_NAMES`.
    names: Mapping[str, str] = field(default_factory=lambda: DR3_NAMES)
    #: ``RAW``: one table with a row a star, which is less than half as large and read several
    #: times faster; or ``INDIVIDUAL``: a file a star.
    structure: str = "RAW"
    #: ``fits``, ``csv``, ``ecsv``, ``votable`` or ``votable_plain``.
    form: str = "fits"
    #: How many stars are asked for at once, `MAX_IDS` at most.
    chunk: int = 1000
    #: For people.
    title: str = "Gaia DataLink"

    def __post_init__(self) -> None:
        if not self.urls or not 1 <= self.chunk <= MAX_IDS:
            raise InvalidInput(f"A DataLink needs an address, and a chunk of 1 to {MAX_IDS} stars.")
        if self.structure not in {"RAW", "INDIVIDUAL"} or self.form not in _KINDS:
            raise InvalidInput(
                f"structure={self.structure!r}, form={self.form!r}: give RAW or INDIVIDUAL, and "
                f"one of {', '.join(_KINDS)}."
            )

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products."""
        return tuple(self.names)

    def scope(self, product: str) -> str:
        """Return the cache's name of a product."""
        if product not in self.names:
            known = ", ".join(self.names)
            raise InvalidInput(
                f"{self.title} has no product {product!r}{nearest(str(product), self.names)} "
                f"(products: {known})."
            )
        if product == "xp_continuous":
            xp_continuous.check_installed()
        return f"{self.release}/{product}"

    def describe(self, product: str) -> dict[str, Any]:
        """Return service and product, for provenance."""
        return {
            "service": self.urls[0],
            "title": self.title,
            "release": self.release,
            "retrieval_type": self.names[product],
        }

    def pixels(self, product: str) -> int:
        """Return how many pixels a spectrum has."""
        return get_instrument(_INSTRUMENTS[product]).n_pix

    def keys(self, ids: Any) -> NDArray[np.int64]:
        """Return source_ids as int64 [n]; a scalar counts as one."""
        return as_source_ids(ids)

    def gaia_ids(self, stars: Keys) -> list[int]:
        """Return the source_ids themselves."""
        return [int(star) for star in stars.tolist()]

    def fetch(
        self, product: str, stars: Keys, transport: Transport, cancel: Cancel | None
    ) -> list[pa.Table]:
        """Fetch some stars once, at most `MAX_IDS`."""
        form = {
            "ID": ",".join(map(str, stars.tolist())),
            "RETRIEVAL_TYPE": self.names[product],
            "RELEASE": self.release_parameter,
            "DATA_STRUCTURE": self.structure,
            "FORMAT": self.form,
            "VALID_DATA": "true",
            "USE_ZIP_ALWAYS": "true",
        }
        body = self._ask(form, transport, cancel)
        table = self.read(product, body)
        if table is None:
            return []
        wanted = np.isin(table[STAR].to_numpy(), stars)
        table = table if wanted.all() else table.filter(pa.array(wanted))
        return [table] if len(table) else []

    def read(self, product: str, body: bytes) -> pa.Table | None:
        """Read an answer in any format and structure; None if it holds no star."""
        if body.startswith(b"PK\x05\x06"):  # a zip without a file: none of the stars has one
            return None
        name = f"{self.names[product]}.{self.form}"
        try:
            if product == "xp_continuous":
                table = xp_continuous.read_coefficients(body, name)
            else:
                table = _packed(read_contents([(body, name)], _INSTRUMENTS[product]))
        except (InvalidInput, GridMismatch) as error:
            raise ArchiveDown(
                f"{self.title} sent what cannot be read as {self.names[product]}: {error}"
            ) from error
        return unique_rows(table, self.title)

    def assemble(
        self, product: str, pieces: Sequence[Piece], provenance: Mapping[str, Any]
    ) -> SpectrumSet:
        """Join the cached pieces."""
        if not pieces:
            return empty(_INSTRUMENTS[product], provenance)
        if product == "xp_continuous":
            return xp_continuous.sampled(pieces, provenance)
        return join(pieces, provenance)

    def _ask(self, form: Mapping[str, str], transport: Transport, cancel: Cancel | None) -> bytes:
        """Send the request to the service, or to a mirror if it fails."""
        failed: StellarnbError | None = None
        for url in self.urls:
            try:
                # An empty body is how some servers say that none of the stars has a spectrum.
                kinds = _KINDS[self.form] | {"empty"}
                reply = transport.post(url, form, expect=kinds, cancel=cancel)
            except ArchiveDown as error:
                failed = failed or error
            else:
                return reply.body or b"PK\x05\x06"
        assert failed is not None  # noqa: S101 - there is at least one address
        raise failed


def _packed(spectra: SpectrumSet) -> pa.Table:
    if "rows_without_source_id" in spectra.provenance:
        raise InvalidInput("a spectrum does not say of which star it is")
    return pack(spectra, spectra.source_id)
