"""What the parts of an archive explorer may use of the explorer itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from stellarnb.widgets.archive_explorer.query import ExplorerQuery

__all__ = ["ExplorerControls"]


class ExplorerControls(Protocol):
    """The traits and actions of `ArchiveExplorer` that its form, panel and runs use."""

    archive: Any
    mode: Any
    table: Any
    columns: Any
    center: Any
    radius: Any
    filters: Any
    limit: Any
    adql: Any
    variable: Any
    spectra_variable: Any
    overwrite: Any
    product: Any
    result: Any
    spectra: Any
    rows: Any

    @property
    def query(self) -> ExplorerQuery:
        """The query as the form or the editor holds it now."""

    def observe(self, handler: Any, names: Any) -> None:
        """Call a function whenever one of these traits changes."""

    def set_trait(self, name: str, value: Any) -> None:
        """Set a trait by its name."""

    def guarded(self, work: Callable[[], Any]) -> bool:
        """Do what a control asks for, and show any error in the widget."""

    def say_error(self, error: BaseException | str | None) -> None:
        """Show an error in the foot, or remove the one that is there."""

    def choose_archive(self, archive: Any, **options: Any) -> None:
        """Open another archive."""

    def edit_as_adql(self) -> None:
        """Put the form's query into the editor."""

    def preview(self) -> None:
        """Show the first rows."""

    def estimate(self) -> None:
        """Have the rows counted."""

    def run(self) -> None:
        """Run the query."""

    def fetch_spectra(self, product: str | None = None) -> None:
        """Fetch the spectra of the result."""

    def recall(self, number: int = 0) -> None:
        """Put a query of the history back into the form or the editor."""

    def rerun(self, number: int = 0) -> None:
        """Run a query of the history again."""
