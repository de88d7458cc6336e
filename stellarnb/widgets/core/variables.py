"""Results of widgets as variables of the user's notebook."""

from __future__ import annotations

import builtins
import keyword
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary, ref

from stellarnb.errors import InvalidInput
from stellarnb.tables.names import find_column

__all__ = ["check_variable", "name_of", "put_variable", "tables_of_user", "user_variables"]

#: What widgets have put into the variables of a shell: the values, by name.
_PUT: WeakKeyDictionary[Any, dict[str, ref[Any]]] = WeakKeyDictionary()


def check_variable(name: str) -> str:
    """Return the name of a variable that may be written; InvalidInput for any other."""
    text = str(name).strip()
    bad = not text.isidentifier() or keyword.iskeyword(text) or text.startswith("_")
    if bad or hasattr(builtins, text) or text in {"In", "Out", "get_ipython", "exit", "quit"}:
        raise InvalidInput(
            f"{name!r} cannot be the name of a variable here: use letters, digits and _, such as "
            "'labels'."
        )
    return text


def user_variables() -> dict[str, Any] | None:
    """Return the variables of the user's notebook, or None outside one."""
    shell = _shell()
    return None if shell is None else shell.user_ns


def put_variable(name: str, value: Any) -> str | None:
    """Put a result into a variable of the notebook and return its name; None outside a notebook.

    What a widget put there is replaced; beside a value of the user it goes to ``name_2`` and so on.
    """
    wanted = check_variable(name)
    shell = _shell()
    if shell is None:
        return None
    space, ours = shell.user_ns, _PUT.setdefault(shell, {})
    taken, number = wanted, 1
    while taken in space and not _is_ours(ours.get(taken), space[taken]):
        number += 1
        taken = f"{wanted}_{number}"
    space[taken] = value
    ours[taken] = ref(value)
    return taken


def _is_ours(put: ref[Any] | None, value: Any) -> bool:
    return put is not None and put() is value


def _shell() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def name_of(value: Any, default: str) -> str:
    """Return the variable of the notebook that holds this very object, or a default."""
    for name, held in list((user_variables() or {}).items()):
        if held is value and value is not None and not name.startswith("_"):
            return name
    return default


def tables_of_user() -> dict[str, Any]:
    """Return the tables of the notebook that have a source_id, by the name of the variable."""
    found = {}
    for name, value in list((user_variables() or {}).items()):
        names = getattr(value, "colnames", None) or getattr(value, "columns", None)
        if name.startswith("_") or isinstance(value, type) or names is None:
            continue
        with suppress(Exception):  # whatever calls its attributes so is not ours to judge
            if find_column([str(column) for column in names], "source_id") is not None:
                found[name] = value
    return found
