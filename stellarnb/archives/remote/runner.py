"""Queries through the cache: an answer that is stored is not asked for again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from stellarnb import __version__
from stellarnb.archives.adql.normalize import canonical, plain, top_of
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.uploads import Upload
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.jobs import SYNC_SECONDS, JobRunner, budget_for
from stellarnb.archives.surveys import Survey
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.tap.votable import Answer
from stellarnb.archives.transport.client import scrub_url
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import CacheMiss, InvalidInput, Truncated
from stellarnb.progress import Cancel
from stellarnb.tables import Result

__all__ = ["Paginate", "QueryRunner", "joined"]

#: Queries with a row limit up to this one run without a job.
SYNC_ROWS = 20_000
#: Returns the whole answer to a query of which a service sent only some rows, or None.
Paginate = Callable[
    [Query, Mapping[str, Upload], int, QueryOptions, Watch],
    Result | None,
]


class QueryRunner:
    """Ask one service, and keep its answers; `paginate` completes an answer with rows held back."""

    def __init__(
        self,
        survey: Survey,
        tap: TapService,
        store: Store | None,
        *,
        offline: bool,
        paginate: Paginate | None = None,
    ) -> None:
        self.survey = survey
        self.tap = tap
        self.store = store
        self.offline = offline
        self._paginate = paginate
        self._jobs = JobRunner(survey.name, store)
        #: Who is logged in: others may see other tables.
        self.user = ""

    def ask(self, query: Query, uploads: Mapping[str, Upload], options: QueryOptions) -> Result:
        """Return the whole answer, from the cache or from the service."""
        clock = self.tap.transport.clock
        if options.timeout is not None:
            ends = clock.now() + options.timeout
            sooner = ends if options.deadline is None else min(ends, options.deadline)
            options = replace(options, deadline=sooner)
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
        options: QueryOptions,
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
        """Return the cache key of an answer."""
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
        options: QueryOptions,
        watch: Watch,
    ) -> Result:
        rows = answer.table.num_rows
        if options.allow_truncated:
            return self.result(answer, query, uploads)
        whole = None
        divisible = options.maxrec is None and rows and plain(query.adql)
        if self._paginate is not None and divisible and not _about_tables(query):
            whole = self._paginate(query, uploads, rows, options, watch)
        if whole is None:
            raise Truncated(
                f"{self.survey.name} sent {rows:,} rows and held back others, so the table would "
                "be incomplete. Ask for fewer (WHERE, or TOP to say how many), raise maxrec=, or "
                "take what came with allow_truncated=True."
            )
        return whole

    def _fetch(
        self, key: Mapping[str, Any], query: Query, options: QueryOptions, watch: Watch
    ) -> tuple[Answer, str]:
        """Return the service's answer, and the address of the job that found it."""
        if self._by_job(query, options):
            return self._jobs.run(self.tap, key, query, options, watch)
        budget = budget_for(options, self.tap.transport, SYNC_SECONDS)
        return self.tap.sync(query, budget=budget, cancel=options.cancel, watch=watch), ""

    def _by_job(self, query: Query, options: QueryOptions) -> bool:
        if options.async_ and not self.survey.jobs:
            raise InvalidInput(f"{self.survey.name!r} has no jobs; leave async_ out.")
        if options.async_ is not None or not self.survey.jobs:
            return bool(options.async_)
        rows = min((n for n in (query.maxrec, top_of(query.adql)) if n is not None), default=None)
        return not _about_tables(query) and (rows is None or rows > SYNC_ROWS)


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
