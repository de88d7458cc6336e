"""Archives that lie in a folder: the embedded sample, or Parquet and FITS files of one's own."""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.catalog import TableInfo, nearest
from stellarnb.archives.base.conditions import check_limit, stars_query
from stellarnb.archives.base.crossmatch import SkyTree
from stellarnb.archives.base.described import Described
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.archives.base.positions import as_position, as_radius
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
    from stellarnb.archives.local.engine import Engine, Source

__all__ = ["LocalArchive"]


class LocalArchive(Described):
    """An archive in a folder of Parquet and FITS files, asked in ADQL.

    Each ``.parquet`` file and each binary table of a ``.fits`` file is a table named after the
    file; a Parquet file whose provenance names a ``product`` holds spectra. ``gaiadr3.stars.parquet``
    is table ``stars`` of schema ``gaiadr3``; ``J%2FA+A%2F682%2FA9%2Ftable1.fits`` is VizieR's
    ``"J/A+A/682/A9/table1"``. Files that `Result.write` made bring their units along. Footers
    and headers are read at once, the rows of a table when a query first names it; a Parquet
    file that is large for the memory stays on the disk. NaN counts as not there.

    Parameters
    ----------
    folder : path-like
        The folder.
    name : str, optional
        The archive's name; the folder's where not given. It may stand before a table's name.
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
        credits_ = [c for file in files.values() for c in file.provenance.get("credits", ())]
        self.credits: tuple[str, ...] = tuple(dict.fromkeys(credits_))
        self._engine: Engine | None = None
        self._trees: dict[str, SkyTree] = {}
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        tables = ", ".join(f"{t.name} ({t.rows:,} rows)" for t in self._infos.values())
        products = ", ".join(self._products) or "none"
        return f"<LocalArchive {self.name!r}: {self.title}; tables: {tables}; spectra: {products}>"

    def query(self, adql: str, upload: Mapping[str, Any] | None = None) -> Result:
        """Ask the archive in ADQL.

        Parameters
        ----------
        adql : str
            One SELECT; names may be in upper or lower case, and those with other signs than
            letters and digits stand in double quotes. Of ADQL's geometry there are POINT, CIRCLE,
            BOX, POLYGON, CONTAINS and DISTANCE; ``tap_schema`` tells what there is.
        upload : mapping of str to table, optional
            Tables of one's own, of any kind: ``upload={"mine": table}`` is ``tap_upload.mine`` in
            the query.

        Returns
        -------
        Result
            Names in lower case, a repeated name with ``_2`` behind it; units and descriptions
            for the columns that are taken over as they are.

        Raises
        ------
        QueryError
            If it is not a SELECT, or names what is not there; shows where.
        InvalidInput
            If a table to upload is none, or its source_id went through float.
        TooLarge
            If the answer does not fit into memory.
        """
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

    def cone(
        self,
        center: Any,
        radius: Any,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Result:
        """Return the stars around a point of the sky, the nearest first.

        Parameters
        ----------
        center : astropy SkyCoord, or (ra, dec)
            Plain numbers are degrees, ICRS.
        radius : Quantity or float
            A plain number is degrees; the edge belongs to the cone.
        table : str, optional
            A table with ra and dec; the first one where not given.
        columns : sequence of str, optional
            Which columns; all where not given.
        limit : int, optional
            Only so many, the nearest.

        Returns
        -------
        Result
            Its provenance holds the ADQL that does the same.

        Raises
        ------
        InvalidInput
            For a name instead of a position (a local archive knows no names), for a position or
            radius that is none, or for an unknown table or column.
        """
        from stellarnb.archives.local.cones import cone_adql, quick_cone

        ra, dec = as_position(center)
        size = as_radius(radius)
        info = self._infos[self._positions(table)]
        chosen = [self._column(info, name) for name in columns] if columns else None
        top = None if limit is None else check_limit(limit)
        adql = cone_adql(info, chosen, (ra, dec, size), top)
        rows = quick_cone(self.engine, info, chosen, (ra, dec, size))
        if rows is None:
            return self.query(adql)
        return self._result(rows.slice(0, top), info.columns, adql=adql)

    def stars(
        self,
        *,
        ids: Any = None,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        where: str = "",
        **conditions: Any,
    ) -> Result:
        """Return the stars that fulfil some conditions: the quick form of a query.

        Parameters
        ----------
        ids : table with source_id, or array_like of int, optional
            Only these stars, in this order; those that do not come back are in ``.missing``.
        table : str, optional
            The main table; the first one with ra and dec where not given, else the first.
        columns : sequence of str, optional
            Which columns; where not given all of the main table, and those with a condition.
        limit : int, optional
            Rows at most, by rising source_id; ``.truncated`` says whether there are more.
        where : str, optional
            A condition more, in ADQL; the main table is called ``t``.
        **conditions
            A column and what it must be: ``has_rvs=True``; ``snr=(15, 25)``, both included, None
            for an open side; ``name=["a", "b"]``, one of them; ``logg=None``, not there. A column
            that the main table lacks is taken from another one, joined by source_id.

        Returns
        -------
        Result
            Its provenance holds the ADQL that does the same.

        Raises
        ------
        InvalidInput
            For an unknown column (says the nearest), or a condition that does not fit it.
        MissingInput
            If a column lies in a table that cannot be joined.

        Examples
        --------
        >>> import stellarnb as snb
        >>> len(snb.open_archive("sample").stars(snr=(15, 25), limit=1000))
        138
        """
        ask = functools.partial(
            stars_query, self._infos, self._main(table), conditions, columns=columns, where=where
        )
        upload, wanted = None, None if ids is None else ids_of(ids)
        if wanted is not None:
            ask = functools.partial(ask, ids="tap_upload.ids")
            upload = {"ids": {"source_id": wanted, "k": np.arange(len(wanted))}}
        if limit is None:
            out = self.query(ask(), upload=upload)
        else:
            out = self.query(ask(limit=check_limit(limit) + 1), upload=upload)
            more, out = len(out) > limit, out.take(slice(0, limit))
            out.truncated = more
            out.provenance = {**out.provenance, "adql": ask(limit=limit), "rows": len(out)}
        if wanted is not None and "source_id" in out:
            found = set(out["source_id"].tolist())
            out.missing = tuple(dict.fromkeys(i for i in wanted.tolist() if i not in found))
        return out

    def crossmatch(
        self,
        stars: Any,
        radius: Any = 1.0,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        keep: str = "best",
    ) -> Result:
        """Find stars of one's own in the archive by their positions.

        Parameters
        ----------
        stars : table with ra and dec [deg], or astropy SkyCoord
            Of any kind; usual names of the columns are understood, and so are units of angle.
        radius : Quantity or float, optional
            A plain number is arcsec; the edge counts.
        table : str, optional
            A table with ra and dec; the first one where not given.
        columns : sequence of str, optional
            Which of the archive's columns; all where not given.
        keep : {"best", "all", "mutual"}, optional
            For each row the nearest star (several rows may share one: ``n_shared``); all stars
            within the radius; or only pairs in which each is the other's nearest.

        Returns
        -------
        Result
            A row a pair, in the order of `stars`: its columns, the archive's (a repeated name with
            ``_2`` behind it), ``separation`` [arcsec], and ``n_shared``: in how many rows the
            archive's star stands. Stars without a partner are left out; ``.missing`` has their
            source_id, if there is one, and the provenance counts them.

        Raises
        ------
        MissingInput
            If there is no ra and dec.
        InvalidInput
            For an unknown table or column, another `keep`, or a radius that is none.
        TooLarge
            If there are too many pairs.
        """
        from stellarnb.archives.base.crossmatch import crossmatch_table

        info = self._infos[self._positions(table)]
        chosen = [self._column(info, name) for name in columns] if columns else None
        size = as_radius(radius, "arcsec")
        with self._lock:
            if info.name not in self._trees:
                self._trees[info.name] = SkyTree(*self.engine.positions(info.name))
            tree = self._trees[info.name]
        found = crossmatch_table(stars, tree, size, keep, info, chosen, self.engine.take)
        found.provenance = self._provenance(**found.provenance)
        return found

    def spectra(
        self,
        stars: Any,
        product: str | None = None,
        *,
        strict: bool = False,
        progress: bool = True,  # noqa: ARG002 - remote archives show some; one interface for both
    ) -> SpectrumSet:
        """Return the spectra of some stars, in the order asked for.

        Parameters
        ----------
        stars : table with source_id, or array_like of int, shape [n]
            Which stars; a repeated one gets its spectrum as often.
        product : str, optional
            Which kind of spectrum, one of `products`; the first where not given.
        strict : bool, optional
            Raise instead of leaving out the stars without a spectrum.
        progress : bool, optional
            Nothing is shown here: it takes no time.

        Returns
        -------
        SpectrumSet
            Flux and error as delivered (``xp_sampled``: W m-2 nm-1). Stars without a spectrum
            are left out and named, each once, in ``.missing``.

        Raises
        ------
        InvalidInput
            For an unknown product, or identifiers that are floats.
        MissingInput
            If a table has no source_id.
        PartialProducts
            With ``strict=True``, if a star has no spectrum.
        """
        product = next(iter(self._products), "") if product is None else product
        if product not in self._products:
            known = ", ".join(self._products) or "none at all"
            raise InvalidInput(
                f"{self.name!r} has no product {product!r}"
                f"{nearest(str(product), self._products)} (products: {known})."
            )
        provenance = self._provenance(product=product)
        return self._products[product].spectra(ids_of(stars), provenance, strict=strict)

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products."""
        return tuple(self._products)

    def check(self) -> Table:
        """Look through all tables and spectra: ``what, check, ok, note``, a row a check.

        Can each be read, and is it as long as its file says; is source_id a 64-bit integer and
        unique; are positions some, and in the pixel that source_id names. All rows are read.
        """
        from stellarnb.archives.local.check import check_archive

        return check_archive(self._files, self._products, self.engine)

    @property
    def engine(self) -> Engine:
        """The database behind it, which takes its own SQL: for measurements and checks."""
        with self._lock:
            if self._engine is None:
                from stellarnb.archives.local.engine import Engine

                sources: dict[str, Source] = {**self._files}
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
