"""What an archive explorer asks: a form's fields as ADQL, as a call and as Python."""

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
#: Words of ADQL 2.1 that are no names unless they stand in double quotes.
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
    """What is known of the table that the form asks.

    Attributes
    ----------
    name : str
        As the archive lists it.
    written : str
        As it stands in a query.
    columns : dict of str to ColumnInfo
        By the archive's own spelling, in order.
    shared : dict of str to str
        Names that surveys share, such as ``snr``, and the columns that they stand for here.
    """

    name: str
    written: str
    columns: Mapping[str, ColumnInfo]
    shared: Mapping[str, str]

    def column(self, name: str) -> str:
        """Return the archive's own spelling of a column.

        Raises
        ------
        InvalidInput
            If there is none; says the nearest.
        """
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
    """One call of an archive: what is run, and what the Python twin says.

    Attributes
    ----------
    method : str
        ``query`` or ``cone``.
    args : tuple
        Positional arguments.
    options : dict
        Keyword arguments.
    """

    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]

    def do(self, archive: Any, **how: Any) -> Any:
        """Ask the archive; `how` are options that change nothing about the answer."""
        return getattr(archive, self.method)(*self.args, **self.options, **how)

    def code(self, archive: str, variable: str) -> str:
        """Return the Python that asks the same.

        Parameters
        ----------
        archive : str
            Name of the variable that has the archive.
        variable : str
            Name of the variable for the answer.
        """
        parts = [_literal(value) for value in self.args]
        parts += [f"{key}={_literal(value)}" for key, value in self.options.items()]
        return f"{variable} = {archive}.{self.method}({', '.join(parts)})"


@dataclass(frozen=True)
class ExplorerQuery:
    """What the form, or the editor, of an explorer asks.

    Attributes
    ----------
    table : str
        As the archive lists it.
    columns : tuple of str
        Which ones; all where empty.
    center : str
        A position or the name of an object; no cone where empty.
    radius : float
        Of the cone [deg].
    filters : tuple of (str, object)
        A column and what it must be: a pair in a tuple from .. to, both included, None for an
        open side, ``(None, None)`` for any value at all; True or False; a number or text; a list:
        one of them; None: no value. Numbers may be text with a unit, such as ``"5 kK"``.
    limit : int or None
        Rows at most.
    adql : str or None
        A query of one's own, which is asked instead.
    allow_truncated : bool
        Take what came if the archive held back rows.
    """

    table: str = ""
    columns: tuple[str, ...] = ()
    center: str = ""
    radius: float = 0.5
    filters: tuple[tuple[str, Any], ...] = ()
    limit: int | None = None
    adql: str | None = None
    allow_truncated: bool = False

    def text(self, known: TableKnown, place: tuple[float, float] | None, frame: str) -> str:
        """Return the ADQL of the form.

        Parameters
        ----------
        known : TableKnown
            The table.
        place : tuple of float or None
            Where the cone's centre lies [deg]; None without a cone.
        frame : str
            How the archive calls ICRS in POINT and CIRCLE; empty where it is left out.

        Raises
        ------
        InvalidInput
            For an unknown column, or a filter that does not fit its column.
        MissingInput
            If there is a cone, and no column of positions.
        """
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
                f"No columns with positions in degrees are known in table {known.name!r}, so there "
                "is no cone. Choose another table, or write the query in ADQL."
            )
        ra, dec = (column_word(name) for name in found)
        first = f"{_literal_text(frame)}, " if frame else ""
        size = as_radius(self.radius)
        return (
            f"1 = CONTAINS(POINT({first}{ra}, {dec}), "
            f"CIRCLE({first}{place[0]!r}, {place[1]!r}, {size!r}))"
        )


def filter_text(known: TableKnown, name: str, wanted: Any) -> str:
    """Return the ADQL condition of a filter; see `ExplorerQuery.filters`.

    Raises
    ------
    InvalidInput
        If there is no such column, or the filter does not fit it.
    """
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
    """Return the number, or the quantity, that a text stands for; what is no text as it is.

    Raises
    ------
    InvalidInput
        If it stands for none.
    """
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
        raise InvalidInput(f"{info.name}: {text} is no number to compare with.")
    return out


def _quantity(info: ColumnInfo, text: str) -> Any:
    from astropy.units import Quantity

    try:
        found = Quantity(text)
    except (TypeError, ValueError) as error:
        unit = f" (in {info.unit})" if info.unit else ""
        raise InvalidInput(
            f"{info.name}: {text!r} is no number{unit}. Write it as 4500, 1e-3, or with a unit as "
            "in 5 kK."
        ) from error
    return found


def parse_center(text: str) -> Center | None:
    """Return what a cone's centre is: a position, or a name; None for nothing.

    Parameters
    ----------
    text : str
        ``"132.85 +11.81"`` [deg], ``"08:51:18 +11:48:00"`` or ``"8h51m18s +11d48m"``, or a name.

    Raises
    ------
    InvalidInput
        If it is a position outside the sky.
    """
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
        raise InvalidInput(f"{words!r} is no position: {error}.") from error
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
