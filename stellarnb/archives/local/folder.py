"""A folder of files as the tables of an archive."""

from __future__ import annotations

from pathlib import Path

from stellarnb.archives.local.fits import FITS_ENDINGS, FitsTable, describe_fits
from stellarnb.archives.local.parquet import ParquetFile, describe_parquet, list_files, table_name
from stellarnb.errors import InvalidInput

__all__ = ["read_tables"]

_ENDINGS = (".parquet", *FITS_ENDINGS)


def read_tables(folder: Path) -> dict[str, ParquetFile | FitsTable]:
    """Return what a folder's Parquet and FITS files hold, by table name in lower case."""
    paths = list_files(folder, _ENDINGS)
    if not paths:
        raise InvalidInput(
            f"{folder} has no .parquet file and no .fits file; each such file is a table."
        )
    out: dict[str, ParquetFile | FitsTable] = {}
    for path in paths:
        name = table_name(path)
        found: dict[str, ParquetFile | FitsTable] = {}
        if path.suffix.lower() == ".parquet":
            file = describe_parquet(name, path)
            found[file.info.name] = file
        else:
            found.update(describe_fits(name, path))
        for key, table in found.items():
            if key in out:
                raise InvalidInput(
                    f"{out[key].path.name} and {path.name} both name table {key}. Rename one."
                )
            out[key] = table
    if not out:
        raise InvalidInput(f"{folder} has no table: its FITS files contain none.")
    return out
