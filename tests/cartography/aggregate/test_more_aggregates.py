"""Spreads, quantiles, categories and grids against an independent evaluation with numpy."""

import datashader as ds
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellarnb.cartography import (
    Aggregate,
    Bins,
    Window,
    categories,
    columns,
    count,
    grid,
    mean,
    median,
    quantiles,
    std,
)
from stellarnb.cartography.compiled import compiled
from stellarnb.errors import InvalidInput, TooLarge
from stellarnb.tables import Table

NO_DEADLINE = settings(deadline=None)
N = 50
WINDOW = Window((-10.0, 10.0), (-np.pi, 3 * np.e), 5, 4)
BINS = Bins((0.0, 2.5, 7.0), (0.0, 1.5, np.inf))
adversarial = hnp.arrays(
    np.float32,
    N,
    elements=st.one_of(
        st.floats(-12, 12, width=32),
        st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -10.0, 10.0, 2.5, 7.0, 3.4e38, 1e-42]),
    ),
)
tame = hnp.arrays(np.float32, N, elements=st.one_of(st.floats(-50, 50, width=32), st.just(np.nan)))


def pixels(x, y, window):
    """The bin of each star, as (row, column); -1 outside. One star at a time, in plain Python."""
    out = []
    for a, b in zip(x.astype(float), y.astype(float), strict=True):
        (x0, x1), (y0, y1) = window.x, window.y
        if not (x0 <= a <= x1 and y0 <= b <= y1):
            out.append((-1, -1))
            continue
        sx, sy = window.width / (x1 - x0), window.height / (y1 - y0)
        column = min(int(a * sx - x0 * sx), window.width - 1)
        row = min(int(b * sy - y0 * sy), window.height - 1)
        out.append((row, column))
    return np.array(out).reshape(-1, 2)


def by_bin(x, y, of, window, reduce, chosen=None):
    """Reduce the finite values in each bin with any function of an array."""
    place = pixels(x, y, window)
    use = np.isfinite(of) & (place[:, 0] >= 0)
    use &= True if chosen is None else chosen
    out = np.full((window.height, window.width), np.nan)
    for row in range(window.height):
        for column in range(window.width):
            values = of[use & (place[:, 0] == row) & (place[:, 1] == column)].astype(float)
            if len(values):
                out[row, column] = reduce(values)
    return out


@NO_DEADLINE
@given(adversarial, adversarial, tame, hnp.arrays(bool, N))
def test_a_spread_is_that_of_numpy(x, y, of, where):
    frame = pd.DataFrame({"x": x, "y": y, "of": of})
    expected = by_bin(x, y, of, WINDOW, lambda v: v.std(ddof=1) if len(v) > 1 else np.nan, where)
    result = std(frame, "x", "y", "of", WINDOW, where=where)
    np.testing.assert_allclose(result.to_numpy(), expected, rtol=1e-6, atol=1e-6)
    assert sum(result.attrs.values()) == where.sum()


def test_a_small_spread_about_a_large_mean_is_not_lost():
    of = np.float32(5000) + np.array([-0.25, 0.25] * 500, dtype=np.float32)
    frame = pd.DataFrame({"x": np.zeros(1000, np.float32), "of": of})
    result = std(frame, "x", "x", "of", Window((-1, 1), (-1, 1), 1, 1)).item()
    assert result == pytest.approx(0.25 * np.sqrt(1000 / 999), rel=1e-6)


@NO_DEADLINE
@given(adversarial, adversarial, tame, st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_quantiles_are_those_of_numpy(x, y, of, wanted):
    frame = pd.DataFrame({"x": x, "y": y, "of": of})
    result = quantiles(frame, "x", "y", "of", WINDOW, wanted)
    for i, level in enumerate(wanted):
        expected = by_bin(x, y, of, WINDOW, lambda v, q=level: np.quantile(v, q))
        np.testing.assert_allclose(result[i].to_numpy(), expected, rtol=1e-6, atol=1e-5)


@NO_DEADLINE
@given(adversarial, adversarial, tame)
def test_the_median_is_the_middle_quantile(x, y, of):
    frame = pd.DataFrame({"x": x, "y": y, "of": of})
    expected = by_bin(x, y, of, WINDOW, np.median)
    result = median(frame, "x", "y", "of", WINDOW)
    assert result.dims == ("y", "x")
    np.testing.assert_allclose(result.to_numpy(), expected, rtol=1e-6, atol=1e-5)


@NO_DEADLINE
@given(
    adversarial, adversarial, st.lists(st.sampled_from(["b", "a", None]), min_size=N, max_size=N)
)
def test_each_category_is_the_count_of_its_stars(x, y, names):
    table = Table({"x": x, "y": y, "name": pa.array(names, pa.string())})
    known = np.array([name is not None for name in names])
    if not known.any():
        return
    result = categories(table, "x", "y", "name", WINDOW)
    for name in sorted(set(names) - {None}):
        mask = np.array([entry == name for entry in names])
        expected = count(table, "x", "y", WINDOW, where=mask)
        np.testing.assert_array_equal(result.sel(name=name).to_numpy(), expected.to_numpy())
    assert result.attrs["n_no_panel"] == np.sum(~known)
    assert sum(result.attrs.values()) == N


@NO_DEADLINE
@given(adversarial, adversarial, adversarial, adversarial, hnp.arrays(bool, N))
def test_each_panel_of_a_grid_is_the_count_of_its_stars(x, y, r, z, where):
    frame = pd.DataFrame({"x": x, "y": y, "R": r, "Z": z})
    result = grid(frame, "x", "y", WINDOW, BINS, where=where)
    r64, z64 = r.astype(float), np.abs(z.astype(float))
    for i, j in BINS:
        mask = where & (r64 >= BINS.r[j]) & (r64 < BINS.r[j + 1])
        mask &= (z64 >= BINS.z[i]) & (z64 < BINS.z[i + 1])
        expected = count(frame, "x", "y", WINDOW, where=mask)
        np.testing.assert_array_equal(result[i, j].to_numpy(), expected.to_numpy())
        assert result.attrs["panel_stars"][i][j] == expected.attrs["n_in"]
    notes = {key: value for key, value in result.attrs.items() if key != "panel_stars"}
    assert sum(notes.values()) == where.sum()


@NO_DEADLINE
@given(adversarial, adversarial, tame, adversarial, adversarial)
def test_each_panel_of_means_is_the_mean_of_its_stars(x, y, of, r, z):
    frame = pd.DataFrame({"x": x, "y": y, "of": of, "R": r, "Z": z})
    codes = BINS.codes(frame)
    result = grid(frame, "x", "y", WINDOW, BINS, of="of", codes=codes)
    for i, j in BINS:
        expected = mean(frame, "x", "y", "of", WINDOW, where=codes == 2 * i + j)
        np.testing.assert_array_equal(result[i, j].to_numpy(), expected.to_numpy())
        assert result.attrs["panel_stars"][i][j] == expected.attrs["n_in"]


@NO_DEADLINE
@given(adversarial, adversarial)
def test_the_pixels_are_those_of_datashader(x, y):
    frame = pd.DataFrame({"x": x, "y": y})
    canvas = ds.Canvas(WINDOW.width, WINDOW.height, x_range=WINDOW.x, y_range=WINDOW.y)
    theirs = canvas.points(frame, "x", "y", ds.count())
    ours = count(frame, "x", "y", WINDOW)
    np.testing.assert_array_equal(ours.to_numpy(), theirs.to_numpy())
    for axis in ("x", "y"):
        np.testing.assert_allclose(ours[axis], theirs[axis], rtol=1e-12)


def test_the_pixels_of_the_whole_mock_are_those_of_datashader(galaxy):
    frame = columns(galaxy, ["m_h", "alpha_m", "logg"])
    window = Window((-1.5, 0.6), (-0.15, 0.45), 311, 297)
    canvas = ds.Canvas(window.width, window.height, x_range=window.x, y_range=window.y)
    counted = canvas.points(frame, "m_h", "alpha_m", ds.count())
    averaged = canvas.points(frame, "m_h", "alpha_m", ds.mean("logg"))
    np.testing.assert_array_equal(count(frame, "m_h", "alpha_m", window), counted)
    np.testing.assert_allclose(mean(frame, "m_h", "alpha_m", "logg", window), averaged, rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1])
def test_no_star_and_one_star_go_through_everything(n):
    table = {name: np.full(n, 1.0) for name in ("x", "y", "of", "R", "Z")}
    table["name"] = np.full(n, "thin", dtype=object)
    window = Window((0, 2), (0, 2), 3, 3)
    assert std(table, "x", "y", "of", window).count() == 0
    assert median(table, "x", "y", "of", window).count() == n
    assert grid(table, "x", "y", window, BINS).sum() == n
    assert grid(table, "x", "y", window, BINS, of="of").count() == n
    if n:
        assert categories(table, "x", "y", "name", window).sum() == n


def test_stars_added_in_pieces_are_the_stars_added_at_once(some):
    window = Window((-1.5, 0.6), (-0.15, 0.45), 30, 20)
    pieces = Aggregate("m_h", "alpha_m", window, of="logg")
    for start in range(0, len(some), 7000):
        pieces.add(some.take(slice(start, start + 7000)))
    whole = mean(some, "m_h", "alpha_m", "logg", window)
    np.testing.assert_allclose(pieces.image(), whole, rtol=1e-12)
    assert pieces.image().attrs == whole.attrs


def test_what_cannot_be_aggregated_is_refused():
    table = Table({"x": np.arange(300.0), "y": np.arange(300.0), "id": np.arange(300)})
    window = Window((0, 1), (0, 1), 2, 2)
    with pytest.raises(TooLarge, match="300 values"):
        categories(table, "x", "y", "id", window)
    with pytest.raises(InvalidInput, match="double"):
        categories(table, "id", "y", "x", window)
    with pytest.raises(InvalidInput, match="axis"):
        categories(table, "x", "y", "x", window)
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        quantiles(table, "x", "y", "x", window, [1.5])
    with pytest.raises(InvalidInput, match="codes"):
        grid(table, "x", "y", window, codes=np.zeros(300))
    with pytest.raises(TooLarge, match="coarser"):
        Aggregate("x", "y", Window((0, 1), (0, 1), 8192, 8192), panels=9)
    with pytest.raises(InvalidInput, match="spread"):
        Aggregate("x", "y", window, spread=True)


def test_loops_run_where_nothing_can_be_kept(monkeypatch):
    """As in a read-only image of a cluster, where numba finds no folder for its cache."""
    import numba

    original = numba.njit

    def no_folder(*args, **kwargs):
        if kwargs.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return original(*args, **kwargs)

    monkeypatch.setattr(numba, "njit", no_folder)
    assert compiled(lambda a: a + 1)(1) == 2
