"""Find the addresses of surveys' spectra from rows of their catalogues.

The addresses are built as the surveys document them. Names from catalogues are checked and quoted
before they become part of one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.spectra.files import SpectraFiles, Target
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids
from stellarnb.tables.convert import as_arrow, column_to_numpy

__all__ = ["PRODUCTS", "apogee", "files_of", "gaia_eso", "galah", "rave"]

APOGEE_BASE = "https://data.sdss.org/sas/dr17/apogee/spectro"
RAVE_BASE = "https://www.rave-survey.org/files"
GALAH_BASE = "https://datacentral.org.au/vo/slink/links"
#: ESO serves a data product by its identifier here.
ESO_BASE = "https://dataportal.eso.org/dataPortal/file"
#: The surveys that serve files, and their products, the usual one first.
PRODUCTS = {
    "apogee": ("aspcapstar", "apstar"),
    "rave": ("spectrum",),
    "gaia-eso": ("hr15n",),
    "galah": ("spectrum",),
}
#: What a spectrum of HR15N spans at least, and one of HR10 or HR21 does not [m].
HR15N_RANGE = (6.50e-7, 6.78e-7)
#: Column names of the Gaia identifier.
_GAIA = ("source_id", "gaiaedr3_source_id", "gaiaedr3", "gaiadr3_source_id", "gaia_source_id")


def files_of(
    survey: str, stars: Any, product: str | None = None, *, base: str = ""
) -> SpectraFiles:
    """Find the spectra of a survey's stars, with the function of that name."""
    if survey not in PRODUCTS:
        raise InvalidInput(f"{survey!r} does not serve files (surveys: {', '.join(PRODUCTS)}).")
    chosen = product or PRODUCTS[survey][0]
    if chosen not in PRODUCTS[survey]:
        known = ", ".join(PRODUCTS[survey])
        hint = nearest(chosen, PRODUCTS[survey])
        raise InvalidInput(f"{survey!r} has no product {chosen!r}{hint} (products: {known}).")
    where = {"base": base.rstrip("/")} if base else {}
    if survey == "apogee":
        return apogee(stars, chosen, **where)
    return {"rave": rave, "gaia-eso": gaia_eso, "galah": galah}[survey](stars, **where)


def apogee(stars: Any, product: str = "aspcapstar", *, base: str = APOGEE_BASE) -> SpectraFiles:
    """Find the DR17 spectra of stars."""
    if product not in PRODUCTS["apogee"]:
        raise InvalidInput(f"APOGEE has no product {product!r} (products: aspcapstar, apstar).")
    table = _Rows(stars, "APOGEE")
    telescopes = table.text("telescope", "tel")
    fields = table.text("field")
    names = table.text("apogee_id", "apogee", "id")
    targets = []
    for telescope, field, name, star in zip(telescopes, fields, names, table.gaia(), strict=True):
        folder = f"{_part(telescope)}/{_part(field)}"
        if product == "aspcapstar":
            url = f"{base}/aspcap/dr17/synspec_rev1/{folder}/aspcapStar-dr17-{_part(name)}.fits"
        else:
            kind = "asStar" if telescope == "lco25m" else "apStar"
            url = f"{base}/redux/dr17/stars/{folder}/{kind}-dr17-{_part(name)}.fits"
        targets.append(Target(f"{telescope}/{field}/{name}", name, (url,), star))
    return _files("APOGEE DR17", "apogee-dr17", product, "apogee", [base], targets)


def rave(stars: Any, *, base: str = RAVE_BASE) -> SpectraFiles:
    """Find the DR6 spectra of observations."""
    table = _Rows(stars, "RAVE")
    names = table.text("rave_obs_id")
    places = table.text("spectrum_fits", needed=False) or [""] * len(names)
    targets = []
    for name, place, star in zip(names, places, table.gaia(), strict=True):
        if "://" in place:
            url = place
        elif place:
            url = f"{base}/{'/'.join(_part(part) for part in place.strip('/').split('/'))}"
        else:
            url = f"{base}/fits/{_part(name.partition('_')[0])}/RAVE_{_part(name)}.fits"
        targets.append(Target(name, name, (url,), star))
    return _files("RAVE DR6", "rave-dr6", "spectrum", "rave", [base], targets)


def gaia_eso(
    stars: Any, *, hosts: Sequence[str] = ("eso.org",), base: str = ESO_BASE
) -> SpectraFiles:
    """Find the spectra of observations in ESO's ``ivoa.ObsCore``; rows outside HR15N are dropped.

    Asked at ``https://archive.eso.org/tap_obs``: ``SELECT dp_id, access_url, target_name, em_min,
    em_max FROM ivoa.ObsCore WHERE obs_collection = 'GAIAESO' AND target_name IN (...)``.
    """
    table = _Rows(_hr15n(as_arrow(stars)), "Gaia-ESO")
    products = table.text("dp_id", needed=False)
    links = table.text("access_url", needed=not products)
    keys = products or links
    names = table.text("target_name", "cname", "object", needed=False) or keys
    urls = [f"{base}/{_part(product)}" for product in products] if products else links
    targets = [
        Target(key, name, (url,), star)
        for key, name, url, star in zip(keys, names, urls, table.gaia(), strict=True)
    ]
    more = [base, *(f"https://{host}/" for host in hosts)]
    return _files("Gaia-ESO DR5", "gaia-eso-dr5", "hr15n", "giraffe-hr15n", more, targets)


def galah(stars: Any, *, base: str = GALAH_BASE, release: str = "galah_dr4") -> SpectraFiles:
    """Find the spectra of observations, four arms each."""
    table = _Rows(stars, "GALAH")
    targets = []
    for name, star in zip(table.text("sobject_id"), table.gaia(), strict=True):
        if not re.fullmatch(r"\d{15}", name):
            raise InvalidInput(f"GALAH: {name!r} is not a sobject_id; expected 15 digits.")
        more = [
            {"ID": name, "DR": release, "IDX": "0", "FILT": arm, "RESPONSEFORMAT": "fits"}
            for arm in "BGRI"
        ]
        urls = tuple(f"{base}?{urlencode(pairs)}" for pairs in more)
        targets.append(Target(name, name, urls, star))
    title = release.replace("_", " ").upper()
    key = release.replace("_", "-")
    return _files(title, key, "spectrum", "galah", [base], targets)


def _hr15n(table: pa.Table) -> pa.Table:
    """Return the rows whose ``em_min`` and ``em_max`` [m] span HR15N; all if they lack these."""
    names = {name.lower(): name for name in table.column_names}
    if not {"em_min", "em_max"} <= set(names):
        return table
    low, high = (pc.cast(table[names[name]], pa.float64()) for name in ("em_min", "em_max"))
    spans = pc.and_(pc.less_equal(low, HR15N_RANGE[0]), pc.greater_equal(high, HR15N_RANGE[1]))
    return table.filter(spans)


class _Rows:
    """A table whose columns are found by several names, ignoring case."""

    def __init__(self, stars: Any, title: str) -> None:
        self._table = as_arrow(stars)
        self._names = {name.lower(): name for name in self._table.column_names}
        self._title = title

    def text(self, *names: str, needed: bool = True) -> list[str]:
        found = next((self._names[name] for name in names if name in self._names), None)
        if found is None:
            if not needed:
                return []
            known = ", ".join(self._names) or "none"
            raise MissingInput(
                f"{self._title}: the column {names[0]} says where a spectrum is, and is missing "
                f"(columns: {known}). Add it to the query."
            )
        values = self._table[found].to_pylist()
        if any(value is None for value in values):
            raise InvalidInput(
                f"{self._title}: {found} is empty in {values.count(None)} rows; leave them out."
            )
        return [str(value).strip() for value in values]

    def gaia(self) -> list[int | None]:
        found = next((self._names[name] for name in _GAIA if name in self._names), None)
        if found is None:
            return [None] * len(self._table)
        column = self._table[found]
        if column.null_count:
            return [int(v) if v else None for v in column.to_pylist()]
        return [int(v) or None for v in as_source_ids(column_to_numpy(column)).tolist()]


def _part(name: str) -> str:
    """Return a name quoted for an address; raise if it is unsafe."""
    if not re.fullmatch(r"[\w.+:()\- ]{1,80}", name, re.ASCII) or set(name) <= {".", " "}:
        raise InvalidInput(
            f"{name[:80]!r} cannot be part of a spectrum's address; look at the catalogue's row."
        )
    return quote(name)


def _files(
    title: str,
    release: str,
    product: str,
    instrument: str,
    bases: Sequence[str],
    targets: Sequence[Target],
) -> SpectraFiles:
    hosts = tuple(dict.fromkeys((urlsplit(base).hostname or "").lower() for base in bases))
    return SpectraFiles(title, release, product, instrument, hosts, tuple(targets))
