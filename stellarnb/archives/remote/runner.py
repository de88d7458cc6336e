"""A query through cache, job and pieces: what is asked once is not asked again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stellarnb import __version__
from stellarnb.archives.adql.normalize import canonical, plain, top_of
from stellarnb.archives.base.uploads import Upload
from stellarnb.archives.cache.store import Store
from stellarnb.archives.surveys import Survey
from stellarnb.archives.tap.job import Expired, Job
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.tap.votable import Answer
from stellarnb.archives.transport.client import Budget, scrub_url
from stellarnb.archives.transport.progress import OnProgress, Watch
from stellarnb.errors import CacheMiss, Interrupted, InvalidInput, QueryError, Truncated
from stellarnb.progress import Cancel
from stellarnb.tables import Result

__all__ = ["Asker", "Options"]

#: Seconds that an answer, or a job, may take where nothing else is said.
SYNC_SECONDS, JOB_SECONDS = 600.0, 7200.0
#: As many rows are had without a job.
SYNC_ROWS = 20_000


@dataclass(frozen=True)
class Options:
    """How a query is asked; see `stellarnb.archives.remote.archive.RemoteArchive.query`."""

    async_: bool | None = None
    maxrec: int | None = None
    allow_truncated: bool = False
    refresh: bool = False
    timeout: float | None = None
    budget: Budget | None = None
    cancel: Cancel | None = None
    progress: bool | OnProgress = True
    deadline: float | None = None


class Asker:
    """Asks one service, and keeps its answers."""

    def __init__(self, survey: Survey, tap: TapService, store: Store | None, offline: bool) -> None:
        self.survey = survey
        self.tap = tap
        self.store = store
        self.offline = offline
        #: Who is logged in: others may see other tables.
        self.user = ""
        #: Finds out what the survey's columns are, if that is not known yet.
        self.learn: Callable[[], object] = lambda: None

    def ask(self, query: Query, uploads: Mapping[str, Upload], options: Options) -> Result:
        """Return the whole answer, from the cache or from the service."""
        clock = self.tap.transport.clock
        if options.timeout is not None:
            options = replace(options, deadline=clock.now() + options.timeout)
        with Watch(self.survey.name, options.progress, clock.now) as watch:
            return self.cached(
                query,
                uploads,
                options,
                watch,
                lambda answer: self._completed(query, uploads, answer, options, watch),
            )

    def cached(
        self,
        query: Query,
        uploads: Mapping[str, Upload],
        options: Options,
        watch: Watch,
        complete: Callable[[Answer], Result] | None = None,
    ) -> Result:
        """Return an answer, from the cache or from the service."""
        key = self.key(query, uploads)
        found = None if options.refresh and not self.offline else self._look(key)
        if found is not None:
            return found
        if self.offline:
            raise CacheMiss(
                f"{self.survey.name} cannot be asked offline, and there is no cache: "
                f"{json.dumps(key)}."
            )
        with self._locked(key, options.cancel):
            # While this one waited for the lock, another kernel may have asked the same.
            found = None if options.refresh else self._look(key)
            if found is not None:
                return found
            answer, job = self._fetch(key, query, options, watch)
            if answer.overflow and complete is not None:
                result = complete(answer)
            else:
                result = self.result(answer, query, uploads, job)
            if self.store is not None and not result.truncated:
                self.store.keep_table(key, result)
            return result

    def key(self, query: Query, uploads: Mapping[str, Upload]) -> dict[str, Any]:
        """Return under what the cache keeps an answer."""
        key: dict[str, Any] = {
            "service": scrub_url(self.tap.url),
            "release": self.survey.release,
            "adql": canonical(query.adql),
            "uploads": {name: upload.note["sha256"] for name, upload in uploads.items()},
            "maxrec": query.maxrec,
        }
        return key | ({"user": self.user} if self.user else {})

    def result(
        self,
        answer: Answer,
        query: Query,
        uploads: Mapping[str, Upload],
        job: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> Result:
        """Return an answer with its provenance."""
        notes = {k.removeprefix("tap_upload."): upload.note for k, upload in uploads.items()}
        provenance = {
            "archive": self.survey.name,
            "title": self.survey.title,
            "version": self.survey.release,
            "service": scrub_url(self.tap.url),
            "adql": query.adql,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": answer.table.num_rows,
            "overflow": answer.overflow,
            **({"maxrec": query.maxrec} if query.maxrec is not None else {}),
            **({"uploads": notes} if notes else {}),
            **({"job": scrub_url(job)} if job else {}),
            **(more or {}),
            "credits": list(self.survey.credits),
            "stellarnb": __version__,
        }
        return Result(
            answer.table,
            units=answer.units,
            descriptions=answer.descriptions,
            provenance=provenance,
            truncated=answer.overflow,
        )

    def _look(self, key: Mapping[str, Any]) -> Result | None:
        return None if self.store is None else self.store.table(key, offline=self.offline)

    def _locked(
        self, key: Mapping[str, Any], cancel: Cancel | None
    ) -> AbstractContextManager[None]:
        return nullcontext() if self.store is None else self.store.lock(key, cancel=cancel)

    def _completed(
        self,
        query: Query,
        uploads: Mapping[str, Upload],
        answer: Answer,
        options: Options,
        watch: Watch,
    ) -> Result:
        from stellarnb.archives.remote.pagination import in_pieces

        rows = answer.table.num_rows
        if options.allow_truncated:
            return self.result(answer, query, uploads)
        whole = None
        if options.maxrec is None and rows and plain(query.adql) and not _about_tables(query):
            self.learn()
            whole = in_pieces(self, query, uploads, rows, options, watch)
        if whole is None:
            raise Truncated(
                f"{self.survey.name} sent {rows:,} rows and held back others, so the table would "
                "be incomplete. Ask for fewer (WHERE, or TOP to say how many), raise maxrec=, or "
                "take what came with allow_truncated=True."
            )
        return whole

    def _fetch(
        self, key: Mapping[str, Any], query: Query, options: Options, watch: Watch
    ) -> tuple[Answer, str]:
        """Return the service's answer, and the address of the job that found it."""
        if self._by_job(query, options):
            return self._job(key, query, options, watch)
        budget = self._budget(options, SYNC_SECONDS)
        return self.tap.sync(query, budget=budget, cancel=options.cancel, watch=watch), ""

    def _by_job(self, query: Query, options: Options) -> bool:
        if options.async_ and not self.survey.jobs:
            raise InvalidInput(f"{self.survey.name!r} has no jobs; leave async_ out.")
        if options.async_ is not None or not self.survey.jobs:
            return bool(options.async_)
        rows = min((n for n in (query.maxrec, top_of(query.adql)) if n is not None), default=None)
        return not _about_tables(query) and (rows is None or rows > SYNC_ROWS)

    def _budget(self, options: Options, seconds: float) -> Budget:
        known = options.budget or self.tap.transport.budget
        if options.budget is None:
            known = replace(known, seconds=seconds)
        if options.deadline is not None:
            left = max(0.0, options.deadline - self.tap.transport.clock.now())
            known = replace(
                known, seconds=left if options.budget is None else min(left, known.seconds)
            )
        return known

    def _job(
        self, key: Mapping[str, Any], query: Query, options: Options, watch: Watch
    ) -> tuple[Answer, str]:
        job, fresh = self._submitted(key, query, options)
        try:
            answer = self._awaited(job, key, options, watch, fresh=fresh)
        except Expired:
            self._forget(key)
            if fresh:
                raise
            # A kernel of some days ago left it; what it found is gone, so it is asked anew.
            job, _ = self._submitted(key, query, options)
            answer = self._awaited(job, key, options, watch, fresh=True)
        self._forget(key)
        job.delete()
        return answer, job.url

    def _submitted(
        self, key: Mapping[str, Any], query: Query, options: Options
    ) -> tuple[Job, bool]:
        """Return the job that was sent off for this question before, or a new one."""
        known = None if self.store is None else self.store.job(key)
        if known is not None:
            return self.tap.attach(known.url), False
        budget = self._budget(options, SYNC_SECONDS)
        job = self.tap.submit(query, budget=budget, cancel=options.cancel)
        if self.store is not None:
            self.store.keep_job(key, job.url, {"archive": self.survey.name, "adql": query.adql})
        return job, True

    def _awaited(
        self, job: Job, key: Mapping[str, Any], options: Options, watch: Watch, *, fresh: bool
    ) -> Answer:
        clock, cancel = self.tap.transport.clock, options.cancel
        budget = self._budget(options, JOB_SECONDS)
        deadline = clock.now() + budget.seconds
        try:
            if fresh or job.state(cancel).phase == "PENDING":
                job.run(cancel)
            state = job.wait(deadline, watch, cancel)
            with self._part(key) as path:
                return job.fetch(state, path, budget=budget, cancel=cancel, watch=watch)
        except QueryError:
            self._forget(key)
            job.delete()
            raise
        except Interrupted:
            self._stop(job, key)
            raise
        except KeyboardInterrupt as stop:
            if self.store is None:
                self._stop(job, key)
                raise Interrupted(f"Stopped, and the job at {self.tap.host} too.") from stop
            raise Interrupted(
                f"Stopped waiting. The job goes on at {scrub_url(job.url)}; the same query picks "
                "it up again."
            ) from stop

    def _stop(self, job: Job, key: Mapping[str, Any]) -> None:
        job.abort()
        job.delete()
        self._forget(key)

    def _forget(self, key: Mapping[str, Any]) -> None:
        if self.store is not None:
            self.store.drop_job(key)

    @contextmanager
    def _part(self, key: Mapping[str, Any]) -> Iterator[Path]:
        """Give a file for bytes on their way, which the next kernel finds again."""
        if self.store is not None:
            name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
            yield self.store.parts / f"{name}.vot"
            return
        with tempfile.TemporaryDirectory(prefix="stellarnb-") as folder:
            yield Path(folder) / "answer.vot"


def _about_tables(query: Query) -> bool:
    return "tap_schema." in query.adql.lower()


def joined(parts: Sequence[Result]) -> Answer:
    """Return several answers as one."""
    import pyarrow as pa

    tables = [part.arrow for part in parts]
    return Answer(
        pa.concat_tables(tables, promote_options="default"),
        parts[0].units,
        parts[0].descriptions,
        any(part.truncated for part in parts),
    )
