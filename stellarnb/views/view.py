"""A view: made once, drawn by Bokeh (live), matplotlib (for a paper) or HoloViews."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw

from stellarnb.files import atomic_write
from stellarnb.views.data.raster import Ranges
from stellarnb.views.data.style import LIGHT, find_theme
from stellarnb.views.export import bytes_of, check_ending, page_of
from stellarnb.views.live.notebook import enable_figures, enable_notebook, show_with_picture
from stellarnb.views.scene.model import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["View"]

SceneOf = Callable[[Ranges | None, tuple[int, int]], Scene]


class View:
    """A view of some stars.

    At the end of a cell it shows itself: a live Bokeh figure, aggregated anew at each zoom.

    Parameters
    ----------
    scene_of : callable
        Returns the `Scene` at an x and y range (None: the home view) with images of a size
        [pixel].
    size : tuple of int
        Width and height of an image on the page [pixel].

    Attributes
    ----------
    scene : Scene
        What it shows at its home view: panes with their pictures, curves and points.
    """

    def __init__(self, scene_of: SceneOf, size: tuple[int, int]) -> None:
        self._scene_of, self._size = scene_of, size
        self.scene = scene_of(None, size)

    def __repr__(self) -> str:
        return f"<View: {self.scene.title} · {self.scene.line}>"

    def to_bokeh(self, *, theme: str | None = None) -> Any:
        """Return the view as a Bokeh layout.

        Parameters
        ----------
        theme : {None, 'light', 'dark'}, optional
            Colours; those of the JupyterLab page if omitted.

        Returns
        -------
        bokeh.models.LayoutDOM

        Raises
        ------
        InvalidInput
            For another theme.
        """
        from stellarnb.views.scene.bokeh import BokehScene

        chosen = None if theme is None else find_theme(theme)
        return BokehScene(self._scene_of, self._size, chosen).root

    def to_matplotlib(self, *, width: str | float = "column", theme: str = "light") -> Figure:
        """Return the view as a figure for a paper: vectors, with the stars as an image.

        Parameters
        ----------
        width : {'column', 'page'} or float, optional
            Of Astronomy & Astrophysics (88 and 180 mm), or inches. A view of many panes takes the
            page instead of a column.
        theme : {'light', 'dark'}, optional
            Colours.

        Returns
        -------
        matplotlib.figure.Figure
            Save it with ``figure.savefig("map.pdf")``.

        Raises
        ------
        InvalidInput
            For another width or theme.
        """
        from stellarnb.views.scene.matplotlib import paper_figure

        enable_figures()
        return paper_figure(self._scene_of, width, find_theme(theme))

    def to_holoviews(self, *, live: bool = True) -> Any:
        """Return the view as a HoloViews object, to compose with ``+`` and ``*``.

        Parameters
        ----------
        live : bool, optional
            Whether stars are aggregated anew at each zoom (a DynamicMap).

        Returns
        -------
        holoviews.Dimensioned
        """
        from stellarnb.views.scene.holoviews import holoviews_of

        return holoviews_of(self._scene_of, self._size, live=live)

    def save(self, path: str | os.PathLike[str], *, theme: str = "light") -> Path:
        """Save the view in the format of the file's ending.

        Parameters
        ----------
        path : path-like
            ``.html`` (pans and zooms with no network), ``.png``, ``.svg`` or ``.pdf``.
        theme : {'light', 'dark'}, optional
            Colours.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        InvalidInput
            For another ending or theme.
        OutputError
            If it cannot be written; nothing is left half-written.
        """
        target, colours = check_ending(path), find_theme(theme)
        if target.suffix == ".html":
            from stellarnb.views.scene.bokeh import BokehScene

            root = BokehScene(self._scene_of, self._size, colours, live=False).root
            title, line = self.scene.title, self.scene.line
            content = page_of({"view": root}, colours, title=title, line=line).encode()
        else:
            content = bytes_of(self._page(theme), target.suffix[1:])
        with atomic_write(target) as part:
            part.write_bytes(content)
        return target

    def _page(self, theme: str) -> Figure:
        wide = 3.4 * self.scene.columns if not self.scene.shared else 1.9 * self.scene.columns
        return self.to_matplotlib(width=max(5.0, wide), theme=theme)

    def _picture(self) -> bytes:
        return bytes_of(self._page(LIGHT.name), "png", dpi=80)

    def _bundle(self) -> dict[str, Any]:
        from stellarnb.views.scene.bokeh import BokehScene

        shown = BokehScene(self._scene_of, self._size, None)
        texts = [f"<b>{escape(self.scene.title)}</b>", escape(self.scene.line)]
        head, foot = (ipw.HTML(text) for text in texts)
        # Shared axes have their texts beside the colour bar.
        parts = [shown.model()] if self.scene.shared else [head, shown.model(), foot]
        box = ipw.VBox(parts)
        return {**(box._repr_mimebundle_() or {}), "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        """Show it live, and leave a picture for a saved notebook."""
        enable_notebook()
        show_with_picture(self._bundle(), self._picture, repr(self))

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:  # noqa: ARG002 - IPython's own
        """Return the live figure with a picture and words."""
        return self._bundle() | {"image/png": base64.b64encode(self._picture()).decode()}
