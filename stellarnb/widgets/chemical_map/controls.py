"""The controls of a chemical map; each one has its twin in Python, named in its tooltip."""

from __future__ import annotations

from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets

from stellarnb.cartography import Bins
from stellarnb.views.data.stars import MapStars as Stars
from stellarnb.views.data.style import axis_title, symbol
from stellarnb.views.live.bokeh_parts import DRAGS
from stellarnb.widgets.chemical_map.contract import ControlledMap
from stellarnb.widgets.core.components import Fold

__all__ = ["build_controls"]

_AUTO = {"width": "auto"}


def build_controls(view: ControlledMap, stars: Stars, grid: Bins) -> ipw.Widget:
    """Return the controls that this table has columns for, tied to the traits of the map."""
    rows = [_first_row(view, stars)]
    second = [part for part in (_snr(view, stars), _flags(view, stars)) if part is not None]
    if second:
        rows.append(ipw.HBox(second, layout=ipw.Layout(flex_flow="row wrap")))
    picker = _bin_picker(view, stars, grid)
    if picker is not None:
        rows.append(picker)
    return ipw.VBox(rows)


def _first_row(view: ControlledMap, stars: Stars) -> ipw.Widget:
    good = ipw.Checkbox(
        description="good stars only",
        indent=False,
        disabled=stars.good is None,
        tooltip=".good_only",
        layout=ipw.Layout(**_AUTO),
    )
    titles = [
        (name if name == "count" else f"mean {axis_title(name, stars.table.units)}", name)
        for name in stars.colours
    ]
    colour = ipw.Dropdown(options=titles, description="colour", tooltip=".color_by")
    drag = ipw.ToggleButtons(
        options=[("pan", "pan"), ("brush a box", "box"), ("brush a lasso", "lasso")],
        tooltips=[f".drag = {name!r}" for name in DRAGS],
        style={"button_width": "auto"},
    )
    buttons = []
    for words, twin in (("Reset", view.reset), ("Undo", view.undo)):
        button = ipw.Button(
            description=words, tooltip=f".{words.lower()}()", layout=ipw.Layout(width="80px")
        )
        button.on_click(lambda _, twin=twin: view.guarded(twin))
        buttons.append(button)
    for trait, control in (("good_only", good), ("color_by", colour), ("drag", drag)):
        traitlets.link((view, trait), (control, "value"))
    layout = ipw.Layout(flex_flow="row wrap")
    return ipw.HBox([good, colour, ipw.Label("dragging:"), drag, *buttons], layout=layout)


def _snr(view: ControlledMap, stars: Stars) -> ipw.Widget | None:
    """Return the slider for S/N; its whole range stands for no cut."""
    values = stars.column("snr") if "snr" in stars else np.empty(0, dtype=np.float32)
    values = values[np.isfinite(values)]
    if len(values) == 0 or values.min() == values.max():
        return None
    low, high = float(np.floor(values.min())), float(np.ceil(values.max()))
    slider = ipw.FloatRangeSlider(
        value=(low, high),
        min=low,
        max=high,
        step=max((high - low) / 500, 0.1),
        description="S/N",
        tooltip=".snr",
        readout_format=".0f",
        continuous_update=False,
        layout=ipw.Layout(width="380px"),
    )

    def to_map(change: Any) -> None:
        whole = tuple(change["new"]) == (low, high)
        view.guarded(lambda: view.set_trait("snr", None if whole else tuple(change["new"])))

    def to_slider(change: Any) -> None:
        wanted = change["new"] or (low, high)
        slider.value = tuple(float(np.clip(end, low, high)) for end in wanted)

    slider.observe(to_map, "value")
    # A cut beyond the stars' S/N is kept as it was asked for; the slider shows the nearest.
    view.observe(lambda change: _hold(slider, to_map, to_slider, change), "snr")
    return slider


def _hold(slider: ipw.Widget, handler: Any, move: Any, change: Any) -> None:
    """Move a control without being told of it."""
    slider.unobserve(handler, "value")
    try:
        move(change)
    finally:
        slider.observe(handler, "value")


def _flags(view: ControlledMap, stars: Stars) -> ipw.Widget | None:
    names = stars.flags
    if not names:
        return None
    box = ipw.SelectMultiple(
        options=[(symbol(name.removesuffix("_flag")), name) for name in names],
        description="no flag in",
        tooltip=".unflagged",
        rows=min(len(names), 4),
        layout=ipw.Layout(width="220px"),
    )
    traitlets.link((view, "unflagged"), (box, "value"))
    return box


def _bin_picker(view: ControlledMap, stars: Stars, grid: Bins) -> ipw.Widget | None:
    """Return a button for each bin in R and |Z|, the highest |Z| on top."""
    if not ("R" in stars and "Z" in stars):
        return None
    for name in ("R", "Z"):
        stars.column(name)
    codes = grid.codes(stars.frame)
    numbers = np.bincount(codes[codes >= 0], minlength=len(grid)).reshape(grid.shape)
    buttons = {}
    for row, column in grid:
        n = int(numbers[row, column])
        buttons[row, column] = ipw.ToggleButton(
            description=f"{n:,}" if n else "no stars",
            tooltip=f"{grid.title(row, column)} · .bins",
            disabled=n == 0,
            layout=ipw.Layout(width="auto"),
        )

    def to_map(change: Any) -> None:  # noqa: ARG001 - ipywidgets' own signature
        picked = [cell for cell, button in buttons.items() if button.value]
        view.guarded(lambda: view.set_trait("bins", picked))

    def to_buttons(change: Any) -> None:
        for cell, button in buttons.items():
            if button.value != (cell in change["new"]):
                _hold(button, to_map, lambda c, b=button, k=cell: b.set_trait("value", k in c["new"]), change)  # fmt: skip

    for button in buttons.values():
        button.observe(to_map, "value")
    view.observe(to_buttons, "bins")
    head = [ipw.Label("|Z| \\ R [kpc]"), *(ipw.Label(_edges(grid.r, j)) for j in range(grid.shape[1]))]  # fmt: skip
    cells: list[ipw.Widget] = list(head)
    for row in reversed(range(grid.shape[0])):
        cells.append(ipw.Label(_edges(grid.z, row)))
        cells += [buttons[row, column] for column in range(grid.shape[1])]
    layout = ipw.Layout(
        grid_template_columns=f"90px repeat({grid.shape[1]}, minmax(64px, 110px))", grid_gap="2px"
    )
    title = "bins in R and |Z|: only the stars of those that are picked"
    return Fold(title, ipw.GridBox(cells, layout=layout))


def _edges(edges: tuple[float, ...], index: int) -> str:
    low, high = edges[index], edges[index + 1]
    return f"> {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"
