"""The keywords that all archives take: limits, patience, progress, cancelling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from stellarnb.archives.base.conditions import check_limit
from stellarnb.errors import Interrupted, InvalidInput, Truncated
from stellarnb.progress import Cancel
from stellarnb.tables import Result

__all__ = ["QueryOptions"]


@dataclass(frozen=True)
class QueryOptions:
    """Hold the keywords of a call; see `stellarnb.archives.base.archive.Archive.query`."""

    async_: bool | None = None
    maxrec: int | None = None
    allow_truncated: bool = False
    refresh: bool = False
    timeout: float | None = None
    deadline: float | None = None
    budget: Any = None
    cancel: Cancel | None = None
    progress: bool | Callable[[Any], None] = True

    def __post_init__(self) -> None:
        if self.maxrec is not None:
            object.__setattr__(self, "maxrec", check_limit(self.maxrec))
        for name in ("timeout", "deadline"):
            value = getattr(self, name)
            if value is not None and not _is_number(value):
                raise InvalidInput(f"{name}={value!r}: expected a number of seconds, or None.")
        if self.cancel is not None and not callable(getattr(self.cancel, "is_set", None)):
            raise InvalidInput(
                f"cancel={self.cancel!r}: expected a stellarnb.progress.Cancel, or None."
            )
        progress: Any = self.progress
        if isinstance(progress, str):
            raise InvalidInput(f"progress={progress!r}: expected True, False or a function.")

    @classmethod
    def merged(cls, more: Mapping[str, Any] | None, **named: Any) -> Self:
        """Return named keywords together with those of a mapping, which may hold any of them."""
        known = [field.name for field in fields(cls)]
        for name in more or {}:
            if name not in known:
                raise InvalidInput(
                    f"There is no option {name!r}; check the spelling (options: "
                    f"{', '.join(sorted(known))})."
                )
        return cls(**{**named, **(more or {})})

    @property
    def shows_bar(self) -> bool:
        """Whether a progress bar is wanted, rather than none or a function that is called."""
        return bool(self.progress) and not callable(self.progress)

    def start(self, archive: str) -> Self:
        """Raise `Interrupted` if the call was cancelled before it began; else return itself."""
        if self.cancel is not None and self.cancel.is_set():
            raise Interrupted(f"Stopped before {archive!r} was asked.")
        return self

    def limited(self, result: Result, archive: str) -> Result:
        """Return at most `maxrec` rows of a complete answer; raise `Truncated` if not allowed."""
        if self.maxrec is None or len(result) <= self.maxrec:
            return result
        if not self.allow_truncated:
            raise Truncated(
                f"{archive!r} has {len(result):,} rows for this, more than maxrec={self.maxrec:,}. "
                "Ask for fewer (WHERE or TOP), raise maxrec=, or pass allow_truncated=True."
            )
        missing = result.missing
        out = result.take(slice(0, self.maxrec))
        out.truncated, out.missing = True, missing
        out.provenance = {**out.provenance, "rows": len(out), "maxrec": self.maxrec}
        return out


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return not math.isnan(float(value)) and not isinstance(value, str)
    except (TypeError, ValueError):
        return False
