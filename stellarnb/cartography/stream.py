"""Aggregates of more stars than fit in memory, from a folder of Parquet files, batch by batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.cartography.aggregate.api import Aggregate
from stellarnb.cartography.aggregate.bins import Bins
from stellarnb.cartography.aggregate.window import Window
from stellarnb.cartography.select.rules import Selection
from stellarnb.errors import Interrupted, InvalidInput, MissingInput
from stellarnb.progress import Cancel

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Step", "stream"]

#: Rows that are in memory at once.
BATCH = 1_000_000
#: Rows of the preview, and between two steps.
PREVIEW, STEP = 1_000_000, 5_000_000


@dataclass(frozen=True)
class Step:
    """Report the aggregate of the stars read so far.

    Attributes
    ----------
    image : xarray.DataArray
        As `count`, `mean`, `std` or `grid` return it, of the stars read so far.
    rows, total : int
        Stars read, and stars in all files.
    kind : str
        ``"preview"``: stars from all over the files; ``"partial"``: the first files;
        ``"exact"``: all stars, the last step.
    """

    image: xr.DataArray
    rows: int
    total: int
    kind: str

    @property
    def fraction(self) -> float:
        """Share of all stars that are in the image."""
        return self.rows / self.total if self.total else 1.0


def stream(
    source: Any,
    x: str,
    y: str,
    window: Window,
    *,
    of: str | None = None,
    spread: bool = False,
    bins: Bins | None = None,
    where: Selection | None = None,
    cancel: Cancel | None = None,
    preview: int = PREVIEW,
    step: int = STEP,
) -> Iterator[Step]:
    """Aggregate a data set that need not fit in memory; a preview first, then all of it.

    Parameters
    ----------
    source : path-like, list of path-like, or Dask data frame
        A folder (looked through recursively for ``*.parquet``), a file, several files; or a
        Dask collection, which is computed partition by partition.
    x, y, window
        As for `stellarnb.cartography.count`.
    of : str, optional
        The column to average; stars are counted if omitted.
    spread : bool, optional
        Standard deviation of `of` instead of its mean.
    bins : Bins, optional
        A panel for each bin in R and abs(Z), as `stellarnb.cartography.grid` makes them.
    where : Selection, optional
        Which stars; all if omitted.
    cancel : Cancel, optional
        Looked at after each batch of a million rows.
    preview, step : int, optional
        Rows of the preview (0 for none), and rows between two steps.

    Yields
    ------
    Step
        Each image is one of its own. The last one is exact, and equal to the aggregate of
        the whole table in memory (means but for the rounding of sums).

    Raises
    ------
    InvalidInput
        If there are no files, or one is not a Parquet file.
    MissingInput
        If a file lacks a column.
    Interrupted
        If it was cancelled; ``partial`` is the last `Step`.
    """
    parts = _open(source)
    total = sum(part.rows for part in parts)
    work = _Work(x, y, window, of, spread, bins, where)
    last: Step | None = None
    if preview > 0 and total > preview:
        running, rows = work.aggregate(), 0
        for part, index in _spread_out(parts, preview):
            for batch in part.read(work.columns, index):
                work.add(running, batch)
                rows += batch.num_rows
                _look(cancel, last)
        last = Step(work.image(running), rows, total, "preview")
        yield last
    running, rows, shown = work.aggregate(), 0, 0
    for part in parts:
        for batch in part.read(work.columns, None):
            work.add(running, batch)
            rows += batch.num_rows
            if cancel is not None and cancel.is_set():
                _look(cancel, Step(work.image(running), rows, total, "partial"))
            if rows - shown >= step and rows < total:
                shown = rows
                yield Step(work.image(running), rows, total, "partial")
    yield Step(work.image(running), rows, total, "exact")


def _look(cancel: Cancel | None, partial: Step | None) -> None:
    if cancel is not None and cancel.is_set():
        rows = partial.rows if partial else 0
        raise Interrupted(f"Stopped after {rows:,} stars; they are in .partial.", partial)


@dataclass(frozen=True)
class _Work:
    """Hold the parameters of one aggregate."""

    x: str
    y: str
    window: Window
    of: str | None
    spread: bool
    bins: Bins | None
    where: Selection | None

    @property
    def columns(self) -> list[str]:
        names = {self.x, self.y}
        names |= {self.of} if self.of is not None else set()
        names |= {self.bins.r_column, self.bins.z_column} if self.bins is not None else set()
        names |= self.where.columns if self.where is not None else set()
        return sorted(names)

    def aggregate(self) -> Aggregate:
        panels = None if self.bins is None else len(self.bins)
        return Aggregate(self.x, self.y, self.window, of=self.of, spread=self.spread, panels=panels)

    def add(self, running: Aggregate, batch: pa.Table) -> None:
        mask = None if self.where is None else self.where.mask(batch)
        codes = None if self.bins is None else self.bins.codes(batch)
        running.add(batch, where=mask, codes=codes)

    def image(self, running: Aggregate) -> xr.DataArray:
        image = running.image() if self.bins is None else running.grid_image(self.bins)
        return image.copy()  # the aggregate goes on


@dataclass(frozen=True)
class _File:
    """A Parquet file: its rows and row groups."""

    path: Path
    rows: int
    groups: tuple[int, ...]
    names: frozenset[str]

    def read(self, columns: list[str], group: int | None) -> Iterator[pa.Table]:
        """Return the batches of one row group, or of all."""
        lacking = [name for name in columns if name not in self.names]
        if lacking:
            raise MissingInput(f"{self.path} has no column {', '.join(lacking)}.")
        groups = range(len(self.groups)) if group is None else [group]
        try:
            # A buffer for each column keeps a large row group from being read as a whole.
            with pq.ParquetFile(self.path, buffer_size=1 << 20, pre_buffer=False) as file:
                for batch in file.iter_batches(BATCH, row_groups=groups, columns=columns):
                    yield pa.Table.from_batches([batch])
        except (OSError, pa.ArrowInvalid) as error:
            raise InvalidInput(f"{self.path} cannot be read as Parquet: {error}") from error


@dataclass(frozen=True)
class _Partition:
    """One partition of a Dask data frame."""

    frame: Any
    rows: int

    @property
    def groups(self) -> tuple[int, ...]:
        return (self.rows,)

    def read(self, columns: list[str], group: int | None) -> Iterator[pa.Table]:  # noqa: ARG002
        lacking = [name for name in columns if name not in self.frame.columns]
        if lacking:
            raise MissingInput(f"The data frame has no column {', '.join(lacking)}.")
        frame = self.frame[columns].compute()
        for start in range(0, len(frame), BATCH):
            yield pa.Table.from_pandas(frame.iloc[start : start + BATCH], preserve_index=False)


def _open(source: Any) -> list[_File] | list[_Partition]:
    if hasattr(source, "partitions") and hasattr(source, "npartitions"):
        lengths = source.map_partitions(len).compute()
        pieces = zip(source.partitions, lengths, strict=True)
        return [_Partition(piece, int(rows)) for piece, rows in pieces]
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    elif isinstance(source, Iterable):
        paths = [Path(entry).expanduser() for entry in source]
    else:
        raise InvalidInput(
            f"source: expected a folder or files of Parquet; got {type(source).__name__}."
        )
    if not paths:
        raise InvalidInput(f"There is no .parquet file in {source}.")
    return [_describe(path) for path in paths]


def _describe(path: Path) -> _File:
    try:
        note = pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(f"{path} cannot be read as Parquet: {error}") from error
    groups = tuple(note.row_group(i).num_rows for i in range(note.num_row_groups))
    return _File(path, note.num_rows, groups, frozenset(note.schema.to_arrow_schema().names))


def _spread_out(parts: list[Any], rows: int) -> Iterator[tuple[Any, int]]:
    """Choose row groups evenly from all files until there are enough rows."""
    everything = [(part, i, n) for part in parts for i, n in enumerate(part.groups) if n]
    # The golden ratio visits a row of things evenly, however early one stops.
    order = np.argsort((np.arange(len(everything)) * 0.6180339887498949) % 1.0)
    found = 0
    for place in order:
        part, index, n = everything[place]
        if found >= rows:
            return
        found += n
        yield part, index
