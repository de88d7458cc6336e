"""Place, select and aggregate stars, without drawing them."""

from stellarnb.cartography.aggregate.api import (
    Aggregate,
    categories,
    count,
    grid,
    mean,
    median,
    quantiles,
    std,
)
from stellarnb.cartography.aggregate.bins import Bins
from stellarnb.cartography.aggregate.scales import normalise, shade
from stellarnb.cartography.aggregate.window import Window, span
from stellarnb.cartography.chemistry.gradients import Gradients, distributions, gradients, profile
from stellarnb.cartography.chemistry.sequences import (
    DIVIDING_LINE,
    AlphaSide,
    dividing_line,
    find_sequences,
)
from stellarnb.cartography.mock.generate import mock_milky_way
from stellarnb.cartography.place.place import MissingExtinction, NoZeroPoint, place
from stellarnb.cartography.select.expression import Where
from stellarnb.cartography.select.regions import Box, Lasso, RZBins, SkyWindow
from stellarnb.cartography.select.rules import All, AnyOf, Between, Flag, Not, Selection
from stellarnb.cartography.sky import galactic, graticule, mollweide, outline, sky_patch
from stellarnb.cartography.stream import Step, stream
from stellarnb.cartography.tables import columns

__all__ = [
    "DIVIDING_LINE",
    "Aggregate",
    "All",
    "AlphaSide",
    "AnyOf",
    "Between",
    "Bins",
    "Box",
    "Flag",
    "Gradients",
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
    "distributions",
    "dividing_line",
    "find_sequences",
    "galactic",
    "gradients",
    "graticule",
    "grid",
    "mean",
    "median",
    "mock_milky_way",
    "mollweide",
    "normalise",
    "outline",
    "place",
    "profile",
    "quantiles",
    "shade",
    "sky_patch",
    "span",
    "std",
    "stream",
]
