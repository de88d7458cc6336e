"""Where the stars are and how many: places, aggregates, selections, without any drawing."""

from stellarnb.cartography.aggregate import Aggregate, categories, count, grid, mean, std
from stellarnb.cartography.bins import Bins
from stellarnb.cartography.columns import columns
from stellarnb.cartography.expression import Where
from stellarnb.cartography.mock import mock_milky_way
from stellarnb.cartography.order import median, quantiles
from stellarnb.cartography.place import MissingExtinction, NoZeroPoint, place
from stellarnb.cartography.regions import Box, Lasso, RZBins, SkyWindow
from stellarnb.cartography.scales import normalise, shade
from stellarnb.cartography.select import All, AnyOf, Between, Flag, Not, Selection
from stellarnb.cartography.sky import galactic, graticule, mollweide, outline
from stellarnb.cartography.stream import Step, stream
from stellarnb.cartography.window import Window, span

__all__ = [
    "Aggregate",
    "All",
    "AnyOf",
    "Between",
    "Bins",
    "Box",
    "Flag",
    "Lasso",
    "MissingExtinction",
    "NoZeroPoint",
    "Not",
    "RZBins",
    "Selection",
    "SkyWindow",
    "Step",
    "Where",
    "Window",
    "categories",
    "columns",
    "count",
    "galactic",
    "graticule",
    "grid",
    "mean",
    "median",
    "mock_milky_way",
    "mollweide",
    "normalise",
    "outline",
    "place",
    "quantiles",
    "shade",
    "span",
    "std",
    "stream",
]
