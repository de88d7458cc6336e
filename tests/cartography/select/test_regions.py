import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.path import Path

from stellarnb.cartography import AlphaSide, Bins, Box, Lasso, RZBins, Window, count, grid
from stellarnb.errors import InvalidInput

NO_DEADLINE = settings(deadline=None)
stars = hnp.arrays(np.float32, 25, elements=st.integers(-192, 192).map(lambda step: step / 64))
values = hnp.arrays(
    np.float32,
    25,
    elements=st.one_of(st.floats(-3, 3, width=32), st.sampled_from([np.nan, np.inf, 0.0, 1.0])),
)
#: No closer to a star than 1/64, so that rounding decides nothing; many lie on a star exactly.
places = st.integers(-192, 192).map(lambda step: step / 64)
polygons = st.lists(st.tuples(places, places), min_size=3, max_size=12)


def crossings(a, b, corners):
    """The even-odd rule, in plain Python: how many sides a ray to the right crosses."""
    n = 0
    for (ax, ay), (bx, by) in zip(corners[-1:] + corners[:-1], corners, strict=True):
        if (ay > b) != (by > b) and a < (bx - ax) * (b - ay) / (by - ay) + ax:
            n += 1
    return n


@NO_DEADLINE
@given(stars, stars, polygons)
def test_a_lasso_takes_the_stars_from_which_a_ray_crosses_an_odd_number_of_sides(x, y, corners):
    mask = Lasso("x", "y", corners).mask({"x": x, "y": y})
    for a, b, inside in zip(x.astype(float), y.astype(float), mask, strict=True):
        assert inside == (crossings(a, b, corners) % 2 == 1)


def test_a_lasso_takes_no_star_without_a_place():
    table = {"x": [0.0, np.nan, np.inf], "y": [0.0, 0.0, 0.0]}
    mask = Lasso("x", "y", ((-1, -1), (1, -1), (0, 2))).mask(table)
    assert mask.tolist() == [True, False, False]


def test_a_lasso_takes_what_matplotlib_takes(galaxy):
    angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    radius = 1 + 0.3 * np.cos(7 * angle)
    corners = np.stack([-0.3 + 0.4 * radius * np.cos(angle), 0.1 + 0.1 * radius * np.sin(angle)], 1)
    ours = Lasso("m_h", "alpha_m", corners).mask(galaxy)
    points = np.stack([galaxy["m_h"], galaxy["alpha_m"]], axis=1).astype(float)
    theirs = Path(corners).contains_points(points)
    assert ours.sum() > 100_000
    assert np.sum(ours != theirs) <= 2  # on a side


@NO_DEADLINE
@given(values, values, st.tuples(places, places, places, places))
def test_a_box_takes_the_stars_that_its_image_counts(x, y, edges):
    x0, x1 = sorted(edges[:2])
    y0, y1 = sorted(edges[2:])
    table = {"x": x, "y": y}
    mask = Box("x", "y", x0, x1, y0, y1).mask(table)
    if x0 < x1 and y0 < y1:
        assert mask.sum() == count(table, "x", "y", Window((x0, x1), (y0, y1), 3, 3)).sum()


def test_a_box_sees_the_float32_that_is_drawn():
    table = {"x": np.array([4.9999999999]), "y": np.array([0.0])}
    box = Box("x", "y", 5.0, 6.0, -1.0, 1.0)
    assert box.mask(table).sum() == count(table, "x", "y", Window((5, 6), (-1, 1))).sum() == 1


def test_bins_take_the_stars_of_their_panels(some):
    panels = grid(some, "m_h", "alpha_m", Window((-5, 5), (-5, 5), 3, 3))
    for row, column in Bins():
        chosen = RZBins(((row, column),)).table(some)
        assert len(chosen) == panels.attrs["panel_stars"][row][column]
    every = RZBins(tuple(Bins())).mask(some)
    assert every.sum() == panels.attrs["n_in"]


def test_the_two_sides_of_the_line_are_all_stars_that_have_a_place_in_the_diagram():
    table = {"m_h": [-0.45, -0.45, 0.3, np.nan, -3.0], "alpha_m": [0.26, 0.08, 0.125, 0.2, 0.2]}
    assert AlphaSide().mask(table).tolist() == [True, False, True, False, False]
    assert AlphaSide(False).mask(table).tolist() == [False, True, False, False, True]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lasso("x", "y", ((0, 0), (1, 1))),
        lambda: Lasso("x", "y", ((0, 0), (1, 1), (np.nan, 0))),
        lambda: Lasso("x", "y", ((0, 0), (1, 1), (2,))),
        lambda: Box("x", "y", 1, 0, 0, 1),
        lambda: RZBins(((3, 0),)),
        lambda: RZBins(((0, -1),)),
        lambda: RZBins((0,)),
        lambda: AlphaSide(True, ()),
        lambda: AlphaSide(True, ((0, 1), (-1, 1))),
        lambda: AlphaSide(True, ((0, np.inf),)),
    ],
)
def test_regions_that_are_none_are_refused(make):
    with pytest.raises(InvalidInput):
        make()
