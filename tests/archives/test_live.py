"""The live services themselves: ``pytest -m remote tests/archives/test_live.py``, with a network.

What the registry says comes from documentation; these tests say whether it holds.
"""

import numpy as np
import pytest
from astropy import units as u

from stellarnb.archives import open_archive
from stellarnb.errors import QueryError

pytestmark = [
    pytest.mark.remote,
    # Of clients and services that this project does not make.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(autouse=True)
def opted_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    if "remote" not in (request.config.getoption("-m") or ""):
        pytest.skip("asks live services; run pytest -m remote")
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", ["gaia", "apogee", "rave", "gaia-eso", "galah", "starhorse"])
def test_the_registry_agrees_with_the_service(name):
    found = open_archive(name).check().arrow.to_pylist()
    assert [row for row in found if not row["ok"]] == []


@pytest.mark.parametrize("name", ["gaia", "apogee", "galah", "starhorse", "rvs-cnn"])
def test_a_few_stars(name):
    stars = open_archive(name).stars(limit=5)
    assert len(stars) == 5
    assert stars["source_id"].dtype == np.int64


def test_the_form_that_a_student_writes():
    gaia = open_archive("gaia")
    stars = gaia.stars(has_rvs=True, snr=(15, 25), limit=10)
    assert ((stars["snr"] >= 15) & (stars["snr"] <= 25)).all()
    cluster = gaia.cone("M 67", 2 * u.arcmin)
    assert len(cluster) > 5
    spectra = gaia.spectra(stars["source_id"][:3], "rvs")
    assert len(spectra) + len(spectra.missing) == 3


@pytest.mark.parametrize("mirror", ["ari", "aip", "vizier"])
def test_mirrors(mirror):
    stars = open_archive("gaia", mirror=mirror).cone((56.75, 24.12), 1 * u.arcmin)
    assert "source_id" in stars.colnames


def test_a_wrong_query_is_a_query_error():
    with pytest.raises(QueryError):
        open_archive("gaia").query("SELECT TOP 1 nonsense FROM gaiadr3.gaia_source")
