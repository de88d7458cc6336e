"""Quality cuts: conditions on columns, and how many stars each leaves."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Table

__all__ = ["NoBits", "apply_cuts", "describe_condition"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class NoBits:
    """The condition that none of some bits of a flag is set."""

    bits: tuple[int, ...]  #: Their numbers, from 0

    def __str__(self) -> str:
        return f"without bits {', '.join(map(str, self.bits))}"


def apply_cuts(
    table: Table, cuts: Mapping[str, Any], counts: dict[str, int], *, whose: str
) -> Bools:
    """Return which rows pass some cuts, and count what each one leaves.

    Returns [n].
    """
    passed = np.ones(len(table), dtype=bool)
    for column, condition in cuts.items():
        if column not in table:
            known = ", ".join(table.colnames)
            raise MissingInput(f"A cut asks for {column!r}, which {whose} lacks (it has: {known}).")
        passed &= _passes(column, table[column], condition)
        name = f"{whose}: {column} {describe_condition(condition)}"
        counts[name] = counts.get(name, 0) + int(passed.sum())
    return passed


def describe_condition(condition: Any) -> str:
    """Return a condition for people, such as ``>= 70``."""
    if isinstance(condition, tuple) and len(condition) == 2:
        low, high = condition
        if high is None:
            return f">= {low}"
        return f"<= {high}" if low is None else f"in {low}..{high}"
    if isinstance(condition, NoBits):
        return str(condition)
    if isinstance(condition, list):
        return f"one of {', '.join(map(str, condition))}"
    return f"is {condition}"


def _passes(column: str, values: Any, condition: Any) -> Bools:
    there = ~np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if data.dtype.kind == "f":
        there &= np.isfinite(data)
    try:
        with np.errstate(invalid="ignore"):
            passed: Bools = there & np.asarray(_compare(data, condition), dtype=bool)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{column}={condition!r} cannot be applied to values of type {data.dtype}."
        ) from error
    return passed


def _compare(data: NDArray[Any], condition: Any) -> Any:
    if isinstance(condition, tuple):
        low, high = condition
        at_least = True if low is None else data >= low
        return at_least & (True if high is None else data <= high) & np.ones(len(data), bool)
    if isinstance(condition, NoBits):
        if data.dtype.kind not in "iu":
            raise TypeError("bits are of whole numbers")
        return (data.astype(np.int64) & sum(1 << bit for bit in condition.bits)) == 0
    if isinstance(condition, list):
        return np.isin(data, condition)
    if isinstance(condition, (bool, np.bool_)):
        return data.astype(bool) == bool(condition)
    if isinstance(condition, (str, numbers.Real)):
        return data == condition
    raise TypeError("unknown")
