"""Labels against a reference: chosen among the tables of the notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from stellarnb.errors import InvalidInput
from stellarnb.tables import Labels
from stellarnb.tables.names import SURVEYS
from stellarnb.widgets.core.components import Fold
from stellarnb.widgets.core.tables import html_words
from stellarnb.widgets.core.variables import name_of, tables_of_user
from stellarnb.widgets.parametrizer.table import comparison_html

__all__ = ["Comparison"]

_NONE = "(none)"
_GIVEN = "(as given)"
_OWN = "our own names"


class Comparison(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Choose a reference, and see bias, sigma and pull of the good stars."""

    def __init__(
        self, guarded: Callable[[Callable[[], None]], Any], labels: Callable[[], Labels | None]
    ) -> None:
        self._labels_of = labels
        self._told: Callable[[Any], None] | None = None
        self.reference: Any = None
        self._menu = ipw.Dropdown(options=[_NONE], description="reference", tooltip=".reference")
        self._survey = ipw.Dropdown(options=[_OWN, *SURVEYS], description="names of")
        self._look = ipw.Button(description="Look for tables", layout={"width": "auto"})
        self._look.tooltip = "Look for tables with a source_id among the notebook's variables"
        self._html = ipw.HTML()
        self._menu.observe(lambda change: guarded(self._picked), "value")
        self._survey.observe(lambda change: guarded(self.update), "value")
        self._look.on_click(lambda _: guarded(self.look))
        row = [self._menu, self._survey, self._look]
        inside = ipw.VBox([ipw.HBox(row, layout={"flex_flow": "row wrap"}), self._html])
        self._folded = Fold("Comparison with a reference", inside)
        super().__init__([self._folded], layout=ipw.Layout(width="100%", min_width="0"))
        self.look()

    @property
    def survey(self) -> str | None:
        """Whose column names the reference has; None for our own."""
        value = self._survey.value
        return None if value == _OWN else str(value)

    @survey.setter
    def survey(self, name: str | None) -> None:
        if name is not None and name not in SURVEYS:
            raise InvalidInput(
                f"survey={name!r} is unknown: give None, or one of {', '.join(SURVEYS)}."
            )
        self._survey.value = _OWN if name is None else name

    def on_change(self, told: Callable[[Any], None]) -> None:
        """Call this with the reference that was picked."""
        self._told = told

    def look(self) -> None:
        """List the tables with a source_id among the variables of the notebook."""
        found = sorted(tables_of_user())
        given = [_GIVEN] if self.reference is not None else []
        chosen = self._menu.value
        self._menu.options = [_NONE, *given, *found]
        if chosen in self._menu.options:
            self._menu.value = chosen

    def set_reference(self, table: Any) -> None:
        """Compare with this table."""
        if table is self.reference and table is not None:
            return
        self.reference = table
        self.look()
        if table is not None and self._menu.value == _NONE:
            self._menu.value = _GIVEN
        self.update()

    def update(self) -> None:
        """Compare anew."""
        labels = self._labels_of()
        if self.reference is None or labels is None:
            words = "Choose a table with a source_id and labels; the good() stars are compared."
            self._html.value = html_words(words)
            return
        table = labels.good().compare(self.reference, survey=self.survey)
        name = name_of(self.reference, "the reference")
        self._html.value = comparison_html(table, f"{labels.model} minus {name}, good() stars")
        self._folded.shown = True

    def to_code(self) -> str:
        """Return Python that makes the comparison; empty where there is none."""
        if self.reference is None:
            return ""
        survey = "" if self.survey is None else f", survey={self.survey!r}"
        return f"comparison = good.compare({name_of(self.reference, 'reference')}{survey})\n"

    def _picked(self) -> None:
        name = self._menu.value
        if name == _GIVEN:
            return
        table = None if name == _NONE else tables_of_user().get(name)
        self.reference = table
        if self._told is not None:
            self._told(table)
        self.update()
