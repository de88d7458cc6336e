"""A folder of Parquet files as tables and spectra."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.archives.catalog import ColumnInfo, TableInfo
from stellarnb.errors import InvalidInput

__all__ = ["ParquetFile", "read_folder", "read_parquet"]

#: Where `stellarnb.tables.Table` keeps units, descriptions and provenance in a Parquet file.
_NOTE = b"stellarnb"


@dataclass(frozen=True)
class ParquetFile:
    """One file of an archive.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    info : TableInfo
        Its columns.
    provenance : dict
        What the file says of its origin; ``product`` and ``instrument`` make it spectra.
    """

    path: Path
    info: TableInfo
    provenance: dict[str, Any]


def read_folder(folder: Path) -> dict[str, ParquetFile]:
    """Return what a folder's Parquet files hold, by file stem in lower case.

    Only the files' footers are read.

    Parameters
    ----------
    folder : pathlib.Path
        The folder; folders inside it are left alone.

    Returns
    -------
    dict of str to ParquetFile
        Sorted by name.

    Raises
    ------
    InvalidInput
        If the folder is not there, holds no Parquet file, one that is damaged, or two that
        differ in upper and lower case only.
    """
    try:
        if not folder.is_dir():
            raise InvalidInput(f"There is no folder {folder}.")
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".parquet")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror or error}.") from error
    if not paths:
        raise InvalidInput(f"{folder} holds no .parquet file; each one would be a table.")
    out: dict[str, ParquetFile] = {}
    for path in paths:
        name = path.stem.lower()
        if name in out:
            raise InvalidInput(f"{out[name].path.name} and {path.name} would be one table {name}.")
        out[name] = _describe(name, path)
    return out


def read_parquet(path: Path) -> pa.Table:
    """Return a file's rows with column names in lower case.

    Raises
    ------
    InvalidInput
        If it is damaged.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(_damaged(path, error)) from error
    return table.rename_columns([name.lower() for name in table.column_names])


def _describe(name: str, path: Path) -> ParquetFile:
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
        note = json.loads((schema.metadata or {}).get(_NOTE, b"{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(_damaged(path, error)) from error
    units, words = _lower(note.get("units")), _lower(note.get("descriptions"))
    columns: dict[str, ColumnInfo] = {}
    for field in schema:
        column = field.name.lower()
        if column in columns:
            raise InvalidInput(f"{path} has two columns {column!r}; case makes no difference here.")
        columns[column] = ColumnInfo(
            column, str(field.type), units.get(column, ""), words.get(column, "")
        )
    provenance = dict(note.get("provenance") or {})
    title = str(provenance.get("title", ""))
    return ParquetFile(path, TableInfo(name, rows, title, columns), provenance)


def _lower(notes: Any) -> dict[str, str]:
    return {str(name).lower(): str(text) for name, text in dict(notes or {}).items()}


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"{path} cannot be read as Parquet ({reason}). Take it out of the folder or copy it anew."
    )
