"""Where the stars are and how many: aggregates, selections and the sky, without any drawing."""

from stellarnb.cartography.aggregate import Window, columns, count, mean, span
from stellarnb.cartography.select import All, Between, Flag, Selection, SkyWindow
from stellarnb.cartography.sky import galactic, graticule, mollweide, outline

__all__ = [
    "All",
    "Between",
    "Flag",
    "Selection",
    "SkyWindow",
    "Window",
    "columns",
    "count",
    "galactic",
    "graticule",
    "mean",
    "mollweide",
    "outline",
    "span",
]
