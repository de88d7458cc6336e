"""Files and their index together: add, use, evict and rebuild."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.archives.cache.blobs import Objects
from stellarnb.archives.cache.index import Index, IndexDamaged
from stellarnb.archives.cache.locks import Owners, hold, sweep_locks
from stellarnb.errors import OutputError

__all__ = ["STAR", "Core", "without_secrets"]

#: The column of a star's identifier in an object with spectra.
STAR = "star"
#: An object's last use is noted to this many seconds.
USE_SECONDS = 60.0


def without_secrets(text: str) -> str:
    """Return a text without the user names and passwords that addresses in it carry."""
    return re.sub(r"(\w+://)[^/@\s\"]+@", r"\1", text)


class Core:
    """Files and index of a cache, which its tables, spectra and upkeep share."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.objects = Objects(folder)
        self.locks = folder / "locks"
        try:
            self.locks.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"The cache {folder} cannot be written: {error.strerror}.") from error
        sweep_locks(self.locks)
        self.owners = Owners(self.locks)
        self.index = self._open()

    def add(
        self,
        write: Callable[[Path], None],
        note: dict[str, Any],
        register: Callable[[sqlite3.Connection, int], None],
    ) -> str:
        """Add a Parquet file and its index entries in one transaction, and return its sha256."""
        note = {"stored": datetime.now(UTC).isoformat(timespec="seconds"), **note}
        note = json.loads(without_secrets(json.dumps(note, default=str)))
        with self.objects.part(write) as part:
            with self.index.write() as db:
                self.objects.settle(part, note)
                number = _number(db, part.sha256, part.bytes)
                register(db, number)
            self._evict(keep=part.sha256)
            return part.sha256

    def used(self, numbers: Iterable[int]) -> None:
        """Record that objects were used now."""
        now = time.time()
        text = json.dumps(list(numbers))
        # A cache that can be read and not written still serves.
        with suppress(OutputError):
            with self.index.read() as db:
                stale = db.execute(
                    "SELECT id FROM objects WHERE used < ? "
                    "AND id IN (SELECT value FROM json_each(?))",
                    (now - USE_SECONDS, text),
                ).fetchall()
            if stale:
                with self.index.write() as db:
                    rows = [(now, number) for (number,) in stale]
                    db.executemany("UPDATE objects SET used = ? WHERE id = ?", rows)

    def drop_damaged(self, sha256: str) -> None:
        """Remove an object and its index entries if it is damaged or missing."""
        with self.index.write() as db:
            # Another kernel may have replaced it by a whole one in the meantime.
            if not self.objects.sound(sha256):
                db.execute("DELETE FROM objects WHERE sha256 = ?", (sha256,))
                self.objects.remove(sha256)

    @contextmanager
    def pinned(self, name: str, numbers: Iterable[int] = ()) -> Iterator[None]:
        """Protect objects from eviction inside the block; `pin` adds to them."""
        self.pin(name, numbers)
        try:
            yield
        finally:
            with self.index.write() as db:
                db.execute("DELETE FROM pins WHERE owner = ?", (name,))

    def pin(self, name: str, numbers: Iterable[int]) -> None:
        """Protect more objects from eviction under a name of `Owners`."""
        rows = [(name, number) for number in numbers]
        if rows:
            with self.index.write() as db:
                db.executemany(
                    "INSERT OR IGNORE INTO pins SELECT ?, id FROM objects WHERE id = ?", rows
                )

    def total(self) -> int:
        """Return the size of all objects [bytes]."""
        with self.index.read() as db:
            return int(db.execute("SELECT coalesce(sum(bytes), 0) FROM objects").fetchone()[0])

    def rebuild(self) -> int:
        """Index every object that has a note but no entry, and return how many."""
        with self.index.read() as db:
            known = {row[0] for row in db.execute("SELECT sha256 FROM objects")}
        found = 0
        for sha256 in self.objects.all():
            notes = self.objects.notes(sha256)
            if sha256 not in known and notes and self.objects.sound(sha256):
                with self.index.write() as db:
                    size = self.objects.path(sha256).stat().st_size
                    number = _number(db, sha256, size)
                    for note in notes:
                        self._register_note(db, number, sha256, note)
                found += 1
        return found

    def _register_note(
        self, db: sqlite3.Connection, number: int, sha256: str, note: dict[str, Any]
    ) -> None:
        if note.get("kind") == "table":
            register_entry(db, number, str(note.get("key")), str(note.get("title", "")))
        elif note.get("kind") == "stars":
            with suppress(OSError, pa.ArrowException, KeyError):
                stars = pq.read_table(self.objects.path(sha256), columns=[STAR])[STAR].to_pylist()
                register_stars(db, number, str(note.get("scope")), stars)

    def _open(self) -> Index:
        path = self.folder / "index.sqlite"
        try:
            return Index(path)
        except IndexDamaged:
            pass
        with hold(self.locks / "rebuild.lock"):
            try:
                return Index(path)  # another kernel has done it
            except IndexDamaged:
                for end in ("", "-wal", "-shm"):
                    old = path.with_name(path.name + end)
                    if old.exists():
                        old.replace(old.with_name(f"damaged-{old.name}"))
            self.index = Index(path)
            self.rebuild()
            return self.index

    def _evict(self, keep: str) -> None:
        """Remove the least recently used objects until the cache is within its limit."""
        if self.total() <= self.limit_bytes:
            return
        with self.index.write() as db:
            owners = {row[0] for row in db.execute("SELECT DISTINCT owner FROM pins")}
            for owner in owners:
                if not self.owners.alive(owner):
                    db.execute("DELETE FROM pins WHERE owner = ?", (owner,))
            total = db.execute("SELECT coalesce(sum(bytes), 0) FROM objects").fetchone()[0]
            candidates = db.execute(
                "SELECT id, sha256, bytes FROM objects WHERE sha256 <> ? "
                "AND id NOT IN (SELECT object FROM pins) ORDER BY used, id",
                (keep,),
            ).fetchall()
            for number, sha256, size in candidates:
                if total <= self.limit_bytes:
                    break
                db.execute("DELETE FROM objects WHERE id = ?", (number,))
                self.objects.remove(sha256)
                total -= size


def register_entry(db: sqlite3.Connection, number: int, key: str, title: str) -> None:
    """Record which question an object answers."""
    db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, number, title))


def register_stars(
    db: sqlite3.Connection, number: int, scope: str, stars: Iterable[int | str]
) -> None:
    """Record the stars in the rows of an object; existing entries stay."""
    place = scope_number(db, scope)
    rows = [(place, star, number, row) for row, star in enumerate(stars)]
    db.executemany("INSERT OR IGNORE INTO stars VALUES (?, ?, ?, ?)", rows)
    gone = [(place, star) for _, star, _, _ in rows]
    db.executemany("DELETE FROM absent WHERE scope = ? AND star = ?", gone)


def scope_number(db: sqlite3.Connection, scope: str) -> int:
    """Return the number of a release's product, adding a new one."""
    db.execute("INSERT OR IGNORE INTO scopes(name) VALUES (?)", (scope,))
    return int(db.execute("SELECT id FROM scopes WHERE name = ?", (scope,)).fetchone()[0])


def _number(db: sqlite3.Connection, sha256: str, size: int) -> int:
    now = time.time()
    db.execute(
        "INSERT INTO objects(sha256, bytes, created, used) VALUES (?, ?, ?, ?) "
        "ON CONFLICT(sha256) DO UPDATE SET used = excluded.used",
        (sha256, size, now, now),
    )
    row = db.execute("SELECT id FROM objects WHERE sha256 = ?", (sha256,)).fetchone()
    return int(row[0])
