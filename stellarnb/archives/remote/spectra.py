"""A remote archive's spectra: from stars to the service that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from stellarnb.archives.base.catalog import nearest
from stellarnb.archives.base.identifiers import ids_of
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.remote.queries import IN_LIST, StarQueries
from stellarnb.archives.remote.runner import QueryRunner
from stellarnb.archives.surveys import Survey
from stellarnb.archives.tap.service import Query, TapService
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result
from stellarnb.tables.convert import as_arrow

__all__ = ["SpectraFinder"]

#: What the files of a survey are found by: these columns of `StarQueries.stars`.
_NAMES = {
    "apogee": ("source_id", "apogee_id", "telescope", "field"),
    "rave": ("source_id", "rave_obs_id", "spectrum_fits"),
    "galah": ("source_id", "sobject_id"),
    "gaia-eso": ("cname",),
}
_OBSCORE = "dp_id, access_url, target_name, em_min, em_max"


class SpectraFinder:
    """Find who serves an archive's spectra, and fetches them through the cache."""

    def __init__(self, runner: QueryRunner, stars: StarQueries) -> None:
        self._runner = runner
        self._stars = stars

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products, the usual one first."""
        from stellarnb.archives.spectra.datalink import DR3_NAMES
        from stellarnb.archives.spectra.urls import PRODUCTS

        name = self._runner.survey.name
        return tuple(DR3_NAMES) if name == "gaia" else PRODUCTS.get(name, ())

    def of(
        self,
        stars: Any,
        product: str | None,
        *,
        strict: bool,
        options: QueryOptions,
    ) -> SpectrumSet:
        """Return spectra of some stars; see `RemoteArchive.spectra`."""
        from stellarnb.archives.spectra.datalink import DataLink
        from stellarnb.archives.spectra.fetch import SpectraSource, fetch_spectra
        from stellarnb.archives.spectra.urls import files_of

        survey = self._runner.survey
        chosen = self._product(product)
        source: SpectraSource
        if survey.name == "gaia":
            source = DataLink((survey.data,))
            ids: Any = ids_of(stars)
        else:
            where = self._rows(stars, _NAMES[survey.name], options)
            base = {"base": survey.files} if survey.files else {}
            files = files_of(survey.name, where, chosen, **base)
            source, ids = files, files.stars
        found = fetch_spectra(
            source,
            ids,
            chosen,
            store=self._runner.store,
            transport=self._runner.tap.transport,
            offline=self._runner.offline,
            strict=strict,
            progress=options.shows_bar,
            cancel=options.cancel,
        )
        found.provenance["credits"] = list(survey.credits)
        return found

    def _product(self, product: str | None) -> str:
        known = self.products
        if not known:
            raise InvalidInput(
                f"{self._runner.survey.name!r} has no spectra that stellarnb can fetch."
            )
        if product is not None and product not in known:
            raise InvalidInput(
                f"{self._runner.survey.name!r} has no product {product!r}"
                f"{nearest(str(product), known)} (products: {', '.join(known)})."
            )
        return product or known[0]

    def _rows(self, stars: Any, names: Sequence[str], options: QueryOptions) -> Any:
        """Return a table that names the files: the user's own, or one that the archive gives."""
        survey = self._runner.survey
        table = _table(stars)
        has = {name.lower() for name in table.column_names} if table is not None else set()
        if survey.name == "gaia-eso":
            return self._observations(stars, table, has, options)
        needed = set(names) - {"source_id", "spectrum_fits"}
        if table is not None and needed <= has:
            return table
        if table is not None and "source_id" not in has:
            lacking = ", ".join(sorted(needed - has))
            raise MissingInput(
                f"{survey.name!r} finds spectra by {lacking}; this table has neither that nor a "
                "source_id. A table that stars() gave has it."
            )
        columns = [name for name in names if name in self._stars.known().every.columns]
        return self._stars.stars(ids_of(stars), None, columns, None, "", {}, options, good=False)

    def _observations(
        self, stars: Any, table: pa.Table | None, has: set[str], options: QueryOptions
    ) -> Any:
        """Return what ESO's list of observations has of some stars of Gaia-ESO."""
        if table is not None and has & {"dp_id", "access_url"}:
            return table
        if table is not None and not has & {"cname", "target_name"}:
            raise MissingInput(
                "'gaia-eso' finds spectra by cname, the name of a star in Gaia-ESO; this table has "
                "none. A table that stars() gave has it."
            )
        if table is None:
            names = [str(star) for star in ([stars] if isinstance(stars, str) else stars)]
        else:
            column = next(n for n in table.column_names if n.lower() in {"cname", "target_name"})
            names = table[column].to_pylist()
        survey = self._runner.survey
        listed = Survey("gaia-eso", "ESO's ivoa.ObsCore", survey.release, survey.data)
        tap = TapService(listed.url, self._runner.tap.transport)
        runner = QueryRunner(listed, tap, self._runner.store, offline=self._runner.offline)
        wanted = list(dict.fromkeys(name for name in names if name))
        parts: list[Result] = []
        for i in range(0, len(wanted), IN_LIST):
            some = ", ".join("'" + n.replace("'", "''") + "'" for n in wanted[i : i + IN_LIST])
            adql = (
                f"SELECT {_OBSCORE} FROM ivoa.ObsCore WHERE obs_collection = 'GAIAESO' "  # noqa: S608
                f"AND target_name IN ({some})"
            )
            parts.append(runner.ask(Query(adql), {}, replace(options, async_=False)))
        if not parts:
            raise InvalidInput("Name at least one star of Gaia-ESO by its cname.")
        return pa.concat_tables([part.arrow for part in parts])


def _table(stars: Any) -> pa.Table | None:
    """Return a table as Arrow, or None for a plain sequence of identifiers."""
    try:
        return as_arrow(stars)
    except InvalidInput:
        return None
