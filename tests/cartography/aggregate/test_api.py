import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellarnb.cartography import Window, columns, count, mean, span
from stellarnb.errors import InvalidInput, MissingInput, TooLarge
from stellarnb.tables import Table

#: The first aggregate of a process is compiled, which takes as long as it takes.
NO_DEADLINE = settings(deadline=None)
values = hnp.arrays(
    np.float32,
    60,
    elements=st.one_of(
        st.floats(-12, 12, width=32),
        st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -10.0, 10.0, 3.4e38, 1e-42]),
    ),
)
#: The bin of a star on an inner edge is a matter of rounding; irrational edges keep stars off.
WINDOW = Window((-10.0, 10.0), (-np.pi, 3 * np.e), 7, 11)


def reference(x, y, window, weights=None):
    finite = np.isfinite(x) & np.isfinite(y)
    if weights is not None:
        finite &= np.isfinite(weights)
        weights = weights[finite].astype(float)
    counted, _, _ = np.histogram2d(
        y[finite].astype(float),
        x[finite].astype(float),
        bins=(window.height, window.width),
        range=(window.y, window.x),
        weights=weights,
    )
    return counted


def off_the_edges(x, window_range, bins):
    inner = np.linspace(*window_range, bins + 1)[1:-1]
    near = np.abs(x.astype(float)[:, None] - inner[None, :]) < 1e-9
    return np.where(near.any(axis=1), np.float32(0.123), x)


@NO_DEADLINE
@given(values, values)
def test_counts_equal_those_of_numpy_whatever_is_in_the_columns(x, y):
    x = off_the_edges(x, WINDOW.x, WINDOW.width)
    frame = pd.DataFrame({"x": x, "y": y})
    result = count(frame, "x", "y", WINDOW)
    np.testing.assert_array_equal(result.to_numpy(), reference(x, y, WINDOW))
    assert result.attrs["n_in"] == result.sum()
    assert sum(result.attrs.values()) == len(x)
    assert result.attrs["n_left_out"] == np.sum(~(np.isfinite(x) & np.isfinite(y)))


@NO_DEADLINE
@given(values, values, hnp.arrays(bool, 60))
def test_means_equal_those_of_numpy_and_say_what_was_left_out(x, of, where):
    x = off_the_edges(x, WINDOW.x, WINDOW.width)
    frame = pd.DataFrame({"x": x, "y": x, "of": np.clip(of, -1e30, 1e30)})
    frame["of"] = frame["of"].where(np.isfinite(of), of)
    result = mean(frame, "x", "y", "of", WINDOW, where=where)
    part = frame[where].to_numpy()
    number = reference(
        part[:, 0], part[:, 0], WINDOW, np.where(np.isfinite(part[:, 2]), 1.0, np.nan)
    )
    total = reference(part[:, 0], part[:, 0], WINDOW, part[:, 2])
    expected = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
    np.testing.assert_allclose(result.to_numpy(), expected, rtol=1e-5, atol=1e-3)
    assert sum(result.attrs.values()) == where.sum()


def test_only_the_stars_of_the_mask_count():
    table = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}
    where = np.array([True, False, True])
    result = count(table, "x", "y", Window((0, 4), (0, 4), 4, 4), where=where)
    assert result.sum() == 2
    assert result.sel(x=2.5, y=2.5) == 0


@pytest.mark.parametrize("n", [0, 1])
def test_no_star_and_one_star_make_a_map(n):
    table = Table({"x": np.full(n, 5.0), "y": np.full(n, 5.0)})
    window = Window(span(table["x"]), span(table["y"]), 10, 10)
    assert count(table, "x", "y", window).sum() == n


def test_a_column_without_any_value_makes_an_empty_map():
    table = {"x": np.full(5, np.nan), "y": np.arange(5.0)}
    result = count(table, "x", "y", Window(span(table["x"]), span(table["y"])))
    assert result.attrs == {"n_in": 0, "n_outside": 0, "n_left_out": 5}


def test_what_float32_cannot_hold_is_left_out_and_counted():
    table = {"x": [1e300, 1.0], "y": [1.0, 1.0]}
    assert count(table, "x", "y", Window((0, 2), (0, 2))).attrs["n_left_out"] == 1


def test_missing_values_become_nan():
    frame = columns({"a": pd.array([1, None], dtype="Int64")}, ["a"])
    assert frame["a"].dtype == np.float32
    assert np.isnan(frame["a"][1])


@NO_DEADLINE
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_a_span_is_a_rising_pair_around_every_finite_value(numbers):
    low, high = span(np.array(numbers))
    assert np.isfinite(low)
    assert low < high
    finite = [v for v in numbers if np.isfinite(v)]
    assert all(low <= v <= high for v in finite)


def test_an_outlier_does_not_squeeze_the_others():
    x = np.append(np.linspace(0, 1, 10_000), 1e6)
    assert span(x, tail=0.001)[1] < 2


@pytest.mark.parametrize(
    ("window", "error"),
    [
        ({"x": (1, 1), "y": (0, 1)}, InvalidInput),
        ({"x": (2, 1), "y": (0, 1)}, InvalidInput),
        ({"x": (0, 1), "y": (0, np.inf)}, InvalidInput),
        ({"x": (np.nan, 1), "y": (0, 1)}, InvalidInput),
        ({"x": (0, 1), "y": (0, 1), "width": 0}, InvalidInput),
        ({"x": (0, 1), "y": (0, 1), "height": 100_000}, TooLarge),
    ],
)
def test_a_window_that_is_none_is_refused(window, error):
    with pytest.raises(error):
        Window(**window)


def test_what_cannot_be_aggregated_is_named():
    table = {"x": [1.0], "y": [1.0], "name": ["a star"]}
    with pytest.raises(MissingInput, match="'z'"):
        count(table, "x", "z", Window((0, 1), (0, 1)))
    with pytest.raises(InvalidInput, match="'name'"):
        count(table, "x", "name", Window((0, 1), (0, 1)))
    with pytest.raises(InvalidInput, match="mask"):
        count(table, "x", "y", Window((0, 1), (0, 1)), where=np.array([True, False]))
