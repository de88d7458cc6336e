"""Small parts that ipywidgets has, but not for keyboards and screen readers."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw
import traitlets
from anywidget import AnyWidget

from stellarnb.widgets.core.formatting import page_file

__all__ = ["Fold", "Said"]


class _Head(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """The button of a `Fold`."""

    _esm = traitlets.Unicode(page_file("fold.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("base.css")).tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(False).tag(sync=True)


class Fold(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A part that opens on demand; unlike ipywidgets' Accordion, from the keyboard too."""

    shown = traitlets.Bool(False, help="Whether the content is shown.")

    def __init__(self, title: str, inside: ipw.Widget, *, layout: Any = None) -> None:
        self._head, self._inside = _Head(title=title), inside
        super().__init__([self._head, inside], layout=layout or {"width": "100%", "min_width": "0"})
        traitlets.link((self, "shown"), (self._head, "shown"))
        self.observe(lambda change: self._show(), "shown")
        self._show()

    def _show(self) -> None:
        # None, not "": ipywidgets then leaves the kind of layout to its own style sheet.
        self._inside.layout.display = None if self.shown else "none"


class Said(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """A line of text that screen readers read out when it changes; at once if `urgent`."""

    _esm = traitlets.Unicode(page_file("said.js")).tag(sync=True)
    _css = traitlets.Unicode(page_file("base.css")).tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    urgent = traitlets.Bool(False).tag(sync=True)
