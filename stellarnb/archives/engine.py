"""DuckDB in memory, with the door locked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellarnb.archives.geometry import DISTANCE_MACRO, position_pad
from stellarnb.archives.parquet import read_parquet
from stellarnb.errors import TooLarge

__all__ = ["Engine"]

_CONFIG = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "default_null_order": "nulls_last",
    "integer_division": "true",  # as in ADQL: 1/2 is 0
    "python_enable_replacements": "false",  # no query sees the caller's variables
}

#: After these errors DuckDB refuses all further work with a database.
_BROKEN = (duckdb.InternalException, duckdb.FatalException)


class Engine:
    """Runs SQL over Parquet files that are read once, at the first query.

    Parameters
    ----------
    files : mapping of str to pathlib.Path
        File of each table.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)
        self._lock = threading.Lock()
        self._connection: Any = None
        self._pads: dict[str, float | None] = {}

    def run(self, sql: str) -> pa.Table:
        """Return the rows of a query.

        Parameters
        ----------
        sql : str
            One SELECT.

        Returns
        -------
        pyarrow.Table
            Names in lower case, each once; text as plain strings.

        Raises
        ------
        duckdb.Error
            If DuckDB refuses it.
        TooLarge
            If the memory does not suffice.
        """
        cursor = self._cursor()
        try:
            return _tidy(cursor.sql(sql).to_arrow_table())
        except duckdb.OutOfMemoryException as error:
            raise TooLarge(
                "The answer does not fit into memory. Ask for fewer rows (TOP, WHERE) or columns."
            ) from error
        except duckdb.BinderException:
            cursor.execute(f"EXPLAIN {sql}")  # fails in the same way, and tells the place too
            raise
        except _BROKEN:
            self._forget()
            raise
        finally:
            cursor.close()

    def pad(self, table: str) -> float | None:
        """Return how far [deg] stars lie from their source_id's pixels; see `PadOf`."""
        if table not in self._pads:
            rows = self.run(f'SELECT source_id, ra, dec FROM "{table}"')  # noqa: S608 - a known name
            sound = pa.types.is_integer(rows["source_id"].type) and not any(
                column.null_count for column in rows.columns
            )
            arrays = [column.to_numpy() for column in rows.columns] if sound else None
            self._pads[table] = (
                position_pad(arrays[0].astype(np.int64), *arrays[1:]) if arrays else None
            )
        return self._pads[table]

    def _cursor(self) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = self._load()
            # A cursor is a connection of its own, so that threads don't share one.
            return self._connection.cursor()

    def _load(self) -> Any:
        connection = duckdb.connect(":memory:", config=_CONFIG)
        connection.execute(DISTANCE_MACRO)
        for name, path in self._files.items():
            connection.register("incoming", read_parquet(path))
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')  # noqa: S608
            connection.unregister("incoming")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _forget(self) -> None:
        with self._lock:
            self._connection = None


def _tidy(table: pa.Table) -> pa.Table:
    """Give DuckDB's output the names and types that people work with."""
    names: list[str] = []
    for name in (name.lower() for name in table.column_names):
        count = 1
        unique = name
        while unique in names:
            count += 1
            unique = f"{name}_{count}"
        names.append(unique)
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
