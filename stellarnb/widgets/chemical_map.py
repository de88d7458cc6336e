"""The chemical map: linked diagrams of a table of labels, live in JupyterLab."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from difflib import get_close_matches
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets
from numpy.typing import NDArray

from stellarnb.cartography import All, Flag, Selection
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table
from stellarnb.views.figures import MapFigure
from stellarnb.views.notebook import enable_notebook
from stellarnb.views.panels import Absent, Panel, Stars, find_panels
from stellarnb.views.pictures import provenance
from stellarnb.views.save import png_image, save_maps
from stellarnb.views.style import LIGHT, axis_title, find_theme
from stellarnb.widgets.live_model import LiveModel

__all__ = ["ChemicalMap"]

_KEYWORDS = ("theme", "good_only", "color_by", "title", "height")


class ChemicalMap(ipw.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Kiel diagram, Tinsley-Wallerstein diagram and sky of a table, aggregated at each zoom.

    Each control has its twin in Python: setting the trait moves the control, and the other way
    round. The stars outside the cut stay visible in grey.

    Parameters
    ----------
    labels : Labels or any table
        With the columns of at least one diagram: ``teff`` [K] and ``logg``; ``alpha_m`` and
        ``m_h`` or ``fe_h`` [dex]; ``ra`` and ``dec`` [deg].
    theme : {None, 'light', 'dark'}, optional
        Colours of the page; those of JupyterLab where not given.
    good_only : bool, optional
        Whether only the recommended cut is in colour; True where the table has a column
        ``good``.
    color_by : str, optional
        ``'count'``, or the name of a label to average in each bin.
    title : str, optional
        Words above the map, as plain text.
    height : int, optional
        Height of a diagram [pixel].

    Attributes
    ----------
    good_only : bool
        Whether only the recommended cut is in colour.
    color_by : str
        What the colours show.

    Raises
    ------
    InvalidInput
        If it is no table, or for an unknown keyword, theme or colour.
    MissingInput
        If `good_only` is asked of a table without the column ``good``, or a package that
        draws in notebooks is missing.

    Examples
    --------
    >>> view = ChemicalMap(labels)  # doctest: +SKIP
    >>> view.color_by = "alpha_m"  # doctest: +SKIP
    >>> view.selection  # the stars in view, as a table  # doctest: +SKIP
    """

    good_only = traitlets.Bool(False, help="Only the recommended cut is in colour.")
    color_by = traitlets.Unicode("count", help="'count', or a label to average in each bin.")

    def __init__(
        self,
        labels: Any,
        *,
        theme: str | None = None,
        good_only: bool | None = None,
        color_by: str = "count",
        title: str = "Chemical map",
        height: int = 320,
        **unknown: Any,
    ) -> None:
        _refuse(unknown)
        self._theme = None if theme is None else find_theme(theme)
        self._stars = Stars.of(labels)
        wanted = self._stars.good is not None if good_only is None else bool(good_only)
        self._title = str(title)
        enable_notebook()
        self._status, self._line = ipw.HTML(), ipw.HTML()
        self.figures: dict[str, MapFigure] = {}
        self._live: list[LiveModel] = []
        look: dict[str, Any] = {
            "color_by": self._stars.check_colour(color_by),
            "chosen": self._stars.chosen(good_only=wanted),
            "size": (340, height),
        }
        parts = [self._part(panel, look) for panel in find_panels(self._stars)]
        super().__init__(
            [
                ipw.HTML(f"<b>{escape(self._title)}</b>"),
                self._controls(),
                ipw.HBox(parts, layout=ipw.Layout(width="100%", flex_flow="row wrap")),
                self._line,
                self._status,
            ]
        )
        self.set_trait("color_by", color_by)
        self.set_trait("good_only", wanted)
        self.observe(lambda change: self._guarded(self._redraw), ["color_by", "good_only"])
        self._line.value = escape(self._caption())

    def __repr__(self) -> str:
        return f"ChemicalMap({self._caption()})"

    @traitlets.validate("color_by")
    def _check_color_by(self, proposal: Any) -> str:
        return self._stars.check_colour(proposal["value"])

    @traitlets.validate("good_only")
    def _check_good_only(self, proposal: Any) -> bool:
        self._stars.chosen(good_only=proposal["value"])
        return bool(proposal["value"])

    @property
    def table(self) -> Table:
        """All stars of the map."""
        return self._stars.table

    @property
    def views(self) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
        """The x and y range of each diagram that is not at its home view."""
        return {
            key: live.view for key, live in self.figures.items() if live.view != live.panel.home
        }

    @property
    def rule(self) -> Selection:
        """The rule behind `selection`: the cut, and the view of each diagram that was zoomed."""
        rule: Selection = Flag("good") if self.good_only else All()
        for key, view in self.views.items():
            rule = rule & self.figures[key].panel.inside(view)
        return rule

    @property
    def selection(self) -> Table:
        """The stars that pass the cut and are in view in every diagram that was zoomed."""
        return self.table.take(self.rule.mask(self.table))

    @property
    def status(self) -> str:
        """What went wrong last, in words; empty if nothing did."""
        return self._words

    _words = ""

    def zoom(self, key: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show another part of a diagram, as the wheel does.

        Parameters
        ----------
        key : str
            ``kiel``, ``tinsley_wallerstein`` or ``sky``.
        x, y : tuple of float
            Ranges in the units of the axes; for the sky, in its plane (±2.83, ±1.41).

        Raises
        ------
        InvalidInput
            If there is no such diagram, or a range is empty or not finite.
        """
        if key not in self.figures:
            raise InvalidInput(f"No diagram {key!r} here; there are: {', '.join(self.figures)}.")
        if not all(np.isfinite(np.subtract(*ends)) and ends[0] != ends[1] for ends in (x, y)):
            raise InvalidInput(f"zoom: {x!r}, {y!r} are not two ranges.")
        self.figures[key].view = x, y

    def reset(self) -> None:
        """Show all stars again, as the button 'Reset' does; the cut and colours stay."""
        for live in self.figures.values():
            live.reset()

    def to_code(self) -> str:
        """Return Python that makes `selection` again from the table ``labels``."""
        rule = self.rule
        names = ", ".join(rule.names())
        return (
            f"from stellarnb.cartography import {names}\n\n"
            f"rule = {rule.to_code()}\n"
            "selection = labels[rule.mask(labels)]\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save what is shown as ``.html`` (pans and zooms with no network) or ``.png``.

        Parameters
        ----------
        path : path-like
            The file.

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
        theme = self._theme or LIGHT
        return save_maps(self._stars, path, theme=theme.name, **self._look())

    def _look(self) -> dict[str, Any]:
        return {
            "color_by": self.color_by,
            "good_only": self.good_only,
            "title": self._title,
            "views": self.views,
        }

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a picture and words to the widget, so that a saved notebook is not blank."""
        for live in self._live:
            live.update_page()
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            image = png_image(self._stars, theme=self._theme or LIGHT, dpi=80, **self._look())
            data["image/png"] = base64.b64encode(image).decode()
            data["text/plain"] = repr(self)
        return bundle

    def _part(self, panel: Panel | Absent, look: dict[str, Any]) -> ipw.Widget:
        """Return one diagram as a widget, or the words why it is not there."""
        box = ipw.Layout(flex="1 1 300px", min_width="280px")
        if isinstance(panel, Absent):
            return ipw.HTML(escape(panel.words), layout=box)
        live = MapFigure(
            self._stars, panel, theme=self._theme, stretch=True, guard=self._guarded, **look
        )
        self.figures[panel.key] = live
        self._live.append(LiveModel(live.figure, layout=box))
        return self._live[-1]

    def _controls(self) -> ipw.Widget:
        good = ipw.Checkbox(
            description="good stars only",
            indent=False,
            disabled=self._stars.good is None,
            tooltip=".good_only",
            layout=ipw.Layout(width="auto"),
        )
        titles = [
            ("count" if name == "count" else f"mean {axis_title(name)}", name)
            for name in self._stars.colours
        ]
        colour = ipw.Dropdown(options=titles, description="colour", tooltip=".color_by")
        reset = ipw.Button(description="Reset", tooltip=".reset()")
        reset.on_click(lambda button: self._guarded(self.reset))
        self._links = (
            traitlets.link((self, "good_only"), (good, "value")),
            traitlets.link((self, "color_by"), (colour, "value")),
        )
        return ipw.HBox([good, colour, reset])

    def _chosen(self) -> NDArray[np.bool_] | None:
        return self._stars.chosen(good_only=self.good_only)

    def _redraw(self) -> None:
        for live in self.figures.values():
            live.show(color_by=self.color_by, chosen=self._chosen())
        self._line.value = escape(self._caption())

    def _caption(self) -> str:
        return provenance(self._stars, self._chosen(), good_only=self.good_only)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do what a control or a zoom asks for, and show in words what goes wrong.

        An error in a callback from the page would otherwise end in a log that nobody reads.
        """
        try:
            work()
        except Exception as error:  # noqa: BLE001  (whatever it is, the user must see it)
            self._words = f"This view could not be drawn: {type(error).__name__}: {error}"
        else:
            self._words = ""
        self._status.value = f"<b>{escape(self._words)}</b>" if self._words else ""


def _refuse(unknown: dict[str, Any]) -> None:
    for name in unknown:
        near = get_close_matches(name, _KEYWORDS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidInput(
            f"ChemicalMap has no keyword {name!r}: check the spelling.{hint} "
            f"There are: {', '.join(_KEYWORDS)}."
        )
