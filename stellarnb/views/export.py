"""Maps as files: an HTML page that needs no network, PNG, SVG and PDF."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write
from stellarnb.views.data.panels import Absent, Panel, find_panels
from stellarnb.views.data.raster import Ranges, draw, provenance
from stellarnb.views.data.stars import MapStars
from stellarnb.views.data.style import LIGHT, Theme, find_theme
from stellarnb.views.live.notebook import bokeh_js
from stellarnb.views.scene.matplotlib import add_colour_bar, new_page, paint, vector_text

__all__ = ["ENDINGS", "Look", "html_page", "page_of", "picture_bytes", "save_maps", "write_look"]

#: What a map may be saved as.
ENDINGS = (".html", ".png", ".svg", ".pdf")
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

Mask = NDArray[np.bool_]
Outline = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Look:
    """Describe what a saved map shows: diagrams, colours, chosen stars, texts and brush edges."""

    panels: Sequence[Panel | Absent]
    theme: Theme = LIGHT
    color_by: str = "count"
    chosen: Mask | None = None
    title: str = ""
    line: str = ""
    views: dict[str, Ranges] = field(default_factory=dict)
    outlines: Mapping[str, Outline] = field(default_factory=dict)


def save_maps(
    labels: Any,
    path: str | os.PathLike[str],
    *,
    theme: str = "light",
    color_by: str = "count",
    good_only: bool = False,
    title: str = "Chemical map",
    views: dict[str, Ranges] | None = None,
    panels: Sequence[str | tuple[str, str]] | None = None,
) -> Path:
    """Write the maps of a table into a file; the ending tells the format.

    Parameters
    ----------
    labels : Labels or any table
        With the columns of at least one diagram.
    path : path-like
        ``.html`` (one page that pans and zooms with no network), ``.png``, ``.svg`` or ``.pdf``.
    theme : str, optional
        ``light`` or ``dark``.
    color_by : str, optional
        ``count``, or a column to average.
    good_only : bool, optional
        Colour the stars of the recommended cut only; the others are grey.
    title : str, optional
        Title of the page.
    views : dict of str to tuple of Range, optional
        x and y range of a diagram by its key; the home view if omitted.
    panels : sequence of str or pairs of columns, optional
        Which diagrams; see `stellarnb.ChemicalMap`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidInput
        For another ending, theme, colour or diagram.
    MissingInput
        If `good_only` is set for a table without the column ``good``, or a diagram of one
        without its columns.
    OutputError
        If it cannot be written; nothing is left half-written.
    """
    check_ending(path)
    stars = MapStars.of(labels)
    chosen = stars.chosen(good_only=good_only)
    look = Look(
        find_panels(stars, panels),
        find_theme(theme),
        stars.check_colour(color_by),
        chosen,
        title,
        provenance(stars, chosen, good_only=good_only),
        views or {},
    )
    return write_look(stars, look, path)


def check_ending(path: str | os.PathLike[str], more: Sequence[str] = ()) -> Path:
    """Return the path of a map's file."""
    target = Path(path).expanduser()
    endings = [*ENDINGS, *more]
    if target.suffix not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise InvalidInput(f"{target.name}: a map is saved as {known}.")
    return target


def write_look(stars: MapStars, look: Look, path: str | os.PathLike[str]) -> Path:
    """Write what is shown into a file; see `save_maps`."""
    target = check_ending(path)
    if target.suffix == ".html":
        content = html_page(stars, look).encode()
    else:
        content = picture_bytes(stars, look, target.suffix[1:])
    with atomic_write(target) as part:
        part.write_bytes(content)
    return target


def html_page(stars: MapStars, look: Look) -> str:
    """Return what is shown as one HTML page with BokehJS inside."""
    from stellarnb.views.live.figure import MapFigure

    figures: dict[str, Any] = {}
    words: dict[str, str] = {}
    for panel in look.panels:
        if isinstance(panel, Absent):
            words[panel.key] = panel.words
            continue
        live = MapFigure(
            stars,
            panel,
            theme=look.theme,
            color_by=look.color_by,
            chosen=look.chosen,
            size=_HTML_SKY if panel.is_sky else _HTML_SIZE,
            live=False,
            view=look.views.get(panel.key),
        )
        live.outline(*(list(side) for side in look.outlines.get(panel.key, ((), ()))))
        figures[panel.key] = live.figure
    keys = [panel.key for panel in look.panels]
    return page_of(figures, look.theme, title=look.title, line=look.line, words=words, order=keys)


def page_of(
    figures: dict[str, Any],
    theme: Theme,
    *,
    title: str,
    line: str,
    words: dict[str, str] | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """Return Bokeh figures (and words in place of some) as a page that needs no network."""
    from bokeh.embed import components

    script, divs = components(figures) if figures else ("", {})
    parts = dict(divs)
    for key, text in (words or {}).items():
        parts[key] = f'<p style="width: {_HTML_SIZE[0]}px">{escape(text)}</p>'
    return _PAGE.format(
        title=escape(title),
        line=escape(line),
        page=theme.page,
        text=theme.text,
        bokeh=bokeh_js(["bokeh"]),
        script=script,
        parts="\n".join(parts[key] for key in order or parts),
    )


def picture_bytes(stars: MapStars, look: Look, form: str = "png", *, dpi: int = 150) -> bytes:
    """Return what is shown as the bytes of a ``png``, ``svg`` or ``pdf`` file."""
    rows, columns = _rows_and_columns(len(look.panels))
    width, height = max(4.8 * columns, 5.2), 4.9 * rows + 0.3
    # Margins by hand: to find them from the words takes longer than all the rest.
    page = new_page(width, height, look.theme, layout="none")
    sides = {"left": 0.8 / width, "right": 1 - 0.25 / width, "bottom": 0.6 / height}
    page.subplots_adjust(**sides, top=1 - 0.75 / height, wspace=0.26, hspace=0.26)
    wide = [1.6 if panel.key == "sky" else 1.0 for panel in look.panels] if rows == 1 else None
    grid = page.subplots(rows, columns, squeeze=False, width_ratios=wide)
    for axes in grid.flat[len(look.panels) :]:
        axes.axis("off")
    for panel, axes in zip(look.panels, grid.flat, strict=False):
        if isinstance(panel, Absent):
            axes.axis("off")
            text = {"ha": "center", "va": "center", "wrap": True, "parse_math": False}
            axes.text(0.5, 0.5, panel.words, color=look.theme.text, **text)
            continue
        size = (2 * _PNG_SIZE[0], _PNG_SIZE[0]) if panel.is_sky else _PNG_SIZE
        picture = draw(
            stars,
            panel,
            look.views.get(panel.key, panel.fitted(size)),
            size=size,
            color_by=look.color_by,
            chosen=look.chosen,
        )
        image = paint(axes, panel, picture, look.theme)
        if panel.key in look.outlines:
            x, y = (np.append(side, side[0]) for side in look.outlines[panel.key])
            axes.plot(x, y, color="#d55e00", linewidth=1.5, zorder=5)
        pad = 0.06 if panel.is_sky else 0.16
        add_colour_bar(page, image, axes, picture.bar_title, look.theme, pad=pad)
    words: dict[str, Any] = {"ha": "center", "color": look.theme.text, "parse_math": False}
    page.text(0.5, 0.12 / height, look.line, fontsize=8, va="bottom", **words)
    page.text(0.5, 1 - 0.12 / height, look.title, fontsize=12, va="top", **words)
    return bytes_of(page, form, dpi=dpi)


def bytes_of(page: Any, form: str, *, dpi: int = 150) -> bytes:
    """Return a matplotlib figure as the bytes of a file."""
    stream = io.BytesIO()
    # No date inside: the same map makes the same file.
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
    with vector_text():
        page.savefig(stream, format=form, dpi=dpi, facecolor=page.get_facecolor(), metadata=date)
    return stream.getvalue()


def _rows_and_columns(number: int) -> tuple[int, int]:
    """Return a page's shape: up to three diagrams in a row, then two rows and more."""
    if number <= 3:
        return 1, max(number, 1)
    columns = 2 if number == 4 else 3
    return -(-number // columns), columns
