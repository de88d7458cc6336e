"""HATS catalogues of any size, through LSDB (extra [lsdb])."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.archive import Archive, Capabilities
from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.archives.base.conditions import check_limit, select_stars
from stellarnb.archives.base.crossmatch import SkyTree, separations
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.positions import as_position, as_radius
from stellarnb.archives.base.table_index import TableIndex
from stellarnb.errors import ArchiveDown, CacheMiss, InvalidInput, MissingInput, TooLarge
from stellarnb.settings import settings
from stellarnb.tables import Result, Table

if TYPE_CHECKING:
    from stellarnb.spectra import SpectrumSet

__all__ = ["HatsArchive", "is_hats"]

#: Files that make a folder a HATS catalogue.
_MARKS = ("hats.properties", "collection.properties")
#: Rows that a query reads at most; `cone` and Dask handle larger catalogues.
MOST_ROWS = 20_000_000
#: Neighbours that a crossmatch looks at.
_NEIGHBOURS = 8


def is_hats(name: str | os.PathLike[str]) -> bool:
    """Return whether a name is that of a HATS catalogue: a folder, or an address."""
    text = os.fspath(name)
    if re.match(r"(?:s3|gs|hats):", text):
        return True
    if "://" in text:
        return "/hats" in text
    try:
        return any((Path(text).expanduser() / mark).is_file() for mark in _MARKS)
    except (OSError, ValueError, RuntimeError):  # no name of a file at all
        return False


class HatsArchive(Archive):
    """A HATS catalogue: one table, partitioned by sky position and read in parts.

    Parameters
    ----------
    path : str or path-like
        See `is_hats`.
    offline : bool, optional
        Do not use the network; if omitted, ``STELLARNB_OFFLINE``.

    Attributes
    ----------
    catalog : lsdb.catalog.Catalog
        LSDB's own, lazy: for work on more rows than fit in memory, such as
        `Model.predict_partitions`.

    Raises
    ------
    MissingInput
        If LSDB is not installed.
    CacheMiss
        While offline, for a catalogue on the network.
    InvalidInput
        If there is no such catalogue, or it cannot be read.
    """

    credits: tuple[str, ...] = ()

    def __init__(self, path: str | os.PathLike[str], *, offline: bool | None = None) -> None:
        address = self._address = os.fspath(path).removeprefix("hats:")
        if ":" in address.partition("/")[0] and (
            settings().offline if offline is None else offline
        ):
            raise CacheMiss(
                f"{address} needs the network, and this is offline. Use a local copy, or pass "
                "offline=False."
            )
        self.catalog = _opened(address)
        about = self.catalog.hc_structure.catalog_info
        self.name = str(about.catalog_name).lower()
        self.title = f"HATS catalogue {about.catalog_name} in {address}"
        self.version = ""
        self._position = (str(about.ra_column), str(about.dec_column))
        schema = self.catalog.hc_structure.schema
        fields = {f.name: f for f in schema if f.name in set(self.catalog.columns)}
        self._spelling = {name.lower(): name for name in fields}
        columns = {k: ColumnInfo(k, str(fields[name].type)) for k, name in self._spelling.items()}
        self._infos = {self.name: TableInfo(self.name, int(about.total_rows), self.title, columns)}
        self._index = TableIndex(self.name, self._infos)

    def __repr__(self) -> str:
        rows = self._infos[self.name].rows
        return (
            f"<HatsArchive {self.name!r}: {rows:,} rows in {self.catalog.npartitions} partitions>"
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the catalogue can do."""
        return Capabilities(remote=False, offline=":" not in self._address.partition("/")[0])

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products: none."""
        return ()

    @property
    def label_columns(self) -> dict[str, str]:
        """Where each column is: ``{"ra": "catalogue.ra", …}``."""
        return self._index.labels

    def tables(self, *, refresh: bool = False) -> Table:  # noqa: ARG002 - one interface
        """Return the catalogue as a table: ``name, rows, description``."""
        return self._index.tables()

    def columns(self, table: str | None = None, *, refresh: bool = False) -> Table:  # noqa: ARG002
        """Return the columns of the catalogue: ``name, type, unit, description``."""
        return self._index.columns(table)

    def check(self) -> Table:
        """Return whether the first rows can be read: ``what, check, ok, note``."""
        try:
            ok, note = True, f"{len(self.catalog.head(1))} row read"
        except Exception as error:  # noqa: BLE001 - whatever a store of files raises
            ok, note = False, str(error).splitlines()[0]
        return Table({"what": [self.name], "check": ["can be read"], "ok": [ok], "note": [note]})

    def _query(self, adql: str, upload: Mapping[str, Any] | None, options: QueryOptions) -> Result:
        return options.limited(self._rows(adql, upload), self.name)

    def _rows(self, adql: str, upload: Mapping[str, Any] | None = None) -> Result:
        """Return all rows of a query; the columns that it names are read whole."""
        import duckdb

        from stellarnb.archives.adql.translate import explain, translate
        from stellarnb.archives.base.uploads import read_uploads
        from stellarnb.archives.local.engine import Engine

        uploads = read_uploads(upload)
        known = {**self._infos, **{key: item.info for key, item in uploads.items()}}
        translation = translate(adql, self.name, known, lambda table: None)
        sources = {}
        if self.name in translation.tables:
            sources[self.name] = _RowsInMemory(self._infos[self.name], self._whole(adql))
        engine = Engine(sources)
        used = {k: item.rows for k, item in uploads.items() if k in translation.tables}
        try:
            rows = engine.run(translation.sql, translation.tables, used)
        except duckdb.Error as error:
            raise explain(error, adql) from error
        return Result(rows, provenance=self._provenance(adql=adql, rows=rows.num_rows))

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

    def _cone(
        self,
        center: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        options: QueryOptions,
    ) -> Result:
        self._index.main(table)
        ra, dec = as_position(center)
        size = as_radius(radius)
        chosen = self._chosen(columns)
        places = [name for name in self._position if name not in chosen]
        near = self.catalog.cone_search(ra=ra, dec=dec, radius_arcsec=size * 3600 + 1e-6)
        rows = self._computed(near[[*chosen, *places]])
        lon, lat = (rows[name.lower()].to_numpy() for name in self._position)
        apart = separations(lon, lat, ra, dec)
        order = np.argsort(apart, kind="stable")
        order = order[apart[order] <= size][: None if limit is None else check_limit(limit)]
        rows = rows.take(pa.array(order)).drop_columns([name.lower() for name in places])
        note = {"cone": {"ra": ra, "dec": dec, "radius_deg": size}, "rows": rows.num_rows}
        found = Result(rows, provenance=self._provenance(**note))
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
        self._index.main(table)
        from stellarnb.archives.base.crossmatch import as_table, crossmatch_table, sky_positions
        from stellarnb.archives.base.uploads import describe_table

        size = as_radius(radius, "arcsec")
        chosen = self._chosen(columns)
        own = as_table(stars)
        ra, dec = sky_positions(describe_table(own, "the table to match"))
        sound = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)
        names = list(dict.fromkeys([*chosen, *self._position]))
        rows = self._near(ra[sound] % 360, dec[sound], size, names)
        tree = SkyTree(*(rows[name.lower()].to_numpy() for name in self._position))
        found = crossmatch_table(
            own,
            tree,
            size,
            keep,
            self._infos[self.name],
            [name.lower() for name in chosen],
            lambda _, at, wanted: rows.select(wanted).take(pa.array(at)),
        )
        found.provenance = self._provenance(**found.provenance)
        return options.limited(found, self.name)

    def _near(self, ra: Any, dec: Any, radius: float, names: list[str]) -> pa.Table:
        """Return the rows near some positions, each once, found by LSDB in its partitions."""
        if not len(ra):
            return self._computed(self.catalog[names].head(0))
        import lsdb
        import pandas as pd

        frame = pd.DataFrame({"my_ra": ra, "my_dec": dec})
        mine = lsdb.from_dataframe(
            frame, ra_column="my_ra", dec_column="my_dec", margin_threshold=None
        )
        try:
            near = mine.crossmatch(
                self.catalog[names],
                n_neighbors=_NEIGHBOURS,
                radius_arcsec=radius * 3600 * (1 + 1e-9) + 1e-6,
                require_right_margin=True,
                suffixes=("_mine", ""),
                log_changes=False,
            )
        except ValueError as error:  # pairs across the border of a partition would be lost
            raise InvalidInput(
                f"{self.name!r} cannot be matched within {radius * 3600:g} arcsec: {error}."
            ) from error
        rows = self._computed(near)
        counts = rows.group_by(["my_ra_mine", "my_dec_mine"]).aggregate([([], "count_all")])[
            "count_all"
        ]
        if rows.num_rows and max(counts.to_pylist()) >= _NEIGHBOURS:
            raise TooLarge(
                f"A position has {_NEIGHBOURS} or more neighbours within the radius. Choose a "
                "smaller radius."
            )
        kept = [name.lower() for name in names]
        return rows.select(kept).group_by(kept).aggregate([])

    def _fetch(
        self,
        stars: Any,  # noqa: ARG002 - there are none
        product: str | None,
        options: QueryOptions,  # noqa: ARG002
        *,
        strict: bool,  # noqa: ARG002
    ) -> SpectrumSet:
        raise InvalidInput(
            f"{self.name!r} is a catalogue and has no spectra (asked for {product or 'any'})."
        )

    def _chosen(self, columns: Sequence[str] | None) -> list[str]:
        chosen = self._index.columns_of(self._infos[self.name], columns)
        return (
            list(self._spelling.values())
            if chosen is None
            else [self._spelling[name] for name in chosen]
        )

    def _whole(self, adql: str) -> pa.Table:
        rows = self._infos[self.name].rows
        if rows > MOST_ROWS:
            raise TooLarge(
                f"{self.name!r} has {rows:,} rows, too many for a query in ADQL. Select a part of "
                "the sky with cone(), or use .catalog with Dask."
            )
        text = adql.lower()
        used = [name for key, name in self._spelling.items() if key in text or "*" in text]
        return self._computed(self.catalog[used or list(self._spelling.values())])

    def _computed(self, catalog: Any) -> pa.Table:
        try:
            frame = catalog.compute(progress_bar=False) if hasattr(catalog, "compute") else catalog
        except (OSError, ValueError) as error:
            raise ArchiveDown(f"{self.name!r} cannot be read: {error}.") from error
        rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        return rows.rename_columns([name.lower() for name in rows.column_names])


@dataclass(frozen=True)
class _RowsInMemory:
    """Rows in memory, as a source for the database."""

    info: TableInfo
    rows: pa.Table
    path: Path | None = None
    n_bytes: int = 0

    def read(self) -> pa.Table:
        return self.rows


def _opened(address: str) -> Any:
    try:
        import lsdb
    except ImportError as error:
        raise MissingInput(
            'HATS catalogues need LSDB, which is not installed: pip install "stellarnb[lsdb]".'
        ) from error
    try:
        return lsdb.open_catalog(address)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(f"{address} cannot be opened as a HATS catalogue: {reason}.") from error
