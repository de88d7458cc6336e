"""What the test server serves: schemas of tables over a local archive, and its spectra."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives import LocalArchive
from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.archives.base.tap_schema import tap_schema
from stellarnb.archives.local.parquet import ParquetFile, read_folder
from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.ids import match_ids
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result
from stellarnb.tables.convert import as_arrow
from tests.support.server import mock

__all__ = ["ServerStore", "ServerTable"]

SCHEMA_TITLES = {
    "gaiadr3": "Gaia DR3, as far as the embedded sample goes",
    "mock": "Made-up stars; not a measurement",
    "sample": "Tables of the embedded sample, under their own names",
    "tap_schema": "What there is",
}


@dataclass(frozen=True)
class ServerTable:
    """A table as the server publishes it."""

    #: schema, name, title: Its full name is ``schema.name``.
    schema: str
    name: str
    title: str
    #: In order.
    columns: dict[str, ColumnInfo]
    #: The Parquet file.
    path: Path
    #: Number of rows.
    rows: int

    @property
    def full(self) -> str:
        """The name with the schema."""
        return f"{self.schema}.{self.name}"


class ServerStore:
    """Tables and spectra behind the server."""

    def __init__(self, folder: str | Path | None = None, *, mock_stars: int = 200) -> None:
        source = Path(folder) if folder else Path(str(resources.files("stellarnb.archives")))
        source = source.expanduser() if folder else source / "sample"
        self._spectra = LocalArchive(source)
        self._temporary = tempfile.TemporaryDirectory(prefix="stellarnb-server-")
        self._mock_ids = mock.identifiers(mock_stars)
        files = read_folder(source.resolve())
        schema = "sample" if folder is None else _word(source.resolve().name)
        entries = [
            _entry("gaiadr3" if name == "gaia_source" else schema, file)
            for name, file in files.items()
            if "product" not in file.provenance
        ]
        made = self._made(files)
        entries += made
        infos = [TableInfo(e.full, e.rows, e.title, e.columns) for e in entries]
        for name, rows in tap_schema(infos, schema, SCHEMA_TITLES, apart={"mock"}).items():
            note = {"title": f"TAP_SCHEMA: {name}"}
            entries.append(self._write("tap_schema", name, Result(rows, provenance=note)))
        self.entries: dict[str, ServerTable] = {entry.full: entry for entry in entries}
        self._archive = self._open(list(entries), Path(self._temporary.name) / "all")
        self._lock = threading.Lock()
        self._places: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None

    def close(self) -> None:
        """Remove the temporary files."""
        self._temporary.cleanup()

    @property
    def products(self) -> tuple[str, ...]:
        """Products of DataLink that are at hand, in upper case."""
        own = [name.upper() for name in self._spectra.products]
        if len(self._mock_ids) and "RVS" not in own:
            own.append("RVS")
        return tuple(own)

    def coefficients(self, ids: NDArray[np.int64]) -> pa.Table:
        """Return made-up BP/RP coefficients of those stars that have some; see `mock`."""
        return mock.coefficients(ids, self._mock_ids)

    def query(self, adql: str, uploads: Mapping[str, bytes] | None = None) -> Result:
        """Answer a query."""
        tables = {name.lower(): _uploaded(name, data) for name, data in (uploads or {}).items()}
        return self._archive.query(adql, upload=tables or None)

    def spectra(self, ids: NDArray[np.int64], product: str) -> SpectrumSet:
        """Return what a product holds of some stars, in their order; the others are missing."""
        if product.lower() in self._spectra.products:
            return self._spectra.spectra(ids, product.lower())
        return mock.rvs(ids, self._mock_ids)

    def positions(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return right ascension and declination [deg] of some stars, NaN where unknown."""
        with self._lock:
            if self._places is None:
                self._places = self._all_places()
            known, places = self._places
        row = match_ids(ids, known)
        return np.where((row >= 0)[:, np.newaxis], places[row], np.nan)

    def _all_places(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        wanted = ("source_id", "ra", "dec")
        tables = [
            self.query(f"SELECT source_id, ra, dec FROM {entry.full}").arrow  # noqa: S608
            for entry in self.entries.values()
            if set(wanted) <= set(entry.columns)
        ]
        ids = [np.zeros(1, np.int64), *(table["source_id"].to_numpy() for table in tables)]
        ra, dec = (
            [np.full(1, np.nan), *(table[name].to_numpy() for table in tables)]
            for name in wanted[1:]
        )
        return np.concatenate(ids), np.stack([np.concatenate(ra), np.concatenate(dec)], axis=1)

    def made_up(self, product: str) -> bool:
        """Return whether a product's spectra were made up."""
        return product.lower() not in self._spectra.products

    @staticmethod
    def _open(entries: list[ServerTable], folder: Path) -> LocalArchive:
        folder.mkdir()
        for entry in entries:
            link = folder / f"{entry.full}.parquet"
            try:
                link.symlink_to(entry.path)
            except OSError:  # a system without links
                shutil.copyfile(entry.path, link)
        return LocalArchive(folder, name="server")

    def _made(self, files: Mapping[str, ParquetFile]) -> list[ServerTable]:
        made = []
        if "gaia_source" not in files and "stars" in files:
            stars = Result.read(files["stars"].path)
            ids = stars.arrow["source_id"].to_numpy()
            sampled, rvs = self._known(ids, "xp_sampled"), self._known(ids, "rvs")
            made.append(self._write("gaiadr3", "gaia_source", _gaia_source(stars, sampled, rvs)))
        if len(self._mock_ids):
            made.append(self._write("mock", "stars", mock.stars(self._mock_ids)))
        return made

    def _known(self, ids: NDArray[np.int64], product: str) -> NDArray[np.bool_]:
        if product not in self._spectra.products:
            return np.zeros(len(ids), dtype=bool)
        missing = np.array(self._spectra.spectra(ids, product).missing, dtype=np.int64)
        return ~np.isin(ids, missing)

    def _write(self, schema: str, name: str, table: Result) -> ServerTable:
        folder = Path(self._temporary.name) / "made" / schema
        folder.mkdir(parents=True, exist_ok=True)
        table.write(folder / f"{name}.parquet")
        return _entry(schema, read_folder(folder)[name])


def _entry(schema: str, file: ParquetFile) -> ServerTable:
    info = file.info
    path = file.path.resolve()
    return ServerTable(schema, info.name, info.title, info.columns, path, info.rows)


def _word(text: str) -> str:
    word = re.sub(r"\W+", "_", text.lower()).strip("_")
    return word if word[:1].isalpha() and word != "tap_schema" else "folder"


def _gaia_source(stars: Result, sampled: NDArray[np.bool_], rvs: NDArray[np.bool_]) -> Result:
    """Give the sample's stars the columns that Gaia's main table has."""
    table = stars.arrow
    ids = table["source_id"].to_numpy()
    columns: dict[str, object] = {"designation": [f"Gaia DR3 {star}" for star in ids.tolist()]}
    own = ["source_id", "ra", "dec", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"]
    columns |= {name: table[name] for name in own if name in table.column_names}
    if {"phot_bp_mean_mag", "phot_rp_mean_mag"} <= set(columns):
        bp, rp = (table[f"phot_{band}_mean_mag"].to_numpy() for band in ("bp", "rp"))
        columns["bp_rp"] = bp - rp
    none = np.zeros(len(ids), dtype=bool)
    columns |= {"has_xp_continuous": none, "has_xp_sampled": sampled, "has_rvs": rvs}
    words = {
        "designation": "Unique source designation",
        "bp_rp": "BP - RP colour",
        "has_xp_continuous": "Flag indicating the availability of mean BP/RP coefficients",
        "has_xp_sampled": "Flag indicating the availability of mean BP/RP spectrum in sampled form",
        "has_rvs": "Flag indicating the availability of mean RVS spectrum for this source",
    }
    units = {name: unit for name, unit in stars.units.items() if name in columns}
    if "bp_rp" in columns:
        units["bp_rp"] = "mag"
    known = {name: text for name, text in stars.descriptions.items() if name in columns}
    title = "Stars of the embedded sample, under the names of Gaia's main table"
    return Result(
        pa.table(columns), units=units, descriptions=known | words, provenance={"title": title}
    )


def _uploaded(name: str, data: bytes) -> pa.Table:
    from astropy.io.votable import parse_single_table

    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise InvalidInput(f"UPLOAD: {name!r} declares entities, which is not allowed.")
    try:
        return as_arrow(parse_single_table(io.BytesIO(data), verify="ignore").to_table(True))
    except (StellarnbError, ValueError, TypeError, IndexError, OSError) as error:
        raise InvalidInput(f"UPLOAD: {name!r} is no VOTable that can be read: {error}") from error
