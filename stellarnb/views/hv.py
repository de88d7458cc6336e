"""Every view as a HoloViews object, from the same aggregates, to compose with ``+`` and ``*``.

Each function takes what its namesake in `stellarnb.views` takes, and ``live=False`` for an object
that is not aggregated anew at each zoom. In a notebook that reaches no other host, show a
composition with `show`; ``hv.extension`` would load BokehJS from elsewhere.

Examples
--------
>>> snb.hv.show(snb.hv.kiel(labels) + snb.hv.tinsley_wallerstein(labels))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from stellarnb.views import all_sky, plots, profiles
from stellarnb.views import label_checks as checks
from stellarnb.views.live.bokeh_parts import GREY, dress
from stellarnb.views.live.bokeh_widget import LiveModel
from stellarnb.views.live.notebook import enable_notebook
from stellarnb.views.view import View

__all__ = [
    "gradient",
    "healpix",
    "kiel",
    "mdf",
    "plane",
    "r_z",
    "r_z_grid",
    "show",
    "sky",
    "tinsley_wallerstein",
    "uncertainty",
    "validation",
    "x_y",
]

#: Backgrounds that nobody has chosen.
_UNTOUCHED = {"white", "#ffffff", None}


def show(thing: Any) -> LiveModel:
    """Return a HoloViews object as a live widget that needs no network.

    It takes the colours of the page around it, except for backgrounds that were chosen.
    """
    import holoviews as hv
    from bokeh.models import ColorBar, Plot

    enable_notebook()
    root = hv.render(thing, backend="bokeh")
    for plot in root.select({"type": Plot}):
        if plot.background_fill_color in _UNTOUCHED:
            dress(plot, None)
            for bar in plot.select({"type": ColorBar}):
                bar.background_fill_alpha = 0
                bar.title_text_color = bar.major_label_text_color = GREY
    return LiveModel(root)


def _as_holoviews(make: Callable[..., View]) -> Callable[..., Any]:
    """Return a function that gives HoloViews objects instead of views."""

    @wraps(make)
    def made(*args: Any, live: bool = True, **kwargs: Any) -> Any:
        return make(*args, **kwargs).to_holoviews(live=live)

    made.__doc__ = (
        f"Return `stellarnb.views.{make.__name__}` as a HoloViews object; see there.\n\n"
        "    With ``live=False`` it is not aggregated anew at each zoom.\n"
    )
    return made


gradient = _as_holoviews(profiles.gradient)
healpix = _as_holoviews(all_sky.healpix)
kiel = _as_holoviews(plots.kiel)
mdf = _as_holoviews(profiles.mdf)
plane = _as_holoviews(plots.plane)
r_z = _as_holoviews(plots.r_z)
r_z_grid = _as_holoviews(plots.r_z_grid)
sky = _as_holoviews(plots.sky)
tinsley_wallerstein = _as_holoviews(plots.tinsley_wallerstein)
uncertainty = _as_holoviews(plots.uncertainty)
validation = _as_holoviews(checks.validation)
x_y = _as_holoviews(plots.x_y)
