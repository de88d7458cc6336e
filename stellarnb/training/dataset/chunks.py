"""One chunk of a training set after another: found, cut, given spectra, written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.spectra import SpectrumSet
from stellarnb.spectra.binary import to_cells
from stellarnb.tables import Result
from stellarnb.training.data.apogee_xp import split
from stellarnb.training.dataset.cuts import apply_cuts, describe_condition
from stellarnb.training.dataset.kinds import Wanted
from stellarnb.training.dataset.manifest import Manifest
from stellarnb.training.dataset.reference import Candidates, columns_to_cut

__all__ = ["Chunks"]

_ROW = "stellarnb_row"
Ints = NDArray[np.int64]


class Chunks:
    """Makes the parts of a training set."""

    def __init__(
        self, archive: Any, known: Candidates, wanted: Wanted, manifest: Manifest, reference: Any
    ) -> None:
        self.archive, self.known, self.wanted, self.manifest = archive, known, wanted, manifest
        there = set(archive.label_columns)
        products = [wanted.kind.product, *wanted.more]
        absent = [product for product in products if product not in archive.products]
        if absent:
            have = ", ".join(archive.products) or "none"
            raise InvalidInput(
                f"{archive.name!r} has no {', '.join(absent)} spectra (it has: {have})."
            )
        cuts, not_cut = columns_to_cut(wanted.cuts, there, strict=wanted.strict, whose=archive.name)
        available = {wanted.kind.available: True} if wanted.kind.available in there else {}
        self._cuts = {**available, **cuts}
        self._scalars = [name for name in wanted.scalars if name in there]
        left_out = [name for name in wanted.scalars if name not in there]
        columns = ["source_id", "ra", "dec", *self._scalars, "snr", *self._cuts]
        self._columns = [name for name in dict.fromkeys(columns) if name in there]
        self._seen: set[int] | None = None
        self.notes: dict[str, Any] = {
            "instrument": wanted.kind.instrument,
            "cuts": {
                "reference": dict(known.described_cuts),
                "stars": {name: describe_condition(value) for name, value in self._cuts.items()},
            },
            "not_cut": {"reference": list(known.not_cut), "stars": list(not_cut)},
            "scalars_left_out": left_out,
            "asked": {"reference": known.table.provenance.get("adql", "")},
            "credits": list(
                dict.fromkeys([*reference.cite().splitlines(), *archive.cite().splitlines()])
            ),
        }

    def write(self, number: int, room: int | None) -> int:
        """Make one part, and return how many stars are in it."""
        size = self.manifest.chunk
        labels = self.known.table.take(slice(number * size, (number + 1) * size))
        counts: dict[str, int] = {}
        row, stars = self._find(labels, counts)
        passed = apply_cuts(stars, self._cuts, counts, whose=self.archive.name)
        row, stars = row[passed], stars.take(passed)
        spectra: dict[str, SpectrumSet] = {}
        for product in (self.wanted.kind.product, *self.wanted.more):
            spectra[product], kept = self._spectra(stars, product, counts)
            row, stars = row[kept], stars.take(kept)
        kept = np.arange(len(stars))[:room]
        if len(kept):
            spectra = {product: _of(one, stars.take(kept)) for product, one in spectra.items()}
            self._write(number, labels.take(row[kept]), stars.take(kept), spectra)
            if self._seen is not None:
                self._seen |= set(stars.take(kept)["source_id"].tolist())
        self.manifest.done(counts, len(kept))
        return len(kept)

    def _find(self, labels: Result, counts: dict[str, int]) -> tuple[Ints, Result]:
        """Return the archive's stars, and for each the row of its labels."""
        if self.known.radius is None:
            ids = np.asarray(labels["source_id"], dtype=np.int64)
            found = self.archive.stars(ids=ids, columns=self._columns)
            row = match_ids(as_source_ids(found["source_id"]), ids)
            found, row = found.take(row >= 0), row[row >= 0]
        else:
            found = self._near(labels)
            row = np.asarray(found[_ROW], dtype=np.int64)
        name = f"{self.archive.name}: found"
        counts[name] = len(found)
        if self.known.radius is not None:
            new = self._new(found)
            found, row = found.take(new), row[new]
            counts[f"{self.archive.name}: not in the set yet"] = len(found)
        return row, found

    def _near(self, labels: Result) -> Result:
        assert self.known.radius is not None  # noqa: S101 - the caller asked
        mine = {_ROW: np.arange(len(labels)), "ra": labels["ra"], "dec": labels["dec"]}
        found: Result = self.archive.crossmatch(
            mine, self.known.radius * 3600, columns=self._columns, keep="mutual"
        )
        # The reference's own position made way for the archive's.
        arrow = found.arrow.drop_columns(["ra", "dec", "n_shared"])
        names = {"ra_2": "ra", "dec_2": "dec"}
        found = found.take(slice(None))
        found.arrow = arrow.rename_columns([names.get(n, n) for n in arrow.column_names])
        return found

    def _new(self, found: Result) -> NDArray[np.bool_]:
        """Return which stars are not in the set: two rows of the reference may be one star."""
        if self._seen is None:
            parts = [self.manifest.part(i) for i in range(self.manifest.next)]
            tables = [pq.read_table(p, columns=["source_id"]) for p in parts if p.exists()]
            self._seen = {star for t in tables for star in t["source_id"].to_pylist()}
        ids = as_source_ids(found["source_id"])
        first = np.zeros(len(ids), dtype=bool)
        first[np.unique(ids, return_index=True)[1]] = True
        new = np.array([star not in self._seen for star in ids.tolist()], dtype=bool)
        both: NDArray[np.bool_] = first & new
        return both

    def _spectra(
        self, stars: Result, product: str, counts: dict[str, int]
    ) -> tuple[SpectrumSet, Ints]:
        """Return spectra, and the rows of the stars that have a sound one."""
        ids = as_source_ids(stars["source_id"])
        spectra: SpectrumSet = self.archive.spectra(ids, product, progress=False)
        share = spectra.mask.mean(axis=1) if len(spectra) else np.zeros(0)
        sound = spectra[share <= self.wanted.max_masked]
        counts[f"{product}: with a spectrum"] = len(spectra)
        counts[f"{product}: at most {self.wanted.max_masked:.0%} masked"] = len(sound)
        return sound, np.flatnonzero(match_ids(ids, sound.source_id) >= 0)

    def _write(
        self, number: int, labels: Result, stars: Result, spectra: dict[str, SpectrumSet]
    ) -> None:
        columns: dict[str, Any] = {
            name: stars.arrow[name] for name in stars.colnames if name != _ROW
        }
        units, descriptions = dict(stars.units), dict(stars.descriptions)
        for name in labels.colnames:
            if name in {"source_id", "ra", "dec"}:
                continue
            new = name if name not in columns else f"reference_{name}"
            columns[new] = labels.arrow[name]
            units |= {new: labels.units[name]} if name in labels.units else {}
            descriptions |= {new: labels.descriptions[name]} if name in labels.descriptions else {}
        columns["split"] = split(as_source_ids(stars["source_id"]))
        descriptions["split"] = "0 test, 1 validation, 2..9 training: a hash of source_id"
        for product, one in spectra.items():
            before = "" if product == self.wanted.kind.product else f"{product}_"
            columns[f"{before}flux"] = to_cells(_with_nan(one.flux, one.mask))
            units[f"{before}flux"] = one.instrument.flux_unit
            if one.error is not None:
                columns[f"{before}flux_error"] = to_cells(_with_nan(one.error, one.mask))
                units[f"{before}flux_error"] = one.instrument.flux_unit
        note = self.manifest.provenance(self.notes)
        table = Result(pa.table(columns), units=units, descriptions=descriptions, provenance=note)
        with atomic_write(self.manifest.part(number)) as part:
            pq.write_table(table.to_arrow(), part, compression="none", use_dictionary=False)


def _of(spectra: SpectrumSet, stars: Result) -> SpectrumSet:
    """Return the spectra of some stars, in their order."""
    return spectra[match_ids(as_source_ids(stars["source_id"]), spectra.source_id)]


def _with_nan(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return values with NaN in masked pixels, which every reader takes for a mask."""
    out: NDArray[np.float32] = np.where(mask, np.float32("nan"), values)
    return out
