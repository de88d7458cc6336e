"""What an archive explorer does and shows below its form: buttons, notes, table, history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import traitlets

from stellarnb.widgets.archive_explorer.contract import ExplorerControls
from stellarnb.widgets.archive_explorer.form import row, words
from stellarnb.widgets.archive_explorer.state import Entry
from stellarnb.widgets.archive_explorer.table import TablePager

if TYPE_CHECKING:
    from stellarnb.spectra import SpectrumSet
    from stellarnb.tables import Result

__all__ = ["Panel"]

#: Identifiers that are named where something is missing.
_MOST_NAMED = 5
_STYLE = {"description_width": "initial"}


class Panel:
    """The buttons that act on a query, and what came of them."""

    def __init__(self, view: ExplorerControls) -> None:
        self._view = view
        self.pager = TablePager()
        self._estimate, self._note, self._spectra_note = ipw.HTML(), ipw.HTML(), ipw.HTML()
        self._partial = _box(view, "allow_truncated", "take an incomplete answer")
        self._product = ipw.Dropdown(
            description="spectra",
            tooltip=".product",
            style=_STYLE,
            layout=ipw.Layout(width="240px"),
        )
        self._product.observe(lambda _: self._product_told(), "value")
        self._spectra = row(
            self._product,
            self._button("Fetch spectra", ".fetch_spectra()", view.fetch_spectra),
            _name_field(view, "spectra_variable", "spectra in variable"),
        )
        self._list = ipw.Select(
            description="history",
            tooltip=".history",
            rows=4,
            style=_STYLE,
            layout=ipw.Layout(width="95%"),
        )
        again = self._button("Run again", ".rerun(i)", lambda: view.rerun(self._chosen))
        back = self._button("Back to this query", ".recall(i)", lambda: view.recall(self._chosen))
        self._history = ipw.VBox([self._list, row(again, back)])
        self._history.layout.display = "none"
        actions = row(
            self._button("Preview 50 rows", ".preview()", view.preview),
            self._button("Estimate rows", ".estimate()", view.estimate),
            self._button("Run", ".run()", view.run, "primary"),
            _name_field(view, "variable", "result in variable"),
            _box(view, "overwrite", "replace a variable that is there"),
            self._partial,
        )
        self.above = (actions,)
        self.below = (
            *(self._estimate, self._note, self.pager),
            *(self._spectra, self._spectra_note, self._history),
        )

    def show_archive(self, products: Sequence[str], *, remote: bool) -> None:
        """Show what an archive has: spectra, and answers that may be incomplete."""
        self._partial.layout.display = "" if remote else "none"
        self._spectra.layout.display = "" if products else "none"
        self._product.options = [
            (f"{product} (usual)" if i == 0 else product, product)
            for i, product in enumerate(products)
        ]
        self.show_product()

    def show_product(self) -> None:
        """Show which spectra are chosen."""
        known = [product for _, product in self._product.options]
        if known:
            self._product.value = self._view.product or known[0]

    def show_rows(self, text: str) -> None:
        """Show how many rows were counted; nothing where that is not known any more."""
        self._estimate.value = words(text)

    def show_preview(self, rows: Result, archive: str) -> None:
        """Show the first rows of a query."""
        self.pager.show(rows, f"Preview: the first {len(rows)} rows from {archive}")

    def show_result(self, found: Result, where: str, archive: str, limit: int | None) -> None:
        """Show an answer, where it is, and what it lacks."""
        lines = [
            words(
                f"{_counted(len(found), 'row')} × {_counted(len(found.colnames), 'column')}, {where}"
            )
        ]
        if found.truncated:
            lines.append(
                words("Incomplete: the archive held back rows (.result.truncated).", warn=True)
            )
        if found.missing:
            lines.append(words(_missing_words(found.missing, "not in the archive"), warn=True))
        if limit is not None and len(found) == limit:
            lines.append(words(f"That is as many as were asked for (.limit = {limit:,})."))
        self._note.value = "".join(lines)
        self._spectra_note.value = ""
        self.pager.show(found, f"{self._view.variable}: the result from {archive}")

    def show_spectra(self, found: SpectrumSet, where: str, product: str) -> None:
        """Show how many spectra there are, where they are, and which stars have none."""
        lines = [words(f"{len(found):,} spectra ({product}), {where}")]
        if found.missing:
            said = _missing_words(found.missing, f"without a spectrum {product}")
            lines.append(words(f"{said} (.spectra.missing)", warn=True))
        self._spectra_note.value = "".join(lines)

    def show_history(self, entries: Sequence[Entry]) -> None:
        """Show what was run."""
        self._list.options = [(entry.words, i) for i, entry in enumerate(entries)]
        self._list.value = 0 if entries else None
        self._history.layout.display = "" if entries else "none"

    @property
    def notes(self) -> str:
        """The words on show, as HTML."""
        return f"{self._estimate.value}{self._note.value}{self._spectra_note.value}"

    @property
    def _chosen(self) -> int:
        return 0 if self._list.value is None else int(self._list.value)

    def _product_told(self) -> None:
        chosen = self._product.value
        # The usual one need not be named.
        if (
            chosen is not None
            and chosen != self._view.product
            and (self._view.product or chosen != self._product.options[0][1])
        ):
            self._view.guarded(lambda: self._view.set_trait("product", chosen))

    def _button(
        self, description: str, twin: str, act: Callable[[], None], style: str = ""
    ) -> ipw.Button:
        button = ipw.Button(
            description=description,
            tooltip=twin,
            button_style=style,
            layout=ipw.Layout(width="auto"),
        )
        button.on_click(lambda _: self._view.guarded(act))
        return button


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _missing_words(missing: Sequence[Any], what: str) -> str:
    named = ", ".join(str(star) for star in missing[:_MOST_NAMED])
    more = ", …" if len(missing) > _MOST_NAMED else ""
    return f"{_counted(len(missing), 'star')} {what}: {named}{more}"


def _name_field(view: ExplorerControls, trait: str, description: str) -> ipw.Widget:
    """Return a field for the name of a variable."""
    field = ipw.Text(
        value=getattr(view, trait),
        description=description,
        tooltip=f".{trait}",
        continuous_update=False,
        style=_STYLE,
        layout=ipw.Layout(width="260px", max_width="100%"),
    )
    field.observe(
        lambda change: view.guarded(lambda: view.set_trait(trait, change["new"].strip())), "value"
    )
    view.observe(lambda change: field.set_trait("value", change["new"]), trait)
    return field


def _box(view: ExplorerControls, trait: str, description: str) -> ipw.Widget:
    """Return a box to tick."""
    box = ipw.Checkbox(
        description=description,
        indent=False,
        tooltip=f".{trait}",
        layout=ipw.Layout(width="auto"),
    )
    traitlets.link((view, trait), (box, "value"))
    return box
