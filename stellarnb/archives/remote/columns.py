"""Columns of a remote archive: the registry's names, as the service spells them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from stellarnb.archives.base.catalog import ColumnInfo
from stellarnb.archives.remote.runner import QueryRunner
from stellarnb.archives.remote.schema import ListedTable, read_columns, read_tables
from stellarnb.archives.surveys import Survey, SurveyTable, discover
from stellarnb.archives.surveys.selection import EVERYTHING
from stellarnb.archives.surveys.survey import MAIN, bare
from stellarnb.errors import CacheMiss, InvalidInput, QueryError

__all__ = ["ResolvedSurvey", "SurveyColumns"]


@dataclass(frozen=True)
class ResolvedSurvey:
    """A survey whose column names have been resolved with the service."""

    #: With one place for each shared name.
    survey: Survey
    #: The same, and the tables' own names besides.
    every: Survey
    #: Of each name in `every`.
    infos: Mapping[str, ColumnInfo]

    @property
    def usual(self) -> list[str]:
        """The columns that a query gets if `columns` is omitted."""
        survey = self.survey
        labels = [
            label
            for label in survey.columns
            if not survey.lean or len(survey.aliases([survey.place(label)])) == 1
        ]
        return labels or [EVERYTHING]


class SurveyColumns:
    """Finds out, once, what the columns of a survey are."""

    def __init__(self, runner: QueryRunner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._known: dict[str, ResolvedSurvey] = {}

    def of(self, table: str | None = None) -> ResolvedSurvey:
        """Return what is known of the survey's main table, or of another one."""
        with self._lock:
            key = table or ""
            if key not in self._known:
                self._known[key] = self._other(table) if table else self._own()
                if not table:
                    self._runner.survey = self._known[key].survey
            return self._known[key]

    def _own(self) -> ResolvedSurvey:
        survey = self._runner.survey
        if survey.discover:
            return self._discovered(survey)
        try:
            listed = read_columns(self._runner, [part.name for part in survey.parts])
        except (QueryError, CacheMiss):
            # The service has no TAP_SCHEMA, or this is offline: use the registry's first names.
            listed = {}
        return _known(survey.resolved({name: t.columns for name, t in listed.items()}), listed)

    def _discovered(self, survey: Survey) -> ResolvedSurvey:
        names = [part.name for part in survey.parts]
        if not names:
            names = [
                name if name.startswith('"') else f'"{name}"'
                for name in read_tables(self._runner, survey.catalogue)["name"].tolist()
            ]
        listed = read_columns(self._runner, names) if names else {}
        if not listed:
            raise InvalidInput(
                f"{self._runner.tap.host} lists no table of {survey.catalogue or survey.name!r}. "
                "Check the name; VizieR's names look like J/A+A/682/A9 or I/355."
            )
        found = [_found(survey, table) for table in listed.values()]
        best = max(found, key=lambda one: _worth(one.columns))
        return _known(best, listed)

    def _other(self, table: str) -> ResolvedSurvey:
        listed = read_columns(self._runner, [table])
        if not listed:
            raise InvalidInput(
                f"{self._runner.survey.name!r} lists no table {table!r}; tables() shows what there is."
            )
        entry = next(iter(listed.values()))
        return _known(_found(self._runner.survey, entry), listed)


def _found(survey: Survey, listed: ListedTable) -> Survey:
    """Return a survey whose main table is the one listed, with what can be told of its columns."""
    places = discover(listed.columns, listed.ucds)
    return replace(
        survey,
        parts=(SurveyTable(MAIN, listed.name),),
        columns={label: (place,) for label, place in places.items()},
        good="",
        lean=False,
    )


def _worth(columns: Mapping[str, tuple[str, ...]]) -> int:
    """Return how useful a table is: identifiers and positions first, then labels."""
    return 100 * ("source_id" in columns) + 50 * ({"ra", "dec"} <= set(columns)) + len(columns)


def _known(survey: Survey, listed: Mapping[str, ListedTable]) -> ResolvedSurvey:
    infos: dict[str, ColumnInfo] = {}
    own: dict[str, tuple[str, ...]] = {}
    for part in survey.parts:
        table = listed.get(bare(part.name))
        for name, info in (table.columns if table else {}).items():
            place = f"{part.alias}.{name}"
            label = name.lower()
            if label not in own:
                own[label], infos[label] = (place,), info
            infos[place] = info
    for label, (place, *_) in survey.columns.items():
        infos[label] = infos.get(place, ColumnInfo(label, _guess(label)))
    every = replace(survey, columns={**own, **survey.columns})
    return ResolvedSurvey(survey, every, infos)


def _guess(label: str) -> str:
    if label.startswith("has_"):
        return "bool"
    return "int64" if label.endswith("source_id") else "double"
