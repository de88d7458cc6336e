"""The named errors: each is the built-in too that a Python user would catch."""

import pickle

import pytest

import stellarnb as snb
from stellarnb import errors
from stellarnb.cartography import Between, columns
from stellarnb.files import atomic_write
from stellarnb.spectra import SpectrumSet


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidInput", ValueError),
        ("GridMismatch", ValueError),
        ("QueryError", ValueError),
        ("MissingInput", KeyError),
        ("ArchiveDown", ConnectionError),
        ("OutOfMemory", MemoryError),
        ("Interrupted", KeyboardInterrupt),
    ],
)
def test_an_error_is_the_builtin_that_one_expects(name: str, builtin: type) -> None:
    error = getattr(errors, name)("No column 'x'.")
    assert isinstance(error, builtin)
    assert isinstance(error, snb.StellarnbError)
    assert str(error) == "No column 'x'."
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes; Dask sends errors so
    assert str(again) == "No column 'x'."


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        columns({"x": [1.0]}, ["nowhere"])


def test_a_wrong_value_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"[Ww]avelength"):
        SpectrumSet([1], [3.0, 2.0], [[1.0, 1.0]], instrument="rave")


def test_an_error_is_not_taken_for_another_on_its_way(tmp_path) -> None:
    with pytest.raises(errors.ArchiveDown, match="down"), atomic_write(tmp_path / "x.txt"):
        raise errors.ArchiveDown("It is down.")
    with pytest.raises(errors.InvalidInput) as caught:
        Between.from_json('{"rule": "Between", "column": "x", "low": 2.0, "high": 1.0}')
    assert str(caught.value).startswith("Between")
    assert list(tmp_path.iterdir()) == []
