"""The workbench: from a query to a selection, in one page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets as ipw
import traitlets

from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels, Table
from stellarnb.views.live.notebook import enable_notebook
from stellarnb.widgets.archive_explorer.widget import ArchiveExplorer
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.checks import refuse_unknown
from stellarnb.widgets.core.tables import html_words
from stellarnb.widgets.model_card import ModelCardViewer
from stellarnb.widgets.parametrizer.widget import Parametrizer
from stellarnb.widgets.workbench.flow import Flow
from stellarnb.widgets.workbench.map import MapPanel
from stellarnb.widgets.workbench.pages import LazyPage, make_spectra, make_validation

__all__ = ["PAGES", "Workbench"]

#: The pages, in the order of the work.
PAGES = ("1 Archive", "2 Spectra", "3 Predict", "4 Map", "5 Validate", "Model card")
_KEYWORDS = ("archive", "stars", "spectra", "state")


class Workbench(BaseWidget):
    """Ask an archive, look at spectra, predict labels, map and select: what one page finds, the next has.

    Parameters
    ----------
    archive : str, path-like or archive, optional
        As for `stellarnb.open_archive`; the embedded one by default.
    stars : table, optional
        Stars of one's own, in place of a query.
    spectra : SpectrumSet, optional
        Their spectra.
    state : path-like or mapping, optional
        Of ``save("workbench.json")``: the forms come back, and no stars.

    Attributes
    ----------
    explorer : ArchiveExplorer
    parametrizer : Parametrizer
    model_card : ModelCardViewer
        The widgets of the pages; those that need data first are `spectrum_viewer`,
        `chemical_map` and `validation`, None until they have it.
    stars : Result or None
        The stars, once they are there.
    spectra : SpectrumSet or None
        Their spectra.
    labels : Labels or None
        Their labels.
    page : int
        Which page is open, from 0.

    Raises
    ------
    InvalidInput
        For an unknown keyword or archive.

    Examples
    --------
    >>> bench = Workbench()  # doctest: +SKIP
    >>> bench.selection  # the stars in colour and in view on the map  # doctest: +SKIP
    >>> print(bench.to_code())  # a script that makes the same selection  # doctest: +SKIP
    """

    page = traitlets.Int(0, help="Which page is open, from 0.")

    def __init__(
        self,
        archive: Any = "sample",
        *,
        stars: Any = None,
        spectra: SpectrumSet | None = None,
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("Workbench", unknown, _KEYWORDS)
        # BokehJS goes into the output of this very cell: pages that are made later find it there.
        enable_notebook()
        super().__init__("Workbench")
        self.explorer = self.own(ArchiveExplorer(archive))
        self.parametrizer = self.own(Parametrizer())
        self.model_card = self.own(ModelCardViewer(self.parametrizer.model_name))
        self._map = MapPanel(self.guarded, self.refresh)
        self.own(self._map)
        self.flow = Flow()
        self._spectra_page = LazyPage("No spectra yet: fetch some on the page of the archive.")
        self._validation_page = LazyPage("No labels yet: predict some first.")
        self._build()
        self._connect()
        if stars is not None or spectra is not None:
            self.flow.take_own(stars, spectra)
            self._pass_on()
        self.begin(state)

    @traitlets.validate("page")
    def _check_page(self, proposal: Any) -> int:
        number = proposal["value"]
        if not 0 <= number < len(PAGES):
            raise InvalidInput(f"page={number!r}: give a number from 0 to {len(PAGES) - 1}.")
        return int(number)

    @property
    def stars(self) -> Any:
        """The stars, or None."""
        return self.flow.stars

    @property
    def spectra(self) -> SpectrumSet | None:
        """Their spectra, or None; of two kinds those that are not XP."""
        return self.flow.spectra

    @property
    def labels(self) -> Labels | None:
        """Their labels, or None."""
        return self.flow.labels

    @property
    def chemical_map(self) -> Any:
        """The map, or None."""
        return self._map.view

    @property
    def spectrum_viewer(self) -> Any:
        """The widget of the page with the spectra, or None."""
        return self._spectra_page.view

    @property
    def validation(self) -> Any:
        """The widget of the page that validates, or None."""
        return self._validation_page.view

    @property
    def task(self) -> Any:
        """The run that makes the map: ``wait()``, ``cancel()``, ``state``."""
        return self._map.bar.task

    @property
    def selection(self) -> Table:
        """The stars that are in colour, and in view, on the map.

        Raises
        ------
        MissingInput
            If there is no map yet.
        """
        return self._map.selection

    @property
    def distance(self) -> str:
        """How the map finds distances: ``""`` for none, or as `stellarnb.place` calls it."""
        return self._map.distance

    @distance.setter
    def distance(self, name: str) -> None:
        self._map.distance = name

    def make_map(self) -> None:
        """Draw the map of the labels, as the button does; returns at once, see `task`."""
        self._map.make()

    def take_selection(self) -> str | None:
        """Put the selection into its variable, as the button does; return the variable."""
        return self._map.take()

    def to_code(self) -> str:
        """Return a script of all that was done, from the query to the selection."""
        return self.flow.to_code(self._map.to_code)

    def state_values(self) -> dict[str, Any]:
        """Return the forms of all pages; no stars and no spectra."""
        return {
            "page": self.page,
            "explorer": self.explorer.state_values(),
            "parametrizer": self.parametrizer.state_values(),
            "map": self._map.values(),
        }

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` returned."""
        self._map.put(values["map"])
        self.parametrizer.restore(values["parametrizer"])
        self.explorer.restore(values["explorer"])
        self.page = values["page"]

    def still(self) -> str:
        """Return how far the work is, in a sentence."""
        return f"Workbench: {self.flow.words()}"

    def close(self) -> None:
        """Stop what runs on any page, and leave the notebook."""
        if not self._closed:
            self._spectra_page.drop()
            self._validation_page.drop()
        super().close()

    def _build(self) -> None:
        self._line = ipw.HTML()
        self._next = ipw.Button(tooltip="The next page", layout={"width": "auto"})
        self._tabs = ipw.Tab(
            [
                self.explorer,
                self._spectra_page,
                self.parametrizer,
                self._map,
                self._validation_page,
                self.model_card,
            ],
            titles=PAGES,
            selected_index=0,
            layout=ipw.Layout(width="100%", min_width="0"),
        )
        head = ipw.HBox([self._line, self._next], layout=ipw.Layout(flex_flow="row wrap"))
        self.show_parts(head, self._tabs)
        self._show_head()

    def _connect(self) -> None:
        traitlets.link((self, "page"), (self._tabs, "selected_index"))
        self.observe(lambda change: self.guarded(self._open), "page")
        self._next.on_click(lambda _: self.set_trait("page", min(self.page + 1, len(PAGES) - 1)))
        self.explorer.observe(lambda change: self.guarded(self._on_stars), "result")
        self.explorer.observe(lambda change: self.guarded(self._on_spectra), "spectra")
        self.parametrizer.observe(lambda change: self.guarded(self._on_labels), "labels")
        self.parametrizer.observe(
            lambda change: self.model_card.set_trait("name", change["new"]), "model_name"
        )

    def _on_stars(self) -> None:
        """Take other stars: what was found of the ones before no longer belongs to them."""
        if self.explorer.result is None:
            return
        self.flow.take_stars(self.explorer.result, self.explorer.variable, self._explorer_code())
        self._pass_on()

    def _on_spectra(self) -> None:
        spectra = self.explorer.spectra
        if spectra is None:
            return
        self.flow.take_spectra(spectra, self.explorer.spectra_variable, self._explorer_code())
        self._pass_on()

    def _on_labels(self) -> None:
        labels = self.parametrizer.labels
        if labels is None:
            return
        self.flow.take_labels(labels, self.parametrizer.variable, self.parametrizer.predict_code)
        self._map.give(labels, self.flow.stars, self.flow.spectra)
        self._validation_page.make_with(partial(make_validation, labels))
        self._open()

    def _pass_on(self) -> None:
        """Give stars and spectra to the pages behind."""
        flow, view = self.flow, self.parametrizer
        view.labels = None
        # All three at once: halfway they would not belong together.
        with view.hold_trait_notifications():
            view.spectra, view.xp, view.stars = flow.spectra, flow.xp, flow.stars
        spectra = flow.spectra if flow.spectra is not None else flow.xp
        some = spectra is not None and len(spectra) > 0
        maker = partial(make_spectra, spectra, flow.stars, view) if some else None
        self._spectra_page.make_with(maker)
        self._map.give(None, None, None)
        self._validation_page.make_with(None)
        self._open()

    def _open(self) -> None:
        """Make what the open page shows, and tell how far the work is."""
        lazy = {1: self._spectra_page, 4: self._validation_page}.get(self.page)
        if lazy is not None:
            lazy.reveal()
        self._show_head()

    def _show_head(self) -> None:
        self._line.value = html_words(self.flow.words())
        last = self.page >= len(PAGES) - 2
        self._next.description = "" if last else f"Next: {PAGES[self.page + 1]}"
        self._next.layout.display = "none" if last else None

    def _explorer_code(self) -> str:
        try:
            return self.explorer.to_code()
        except StellarnbError:
            return ""
