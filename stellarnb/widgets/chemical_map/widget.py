"""The chemical map: linked diagrams of a table of labels, live in JupyterLab."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import traitlets

from stellarnb.cartography import Bins, Selection
from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.tables import Table
from stellarnb.views.data.panels import find_panels
from stellarnb.views.data.raster import Ranges as View
from stellarnb.views.data.stars import MapStars as Stars
from stellarnb.views.data.style import find_theme
from stellarnb.views.live.bokeh_widget import LiveModel
from stellarnb.views.live.figure import MapFigure
from stellarnb.views.live.notebook import enable_notebook
from stellarnb.widgets.chemical_map.controls import build_controls
from stellarnb.widgets.chemical_map.output import MapOutput
from stellarnb.widgets.chemical_map.page import MapPage
from stellarnb.widgets.chemical_map.region import RegionForm
from stellarnb.widgets.chemical_map.star_card import SpectrumFigure, card_html
from stellarnb.widgets.chemical_map.state import Brush, History, MapState, read_state
from stellarnb.widgets.core.base import close_tree
from stellarnb.widgets.core.checks import check_range, refuse_unknown
from stellarnb.widgets.core.components import Said

if TYPE_CHECKING:
    from stellarnb.spectra import SpectrumSet

__all__ = ["ChemicalMap"]

_KEYWORDS = (
    *("theme", "good_only", "color_by", "title", "height"),
    *("panels", "grid", "spectra", "state"),
)
#: Traits that say which stars are in colour, and how.
_CUTS = ("good_only", "color_by", "snr", "unflagged", "bins")


class ChemicalMap(MapOutput):
    """Linked diagrams of a table, aggregated anew at each zoom and each brush.

    Zoom with the wheel; drag to pan, or to brush stars with a box or a lasso: they stay in
    colour in all diagrams, the others turn grey. A double click shows a whole diagram again, a
    click names the nearest star. Without a mouse, arrow keys move a diagram that has the focus,
    + and - zoom, 0 shows the whole; regions and stars are given by numbers. Each control has its
    twin in Python: setting the trait moves the control, and the other way round.

    Parameters
    ----------
    labels : Labels or any table
        With the columns of at least one diagram: ``teff`` [K] and ``logg``; ``alpha_m`` and
        ``m_h`` or ``fe_h`` [dex]; ``ra`` and ``dec`` [deg]; ``R`` and ``Z``, ``X`` and ``Y``
        [kpc], as `stellarnb.place` adds them.
    theme : {None, 'light', 'dark'}, optional
        Colours of the page; those of JupyterLab if omitted.
    good_only : bool, optional
        Whether only the recommended cut is in colour; True where the table has a column
        ``good``.
    color_by : str, optional
        ``'count'``, or the name of a column to average in each bin.
    title : str, optional
        Words above the map, as plain text.
    height : int, optional
        Height of a diagram [pixel].
    panels : sequence of str or pairs of str, optional
        Which diagrams: ``'kiel' 'tinsley_wallerstein' 'sky' 'r_z' 'x_y'``, or any two columns
        of numbers, as ``('snr', 'fe_h')`` or ``'snr:fe_h'``.
    grid : Bins, optional
        The bins in R and abs(Z) that can be picked.
    spectra : SpectrumSet, optional
        Spectra, to show that of the star that was tapped.
    state : path-like, optional
        A file of ``save("map.json")`` to begin with; it brings its panels and bins along.

    Attributes
    ----------
    good_only : bool
        Whether only the recommended cut is in colour.
    color_by : str
        What the colours show.
    snr : tuple of float or None
        Lowest and highest S/N in colour.
    unflagged : tuple of str
        Flags that must not be set, such as ``'teff_flag'``.
    bins : list of (int, int)
        Bins, as (row in abs(Z), column in R) from 0, whose stars are in colour; all where empty.
    drag : {'pan', 'box', 'lasso'}
        What dragging does.
    star : int or None
        Row of the star that was tapped.

    Raises
    ------
    InvalidInput
        If it is not a table, or for an unknown keyword, theme, colour or diagram.
    MissingInput
        If `good_only` is asked of a table without the column ``good``, a diagram of one without
        its columns, or a package that draws in notebooks is missing.

    Examples
    --------
    >>> view = ChemicalMap(labels)  # doctest: +SKIP
    >>> view.color_by = "alpha_m"  # doctest: +SKIP
    >>> view.brush("kiel", x=(4200, 5000), y=(1.0, 3.0))  # doctest: +SKIP
    >>> view.selection  # the stars in colour and in view, as a table  # doctest: +SKIP
    """

    def __init__(
        self,
        labels: Any,
        *,
        theme: str | None = None,
        good_only: bool | None = None,
        color_by: str = "count",
        title: str = "Chemical map",
        height: int = 320,
        panels: Sequence[str | tuple[str, str]] | None = None,
        grid: Bins | None = None,
        spectra: SpectrumSet | None = None,
        state: str | os.PathLike[str] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("ChemicalMap", unknown, _KEYWORDS)
        self._theme = None if theme is None else find_theme(theme)
        self._stars = Stars.of(labels)
        self._grid = grid or Bins()
        start = None
        if state is not None:
            start, saved, self._grid = read_state(state)
            panels = panels or saved
        cut = self._stars.good is not None if good_only is None else bool(good_only)
        self._title = f"{title} (mock)" if self._stars.mock else str(title)
        enable_notebook()
        self._page = MapPage(
            self._stars,
            find_panels(self._stars, panels),
            self,
            theme=self._theme,
            height=height,
            color_by=self._stars.check_colour(color_by),
            chosen=self._stars.chosen(good_only=cut),
        )
        self._status, self._line, self._card = Said(urgent=True), Said(), ipw.HTML()
        self._spectrum = None if spectra is None else SpectrumFigure(spectra, self._theme)
        self._brush: Brush | None = None
        self._quiet = False
        super().__init__()
        self.set_trait("color_by", color_by)
        self.set_trait("good_only", cut)
        self._history = History(self.state)
        drawn = [live.panel for live in self.figures.values()]
        self._region = RegionForm(self, self._stars, drawn) if drawn else None
        self.children = self._parts()
        self.observe(lambda change: self.guarded(self._redraw), list(_CUTS))
        self.observe(lambda change: self._page.drag(self.drag), "drag")
        self.observe(lambda change: self.guarded(self._show_star), "star")
        self._line.text = self._caption(self._chosen())
        if start is not None:
            self._put(start)

    @property
    def figures(self) -> dict[str, MapFigure]:
        """The diagrams, by name."""
        return self._page.figures

    @property
    def table(self) -> Table:
        """All stars of the map."""
        return self._stars.table

    @property
    def views(self) -> dict[str, View]:
        """The x and y range of each diagram that is not at its home view."""
        return {
            key: live.view for key, live in self.figures.items() if live.view != live.panel.home
        }

    @property
    def state(self) -> MapState:
        """What the map shows, as plain values."""
        return MapState(
            color_by=self.color_by,
            good_only=self.good_only,
            snr=self.snr,
            unflagged=tuple(self.unflagged),
            bins=tuple(self.bins),
            brush=self._brush,
            views=self.views,
        )

    @property
    def rule(self) -> Selection:
        """The rule behind `selection`: cut, bins, brush, and the view of each zoomed diagram."""
        return self.state.rule(self._grid, self._page.panel)

    @property
    def selection(self) -> Table:
        """The stars that are in colour, and in view in every diagram that was zoomed."""
        return self.table.take(self._stars.mask(self.rule))

    @property
    def status(self) -> str:
        """What went wrong last; empty if nothing did."""
        return self._words

    _words = ""

    def zoom(self, key: str, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show another part of a diagram, as the wheel does.

        Parameters
        ----------
        key : str
            Name of the diagram, such as ``kiel``.
        x, y : tuple of float
            Ranges in the units of the axes; for the sky, in its plane (±2.83, ±1.41).

        Raises
        ------
        InvalidInput
            If there is no such diagram, or a range is empty or not finite.
        """
        figure = self._page.figure(key)
        view = check_range("zoom: x", x), check_range("zoom: y", y)
        with self._page.link.batch():
            figure.view = view
        self._history.add(self.state)

    def brush(self, key: str, x: Sequence[float], y: Sequence[float]) -> None:
        """Choose the stars in a region of a diagram, as dragging does; they stay in colour.

        Parameters
        ----------
        key : str
            Name of the diagram.
        x, y : sequence of float
            Two edges in x and two in y for a box, or three corners and more for a lasso, in the
            units of the axes.

        Raises
        ------
        InvalidInput
            If there is no such diagram, or this is not a region.
        """
        self._page.figure(key)
        self._brush = Brush.of(key, x, y)
        self._redraw()

    def clear_brush(self) -> None:
        """Choose no region: all stars that pass the cut are in colour again."""
        self._brush = None
        self._redraw()

    def reset(self) -> None:
        """Show all stars of the cut again, as the button 'Reset' does; cut and colours stay."""
        self._brush = None
        with self._page.link.batch():
            for live in self.figures.values():
                live.reset()
            self._redraw()

    def undo(self) -> None:
        """Go one step back, as the button 'Undo' does; nothing happens at the beginning."""
        before = self._history.back()
        if before is not None:
            self._put(before)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Show again what ``save("map.json")`` kept; the panels stay those of this map.

        Raises
        ------
        InvalidInput
            If the file is not the state of a map, or speaks of columns, diagrams or bins that are not
            here; the map stays as it was.
        """
        state, _, grid = read_state(path)
        if state.bins and grid != self._grid:
            raise InvalidInput("This map has other bins in R and |Z|: use ChemicalMap(state=...).")
        before = self.state
        try:
            self._put(state)
        except (StellarnbError, traitlets.TraitError):
            self._put(before)
            raise
        self._history.add(self.state)

    def close(self) -> None:
        """Leave the page, with each control and diagram: nothing of the map is left behind."""
        for part in self.children:
            close_tree(part)
        look = self.layout
        super().close()
        look.close()

    def guarded(self, work: Callable[[], None]) -> None:
        """Do what a control or the page asks for, and show what goes wrong.

        An error in a callback from the page would otherwise end in a log that nobody reads.
        """
        try:
            work()
        except Exception as error:  # noqa: BLE001  (whatever it is, the user must see it)
            self._words = f"This view could not be drawn: {type(error).__name__}: {error}"
        else:
            self._words = ""
        self._status.text = self._words

    def zoomed(self) -> None:
        """Take note that a diagram shows another view (called by the page)."""
        self._history.add(self.state)

    def tapped(self, row: int | None) -> None:
        """Take the star that was tapped (called by the page)."""
        self.star = row

    def _parts(self) -> list[ipw.Widget]:
        parts = [
            ipw.HTML(f"<b>{escape(self._title)}</b>"),
            build_controls(self, self._stars, self._grid),
            *([] if self._region is None else [self._region]),
            self._page.widget,
            self._line,
            self._status,
            self._card,
        ]
        if self._spectrum is not None:
            parts.append(LiveModel(self._spectrum.figure, layout=ipw.Layout(width="100%")))
        return parts

    def _redraw(self) -> None:
        if self._quiet:
            return
        chosen = self._chosen()
        self._page.show(color_by=self.color_by, chosen=chosen, brush=self._brush)
        self._line.text = self._caption(chosen)
        if self._region is not None:
            self._region.follow(self._brush)
        self._history.add(self.state)

    def _put(self, state: MapState) -> None:
        """Show a state, in one step."""
        for key in (*state.views, *([state.brush.key] if state.brush else ())):
            self._page.figure(key)
        self._quiet = True
        try:
            for name in ("good_only", "color_by", "snr", "unflagged"):
                self.set_trait(name, getattr(state, name))
            self.bins = list(state.bins)
            self._brush = state.brush
        finally:
            self._quiet = False
        self._page.move(state.views)
        self._redraw()

    def _show_star(self) -> None:
        self._page.point(self.star)
        self._card.value = "" if self.star is None else card_html(self.table, self.star)
        if self._spectrum is not None:
            known = self.star is not None and "source_id" in self.table
            star = self.table["source_id"][self.star] if known else None
            self._spectrum.show(None if star is None else int(star))
