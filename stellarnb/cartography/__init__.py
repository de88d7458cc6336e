"""Where the stars are and how many: places, aggregates, selections, without any drawing."""

from stellarnb.cartography.aggregate import count, grid, mean, std
from stellarnb.cartography.bins import Bins
from stellarnb.cartography.columns import columns
from stellarnb.cartography.mock import mock_milky_way
from stellarnb.cartography.select import All, Between, Flag, Selection, SkyWindow
from stellarnb.cartography.sky import galactic, graticule, mollweide, outline
from stellarnb.cartography.window import Window, span

__all__ = [
    "All",
    "Between",
    "Bins",
    "Flag",
    "Selection",
    "SkyWindow",
    "Window",
    "columns",
    "count",
    "galactic",
    "graticule",
    "grid",
    "mean",
    "mock_milky_way",
    "mollweide",
    "outline",
    "span",
    "std",
]
