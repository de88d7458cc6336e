"""Look after a cache: list what it holds, verify its files, clear it."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from stellarnb.archives.cache.core import Core
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table

__all__ = ["Upkeep", "Verified"]

_LIST = """
SELECT 'table', title, bytes, 1, objects.created, used, sha256
FROM entries JOIN objects ON objects.id = entries.object
UNION ALL
SELECT 'spectra', name, bytes, count(*), objects.created, used, sha256
FROM stars JOIN objects ON objects.id = stars.object JOIN scopes ON scopes.id = stars.scope
GROUP BY objects.id, scope
ORDER BY 6 DESC
"""


@dataclass(frozen=True)
class Verified:
    """The result of verifying the cache."""

    #: Number of files read.
    checked: int
    #: sha256 of files whose content did not match; they were removed, and are fetched
    #: again when they are needed.
    damaged: tuple[str, ...]
    #: sha256 of files in the index but not on the disk; their entries were removed.
    gone: tuple[str, ...]
    #: Number of complete files added to the index.
    adopted: int
    #: Number of files without a note, which were removed.
    stray: int

    @property
    def sound(self) -> bool:
        """Whether no file was damaged or missing."""
        return not (self.damaged or self.gone)


class Upkeep:
    """Lists, checks and clears what a cache holds."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def bytes(self) -> int:
        """Size of the cache [bytes]."""
        return self._core.total()

    @property
    def limit_bytes(self) -> int:
        """Size limit of the cache [bytes]."""
        return self._core.limit_bytes

    def list(self) -> Table:
        """Return a table of the cache's content, the last used first."""
        with self._core.index.read() as db:
            rows = db.execute(_LIST).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * 7
        names = ("kind", "what", "bytes", "stars", "stored", "used", "sha256")
        table = dict(zip(names, map(list, columns), strict=True))
        for name in ("stored", "used"):
            table[name] = [
                datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in table[name]
            ]
        return Table(table, units={"bytes": "byte"}, provenance={"cache": str(self._core.folder)})

    def verify(self) -> Verified:
        """Compare every file with its sha256, and remove damaged ones."""
        core = self._core
        core.objects.forget_checks()
        damaged: list[str] = []
        on_disk = list(core.objects.all())
        for sha256 in on_disk:
            if not core.objects.sound(sha256) and core.objects.path(sha256).exists():
                damaged.append(sha256)
                core.drop_damaged(sha256)
        adopted = core.rebuild()
        with core.index.read() as db:
            known = {row[0] for row in db.execute("SELECT sha256 FROM objects")}
        gone = sorted(sha256 for sha256 in known if not core.objects.path(sha256).exists())
        for sha256 in gone:
            core.drop_damaged(sha256)
        stray = [s for s in on_disk if s not in known and core.objects.path(s).exists()]
        for sha256 in stray:
            core.objects.remove(sha256)
        return Verified(len(on_disk), tuple(damaged), tuple(gone), adopted, len(stray))

    def clear(self, what: str | None = None, *, older_than_days: float | None = None) -> int:
        """Delete the cache, or a part of it, and return the bytes freed."""
        if older_than_days is not None and not older_than_days >= 0:
            raise InvalidInput(f"older_than_days is {older_than_days}; expected 0 or more days.")
        core = self._core
        limit = time.time() - (older_than_days or 0.0) * 86400 + (older_than_days is None)
        some, values = self._selected(what)
        freed = 0
        with core.index.read() as db:
            scopes = [row[0] for row in db.execute("SELECT name FROM scopes ORDER BY name")]
        if values and what not in scopes:
            known = ", ".join(["tables", "spectra", *scopes])
            raise InvalidInput(f"The cache has no {what!r}. Expected one of: {known}.")
        with core.index.write() as db:
            rows = db.execute(
                f"SELECT id, sha256, bytes FROM objects WHERE used <= ? AND {some}",  # noqa: S608 - from _selected
                (limit, *values),
            ).fetchall()
            for number, sha256, size in rows:
                db.execute("DELETE FROM objects WHERE id = ?", (number,))
                core.objects.remove(sha256)
                freed += size
            if older_than_days is None:
                self._forget(db, what, values)
        if what is None and older_than_days is None:
            # What another kernel is writing right now is younger.
            core.objects.sweep(600.0)
        return freed

    @staticmethod
    def _selected(what: str | None) -> tuple[str, tuple[str, ...]]:
        """Return the SQL condition and values that select objects."""
        if what is None:
            return "1", ()
        if what == "tables":
            return "id IN (SELECT object FROM entries)", ()
        if what == "spectra":
            return "id IN (SELECT object FROM stars)", ()
        scope = "id IN (SELECT object FROM stars JOIN scopes ON scopes.id = scope WHERE name = ?)"
        return scope, (what,)

    @staticmethod
    def _forget(db: sqlite3.Connection, what: str | None, values: tuple[str, ...]) -> None:
        """Delete records of absent spectra; if everything is cleared, of jobs too."""
        if what is None:
            db.execute("DELETE FROM jobs")
        if what in {None, "spectra"}:
            db.execute("DELETE FROM absent")
        elif values:
            db.execute(
                "DELETE FROM absent WHERE scope = (SELECT id FROM scopes WHERE name = ?)", values
            )
