"""What every stellarnb table can do: Arrow inside, units and provenance beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.files import atomic_write
from stellarnb.tables import convert
from stellarnb.tables.formats import read_table, write_astropy

if TYPE_CHECKING:
    import pandas as pd
    from astropy.table import QTable

__all__ = ["Table"]

_META_KEY = b"stellarnb"


class Table:
    """A table of stars: columns with units, descriptions and provenance.

    Parameters
    ----------
    arrow : pyarrow.Table or any table
        The columns.
    units : mapping of str to str, optional
        Unit of a column as `astropy.units` spells it.
    descriptions : mapping of str to str, optional
        One sentence a column.
    provenance : mapping, optional
        Where the rows come from; must be JSON.
    """

    def __init__(
        self,
        arrow: Any,
        *,
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.arrow: pa.Table = convert.as_arrow(arrow).combine_chunks()
        names = set(self.arrow.column_names)
        self.units = {k: v for k, v in (units or {}).items() if k in names}
        self.descriptions = {k: v for k, v in (descriptions or {}).items() if k in names}
        self.provenance: dict[str, Any] = dict(provenance or {})

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def __contains__(self, name: object) -> bool:
        return name in self.arrow.column_names

    def __getitem__(self, key: Any) -> Any:
        """Return one column by name (numpy array [n]), or the rows of a mask, slice or indices."""
        if isinstance(key, str):
            if key not in self:
                raise MissingInput(
                    f"No column {key!r} here; there are: {', '.join(self.colnames)}."
                )
            return convert.column_to_numpy(self.arrow[key])
        return self.take(key)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind}: {len(self)} rows x {len(self.colnames)} columns>\n{self._preview()}"

    def _repr_html_(self) -> str:
        # astropy escapes every cell, so text from an archive can't become markup.
        table = self._head().to_astropy()
        table.meta.clear()
        html: str = table._repr_html_()
        return html.replace("QTable length", f"{type(self).__name__}: {len(self)} rows, shown")

    def _head(self, rows: int = 10) -> Self:
        return self.take(slice(0, rows))

    def _preview(self) -> str:
        lines = self._head().to_astropy().pformat(max_width=100, show_unit=True)
        return "\n".join(lines)

    @property
    def colnames(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.arrow.column_names)

    def take(self, rows: Any) -> Self:
        """Return some rows as a table of the same kind.

        Parameters
        ----------
        rows : slice, bool array [n] or int array
            Which rows.

        Returns
        -------
        Table
            Of the class of this one.

        Raises
        ------
        InvalidInput
            If a mask has another length than the table.
        """
        if isinstance(rows, slice):
            return self._with(self.arrow.take(pa.array(np.arange(len(self))[rows])))
        index = np.asarray(rows)
        if index.dtype == bool:
            if index.shape != (len(self),):
                raise InvalidInput(
                    f"A mask of {index.size} rows does not fit a table of {len(self)}."
                )
            return self._with(self.arrow.filter(pa.array(index)))
        if index.dtype.kind not in "iu" and index.size:
            raise InvalidInput("Select rows with a mask, a slice or integers.")
        return self._with(self.arrow.take(pa.array(index.astype(np.int64))))

    def _with(self, arrow: pa.Table) -> Self:
        """Return a table of the same kind with other rows and the same notes."""
        out = self.__class__.__new__(self.__class__)
        out.__dict__.update(self.__dict__)
        out.arrow = arrow
        return out

    def with_columns(
        self,
        columns: Mapping[str, Any],
        *,
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the table with more columns; one of the same name is replaced.

        Parameters
        ----------
        columns : mapping of str to array
            Values, one a row.
        units, descriptions, provenance : mapping, optional
            Added to those of the table.

        Returns
        -------
        Table
            Of the class of this one.

        Raises
        ------
        InvalidInput
            If a column has another length.
        """
        more = convert.as_arrow(columns)
        if more.num_columns and more.num_rows != len(self):
            raise InvalidInput(
                f"Columns of {more.num_rows} rows do not fit a table of {len(self)}."
            )
        kept = [name for name in self.colnames if name not in more.column_names]
        arrow = self.arrow.select(kept)
        for name in more.column_names:
            arrow = arrow.append_column(name, more[name])
        out = self._with(arrow.combine_chunks())
        for key, extra in (("units", units), ("descriptions", descriptions)):
            own = {k: v for k, v in getattr(self, key).items() if k in kept}
            setattr(
                out, key, own | {k: v for k, v in (extra or {}).items() if k in more.column_names}
            )
        out.provenance = self.provenance | dict(provenance or {})
        return out

    @property
    def _notes(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "descriptions": self.descriptions,
            "provenance": self.provenance,
        }

    def to_arrow(self) -> pa.Table:
        """Return the Arrow table, with units, descriptions and provenance in its metadata."""
        return self.arrow.replace_schema_metadata({_META_KEY: json.dumps(self._notes).encode()})

    def to_astropy(self) -> QTable:
        """Return an astropy `~astropy.table.QTable` with units; the provenance is in ``meta``."""
        meta = {"provenance": self.provenance}
        return convert.to_astropy(self.arrow, self.units, self.descriptions, meta)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame; int64 stays int64, with missing values it becomes Int64."""
        return convert.to_pandas(self.arrow)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the table whole or not at all; the ending tells the format.

        Parameters
        ----------
        path : path-like
            ``.parquet`` (units and provenance inside), ``.csv``, ``.ecsv``, ``.fits`` or ``.vot``.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        InvalidInput
            For another ending, or a column that such a file cannot hold.
        OutputError
            If it cannot be written.
        """
        target = Path(path).expanduser()

        def write_with_notes(part: Path) -> None:
            write_astropy(self.to_astropy(), self._notes, part)

        writers: dict[str, Callable[[Path], None]] = {
            ".parquet": lambda part: pq.write_table(self.to_arrow(), part),
            ".csv": lambda part: pyarrow.csv.write_csv(self.arrow, part),
            **dict.fromkeys((".ecsv", ".fits", ".vot"), write_with_notes),
        }
        if target.suffix not in writers:
            raise InvalidInput(
                f"{target.name} has an unknown ending; write one of {', '.join(writers)}."
            )
        for name in self.colnames if target.suffix != ".parquet" else ():
            kind = self.arrow[name].type
            if pa.types.is_nested(kind) and (
                target.suffix == ".csv" or not pa.types.is_fixed_size_list(kind)
            ):
                raise InvalidInput(
                    f"{target.name}: column {name!r} holds several values a row ({kind}), which "
                    "only .parquet can hold. Write that, or leave the column out."
                )
        with atomic_write(target) as part:
            writers[target.suffix](part)
        return target

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a table that `write` made, or any other of these formats.

        Parameters
        ----------
        path : path-like
            ``.parquet``, ``.csv``, ``.ecsv``, ``.fits`` or ``.vot``; another ending is taken for
            Parquet. Of a FITS file or a VOTable the first table is read.

        Returns
        -------
        Table
            Of the class that it is called on, with units, descriptions and provenance where the
            file has them; a CSV file has none. Identifiers stay 64-bit integers.

        Raises
        ------
        InvalidInput
            If it is not there or of another format.
        """
        arrow, note = read_table(Path(path).expanduser(), _META_KEY)
        out = cls.__new__(cls)
        Table.__init__(out, arrow, **note)
        return out
