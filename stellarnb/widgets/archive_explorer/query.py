"""Turn the fields of an archive explorer's form into ADQL, a call and Python code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stellarnb.archives.base.catalog import ColumnInfo, nearest, quoted
from stellarnb.archives.base.conditions import condition
from stellarnb.archives.base.positions import as_position, as_radius
from stellarnb.errors import InvalidInput, MissingInput

__all__ = [
    "Call",
    "Center",
    "ExplorerQuery",
    "TableKnown",
    "column_word",
    "parse_center",
    "table_word",
]

#: A position [deg, ICRS], or the name of an object.
Center = tuple[float, float] | str

_REGULAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_PART = r'(?:[A-Za-z]\w*|"(?:[^"]|"")+")'
_DOTTED = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}", re.ASCII)
#: Reserved words of ADQL 2.1: as names they need double quotes.
_RESERVED = frozenset(
    """
    abs absolute acos action add all allocate alter and any are area as asc asin assertion at atan
    atan2 authorization avg begin between bigint bit bit_length bitwise_and bitwise_not bitwise_or
    bitwise_xor both box by cascade cascaded case cast catalog ceiling centroid char char_length
    character character_length check circle close coalesce collate collation column commit connect
    connection constraint constraints contains continue convert coord1 coord2 coordsys corresponding
    cos count create cross current current_date current_time current_timestamp current_user cursor
    date day deallocate decimal declare default deferrable deferred degrees delete desc describe
    descriptor diagnostics disconnect distance distinct domain double drop e_region else end
    end-exec escape except exception exec execute exists exp external extract false fetch first
    float floor for foreign found from full get global go goto grant group having hour identity
    ilike immediate in in_unit indicator initially inner input insensitive insert int integer
    intersect intersects interval into is isolation join key language last leading left level like
    local log log10 lower match max min minute mod module month names national natural nchar next no
    not null nullif numeric octet_length of offset on only open option or order outer output
    overlaps pad partial pi point polygon position power precision prepare preserve primary prior
    privileges procedure public radians rand read real references region relative restrict revoke
    right rollback round rows schema scroll second section select session session_user set sign sin
    size smallint some space sql sqlcode sqlerror sqlstate sqrt substring sum system_user table tan
    temporary then time timestamp timezone_hour timezone_minute to top trailing transaction
    translate translation trim true truncate union unique unknown update upper usage user using
    value values varchar varying view when whenever where with work write year zone
    """.split()  # noqa: SIM905 - a list of two hundred strings is harder to read
)
_SEXAGESIMAL = re.compile(
    r"\s*(?P<ra>\d{1,2}(?:h|:|\s)\s*\d{1,2}(?:(?:m|:|\s)\s*(?:\d{1,2}(?:\.\d*)?s?)?)?)"
    r"[\s,]+(?P<dec>[+-]?\d{1,2}(?:d|°|:|\s)\s*\d{1,2}"
    r"(?:(?:m|'|′|:|\s)\s*(?:\d{1,2}(?:\.\d*)?[s\"″]?)?)?)\s*"
)
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_DEGREES = re.compile(rf"\s*{_NUMBER}\s*(?:°|deg)?\s*[,\s]\s*{_NUMBER}\s*(?:°|deg)?\s*", re.ASCII)
#: How ra and dec [deg] are called, the likeliest first.
_POSITIONS = (
    ("ra", "dec"),
    ("ra_icrs", "de_icrs"),
    ("raj2000", "dej2000"),
    ("_raj2000", "_dej2000"),
    ("_ra", "_de"),
    ("radeg", "dedeg"),
    ("radeg", "decdeg"),
    ("ra_deg", "dec_deg"),
    ("alpha", "delta"),
    ("raicrs", "deicrs"),
)


@dataclass(frozen=True)
class TableKnown:
    """The names and columns of the table that the form queries.

    `columns` has the archive's own spelling; `shared` maps names of several surveys to columns.
    """

    name: str
    written: str
    columns: Mapping[str, ColumnInfo]
    shared: Mapping[str, str]

    def column(self, name: str) -> str:
        """Return the archive's own spelling of a column."""
        if name in self.columns:
            return name
        key = name.lower()
        for own in self.columns:
            if own.lower() == key:
                return own
        if key in self.shared:
            return self.shared[key]
        known = [*self.columns, *self.shared]
        raise InvalidInput(f"Table {self.name!r} has no column {name!r}{nearest(name, known)}.")

    @property
    def position(self) -> tuple[str, str] | None:
        """The columns of right ascension and declination [deg]; None where none are known."""
        lower = {own.lower(): own for own in self.columns}
        lower |= {label: own for label, own in self.shared.items() if label in {"ra", "dec"}}
        for pair in _POSITIONS:
            found = [lower[name] for name in pair if name in lower]
            units = {self.columns[own].unit for own in found if own in self.columns}
            if len(found) == 2 and units <= {"", "deg"}:
                return found[0], found[1]
        return None


@dataclass(frozen=True)
class Call:
    """One call of an archive's ``query`` or ``cone``, to run or to write as Python."""

    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    def do(self, archive: Any, **how: Any) -> Any:
        """Ask the archive; `how` are options that change nothing about the answer."""
        return getattr(archive, self.method)(*self.args, **self.options, **how)

    def code(self, archive: str, variable: str) -> str:
        """Return the Python that makes the same call, given the names of two variables."""
        parts = [_literal(value) for value in self.args]
        parts += [f"{key}={_literal(value)}" for key, value in self.options.items()]
        return f"{variable} = {archive}.{self.method}({', '.join(parts)})"


@dataclass(frozen=True)
class ExplorerQuery:
    """A query of the form or the editor; its fields are the traits of `ArchiveExplorer`."""

    table: str = ""
    columns: tuple[str, ...] = ()
    center: str = ""
    radius: float = 0.5
    filters: tuple[tuple[str, Any], ...] = ()
    limit: int | None = None
    adql: str | None = None
    allow_truncated: bool = False

    def text(self, known: TableKnown, place: tuple[float, float] | None, frame: str) -> str:
        """Return the form as ADQL; `place` is the cone's centre [deg], `frame` the archive's ICRS."""
        items = [column_word(known.column(name)) for name in self.columns]
        top = f" TOP {_whole(self.limit)}" if self.limit is not None else ""
        body = self._source(known, place, frame)
        return f"SELECT{top}\n  {_wrapped(items) or '*'}\n{body}"

    def count_text(self, known: TableKnown, place: tuple[float, float] | None, frame: str) -> str:
        """Return the ADQL that counts the form's rows, whatever its limit; see `text`."""
        return f"SELECT COUNT(*) AS n\n{self._source(known, place, frame)}"

    def _source(self, known: TableKnown, place: tuple[float, float] | None, frame: str) -> str:
        told = [] if place is None else [self._circle(known, place, frame)]
        told += [filter_text(known, name, wanted) for name, wanted in self.filters]
        where = "\nWHERE " + "\n  AND ".join(told) if told else ""
        return f"FROM {known.written}{where}"

    def _circle(self, known: TableKnown, place: tuple[float, float], frame: str) -> str:
        found = known.position
        if found is None:
            raise MissingInput(
                f"Table {known.name!r} has no columns that are known to be positions in degrees, so it "
                "cannot be searched in a cone. Choose another table, or write the query in ADQL."
            )
        ra, dec = (column_word(name) for name in found)
        first = f"{_literal_text(frame)}, " if frame else ""
        size = as_radius(self.radius)
        return (
            f"1 = CONTAINS(POINT({first}{ra}, {dec}), "
            f"CIRCLE({first}{place[0]!r}, {place[1]!r}, {size!r}))"
        )


def filter_text(known: TableKnown, name: str, wanted: Any) -> str:
    """Return the ADQL condition of a filter; see `ArchiveExplorer.filters`."""
    own = known.column(name)
    info = replace(known.columns.get(own, ColumnInfo(own, "double")), name=own)
    word = column_word(own)
    if wanted == (None, None) and isinstance(wanted, tuple):
        return f"{word} IS NOT NULL"
    if "char" in info.type or "string" in info.type:
        return condition(word, info, wanted)
    if isinstance(wanted, tuple):
        wanted = tuple(number(info, side) for side in wanted)
    elif isinstance(wanted, (list, set, frozenset)):
        wanted = [number(info, item) for item in wanted]
    elif isinstance(wanted, str):
        wanted = number(info, wanted)
    return condition(word, info, wanted)


def number(info: ColumnInfo, value: Any) -> Any:
    """Return the number or quantity that a text stands for; other values as they are."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII):
        return int(text)
    try:
        out = float(text)
    except ValueError:
        return _quantity(info, text)
    if not math.isfinite(out):
        raise InvalidInput(f"{info.name}: {text} cannot be compared with. Give a finite number.")
    return out


def _quantity(info: ColumnInfo, text: str) -> Any:
    from astropy.units import Quantity

    try:
        found = Quantity(text)
    except (TypeError, ValueError) as error:
        unit = f" (in {info.unit})" if info.unit else ""
        raise InvalidInput(
            f"{info.name}: the value must be a number{unit}, not {text!r}. Write it as 4500, 1e-3, or "
            "with a unit as in 5 kK."
        ) from error
    return found


def parse_center(text: str) -> Center | None:
    """Return a cone's centre: a position [deg, ICRS], the name of an object, or None."""
    words = text.strip()
    if not words:
        return None
    plain = _DEGREES.fullmatch(words)
    if plain is not None:
        return as_position((plain[1], plain[2]))
    split = _SEXAGESIMAL.fullmatch(words)
    if split is None:
        return " ".join(words.split())
    from astropy.coordinates import Angle

    try:
        ra, dec = Angle(split["ra"], unit="hourangle").deg, Angle(split["dec"], unit="deg").deg
    except ValueError as error:
        raise InvalidInput(
            f"{words!r} cannot be read as a position: {error}. Write it as 132.85 +11.81 (degrees) or "
            "08:51:18 +11:48:00."
        ) from error
    return as_position((float(ra), float(dec)))


def column_word(name: str) -> str:
    """Return a column's name as it stands in a query: in double quotes where it needs them."""
    if _REGULAR.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    return quoted(name)


def table_word(name: str) -> str:
    """Return a table's name as it stands in a query, with its schema if it has one."""
    if _DOTTED.fullmatch(name) and not _RESERVED & set(name.lower().split(".")):
        return name
    return quoted(name)


def _whole(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise InvalidInput(f"limit={limit!r}: a number of rows is needed.")
    return limit


def _wrapped(items: Sequence[str], width: int = 76) -> str:
    """Return items with commas, broken into lines."""
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) + 2 > width:
            lines.append(line)
            line = item
        else:
            line = f"{line}, {item}" if line else item
    return ",\n  ".join([*lines, line] if line else lines)


def _literal(value: Any) -> str:
    """Return a value as Python writes it; a text of several lines in three quotes."""
    if not isinstance(value, str) or "\n" not in value:
        return repr(value)
    plain = value.replace("\n", "").replace("\t", "")
    if "\\" in value or '"""' in value or value.endswith('"') or not plain.isprintable():
        return repr(value)
    return f'"""{value}"""'


def _literal_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
