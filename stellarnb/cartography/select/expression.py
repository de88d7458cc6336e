"""Read rules as text, such as ``Where("m_h > -1 and abs(Z) < 0.5")``.

The text is parsed into Python's syntax tree and that tree is walked: only what is listed here has
a meaning, nothing of it is ever run as Python.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.select.rules import Mask, Selection
from stellarnb.cartography.tables import column, numbers
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables.convert import as_arrow

__all__ = ["Where"]

_MAX_LENGTH, _MAX_NODES = 2000, 400

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LOGIC: dict[type[Any], Callable[[Any, Any], Any]] = {
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.BitXor: np.logical_xor,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "log10": np.log10,
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "radians": np.radians,
}
_FINITE = "isfinite"
_UNDERSTOOD = (
    *(ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Tuple),
    *(ast.List, ast.Load, ast.In, ast.NotIn, ast.Not, ast.Invert, ast.UAdd, ast.USub),
    *_ARITHMETIC,
    *_LOGIC,
    *_COMPARE,
)


@dataclass(frozen=True)
class Where(Selection):
    """Stars for which an expression is true.

    Column names, numbers and quoted text; ``< <= > >= == !=`` (also chained), ``in (...)``;
    ``and or not`` (or ``& | ~`` between brackets); ``+ - * / // % **``; ``abs sqrt log log10 exp
    sin cos radians``; ``isfinite(column)``. A star with a missing or non-finite value in a named
    column never belongs, unless the column stands inside ``isfinite`` alone. Whole numbers are
    compared exactly, so that ``source_id == 4295806720`` is safe.

    Attributes
    ----------
    text : str
        The expression.

    Raises
    ------
    InvalidInput
        If it is not understood; the message says where.

    Examples
    --------
    >>> Where("m_h > -1 and abs(Z) < 0.5").mask({"m_h": [0.0, 0.0], "Z": [-0.2, 2.0]}).tolist()
    [True, False]
    """

    text: str

    def __post_init__(self) -> None:
        if not _is_text(self.text) or len(self.text) > _MAX_LENGTH:
            raise InvalidInput(f"Where: give an expression of at most {_MAX_LENGTH} characters.")
        _check(self._tree(), self.text)

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        walk = _Walk(as_arrow(table), self.text)
        with np.errstate(all="ignore"):  # 1/0 selects no star; a warning would not help
            value = walk.value(self._tree())
        result = np.broadcast_to(walk.truth(value, self._tree()), (walk.table.num_rows,))
        return result & walk.known

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        nodes = list(ast.walk(self._tree()))
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        found = (node for node in nodes if isinstance(node, ast.Name))
        return frozenset(node.id for node in found if id(node) not in called)

    def _tree(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as one about the backslash in a text
                return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            where = getattr(error, "offset", None)
            at = f" at character {where}" if where else ""
            raise InvalidInput(
                f"{self.text!r} is not a valid expression{at}: {error.args[0]}."
            ) from error


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _refuse(node: ast.AST, text: str, why: str) -> NoReturn:
    piece = ast.get_source_segment(text.strip(), node) or text
    raise InvalidInput(f"{piece!r} in {text!r}: {why}")


def _check(tree: ast.expr, text: str) -> None:
    """Refuse what has no meaning here, before any table is at hand."""
    nodes = list(ast.walk(tree))
    if len(nodes) > _MAX_NODES:
        raise InvalidInput(f"{text[:40]!r}… has too many parts; combine rules with & and |.")
    for node in nodes:
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name not in {*_FUNCTIONS, _FINITE} or len(node.args) != 1 or node.keywords:
                _refuse(node, text, f"use {', '.join(_FUNCTIONS)} or {_FINITE} of one value.")
        elif isinstance(node, ast.Constant) and not isinstance(node.value, (int, float, str)):
            _refuse(node, text, "numbers, text and True or False are understood.")
        elif not isinstance(node, _UNDERSTOOD):
            _refuse(node, text, "this is not supported in a selection.")


class _Walk:
    """One evaluation of an expression on one table."""

    def __init__(self, table: pa.Table, text: str) -> None:
        self.table, self.text = table, text
        self.known: Mask = np.ones(table.num_rows, dtype=bool)

    def value(self, node: ast.expr) -> Any:
        """Return what a part of the expression is: a number, text, or an array [n]."""
        readers: tuple[tuple[type[ast.expr], Callable[[Any], Any]], ...] = (
            (ast.Constant, lambda part: part.value),
            (ast.Name, self._column),
            (ast.Call, self._call),
            (ast.Compare, self._compare),
            (ast.UnaryOp, self._unary),
            (ast.BoolOp, self._logic),
            (ast.BinOp, self._binary),
        )
        for kind, read in readers:
            if isinstance(node, kind):
                return read(node)
        _refuse(node, self.text, "a list is allowed after 'in' only.")

    def truth(self, value: Any, node: ast.expr) -> Any:
        """Return a value that is true or false, or refuse it."""
        if np.asarray(value).dtype != bool:
            _refuse(node, self.text, "it is neither true nor false. Use 'and', 'or', brackets.")
        return value

    def _number(self, node: ast.expr) -> Any:
        value = self.value(node)
        if np.asarray(value).dtype.kind not in "iuf":
            _refuse(node, self.text, "expected a number here.")
        return value

    def _logic(self, node: ast.BoolOp) -> Any:
        parts = [self.truth(self.value(part), part) for part in node.values]
        return reduce(_LOGIC[type(node.op)], parts)

    def _binary(self, node: ast.BinOp) -> Any:
        if type(node.op) in _LOGIC:
            pair = (self.truth(self.value(side), side) for side in (node.left, node.right))
            return _LOGIC[type(node.op)](*pair)
        # As float64: products of int64 would wrap around in silence.
        left, right = (np.float64(self._number(side)) for side in (node.left, node.right))
        return _ARITHMETIC[type(node.op)](left, right)

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            return np.logical_not(self.truth(self.value(node.operand), node.operand))
        value = self._number(node.operand)
        return -value if isinstance(node.op, ast.USub) else value

    def _call(self, node: ast.Call) -> Any:
        name, argument = node.func.id, node.args[0]  # type: ignore[attr-defined]
        if name != _FINITE:
            return _FUNCTIONS[name](self._number(argument))
        before = self.known
        values = np.isfinite(self._number(argument))
        known, self.known = self.known, before
        return values & known

    def _compare(self, node: ast.Compare) -> Any:
        out: Any = True
        left, left_node = self.value(node.left), node.left
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                found = self._is_in(left, left_node, right_node)
                part = found if isinstance(op, ast.In) else np.logical_not(found)
                right = found
            else:
                right = self.value(right_node)
                self._same_kind(left, right, node)
                part = _COMPARE[type(op)](left, right)
            out, left, left_node = np.logical_and(out, part), right, right_node
        return out

    def _is_in(self, left: Any, left_node: ast.expr, right_node: ast.expr) -> Any:
        if not isinstance(right_node, (ast.Tuple, ast.List)):
            _refuse(right_node, self.text, "expected a list after 'in', such as ('thin', 'thick').")
        out: Any = np.zeros(self.table.num_rows, dtype=bool)
        for entry in right_node.elts:
            value = self.value(entry)
            self._same_kind(left, value, left_node)
            out = np.logical_or(out, left == value)
        return out

    def _same_kind(self, left: Any, right: Any, node: ast.expr) -> None:
        kinds = {_kind(left), _kind(right)}
        if len(kinds) > 1:
            _refuse(node, self.text, f"{' and '.join(sorted(kinds))} cannot be compared.")

    def _column(self, node: ast.Name) -> NDArray[Any]:
        names = self.table.column_names
        if node.id not in names:
            near = get_close_matches(node.id, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise MissingInput(f"No column {node.id!r}.{hint} The table has: {', '.join(names)}.")
        values = column(self.table, node.id)
        if pa.types.is_boolean(values.type):
            self.known = self.known & values.is_valid().to_numpy()
            return np.asarray(values.fill_null(False).to_numpy())
        if pa.types.is_integer(values.type):
            self.known = self.known & values.is_valid().to_numpy()
            return np.asarray(values.fill_null(0).to_numpy())
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            self.known = self.known & values.is_valid().to_numpy()
            return np.asarray(values.fill_null("").to_numpy(), dtype=object)
        out = numbers(self.table, node.id)
        self.known = self.known & np.isfinite(out)
        return out


def _kind(value: Any) -> str:
    kind = np.asarray(value).dtype.kind
    return {"b": "true or false", "O": "text", "U": "text"}.get(kind, "a number")
