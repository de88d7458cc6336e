import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zero_point import zpt

from stellarnb.cartography.place import parallax
from stellarnb.cartography.place.luminosity import bolometric_correction, expected_mass


def posterior(p, s, scale):
    """16 %, 50 % and 84 % of the posterior, on a grid so fine and long that nothing is lost."""
    low = np.log(1e-4)
    log_r = np.linspace(low, np.log(3e3), 200_001)
    r = np.exp(log_r)
    log_density = 3 * log_r - r / scale - 0.5 * ((p - 1 / r) / s) ** 2
    density = np.exp(log_density - log_density.max())
    total = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.exp(np.interp(np.array([0.15865525, 0.5, 0.84134475]) * total[-1], total, log_r))


@settings(deadline=None, max_examples=60)
@given(st.floats(-4.9, 4.9), st.floats(0.005, 3.0), st.floats(0.3, 3.0))
def test_weak_parallaxes_give_the_posterior_under_the_prior(ratio, error, scale):
    found = parallax.distances(np.array([ratio * error]), np.array([error]), scale)
    low, middle, high = posterior(ratio * error, error, scale)
    assert found.by_prior[0]
    assert found.distance[0] == pytest.approx(middle, rel=0.01)
    assert found.error[0] == pytest.approx(0.5 * (high - low), rel=0.03)


def test_strong_parallaxes_are_inverted():
    found = parallax.distances(np.array([2.0, 0.5]), np.array([0.1, 0.05]))
    assert found.distance.tolist() == pytest.approx([0.5, 2.0])
    assert found.error.tolist() == pytest.approx([0.025, 0.2])
    assert not found.by_prior.any()


def test_the_two_ways_meet_where_one_passes_into_the_other():
    s = np.full(2, 0.1)
    found = parallax.distances(np.array([0.4999, 0.5001]), s)
    assert found.by_prior.tolist() == [True, False]
    assert found.distance[0] == pytest.approx(found.distance[1], rel=0.15)


@pytest.mark.parametrize(
    ("p", "s"), [(np.nan, 0.1), (1.0, np.nan), (1.0, 0.0), (1.0, -0.1), (-1.0, 0.1), (np.inf, 0.1)]
)
def test_what_is_no_measurement_gives_no_distance(p, s):
    found = parallax.distances(np.array([p]), np.array([s]))
    assert not found.distance[0] > 0


def test_the_zero_point_is_that_of_the_published_formula():
    g = np.array([8.0, 12.5, 17.0, 12.0, 12.0, 12.0, 12.0])
    nu = np.array([1.5, 1.4, np.nan, 1.5, 1.5, 1.5, np.nan])
    pseudo = np.array([np.nan, np.nan, 1.5, np.nan, np.nan, np.nan, np.nan])
    beta = np.array([10.0, -60.0, 30.0, np.nan, 10.0, 10.0, 10.0])
    solved = np.array([31, 31, 95, 31, 3, 31, 31])
    g[5] = 22.0
    found = parallax.zero_point(g, nu, pseudo, beta, solved)
    zpt.load_tables()
    # Of the fixed colours of the other kind of solution nothing may depend.
    filled = np.nan_to_num(nu[:3], nan=1.2), np.nan_to_num(pseudo[:3], nan=1.3)
    expected = zpt.get_zpt(g[:3], *filled, beta[:3], solved[:3])
    assert found[:3].tolist() == expected.tolist()
    assert np.isnan(found[3:]).all()


def test_the_constant_is_the_mean_of_the_formula():
    rng = np.random.default_rng(0)
    n = 20_000
    beta = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    five = np.full(n, 31)
    offset = parallax.zero_point(rng.uniform(9, 14, n), rng.uniform(1.3, 1.6, n), five, beta, five)
    assert offset.mean() == pytest.approx(parallax.CONSTANT_ZERO_POINT, abs=5e-4)


def test_the_bolometric_correction_is_the_published_one():
    teff = np.array([5772.0, 3300.0, 8000.0, 3999.99, 4000.0, 3299.0, 8001.0, np.nan])
    found = bolometric_correction(teff)
    assert found[0] == pytest.approx(0.06)
    assert found[3] == pytest.approx(found[4], abs=0.01)  # the two polynomials meet
    assert np.isfinite(found[:5]).all()
    assert np.isnan(found[5:]).all()


def test_masses_are_those_of_well_known_stars():
    """Sun; Procyon 1.478 ± 0.012 (Bond+ 2015), within the 6 % of the relation; a giant."""
    teff, logg = np.array([5772.0, 6530.0, 4700.0]), np.array([4.438, 4.0, 2.4])
    mean, scatter = expected_mass(teff, logg, np.zeros(3))
    assert 10 ** mean[0] == pytest.approx(1.0, abs=0.06)
    assert 10 ** mean[1] == pytest.approx(1.478, abs=0.09)
    assert mean[2] == pytest.approx(0.05)
    assert scatter.tolist() == pytest.approx([0.04, 0.04, 0.10])
