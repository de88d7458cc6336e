"""What a check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Finding", "Verdict", "failed", "ok", "warning"]

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do about it.

    Attributes
    ----------
    check : str
        What was looked at.
    verdict : {"ok", "warning", "failed"}
        A warning lets most things work; what failed breaks something.
    found : str
        In words.
    remedy : str
        What to do; empty where nothing has to be done.
    details : mapping
        The same for programs, such as the version of each package.
    """

    check: str
    verdict: Verdict
    found: str
    remedy: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        row = {name: getattr(self, name) for name in ("check", "verdict", "found", "remedy")}
        return row | {"details": dict(self.details)}


def ok(check: str, found: str, remedy: str = "", /, **details: Any) -> Finding:
    """Return that all is well; a remedy is then what one may do, not what one must."""
    return Finding(check, "ok", found, remedy, details)


def warning(check: str, found: str, remedy: str, /, **details: Any) -> Finding:
    """Return that something is missing that most work does without."""
    return Finding(check, "warning", found, remedy, details)


def failed(check: str, found: str, remedy: str, /, **details: Any) -> Finding:
    """Return that something is broken."""
    return Finding(check, "failed", found, remedy, details)
