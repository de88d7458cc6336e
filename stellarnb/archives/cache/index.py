"""The index of the cache: one SQLite file that several kernels share."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stellarnb.errors import OutputError

__all__ = ["Index", "IndexDamaged"]

#: Seconds to wait while another kernel writes.
BUSY_SECONDS = 60.0
#: What the tables below are called; another number means another layout.
LAYOUT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS objects(
    id INTEGER PRIMARY KEY, sha256 TEXT UNIQUE NOT NULL, bytes INTEGER NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS entries(
    key TEXT PRIMARY KEY, object INTEGER NOT NULL REFERENCES objects(id) ON DELETE CASCADE,
    title TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS entries_object ON entries(object);
CREATE TABLE IF NOT EXISTS scopes(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS stars(
    scope INTEGER NOT NULL, star NOT NULL,
    object INTEGER NOT NULL REFERENCES objects(id) ON DELETE CASCADE, row INTEGER NOT NULL,
    PRIMARY KEY(scope, star)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stars_object ON stars(object);
CREATE TABLE IF NOT EXISTS absent(
    scope INTEGER NOT NULL, star NOT NULL, until REAL NOT NULL,
    PRIMARY KEY(scope, star)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims(
    scope INTEGER NOT NULL, star NOT NULL, owner TEXT NOT NULL, since REAL NOT NULL,
    PRIMARY KEY(scope, star)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins(
    owner TEXT NOT NULL, object INTEGER NOT NULL REFERENCES objects(id) ON DELETE CASCADE,
    PRIMARY KEY(owner, object)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs(
    key TEXT PRIMARY KEY, url TEXT NOT NULL, created REAL NOT NULL, note TEXT NOT NULL);
"""


class IndexDamaged(OutputError):
    """The index cannot be read; it is rebuilt when the cache is opened again."""


class Index:
    """The SQLite index, with one connection per thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        try:
            with self.write() as db:
                _make(db)
        except sqlite3.DatabaseError as error:
            raise self._judged(error) from error

    def close(self) -> None:
        """Close this thread's connection; the next query opens another."""
        known: tuple[int, sqlite3.Connection] | None = getattr(self._local, "known", None)
        self._local.known = None
        if known is not None and known[0] == os.getpid():
            known[1].close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading; each statement sees the current index."""
        try:
            yield self._connect()
        except sqlite3.DatabaseError as error:
            raise self._judged(error) from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in an exclusive transaction; an error rolls it back."""
        try:
            db = self._connect()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._judged(error) from error

    def _connect(self) -> sqlite3.Connection:
        # A connection must not be carried over a fork.
        known: tuple[int, sqlite3.Connection] | None = getattr(self._local, "known", None)
        if known is not None and known[0] == os.getpid():
            return known[1]
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        # Survives a killed process; a power cut may lose the last entries, never the order.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._local.known = (os.getpid(), connection)
        return connection

    def _judged(self, error: sqlite3.DatabaseError) -> Exception:
        text = str(error)
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in text:
            return OutputError(
                f"The cache's index {self.path} cannot be used: {text}. Make room or rights in that "
                "folder, or set STELLARNB_CACHE to another one."
            )
        return IndexDamaged(
            f"The cache's index {self.path} is damaged ({text}). Open the archive again: the index "
            "is built anew from the files in the cache."
        )


def _make(db: sqlite3.Connection) -> None:
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    if layout not in (0, LAYOUT):
        raise sqlite3.DatabaseError(f"its layout is {layout}, not {LAYOUT}")
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {LAYOUT}")
