import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.cartography import Where
from stellarnb.errors import InvalidInput, MissingInput, StellarnbError
from stellarnb.tables import Table

TABLE = Table(
    {
        "source_id": np.array([2**62, 2**62 + 1, 2**62 + 2, 5]),
        "teff": [4000.0, 5000.0, np.nan, np.inf],
        "snr": [10, 20, 30, 40],
        "Z": [-0.4, 0.6, 0.1, 0.0],
        "good": pa.array([True, False, True, None]),
        "component": pa.array(["thin", "thick", None, "bar"]),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("teff > 4500", [0, 1, 0, 0]),
        ("not teff > 4500", [1, 0, 0, 0]),
        ("teff != 4000", [0, 1, 0, 0]),
        ("isfinite(teff)", [1, 1, 0, 0]),
        ("not isfinite(teff)", [0, 0, 1, 1]),
        ("not isfinite(teff) and snr > 30", [0, 0, 0, 1]),
        ("15 < snr <= 30", [0, 1, 1, 0]),
        ("snr == 10 or snr == 30", [1, 0, 1, 0]),
        ("(snr == 10) | (snr == 30)", [1, 0, 1, 0]),
        ("(snr > 10) & ~(snr > 30)", [0, 1, 1, 0]),
        ("(snr > 10) ^ (snr > 30)", [0, 1, 1, 0]),
        ("good", [1, 0, 1, 0]),
        ("not good", [0, 1, 0, 0]),
        ("good and snr < 20", [1, 0, 0, 0]),
        ("abs(Z) < 0.5", [1, 0, 1, 1]),
        ("-Z > 0.3", [1, 0, 0, 0]),
        ("+Z > 0.3", [0, 1, 0, 0]),
        ("2 * snr + 1 == 41", [0, 1, 0, 0]),
        ("snr % 20 == 0", [0, 1, 0, 1]),
        ("snr // 15 == 1", [0, 1, 0, 0]),
        ("snr ** 2 >= 900", [0, 0, 1, 1]),
        ("sqrt(snr) > 5", [0, 0, 1, 1]),
        ("log10(snr) <= 1", [1, 0, 0, 0]),
        ("1 / Z > 5", [0, 0, 1, 1]),
        ("component == 'thin'", [1, 0, 0, 0]),
        ("component != 'thin'", [0, 1, 0, 1]),
        ("component in ('thin', 'bar')", [1, 0, 0, 1]),
        ("component not in ['thin', 'bar']", [0, 1, 0, 0]),
        (f"source_id == {2**62 + 1}", [0, 1, 0, 0]),
        (f"source_id in ({2**62}, {2**62 + 2})", [1, 0, 1, 0]),
        ("True", [1, 1, 1, 1]),
        ("  snr > 35  ", [0, 0, 0, 1]),
    ],
)
def test_an_expression_means_what_it_says(text, expected):
    assert Where(text).mask(TABLE).astype(int).tolist() == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "snr >",
        "snr = 3",
        "snr; teff",
        "__import__('os').system('true')",
        "snr.__class__",
        "snr[0] > 1",
        "[s for s in snr]",
        "lambda: 1",
        "(lambda: 1)()",
        "f'{snr}'",
        "snr if good else teff",
        "(x := 3) > 2",
        "eval('1')",
        "abs(snr, teff)",
        "abs(x=snr)",
        "None",
        "b'x' == component",
        "snr @ teff > 1",
        "snr << 2 > 1",
        "snr is good",
        "...",
        "a" * 2001,
        "+".join(["1"] * 300) + "> 1",
    ],
)
def test_what_has_no_meaning_is_refused_before_any_table_is_there(text):
    with pytest.raises(InvalidInput):
        Where(text)


@pytest.mark.parametrize(
    "text",
    [
        "snr",
        "snr and teff",
        "component == 'thin' & good",
        "snr > 'a'",
        "component > 3",
        "good + 1 > 1",
        "-good",
        "~snr > 1",
        "snr in component",
        "('a', 'b') == component",
        "good == 1",
        "9" * 1000 + " > snr",
    ],
)
def test_what_does_not_fit_the_columns_is_refused(text):
    with pytest.raises(InvalidInput):
        Where(text).mask(TABLE)


def test_a_misspelt_column_is_told_its_nearest_name():
    with pytest.raises(MissingInput, match="Did you mean 'teff'"):
        Where("tef > 1").mask(TABLE)


def test_columns_are_named_and_functions_are_not():
    assert Where("abs(Z) < snr and isfinite(teff)").columns == {"Z", "snr", "teff"}


PIECES = """snr teff good 'thin' component 1 0 ( ) and or not < == + - * / ** & | ~ abs isfinite in ,
[ ] 1e400 . @ >> is lambda '\\d'"""
pieces = st.sampled_from(re.split(r"\s+", PIECES))


@settings(deadline=None, max_examples=200)
@given(st.lists(pieces, max_size=9).map(" ".join))
def test_whatever_is_typed_is_a_mask_or_an_error_in_words(text):
    try:
        mask = Where(text).mask(TABLE)
    except StellarnbError:
        return
    assert mask.dtype == bool
    assert mask.shape == (4,)
