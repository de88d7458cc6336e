import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb import cartography
from stellarnb.cartography import All, Between, Flag, SkyWindow
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Table

#: The first sky position of a process loads astropy.
NO_DEADLINE = settings(deadline=None)
N = 40
generator = np.random.default_rng(1)
TABLE = Table(
    {
        "teff": np.append(generator.uniform(3000, 8000, N - 2), [np.nan, np.inf]).astype(
            np.float32
        ),
        "good": generator.random(N) > 0.5,
        "ra": generator.uniform(0, 360, N),
        "dec": generator.uniform(-90, 90, N),
    }
)
pairs = st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)).map(sorted)
rules = st.one_of(
    pairs.map(lambda pair: Between("teff", *pair)),
    st.booleans().map(lambda wanted: Flag("good", wanted)),
    st.tuples(pairs, pairs).map(lambda pair: SkyWindow(*pair[0], *pair[1])),
    st.just(All()),
)


def run(code):
    return eval(code, {name: getattr(cartography, name) for name in cartography.__all__})  # noqa: S307


@NO_DEADLINE
@given(st.lists(rules, min_size=1, max_size=4))
def test_the_code_of_a_rule_makes_the_same_mask(parts):
    rule = parts[0]
    for part in parts[1:]:
        rule = rule & part
    again = run(rule.to_code())
    np.testing.assert_array_equal(again.mask(TABLE), rule.mask(TABLE))
    assert set(rule.names()) <= set(cartography.__all__)


@NO_DEADLINE
@given(st.lists(rules, max_size=4))
def test_all_is_the_product_of_its_parts(parts):
    expected = np.ones(N, dtype=bool)
    for part in parts:
        expected &= part.mask(TABLE)
    np.testing.assert_array_equal(All(tuple(parts)).mask(TABLE), expected)


def test_a_range_takes_its_ends_and_no_star_without_a_value():
    table = {"teff": np.array([4000.0, 5000.0, 5000.1, np.nan, np.inf])}
    assert Between("teff", 4000, np.inf).mask(table).tolist() == [True, True, True, False, False]
    assert Between("teff", 4000, 5000).mask(table).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_missing_flag_never_belongs(wanted):
    table = {"good": pd.array([True, False, None], dtype="boolean")}
    table = pd.DataFrame(table)
    assert Flag("good", wanted).mask(table).tolist() == [wanted, not wanted, False]


def test_bad_rules_are_refused():
    with pytest.raises(InvalidInput, match="teff"):
        Between("teff", 2, 1)
    with pytest.raises(InvalidInput, match="teff"):
        Between("teff", float("nan"), 1)
    with pytest.raises(InvalidInput, match="true or false"):
        Flag("teff").mask(TABLE)
    with pytest.raises(MissingInput, match="'logg'"):
        Between("logg", 1, 2).mask(TABLE)
