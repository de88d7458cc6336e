"""The one interface of all archives: embedded, folder, HATS catalogue, TAP service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stellarnb import __version__
from stellarnb.archives.base.options import QueryOptions
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result, Table

__all__ = ["Archive", "Capabilities"]


@dataclass(frozen=True)
class Capabilities:
    """What an archive can do: ask this, not the archive's class.

    Attributes
    ----------
    remote : bool
        It is asked over the network.
    offline : bool
        It answers without the network: from its files, or from the cache alone.
    cached : bool
        It keeps its answers in the cache.
    counts : bool
        ``tables()`` has the number of ``rows``.
    uploads : bool
        ``query`` takes tables with ``upload=``.
    crossmatch : bool
        ``crossmatch`` works.
    spectra : bool
        It has spectra; `Archive.products` names them.
    names : bool
        ``cone`` takes the name of an object, such as ``"M 67"``.
    shared_names : bool
        ``columns=`` takes names that surveys share (``teff``, ``logg``), and ``"*"`` for all.
    jobs : bool
        Long queries run as jobs, which ``async_=`` and ``timeout=`` control.
    truncates : bool
        The service may hold rows back, which ``allow_truncated=True`` accepts.
    login : bool
        ``login`` and ``logout`` work.
    interrupts : bool
        ``cancel`` stops a query that is under way; elsewhere only one that has not begun.
    """

    remote: bool = False
    offline: bool = True
    cached: bool = False
    counts: bool = True
    uploads: bool = True
    crossmatch: bool = True
    spectra: bool = False
    names: bool = False
    shared_names: bool = False
    jobs: bool = False
    truncates: bool = False
    login: bool = False
    interrupts: bool = False


class Archive(ABC):
    """An archive of stars and spectra, asked in ADQL.

    `stellarnb.open_archive` opens one. All kinds take the same keywords. Where a keyword means
    nothing for a kind, its type is checked and it has no effect: ``refresh``, ``timeout``,
    ``deadline``, ``budget`` and ``async_`` for archives on this machine.

    Attributes
    ----------
    name, title, version : str
        The archive's name, what it holds, and the version of its data.
    credits : tuple of str
        Whom to thank.
    """

    name: str
    title: str
    version: str
    credits: tuple[str, ...]

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
        deadline: float | None = None,
        budget: Any = None,
        cancel: Cancel | None = None,
        progress: bool | Callable[[Any], None] = True,
    ) -> Result:
        """Run a query in ADQL.

        A remote archive keeps its answers and does not ask twice. A long query runs as a job; a
        restarted kernel picks it up when it asks the same. If a service sends only some of the
        rows, the query is split into ranges of source_id where possible; otherwise it raises
        `Truncated`.

        Parameters
        ----------
        adql : str
            One SELECT, in the archive's own names, upper or lower case; names with characters
            other than letters, digits and ``_`` stand in double quotes. On this machine the
            geometry is POINT, CIRCLE, BOX, POLYGON, CONTAINS and DISTANCE, and ``tap_schema``
            lists tables and columns.
        upload : mapping of str to table, optional
            Tables of your own, of any kind: ``upload={"mine": table}`` is ``tap_upload.mine`` in
            the query.
        async_ : bool, optional
            Whether to run a job; if omitted, small queries (``TOP`` up to 20,000) do not.
        maxrec : int, optional
            Row limit; more rows raise `Truncated`.
        allow_truncated : bool, optional
            Accept an incomplete table, with ``.truncated`` set; it is not kept.
        refresh : bool, optional
            Ask again, even if the cache has the answer.
        timeout : float, optional
            Seconds that it may take in all; if omitted, 600 for an answer and 7200 for a job. The
            job continues after that.
        deadline : float, optional
            The moment on `time.monotonic` when it must be over; the earlier of the two counts.
        budget : stellarnb.archives.transport.Budget, optional
            Limits of bytes and of silence.
        cancel : stellarnb.progress.Cancel, optional
            Stops the query, and its job.
        progress : bool or callable, optional
            Whether to show progress once it takes long, or a function called with each `Progress`.

        Returns
        -------
        Result
            Column names in lower case, a repeated name with ``_2`` behind it; with units and
            descriptions of the columns taken as they are.

        Raises
        ------
        QueryError
            If it is not a SELECT, or names a table or column that does not exist.
        Truncated
            If there are more rows than `maxrec`, or the service held rows back.
        ArchiveDown
            If the service cannot be reached, fails, or is too slow.
        TooLarge
            If the answer does not fit into memory, or exceeds the budget.
        CacheMiss
            While offline, if the answer is not in the cache; names the question.
        Interrupted
            If it was cancelled.
        InvalidInput
            For an upload that is not a table, whose source_id went through float, or that the
            service does not take; for a job where there are none.

        Examples
        --------
        >>> import stellarnb as snb
        >>> sample = snb.open_archive("sample")
        >>> len(sample.query("SELECT TOP 3 source_id, ra, dec FROM stars"))
        3
        """
        options = QueryOptions(
            async_,
            maxrec,
            allow_truncated,
            refresh,
            timeout,
            deadline,
            budget,
            cancel,
            progress,
        )
        return self._query(adql, upload, options.start(self.name))

    def cone(
        self,
        center: Any,
        radius: Any,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        maxrec: int | None = None,
        allow_truncated: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        progress: bool | Callable[[Any], None] = True,
        **how: Any,
    ) -> Result:
        """Return the stars within a cone, the nearest first.

        Parameters
        ----------
        center : astropy SkyCoord, (ra, dec), or str
            Plain numbers are degrees, ICRS. A remote archive also takes the name of an object,
            such as ``"M 67"``.
        radius : Quantity or float
            A plain number is degrees; the edge belongs to the cone.
        table : str, optional
            A table with ra and dec; if omitted, the main table.
        columns : sequence of str, optional
            Which columns, by the names of `label_columns` or the table's own; if omitted, all,
            or for a survey those it is mostly asked for.
        limit : int, optional
            Rows at most, the nearest ones.
        maxrec, allow_truncated, refresh, timeout, deadline, cancel, progress
            As for `query`.
        **how
            ``async_`` and ``budget``, as for `query`.

        Returns
        -------
        Result
            Its provenance holds the position, or the ADQL that does the same.

        Raises
        ------
        InvalidInput
            For an unknown name, position, radius, table or column; besides what `query` raises.

        Examples
        --------
        >>> import stellarnb as snb
        >>> len(snb.open_archive("sample").cone((132.8, 11.8), 30, limit=5))
        5
        """
        options = QueryOptions.merged(
            how,
            maxrec=maxrec,
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            deadline=deadline,
            cancel=cancel,
            progress=progress,
        )
        return self._cone(center, radius, table, columns, limit, options.start(self.name))

    def stars(
        self,
        *,
        ids: Any = None,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        where: str = "",
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
        """Return the stars that meet some conditions: the short form of a query.

        Parameters
        ----------
        ids : table with source_id, or array_like of int, optional
            Only these stars, in this order; those that do not come back are in ``.missing``.
        table : str, optional
            The main table; if omitted, the first one with ra and dec, or the survey's own.
        columns : sequence of str, optional
            Which columns, by the names of `label_columns` or the table's own; if omitted, those
            of the main table, and on this machine those with a condition.
        limit : int, optional
            Rows at most: on this machine by rising source_id, from a service any that fit.
            ``.truncated`` tells whether there are more.
        where : str, optional
            Another condition, in ADQL; the main table is called ``t``.
        maxrec, allow_truncated, refresh, timeout, deadline, cancel, progress
            As for `query`.
        how : mapping, optional
            ``async_`` and ``budget``, or any other keyword of `query`.
        **conditions
            A column and its condition: ``has_rvs=True``; ``snr=(15, 25)``, both included, None
            for an open side; ``name=["a", "b"]``, one of them; ``logg=None``, no value. A
            Quantity is converted to the column's unit. On this machine, a column that the main
            table lacks is taken from another table, joined by source_id. For a survey,
            ``good=True`` keeps only rows within the cut that the survey recommends.

        Returns
        -------
        Result
            Its provenance holds the ADQL that does the same.

        Raises
        ------
        InvalidInput
            For an unknown column (names the nearest), or a condition that does not fit it;
            besides what `query` raises.
        MissingInput
            If a column is in a table that cannot be joined.

        Examples
        --------
        >>> import stellarnb as snb
        >>> len(snb.open_archive("sample").stars(snr=(15, 25), limit=1000))
        138
        """
        options = QueryOptions.merged(
            how,
            maxrec=maxrec,
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            deadline=deadline,
            cancel=cancel,
            progress=progress,
        ).start(self.name)
        return self._select(ids, table, columns, limit, where, conditions, options)

    def crossmatch(
        self,
        stars: Any,
        radius: Any = 1.0,
        *,
        table: str | None = None,
        columns: Sequence[str] | None = None,
        keep: str = "best",
        maxrec: int | None = None,
        allow_truncated: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        progress: bool | Callable[[Any], None] = True,
        **how: Any,
    ) -> Result:
        """Find your own stars in the archive by position.

        Positions are compared as they are: proper motion between two epochs is not allowed for.
        A remote archive gets the positions in parts; pairs are made on this machine.

        Parameters
        ----------
        stars : table with ra and dec [deg], or astropy SkyCoord
            Of any kind; usual column names and units of angle are understood.
        radius : Quantity or float, optional
            A plain number is arcsec; the edge counts.
        table : str, optional
            A table with ra and dec; if omitted, the main table.
        columns : sequence of str, optional
            Which of the archive's columns, as for `stars`.
        keep : {"best", "all", "mutual"}, optional
            For each row the nearest star (several rows may share one: ``n_shared``); all stars
            within the radius; or only pairs in which each is the other's nearest.
        maxrec, allow_truncated, refresh, timeout, deadline, cancel, progress
            As for `query`; a service has at most `maxrec` rows for each part.
        **how
            ``async_`` and ``budget``, as for `query`.

        Returns
        -------
        Result
            A row per pair, in the order of `stars`: its columns, the archive's (a repeated name
            with ``_2`` behind it), ``separation`` [arcsec], and ``n_shared``: in how many rows
            the archive's star stands. Stars without a partner are left out; ``.missing`` has
            their source_id, if there is one.

        Raises
        ------
        MissingInput
            If there is no ra and dec.
        InvalidInput
            For an unknown table, column, `keep` or radius, or if the service takes no tables;
            besides what `query` raises.
        TooLarge
            If there are too many pairs; in a HATS catalogue, if a star has 8 neighbours or more.
        """
        options = QueryOptions.merged(
            how,
            maxrec=maxrec,
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            deadline=deadline,
            cancel=cancel,
            progress=progress,
        ).start(self.name)
        return self._match(stars, radius, table, columns, keep, options)

    def spectra(
        self,
        stars: Any,
        product: str | None = None,
        *,
        strict: bool = False,
        maxrec: int | None = None,
        allow_truncated: bool = False,
        refresh: bool = False,
        timeout: float | None = None,
        deadline: float | None = None,
        cancel: Cancel | None = None,
        progress: bool | Callable[[Any], None] = True,
        **how: Any,
    ) -> SpectrumSet:
        """Return the spectra of some stars, in the order asked for.

        Parameters
        ----------
        stars : table with source_id, or array_like of int, shape [n]
            Which stars; a repeated one gets its spectrum as often. Surveys other than Gaia take a
            table that `stars` gave, or their own identifiers.
        product : str, optional
            Which kind of spectrum, one of `products`; if omitted, the first.
        strict : bool, optional
            Raise instead of leaving out the stars without a spectrum.
        maxrec, allow_truncated, refresh, timeout, deadline
            Apply only to queries that find a survey's files; otherwise without effect.
        cancel : stellarnb.progress.Cancel, optional
            Stops it; spectra that have arrived stay in the cache.
        progress : bool or callable, optional
            Whether to show a progress bar.
        **how
            ``async_`` and ``budget``: without effect.

        Returns
        -------
        SpectrumSet
            Flux and error as delivered (``xp_sampled``: W m-2 nm-1). Stars without a spectrum
            are left out and named, each once, in ``.missing``.

        Raises
        ------
        InvalidInput
            For an unknown product, an archive without spectra, or identifiers that are floats.
        MissingInput
            If a table has no source_id.
        PartialProducts
            With ``strict=True``, if a star has no spectrum.
        CacheMiss
            While offline, for spectra that are not in the cache.
        ArchiveDown
            If the service cannot be reached.
        Interrupted
            If it was cancelled.

        Examples
        --------
        >>> import stellarnb as snb
        >>> sample = snb.open_archive("sample")
        >>> len(sample.spectra(sample.stars(limit=3), product="xp_sampled"))
        3
        """
        options = QueryOptions.merged(
            how,
            maxrec=maxrec,
            allow_truncated=allow_truncated,
            refresh=refresh,
            timeout=timeout,
            deadline=deadline,
            cancel=cancel,
            progress=progress,
        ).start(self.name)
        return self._fetch(stars, product, options, strict=strict)

    @abstractmethod
    def tables(self, *, refresh: bool = False) -> Table:
        """Return the tables: ``name``, ``description``, and ``rows`` or ``type``.

        Parameters
        ----------
        refresh : bool, optional
            Ask a service again, even if the cache has the answer.
        """

    @abstractmethod
    def columns(self, table: str | None = None, *, refresh: bool = False) -> Table:
        """Return the columns of a table: ``name, type, unit, description``.

        Parameters
        ----------
        table : str, optional
            Its name; if omitted, the columns of all tables (of a survey's own tables), with
            ``table`` before the name.
        refresh : bool, optional
            Ask a service again, even if the cache has the answer.

        Raises
        ------
        InvalidInput
            If there is no such table.
        """

    @property
    @abstractmethod
    def label_columns(self) -> dict[str, str]:
        """Where each column is: ``{"teff": "apogee.teff", …}``; the first table that has it."""

    @property
    @abstractmethod
    def products(self) -> tuple[str, ...]:
        """Names of the spectral products, the usual one first."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the archive can do; nothing is asked of the network."""

    @abstractmethod
    def check(self) -> Table:
        """Check the archive: ``what, check, ok, note``, a row per check.

        On this machine: can each table be read, and is it as long as its file states; is
        source_id a 64-bit integer and unique; are positions valid, and in the pixel that
        source_id names. All rows are read. A service is asked again whether it has the tables and
        columns that the registry lists. Nothing is changed.
        """

    def cite(self) -> str:
        """Return the credit lines that belong to the archive's data, one per line."""
        return "\n".join(self.credits)

    @abstractmethod
    def _query(
        self, adql: str, upload: Mapping[str, Any] | None, options: QueryOptions
    ) -> Result: ...

    @abstractmethod
    def _cone(
        self,
        center: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        options: QueryOptions,
    ) -> Result: ...

    @abstractmethod
    def _select(
        self,
        ids: Any,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        where: str,
        conditions: Mapping[str, Any],
        options: QueryOptions,
    ) -> Result: ...

    @abstractmethod
    def _match(
        self,
        stars: Any,
        radius: Any,
        table: str | None,
        columns: Sequence[str] | None,
        keep: str,
        options: QueryOptions,
    ) -> Result: ...

    @abstractmethod
    def _fetch(
        self, stars: Any, product: str | None, options: QueryOptions, *, strict: bool
    ) -> SpectrumSet: ...

    def _provenance(self, **more: Any) -> dict[str, Any]:
        return {
            "archive": self.name,
            "title": self.title,
            "version": self.version,
            **more,
            "credits": list(self.credits),
            "stellarnb": __version__,
        }
