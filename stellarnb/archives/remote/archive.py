"""Archives that are asked over the network: one interface for every TAP service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stellarnb.archives.adql.normalize import checked
from stellarnb.archives.base.archive import Archive, Capabilities
from stellarnb.archives.base.conditions import check_limit
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.positions import as_radius
from stellarnb.archives.base.uploads import Upload, read_uploads
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.names import resolve
from stellarnb.archives.remote.pagination import paginated
from stellarnb.archives.remote.queries import StarQueries
from stellarnb.archives.remote.runner import QueryRunner
from stellarnb.archives.remote.schema import column_table, read_columns, read_tables
from stellarnb.archives.remote.spectra import SpectraFinder
from stellarnb.archives.surveys import Survey
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.transport.client import Transport
from stellarnb.archives.transport.progress import Watch
from stellarnb.errors import CacheMiss, InvalidInput
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result, Table

__all__ = ["RemoteArchive"]


class RemoteArchive(Archive):
    """A survey's archive, a VizieR catalogue, or any TAP service.

    Parameters
    ----------
    survey : Survey
        What is known of it.
    offline : bool, optional
        Answer from the cache alone; if omitted, ``STELLARNB_OFFLINE``.
    cache : bool, optional
        Keep what the archive answers.
    store : Store, optional
        The cache; if omitted, that of ``STELLARNB_CACHE``.
    transport : Transport, optional
        Carries the bytes.

    Attributes
    ----------
    name, title, version, release : str
        What it is; `version` and `release` are the same.
    survey : Survey
        What the registry knows of it.
    """

    def __init__(
        self,
        survey: Survey,
        *,
        offline: bool | None = None,
        cache: bool = True,
        store: Store | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.survey = survey
        self.name, self.title, self.release = survey.name, survey.title, survey.release
        self.version, self.credits = survey.release, survey.credits
        self._transport = transport or Transport(offline=offline)
        self.offline = self._transport.offline
        self._store = store if store is not None or not cache else Store()
        tap = TapService(survey.url, self._transport, survey.format)
        self._runner = QueryRunner(
            survey, tap, self._store, offline=self.offline, paginate=self._paginate
        )
        self._queries = StarQueries(self._runner)
        self._finder = SpectraFinder(self._runner, self._queries)

    def __repr__(self) -> str:
        where = " offline," if self.offline else ""
        return f"<RemoteArchive {self.name!r}:{where} {self.title}, {self._runner.tap.host}>"

    @property
    def capabilities(self) -> Capabilities:
        """What the archive can do; nothing is asked of the network."""
        survey = self.survey
        return Capabilities(
            remote=True,
            offline=self.offline,
            cached=self._store is not None,
            counts=False,
            uploads=survey.uploads,
            crossmatch=survey.uploads,
            spectra=bool(self.products),
            names=True,
            shared_names=True,
            jobs=survey.jobs,
            truncates=True,
            login=bool(survey.login),
            interrupts=True,
        )

    def login(self, user: str | None = None) -> None:
        """Log in to see your own tables and products; you are asked for the password.

        astroquery asks for it and sends it to the archive. Neither the password nor the session
        is shown, written or kept longer than this object lives.

        Parameters
        ----------
        user : str, optional
            The user name; if omitted, it is asked for.

        Raises
        ------
        InvalidInput
            If the archive has no login, or the password is wrong.
        ArchiveDown
            If the archive cannot be reached.
        CacheMiss
            While offline.
        """
        if self.survey.login != "gaia":
            raise InvalidInput(f"{self.name!r} does not support login.")
        if self._runner.offline:
            raise CacheMiss(
                f"{self.name!r} is offline, so login is impossible. Open it with offline=False."
            )
        from stellarnb.archives.transport.login import gaia_session

        for cookie in gaia_session(self.survey.url, self.survey.data, user):
            self._runner.tap.transport.use(cookie)
            # Users may see different tables, so each has a separate cache.
            self._runner.user = hashlib.sha256((user or cookie.value).encode()).hexdigest()

    def logout(self) -> None:
        """Log out and forget the session."""
        self._runner.tap.transport.forget()
        self._runner.user = ""

    def stars(
        self,
        *,
        ids: Any = None,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        where: str = "",
        good: bool = False,
        maxrec: int | None = None,
        allow_truncated: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        progress: bool | Callable[[Any], None] = True,
        how: Mapping[str, Any] | None = None,
        **conditions: Any,
    ) -> Result:
        """Return the stars that meet some conditions; see `Archive.stars`.

        Parameters
        ----------
        good : bool, optional
            Only rows within the cut that the survey recommends.
        **conditions
            See `Archive.stars`, also for all other keywords.
        """
        return super().stars(
            ids=ids,
            table=table,
            columns=columns,
            limit=limit,
            where=where,
            maxrec=maxrec,
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            deadline=deadline,
            cancel=cancel,
            progress=progress,
            how=how,
            good=good,
            **conditions,
        )

    def tables(self, *, refresh: bool = False) -> Table:
        """Return the service's tables, or the catalogue's: ``name, type, description``."""
        return read_tables(self._runner, self.survey.catalogue, refresh=refresh)

    def columns(self, table: str | None = None, *, refresh: bool = False) -> Table:
        """Return the columns of a table: ``name, type, unit, description``."""
        names = [table] if table else [part.name for part in self._queries.known().every.parts]
        listed = read_columns(self._runner, names, refresh=refresh)
        if not listed:
            raise InvalidInput(
                f"{self.name!r} lists no table {table or 'at all'!r}; tables() shows what there is."
            )
        return column_table(listed.values(), with_table=table is None)

    @property
    def label_columns(self) -> dict[str, str]:
        """What each shared name is in the survey: ``{"teff": "p.teff_gspspec", …}``."""
        survey = self._queries.known().survey
        return {label: survey.place(label) for label in survey.columns}

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products, the usual one first."""
        return self._finder.products

    def check(self) -> Table:
        """Compare the registry's tables and columns with the service, which is asked again."""
        from stellarnb.archives.remote.check import check_survey

        return check_survey(self.survey, self._runner)

    def _paginate(
        self,
        query: Query,
        uploads: Mapping[str, Upload],
        rows: int,
        options: QueryOptions,
        watch: Watch,
    ) -> Result | None:
        self._queries.known()  # the survey's columns tell how to split the query
        return paginated(self._runner, query, uploads, rows, options, watch)

    def _query(self, adql: str, upload: Mapping[str, Any] | None, options: QueryOptions) -> Result:
        text = checked(adql)
        uploads = read_uploads(upload)
        if uploads and not self.survey.uploads:
            raise InvalidInput(f"{self.name!r} takes no tables. Use stars(ids=…), or match here.")
        rows = {key.removeprefix("tap_upload."): entry.rows for key, entry in uploads.items()}
        return self._runner.ask(Query(text, options.maxrec, rows), uploads, options)

    def _cone(
        self,
        center: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        options: QueryOptions,
    ) -> Result:
        size = as_radius(radius)
        rows = None if limit is None else check_limit(limit)
        ra, dec = resolve(center, self._store, offline=self.offline)
        return self._queries.cone(ra, dec, size, table, columns, rows, options)

    def _select(
        self,
        ids: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        where: str,
        conditions: Mapping[str, Any],
        options: QueryOptions,
    ) -> Result:
        wanted = None if ids is None else ids_of(ids)
        rows = None if limit is None else check_limit(limit)
        if rows is not None and options.maxrec is not None and options.maxrec >= rows:
            options = replace(options, maxrec=rows + 1)  # one row more tells that there are more
        told = dict(conditions)
        good = bool(told.pop("good", False))
        return self._queries.stars(wanted, table, columns, rows, where, told, options, good=good)

    def _match(
        self,
        stars: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        keep: str,
        options: QueryOptions,
    ) -> Result:
        size = as_radius(radius, "arcsec")
        if not self.survey.uploads:
            raise InvalidInput(
                f"{self.name!r} takes no tables, so it cannot match positions. "
                "Fetch stars with cone() or stars(), and match them on this machine."
            )
        return self._queries.crossmatch(stars, size, table, columns, keep, options)

    def _fetch(
        self, stars: Any, product: str | None, options: QueryOptions, *, strict: bool
    ) -> SpectrumSet:
        return self._finder.of(stars, product, strict=strict, options=options)
