"""Surveys as the registry describes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from stellarnb.archives.base.catalog import nearest, quoted
from stellarnb.errors import InvalidInput, MissingInput

__all__ = ["MAIN", "Survey", "SurveyTable", "bare", "named", "written"]

#: Alias of the main table.
MAIN = "t"
_SIMPLE = re.compile(r"([a-z])\.(.+)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)
#: Words that ADQL keeps for itself, among those that surveys use as names of columns.
_RESERVED = frozenset({"size", "date", "time", "year", "position", "distance", "section", "value"})


@dataclass(frozen=True)
class SurveyTable:
    """A table of a survey."""

    #: One letter, by which columns name it.
    alias: str
    #: As it stands in a query.
    name: str
    #: What joins it to the main table; empty for that one.
    on: str = ""


@dataclass(frozen=True)
class Survey:
    """A survey, or a catalogue."""

    #: What it is, and where its TAP service is.
    name: str
    title: str
    release: str
    url: str
    #: The service that has its spectra, or lists them; empty where it has none.
    data: str = ""
    #: Where files of spectra are, if elsewhere than published.
    files: str = ""
    #: Its tables, the main one first; none where only queries are asked.
    parts: tuple[SurveyTable, ...] = ()
    #: By shared name what it may be in the survey: ``alias.column``, or an expression.
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The cut that the survey recommends, in ADQL; empty where there is none.
    good: str = ""
    #: What stands first in POINT and CIRCLE.
    frame: str = "ICRS"
    #: What FORMAT must say for VOTable in BINARY2; asked for where None.
    format: str | None = None
    #: Whether the service has them.
    jobs: bool = True
    uploads: bool = True
    #: Whether tables and columns are found through TAP_SCHEMA.
    discover: bool = False
    #: Whether columns of joined tables are had only on request.
    lean: bool = False
    #: VizieR's name of it, for `discover`.
    catalogue: str = ""
    #: Who can log in; empty where nobody can.
    login: str = ""
    #: Acknowledgements.
    credits: tuple[str, ...] = ()
    #: When the names were compared with documentation.
    documented: str = ""
    #: What is different elsewhere.
    mirrors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_entry(cls, name: str, entry: Mapping[str, Any]) -> Self:
        """Return the survey of an entry of the registry."""
        known = {key: value for key, value in entry.items() if key not in {"kind", "tables"}}
        known["parts"] = tuple(SurveyTable(**part) for part in entry.get("tables", ()))
        known["columns"] = {
            label: (place,) if isinstance(place, str) else tuple(place)
            for label, place in entry.get("columns", {}).items()
        }
        known["credits"] = tuple(entry.get("credits", ()))
        return cls(name=name, **known)

    def at_mirror(self, mirror: str) -> Self:
        """Return the same data at another place."""
        if mirror not in self.mirrors:
            known = ", ".join(self.mirrors) or "none"
            raise InvalidInput(
                f"{self.name!r} has no mirror {mirror!r}{nearest(mirror, self.mirrors)} "
                f"(mirrors: {known})."
            )
        entry = dict(self.mirrors[mirror])
        changes: dict[str, Any] = {"format": None, "login": "", **entry}
        tables = changes.pop("tables", None)
        if tables is not None:
            changes |= {
                "parts": tuple(SurveyTable(**part) for part in tables),
                "columns": {},
                "good": "",
            }
        return replace(self, **changes)

    @property
    def main(self) -> SurveyTable:
        """The main table."""
        if not self.parts:
            raise MissingInput(
                f"{self.name!r} has no main table in the registry. Name one with table=…, or "
                "write a query; tables() lists them."
            )
        return self.parts[0]

    def resolved(self, schema: Mapping[str, Iterable[str]]) -> Self:
        """Return the survey with one place for each column: the first that the service has."""
        names = {alias: self._spelt(alias, schema) for alias in (part.alias for part in self.parts)}
        columns: dict[str, tuple[str, ...]] = {}
        for label, places in self.columns.items():
            found = next((spelt for p in places if (spelt := _find(p, names)) is not None), None)
            if found is not None:
                columns[label] = (found,)
        return replace(self, columns=columns)

    def _spelt(self, alias: str, schema: Mapping[str, Iterable[str]]) -> dict[str, str] | None:
        table = next(part.name for part in self.parts if part.alias == alias)
        columns = schema.get(bare(table))
        return None if columns is None else {bare(column): column for column in columns}

    def place(self, label: str) -> str:
        """Return the place of a column in the survey, as a query writes it."""
        if label not in self.columns:
            raise InvalidInput(
                f"{self.name!r} has no column {label!r}{nearest(label, self.columns)}. Columns: "
                f"{', '.join(self.columns)}."
            )
        return written(self.columns[label][0])

    def aliases(self, expressions: Iterable[str]) -> list[SurveyTable]:
        """Return the tables that some expressions need, the main one first."""
        text = " ".join(expressions)
        return [
            part
            for part in self.parts
            if part.alias == MAIN or re.search(rf"(?<![\w.\"]){part.alias}\.", text)
        ]


def bare(name: str) -> str:
    """Return a name in lower case and without quotes, to compare it with another."""
    return name.strip().replace('"', "").lower()


def written(place: str) -> str:
    """Return ``alias.column`` as it stands in a query; an expression as it is."""
    match = _SIMPLE.fullmatch(place)
    if match is None or _is_expression(place):
        return place
    return f"{match[1]}.{named(match[2])}"


def named(column: str) -> str:
    """Return a column's name as it stands in a query: in double quotes where ADQL needs them."""
    name = column.strip('"')
    plain = _PLAIN.fullmatch(name) and name.lower() not in _RESERVED
    return name if plain else quoted(name)


def _is_expression(place: str) -> bool:
    return place.startswith("(")


def _find(place: str, names: Mapping[str, dict[str, str] | None]) -> str | None:
    """Return a place as the service spells it, or None where the service does not have it."""
    match = _SIMPLE.fullmatch(place)
    if match is None or _is_expression(place):
        return place
    known = names.get(match[1])
    if known is None:
        return place
    spelt = known.get(bare(match[2]))
    return None if spelt is None else f"{match[1]}.{spelt}"
