"""Archives that lie in a folder: the embedded sample, or Parquet files of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellarnb import __version__
from stellarnb.archives.catalog import TableInfo, nearest
from stellarnb.archives.parquet import ParquetFile, read_folder
from stellarnb.archives.products import LocalProduct, ids_of
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result, Table

if TYPE_CHECKING:
    from stellarnb.archives.engine import Engine

__all__ = ["LocalArchive"]


class LocalArchive:
    """An archive in a folder of Parquet files, asked in ADQL.

    Each ``.parquet`` file is a table named after the file; one whose provenance names a
    ``product`` holds spectra. Files that `Result.write` made bring their units along. The
    footers are read at once, the rows at the first query, into memory.

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
        files = read_folder(path)
        self.name = (name or path.resolve().name).lower()
        self.title = title or f"Parquet files in {path}"
        self.version = version
        self._files: dict[str, ParquetFile] = {}
        self._products: dict[str, LocalProduct] = {}
        for key, file in files.items():
            if "product" in file.provenance:
                self._products[str(file.provenance["product"])] = LocalProduct(file)
            else:
                self._files[key] = file
        self._infos: dict[str, TableInfo] = {key: file.info for key, file in self._files.items()}
        credits_ = [c for file in files.values() for c in file.provenance.get("credits", ())]
        self.credits: tuple[str, ...] = tuple(dict.fromkeys(credits_))
        self._engine: Engine | None = None

    def __repr__(self) -> str:
        tables = ", ".join(f"{t.name} ({t.rows:,} rows)" for t in self._infos.values())
        products = ", ".join(self._products) or "none"
        return f"<LocalArchive {self.name!r}: {self.title}; tables: {tables}; spectra: {products}>"

    def query(self, adql: str) -> Result:
        """Ask the archive in ADQL.

        Parameters
        ----------
        adql : str
            One SELECT; names may be in upper or lower case. Of ADQL's geometry POINT, CIRCLE,
            CONTAINS and DISTANCE are understood.

        Returns
        -------
        Result
            Names in lower case, a repeated name with ``_2`` behind it; units and descriptions
            for the columns that are taken over as they are.

        Raises
        ------
        QueryError
            If it is not a SELECT, or names what is not there; shows where.
        TooLarge
            If the answer does not fit into memory.

        Examples
        --------
        >>> import stellarnb as snb
        >>> archive = snb.open_archive("sample")
        >>> len(archive.query("SELECT TOP 5 source_id, phot_g_mean_mag FROM stars"))
        5
        """
        import duckdb

        from stellarnb.archives.adql import explain, translate

        engine = self._start()
        translation = translate(adql, self.name, self._infos, engine.pad)
        try:
            rows = engine.run(translation.sql)
        except duckdb.Error as error:
            raise explain(error, adql) from error
        known = {name: info for name, info in translation.columns.items() if info is not None}
        return Result(
            rows,
            units={name: info.unit for name, info in known.items() if info.unit},
            descriptions={n: info.description for n, info in known.items() if info.description},
            provenance=self._provenance(adql=adql, rows=rows.num_rows),
        )

    def cone(
        self,
        center: Any,
        radius: Any,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
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
        ra, dec = _position(center)
        size = _degrees(radius, "radius")
        if not 0 <= size <= 180:
            raise InvalidInput(f"radius is {size:g} degrees; it must lie within 0 and 180.")
        name = self._positions(table)
        info = self._infos[name]
        chosen = [self._column(info, column) for column in columns] if columns else ["*"]
        point = f"POINT({ra!r}, {dec!r})"
        last = ", source_id" if "source_id" in info.columns else ""
        return self.query(
            f'SELECT {", ".join(chosen)} FROM "{name}" '  # noqa: S608 - the names were checked
            f"WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, {size!r})) "
            f"ORDER BY DISTANCE(POINT(ra, dec), {point}){last}"
        )

    def spectra(
        self, stars: Any, product: str = "xp_sampled", *, strict: bool = False
    ) -> SpectrumSet:
        """Return the spectra of some stars, in the order asked for.

        Parameters
        ----------
        stars : table with source_id, or array_like of int, shape [n]
            Which stars; a repeated one gets its spectrum as often.
        product : str, optional
            Which kind of spectrum.
        strict : bool, optional
            Raise instead of leaving out the stars without a spectrum.

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
        if product not in self._products:
            known = ", ".join(self._products) or "none at all"
            raise InvalidInput(
                f"{self.name!r} has no product {product!r}"
                f"{nearest(str(product), self._products)} (products: {known})."
            )
        provenance = self._provenance(product=product)
        return self._products[product].spectra(ids_of(stars), provenance, strict=strict)

    def tables(self) -> Table:
        """Return the tables: ``name, rows, description``."""
        infos = self._infos.values()
        return Table(
            {
                "name": [info.name for info in infos],
                "rows": [info.rows for info in infos],
                "description": [info.title for info in infos],
            }
        )

    def columns(self, table: str | None = None) -> Table:
        """Return what the columns of a table are: ``name, type, unit, description``.

        Parameters
        ----------
        table : str, optional
            Its name; where not given, the columns of all tables, with ``table`` before the name.

        Raises
        ------
        InvalidInput
            If there is no such table.
        """
        infos = list(self._infos.values()) if table is None else [self._infos[self._table(table)]]
        rows = [(info.name, column) for info in infos for column in info.columns.values()]
        where = {"table": [name for name, _ in rows]} if table is None else {}
        return Table(
            {
                **where,
                "name": [column.name for _, column in rows],
                "type": [column.type for _, column in rows],
                "unit": [column.unit for _, column in rows],
                "description": [column.description for _, column in rows],
            }
        )

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products."""
        return tuple(self._products)

    def cite(self) -> str:
        """Return the credit lines that belong to the archive's data, one a line."""
        return "\n".join(self.credits)

    def _start(self) -> Engine:
        if self._engine is None:
            from stellarnb.archives.engine import Engine

            self._engine = Engine({name: file.path for name, file in self._files.items()})
        return self._engine

    def _provenance(self, **more: Any) -> dict[str, Any]:
        return {
            "archive": self.name,
            "title": self.title,
            "version": self.version,
            **more,
            "credits": list(self.credits),
            "stellarnb": __version__,
        }

    def _table(self, name: str) -> str:
        key = str(name).lower().removeprefix(f"{self.name}.")
        if key not in self._infos:
            known = ", ".join(self._infos)
            hint = nearest(key, self._infos)
            raise InvalidInput(f"{self.name!r} has no table {name!r}{hint} (tables: {known}).")
        return key

    def _positions(self, table: str | None) -> str:
        """Return the table to search: the one asked for, or the first with positions."""
        places = [name for name, info in self._infos.items() if {"ra", "dec"} <= set(info.columns)]
        if table is not None:
            name = self._table(table)
            if name not in places:
                known = ", ".join(places) or "none"
                raise MissingInput(f"Table {name!r} has no ra and dec (tables with: {known}).")
            return name
        if not places:
            raise MissingInput(f"No table of {self.name!r} has ra and dec, so there are no cones.")
        return places[0]

    @staticmethod
    def _column(info: TableInfo, column: str) -> str:
        key = str(column).lower()
        if key not in info.columns:
            hint = nearest(key, info.columns)
            raise InvalidInput(f"Table {info.name!r} has no column {column!r}{hint}.")
        return f'"{key}"'


def _position(center: Any) -> tuple[float, float]:
    """Return right ascension and declination [deg, ICRS] of what stands for a position."""
    if isinstance(center, (str, bytes)):
        raise InvalidInput(
            f"{center!r} is a name: finding where an object lies needs an online archive. Give a "
            "SkyCoord, or (ra, dec) in degrees."
        )
    if hasattr(center, "icrs"):
        if getattr(center, "shape", ()) != ():
            raise InvalidInput(f"One position is needed, not {center.size}; loop over them.")
        pair = (center.icrs.ra.deg, center.icrs.dec.deg)
    elif isinstance(center, Mapping) or not hasattr(center, "__len__") or len(center) != 2:
        raise InvalidInput(f"{center!r} is no position. Give a SkyCoord, or (ra, dec) in degrees.")
    else:
        pair = (center[0], center[1])
    ra, dec = _degrees(pair[0], "ra"), _degrees(pair[1], "dec")
    if not -360 <= ra <= 360:
        raise InvalidInput(f"ra is {ra:g} degrees; it must lie within 0 and 360.")
    if not -90 <= dec <= 90:
        raise InvalidInput(f"dec is {dec:g} degrees; it must lie within -90 and 90.")
    return ra % 360, dec


def _degrees(angle: Any, name: str) -> float:
    if hasattr(angle, "to_value"):
        from astropy.units import UnitsError

        try:
            angle = angle.to_value("deg")
        except UnitsError as error:
            raise InvalidInput(f"{name} is {angle}, which is no angle.") from error
    try:
        value = float(angle)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} is {angle!r}; a number of degrees is needed.") from error
    if not math.isfinite(value):
        raise InvalidInput(f"{name} is {value}; a finite number of degrees is needed.")
    return value
