import numpy as np
import pytest

from stellarnb.cartography import (
    Bins,
    RZBins,
    distributions,
    dividing_line,
    find_sequences,
    gradients,
    normalise,
    profile,
)
from stellarnb.errors import InvalidInput, MissingInput


def plane(n, scatter=0.1, seed=1):
    rng = np.random.default_rng(seed)
    r, z = rng.uniform(4, 14, n), rng.normal(0, 1, n)
    m_h = 0.1 - 0.06 * (r - 8.0) - 0.2 * np.abs(z) + scatter * rng.standard_normal(n)
    return {"R": r, "Z": z, "m_h": m_h}


def test_a_plane_without_scatter_is_found_exactly():
    found = gradients(plane(50, scatter=0), pivot=8.0)
    assert (found.value, found.radial, found.vertical) == pytest.approx(
        (0.1, -0.06, -0.2), abs=1e-6
    )
    assert found.at(np.array([9.0]), np.array([1.0])) == pytest.approx([-0.16], abs=1e-6)


@pytest.mark.parametrize("n", [300, 5000])
def test_the_errors_are_the_scatter_of_the_answer(n):
    """Bootstrap errors, of single stars and of groups, against many independent samples."""
    answers = [gradients(plane(n, seed=seed), samples=100) for seed in range(60)]
    for name in ("value", "radial", "vertical"):
        true = np.std([getattr(answer, name) for answer in answers], ddof=1)
        stated = np.mean([getattr(answer, f"{name}_error") for answer in answers])
        assert stated == pytest.approx(true, rel=0.3)


def test_stars_without_a_value_are_left_out_and_counted():
    table = plane(100)
    table["m_h"][:7] = np.nan
    table["R"][7:10] = np.inf
    where = np.ones(100, dtype=bool)
    where[99] = False
    found = gradients(table, where=where)
    assert (found.n, found.n_left_out) == (89, 10)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_stars_have_no_gradient(n):
    found = gradients(plane(n))
    assert np.isnan(found.radial_error)
    if n < 3:
        assert np.isnan(found.radial)


def test_constant_places_have_no_gradient():
    found = gradients({"R": np.full(50, 8.0), "Z": np.linspace(-1, 1, 50), "m_h": np.zeros(50)})
    assert np.isnan([found.radial, found.radial_error]).all()


def test_a_profile_is_numpy_bin_by_bin():
    table = plane(3000)
    found = profile(table, edges=(4, 6, 9, 20, 30))
    for i, (low, high) in enumerate([(4, 6), (6, 9), (9, 20)]):
        values = table["m_h"][(table["R"] >= low) & (table["R"] < high)].astype(np.float32)
        assert found["n"][i] == len(values)
        assert found["median"][i] == pytest.approx(np.median(values), abs=1e-6)
        assert found["p16"][i] == pytest.approx(np.quantile(values, 0.16), abs=1e-6)
    assert found["n"][3] == 0
    assert np.isnan([found[key][3] for key in ("median", "median_error", "p16", "p84")]).all()


def test_the_error_of_a_median_is_that_of_a_real_bootstrap():
    table = plane(401)
    found = profile(table, edges=(0, 100), samples=4000)
    rng = np.random.default_rng(0)
    drawn = [np.median(rng.choice(table["m_h"], 401)) for _ in range(4000)]
    assert found["median_error"][0] == pytest.approx(np.std(drawn), rel=0.08)


def test_heights_count_on_both_sides_of_the_plane():
    table = {"R": np.full(4, 8.0), "Z": [-0.1, 0.1, -0.4, 0.4], "m_h": [0.0, 0.0, 1.0, 1.0]}
    found = profile(table, along="|Z|", edges=(0, 0.25, 0.5))
    assert found["n"].tolist() == [2, 2]
    assert found["median"].tolist() == [0, 1]


def test_distributions_count_each_star_of_a_bin_once(some):
    found = distributions(some, steps=20)
    assert found.dims == ("z_bin", "r_bin", "m_h")
    for row, column in Bins():
        values = RZBins(((row, column),)).table(some)["m_h"]
        expected, _ = np.histogram(values, bins=20, range=(-2.0, 0.6))
        np.testing.assert_array_equal(found[row, column], expected)
    shares = normalise(found, "row").sum("m_h")
    np.testing.assert_allclose(shares.where(found.sum("m_h") > 0, 1.0), 1.0)


def two_bumps(n, low, high, share, seed=1):
    rng = np.random.default_rng(seed)
    is_high = rng.random(n) < share
    alpha = np.where(is_high, high, low) + 0.025 * rng.standard_normal(n)
    return {"m_h": np.full(n, -0.45), "alpha_m": alpha}


def test_two_sequences_are_found_where_they_are():
    found = find_sequences(two_bumps(8000, 0.08, 0.26, 0.4), edges=(-0.5, -0.4))
    assert found["two"][0]
    assert found["low"][0] == pytest.approx(0.08, abs=0.006)
    assert found["high"][0] == pytest.approx(0.26, abs=0.006)
    assert 0.12 < found["valley"][0] < 0.22
    assert found["high_share"][0] == pytest.approx(0.4, abs=0.02)
    assert 0 < found["low_error"][0] < 0.01
    ((m_h, alpha),) = dividing_line(found)
    assert (m_h, alpha) == (pytest.approx(-0.45), found["valley"][0])


@pytest.mark.parametrize("seed", range(5))
def test_one_sequence_is_not_taken_for_two(seed):
    found = find_sequences(two_bumps(3000, 0.1, 0.1, 0.5, seed), edges=(-0.5, -0.4))
    assert not found["two"][0]
    assert found["low"][0] == pytest.approx(0.1, abs=0.01)
    assert np.isnan(found["high"][0])
    with pytest.raises(InvalidInput, match="two sequences"):
        dividing_line(found)


def test_too_few_stars_have_no_sequence():
    found = find_sequences(two_bumps(99, 0.08, 0.26, 0.5), edges=(-0.5, -0.4, 0.0))
    assert not found["two"].any()
    assert np.isnan(found["low"]).all()
    assert found["n"].tolist() == [99, 0]


def test_what_cannot_be_fitted_is_refused():
    table = plane(10)
    for call in (
        lambda: gradients(table, samples=1),
        lambda: profile(table, along="m_h"),
        lambda: profile(table, edges=(1, 1)),
        lambda: find_sequences(two_bumps(10, 0, 1, 0.5), edges=(1, 0)),
        lambda: find_sequences(two_bumps(10, 0, 1, 0.5), samples=1),
        lambda: gradients(table, where=np.ones(3, dtype=bool)),
    ):
        with pytest.raises(InvalidInput):
            call()
    with pytest.raises(MissingInput, match="alpha_m"):
        gradients(table, "alpha_m")
