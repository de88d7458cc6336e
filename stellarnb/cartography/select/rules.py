"""Select stars by rules that give a mask, combine with ``& | ~``, and can be saved.

A rule writes itself as Python (`Selection.to_code`) and as JSON (`Selection.to_json`), and either
way back it gives the same mask, star by star.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.tables import column, numbers
from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.tables import Table
from stellarnb.tables.convert import as_arrow

__all__ = ["All", "AnyOf", "Between", "Flag", "Not", "Selection", "as_code", "rising_pair"]

Mask = NDArray[np.bool_]
#: How deeply rules may be nested in JSON: deeper input is refused.
_MAX_DEPTH = 64


class Selection(ABC):
    """A rule that says of each star whether it belongs.

    A star with a missing or non-finite value never belongs to a rule that looks at this value;
    ``~rule`` takes all the other stars, so also those.

    Examples
    --------
    >>> rule = Between("m_h", -1.0, 0.5) & ~Flag("binary")
    >>> rule.mask({"m_h": [0.0, -2.0, 0.1], "binary": [False, False, True]}).tolist()
    [True, False, False]
    >>> Selection.from_json(rule.to_json()) == rule
    True
    """

    _kinds: ClassVar[dict[str, type[Selection]]] = {}

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):
            Selection._kinds[cls.__name__] = cls

    @abstractmethod
    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""

    @property
    @abstractmethod
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""

    def table(self, table: Any) -> Table:
        """Return the rows that belong, as a table of the same kind (or a plain `Table`)."""
        own = table if isinstance(table, Table) else Table(table)
        return own.take(self.mask(own))

    def __and__(self, other: Selection) -> Selection:
        """Return the rule that requires both."""
        return All((*_parts(self, All), *_parts(other, All)))

    def __or__(self, other: Selection) -> Selection:
        """Return the rule that requires one or both."""
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __invert__(self) -> Selection:
        """Return the rule that takes all the other stars."""
        return self.rule if isinstance(self, Not) else Not(self)

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        values = (getattr(self, entry.name) for entry in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(map(as_code, values))})"

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        return [type(self).__name__]

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain values that JSON knows."""
        return {"rule": type(self).__name__, **_plain(asdict(self))}  # type: ignore[call-overload]

    def to_json(self) -> str:
        """Return the rule as JSON text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Selection:
        """Return the rule that `to_json` wrote.

        Raises
        ------
        InvalidInput
            If the text is not a rule.
        """
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"Not a rule in JSON: {error}") from error
        return cls.from_dict(entry)

    @classmethod
    def from_dict(cls, entry: Any, depth: int = 0) -> Selection:
        """Return the rule that `to_dict` wrote.

        Raises
        ------
        InvalidInput
            If it is not a rule.
        """
        kind = entry.get("rule") if isinstance(entry, dict) else None
        rule = Selection._kinds.get(kind) if isinstance(kind, str) else None
        if rule is None or depth > _MAX_DEPTH:
            known = ", ".join(Selection._kinds)
            raise InvalidInput(f"{str(entry)[:80]} is not a rule. Rules are: {known}.")
        try:
            return rule.read_values({k: v for k, v in entry.items() if k != "rule"}, depth + 1)
        except StellarnbError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvalidInput(f"Invalid values for the rule {kind}: {error}") from error

    @classmethod
    def read_values(cls, values: dict[str, Any], depth: int) -> Self:  # noqa: ARG003
        """Return the rule of these plain values; `depth` is for rules made of rules."""
        return cls(**values)


@dataclass(frozen=True)
class Between(Selection):
    """Stars with ``low <= column <= high``.

    Attributes
    ----------
    column : str
        A numeric column.
    low, high : float
        Both ends belong; either may be infinite.

    Raises
    ------
    InvalidInput
        If an end is NaN or the lower one is above the upper one.

    Examples
    --------
    >>> Between("m_h", -1.0, 0.5).mask({"m_h": [0.0, -2.0, float("nan")]}).tolist()
    [True, False, False]
    """

    column: str
    low: float
    high: float

    def __post_init__(self) -> None:
        rising_pair(self, "low", "high", f"Between({self.column!r})")

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        values = numbers(table, self.column)
        result: Mask = np.isfinite(values) & (values >= self.low) & (values <= self.high)
        return result

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return frozenset({self.column})


@dataclass(frozen=True)
class Flag(Selection):
    """Stars whose boolean column is `wanted`.

    Attributes
    ----------
    column : str
        A boolean column, such as ``good``.
    wanted : bool
        The value that belongs.

    Examples
    --------
    >>> Flag("good", False).mask({"good": [True, False]}).tolist()
    [False, True]
    """

    column: str
    wanted: bool = True

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        flags = column(table, self.column)
        if not pa.types.is_boolean(flags.type):
            raise InvalidInput(f"Column {self.column!r} is {flags.type}, not true or false.")
        values: Mask = flags.fill_null(not self.wanted).to_numpy() == self.wanted
        return values

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return frozenset({self.column})

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return f"Flag({self.column!r})" if self.wanted else f"Flag({self.column!r}, False)"


class _Several(Selection):
    """Share the methods of rules that are made of rules."""

    parts: tuple[Selection, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rules read."""
        return frozenset().union(*(part.columns for part in self.parts))

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        found = {name for part in self.parts for name in part.names()}
        return sorted(found) or [type(self).__name__]

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain values that JSON knows."""
        return {"rule": type(self).__name__, "parts": [part.to_dict() for part in self.parts]}

    @classmethod
    def read_values(cls, values: dict[str, Any], depth: int) -> Self:
        """Return the rule of these plain values, with the rules in it."""
        parts = tuple(Selection.from_dict(part, depth) for part in values.pop("parts"))
        return cls(parts=parts, **values)  # type: ignore[call-arg]


@dataclass(frozen=True)
class All(_Several):
    """Stars that each of some rules takes; without any rule, every star."""

    parts: tuple[Selection, ...] = ()

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        result = np.ones(as_arrow(table).num_rows, dtype=bool)
        for part in self.parts:
            result &= part.mask(table)
        return result

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return " & ".join(_bracketed(part, AnyOf) for part in self.parts) or "All()"


@dataclass(frozen=True)
class AnyOf(_Several):
    """Stars that at least one of some rules takes; without any rule, no star."""

    parts: tuple[Selection, ...] = ()

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        result = np.zeros(as_arrow(table).num_rows, dtype=bool)
        for part in self.parts:
            result |= part.mask(table)
        return result

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return " | ".join(part.to_code() for part in self.parts) or "AnyOf()"


@dataclass(frozen=True)
class Not(Selection):
    """Stars that a rule does not take, those without the value that it looks at too."""

    rule: Selection

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        return ~self.rule.mask(table)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return self.rule.columns

    def names(self) -> list[str]:
        """Return the names that the expression of `to_code` needs from this package."""
        return self.rule.names()

    def to_code(self) -> str:
        """Return the Python expression that makes this rule again."""
        return f"~{_bracketed(self.rule, (All, AnyOf))}"

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain values that JSON knows."""
        return {"rule": "Not", "of": self.rule.to_dict()}

    @classmethod
    def read_values(cls, values: dict[str, Any], depth: int) -> Self:
        """Return the rule of these plain values, with the rules in it."""
        return cls(Selection.from_dict(values["of"], depth))


def _parts(selection: Selection, kind: type[All | AnyOf]) -> tuple[Selection, ...]:
    return selection.parts if isinstance(selection, kind) and selection.parts else (selection,)


def _bracketed(part: Selection, kinds: Any) -> str:
    code = part.to_code()
    return f"({code})" if isinstance(part, kinds) else code


def rising_pair(selection: Selection, low: str, high: str, name: str) -> None:
    """Make both ends plain floats, so that their text is exact Python, and check their order."""
    try:
        ends = float(getattr(selection, low)), float(getattr(selection, high))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}: {error}") from error
    if not ends[0] <= ends[1]:  # true for NaN as well
        raise InvalidInput(f"{name}: {ends[0]}..{ends[1]} is not a rising pair.")
    object.__setattr__(selection, low, ends[0])
    object.__setattr__(selection, high, ends[1])


def as_code(value: Any) -> str:
    """Return Python that makes a plain value again, infinite numbers too."""
    if isinstance(value, tuple):
        inside = ", ".join(map(as_code, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _plain(value: Any) -> Any:
    """Return tuples as lists and infinite numbers as words, as JSON has neither."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
