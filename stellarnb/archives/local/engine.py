"""DuckDB in memory, without access to files or the network beyond the archive's own."""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stellarnb.archives.adql.geometry import SKY_MACROS
from stellarnb.archives.base.catalog import TableInfo, quoted, unique_names
from stellarnb.archives.base.healpix import position_pad
from stellarnb.errors import InvalidInput, TooLarge

__all__ = ["Engine", "RowSource"]

#: After these errors DuckDB refuses all further work with a database.
_BROKEN = (duckdb.InternalException, duckdb.FatalException)
_FLOATS = frozenset({"float", "double", "halffloat"})
#: DuckDB skips, or reads, so many rows at a time.
_ROW_GROUP = 122_880
#: Tables that are larger than this share of the memory stay in their files.
_SHARE = 0.25


class RowSource(Protocol):
    """Where a table's rows come from."""

    @property
    def path(self) -> Path | None:
        """The file; None for rows that are made here."""

    @property
    def info(self) -> TableInfo:
        """Its columns."""

    @property
    def n_bytes(self) -> int:
        """About how much memory the rows take."""

    def read(self) -> pa.Table:
        """Return all rows, names in lower case."""


class Engine:
    """Run SQL over tables that are read when a query first names them; NaN counts as null.

    Parquet files larger than `limit` [bytes] stay on disk, and queries run over the file.
    """

    def __init__(self, sources: Mapping[str, RowSource], *, limit: int | None = None) -> None:
        self._sources = dict(sources)
        limit = int(_memory() * _SHARE) if limit is None else limit
        self._on_disk = {
            name: source.path
            for name, source in self._sources.items()
            if source.n_bytes > limit and source.path and source.path.suffix.lower() == ".parquet"
        }
        self._lock = threading.RLock()
        self._connection: Any = None
        self._ready: set[str] = set()
        self._pads: dict[str, float | None] = {}

    def run(
        self, sql: str, tables: Iterable[str] = (), uploads: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """Return the rows of a query."""
        with self._cursor(tables) as cursor:
            for name, table in (uploads or {}).items():
                _create(cursor, f"TEMP TABLE {quoted(name)}", table)
            try:
                return _tidy(cursor.sql(sql).to_arrow_table())
            except duckdb.BinderException:
                cursor.execute(f"EXPLAIN {sql}")  # fails in the same way, and tells the place too
                raise

    def pad(self, table: str) -> float | None:
        """Return how far [deg] stars lie from their source_id's pixels."""
        if table not in self._sources:
            return None
        if table not in self._pads:
            self._pads[table] = self._pad(table)
        return self._pads[table]

    def positions(self, table: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return right ascension and declination [deg] of all rows, NaN where there is none."""
        if not self._numeric(table):
            raise InvalidInput(f"ra and dec of table {table!r} are not numbers; expected degrees.")
        parts = list(self._batches(table, ("ra", "dec")))
        ra, dec = (
            np.concatenate([np.empty(0), *(part[i] for part in parts)]).astype(float)
            for i in (0, 1)
        )
        return ra, dec

    def take(self, table: str, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Return some rows of a table, in the order asked for, as `positions` numbers them."""
        wanted = pa.table({"k": np.arange(len(rows)), "wanted": rows})
        source, number = self._numbered(table)
        names = ", ".join(f"t.{quoted(name)}" for name in columns)
        kinds = {name: self._sources[table].info.columns[name].type for name in columns}
        sql = (
            f'SELECT {names} FROM (SELECT {_without_nan(kinds)}, {number} AS "row number" '  # noqa: S608
            f'FROM {source}) AS t JOIN "wanted rows" AS w ON t."row number" = w.wanted ORDER BY w.k'
        )
        return self.run(sql, [table], {"wanted rows": wanted})

    def _pad(self, table: str) -> float | None:
        if not self._numeric(table):
            return None
        largest, last = 0.0, -1
        for ids, ra, dec in self._batches(table, ("source_id", "ra", "dec")):
            whole = ids.dtype.kind == "i" and ids.dtype.itemsize == 8 and not np.ma.is_masked(ids)
            # Ranges of a file that is not sorted by source_id would all have to be read.
            sorted_ = table not in self._on_disk or (
                ids[0] >= last and bool(np.all(np.diff(ids) >= 0))
            )
            pad = position_pad(ids, ra, dec) if whole and sorted_ else None
            if pad is None:
                return None
            largest, last = max(largest, pad), int(ids[-1])
        return largest or None

    def _numeric(self, table: str) -> bool:
        kinds = [self._sources[table].info.columns[name].type for name in ("ra", "dec")]
        return all("int" in kind or kind in _FLOATS for kind in kinds)

    def _batches(self, table: str, columns: Sequence[str]) -> Iterator[list[NDArray[Any]]]:
        """Yield columns in the order of the rows, some rows at a time; null as NaN or masked."""
        source, number = self._numbered(table)
        names = ", ".join(map(quoted, columns))
        with self._cursor([table]) as cursor:
            rows = cursor.sql(f"SELECT {names} FROM {source} ORDER BY {number}")  # noqa: S608
            for batch in pa.RecordBatchReader.from_stream(rows):
                if len(batch):
                    yield [_numbers(column) for column in batch.columns]

    def _numbered(self, table: str) -> tuple[str, str]:
        """Return the FROM clause of a table, and the column that numbers its rows."""
        if table in self._on_disk:
            return _scan(self._on_disk[table]), "file_row_number"
        return quoted(table), "rowid"

    @contextmanager
    def _cursor(self, tables: Iterable[str] = ()) -> Iterator[Any]:
        """Yield a connection that no other thread uses."""
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._start()
                self._load(tables)
                cursor = self._connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
        except duckdb.OutOfMemoryException as error:
            raise TooLarge(
                "The answer does not fit into memory. Select fewer rows (TOP, WHERE) or columns."
            ) from error
        except _BROKEN:
            self._forget()
            raise

    def _start(self) -> Any:
        config = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "default_null_order": "nulls_last",
            "integer_division": "true",  # as in ADQL: 1/2 is 0
            "python_enable_replacements": "false",  # no query sees the caller's variables
            # Made only if the memory does not suffice; DuckDB's own choice is the current folder.
            "temp_directory": str(Path(tempfile.gettempdir()) / f"stellarnb-{uuid.uuid4().hex}"),
        }
        connection = duckdb.connect(":memory:", config=config)
        for macro in SKY_MACROS:
            connection.execute(macro)
        if self._on_disk:
            paths = ", ".join(_text(path) for path in self._on_disk.values())
            connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _load(self, tables: Iterable[str]) -> None:
        for name in tables:
            if name in self._ready or name not in self._sources:
                continue
            if name in self._on_disk:
                columns = self._sources[name].info.columns
                kinds = {column: info.type for column, info in columns.items()}
                rows = f"SELECT {_without_nan(kinds)} FROM {_scan(self._on_disk[name])}"  # noqa: S608
                self._connection.execute(f"CREATE VIEW {quoted(name)} AS {rows}")
            else:
                _create(self._connection, f"TABLE {quoted(name)}", self._sources[name].read())
            self._ready.add(name)

    def _forget(self) -> None:
        with self._lock:
            self._connection = None
            self._ready.clear()


def _create(connection: Any, what: str, table: pa.Table) -> None:
    """Make a table of the database out of an Arrow table; sorted by source_id if large."""
    kinds = {field.name: str(field.type) for field in table.schema}
    order = ""
    large = table.num_rows > _ROW_GROUP and {"source_id", "ra", "dec"} <= set(kinds)
    if large and not _is_sorted(table["source_id"]):
        order = ' ORDER BY "source_id"'  # else a range of source_id is all over the table
    connection.register("incoming rows", table)
    try:
        rows = f'SELECT {_without_nan(kinds)} FROM "incoming rows"{order}'  # noqa: S608
        connection.execute(f"CREATE {what} AS {rows}")
    finally:
        connection.unregister("incoming rows")


def _is_sorted(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type) or column.null_count:
        return True  # no identifiers of Gaia: the order stays
    values = column.to_numpy()
    return bool(np.all(values[1:] >= values[:-1]))


def _without_nan(kinds: Mapping[str, str]) -> str:
    """Return SQL for all columns, with NULL for NaN, which SQL takes for the largest number."""
    out = []
    for name, kind in kinds.items():
        column = quoted(name)
        if kind in _FLOATS:
            # Not by isnan: a Parquet file's limits leave NaN out, so DuckDB takes it for false.
            sound = f"isfinite({column}) OR isinf({column})"
            column = f"CASE WHEN {sound} THEN {column} END AS {column}"
        out.append(column)
    return ", ".join(out)


def _scan(path: Path) -> str:
    return f"read_parquet({_text(path)})"


def _text(path: Path) -> str:
    return "'" + str(path.resolve()).replace("'", "''") + "'"


def _memory() -> int:
    """Return the machine's memory [bytes]; 8 GB if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8_000_000_000


def _numbers(column: pa.Array) -> NDArray[Any]:
    if pa.types.is_integer(column.type) and column.null_count:
        values = column.fill_null(0).to_numpy(zero_copy_only=False)
        return np.ma.MaskedArray(values, mask=np.asarray(column.is_null()))
    values = column.to_numpy(zero_copy_only=False)
    return np.asarray(values)


def _tidy(table: pa.Table) -> pa.Table:
    """Return DuckDB's output with unique lower-case names and plain types."""
    names = unique_names(table.column_names)
    return pa.table([_plain(column) for column in table.columns], names=names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_decimal(kind):  # sums of integers come as 38 digits
        try:
            return column.cast(pa.int64()) if kind.scale == 0 else column.cast(pa.float64())
        except pa.ArrowInvalid:
            return column.cast(pa.float64())
    if pa.types.is_null(kind):
        return pc.cast(column, pa.float64())
    return column
