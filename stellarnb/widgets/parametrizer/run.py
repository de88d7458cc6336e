"""A prediction in parts, which survive a Cancel and the end of the kernel."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb import __version__
from stellarnb.errors import Interrupted, MissingInput, StellarnbError
from stellarnb.files import make_folder
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.models import Model
from stellarnb.models.backends.loop import chunk_size
from stellarnb.models.inputs.pixels import line_verdict
from stellarnb.progress import Cancel
from stellarnb.settings import settings
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import find_column
from stellarnb.widgets.core.task import Report, beside

__all__ = ["PredictionInputs", "PredictionParts", "predict_in_parts"]

#: Parts are kept on disk once they have so many stars, or after so long [s].
KEEP_STARS, KEEP_SECONDS = 4096, 2.0
#: Parts that nobody has asked for in so long are removed [s].
STALE = 14 * 86400.0
#: Counted over the whole prediction, and in each part only over its own stars.
_COUNTS = ("unusable_spectra", "incomplete_inputs")


@dataclass(frozen=True)
class PredictionInputs:
    """What a model reads; the fields are those of `stellarnb.models.Model.predict`."""

    spectra: SpectrumSet | None
    xp: SpectrumSet | None = None
    stars: Any = None
    allow_missing: bool = False

    @property
    def ids(self) -> NDArray[np.int64]:
        """The source_ids in the order of the result, int64 [n]; MissingInput if there are none."""
        first = self.spectra if self.spectra is not None else self.xp
        if first is not None:
            return first.source_id
        table = None if self.stars is None else as_arrow(self.stars)
        column = None if table is None else find_column(table.column_names, "source_id")
        if table is None or column is None:
            raise MissingInput(
                "There are no spectra and no stars with a source_id: give one of them first."
            )
        return as_source_ids(column_to_numpy(table[column]))

    def aligned(self) -> PredictionInputs:
        """Return the same with the table row by row as the stars are, so that parts are slices."""
        if self.stars is None:
            return self
        table = as_arrow(self.stars)
        column = find_column(table.column_names, "source_id")
        if column is None:
            raise MissingInput("stars: no column source_id, by which stars and spectra are joined.")
        known = as_source_ids(column_to_numpy(table[column]))
        if not np.array_equal(known, self.ids):
            row = match_ids(self.ids, known)
            table = table.take(pa.array(row, mask=row < 0))
            at = table.column_names.index(column)
            table = table.set_column(at, column, pa.array(self.ids))
        return PredictionInputs(self.spectra, self.xp, table, self.allow_missing)

    def rows(self, start: int, stop: int) -> PredictionInputs:
        """Return some of the stars of an aligned input."""
        xp = self.xp
        if xp is not None:
            if self.spectra is None:
                xp = xp[start:stop]
            else:
                found = np.flatnonzero(np.isin(xp.source_id, self.ids[start:stop]))
                xp = xp[found]
        return PredictionInputs(
            None if self.spectra is None else self.spectra[start:stop],
            xp,
            None if self.stars is None else self.stars.slice(start, stop - start),
            self.allow_missing,
        )

    def key(self, model: Model) -> str:
        """Return what tells this prediction from any other: a hash of all that goes into it."""
        card = model.card
        digest = hashlib.blake2b(digest_size=20)
        head = (__version__, card.name, card.version, card.sha256, model.backend, model.origin)
        digest.update(repr((*head, self.allow_missing)).encode())
        for one in (self.spectra, self.xp):
            digest.update(b"|")
            for array in () if one is None else (one.source_id, one.flux, one.error, one.mask):
                if array is not None:
                    digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        table = None if self.stars is None else as_arrow(self.stars)
        wanted = ("source_id", *(spec.name for spec in card.scalars))
        for name in wanted if table is not None else ():
            column = find_column(table.column_names, name) if table is not None else None
            if table is not None and column is not None:
                digest.update(repr((name, column_to_numpy(table[column]).tolist())).encode())
        return digest.hexdigest()


class PredictionParts:
    """Labels of the first stars of a prediction, in memory and, if possible, on disk."""

    def __init__(self, key: str) -> None:
        root = settings().cache / "predictions"
        self._folder = root / key
        self._parts: list[Labels] = []
        self._written = 0
        self._when = time.monotonic()
        self.done = 0
        self.on_disk = True
        _remove_stale(root)
        self._read()

    def add(self, part: Labels) -> None:
        """Take the labels of the next stars."""
        self._parts.append(part)
        self.done += len(part)
        waiting = sum(map(len, self._parts[self._written :]))
        if waiting >= KEEP_STARS or time.monotonic() - self._when > KEEP_SECONDS:
            self.keep()

    def keep(self) -> None:
        """Write what is not on disk yet; without a disk the parts stay in memory."""
        self._when = time.monotonic()
        waiting = self._parts[self._written :]
        if not waiting or not self.on_disk:
            return
        part = _join(waiting)
        try:
            make_folder(self._folder)
            part.write(self._folder / f"part-{self.done - len(part):09d}.parquet")
        except StellarnbError:
            self.on_disk = False
            return
        self._written = len(self._parts)

    def labels(self) -> Labels:
        """Return all that is done as one table."""
        return _join(self._parts)

    def forget(self) -> None:
        """Remove them from the disk, once the whole is in the user's hands."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        """Take up what an earlier run has left: whole parts, from the first star on."""
        for path in sorted(self._folder.glob("part-*.parquet")):
            start = path.stem.removeprefix("part-")
            if not start.isdigit() or int(start) != self.done:
                break
            try:
                part = Labels.read(path)
            except (StellarnbError, OSError, pa.ArrowException):
                break
            self._parts.append(part)
            self.done += len(part)
        self._written = len(self._parts)


def predict_in_parts(
    model: Model, given: PredictionInputs, parts: PredictionParts, cancel: Cancel, report: Report
) -> Labels:
    """Predict as `stellarnb.models.Model.predict` does; parts of an earlier run are not redone.

    Once stopped, it raises `Interrupted`, whose ``partial`` has what is done, as `parts` has.
    """
    n = len(given.ids)
    given, lines = beside(lambda: _prepared(given), cancel)
    size, begun = chunk_size(model.networks), parts.done
    report(begun, n, begun=begun)
    if n == 0:
        parts.add(_predict(model, given))
    while parts.done < n:
        some = given.rows(parts.done, min(parts.done + size, n))
        try:
            # A part of 512 stars takes seconds while a cell computes: it is not waited for.
            parts.add(beside(partial(_predict, model, some), cancel))
        except Interrupted as stop:
            parts.keep()
            done = parts.labels() if parts.done else None
            raise Interrupted(f"Stopped after {parts.done} of {n} stars.", done) from stop
        report(parts.done, n)
    labels = parts.labels()
    labels.provenance["line_check"] = lines
    return labels


def _prepared(given: PredictionInputs) -> tuple[PredictionInputs, str]:
    """Return the inputs row by row, and whether the lines are where they should be."""
    lines = "no spectra" if given.spectra is None else line_verdict(given.spectra)
    return given.aligned(), lines


def _predict(model: Model, given: PredictionInputs) -> Labels:
    return model.predict(
        given.spectra,
        given.stars,
        xp=given.xp,
        allow_missing=given.allow_missing,
        check_lines=False,  # was done for the whole
        progress=False,
    )


def _join(parts: Iterable[Labels]) -> Labels:
    tables = list(parts)
    first = tables[0]
    provenance = dict(first.provenance)
    for name in _COUNTS:
        provenance[name] = sum(int(table.provenance.get(name, 0)) for table in tables)
    return Labels(
        pa.concat_tables([table.arrow for table in tables]),
        units=first.units,
        descriptions=first.descriptions,
        provenance=provenance,
    )


def _remove_stale(root: Path) -> None:
    with suppress(OSError):
        for folder in root.iterdir():
            if folder.is_dir() and time.time() - folder.stat().st_mtime > STALE:
                shutil.rmtree(folder, ignore_errors=True)
