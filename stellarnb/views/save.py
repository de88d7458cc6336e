"""Maps as files: an HTML page that needs no network, and a PNG."""

from __future__ import annotations

import io
import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography import graticule, mollweide, outline
from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write
from stellarnb.views.notebook import bokeh_js
from stellarnb.views.panels import Absent, Panel, Range, Stars, find_panels
from stellarnb.views.pictures import Picture, draw, provenance
from stellarnb.views.style import LIGHT, Theme, find_theme, palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["html_page", "png_image", "save_maps"]

#: Pixels of a panel in a file: one that is zoomed later should not turn into blocks at once.
_HTML_SIZE, _HTML_SKY, _PNG_SIZE = (400, 380), (540, 380), (360, 340)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ background: {page}; color: {text}; font-family: sans-serif; }}</style>
<script>
{bokeh}
</script>
{script}
</head>
<body>
<h1 style="font-size: 18px">{title}</h1>
<div style="display: flex; flex-wrap: wrap; gap: 12px">
{parts}
</div>
<p style="font-size: 12px">{line}</p>
</body>
</html>
"""

Views = dict[str, tuple[Range, Range]]
Mask = NDArray[np.bool_]


def save_maps(
    labels: Any,
    path: str | os.PathLike[str],
    *,
    theme: str = "light",
    color_by: str = "count",
    good_only: bool = False,
    title: str = "Chemical map",
    views: Views | None = None,
) -> Path:
    """Write the maps of a table into a file; the ending tells the format.

    Parameters
    ----------
    labels : Labels or any table
        With the columns of at least one diagram.
    path : path-like
        ``.html`` (one page that pans and zooms with no network) or ``.png``.
    theme : str, optional
        ``light`` or ``dark``.
    color_by : str, optional
        ``count``, or a column to average.
    good_only : bool, optional
        Colour the stars of the recommended cut only; the others are grey.
    title : str, optional
        Title of the page.
    views : dict of str to tuple of Range, optional
        x and y range of a diagram by its key; the home view where not given.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidInput
        For another ending, theme or colour.
    MissingInput
        If `good_only` is asked of a table without the column ``good``.
    OutputError
        If it cannot be written; nothing is left half-written.
    """
    target = Path(path).expanduser()
    if target.suffix not in {".html", ".png"}:
        raise InvalidInput(f"{target.name}: a map is saved as .html or .png.")
    stars = labels if isinstance(labels, Stars) else Stars.of(labels)
    look: dict[str, Any] = {
        "theme": find_theme(theme),
        "color_by": stars.check_colour(color_by),
        "good_only": good_only,
        "title": title,
        "views": views or {},
    }
    if target.suffix == ".html":
        content = html_page(stars, **look).encode()
    else:
        content = png_image(stars, **look)
    with atomic_write(target) as part:
        part.write_bytes(content)
    return target


def html_page(
    stars: Stars,
    *,
    theme: Theme = LIGHT,
    color_by: str = "count",
    good_only: bool = False,
    title: str = "Chemical map",
    views: Views | None = None,
) -> str:
    """Return the maps as one HTML page with BokehJS inside; see `save_maps`."""
    from bokeh.embed import components

    from stellarnb.views.figures import MapFigure

    chosen = stars.chosen(good_only=good_only)
    figures: dict[str, Any] = {}
    parts: dict[str, str] = {}
    for panel in find_panels(stars):
        if isinstance(panel, Absent):
            parts[panel.key] = f'<p style="width: {_HTML_SIZE[0]}px">{escape(panel.words)}</p>'
            continue
        figures[panel.key] = MapFigure(
            stars,
            panel,
            theme=theme,
            color_by=color_by,
            chosen=chosen,
            size=_HTML_SKY if panel.is_sky else _HTML_SIZE,
            live=False,
            view=(views or {}).get(panel.key),
        ).figure
        parts[panel.key] = ""
    script, divs = components(figures) if figures else ("", {})
    line = provenance(stars, chosen, good_only=good_only)
    return _PAGE.format(
        title=escape(title),
        line=escape(line),
        page=theme.page,
        text=theme.text,
        bokeh=bokeh_js(["bokeh"]),
        script=script,
        parts="\n".join((parts | divs).values()),
    )


def png_image(
    stars: Stars,
    *,
    theme: Theme = LIGHT,
    color_by: str = "count",
    good_only: bool = False,
    title: str = "",
    views: Views | None = None,
    dpi: int = 150,
) -> bytes:
    """Return the maps side by side as a PNG file's bytes; see `save_maps`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = stars.chosen(good_only=good_only)
    panels = find_panels(stars)
    page = Figure(figsize=(14.5, 4.8), facecolor=theme.page, layout="constrained")
    FigureCanvasAgg(page)
    wide = [1.6 if panel.key == "sky" else 1.0 for panel in panels]
    for panel, axes in zip(panels, page.subplots(1, len(panels), width_ratios=wide), strict=True):
        if isinstance(panel, Absent):
            axes.axis("off")
            axes.text(0.5, 0.5, panel.words, ha="center", va="center", wrap=True, color=theme.text)
            continue
        view = (views or {}).get(panel.key)
        size = (2 * _PNG_SIZE[0], _PNG_SIZE[0]) if panel.is_sky else _PNG_SIZE
        picture = draw(stars, panel, view, size=size, color_by=color_by, chosen=chosen)
        _paint(page, axes, panel, picture, theme)
    line = provenance(stars, chosen, good_only=good_only)
    page.supxlabel(line, fontsize=8, color=theme.text, parse_math=False)
    if title:
        page.suptitle(title, fontsize=12, color=theme.text, parse_math=False)
    stream = io.BytesIO()
    page.savefig(stream, format="png", dpi=dpi, facecolor=theme.page)
    return stream.getvalue()


def _paint(page: Figure, axes: Axes, panel: Panel, picture: Picture, theme: Theme) -> None:
    """Draw one diagram with its colour bar."""
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    (x0, x1), (y0, y1) = picture.view
    place: dict[str, Any] = {
        "extent": (x0, x1, y0, y1),
        "origin": "lower",
        "aspect": "equal" if panel.is_sky else "auto",
        "interpolation": "nearest",
        "zorder": 2,
    }
    axes.imshow(picture.back, cmap=ListedColormap([theme.back]), **place)
    norm = (LogNorm if picture.is_count else Normalize)(*picture.limits)
    image = axes.imshow(picture.front, cmap=ListedColormap(list(palette())), norm=norm, **place)
    axes.set_title(f"{panel.title} · {picture.caption}", fontsize=10, color=theme.text)
    if panel.is_sky:
        _paint_sky(axes, theme)
    else:
        axes.set_xlabel(panel.x_title, color=theme.text)
        axes.set_ylabel(panel.y_title, color=theme.text)
        axes.grid(color=theme.line, linewidth=0.6)
        axes.set_axisbelow(True)
    axes.set_xlim(*((x1, x0) if panel.flip_x else (x0, x1)))
    axes.set_ylim(*((y1, y0) if panel.flip_y else (y0, y1)))
    axes.set_facecolor(theme.page)
    axes.tick_params(colors=theme.text, labelsize=8)
    for spine in axes.spines.values():
        spine.set_edgecolor(theme.line)
    bar = page.colorbar(image, ax=axes, orientation="horizontal", shrink=0.9, aspect=35, pad=0.03)
    bar.set_label(picture.bar_title, color=theme.text, fontsize=9)
    bar.ax.tick_params(colors=theme.text, labelsize=8, which="both")


def _paint_sky(axes: Axes, theme: Theme) -> None:
    for x, y in (*graticule(), outline()):
        axes.plot(x, y, color="#808080", alpha=0.5, linewidth=0.6)
    lon = np.array([120, 60, 0, 300, 240])
    for value, x, y in zip(lon, *mollweide(lon, np.zeros(len(lon))), strict=True):
        axes.text(x, y, f"{value}°", fontsize=7, ha="center", va="bottom", color=theme.text)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
