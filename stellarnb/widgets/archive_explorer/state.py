"""An explorer's queries and history as plain values for JSON, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from stellarnb.archives.transport.request import scrub_url
from stellarnb.errors import InvalidInput
from stellarnb.widgets.archive_explorer.query import ExplorerQuery

__all__ = [
    "OPTIONS",
    "Entry",
    "check_address",
    "check_filters",
    "check_limit",
    "check_radius",
    "filter_values",
    "query_from",
    "query_values",
]

#: Keywords of `open_archive` that an explorer passes on.
OPTIONS = ("url", "mirror", "data_url", "offline", "cache")
#: What one side of a range, or a single value, may be.
_VALUES = (bool, int, float, str)


@dataclass(frozen=True)
class Entry:
    """One query of the history; its time is UTC, its rows are None if it failed or was stopped."""

    archive: str
    options: Mapping[str, Any]
    query: ExplorerQuery
    time: str
    rows: int | None
    note: str = ""

    @property
    def words(self) -> str:
        """One line for the list."""
        came = f"{self.rows:,} rows" if self.rows is not None else (self.note or "no answer")
        came = came if len(came) <= 70 else f"{came[:70]}…"
        query = self.query
        if query.adql is not None:
            what = " ".join(query.adql.split())
        else:
            cone = f", {query.radius:g}° around {query.center}" if query.center else ""
            named = ", ".join(name for name, _ in query.filters)
            filters = f", filters on {named}" if named else ""
            what = f"{query.table}{cone}{filters}"
        short = what if len(what) <= 70 else f"{what[:70]}…"
        return f"{self.time[11:19]} {self.archive}: {came} · {short}"

    def values(self) -> dict[str, Any]:
        """Return the entry as plain values."""
        return {
            "archive": self.archive,
            "options": dict(self.options),
            "query": query_values(self.query),
            "time": self.time,
            "rows": self.rows,
            "note": self.note,
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Entry:
        """Return the entry that plain values describe."""
        rows = values["rows"]
        if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 0):
            raise InvalidInput(f"The number of rows in the history cannot be {rows!r}.")
        return cls(
            _text(values["archive"]),
            read_options(values["options"]),
            query_from(values["query"]),
            _text(values["time"]),
            rows,
            _text(values["note"]),
        )


def query_values(query: ExplorerQuery) -> dict[str, Any]:
    """Return a query as plain values."""
    return {
        "table": query.table,
        "columns": list(query.columns),
        "center": query.center,
        "radius": query.radius,
        "filters": filter_values(dict(query.filters)),
        "limit": query.limit,
        "adql": query.adql,
        "allow_truncated": query.allow_truncated,
    }


def query_from(values: Mapping[str, Any]) -> ExplorerQuery:
    """Return the query that plain values describe."""
    adql = values["adql"]
    truncated = values["allow_truncated"]
    if not isinstance(truncated, bool):
        raise InvalidInput(f"allow_truncated must be true or false, not {truncated!r}.")
    return ExplorerQuery(
        _text(values["table"]),
        tuple(_text(name) for name in values["columns"]),
        _text(values["center"]),
        check_radius(values["radius"]),
        tuple(_filters(values["filters"]).items()),
        check_limit(values["limit"]),
        None if adql is None else _text(adql),
        truncated,
    )


def filter_values(filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return filters as plain values that tell a range, a list and a single value apart."""
    out = []
    for name, wanted in filters.items():
        if isinstance(wanted, tuple):
            out.append({"column": name, "range": list(wanted)})
        elif isinstance(wanted, list):
            out.append({"column": name, "one_of": list(wanted)})
        else:
            out.append({"column": name, "is": wanted})
    return out


def check_filters(filters: Any) -> dict[str, Any]:
    """Return filters as values that can be saved: a Quantity becomes text with its unit."""
    if not isinstance(filters, Mapping):
        raise InvalidInput(
            "filters must be a dict of columns and their wanted values, such as "
            "{'snr': (100, None)}."
        )
    return {_text(name): _wanted(str(name), wanted) for name, wanted in filters.items()}


def check_limit(limit: Any) -> int | None:
    """Return a limit of rows; None means no limit."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit <= 2**53:
        raise InvalidInput(f"limit must be a whole number of rows or None, not {limit!r}.")
    return limit


def check_radius(radius: Any) -> float:
    """Return the radius of a cone [deg]."""
    from stellarnb.archives.base.positions import as_radius

    if isinstance(radius, bool):
        raise InvalidInput(f"radius must be a number of degrees, not {radius}.")
    return as_radius(radius)


def check_address(name: str) -> str:
    """Return an archive's name or address; refuse an address with a password."""
    if "://" not in name:
        return name
    try:
        userinfo = "@" in urlsplit(name).netloc
    except ValueError as error:
        raise InvalidInput(f"The address {scrub_url(name)} is not valid.") from error
    if userinfo or scrub_url(name).lower() != name.partition("#")[0].lower():
        raise InvalidInput(
            f"The address {scrub_url(name)} came with a password or a key, which would be saved "
            "with the notebook. Leave it out, or open the archive in Python and give the object."
        )
    return name


def read_options(values: Any) -> dict[str, Any]:
    """Return checked keywords of `open_archive` that came from a file."""
    if not isinstance(values, Mapping) or set(values) - set(OPTIONS):
        raise InvalidInput(
            f"The options of an archive are {', '.join(OPTIONS)}; {values!r} does not fit them."
        )
    out: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(value, bool if key in {"offline", "cache"} else str):
            kind = "true or false" if key in {"offline", "cache"} else "a text"
            raise InvalidInput(f"The option {key} must be {kind}, not {value!r}.")
        out[key] = check_address(value) if isinstance(value, str) else value
    return out


def _filters(values: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for entry in values:
        name = _text(entry["column"])
        if "range" in entry:
            out[name] = tuple(entry["range"])
        elif "one_of" in entry:
            out[name] = list(entry["one_of"])
        else:
            out[name] = entry["is"]
    return check_filters(out)


def _wanted(name: str, wanted: Any) -> Any:
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise InvalidInput(f"{name}: a range is a pair (low, high); None leaves a side open.")
        return tuple(None if side is None else _value(name, side) for side in wanted)
    if isinstance(wanted, (list, set, frozenset)):
        return [_value(name, item) for item in wanted]
    return None if wanted is None else _value(name, wanted)


def _value(name: str, value: Any) -> Any:
    if hasattr(value, "to_value") and hasattr(value, "unit"):
        return f"{float(value.value)!r} {value.unit}".strip()
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of numpy's
        value = value.item()
    if not isinstance(value, _VALUES):
        raise InvalidInput(f"{name}: give a number, a text, True or False, not {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"{name}: {value} cannot be compared with. Give a finite number.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"A text was expected, not {value!r}.")
    return value
