import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellarnb.cartography import normalise, shade
from stellarnb.errors import InvalidInput

counts = hnp.arrays(np.uint32, (3, 4), elements=st.integers(0, 1000))


@given(counts, st.sampled_from(["row", "column", "all"]), st.sampled_from(["sum", "max"]))
def test_each_row_or_column_or_the_whole_becomes_one(values, along, to):
    out = normalise(values, along, to=to)
    axis = {"row": 1, "column": 0, "all": (0, 1)}[along]
    total = values.sum(axis=axis)
    found = np.where(total > 0, getattr(np, to)(np.nan_to_num(out), axis=axis), 1.0)
    np.testing.assert_allclose(found, 1.0)
    whole = np.broadcast_to(values.sum(axis=axis, keepdims=True), values.shape)
    np.testing.assert_array_equal(np.isnan(out), whole == 0)


def test_an_image_keeps_its_coordinates():
    image = xr.DataArray(np.ones((2, 2)), coords={"y": [1, 2], "x": [3, 4]}, dims=["y", "x"])
    assert normalise(image, "row").coords["x"].to_numpy().tolist() == [3, 4]
    assert shade(image).coords["y"].to_numpy().tolist() == [1, 2]


@given(counts, st.sampled_from(["linear", "log", "equalise"]))
def test_shades_rise_with_the_counts_and_are_missing_without_stars(values, scale):
    out = shade(values, scale)
    assert np.array_equal(np.isnan(out), values == 0)
    some = values > 0
    if some.any():
        assert out[some].min() >= 0
        assert out[some].max() <= 1
        order = np.argsort(values[some], kind="stable")
        assert (np.diff(out[some][order]) >= -1e-12).all()


def test_a_logarithmic_shade_is_the_logarithm():
    out = shade(np.array([[0, 1, 10, 100]], dtype=np.uint32), "log")
    np.testing.assert_allclose(out, [[np.nan, 0, 0.5, 1]])
    np.testing.assert_allclose(shade(np.array([[-1.0, 1.0, 4.0]]), "log"), [[np.nan, 0, 1]])


def test_equalised_shades_are_as_common_as_each_other():
    values = np.random.default_rng(1).lognormal(size=(50, 50))
    out = shade(values, "equalise")
    assert np.quantile(out, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)


def test_limits_clip_and_constants_are_shown():
    np.testing.assert_allclose(shade(np.array([[0.0, 5.0, 20.0]]), limits=(0, 10)), [[0, 0.5, 1]])
    np.testing.assert_allclose(shade(np.array([[3.0, 3.0, np.inf]])), [[0.5, 0.5, np.nan]])


def test_other_words_are_refused():
    ones = np.ones((2, 2))
    with pytest.raises(InvalidInput, match="along"):
        normalise(ones, "rows")
    with pytest.raises(InvalidInput, match="scale"):
        shade(ones, "cubic")
    with pytest.raises(InvalidInput, match="rising"):
        shade(ones, limits=(1, 1))
    with pytest.raises(InvalidInput, match="above 0"):
        shade(ones, "log", limits=(0, 1))
