"""The measurements of remote spectra work, and refuse to compare what is not the same."""

import sys

import numpy as np
import pytest

from benchmarks import archive_remote as bench
from stellarnb.errors import MissingInput, OutputError
from stellarnb.spectra import SpectrumSet, get_instrument

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_both_rows_are_measured_on_equal_spectra(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "N_SPECTRA", 30)
    rows = {row["name"]: row for row in bench.bench_archive_remote()}
    assert list(rows) == ["archive.rvs_read", "archive.cache"]
    assert rows["archive.rvs_read"]["goal"] == 20.0
    assert rows["archive.cache"]["goal"] == 0.5
    assert all(row["value"] > 0 for row in rows.values())
    assert "astroquery 0.4" in rows["archive.rvs_read"]["peer"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["flux", "id", "nan"])
def test_other_spectra_are_no_comparison(change):
    grid = get_instrument("gaia-rvs").wavelength
    flux = np.ones((2, len(grid)), np.float32)
    flux[:, 0] = np.nan
    truth = SpectrumSet([1, 2], grid, flux, flux, instrument="gaia-rvs")
    bench._same(truth.source_id, truth.flux, truth.error, truth)
    ids, other = truth.source_id.copy(), flux.copy()
    if change == "id":
        ids[0] = 7
    else:
        other[0, 0 if change == "nan" else 5] = 1.5
    with pytest.raises(OutputError, match="other spectra"):
        bench._same(ids, other, truth.error, truth)


def test_without_the_server_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tests.support.archive_server", None)
    with pytest.raises(MissingInput, match=r"stellarnb\[bench\]"):
        bench.bench_archive_remote()
