"""Spectra in the cache by star: which are stored, absent, or being fetched."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stellarnb.archives.cache.core import STAR, Core, register_stars, scope_number
from stellarnb.errors import InvalidInput

__all__ = ["ABSENT_SECONDS", "Claims", "Found", "Keys", "Piece", "StarShelf"]

#: How long a star is taken to have no such product after the archive sent none [s].
ABSENT_SECONDS = 7 * 24 * 3600.0
#: A claim older than this is void even if its kernel lives: it may be suspended [s].
CLAIM_SECONDS = 3600.0
#: Rows that are read together where only some of an object's are wanted.
ROW_GROUP = 256

#: Who has claimed some of the stars asked for.
_OTHERS = """
SELECT DISTINCT owner FROM json_each(?) AS asked
CROSS JOIN claims ON scope = ? AND star = asked.value WHERE owner <> ?
"""
#: Places, in the list asked for, of stars that are not stored, known to be absent, or claimed.
_FREE = """
SELECT asked.key FROM json_each(?) AS asked
LEFT JOIN stars ON stars.scope = ? AND stars.star = asked.value
LEFT JOIN absent ON absent.scope = ? AND absent.star = asked.value
LEFT JOIN claims ON claims.scope = ? AND claims.star = asked.value
WHERE stars.star IS NULL AND (absent.until IS NULL OR absent.until <= ?)
AND (claims.owner IS NULL OR claims.owner = ?)
"""

#: Identifiers of stars [n]: int64 source_ids, or a survey's own as text.
Keys = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """Where the spectra of stars [n] are in the cache."""

    #: The stars asked for.
    stars: Keys
    #: Object number and row of each spectrum [n]; -1 if it is not stored.
    object: NDArray[np.int64]
    row: NDArray[np.int64]
    #: True if the archive is known to have no such product of the star [n].
    absent: NDArray[np.bool_]

    @property
    def here(self) -> NDArray[np.bool_]:
        """Stars whose spectrum is in the cache."""
        return self.object >= 0

    @property
    def gaps(self) -> NDArray[np.bool_]:
        """Stars that have to be fetched."""
        return ~self.here & ~self.absent


@dataclass(frozen=True)
class Piece:
    """Rows of one object: ``table`` has one for each of ``places`` in the list of stars."""

    places: NDArray[np.int64]
    table: pa.Table
    #: Of the object; empty for a table that is in no cache.
    sha256: str = ""


class StarShelf:
    """The spectra of a cache.

    A scope is a release's product, such as ``gaiadr3/rvs``; a star is an int64 source_id, or the
    survey's own identifier.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def find(self, scope: str, stars: Keys) -> Found:
        """Return where the spectra of stars [n] are."""
        place = np.full((2, len(stars)), -1, dtype=np.int64)
        absent = np.zeros(len(stars), dtype=bool)
        with self._core.index.read() as db:
            known = db.execute("SELECT id FROM scopes WHERE name = ?", (scope,)).fetchone()
            if known is None:
                return Found(stars, place[0], place[1], absent)
            values = (json.dumps(stars.tolist()), known[0])
            # json_each numbers the entries: its key is the place in the list.
            rows = db.execute(
                "SELECT asked.key, object, row FROM json_each(?) AS asked "
                "CROSS JOIN stars ON scope = ? AND star = asked.value",
                values,
            ).fetchall()
            gone = db.execute(
                "SELECT asked.key FROM json_each(?) AS asked "
                "CROSS JOIN absent ON scope = ? AND star = asked.value WHERE until > ?",
                (*values, time.time()),
            ).fetchall()
        if rows:
            found = np.array(rows, dtype=np.int64)
            place[:, found[:, 0]] = found[:, 1:].T
        absent[[key for (key,) in gone]] = True
        absent &= place[0] < 0
        return Found(stars, place[0], place[1], absent)

    def read(self, found: Found) -> tuple[list[Piece], NDArray[np.int64]]:
        """Read stored spectra; also return the places of stars whose file turned out damaged."""
        pieces: list[Piece] = []
        lost: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        numbers = np.unique(found.object[found.here])
        names = self._names(numbers)
        for number in numbers.tolist():
            places = np.flatnonzero(found.object == number)
            sha256 = names.get(number)
            table = None if sha256 is None else self._rows(sha256, found.row[places])
            if table is None:
                lost.append(places)
                if sha256 is not None:
                    self._core.drop_damaged(sha256)
            else:
                pieces.append(Piece(places, table, str(sha256)))
        self._core.used(numbers.tolist())
        return pieces, np.concatenate(lost)

    def keep(
        self, scope: str, table: pa.Table, note: Mapping[str, Any], work: Claims | None = None
    ) -> None:
        """Store spectra in one transaction; `table` has a column ``star``, each star once."""
        stars = table[STAR].to_pylist()
        if len(set(stars)) != len(stars):
            raise InvalidInput("A star has two rows in what is to be stored; give one.")

        def register(db: sqlite3.Connection, number: int) -> None:
            register_stars(db, number, scope, stars)
            if work is not None:
                db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (work.name, number))

        self._core.add(
            lambda path: _write(table, path),
            {"kind": "stars", "scope": scope, "provenance": dict(note)},
            register,
        )

    def keep_absent(self, scope: str, stars: Keys, seconds: float = ABSENT_SECONDS) -> None:
        """Record for `seconds` that the archive has no such product of some stars."""
        with self._core.index.write() as db:
            place, until = scope_number(db, scope), time.time() + seconds
            rows = [(place, star, until) for star in stars.tolist()]
            db.executemany("INSERT OR REPLACE INTO absent VALUES (?, ?, ?)", rows)

    @contextmanager
    def work(self) -> Iterator[Claims]:
        """Yield claims on stars, and protect the spectra they use from eviction."""
        name = self._core.owners.name()
        claims = Claims(self._core, name)
        with self._core.pinned(name):
            try:
                yield claims
            finally:
                claims.release()

    def _names(self, numbers: NDArray[np.int64]) -> dict[int, str]:
        with self._core.index.read() as db:
            rows: Sequence[tuple[int, str]] = db.execute(
                "SELECT id, sha256 FROM objects WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(numbers.tolist()),),
            ).fetchall()
        return dict(rows)

    def _rows(self, sha256: str, rows: NDArray[np.int64]) -> pa.Table | None:
        """Return some rows of an object, or None if it is damaged."""
        if not self._core.objects.sound(sha256):
            return None
        try:
            with pq.ParquetFile(self._core.objects.path(sha256), memory_map=True) as file:
                count = file.metadata.num_rows
                if len(rows) and int(rows.max()) >= count:
                    return None
                if len(rows) == count and bool((rows == np.arange(count)).all()):
                    return file.read(use_threads=False)
                groups = np.unique(rows // ROW_GROUP)
                table = file.read_row_groups(groups.tolist(), use_threads=False)
                first = np.searchsorted(groups, rows // ROW_GROUP) * ROW_GROUP
                return table.take(pa.array(first + rows % ROW_GROUP))
        except (OSError, pa.ArrowException):
            return None


class Claims:
    """Stars that one task fetches, so that no other kernel or thread does."""

    def __init__(self, core: Core, name: str) -> None:
        self._core = core
        self.name = name

    def claim(self, scope: str, stars: Keys) -> NDArray[np.bool_]:
        """Claim stars [n] that are not stored, absent or claimed; return which were claimed."""
        listed = stars.tolist()
        text = json.dumps(listed)
        with self._core.index.write() as db:
            place, now = scope_number(db, scope), time.time()
            db.execute("DELETE FROM claims WHERE since < ?", (now - CLAIM_SECONDS,))
            owners = db.execute(_OTHERS, (text, place, self.name)).fetchall()
            for (owner,) in owners:
                if not self._core.owners.alive(owner):
                    db.execute("DELETE FROM claims WHERE owner = ?", (owner,))
            free = [key for (key,) in db.execute(_FREE, (text, *(place,) * 3, now, self.name))]
            db.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)",
                [(place, listed[key], self.name, now) for key in free],
            )
        claimed = np.zeros(len(listed), dtype=bool)
        claimed[free] = True
        return claimed

    def pin(self, found: Found) -> None:
        """Protect spectra from eviction until the task ends."""
        self._core.pin(self.name, np.unique(found.object[found.here]).tolist())

    def release(self) -> None:
        """Release all claims; stored spectra stay."""
        with self._core.index.write() as db:
            db.execute("DELETE FROM claims WHERE owner = ?", (self.name,))


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(
        table,
        path,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        row_group_size=ROW_GROUP,
    )
