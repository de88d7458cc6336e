"""A hybrid trained on real spectra: from two archives, one of them a server, to a card."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stellarnb as snb
from stellarnb.archives import LocalArchive, open_archive
from stellarnb.archives.cache.store import Store
from stellarnb.archives.remote.archive import RemoteArchive
from stellarnb.archives.transport.client import Transport
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_emulator
from stellarnb.spectra.binary import to_cells
from stellarnb.tables import Result
from stellarnb.training import run
from stellarnb.training.hybrid import recorded
from tests.support.archive_server import archive_server

STARS = (
    "SELECT TOP 400 * FROM stars JOIN apogee USING (source_id) WHERE snr > 70 "
    "AND teff BETWEEN 4300 AND 6500 AND fe_h > -1.5 ORDER BY source_id"
)


#: The sample's stars are all of one split: others' numbers spread them over the three.
IDS = (np.arange(1, 401, dtype=np.int64) * 7919) << 36


@pytest.fixture(scope="module")
def stars() -> Result:
    return snb.open_archive("sample").query(STARS)


@pytest.fixture(scope="module")
def served(stars: Result, tmp_path_factory: pytest.TempPathFactory):
    """Gaia on loopback: real XP spectra, and RVS spectra emulated at the stars' labels."""
    folder = tmp_path_factory.mktemp("gaia")
    n = len(stars)
    names = ("teff", "logg", "fe_h", "alpha_m")
    labels = {name: np.asarray(stars[name], float) for name in names}
    rvs = load_emulator("gaia-rvs").spectra(labels, "gaia-rvs", vsini=4.0, vmac=3.0)
    flux = rvs.flux + np.random.default_rng(0).standard_normal(rvs.flux.shape) / 50
    xp = snb.open_archive("sample").spectra(stars)
    ids = IDS
    columns = {name: stars[name] for name in stars.colnames if name.startswith("phot_")}
    table = {
        "source_id": ids, "ra": np.linspace(1, 359, n), "dec": np.linspace(-80, 80, n),
        "parallax": np.full(n, 1.0), "parallax_error": np.full(n, 0.02),
        "rvs_spec_sig_to_noise": np.full(n, 50.0),
        "has_rvs": np.ones(n, bool), "has_xp_sampled": np.ones(n, bool), **columns,
    }  # fmt: skip
    pq.write_table(pa.table(table), folder / "gaia_source.parquet")
    for product, instrument, spectra, error in (
        ("rvs", "gaia-rvs", flux, np.full_like(flux, 0.02)),
        ("xp_sampled", "gaia-xp", xp.flux, xp.error),
    ):
        cells = {"source_id": ids, "flux": to_cells(spectra.astype("f4")),
                 "flux_error": to_cells(error.astype("f4"))}  # fmt: skip
        note = {"product": product, "instrument": instrument}
        Result(pa.table(cells), provenance=note).write(folder / f"{product}.parquet")
    with archive_server(folder, mock_stars=0) as server:
        yield server


@pytest.fixture
def gaia(served, tmp_path: Path, monkeypatch) -> RemoteArchive:
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    survey = open_archive("gaia", offline=True).survey
    survey = replace(survey, url=served.tap_url, data=served.data_url)
    store = Store(tmp_path / "cache")
    return RemoteArchive(survey, store=store, transport=Transport(offline=False))


@pytest.fixture(scope="module")
def apogee(stars: Result, tmp_path_factory: pytest.TempPathFactory) -> LocalArchive:
    folder = tmp_path_factory.mktemp("apogee")
    columns = {name: stars[name] for name in ("teff", "teff_error", "logg", "fe_h")}
    columns |= {
        "source_id": IDS,
        "alpha_m": stars["alpha_m"],
        "m_h": np.asarray(stars["fe_h"]) + 0.009,
    }
    columns |= {"snr": stars["snr"], "ra": stars["ra"], "dec": stars["dec"]}
    Result(columns, provenance={"credits": ["SDSS"]}).write(folder / "labels.parquet")
    return LocalArchive(folder, name="apogee", title="Labels of the tests")


def small_recipe() -> dict:
    recipe = run.load_recipe("gaia-rvs")
    recipe["fit"] |= {"epochs": 2, "batch": 64}
    recipe["card"]["network"]["members"] = 1
    return recipe


def test_a_hybrid_learns_from_a_server_and_says_so(gaia, apogee, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recorded, "LEAST_STARS", 100)
    paths = run.train_from_archive(
        "gaia-rvs", tmp_path / "out", threads=1, archive=gaia, reference=apogee,
        recipe=small_recipe(),
    )  # fmt: skip
    card = tomllib.loads(paths[1].read_text("utf-8"))
    assert card["trained_on"] == "real"
    assert "stars of" in card["training"]["data"]
    assert {row["snr"] for row in card["metrics"]["test"]} >= {"all"}
    model = snb.load_model(str(paths[1]))
    assert model.card.display_name == "gaia-rvs"
    out = model.predict_dataset(
        tmp_path / "out" / "training-set", tmp_path / "labels", progress=False
    )
    labels = pq.read_table(out)
    assert len(labels) > 300
    assert np.isfinite(labels["teff"].to_numpy()).all()


def test_too_few_stars_are_refused_in_words(gaia, apogee, tmp_path) -> None:
    with pytest.raises(MissingInput, match="Ask the archive for more"):
        run.train_from_archive(
            "gaia-rvs", tmp_path, n=50, archive=gaia, reference=apogee, recipe=small_recipe()
        )


def test_only_the_hybrid_is_trained_from_archives(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="Only gaia-rvs"):
        run.train_from_archive("rave", tmp_path)
