"""What comes out of a chemical map: code, files, and what a notebook keeps of it."""

from __future__ import annotations

import base64
import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellarnb.cartography import All
from stellarnb.files import atomic_write
from stellarnb.views.data.raster import provenance
from stellarnb.views.data.style import LIGHT
from stellarnb.views.export import Look, check_ending, picture_bytes, write_look
from stellarnb.views.live.notebook import show_with_picture
from stellarnb.widgets.chemical_map.traits import MapTraits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stellarnb.cartography import Selection
    from stellarnb.views.data.style import Theme
    from stellarnb.widgets.chemical_map.page import MapPage
    from stellarnb.widgets.chemical_map.state import Brush, MapState

__all__ = ["MapOutput"]


class MapOutput(MapTraits):
    """The output of a chemical map."""

    _theme: Theme | None
    _title: str
    _page: MapPage
    _brush: Brush | None

    @property
    @abstractmethod
    def state(self) -> MapState:
        """What the map shows, as plain values."""

    @property
    @abstractmethod
    def rule(self) -> Selection:
        """The rule behind the selection."""

    def __repr__(self) -> str:
        return f"ChemicalMap({self._caption(self._chosen())})"

    def to_code(self, table: str = "labels") -> str:
        """Return Python that makes `selection` again from the table of a name."""
        rule = self.rule
        names = ", ".join(rule.names())
        return (
            f"from stellarnb.cartography import {names}\n\n"
            f"rule = {rule.to_code()}\n"
            f"selection = {table}[rule.mask({table})]\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save what is shown; the ending tells the format.

        Parameters
        ----------
        path : path-like
            ``.html`` (pans and zooms with no network), ``.png``, ``.svg``, ``.pdf``, or ``.json``
            (the state, for the keyword `state` and `restore`; no stars).

        Returns
        -------
        pathlib.Path

        Raises
        ------
        InvalidInput
            For another ending.
        OutputError
            If it cannot be written; nothing is left half-written.
        """
        target = check_ending(path, [".json"])
        if target.suffix != ".json":
            return write_look(self._stars, self._look(), target)
        with atomic_write(target) as part:
            part.write_text(self.state_text(), encoding="utf-8")
        return target

    def state_text(self) -> str:
        """Return the state as the JSON text that ``save("map.json")`` writes."""
        return self.state.to_json(list(self._page.figures), self._grid)

    def _ipython_display_(self) -> None:
        """Show the widget at once, then the picture for a saved notebook."""
        bundle = self._widget_bundle()
        show_with_picture(bundle, self._picture, repr(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ARG002 - IPython's own signature
        """Add a picture and words to the widget, so that a saved notebook is not blank."""
        return self._widget_bundle() | {"image/png": base64.b64encode(self._picture()).decode()}

    def _chosen(self) -> NDArray[np.bool_] | None:
        """Return the stars in colour, or None for all."""
        rule = self.state.colour_rule(self._grid, self._page.panel)
        return None if rule == All() else self._stars.mask(rule)

    def _caption(self, chosen: NDArray[np.bool_] | None) -> str:
        line = provenance(self._stars, chosen, good_only=self.good_only)
        return (
            f"{line} · brushed in {self._page.panel(self._brush.key).title}"
            if self._brush
            else line
        )

    def _look(self) -> Look:
        chosen = self._chosen()
        brushed = {self._brush.key: self._brush.outline} if self._brush else {}
        return Look(
            self._page.panels,
            self._theme or LIGHT,
            self.color_by,
            chosen,
            self._title,
            self._caption(chosen),
            self.state.views,
            brushed,
        )

    def _picture(self) -> bytes:
        return picture_bytes(self._stars, self._look(), dpi=80)

    def _widget_bundle(self) -> dict[str, Any]:
        if self._page.live is not None:
            self._page.live.update_page()
        bundle = super()._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": repr(self)}
