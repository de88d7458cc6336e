"""Jobs of a TAP service: sent off, awaited, and picked up again by the next kernel."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.cache.store import Store
from stellarnb.archives.tap.job import Expired, Job
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.tap.votable import Answer
from stellarnb.archives.transport.client import Budget, Transport, scrub_url
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import Interrupted, QueryError

__all__ = ["SYNC_SECONDS", "JobRunner", "budget_for"]

#: Seconds that an answer, or a job, may take if the caller sets no limit.
SYNC_SECONDS, JOB_SECONDS = 600.0, 7200.0


def budget_for(options: QueryOptions, transport: Transport, seconds: float) -> Budget:
    """Return the limits of one request: the caller's, or `seconds`, within the deadline."""
    given: Budget | None = options.budget
    known = given or replace(transport.budget, seconds=seconds)
    if options.deadline is None:
        return known
    left = max(0.0, options.deadline - transport.clock.now())
    return replace(known, seconds=left if given is None else min(left, known.seconds))


class JobRunner:
    """Run queries as jobs; `store` keeps their addresses until their answers are there."""

    def __init__(self, archive: str, store: Store | None) -> None:
        self.archive = archive
        self.store = store

    def run(
        self,
        tap: TapService,
        key: Mapping[str, Any],
        query: Query,
        options: QueryOptions,
        watch: Watch,
    ) -> tuple[Answer, str]:
        """Return a job's answer and the job's address."""
        job, fresh = self._submitted(tap, key, query, options)
        try:
            answer = self._awaited(job, tap, key, options, watch, fresh=fresh)
        except Expired:
            self._forget(key)
            if fresh:
                raise
            # A kernel of some days ago left it; its result is gone, so the query is sent again.
            job, _ = self._submitted(tap, key, query, options)
            answer = self._awaited(job, tap, key, options, watch, fresh=True)
        self._forget(key)
        job.delete()
        return answer, job.url

    def _submitted(
        self, tap: TapService, key: Mapping[str, Any], query: Query, options: QueryOptions
    ) -> tuple[Job, bool]:
        """Return the job that was sent off for this question before, or a new one."""
        known = None if self.store is None else self.store.job(key)
        if known is not None:
            return tap.attach(known.url), False
        budget = budget_for(options, tap.transport, SYNC_SECONDS)
        job = tap.submit(query, budget=budget, cancel=options.cancel)
        if self.store is not None:
            self.store.keep_job(key, job.url, {"archive": self.archive, "adql": query.adql})
        return job, True

    def _awaited(
        self,
        job: Job,
        tap: TapService,
        key: Mapping[str, Any],
        options: QueryOptions,
        watch: Watch,
        *,
        fresh: bool,
    ) -> Answer:
        clock, cancel = tap.transport.clock, options.cancel
        budget = budget_for(options, tap.transport, JOB_SECONDS)
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
                raise Interrupted(f"Stopped, and the job at {tap.host} too.") from stop
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
