"""Hybrid networks: branches that may be missing, and what they read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stellarnb as snb
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_card, load_emulator
from stellarnb.models.families.branches import GaiaScalars, RaveScalars
from stellarnb.models.families.hybrid import pattern_names
from stellarnb.models.inputs.continuum import Continuum
from stellarnb.models.model import Model
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Result

N = 24
STARS = (
    "SELECT TOP 24 * FROM stars JOIN apogee USING (source_id) "
    "WHERE snr > 100 AND teff BETWEEN 4500 AND 6300 AND fe_h > -1 ORDER BY source_id"
)
HYBRIDS = ("gaia-rvs", "ges-lithium", "rave")


@pytest.fixture(scope="module")
def model() -> Model:
    return snb.load_model("gaia-rvs")


@pytest.fixture(scope="module")
def stars() -> Result:
    return snb.open_archive("sample").query(STARS)


@pytest.fixture(scope="module")
def xp(stars: Result) -> SpectrumSet:
    return snb.open_archive("sample").spectra(stars)


@pytest.fixture(scope="module")
def rvs(stars: Result) -> SpectrumSet:
    """Emulated spectra at the stars' APOGEE labels, S/N 40."""
    labels = {name: np.asarray(stars[name], float) for name in ("teff", "logg", "fe_h", "alpha_m")}
    made = load_emulator("gaia-rvs").spectra(labels, "gaia-rvs", vsini=4.0, vmac=3.0)
    noise = np.random.default_rng(0).standard_normal(made.flux.shape) / 40.0
    error = np.full(made.flux.shape, 1 / 40.0)
    return SpectrumSet(
        stars["source_id"], made.wavelength, made.flux + noise, error, instrument="gaia-rvs"
    )


@pytest.fixture(scope="module")
def table(stars: Result) -> dict[str, np.ndarray]:
    """Photometry, and parallaxes that put the stars where their labels say, roughly."""
    logg, teff = (np.asarray(stars[name], float) for name in ("logg", "teff"))
    magnitude = 4.7 + 2.5 * (logg - 4.44) - 10 * np.log10(teff / 5772)
    parallax = 10 ** (0.2 * (magnitude - np.asarray(stars["phot_g_mean_mag"], float)) + 2.0)
    names = ("source_id", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag")
    return {name: stars[name] for name in names} | {
        "parallax": parallax,
        "parallax_error": np.full(len(logg), 0.02),
    }


def test_it_finds_the_labels_of_stars_that_it_never_saw(model, rvs, xp, table, stars) -> None:
    labels = model.predict(rvs, table, xp=xp, progress=False)
    for name in ("teff", "logg", "fe_h", "alpha_m"):
        pull = (labels[name] - np.asarray(stars[name], float)) / labels[f"{name}_error"]
        assert np.median(np.abs(pull)) < 1.5
        assert np.all(np.abs(pull) < 6)


def test_less_to_read_means_larger_errors(model, rvs, xp, table) -> None:
    everything = model.predict(rvs, table, xp=xp, progress=False)
    poorer = {
        "no xp": model.predict(rvs, table, progress=False),
        "no spectrum": model.predict(None, table, xp=xp, progress=False),
        "spectrum": model.predict(rvs, progress=False),
        "xp": model.predict(None, xp=xp, progress=False),
        "scalars": model.predict(None, table, progress=False),
    }
    for labels in poorer.values():
        for spec in model.card.labels:
            more, less = labels[f"{spec.name}_error"], everything[f"{spec.name}_error"]
            assert np.median(more / less) > 1.0
            assert np.isfinite(labels[spec.name]).all()


def test_a_single_star_without_a_branch_is_as_if_all_had_none(model, rvs, xp, table) -> None:
    mixed = model.predict(rvs, table, xp=xp[1:], progress=False)
    without = model.predict(rvs, table, progress=False)
    everything = model.predict(rvs, table, xp=xp, progress=False)
    np.testing.assert_allclose(mixed["teff"][0], without["teff"][0], rtol=1e-5)
    np.testing.assert_allclose(mixed["teff"][1:], everything["teff"][1:], rtol=1e-5)


def test_a_masked_spectrum_is_a_missing_one(model, rvs, xp, table) -> None:
    mask = np.zeros(rvs.flux.shape, bool)
    mask[0] = True
    some = SpectrumSet(rvs.ids, rvs.wavelength, rvs.flux, rvs.error, mask, instrument="gaia-rvs")
    labels = model.predict(some, table, xp=xp, progress=False)
    alone = model.predict(None, table, xp=xp, progress=False)
    np.testing.assert_allclose(labels["logg"][0], alone["logg"][0], rtol=1e-5)
    assert labels["logg_error"][0] == pytest.approx(alone["logg_error"][0], rel=1e-4)


def test_the_order_of_the_other_tables_does_not_matter(model, rvs, xp, table) -> None:
    turned = {name: values[::-1] for name, values in table.items()}
    straight = model.predict(rvs, table, xp=xp, progress=False)
    mixed = model.predict(rvs, turned, xp=xp[::-1], progress=False)
    np.testing.assert_array_equal(straight["source_id"], mixed["source_id"])
    np.testing.assert_allclose(straight["teff"], mixed["teff"], rtol=1e-6)


def test_without_spectra_the_stars_are_those_of_the_table(model, table) -> None:
    labels = model.predict(None, table, progress=False)
    np.testing.assert_array_equal(labels["source_id"], table["source_id"])


def test_nothing_at_all_is_refused(model, table) -> None:
    with pytest.raises(MissingInput, match="nothing to read"):
        model.predict(None, progress=False)
    empty = {name: np.full(N, np.nan) for name in table if name != "source_id"}
    with pytest.raises(MissingInput, match="nothing to read"):
        model.predict(None, {"source_id": table["source_id"], **empty}, progress=False)


def test_a_network_that_reads_no_xp_spectra_says_so(xp) -> None:
    lithium = snb.load_model("ges-lithium")
    with pytest.raises(InvalidInput, match="no XP spectra"):
        lithium.predict(None, xp=xp)
    with pytest.raises(InvalidInput, match="needs spectra"):
        lithium.predict(None)


def test_xp_spectra_on_another_grid_are_refused(model, rvs) -> None:
    with pytest.raises(snb.StellarnbError):
        model.predict(rvs, xp=rvs)


def test_the_level_of_a_spectrum_does_not_matter(model, rvs) -> None:
    slope = np.linspace(0.52, 0.58, rvs.flux.shape[1])
    lower = SpectrumSet(
        rvs.ids, rvs.wavelength, rvs.flux * slope, rvs.error * slope, instrument="gaia-rvs"
    )
    one, two = (model.predict(s, progress=False) for s in (rvs, lower))
    np.testing.assert_allclose(one["teff"], two["teff"], atol=2.0)
    np.testing.assert_allclose(two["continuum_level"], 0.55, atol=0.02)


@pytest.mark.parametrize("factor", [0.02, 50.0])
def test_a_spectrum_that_is_not_normalised_gets_no_labels(model, rvs, factor: float) -> None:
    far = SpectrumSet(
        rvs.ids, rvs.wavelength, rvs.flux * factor, rvs.error * factor, instrument="gaia-rvs"
    )
    labels = model.predict(far, progress=False, check_lines=False)
    assert np.isnan(labels["teff"]).all()
    assert not labels["good"].any()
    assert labels["teff_flag"].all()


def test_a_spectrum_with_the_photometry_of_another_star_stands_out(
    model, rvs, xp, table, stars
) -> None:
    teff = np.asarray(stars["teff"], float)
    other = np.argsort(teff)[::-1][np.argsort(np.argsort(teff))]
    swapped = dict(table)
    for name in ("phot_bp_mean_mag", "phot_rp_mean_mag", "phot_g_mean_mag"):
        swapped[name] = table[name][other]
    right = model.predict(rvs, table, xp=xp, progress=False)
    wrong = model.predict(rvs, swapped, xp=xp, progress=False)
    far = np.abs(teff - teff[other]) > 800
    assert far.sum() >= 5
    assert np.median(wrong["novelty"][far]) > 1.5 * np.median(right["novelty"][far])
    assert wrong["good"][far].mean() < 0.3


@pytest.mark.parametrize("name", HYBRIDS)
def test_synthetic_trained_is_said_wherever_the_name_is_shown(name: str) -> None:
    card = load_card(name)
    assert card.trained_on == "synthetic"
    assert card.display_name == f"{name} (synthetic-trained)"
    assert "synthetic-trained" in repr(snb.load_model(name))


@pytest.mark.parametrize("name", HYBRIDS)
def test_cards_say_what_they_must(name: str) -> None:
    card = load_card(name)
    assert card.known_flaws
    assert card.citation
    assert card.credits
    assert card.training["data"]
    assert {row["snr"] for row in card.metrics["test"]} >= {"20", "50", "100"}
    assert set(card.labels[0].error_factor) == set(snb.load_model(name).family.patterns)


def test_a_dataset_brings_xp_spectra_along(model, rvs, xp, table, tmp_path: Path) -> None:
    def packed(array: np.ndarray) -> pa.Array:
        array = np.ascontiguousarray(array, "<f4")
        kind = pa.binary(4 * array.shape[1])
        return pa.FixedSizeBinaryArray.from_buffers(kind, len(array), [None, pa.py_buffer(array)])

    columns = {
        "flux": packed(rvs.flux),
        "flux_error": packed(rvs.error),
        "xp_flux": packed(xp.flux),
        "xp_flux_error": packed(xp.error),
        **{name: pa.array(values) for name, values in table.items()},
    }
    pq.write_table(pa.table(columns), tmp_path / "set.parquet")
    out = model.predict_dataset(tmp_path / "set.parquet", tmp_path / "labels", progress=False)
    there = pq.read_table(out).to_pandas()
    here = model.predict(rvs, table, xp=xp, progress=False)
    np.testing.assert_allclose(there["fe_h"], here["fe_h"], rtol=1e-4, atol=1e-4)


def test_rows_of_no_stars_have_all_columns(model, rvs) -> None:
    labels = model.predict(rvs[:0], progress=False)
    assert len(labels) == 0
    assert {"teff", "alpha_m_error", "continuum_level", "novelty"} <= set(labels.colnames)


def test_patterns_count_in_twos() -> None:
    names = pattern_names(("spectrum", "xp", "parallax"))
    assert names[0] == "nothing"
    assert names[1] == "spectrum"
    assert names[2] == "xp"
    assert names[5] == "spectrum+parallax"
    assert names[7] == "spectrum+xp+parallax"


@settings(max_examples=60, deadline=None)
@given(
    level=st.floats(0.4, 1.5),
    slope=st.floats(-0.1, 0.1),
    curve=st.floats(-0.05, 0.05),
    lost=st.integers(0, 60),
)
def test_a_continuum_is_found_whatever_is_masked(level, slope, curve, lost) -> None:
    x = np.linspace(-1, 1, 300)
    true = level * (1 + slope * x + curve * (2 * x * x - 1))
    pixels = np.arange(300) % 3 == 0
    usable = np.ones((1, 300), bool)
    usable[0, 100 : 100 + lost] = False
    flux = np.where(pixels, true, 0.3)[None].astype(np.float32)
    flux[~usable] = 40.0
    found, there = Continuum.of(pixels, 2).fit(flux, usable)
    assert there[0]
    np.testing.assert_allclose(found[0], true, rtol=2e-3)


def test_a_continuum_needs_pixels() -> None:
    continuum = Continuum.of(np.arange(300) % 3 == 0, 2)
    usable = np.zeros((1, 300), bool)
    usable[0, :30] = True
    level, there = continuum.fit(np.ones((1, 300), np.float32), usable)
    assert not there[0]
    np.testing.assert_array_equal(level, 1.0)


@settings(max_examples=60, deadline=None)
@given(st.floats(-5, 50), st.floats(5, 20), st.floats(-1, 4))
def test_luminosity_is_linear_in_the_parallax(parallax, g, colour) -> None:
    branch = GaiaScalars(np.zeros(2), np.ones(2))
    one = {
        "phot_g_mean_mag": np.array([g]),
        "phot_bp_mean_mag": np.array([g + colour / 2]),
        "phot_rp_mean_mag": np.array([g - colour / 2]),
        "parallax": np.array([parallax]),
        "parallax_error": np.array([0.1]),
    }
    features, present = branch.features(one, 1)
    assert present.all()
    value = np.sinh(2 * float(features[0, 3])) * 0.05
    assert value == pytest.approx(parallax * 10 ** (0.2 * g - 3), rel=1e-3, abs=1e-6)


def test_a_missing_scalar_is_said_and_is_zero() -> None:
    branch = RaveScalars(("parallax", "k", "av"), np.array([3.0, 0.5]), np.array([1.0, 0.2]))
    stars = {
        "parallax": np.array([1.0, np.nan]),
        "k": np.array([12.0, 12.0]),
        "av": np.array([0.5, np.nan]),
    }
    features, present = branch.features(stars, 2)
    np.testing.assert_allclose(features[0], [-1.0, 0.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(features[1], [0.0, 0.0, 1.0, 1.0])
    np.testing.assert_array_equal(present[:, 0], [True, False])
