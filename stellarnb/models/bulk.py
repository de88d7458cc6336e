"""Spectra that do not fit in memory: predicted chunk by chunk, and never lost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.errors import Interrupted, InvalidInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.models.card import Card
from stellarnb.models.inputs.arrow import spectra_of, wanted_columns, xp_of
from stellarnb.progress import Cancel, progress_bar
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables import Labels

__all__ = [
    "MANIFEST",
    "PartitionPredictor",
    "Predictor",
    "predict_dataset",
    "predict_iter",
    "predict_partitions",
    "read_tables",
]

#: Stars of a chunk: 40 MB of RVS spectra with errors. Memory is used again from chunk to chunk;
#: with four times as many, getting fresh memory costs more than reading and preparing together.
BATCH = 2048
#: Name of the file that says what has been done. Readers of Parquet folders skip ``_`` names.
MANIFEST = "_stellarnb.json"


class Predictor(Protocol):
    """What is used of a model here: its card and its predictions."""

    @property
    def card(self) -> Card:
        """What the model is, and what it reads."""
        ...

    def predict(
        self,
        spectra: SpectrumSet | None,
        stars: Any = None,
        *,
        xp: SpectrumSet | None = None,
        allow_missing: bool = False,
        progress: bool = True,
        cancel: Cancel | None = None,
    ) -> Labels:
        """Predict labels with errors and trust flags; see `stellarnb.models.Model.predict`."""
        ...


@dataclass(frozen=True)
class _Chunk:
    """Rows `start` to `stop` of one row group; `number` counts the chunks of the source."""

    number: int
    file: Path
    group: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        return f"part-{self.number:06d}.parquet"


def predict_iter(
    model: Predictor, spectra: Iterable[Any], *, allow_missing: bool = False
) -> Iterator[Labels]:
    """Yield the labels of one SpectrumSet, or pair (SpectrumSet, stars), after another."""
    for item in spectra:
        one, stars = (item, None) if isinstance(item, SpectrumSet) else item
        yield model.predict(one, stars, allow_missing=allow_missing, progress=False)


def predict_dataset(
    model: Predictor,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    batch: int = BATCH,
    allow_missing: bool = False,
    resume: bool = True,
    progress: bool = True,
    cancel: Cancel | None = None,
) -> Path:
    """Predict a Parquet dataset of any size into a folder of Parquet files.

    Parameters
    ----------
    model : Predictor
        Which.
    source : path-like
        A Parquet file, or a folder of them. Columns: ``source_id``; ``flux`` and, if there is
        one, ``flux_error``, on the grid of the card's instrument, as fixed-size binary (of
        float32 or float16) or as lists; scalar inputs by name; ``xp_flux`` and
        ``xp_flux_error`` for a hybrid that reads XP spectra too.
    out : path-like
        A folder: one file of labels a chunk, each written whole or not at all, and a manifest.
    batch : int, optional
        Stars of a chunk: what a kill can cost. A run that is taken up again keeps its own.
    allow_missing : bool, optional
        Whether columns of scalars may be absent.
    resume : bool, optional
        Whether to go on with what `out` has of the same model and source; False begins anew.
    progress : bool, optional
        Whether to show a progress bar.
    cancel : Cancel, optional
        Stops the work between two chunks.

    Returns
    -------
    pathlib.Path
        The folder. Read it with any Parquet reader; parts are in the order of the source.

    Raises
    ------
    InvalidInput
        If the source cannot be read, or `out` holds the labels of another model or source.
    MissingInput, GridMismatch
        If a column is absent, or of another number of pixels.
    Interrupted
        On Ctrl-C or `cancel`; run it again to go on.
    OutputError
        If `out` cannot be written.
    """
    if batch < 1:
        raise InvalidInput(f"batch={batch}: at least one star makes a chunk.")
    files = _files(Path(source).expanduser())
    folder = make_folder(out)
    identity = {"model": _model_identity(model), "source": _fingerprint(files)}
    manifest = _open_manifest(folder, identity, batch, resume=resume)
    done: dict[str, int] = manifest["chunks"]
    todo = _plan(files, int(manifest["batch"]))
    total = sum(chunk.stop - chunk.start for chunk in todo)
    with progress_bar(total, model.card.display_name, show=progress) as advance:
        advance(sum(done.values()))
        try:
            for chunk, table in _read(model, todo, done, allow_missing=allow_missing):
                spectra = spectra_of(table, model.card)
                labels = model.predict(
                    spectra,
                    table,
                    xp=xp_of(table, model.card),
                    allow_missing=allow_missing,
                    progress=False,
                    cancel=cancel,
                )
                labels.write(folder / chunk.name)
                done[chunk.name] = len(labels)
                _write_manifest(folder, manifest)
                advance(len(labels))
        except KeyboardInterrupt as stop:
            raise Interrupted(
                f"Stopped after {sum(done.values())} of {total} stars; {folder} keeps them. Run "
                "the same again to go on."
            ) from stop
    return folder


def read_tables(
    model: Predictor,
    source: str | os.PathLike[str],
    *,
    batch: int = BATCH,
    allow_missing: bool = False,
) -> Iterator[pa.Table]:
    """Yield what a model reads of a Parquet dataset, in tables of at most `batch` rows."""
    chunks = _plan(_files(Path(source).expanduser()), batch)
    for _, table in _read(model, chunks, {}, allow_missing=allow_missing):
        yield table


def _files(source: Path) -> list[Path]:
    """Return the Parquet files of a source in order."""
    if source.is_dir():
        found = sorted(
            path
            for path in source.rglob("*.parquet")
            if not any(part[0] in "._" for part in path.relative_to(source).parts)
        )
    else:
        found = [source] if source.is_file() else []
    if not found:
        raise InvalidInput(f"{source}: no Parquet file here. Give a file or a folder of them.")
    return found


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(f"{path} cannot be read as Parquet: {error}") from error


def _fingerprint(files: list[Path]) -> str:
    """Return a hash of what changes when a source does: names, sizes, times, rows, schema."""
    digest = hashlib.sha256()
    root = files[0].parent if len(files) == 1 else Path(os.path.commonpath(files))
    for path in files:
        info, meta = path.stat(), _metadata(path)
        text = (path.relative_to(root).as_posix(), info.st_size, info.st_mtime_ns, meta.num_rows)
        digest.update(repr((*text, str(meta.schema.to_arrow_schema()))).encode())
    return digest.hexdigest()


def _model_identity(model: Predictor) -> dict[str, str]:
    card = model.card
    return {"name": card.name, "version": card.version, "sha256": card.sha256}


def _open_manifest(
    folder: Path, identity: dict[str, Any], batch: int, *, resume: bool
) -> dict[str, Any]:
    """Return the manifest to go on with, or a new one; refuse that of something else."""
    path = folder / MANIFEST
    if path.exists() and resume:
        try:
            known: dict[str, Any] = json.loads(path.read_text("utf-8"))
            same = {key: known[key] for key in identity}
            counts = {str(k): int(v) for k, v in known["chunks"].items()}
            known |= {"batch": int(known["batch"]), "chunks": counts}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(
                f"{path} cannot be read ({error}). Choose another folder, or pass resume=False."
            ) from error
        if same != identity:
            what = " and ".join(key for key in identity if same[key] != identity[key])
            raise InvalidInput(
                f"{folder} holds labels of another {what}. Choose another folder, or pass "
                "resume=False to replace them."
            )
        return known
    for old in folder.glob("part-*.parquet"):
        if not path.exists():
            raise InvalidInput(
                f"{folder} holds {old.name} of something else. Choose an empty folder."
            )
        old.unlink()
    manifest = {**identity, "batch": batch, "chunks": {}}
    _write_manifest(folder, manifest)
    return manifest


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    with atomic_write(folder / MANIFEST) as part:
        part.write_text(json.dumps(manifest, indent=1), "utf-8")


def _plan(files: list[Path], batch: int) -> list[_Chunk]:
    """Return the chunks of a source: slices of its row groups, always the same."""
    chunks: list[_Chunk] = []
    for path in files:
        meta = _metadata(path)
        for group in range(meta.num_row_groups):
            rows = meta.row_group(group).num_rows
            for start in range(0, rows, batch):
                stop = min(start + batch, rows)
                chunks.append(_Chunk(len(chunks), path, group, start, stop))
    return chunks


def _read(
    model: Predictor, chunks: list[_Chunk], done: dict[str, int], *, allow_missing: bool
) -> Iterator[tuple[_Chunk, pa.Table]]:
    """Yield the rows of each chunk that is not done, holding one chunk at a time."""
    groups: dict[tuple[Path, int], list[_Chunk]] = {}
    for chunk in chunks:
        groups.setdefault((chunk.file, chunk.group), []).append(chunk)
    for (path, group), members in groups.items():
        if all(chunk.name in done for chunk in members):
            continue
        # Not memory-mapped: mapped pages would count as the process's own.
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            columns = wanted_columns(
                file.schema_arrow.names, model.card, allow_missing=allow_missing
            )
            for chunk, table in zip(members, _slices(file, group, columns, members), strict=True):
                if chunk.name not in done:
                    yield chunk, table


def _slices(
    file: pq.ParquetFile, group: int, columns: list[str], chunks: list[_Chunk]
) -> Iterator[pa.Table]:
    """Yield the rows of the chunks of one row group in turn."""
    size = max(chunk.stop - chunk.start for chunk in chunks)
    pieces = file.iter_batches(batch_size=size, row_groups=[group], columns=columns)
    kept: list[pa.RecordBatch] = []
    for chunk in chunks:
        need = chunk.stop - chunk.start
        while sum(len(piece) for piece in kept) < need:
            kept.append(next(pieces))
        table = pa.Table.from_batches(kept)
        rest = table.slice(need)
        kept = rest.to_batches() if len(rest) else []
        yield table.slice(0, need)


class PartitionPredictor:
    """Predicts one partition, in whatever process it is called.

    Parameters
    ----------
    model : Predictor
        Sent to the workers by its name where it has one; they load it once a process.
    allow_missing : bool
        As for `Model.predict`.
    """

    def __init__(self, model: Predictor, *, allow_missing: bool = False) -> None:
        self.model, self.allow_missing = model, allow_missing

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the labels of a partition, with the partition's own index."""
        if len(frame) == 0:
            return self.empty().set_index(frame.index)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        labels = self.model.predict(
            spectra_of(table, self.model.card),
            table,
            xp=xp_of(table, self.model.card),
            allow_missing=self.allow_missing,
            progress=False,
        )
        return labels.to_pandas().set_index(frame.index)

    def empty(self, carried: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the labels of no star, for names and types."""
        instrument = get_instrument(self.model.card.instrument)
        none = SpectrumSet(
            np.empty(0, dtype=np.int64),
            instrument.wavelength,
            np.empty((0, len(instrument.wavelength)), dtype=np.float32),
            instrument=instrument,
        )
        return self.model.predict(none, carried, allow_missing=True, progress=False).to_pandas()


def predict_partitions(model: Predictor, collection: Any, *, allow_missing: bool = False) -> Any:
    """Map a model over a Dask DataFrame or an LSDB catalogue.

    Parameters
    ----------
    model : Predictor
        Which.
    collection : dask.dataframe.DataFrame or lsdb.Catalog
        Each partition has ``source_id``, ``flux`` (bytes or lists), perhaps ``flux_error``, and
        the scalars by name. Dask takes Python's bytes for text: let it read them as Arrow's, with
        ``dask.dataframe.read_parquet(..., dtype_backend="pyarrow")``.
    allow_missing : bool, optional
        Whether columns of scalars may be absent.

    Returns
    -------
    The same kind of collection
        Of labels, not yet computed: call ``.compute()`` on your own cluster. A worker that is
        lost costs its partition, which another computes again.

    Raises
    ------
    InvalidInput
        If it has no partitions to map over.
    """
    if not (hasattr(collection, "map_partitions") and hasattr(collection, "columns")):
        raise InvalidInput(
            f"predict_partitions takes a Dask DataFrame or an LSDB catalogue, not "
            f"{type(collection).__name__}; use predict or predict_dataset."
        )
    predictor = PartitionPredictor(model, allow_missing=allow_missing)
    names = ["source_id", *(name for name in collection.columns if name in {"ra", "dec"})]
    stars = pd.DataFrame({name: np.empty(0, dtype=np.float64) for name in names})
    stars["source_id"] = stars["source_id"].astype(np.int64)
    return collection.map_partitions(predictor, meta=predictor.empty(stars))
