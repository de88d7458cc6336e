"""DataLink: spectra by identifier, one file a star or one for all, in a zip."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.base.tap_schema import vo_unit
from stellarnb.errors import InvalidInput
from stellarnb.ids import as_source_ids
from stellarnb.spectra import SpectrumSet
from tests.support.server.answers import AnswerField, ServerAnswer, render
from tests.support.server.calls import ServerCall, ServerReply
from tests.support.server.faults import Fault
from tests.support.server.store import ServerStore

__all__ = ["COEFFICIENTS", "MAX_IDS", "data", "links"]

#: As many identifiers as Gaia's DataLink takes at once.
MAX_IDS = 5000
_EXTENSIONS = {
    "votable": "xml",
    "votable_plain": "xml",
    "fits": "fits",
    "csv": "csv",
    "ecsv": "ecsv",
    "json": "json",
}
#: BP/RP coefficients: served where they are asked for by name, and not under ALL, since only
#: made-up stars have some.
COEFFICIENTS = "XP_CONTINUOUS"
#: Stands in a FITS header where the identifier belongs.
_BLANK_ID = b"'0000000000000000000'"
_TEN = 10


@dataclass(frozen=True)
class _Order:
    """What was asked for."""

    ids: NDArray[np.int64]
    products: tuple[str, ...]
    form: str
    raw: bool
    zipped: bool


def data(store: ServerStore, call: ServerCall, bomb_bytes: int, zip_level: int = 1) -> ServerReply:
    """Answer a request for spectra, as Gaia's ``/data-server/data``."""
    order = _order(store, call)
    ids = order.ids
    if Fault.MISSING_IDS in call.faults:
        ids = ids[np.arange(len(ids)) % _TEN != 0]
    files: list[tuple[str, bytes]] = []
    served: list[tuple[str, int]] = []
    for product in order.products:
        if product == COEFFICIENTS:
            more, stars = _coefficient_files(store, ids, order)
            files += more
            served += [(product, star) for star in stars]
            continue
        spectra = store.spectra(ids, product)
        if Fault.DUPLICATE_PRODUCTS in call.faults:
            rows = np.arange(len(spectra))
            spectra = spectra[np.sort(np.concatenate([rows, rows[::_TEN]]))]
        if len(spectra):
            writer = _raw_files if order.raw else _single_files
            files += writer(store, spectra, product, order.form, Fault.UPPER_CASE in call.faults)
        served += [(product, star) for star in dict.fromkeys(spectra.source_id.tolist())]
    headers = {}
    if any(store.made_up(product) for product in order.products):
        headers["X-Mock"] = "RVS spectra and coefficients of this server are made up"
    spoilt = call.faults & {Fault.ZIP_BOMB, Fault.PATH_TRAVERSAL}
    if len(files) == 1 and not order.zipped and not spoilt:
        return ServerReply(files[0][1], "application/octet-stream", 200, headers, tuple(served))
    body = _zip(files, call.faults, bomb_bytes, zip_level)
    return ServerReply(body, "application/zip", 200, headers, tuple(served))


def links(store: ServerStore, call: ServerCall) -> ServerReply:
    """Answer which products there are of some stars, as a table of links."""
    ids = _ids(call)
    rows = []
    for product in store.products:
        for star in store.spectra(ids, product).source_id.tolist():
            url = f"{call.base}/data-server/data?ID=Gaia+DR3+{star}&RETRIEVAL_TYPE={product}"
            rows.append((f"Gaia DR3 {star}", url, "#this", product))
    names = ("ID", "access_url", "semantics", "description")
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(names))]
    answer = ServerAnswer(pa.table(columns, names=names), tuple(map(AnswerField, names)), {})
    body, media = render(answer, call.get("RESPONSEFORMAT", "votable"))
    return ServerReply(body, media)


def _order(store: ServerStore, call: ServerCall) -> _Order:
    wanted = call.get("RETRIEVAL_TYPE", "ALL").upper()
    products = store.products if wanted == "ALL" else tuple(wanted.split(","))
    known_products = (*store.products, COEFFICIENTS)
    for product in products:
        if product not in known_products:
            known = ", ".join(known_products)
            raise InvalidInput(f"RETRIEVAL_TYPE={product} is not at hand here; there is {known}.")
    form = call.get("FORMAT", "votable").lower()
    if form not in _EXTENSIONS:
        raise InvalidInput(f"FORMAT={form} is unknown; there are {', '.join(_EXTENSIONS)}.")
    structure = call.get("DATA_STRUCTURE", "INDIVIDUAL").upper()
    if structure not in {"INDIVIDUAL", "RAW"}:
        raise InvalidInput(f"DATA_STRUCTURE={structure} is unknown; there are INDIVIDUAL and RAW.")
    if call.get("LINKING_PARAMETER", "SOURCE_ID").upper() != "SOURCE_ID":
        raise InvalidInput("LINKING_PARAMETER: only SOURCE_ID is at hand here.")
    zipped = call.get("USE_ZIP_ALWAYS", "false").lower() == "true"
    return _Order(_ids(call), products, form, structure == "RAW", zipped)


def _ids(call: ServerCall) -> NDArray[np.int64]:
    texts = [part for text in call.params.get("ID", []) for part in text.split(",")]
    stars = [re.sub(r"^\s*gaia\s+dr3\s+", "", text, flags=re.IGNORECASE).strip() for text in texts]
    stars = [star for star in stars if star]
    if not stars:
        raise InvalidInput("ID is missing: identifiers of stars, with commas between.")
    ids = as_source_ids(stars, name="ID")
    unique = np.array(list(dict.fromkeys(ids.tolist())), dtype=np.int64)
    if len(unique) > MAX_IDS:
        raise InvalidInput(f"ID: {len(unique)} identifiers; {MAX_IDS} at most.")
    return unique


def _columns(spectra: SpectrumSet, upper: bool) -> tuple[AnswerField, ...]:
    unit = vo_unit(spectra.instrument.flux_unit)
    fields = (
        AnswerField("wavelength", "nm", "wavelength"),
        AnswerField("flux", unit, "mean spectrum flux"),
        AnswerField("flux_error", unit, "mean spectrum flux error"),
    )
    return tuple(replace(f, name=f.name.upper()) for f in fields) if upper else fields


def _single_files(
    store: ServerStore, spectra: SpectrumSet, product: str, form: str, upper: bool
) -> Iterator[tuple[str, bytes]]:
    """One file a star."""
    wave = spectra.wavelength.to_value("nm").astype(np.float64)
    fields = _columns(spectra, upper)
    error = spectra.error if spectra.error is not None else np.full_like(spectra.flux, np.nan)
    places = store.positions(spectra.source_id)
    head, block = _fits_template(store, product, fields, wave) if form == "fits" else (b"", None)
    names = [field.name for field in fields]
    for i, star in enumerate(spectra.source_id.tolist()):
        if block is not None:
            block["flux"], block["flux_error"] = spectra.flux[i], error[i]
            body = head.replace(_BLANK_ID, f"'{star:<19}'".encode()) + block.tobytes()
            body += bytes(-len(body) % 2880)
        else:
            table = pa.table([wave, spectra.flux[i], error[i]], names=names)
            answer = ServerAnswer(table, fields, _notes(store, product), params={"source_id": star})
            body = render(_long(answer, star, places[i]) if form == "csv" else answer, form)[0]
        yield f"{product}-Gaia DR3 {star}.{_EXTENSIONS[form]}", body


def _long(answer: ServerAnswer, star: int, place: NDArray[np.float64]) -> ServerAnswer:
    """Repeat what the other formats write into a header in each row: CSV has none."""
    n = answer.table.num_rows
    before = {
        "source_id": np.full(n, star),
        "solution_id": np.zeros(n, np.int64),
        "ra": np.full(n, place[0]),
        "dec": np.full(n, place[1]),
    }
    table = pa.table(
        [*before.values(), *answer.table.columns], [*before, *answer.table.column_names]
    )
    return ServerAnswer(table, (*map(AnswerField, before), *answer.fields), answer.infos)


def _raw_files(
    store: ServerStore, spectra: SpectrumSet, product: str, form: str, upper: bool
) -> Iterator[tuple[str, bytes]]:
    """One file for all: a row a star, the spectrum in a cell."""
    n_pix = spectra.flux.shape[1]
    error = spectra.error if spectra.error is not None else np.full_like(spectra.flux, np.nan)
    places = store.positions(spectra.source_id)
    arrays = [
        pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), n_pix)
        for values in (spectra.flux, error)
    ]
    fields = [
        AnswerField("source_id", "", "Unique source identifier"),
        AnswerField("solution_id", "", "Solution identifier; 0 from this server"),
        AnswerField("ra", "deg", "Right ascension"),
        AnswerField("dec", "deg", "Declination"),
        *_columns(spectra, upper=False)[1:],
    ]
    if upper:
        fields = [replace(field, name=field.name.upper()) for field in fields]
    table = pa.table(
        [spectra.source_id, np.zeros(len(spectra), np.int64), *places.T, *arrays],
        names=[field.name for field in fields],
    )
    answer = ServerAnswer(table, tuple(fields), _notes(store, product))
    yield f"{product}_RAW.{_EXTENSIONS[form]}", render(answer, form)[0]


def _coefficient_files(
    store: ServerStore, ids: NDArray[np.int64], order: _Order
) -> tuple[list[tuple[str, bytes]], list[int]]:
    """BP/RP coefficients: one file for all, or one row in a file of its own."""
    table = store.coefficients(ids)
    stars: list[int] = table["source_id"].to_pylist()
    fields = tuple(AnswerField(name) for name in table.column_names)
    notes = {"product": COEFFICIENTS, "mock": "made up, not a measurement"}
    end = _EXTENSIONS[order.form]
    parts = {f"{COEFFICIENTS}_RAW.{end}": table} if order.raw and stars else {}
    if not order.raw:
        parts = {
            f"{COEFFICIENTS}-Gaia DR3 {star}.{end}": table.slice(row, 1)
            for row, star in enumerate(stars)
        }
    files = [
        (name, render(ServerAnswer(part, fields, notes), order.form)[0])
        for name, part in parts.items()
    ]
    return files, stars


def _notes(store: ServerStore, product: str) -> dict[str, str]:
    notes = {"product": product}
    return notes | {"mock": "made up, not a measurement"} if store.made_up(product) else notes


def _fits_template(
    store: ServerStore, product: str, fields: tuple[AnswerField, ...], wave: NDArray[np.float64]
) -> tuple[bytes, NDArray[np.void]]:
    """Return a file's headers, and the table to fill: a header a star would take too long."""
    from astropy.io import fits

    kinds = zip(fields, ("D", "E", "E"), strict=True)
    columns = [fits.Column(f.name, kind, unit=f.unit or None, array=wave) for f, kind in kinds]
    table = fits.BinTableHDU.from_columns(columns)
    table.header["SOURCEID"] = (_BLANK_ID.decode().strip("'"), "Unique source identifier")
    table.header["TITLE"] = "Made-up spectrum" if store.made_up(product) else "Spectrum"
    if store.made_up(product):
        table.header["MOCK"] = (True, "made up, not a measurement")
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    offset = len(fits.PrimaryHDU().header.tostring()) + len(table.header.tostring())
    block = np.zeros(
        len(wave), dtype=[("wavelength", ">f8"), ("flux", ">f4"), ("flux_error", ">f4")]
    )
    block["wavelength"] = wave
    return out.getvalue()[:offset], block


def _zip(
    files: list[tuple[str, bytes]], faults: frozenset[Fault], bomb_bytes: int, level: int
) -> bytes:
    out = io.BytesIO()
    kind = zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
        for name, body in files:
            bundle.NameToInfo.pop(name, None)  # a name may come twice without a warning
            bundle.writestr(zipfile.ZipInfo(name, (2022, 6, 13, 0, 0, 0)), body, kind, level)
        if Fault.PATH_TRAVERSAL in faults:
            for name in ("../../escaped.fits", "/escaped.fits", "..\\escaped.fits"):
                bundle.writestr(name, b"this file must stay in the zip")
        if Fault.ZIP_BOMB in faults:
            with bundle.open("XP_SAMPLED-Gaia DR3 1.csv", "w", force_zip64=True) as member:
                zeros = bytes(1 << 20)
                for start in range(0, bomb_bytes, len(zeros)):
                    member.write(zeros[: bomb_bytes - start])
    return out.getvalue()
