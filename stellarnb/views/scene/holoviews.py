"""Scenes through HoloViews: objects to compose with ``+`` and ``*``."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import holoviews as hv
import numpy as np

from stellarnb.views.data.raster import Picture, Ranges
from stellarnb.views.data.style import palette
from stellarnb.views.scene.model import Band, Curve, Layer, Pane, Scene, Steps

__all__ = ["holoviews_of", "use_bokeh"]

SceneOf = Callable[[Ranges | None, tuple[int, int]], Scene]


def use_bokeh() -> None:
    """Make Bokeh the backend; `hv.extension` would load BokehJS from another host."""
    import holoviews.plotting.bokeh  # noqa: F401  (registers the backend)

    hv.Store.set_current_backend("bokeh")


def holoviews_of(scene_of: SceneOf, size: tuple[int, int], *, live: bool) -> Any:
    """Return a scene as an Image (or DynamicMap) with its curves, or as a Layout of several."""
    use_bokeh()
    scene = scene_of(None, size)
    one = len(scene.panes) == 1

    # Panes that share their axes share one pass over the stars too: each asks for the same view.
    @lru_cache(maxsize=2)
    def seen(view: Ranges | None) -> tuple[Pane, ...]:
        return scene_of(view, size).panes

    moves = live and (one or scene.shared)

    def pane_at(number: int, view: Ranges | None) -> Pane:
        return seen(view)[number]

    panes = [
        _pane(scene, pane, partial(pane_at, i) if moves else None, size)
        for i, pane in enumerate(scene.panes)
    ]
    if one:
        return panes[0]
    layout = hv.Layout(panes).cols(scene.columns)
    return layout.opts(hv.opts.Layout(shared_axes=scene.shared, title=scene.title, toolbar="above"))


def _pane(
    scene: Scene, pane: Pane, at: Callable[[Ranges | None], Pane] | None, size: tuple[int, int]
) -> Any:
    """Return a pane; `at` gives it anew at another view, where it moves."""
    above = [part for layer in pane.layers for part in _layer(layer)]
    look = _look(scene, pane, size)
    if pane.picture is None:
        return hv.Overlay(above).opts(hv.opts.Overlay(**look, legend_position="top_right"))
    if at is None:
        stars: Any = _image(scene, pane, pane.picture, size)
    else:
        stream = hv.streams.RangeXY()

        def drawn(x_range: Any, y_range: Any) -> Any:
            known = x_range is not None and y_range is not None
            found = at((_rising(x_range), _rising(y_range)) if known else None)
            picture = found.picture
            return _image(scene, found, picture if picture is not None else pane.picture, size)

        stars = hv.DynamicMap(drawn, streams=[stream])
    return stars * hv.Overlay(above) if above else stars


def _image(scene: Scene, pane: Pane, picture: Picture | None, size: tuple[int, int]) -> Any:
    if picture is None:  # pragma: no cover - a pane of stars has a picture
        return hv.Image([])
    panel = pane.panel
    # An averaged column may be that of an axis, and HoloViews wants different names.
    name = "count" if picture.is_count else f"mean_{picture.color_by}"
    x, y = (
        low + (np.arange(bins) + 0.5) * (high - low) / bins
        for (low, high), bins in zip(picture.view, picture.front.shape[::-1], strict=True)
    )
    image = hv.Image(
        (x, y, picture.front),
        kdims=[
            hv.Dimension(panel.x, label=panel.x_title or "Mollweide x"),
            hv.Dimension(panel.y if panel.y != panel.x else f"{panel.y} ", label=panel.y_title or "Mollweide y"),
        ],
        vdims=[hv.Dimension(name, label=picture.bar_title)],
    )  # fmt: skip
    return image.opts(
        **_look(scene, pane, size),
        cmap=list(palette()),
        cnorm="log" if picture.is_count else "linear",
        clim=picture.limits,
        colorbar=not scene.shared,
        clabel=picture.bar_title,
        invert_xaxis=panel.flip_x,
        invert_yaxis=panel.flip_y,
        xaxis=None if panel.is_sky else "bottom",
        yaxis=None if panel.is_sky else "left",
    )


def _look(scene: Scene, pane: Pane, size: tuple[int, int]) -> dict[str, Any]:
    words = pane.picture.caption if pane.picture is not None else ""
    title = f"{pane.header}, {pane.side}: {pane.words}" if scene.shared else pane.panel.title
    return {
        "frame_width": size[0],
        "frame_height": size[1],
        "title": f"{title} · {words}" if words and not scene.shared else title,
        "xlabel": pane.panel.x_title,
        "ylabel": pane.panel.y_title,
    }


def _layer(layer: Layer) -> list[Any]:
    named: dict[str, Any] = {"label": layer.label} if layer.label else {}
    colour = layer.colour or "#808080"
    if isinstance(layer, Curve):
        look = {
            "line_dash": "dashed" if layer.dashed else "solid",
            "line_width": 1 if layer.thin else 2,
        }
        return [hv.Curve((layer.x, layer.y), "x", "y", **named).opts(color=colour, **look)]
    if isinstance(layer, Steps):
        return [hv.Curve(layer.outline, "x", "y", **named).opts(color=colour)]
    if isinstance(layer, Band):
        good = np.isfinite(layer.low) & np.isfinite(layer.high)
        data = (layer.x[good], layer.low[good], layer.high[good])
        area = hv.Area(data, "x", ["low", "high"], **named)
        return [area.opts(color=colour, alpha=0.2, line_alpha=0)]
    good = np.isfinite(layer.x) & np.isfinite(layer.y)
    x, y = layer.x[good], layer.y[good]
    error = np.where(np.isfinite(layer.error[good]), layer.error[good], 0.0)
    points = hv.Scatter((x, y), "x", "y", **named).opts(color=colour, size=6)
    return [points, hv.ErrorBars((x, y, error), "x", ["y", "error"]).opts(line_color=colour)]


def _rising(ends: Any) -> tuple[float, float]:
    low, high = sorted(float(end) for end in ends)
    return low, high
