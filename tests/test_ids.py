import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.errors import InvalidInput
from stellarnb.ids import as_source_ids, match_ids

big = st.integers(0, 2**63 - 1)


@given(st.lists(big, max_size=20))
def test_integers_come_back_exactly_in_order(values: list[int]) -> None:
    assert as_source_ids(np.array(values, dtype=np.int64)).tolist() == values
    assert as_source_ids(values).tolist() == values


@given(st.lists(big, min_size=1, max_size=10))
def test_digits_as_text_never_pass_through_a_float(values: list[int]) -> None:
    assert as_source_ids([str(v) for v in values]).tolist() == values


@pytest.mark.parametrize(
    "bad",
    [
        [1.0, 2.0],
        np.array([5853418002145112704], dtype=np.float64),
        [True],
        [-1],
        ["12x"],
        ["1e18"],
        ["٣"],
        [None],
        [2**63],
        [[1, 2]],
        np.ma.array([1, 2], mask=[False, True]),
        [float("nan")],
    ],
)
def test_what_is_no_identifier_is_refused(bad: object) -> None:
    with pytest.raises(InvalidInput):
        as_source_ids(bad)


def test_nothing_is_an_empty_int64_array() -> None:
    out = as_source_ids([])
    assert out.dtype == np.int64
    assert out.shape == (0,)


@given(st.lists(st.integers(0, 30), max_size=30), st.lists(st.integers(0, 30), max_size=30))
def test_match_gives_the_first_row_or_minus_one(wanted: list[int], there: list[int]) -> None:
    got = match_ids(np.array(wanted, dtype=np.int64), np.array(there, dtype=np.int64))
    assert got.tolist() == [there.index(w) if w in there else -1 for w in wanted]
