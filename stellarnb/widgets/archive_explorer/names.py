"""Write variables of the user's notebook, but none that an explorer did not make."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from stellarnb.errors import InvalidInput
from stellarnb.widgets.core.variables import check_variable

__all__ = ["OwnNames"]


class OwnNames:
    """The user's variables (None: there are none); replaces only what was written from here."""

    def __init__(self, namespace: MutableMapping[str, Any] | None) -> None:
        self._namespace = namespace
        self._last: dict[str, Any] = {}

    def check(self, name: str, *, overwrite: bool) -> None:
        """Refuse a name whose variable was not written from here."""
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
        """Forget the values that were written; the variables stay."""
        self._last = {}
