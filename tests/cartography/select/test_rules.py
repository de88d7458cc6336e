import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb import cartography
from stellarnb.cartography import (
    All,
    AlphaSide,
    AnyOf,
    Between,
    Bins,
    Box,
    Flag,
    Lasso,
    Not,
    RZBins,
    Selection,
    SkyWindow,
    Where,
)
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Table

#: The first sky position of a process loads astropy.
NO_DEADLINE = settings(deadline=None)
N = 40
generator = np.random.default_rng(1)
HOLES = [np.nan, np.inf]
TABLE = Table(
    {
        "source_id": np.arange(N) + 2**60,
        "teff": np.append(generator.uniform(3000, 8000, N - 2), HOLES).astype(np.float32),
        "m_h": np.append(HOLES, generator.uniform(-1, 0.5, N - 2)).astype(np.float32),
        "alpha_m": generator.uniform(0, 0.3, N).astype(np.float32),
        "R": np.append(HOLES, generator.uniform(2, 16, N - 2)).astype(np.float32),
        "Z": np.append(HOLES, generator.uniform(-2, 2, N - 2)).astype(np.float32),
        "good": generator.random(N) > 0.5,
        "component": np.where(generator.random(N) > 0.5, "thin", "thick"),
        "ra": generator.uniform(0, 360, N),
        "dec": generator.uniform(-90, 90, N),
    }
)
anything = st.floats(allow_nan=False)
pairs = st.tuples(anything, anything).map(sorted)
near = st.floats(-2, 2)
corners = st.lists(st.tuples(near, near), min_size=3, max_size=9).map(tuple)
cells = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), max_size=3).map(tuple)
SOME_BINS = Bins((0.0, 5.0, 9.5, np.inf), (0.0, 0.3, np.inf))
texts = st.sampled_from(
    [
        "teff > 5000 and not good",
        "component == 'thin' or abs(Z) < 0.5",
        "3 < R <= 9",
        f"source_id in ({2**60 + 1}, {2**60 + 7})",
        "isfinite(m_h)",
        "(m_h > -0.5) & ~(alpha_m > 0.1)",
    ]
)
simple = st.one_of(
    pairs.map(lambda pair: Between("teff", *pair)),
    st.booleans().map(lambda wanted: Flag("good", wanted)),
    st.tuples(pairs, pairs).map(lambda pair: SkyWindow(*pair[0], *pair[1])),
    st.tuples(pairs, pairs).map(lambda pair: Box("m_h", "alpha_m", *pair[0], *pair[1])),
    corners.map(lambda points: Lasso("m_h", "alpha_m", points)),
    corners.map(lambda points: Lasso("mollweide_x", "mollweide_y", points)),
    cells.map(RZBins),
    cells.map(lambda chosen: RZBins(chosen, SOME_BINS)),
    st.booleans().map(AlphaSide),
    st.just(AlphaSide(True, ((-0.5, 0.2), (0.0, 0.1)))),
    texts.map(Where),
    st.just(All()),
    st.just(AnyOf()),
)
rules = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        inner.map(lambda rule: ~rule),
    ),
    max_leaves=6,
)


def run(code):
    return eval(code, {name: getattr(cartography, name) for name in cartography.__all__})  # noqa: S307


@NO_DEADLINE
@given(rules)
def test_the_code_of_a_rule_makes_the_same_mask(rule):
    code = rule.to_code()
    np.testing.assert_array_equal(run(code).mask(TABLE), rule.mask(TABLE))
    names = {name: getattr(cartography, name) for name in rule.names()}
    assert eval(code, names).to_code() == code  # noqa: S307 - the names it says it needs suffice


@NO_DEADLINE
@given(rules)
def test_the_json_of_a_rule_makes_the_same_rule(rule):
    text = rule.to_json()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    again = Selection.from_json(text)
    assert again == rule
    np.testing.assert_array_equal(again.mask(TABLE), rule.mask(TABLE))


@NO_DEADLINE
@given(rules)
def test_a_rule_needs_no_other_columns_than_it_says(rule):
    part = TABLE.arrow.select([name for name in TABLE.colnames if name in rule.columns])
    if not rule.columns:
        return
    np.testing.assert_array_equal(rule.mask(part), rule.mask(TABLE))


@NO_DEADLINE
@given(st.lists(rules, max_size=4))
def test_all_any_and_not_are_those_of_logic(parts):
    masks = [part.mask(TABLE) for part in parts]
    both = np.logical_and.reduce([np.ones(N, dtype=bool), *masks])
    either = np.logical_or.reduce([np.zeros(N, dtype=bool), *masks])
    np.testing.assert_array_equal(All(tuple(parts)).mask(TABLE), both)
    np.testing.assert_array_equal(AnyOf(tuple(parts)).mask(TABLE), either)
    np.testing.assert_array_equal(Not(All(tuple(parts))).mask(TABLE), ~both)


@NO_DEADLINE
@given(rules)
def test_the_table_of_a_rule_holds_its_stars(rule):
    chosen = rule.table(TABLE)
    assert chosen["source_id"].tolist() == TABLE["source_id"][rule.mask(TABLE)].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"rule": "Nothing"}',
        '{"rule": "Between", "column": "teff"}',
        '{"rule": "Between", "column": "teff", "low": "x", "high": 1}',
        '{"rule": "All", "parts": 3}',
        '{"rule": "All", "parts": [1]}',
        '{"rule": "Not"}',
        '{"rule": "RZBins", "cells": [[9, 9]], "bins": {}}',
        '{"rule": "Lasso", "x": "a", "y": "b", "corners": [[1]]}',
        '{"rule": ' * 5000,
        '{"rule": "Not", "of": ' * 100 + '{"rule": "All", "parts": []}' + "}" * 100,
    ],
)
def test_json_that_is_no_rule_is_refused(text):
    with pytest.raises(InvalidInput):
        Selection.from_json(text)


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
