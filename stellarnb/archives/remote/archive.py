"""Archives that are asked over the network: one interface for every TAP service."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from stellarnb.archives.adql.normalize import checked
from stellarnb.archives.base.conditions import check_limit
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.archives.base.positions import as_radius
from stellarnb.archives.base.uploads import read_uploads
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.names import resolve
from stellarnb.archives.remote.queries import Stars
from stellarnb.archives.remote.runner import Asker, Options
from stellarnb.archives.remote.schema import column_table, read_columns, read_tables
from stellarnb.archives.remote.spectra import Spectra
from stellarnb.archives.surveys import Survey
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.archives.transport.client import Budget, Transport
from stellarnb.archives.transport.progress import OnProgress
from stellarnb.errors import CacheMiss, InvalidInput
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result, Table

__all__ = ["RemoteArchive", "RemoteDescribed"]


class RemoteDescribed:
    """The part of `stellarnb.archives.remote.archive.RemoteArchive` that is no query.

    Attributes
    ----------
    name : str
        The archive's.
    survey : Survey
        What is known of it.
    """

    name: str
    survey: Survey
    _asker: Asker
    _stars: Stars

    def login(self, user: str | None = None) -> None:
        """Log in, to see tables and products of one's own; the password is asked for.

        astroquery asks for it and sends it to the archive. Neither the password nor the session
        is shown, written or kept longer than this object lives.

        Parameters
        ----------
        user : str, optional
            Who; asked for where not given.

        Raises
        ------
        InvalidInput
            If nobody can log in here, or the password is wrong.
        ArchiveDown
            If the archive cannot be reached.
        CacheMiss
            While offline.
        """
        if self.survey.login != "gaia":
            raise InvalidInput(f"{self.name!r} has no login here.")
        if self._asker.offline:
            raise CacheMiss(f"{self.name!r} is offline, so nobody can log in.")
        from stellarnb.archives.transport.login import gaia_session

        for cookie in gaia_session(self.survey.url, self.survey.data, user):
            self._asker.tap.transport.use(cookie)
            # Others may see other tables, so a user has a cache of his or her own.
            self._asker.user = hashlib.sha256((user or cookie.value).encode()).hexdigest()

    def logout(self) -> None:
        """Forget the session."""
        self._asker.tap.transport.forget()
        self._asker.user = ""

    def tables(self, *, refresh: bool = False) -> Table:
        """Return the service's tables, or the catalogue's: ``name, type, description``."""
        return read_tables(self._asker, self.survey.catalogue, refresh=refresh)

    def columns(self, table: str | None = None, *, refresh: bool = False) -> Table:
        """Return what the columns of a table are: ``name, type, unit, description``.

        Parameters
        ----------
        table : str, optional
            Its name; where not given, the columns of the survey's tables, with ``table`` before
            the name.
        refresh : bool, optional
            Ask the service, whatever the cache has.

        Raises
        ------
        InvalidInput
            If the service lists no such table.
        """
        names = [table] if table else [part.name for part in self._stars.known().every.parts]
        listed = read_columns(self._asker, names, refresh=refresh)
        if not listed:
            raise InvalidInput(
                f"{self.name!r} lists no table {table or 'at all'!r}; tables() shows what there is."
            )
        return column_table(listed.values(), with_table=table is None)

    @property
    def label_columns(self) -> dict[str, str]:
        """What each shared name is in the survey: ``{"teff": "p.teff_gspspec", …}``."""
        survey = self._stars.known().survey
        return {label: survey.place(label) for label in survey.columns}

    def check(self) -> Table:
        """Compare what is known here of the survey with the service, which is asked anew.

        Returns
        -------
        Table
            ``what, check, ok, note``, a row a table and a column. Nothing is changed by it.
        """
        from stellarnb.archives.remote.check import check_survey

        return check_survey(self.survey, self._asker)

    def cite(self) -> str:
        """Return the credit lines that belong to the archive's data, one a line."""
        return "\n".join(self.survey.credits)


class RemoteArchive(RemoteDescribed):
    """A survey's archive, a VizieR catalogue, or any TAP service.

    Parameters
    ----------
    survey : Survey
        What is known of it.
    offline : bool, optional
        Answer from the cache alone; ``STELLARNB_OFFLINE`` where not given.
    cache : bool, optional
        Keep what the archive answers.
    store : Store, optional
        The cache; that of ``STELLARNB_CACHE`` where not given.
    transport : Transport, optional
        Carries the bytes.

    Attributes
    ----------
    name, title, release : str
        What it is.
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
        self._transport = transport or Transport(offline=offline)
        self.offline = self._transport.offline
        self._store = store if store is not None or not cache else Store()
        tap = TapService(survey.url, self._transport, survey.format)
        self._asker = Asker(survey, tap, self._store, self.offline)
        self._stars = Stars(self._asker)
        self._spectra = Spectra(self._asker, self._stars)

    def __repr__(self) -> str:
        where = " offline," if self.offline else ""
        return f"<RemoteArchive {self.name!r}:{where} {self.title}, {self._asker.tap.host}>"

    def query(
        self,
        adql: str,
        upload: Mapping[str, Any] | None = None,
        *,
        async_: bool | None = None,
        maxrec: int | None = None,
        allow_truncated: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
        budget: Budget | None = None,
        cancel: Cancel | None = None,
        progress: bool | OnProgress = True,
    ) -> Result:
        """Ask the archive in ADQL.

        What was answered is kept and not asked for again. A long query runs as a job, which a
        restarted kernel picks up by asking the same. If a service sends only some of the rows,
        the query is cut into ranges of source_id, where that can be done; where not, it raises.

        Parameters
        ----------
        adql : str
            One SELECT, in the service's own names.
        upload : mapping of str to table, optional
            Tables of any kind to send along; in the query they are ``tap_upload.NAME``.
        async_ : bool, optional
            Whether as a job; where not given, small queries (``TOP`` up to 20,000) are not.
        maxrec : int, optional
            Row limit; more rows raise `Truncated`.
        allow_truncated : bool, optional
            Take what came, with ``.truncated`` set, if rows were held back; it is not kept.
        refresh : bool, optional
            Ask again, whatever the cache has.
        timeout : float, optional
            Seconds that it may take in all: 600 for an answer, 7200 for a job where not given. A
            job goes on after that.
        budget : Budget, optional
            Limits of bytes and of silence.
        cancel : Cancel, optional
            Stops it, and the job.
        progress : bool or callable, optional
            Whether to show what is going on once it takes long, or a function that is told.

        Returns
        -------
        Result
            Names in lower case, each once, with units and descriptions.

        Raises
        ------
        QueryError
            If the archive refuses the query.
        Truncated
            If it held back rows.
        ArchiveDown
            If it cannot be reached, fails, or is too slow.
        TooLarge
            If the answer is larger than the budget allows.
        CacheMiss
            While offline, if the answer is not in the cache; names the question.
        Interrupted
            If it was stopped.
        InvalidInput
            For an upload that is no table, or a job where there are none.
        """
        text = checked(adql)
        uploads = read_uploads(upload)
        if uploads and not self.survey.uploads:
            raise InvalidInput(
                f"{self.name!r} takes no tables. Use stars(ids=…), or crossmatch on this machine."
            )
        rows = {key.removeprefix("tap_upload."): entry.rows for key, entry in uploads.items()}
        options = Options(
            async_=async_,
            maxrec=None if maxrec is None else check_limit(maxrec),
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            budget=budget,
            cancel=cancel,
            progress=progress,
        )
        return self._asker.ask(Query(text, options.maxrec, rows), uploads, options)

    def cone(
        self,
        center: Any,
        radius: Any,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        **how: Any,
    ) -> Result:
        """Return the stars around a point of the sky, the nearest first.

        Parameters
        ----------
        center : str, astropy SkyCoord, or (ra, dec)
            The name of an object, such as ``"M 67"``; plain numbers are degrees, ICRS.
        radius : Quantity or float
            A plain number is degrees; the edge belongs to the cone.
        table : str, optional
            Another table than the survey's main one, with ra and dec.
        columns : sequence of str, optional
            Which columns, by shared names or the table's own; see `label_columns`.
        limit : int, optional
            Only so many, the nearest.
        **how
            ``async_``, ``refresh``, ``timeout``, ``budget``, ``cancel``, ``progress`` as in
            `query`.

        Returns
        -------
        Result
            Its provenance holds the ADQL that does the same.

        Raises
        ------
        InvalidInput
            For a name that nobody knows, for a position or radius that is none, or for an
            unknown table or column; besides what `query` raises.

        Examples
        --------
        >>> from astropy import units as u
        >>> import stellarnb as snb
        >>> gaia = snb.open_archive("gaia")  # doctest: +SKIP
        >>> gaia.cone("M 67", 0.5 * u.deg)  # doctest: +SKIP
        """
        size = as_radius(radius)
        ra, dec = resolve(center, self._store, offline=self.offline)
        return self._stars.cone(
            ra, dec, size, table, columns, None if limit is None else check_limit(limit), _how(how)
        )

    def stars(
        self,
        *,
        ids: Any = None,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        where: str = "",
        good: bool = False,
        how: Mapping[str, Any] | None = None,
        **conditions: Any,
    ) -> Result:
        """Return the stars that fulfil some conditions: the quick form of a query.

        Parameters
        ----------
        ids : table with source_id, or array_like of int, optional
            Only these stars, in this order; those that the archive does not have are in
            ``.missing``. They are asked for in pieces, however many there are.
        table : str, optional
            Another table than the survey's main one.
        columns : sequence of str, optional
            Which columns, by shared names (``teff``, ``logg``, ``m_h`` …, see `label_columns`) or
            the table's own; those of the survey's main table where not given.
        limit : int, optional
            Rows at most, any that fit; ``.truncated`` says whether there are more.
        where : str, optional
            A condition more, in ADQL; the main table is called ``t``.
        good : bool, optional
            Only rows within the cut that the survey recommends.
        how : mapping, optional
            ``async_``, ``refresh``, ``timeout``, ``budget``, ``cancel``, ``progress`` as in
            `query`.
        **conditions
            A column and what it must be: ``has_rvs=True``; ``snr=(15, 25)``, both included, None
            for an open side; ``field=["M67", "N188"]``, one of them; ``logg=None``, not there. A
            Quantity is taken in the column's unit.

        Returns
        -------
        Result
            Under the shared names; its provenance holds the ADQL, and what each column is.

        Raises
        ------
        InvalidInput
            For an unknown column (says the nearest) or a condition that does not fit it; besides
            what `query` raises.

        Examples
        --------
        >>> import stellarnb as snb
        >>> gaia = snb.open_archive("gaia")  # doctest: +SKIP
        >>> gaia.stars(has_rvs=True, snr=(15, 25), limit=1000)  # doctest: +SKIP
        """
        wanted = None if ids is None else ids_of(ids)
        rows = None if limit is None else check_limit(limit)
        return self._stars.stars(
            wanted, table, columns, rows, where, conditions, _how(how or {}), good=good
        )

    def crossmatch(
        self,
        stars: Any,
        radius: Any = 1.0,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        keep: str = "best",
        **how: Any,
    ) -> Result:
        """Find stars of one's own in the archive by their positions.

        The positions are sent along, in pieces where there are many; pairs are made here, as
        `LocalArchive.crossmatch` makes them. Positions are compared as they are: proper motion
        between two epochs is not allowed for.

        Parameters
        ----------
        stars : table with ra and dec [deg], or astropy SkyCoord
            Of any kind; usual names of the columns are understood, and so are units of angle.
        radius : Quantity or float, optional
            A plain number is arcsec; the edge counts.
        table : str, optional
            Another table than the survey's main one, with ra and dec.
        columns : sequence of str, optional
            Which of the archive's columns, as in `stars`.
        keep : {"best", "all", "mutual"}, optional
            For each row the nearest star; all stars within the radius; or only pairs in which
            each is the other's nearest.
        **how
            As in `cone`.

        Returns
        -------
        Result
            A row a pair, in the order of `stars`: its columns, the archive's (a repeated name with
            ``_2`` behind it), ``separation`` [arcsec], and ``n_shared``. Stars without a partner
            are left out; ``.missing`` has their source_id, if there is one.

        Raises
        ------
        InvalidInput
            If the archive takes no tables; besides what `query` raises.
        MissingInput
            If there is no ra and dec.
        """
        size = as_radius(radius, "arcsec")
        if not self.survey.uploads:
            raise InvalidInput(
                f"{self.name!r} takes no tables, so it cannot be matched by position from here. "
                "Fetch what you need with cone() or stars(), and match that on this machine."
            )
        return self._stars.crossmatch(stars, size, table, columns, keep, _how(how))

    def spectra(
        self,
        stars: Any,
        product: str | None = None,
        *,
        strict: bool = False,
        progress: bool = True,
        cancel: Cancel | None = None,
    ) -> SpectrumSet:
        """Return spectra of some stars, in the order asked for; what is in the cache stays there.

        Parameters
        ----------
        stars : table or array_like
            Which stars: with source_id for Gaia; for other surveys a table that `stars` gave, or
            the survey's own identifiers.
        product : str, optional
            Which kind, one of `products`; the first where not given.
        strict : bool, optional
            Raise instead of leaving out the stars without a spectrum.
        progress : bool, optional
            Whether to show a progress bar.
        cancel : Cancel, optional
            Stops it; what had arrived is in the cache.

        Returns
        -------
        SpectrumSet
            Stars without a spectrum are left out and named in ``.missing``.

        Raises
        ------
        InvalidInput
            If the archive has no spectra, or no such product.
        StellarnbError
            See `stellarnb.archives.spectra.fetch.fetch_spectra`.
        """
        return self._spectra.of(stars, product, strict=strict, progress=progress, cancel=cancel)

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products, the usual one first."""
        return self._spectra.products


def _how(how: Mapping[str, Any]) -> Options:
    known = {"async_", "refresh", "timeout", "budget", "cancel", "progress"}
    unknown = sorted(set(how) - known)
    if unknown:
        raise InvalidInput(
            f"There is no option {unknown[0]!r}; check the spelling (options: "
            f"{', '.join(sorted(known))})."
        )
    return Options(**how)
