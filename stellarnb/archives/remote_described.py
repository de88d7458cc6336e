"""What a remote archive tells of itself, and who is logged in there."""

from __future__ import annotations

import hashlib

from stellarnb.archives.asking import Asker
from stellarnb.archives.remote_schema import column_table, read_columns, read_tables
from stellarnb.archives.remote_stars import Stars
from stellarnb.archives.surveys import Survey
from stellarnb.errors import CacheMiss, InvalidInput
from stellarnb.tables import Table

__all__ = ["RemoteDescribed"]


class RemoteDescribed:
    """The part of `stellarnb.archives.remote.RemoteArchive` that is no query.

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
        from stellarnb.archives.login import gaia_session

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
        from stellarnb.archives.remote_check import check_survey

        return check_survey(self.survey, self._asker)

    def cite(self) -> str:
        """Return the credit lines that belong to the archive's data, one a line."""
        return "\n".join(self.survey.credits)
