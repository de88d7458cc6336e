"""Diagrams through matplotlib: pictures for a notebook, figures for a paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from stellarnb.cartography import graticule, mollweide, outline
from stellarnb.errors import InvalidInput
from stellarnb.views.data.panels import Panel
from stellarnb.views.data.raster import Picture, Ranges
from stellarnb.views.data.style import Theme, palette
from stellarnb.views.scene.model import Band, Curve, Layer, Pane, Scene, Steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLUMN",
    "PAGE",
    "add_colour_bar",
    "dress_axes",
    "new_page",
    "paint",
    "paper_figure",
    "width_of",
]

#: Widths of a figure in Astronomy & Astrophysics [inch]: 88 mm and 180 mm.
COLUMN, PAGE = 88 / 25.4, 180 / 25.4
#: Pixels an inch of the stars' image: as many as a printer can show without blur.
_DPI = 220
#: Height of a pane over its width, and that of the sky.
_SHAPE, _SKY = 0.85, 0.55


def width_of(width: str | float) -> float:
    """Return a figure's width [inch] from ``'column'``, ``'page'`` or inches."""
    if isinstance(width, str):
        if width not in {"column", "page"}:
            raise InvalidInput(f"width={width!r}: use 'column', 'page' or inches.")
        return COLUMN if width == "column" else PAGE
    if not 1 <= float(width) <= 100:
        raise InvalidInput(f"width={width!r} inches: between 1 and 100 can be drawn.")
    return float(width)


def new_page(
    width: float,
    height: float,
    theme: Theme,
    layout: Literal["constrained", "none"] = "constrained",
) -> Figure:
    """Return an empty figure [inch] that no window belongs to."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    page = Figure(figsize=(width, height), facecolor=theme.page, layout=layout)  # type: ignore[arg-type]  # 'none' is documented
    FigureCanvasAgg(page)
    return page


@contextmanager
def vector_text() -> Iterator[None]:
    """Keep text as text in a PDF: searchable, and editable by a publisher."""
    import matplotlib as mpl

    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "stellarnb"}):
        yield


def paint(axes: Axes, panel: Panel, picture: Picture, theme: Theme, *, font: float = 10.0) -> Any:
    """Draw one diagram with a title of `font` points; return the image for a colour bar."""
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    (x0, x1), (y0, y1) = picture.view
    place: dict[str, Any] = {
        "extent": (x0, x1, y0, y1),
        "origin": "lower",
        "aspect": "equal" if panel.equal else "auto",
        "interpolation": "nearest",
        "zorder": 2,
    }
    axes.imshow(picture.back, cmap=ListedColormap([theme.back]), **place)
    norm = (LogNorm if picture.is_count else Normalize)(*picture.limits)
    image = axes.imshow(picture.front, cmap=ListedColormap(list(palette())), norm=norm, **place)
    axes.set_title(f"{panel.title} · {picture.caption}", fontsize=font, color=theme.text)
    dress_axes(axes, theme, font=font)
    if panel.is_sky:
        _paint_sky(axes, theme, font)
    else:
        axes.set_xlabel(panel.x_title, color=theme.text, fontsize=0.95 * font)
        axes.set_ylabel(panel.y_title, color=theme.text, fontsize=0.95 * font)
    for x, y, name in panel.marks:
        axes.plot(x, y, marker="+", color="#808080", markersize=0.7 * font, zorder=4)
        axes.annotate(
            name,
            (x, y),
            (0, 0.4 * font),
            textcoords="offset points",
            ha="center",
            fontsize=0.7 * font,
            color=theme.text,
            path_effects=_outline(theme),
            zorder=4,
        )
    axes.set_xlim(*((x1, x0) if panel.flip_x else (x0, x1)))
    axes.set_ylim(*((y1, y0) if panel.flip_y else (y0, y1)))
    return image


def dress_axes(axes: Axes, theme: Theme, *, font: float = 10.0) -> None:
    """Give axes the look of every view."""
    axes.grid(color=theme.line, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_facecolor(theme.page)
    axes.tick_params(colors=theme.text, labelsize=0.8 * font)
    for spine in axes.spines.values():
        spine.set_edgecolor(theme.line)


def add_colour_bar(
    page: Figure,
    image: Any,
    axes: Any,
    title: str,
    theme: Theme,
    *,
    font: float = 10.0,
    pad: float = 0.03,
    shrink: float = 0.95,
) -> None:
    """Put a colour bar below one or more axes, `pad` of their height away."""
    bar = page.colorbar(
        image, ax=axes, orientation="horizontal", fraction=0.05, shrink=shrink, aspect=35, pad=pad
    )
    from matplotlib.ticker import FuncFormatter, NullFormatter

    # 10, not ten to the first power, as on the page.
    bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.xaxis.set_minor_formatter(NullFormatter())
    bar.set_label(title, color=theme.text, fontsize=0.9 * font)
    bar.ax.tick_params(colors=theme.text, labelsize=0.8 * font, which="both")
    bar.outline.set_edgecolor(theme.line)


def _outline(theme: Theme) -> list[Any]:
    """Return what makes words legible on stars of any colour."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2, foreground=theme.page)]


def _paint_sky(axes: Axes, theme: Theme, font: float) -> None:
    for x, y in (*graticule(), outline()):
        axes.plot(x, y, color="#808080", alpha=0.5, linewidth=0.6)
    lon = np.array([120, 60, 0, 300, 240])
    for value, x, y in zip(lon, *mollweide(lon, np.zeros(len(lon))), strict=True):
        axes.text(
            x,
            y,
            f"{value}°",
            fontsize=0.7 * font,
            ha="center",
            va="bottom",
            color=theme.text,
            path_effects=_outline(theme),
        )
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def paper_figure(
    scene_of: Callable[[Ranges | None, tuple[int, int]], Scene], width: str | float, theme: Theme
) -> Figure:
    """Return a scene as a matplotlib figure; see `stellarnb.views.view.View.to_matplotlib`."""
    inches = width_of(width)
    draft = scene_of(None, (60, 50))
    if width == "column" and draft.columns > 1:
        inches = PAGE
    each = inches / draft.columns
    shape = _SKY if any(pane.panel.is_sky for pane in draft.panes) else _SHAPE
    size = max(int(_DPI * each), 40), max(int(_DPI * each * shape), 40)
    scene = scene_of(None, size)
    font = float(np.clip(7.0 * (inches / scene.columns) / COLUMN, 4.5, 10.0))
    if scene.shared:
        font = 7.0
    pictured = any(pane.picture is not None for pane in scene.panes)
    height = each * shape * scene.rows + (1.1 if pictured else 0.75)
    page = new_page(inches, height, theme)
    grid = page.subplots(
        scene.rows, scene.columns, squeeze=False, sharex=scene.shared, sharey=scene.shared
    )
    for axes in grid.flat:
        axes.axis("off")
    image = None
    for pane in scene.panes:
        axes = grid[pane.row, pane.column]
        axes.axis("on")
        image = _draw(page, axes, scene, pane, theme, font) or image
    first = next((pane.picture for pane in scene.panes if pane.picture is not None), None)
    if scene.shared and image is not None and first is not None:
        add_colour_bar(page, image, grid, first.bar_title, theme, font=font, shrink=0.5)
    words: dict[str, Any] = {"color": theme.text, "parse_math": False}
    page.suptitle(scene.title, fontsize=1.2 * font, **words)
    page.supxlabel(_wrapped(scene.line, inches), fontsize=0.8 * font, **words)
    return page


def _draw(page: Figure, axes: Axes, scene: Scene, pane: Pane, theme: Theme, font: float) -> Any:
    """Draw one pane; return its image, if it has one."""
    panel, image = pane.panel, None
    if pane.picture is not None:
        image = paint(axes, panel, pane.picture, theme, font=font)
        if not scene.shared:
            add_colour_bar(page, image, axes, pane.picture.bar_title, theme, font=font)
    else:
        dress_axes(axes, theme, font=font)
        axes.set_xlim(*panel.home[0])
        axes.set_ylim(*panel.home[1])
        axes.set_xlabel(panel.x_title, color=theme.text, fontsize=0.95 * font)
        axes.set_ylabel(panel.y_title, color=theme.text, fontsize=0.95 * font)
        axes.set_title(panel.title, fontsize=font, color=theme.text)
    for layer in pane.layers:
        _add_layer(axes, layer, theme)
    if any(layer.label for layer in pane.layers):
        legend = axes.legend(fontsize=0.75 * font, frameon=False, labelcolor=theme.text)
        legend.set_zorder(6)
    if scene.shared:
        _head(axes, pane, scene, theme, font)
    elif pane.words:
        text: dict[str, Any] = {"va": "top", "color": theme.text, "zorder": 6, "parse_math": False}
        axes.text(0.03, 0.97, pane.words, transform=axes.transAxes, fontsize=0.8 * font, **text)
    if len(scene.panes) == 1 and pane.picture is not None:
        axes.set_title(pane.picture.caption, fontsize=0.9 * font, color=theme.text)
    if scene.shared:
        axes.label_outer()
        if pane.column != scene.columns // 2:
            axes.set_xlabel("")
        if pane.row != scene.rows // 2:
            axes.set_ylabel("")
    return image


def _head(axes: Axes, pane: Pane, scene: Scene, theme: Theme, font: float) -> None:
    """Write the bins of a pane and its number of stars."""
    text: dict[str, Any] = {"color": theme.text, "fontsize": 0.85 * font}
    axes.set_title(pane.header if pane.row == 0 else "", **text)
    if pane.column == scene.columns - 1:
        place: dict[str, Any] = {"rotation": 270, "va": "center", "transform": axes.transAxes}
        axes.text(1.03, 0.5, pane.side, **place, **text)
    corner: dict[str, Any] = {"transform": axes.transAxes, "zorder": 6}
    axes.text(0.04, 0.04, pane.words, **corner, **text)


def _add_layer(axes: Axes, layer: Layer, theme: Theme) -> None:
    look: dict[str, Any] = {
        "color": layer.colour or theme.text,
        "label": layer.label or None,
        "zorder": 4,
    }
    if isinstance(layer, Curve):
        style, width = "--" if layer.dashed else "-", 0.6 if layer.thin else 1.1
        axes.plot(layer.x, layer.y, linestyle=style, linewidth=width, **look)
    elif isinstance(layer, Steps):
        axes.plot(*layer.outline, linewidth=1.0, **look)
    elif isinstance(layer, Band):
        axes.fill_between(layer.x, layer.low, layer.high, alpha=0.2, linewidth=0, **look)
    else:
        axes.errorbar(
            layer.x, layer.y, layer.error, fmt="o", markersize=3, elinewidth=0.8, capsize=2, **look
        )


def _wrapped(line: str, inches: float) -> str:
    from textwrap import fill

    return fill(line, max(int(19 * inches), 30))
