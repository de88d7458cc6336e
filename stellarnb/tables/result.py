"""What an archive returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellarnb.tables.table import Table

__all__ = ["Result"]


class Result(Table):
    """The answer of an archive to a query.

    Parameters
    ----------
    arrow, units, descriptions, provenance
        See `stellarnb.tables.table.Table`.
    truncated : bool, optional
        Whether the archive held back rows.
    missing : sequence of int, optional
        Identifiers that were asked for and are not in the archive.
    """

    truncated: bool = False
    missing: tuple[int, ...] = ()

    def __init__(
        self,
        arrow: Any,
        *,
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
        provenance: Mapping[str, Any] | None = None,
        truncated: bool = False,
        missing: tuple[int, ...] = (),
    ) -> None:
        super().__init__(arrow, units=units, descriptions=descriptions, provenance=provenance)
        self.truncated = truncated
        self.missing = tuple(missing)

    def cite(self) -> str:
        """Return the credit lines that belong to these rows, one a line."""
        return "\n".join(self.provenance.get("credits", ()))
