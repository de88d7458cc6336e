"""Pages of the workbench that are made once they have data, and are opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from stellarnb.views.live.notebook import loaded_already
from stellarnb.widgets.core.base import close_tree
from stellarnb.widgets.core.tables import html_words
from stellarnb.widgets.spectrum_viewer.widget import SpectrumViewer
from stellarnb.widgets.validation.widget import Validation

if TYPE_CHECKING:
    from stellarnb.widgets.parametrizer.widget import Parametrizer

__all__ = ["LazyPage", "make_spectra", "make_validation"]


class LazyPage(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A place for a widget that is made when its page is opened, and text until then."""

    def __init__(self, words: str) -> None:
        self.view: Any = None
        self._maker: Callable[[], Any] | None = None
        self._words = ipw.HTML(html_words(words))
        super().__init__([self._words], layout=ipw.Layout(width="100%", min_width="0"))

    def make_with(self, maker: Callable[[], Any] | None) -> None:
        """Take what makes the widget when the page is opened; None for nothing to show."""
        self.drop()
        self._maker = maker

    def reveal(self) -> None:
        """Make the widget, if that has not been done."""
        if self._maker is None or self.view is not None:
            return
        with loaded_already():
            self.view = self._maker()
        self.children = (self.view,)

    def drop(self) -> None:
        """Close the widget; the words are back."""
        view, self.view, self._maker = self.view, None, None
        self.children = (self._words,)
        if view is not None:
            close_tree(view)


def make_spectra(spectra: Any, stars: Any, chosen: Parametrizer) -> Any:
    """Return the viewer of the spectra, with the model of the page that predicts if it fits."""
    card = chosen.card
    fits = card.instrument == spectra.instrument.id and not card.sources
    return SpectrumViewer(spectra, stars, model=chosen.model_name if fits else None)


def make_validation(labels: Any) -> Any:
    """Return the widget that compares labels with references."""
    return Validation(labels)
