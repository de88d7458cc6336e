import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stellarnb.spectra.rows import row_count, row_median


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@given(st.data())
def test_it_is_numpys_to_the_last_bit(dtype, data):
    width = 8 * np.dtype(dtype).itemsize
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=12)
    values = data.draw(arrays(dtype, shapes, elements=st.floats(width=width)))
    found = row_median(values)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # numpy warns of rows of NaN
        wanted = np.nanmedian(values, axis=1)
    assert found.dtype == values.dtype
    assert np.array_equal(found, wanted, equal_nan=True)


def test_a_row_without_values_is_nan_and_the_input_is_left_alone():
    values = np.array([[3.0, np.nan, 1.0], [np.nan] * 3])
    before = values.copy()
    assert row_median(values)[0] == 2
    assert np.isnan(row_median(values)[1])
    assert np.array_equal(values, before, equal_nan=True)
    assert np.isnan(row_median(np.empty((2, 0)))).all()
    assert row_median(np.empty((0, 4))).shape == (0,)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)))
def test_true_ones_are_counted(mask):
    assert np.array_equal(row_count(mask), np.count_nonzero(mask, axis=1))
    assert np.array_equal(row_count(mask[:, ::2]), np.count_nonzero(mask[:, ::2], axis=1))
