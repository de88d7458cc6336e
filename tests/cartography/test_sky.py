import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.cartography import galactic, graticule, mollweide, outline, sky_patch
from stellarnb.cartography.sky import X_EDGE, Y_EDGE
from stellarnb.errors import InvalidInput


@given(st.floats(-180, 179.999), st.floats(-90, 90))
def test_the_projection_can_be_undone(lon, lat):
    x, y = (float(v) for v in mollweide(lon, lat))
    theta = np.arcsin(np.clip(y / Y_EDGE, -1, 1))
    back = np.arcsin(np.clip((2 * theta + np.sin(2 * theta)) / np.pi, -1, 1))
    assert np.sin(back) == pytest.approx(np.sin(np.radians(lat)), abs=1e-12)
    assert x == pytest.approx(-X_EDGE * lon / 180 * np.cos(theta), abs=1e-9)
    assert (x / X_EDGE) ** 2 + (y / Y_EDGE) ** 2 <= 1 + 1e-9


def test_known_places_are_where_they_belong():
    lon, lat = galactic(np.array([266.405, 192.85948, np.nan]), np.array([-28.936, 27.12825, 1.0]))
    assert lat[1] == pytest.approx(90, abs=1e-4)
    x, y = mollweide(lon, lat)
    assert (x[0], y[0]) == pytest.approx((0, 0), abs=1e-3)
    assert (x[1], y[1]) == pytest.approx((0, Y_EDGE), abs=1e-3)
    assert np.isnan([lon[2], lat[2], x[2], y[2]]).all()


def test_equal_areas_of_the_sphere_are_equal_areas_of_the_map():
    rng = np.random.default_rng(0)
    n = 40_000
    _, y = mollweide(rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n))))
    fraction = np.mean(np.abs(y) < 0.5)
    t = 0.5 / Y_EDGE
    area = 2 / np.pi * (np.arcsin(t) + t * np.sqrt(1 - t * t))
    assert fraction == pytest.approx(area, abs=0.012)


def test_longitude_rises_to_the_left():
    x, _ = mollweide(np.array([30.0, 330.0]), np.zeros(2))
    assert x[0] < 0 < x[1]


def test_a_declination_beyond_the_pole_is_refused():
    with pytest.raises(InvalidInput, match="row 1"):
        galactic(np.array([1.0, 2.0]), np.array([0.0, 91.0]))


def test_the_lines_stay_on_the_map():
    for x, y in [*graticule(), outline()]:
        assert ((x / X_EDGE) ** 2 + (y / Y_EDGE) ** 2 <= 1 + 1e-9).all()


def _area(x, y):
    return 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [((30, 60), (-20, 10)), ((350, 10), (0, 5)), ((-180, 180), (-90, 90)), ((0, 180), (-90, 0))],
)
def test_a_patch_of_the_sky_has_its_area(lon, lat):
    width = (lon[1] - lon[0]) % 360 or 360
    sphere = np.radians(width) * np.diff(np.sin(np.radians(lat)))[0]
    # The map is equal-area: its ellipse of 4 pi is the sphere. Chords of two degrees cut a little.
    assert _area(*sky_patch(lon, lat)) == pytest.approx(sphere, rel=3e-3)


@pytest.mark.parametrize(
    ("lon", "lat", "words"),
    [
        ((170, 190), (0, 1), "l = 180"),
        ((0, 10), (0, 91), "not a patch"),
        ((0, 10), (5, 5), "not a patch"),
        ((7, 7), (0, 5), "not a patch"),
        ((0, np.inf), (0, 5), "finite"),
    ],
)
def test_what_is_no_patch_is_refused(lon, lat, words):
    with pytest.raises(InvalidInput, match=words):
        sky_patch(lon, lat)
