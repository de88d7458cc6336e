"""The variables of the user's that an explorer may write: none that somebody else has set."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from stellarnb.errors import InvalidInput
from stellarnb.widgets.core.variables import check_variable

__all__ = ["OwnNames"]


class OwnNames:
    """Writes variables, and over nothing that was not written from here.

    Parameters
    ----------
    namespace : mutable mapping or None
        The variables; None where there are none.
    """

    def __init__(self, namespace: MutableMapping[str, Any] | None) -> None:
        self._namespace = namespace
        self._last: dict[str, Any] = {}

    def check(self, name: str, *, overwrite: bool) -> None:
        """Refuse a name whose variable is not ours to replace.

        Raises
        ------
        InvalidInput
            If it is no name, or the variable is there and was not written from here.
        """
        check_variable(name)
        space = self._namespace
        if space is None or overwrite or name not in space:
            return
        value = space[name]
        if name in self._last and value is self._last[name]:
            return
        raise InvalidInput(
            f"There is a variable {name} already (a {type(value).__name__}) that was not made here; "
            "it stays as it is. Choose another name, or tick 'replace a variable that is there'."
        )

    def put(self, name: str, value: Any, *, overwrite: bool) -> bool:
        """Set a variable; return whether there is anywhere to set one. See `check`."""
        self.check(name, overwrite=overwrite)
        if self._namespace is None:
            return False
        self._namespace[name] = value
        self._last = {**self._last, name: value}
        return True

    def close(self) -> None:
        """Hold on to no value that was written; the variables stay."""
        self._last = {}
