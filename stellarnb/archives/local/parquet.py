"""Parquet files as tables and spectra of an archive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.errors import InvalidInput

__all__ = [
    "ParquetFile",
    "describe_parquet",
    "list_files",
    "read_folder",
    "read_parquet",
    "read_rows",
    "table_name",
]

#: Where `stellarnb.tables.Table` keeps units, descriptions and provenance in a Parquet file.
_NOTE = b"stellarnb"


@dataclass(frozen=True)
class ParquetFile:
    """One file of an archive."""

    #: The file.
    path: Path
    #: Its columns.
    info: TableInfo
    #: What the file says of its origin; ``product`` and ``instrument`` make it spectra.
    provenance: dict[str, Any]
    #: Size of the rows without compression.
    n_bytes: int = 0

    def read(self) -> pa.Table:
        """Return the rows; see `read_parquet`."""
        return read_parquet(self.path)


def read_folder(folder: Path) -> dict[str, ParquetFile]:
    """Return what a folder's Parquet files hold, by file stem in lower case."""
    paths = list_files(folder, (".parquet",))
    if not paths:
        raise InvalidInput(f"{folder} has no .parquet file; each such file is a table.")
    out: dict[str, ParquetFile] = {}
    for path in paths:
        file = describe_parquet(table_name(path), path)
        name = file.info.name
        if name in out:
            raise InvalidInput(f"{out[name].path.name} and {path.name} both name table {name}.")
        out[name] = file
    return out


def list_files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Return the files of a folder with some endings (in any case), sorted; hidden ones are not."""
    try:
        if not folder.is_dir():
            raise InvalidInput(f"There is no folder {folder}. Check the path.")
        names = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        return [path for path in names if path.name.lower().endswith(endings)]
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror or error}.") from error


def table_name(path: Path) -> str:
    """Return the name of the table in a file: what stands before the ending, in lower case.

    A name that no file can have is spelt with percent signs, as in a URL:
    ``J%2FA+A%2F682%2FA9%2Ftable1.parquet`` is the table ``J/A+A/682/A9/table1``.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".GZ").rpartition(".")[0]
    return unquote(stem).lower()


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a file's rows with column names in lower case."""
    try:
        with pq.ParquetFile(path) as file:
            return _lowered(file.read(columns=_spelt(file, columns)))
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(_damaged(path, error)) from error


def read_rows(path: Path, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
    """Return some rows of a file; of the others, only what lies in the same row groups is read."""
    try:
        with pq.ParquetFile(path) as file:
            names = _spelt(file, columns)
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            edges = np.r_[0, np.cumsum(sizes)]
            parts = [_lowered(file.schema_arrow.empty_table().select(names))]
            for group in np.unique(np.searchsorted(edges, rows, side="right") - 1).tolist():
                start, stop = np.searchsorted(rows, edges[group : group + 2])
                part = file.read_row_group(group, columns=names)
                parts.append(_lowered(part.take(pa.array(rows[start:stop] - edges[group]))))
        return pa.concat_tables(parts)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(_damaged(path, error)) from error


def _spelt(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    """Return columns as the file spells them."""
    if columns is None:
        return None
    spelling = {name.lower(): name for name in file.schema_arrow.names}
    return [spelling[name] for name in columns if name in spelling]


def _lowered(table: pa.Table) -> pa.Table:
    return table.rename_columns([name.lower() for name in table.column_names])


def describe_parquet(name: str, path: Path) -> ParquetFile:
    """Return what a Parquet file holds; only its footer is read."""
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(i).total_byte_size for i in groups)
        note = json.loads((schema.metadata or {}).get(_NOTE, b"{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(_damaged(path, error)) from error
    units, texts = _lower(note.get("units")), _lower(note.get("descriptions"))
    columns: dict[str, ColumnInfo] = {}
    for field in schema:
        column = field.name.lower()
        if column in columns:
            raise InvalidInput(f"{path} has two columns {column!r}, differing only in case.")
        columns[column] = ColumnInfo(
            column, str(field.type), units.get(column, ""), texts.get(column, "")
        )
    provenance = dict(note.get("provenance") or {})
    title = str(provenance.get("title", ""))
    return ParquetFile(path, TableInfo(name, rows, title, columns), provenance, size)


def _lower(notes: Any) -> dict[str, str]:
    return {str(name).lower(): str(text) for name, text in dict(notes or {}).items()}


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"{path} cannot be read as Parquet ({reason}). Take it out of the folder or copy it anew."
    )
