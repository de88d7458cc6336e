"""The cache of archive answers: shared by kernels, resumable, verified.

In the folder of ``STELLARNB_CACHE``, ``sha256/aa/….parquet`` are the answers, named by their content
and never changed, each with a note of its provenance. ``index.sqlite`` maps questions to answers and
stars to spectra; it can be rebuilt from the notes.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stellarnb.archives.cache.core import Core, register_entry, without_secrets
from stellarnb.archives.cache.locks import hold
from stellarnb.archives.cache.spectra import StarShelf
from stellarnb.archives.cache.upkeep import Upkeep
from stellarnb.errors import CacheMiss, InvalidInput, Truncated
from stellarnb.progress import Cancel
from stellarnb.settings import settings
from stellarnb.tables import Result

__all__ = ["PendingJob", "Store"]

Key = Mapping[str, Any]


@dataclass(frozen=True)
class PendingJob:
    """A job of a TAP service (UWS)."""

    #: The question.
    key: dict[str, Any]
    #: Its address.
    url: str
    #: When it was sent off [s since 1970].
    created: float
    #: What else was kept.
    note: dict[str, Any]


class Store:
    """The cache."""

    def __init__(self, folder: str | Path | None = None, *, limit_bytes: int | None = None) -> None:
        known = settings()
        place = known.cache / "archives" if folder is None else Path(folder).expanduser()
        self.folder = place
        self._core = Core(place, known.cache_bytes if limit_bytes is None else limit_bytes)
        self.parts = self._core.objects.parts
        self.stars = StarShelf(self._core)
        self.upkeep = Upkeep(self._core)

    def __repr__(self) -> str:
        return f"<Store {self.folder}: {self._core.total() / 1e6:,.1f} MB>"

    def table(self, key: Key, *, offline: bool = False) -> Result | None:
        """Return the stored answer to a question, or None (`CacheMiss` if offline)."""
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
                f"Not in the cache {self.folder}, and offline: {text}. Run the query once while online, or "
                "unset STELLARNB_OFFLINE (offline=False)."
            )
        return None

    def keep_table(self, key: Key, result: Result) -> None:
        """Store a complete answer; raise `Truncated` for an incomplete one."""
        if result.truncated:
            raise Truncated("A truncated answer cannot be cached: it would look complete.")
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
        """Lock a question, so that two kernels or threads do not both send it."""
        name = hashlib.sha256(_text(key).encode()).hexdigest()[:32]
        return hold(self._core.locks / f"key-{name}.lock", cancel)

    def job(self, key: Key) -> PendingJob | None:
        """Return the job submitted for a question and not fetched yet, or None."""
        text = _text(key)
        return next((job for job in self.jobs() if _text(job.key) == text), None)

    def jobs(self) -> list[PendingJob]:
        """Return all jobs submitted and not fetched yet, the oldest first."""
        with self._core.index.read() as db:
            rows = db.execute(
                "SELECT key, url, created, note FROM jobs ORDER BY created"
            ).fetchall()
        return [
            PendingJob(json.loads(key), url, created, json.loads(note))
            for key, url, created, note in rows
        ]

    def keep_job(self, key: Key, url: str, note: Mapping[str, Any] | None = None) -> None:
        """Record the address of a job, so that a restarted kernel finds it."""
        more = without_secrets(json.dumps(dict(note or {}), default=str))
        with self._core.index.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)",
                (_text(key), without_secrets(url), time.time(), more),
            )

    def drop_job(self, key: Key) -> None:
        """Delete the record of a job."""
        with self._core.index.write() as db:
            db.execute("DELETE FROM jobs WHERE key = ?", (_text(key),))


def _text(key: Key) -> str:
    """Return a question as canonical JSON text."""
    try:
        text = json.dumps(dict(key), sort_keys=True, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"A key of the cache must be JSON: {error}.") from error
    return without_secrets(text)
