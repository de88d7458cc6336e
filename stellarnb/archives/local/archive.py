"""Archives in a folder: the embedded sample, or the user's Parquet and FITS files."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stellarnb.archives.base.archive import Archive, Capabilities
from stellarnb.archives.base.catalog import TableInfo, nearest
from stellarnb.archives.base.conditions import check_limit, select_stars
from stellarnb.archives.base.crossmatch import SkyTree
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.positions import as_position, as_radius
from stellarnb.archives.base.table_index import TableIndex
from stellarnb.archives.base.tap_schema import SchemaTable, schema_infos
from stellarnb.archives.base.uploads import read_uploads
from stellarnb.archives.local.fits import FitsTable
from stellarnb.archives.local.folder import read_tables
from stellarnb.archives.local.parquet import ParquetFile
from stellarnb.archives.local.spectra import LocalProduct
from stellarnb.errors import InvalidInput
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result, Table

if TYPE_CHECKING:
    from stellarnb.archives.local.engine import Engine, RowSource

__all__ = ["LocalArchive"]


class LocalArchive(Archive):
    """An archive in a folder of Parquet and FITS files, asked in ADQL.

    Each ``.parquet`` file and each binary table of a ``.fits`` file is a table named after the
    file; a Parquet file whose provenance names a ``product`` holds spectra. ``gaiadr3.stars.parquet``
    is table ``stars`` of schema ``gaiadr3``; ``J%2FA+A%2F682%2FA9%2Ftable1.fits`` is VizieR's
    ``"J/A+A/682/A9/table1"``. Files that `Result.write` made bring their units along. Footers
    and headers are read at once, the rows of a table when a query first names it; a Parquet
    file that is large for the memory stays on the disk. NaN counts as null.

    Parameters
    ----------
    folder : path-like
        The folder.
    name : str, optional
        The archive's name; if omitted, the folder's. It may precede a table's name.
    title : str, optional
        What it holds, for people.
    version : str, optional
        Of the data.

    Raises
    ------
    InvalidInput
        If the folder or a file in it cannot be read.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        name: str | None = None,
        title: str = "",
        version: str = "",
    ) -> None:
        path = Path(folder).expanduser()
        files = read_tables(path)
        self.name = (name or path.resolve().name).lower()
        self.title = title or f"tables in {path}"
        self.version = version
        self._files: dict[str, ParquetFile | FitsTable] = {}
        self._products: dict[str, LocalProduct] = {}
        for key, file in files.items():
            if "product" in file.provenance and isinstance(file, ParquetFile):
                self._products[str(file.provenance["product"])] = LocalProduct(file)
            else:
                self._files[key] = file
        self._infos: dict[str, TableInfo] = {key: file.info for key, file in self._files.items()}
        self._index = TableIndex(self.name, self._infos)
        credits_ = [c for file in files.values() for c in file.provenance.get("credits", ())]
        self.credits: tuple[str, ...] = tuple(dict.fromkeys(credits_))
        self._engine: Engine | None = None
        self._trees: dict[str, SkyTree] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        tables = ", ".join(f"{t.name} ({t.rows:,} rows)" for t in self._infos.values())
        products = ", ".join(self._products) or "none"
        return f"<LocalArchive {self.name!r}: {self.title}; tables: {tables}; spectra: {products}>"

    @property
    def capabilities(self) -> Capabilities:
        """What the archive can do."""
        return Capabilities(spectra=bool(self._products))

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products."""
        return tuple(self._products)

    @property
    def label_columns(self) -> dict[str, str]:
        """Where each column is: ``{"teff": "apogee.teff", …}``; the first table that has it."""
        return self._index.labels

    def tables(self, *, refresh: bool = False) -> Table:  # noqa: ARG002 - one interface
        """Return the tables: ``name, rows, description``."""
        return self._index.tables()

    def columns(self, table: str | None = None, *, refresh: bool = False) -> Table:  # noqa: ARG002
        """Return the columns of a table: ``name, type, unit, description``."""
        return self._index.columns(table)

    def check(self) -> Table:
        """Check all tables and spectra: ``what, check, ok, note``, a row per check."""
        from stellarnb.archives.local.check import check_archive

        return check_archive(self._files, self._products, self.engine)

    def _query(self, adql: str, upload: Mapping[str, Any] | None, options: QueryOptions) -> Result:
        return options.limited(self._rows(adql, upload), self.name)

    def _rows(self, adql: str, upload: Mapping[str, Any] | None = None) -> Result:
        """Return all rows of a query."""
        import duckdb

        from stellarnb.archives.adql.translate import explain, translate

        engine = self.engine
        uploads = read_uploads(upload)
        known = {**schema_infos(), **self._infos, **{k: item.info for k, item in uploads.items()}}
        translation = translate(adql, self.name, known, engine.pad)
        try:
            rows = engine.run(
                translation.sql,
                translation.tables,
                {k: item.rows for k, item in uploads.items() if k in translation.tables},
            )
        except duckdb.Error as error:
            raise explain(error, adql) from error
        notes = {k.removeprefix("tap_upload."): item.note for k, item in uploads.items()}
        more = {"uploads": notes} if notes else {}
        return self._result(rows, translation.columns, adql=adql, **more)

    def _cone(
        self,
        center: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        options: QueryOptions,
    ) -> Result:
        from stellarnb.archives.local.cones import cone_adql, quick_cone

        ra, dec = as_position(center)
        size = as_radius(radius)
        info = self._index.with_positions(table)
        chosen = self._index.columns_of(info, columns)
        top = None if limit is None else check_limit(limit)
        adql = cone_adql(info, chosen, (ra, dec, size), top)
        rows = quick_cone(self.engine, info, chosen, (ra, dec, size))
        if rows is None:
            return self._query(adql, None, options)
        found = self._result(rows.slice(0, top), info.columns, adql=adql)
        return options.limited(found, self.name)

    def _select(
        self,
        ids: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        where: str,
        conditions: Mapping[str, Any],
        options: QueryOptions,
    ) -> Result:
        main = self._index.main(table).name
        how = {"ids": ids, "columns": columns, "limit": limit, "where": where}
        found = select_stars(self._rows, self._infos, main, conditions, **how)
        return options.limited(found, self.name)

    def _match(
        self,
        stars: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        keep: str,
        options: QueryOptions,
    ) -> Result:
        from stellarnb.archives.base.crossmatch import crossmatch_table

        info = self._index.with_positions(table)
        chosen = self._index.columns_of(info, columns)
        size = as_radius(radius, "arcsec")
        with self._lock:
            if info.name not in self._trees:
                self._trees[info.name] = SkyTree(*self.engine.positions(info.name))
            tree = self._trees[info.name]
        found = crossmatch_table(stars, tree, size, keep, info, chosen, self.engine.take)
        found.provenance = self._provenance(**found.provenance)
        return options.limited(found, self.name)

    def _fetch(
        self,
        stars: Any,
        product: str | None,
        options: QueryOptions,  # noqa: ARG002 - reading a file takes no time
        *,
        strict: bool,
    ) -> SpectrumSet:
        if not self._products:
            raise InvalidInput(
                f"{self.name!r} has no spectra. A Parquet file with a product in its provenance "
                "holds some."
            )
        product = next(iter(self._products)) if product is None else product
        if product not in self._products:
            raise InvalidInput(
                f"{self.name!r} has no product {product!r}"
                f"{nearest(str(product), self._products)} (products: {', '.join(self._products)})."
            )
        provenance = self._provenance(product=product)
        return self._products[product].spectra(ids_of(stars), provenance, strict=strict)

    @property
    def engine(self) -> Engine:
        """The DuckDB database, which takes its own SQL: for measurements and checks."""
        with self._lock:
            if self._engine is None:
                from stellarnb.archives.local.engine import Engine

                sources: dict[str, RowSource] = {**self._files}
                for name, info in schema_infos().items():
                    sources.setdefault(name, SchemaTable(info, self._infos, self.name))
                self._engine = Engine(sources)
            return self._engine

    def _result(self, rows: pa.Table, columns: Mapping[str, Any], **more: Any) -> Result:
        known = {name: info for name, info in columns.items() if info is not None}
        return Result(
            rows,
            units={name: info.unit for name, info in known.items() if info.unit},
            descriptions={n: info.description for n, info in known.items() if info.description},
            provenance=self._provenance(**more, rows=rows.num_rows),
        )
