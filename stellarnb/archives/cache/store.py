"""The cache of what archives answered: safe under several kernels, resumable, checked.

Under the folder of ``STELLARNB_CACHE``: ``sha256/aa/….parquet`` are the answers, named after their
content and never changed, a note with the provenance beside each; ``index.sqlite`` says which
answer belongs to which question, and where each star's spectrum is. What the index lost is found
again from the notes.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stellarnb.archives.cache.core import Core, register_entry, without_secrets
from stellarnb.archives.cache.locks import hold
from stellarnb.archives.cache.spectra import Found, StarShelf
from stellarnb.errors import CacheMiss, InvalidInput, Truncated
from stellarnb.progress import Cancel
from stellarnb.settings import settings
from stellarnb.tables import Result, Table

__all__ = ["Found", "Job", "Store", "Upkeep", "Verified"]

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
    """What a check of the cache found.

    Attributes
    ----------
    checked : int
        Files that were read through.
    damaged : tuple of str
        sha256 of those that were not what their names say; they were removed, and are fetched
        again when they are needed.
    gone : tuple of str
        sha256 of those that were in the index and not on the disk; forgotten.
    adopted : int
        Whole files that the index did not know, and now does.
    stray : int
        Files without a note, which were removed.
    """

    checked: int
    damaged: tuple[str, ...]
    gone: tuple[str, ...]
    adopted: int
    stray: int

    @property
    def sound(self) -> bool:
        """Whether nothing was damaged or gone."""
        return not (self.damaged or self.gone)


class Upkeep:
    """The part of `stellarnb.archives.cache.store.Store` that looks after the cache."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def bytes(self) -> int:
        """How much the cache holds."""
        return self._core.total()

    @property
    def limit_bytes(self) -> int:
        """How much it may hold."""
        return self._core.limit_bytes

    def list(self) -> Table:
        """Return what is in the cache, the last used first.

        Returns
        -------
        Table
            ``kind`` (table or spectra), ``what`` (the query, or release and product), ``bytes``
            of the file, ``stars`` (1 for a table), ``stored`` and ``used`` (UTC), ``sha256``.
        """
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
        """Read every file through and compare it with its sha256.

        Returns
        -------
        Verified
            Damaged files were removed; what uses them is fetched again when it is needed.
        """
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
        """Empty the cache, or part of it.

        Parameters
        ----------
        what : str, optional
            ``tables``, ``spectra``, or a release and product as `list` names it, such as
            ``gaiadr3/rvs``; everything where not given.
        older_than_days : float, optional
            Only what was not used for so long.

        Returns
        -------
        int
            Bytes that were freed.

        Raises
        ------
        InvalidInput
            If nothing is called so, or for a negative age.
        """
        if older_than_days is not None and not older_than_days >= 0:
            raise InvalidInput(f"older_than_days is {older_than_days}; it cannot be negative.")
        core = self._core
        limit = time.time() - (older_than_days or 0.0) * 86400 + (older_than_days is None)
        some, values = self._selected(what)
        freed = 0
        with core.index.read() as db:
            scopes = [row[0] for row in db.execute("SELECT name FROM scopes ORDER BY name")]
        if values and what not in scopes:
            known = ", ".join(["tables", "spectra", *scopes])
            raise InvalidInput(f"The cache has no {what!r}; there are: {known}.")
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
        """Return which objects are meant, as SQL and its values."""
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
        """Forget what is known to be absent; for everything, jobs too."""
        if what is None:
            db.execute("DELETE FROM jobs")
        if what in {None, "spectra"}:
            db.execute("DELETE FROM absent")
        elif values:
            db.execute(
                "DELETE FROM absent WHERE scope = (SELECT id FROM scopes WHERE name = ?)", values
            )


Key = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A query that runs at an archive.

    Attributes
    ----------
    key : dict
        The question.
    url : str
        Its address.
    created : float
        When it was sent off [s since 1970].
    note : dict
        What else was kept.
    """

    key: dict[str, Any]
    url: str
    created: float
    note: dict[str, Any]


class Store(Upkeep):
    """The cache.

    Parameters
    ----------
    folder : path-like, optional
        Where it is; ``archives`` in the folder of ``STELLARNB_CACHE`` where not given.
    limit_bytes : int, optional
        How much it may hold (``STELLARNB_CACHE_GB``); what was not used for longest goes first.

    Attributes
    ----------
    stars : StarShelf
        The spectra, star by star.
    parts : pathlib.Path
        A folder for downloads that may be resumed; files there are removed a day after they
        were last written to.

    Raises
    ------
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> store = Store()  # doctest: +SKIP
    >>> key = {"service": "gaia", "release": "dr3", "adql": "SELECT ...", "maxrec": 2000}
    >>> with store.lock(key):  # doctest: +SKIP
    ...     result = store.table(key)
    ...     if result is None:
    ...         result = fetch()
    ...         store.keep_table(key, result)
    """

    def __init__(self, folder: str | Path | None = None, *, limit_bytes: int | None = None) -> None:
        known = settings()
        place = known.cache / "archives" if folder is None else Path(folder).expanduser()
        super().__init__(Core(place, known.cache_bytes if limit_bytes is None else limit_bytes))
        self.folder = place
        self.parts = self._core.objects.parts
        self.stars = StarShelf(self._core)

    def __repr__(self) -> str:
        return f"<Store {self.folder}: {self._core.total() / 1e6:,.1f} MB>"

    def table(self, key: Key, *, offline: bool = False) -> Result | None:
        """Return the answer to a question, if it is here and undamaged.

        Parameters
        ----------
        key : mapping
            The question: service, release, canonical ADQL, hash of uploads, row limit.
        offline : bool, optional
            Raise instead of returning None.

        Returns
        -------
        Result or None
            Its provenance is that which it was stored with.

        Raises
        ------
        CacheMiss
            With ``offline=True``, if it is not here; names the question.
        """
        text = _text(key)
        with self._core.index.read() as db:
            row = db.execute(
                "SELECT id, sha256 FROM entries JOIN objects ON objects.id = entries.object "
                "WHERE key = ?",
                (text,),
            ).fetchone()
        if row is not None:
            if self._core.objects.sound(row[1]):
                result = Result.read(self._core.objects.path(row[1]))
                self._core.used([row[0]])
                return result
            self._core.drop_damaged(row[1])
        if offline:
            raise CacheMiss(
                f"Not in the cache {self.folder}, and offline: {text}. Ask once while online, or "
                "unset STELLARNB_OFFLINE (offline=False)."
            )
        return None

    def keep_table(self, key: Key, result: Result) -> None:
        """Store an answer: whole and on the disk, or not at all.

        Parameters
        ----------
        key : mapping
            The question; JSON.
        result : Result
            The whole answer; its provenance says service, query and time.

        Raises
        ------
        Truncated
            If the archive held back rows: half an answer is none.
        OutputError
            If it cannot be written.
        """
        if result.truncated:
            raise Truncated("A truncated answer is not cached: it would pass for a whole one.")
        text = _text(key)
        title = without_secrets(str(key.get("adql") or key.get("title") or text))[:500]
        clean = Result(
            result,
            units=result.units,
            descriptions=result.descriptions,
            provenance=json.loads(without_secrets(json.dumps(result.provenance, default=str))),
        )
        self._core.add(
            lambda path: pq.write_table(clean.to_arrow(), path),
            {
                "kind": "table",
                "key": text,
                "title": title,
                "overflow": result.truncated,
                "provenance": clean.provenance,
            },
            lambda db, number: register_entry(db, number, text, title),
        )

    def lock(self, key: Key, *, cancel: Cancel | None = None) -> AbstractContextManager[None]:
        """Hold the lock of a question, so that two kernels or threads don't both ask it.

        Parameters
        ----------
        key : mapping
            The question.
        cancel : Cancel, optional
            Ends the waiting with `stellarnb.errors.Interrupted`.
        """
        name = hashlib.sha256(_text(key).encode()).hexdigest()[:32]
        return hold(self._core.locks / f"key-{name}.lock", cancel)

    def job(self, key: Key) -> Job | None:
        """Return the job that a kernel sent off for a question and has not fetched yet."""
        text = _text(key)
        return next((job for job in self.jobs() if _text(job.key) == text), None)

    def jobs(self) -> list[Job]:
        """Return all jobs that were sent off and not fetched yet, the oldest first."""
        with self._core.index.read() as db:
            rows = db.execute(
                "SELECT key, url, created, note FROM jobs ORDER BY created"
            ).fetchall()
        return [
            Job(json.loads(key), url, created, json.loads(note)) for key, url, created, note in rows
        ]

    def keep_job(self, key: Key, url: str, note: Mapping[str, Any] | None = None) -> None:
        """Note the address of a job, so that a restarted kernel finds it again.

        Parameters
        ----------
        key : mapping
            The question.
        url : str
            Address of the job; a password in it is left out.
        note : mapping, optional
            What else to keep; JSON.
        """
        more = without_secrets(json.dumps(dict(note or {}), default=str))
        with self._core.index.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)",
                (_text(key), without_secrets(url), time.time(), more),
            )

    def drop_job(self, key: Key) -> None:
        """Forget a job that was fetched, aborted or has expired."""
        with self._core.index.write() as db:
            db.execute("DELETE FROM jobs WHERE key = ?", (_text(key),))


def _text(key: Key) -> str:
    """Return a question as text that is the same for the same question."""
    try:
        text = json.dumps(dict(key), sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"A key of the cache must be JSON: {error}.") from error
    return without_secrets(text)
