"""The named errors of stellarnb.

Each one tells a person what happened and what to do next. All inherit `StellarnbError`, so that one
``except`` catches whatever the library raises on purpose; where Python has an error of its own for
such a case, they inherit that too, so that ``except ValueError`` works as one expects.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArchiveDown",
    "CacheMiss",
    "ChecksumMismatch",
    "GridMismatch",
    "Interrupted",
    "InvalidInput",
    "MissingInput",
    "OutOfMemory",
    "OutputError",
    "PartialProducts",
    "QueryError",
    "StellarnbError",
    "TooLarge",
    "Truncated",
    "WeightsNotFound",
]


class StellarnbError(Exception):
    """Base of every error that stellarnb raises on purpose."""

    def __str__(self) -> str:
        """Return the message; a KeyError would put it in quotes."""
        return Exception.__str__(self)


class ArchiveDown(StellarnbError, ConnectionError):
    """An archive cannot be reached, or answers with something that is not an answer."""


class QueryError(StellarnbError, ValueError):
    """A query is not understood; the message shows the position where it breaks."""


class Truncated(StellarnbError):
    """The archive cut the answer short, so the table would be incomplete."""


class PartialProducts(StellarnbError):
    """Fewer products came back than were asked for (raised with ``strict=True`` only)."""


class CacheMiss(StellarnbError):
    """Something that is not in the cache was asked for while offline."""


class GridMismatch(StellarnbError, ValueError):
    """A spectrum is not on the wavelength grid that is wanted."""


class MissingInput(StellarnbError, KeyError):
    """A column, spectrum or other input that is needed was not given."""


class WeightsNotFound(StellarnbError):
    """The weights of a network are not there, or not those of this network."""


class ChecksumMismatch(StellarnbError):
    """A file is not, byte for byte, the one that was published."""


class InvalidInput(StellarnbError, ValueError):
    """A value cannot be used as it is."""


class OutputError(StellarnbError):
    """A result could not be written; no half-written file is left behind."""


class TooLarge(StellarnbError):
    """More was asked for than fits."""


class OutOfMemory(TooLarge, MissingInput, MemoryError):
    """More memory is needed than is free here; the message says what would fit."""


class Interrupted(StellarnbError, KeyboardInterrupt):
    """Work was stopped half-way; what had been finished is in `partial`.

    It is a `KeyboardInterrupt` too, so that Ctrl-C ends a script as always.

    Attributes
    ----------
    partial : object or None
        What was finished, of the type that the interrupted call would have returned.
    """

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial
