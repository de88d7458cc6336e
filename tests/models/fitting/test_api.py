import numpy as np
import pytest

import stellarnb as snb
from stellarnb.errors import GridMismatch, Interrupted, InvalidInput
from stellarnb.models import load_emulator
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet, get_instrument

LABELS = ("teff", "logg", "fe_h", "alpha_m")
STARS = {
    "teff": [5770.0, 4800.0, 6200.0],
    "logg": [4.44, 2.5, 4.1],
    "fe_h": [0.0, -0.4, -0.6],
    "alpha_m": [0.0, 0.15, 0.2],
}


def observed(instrument: str, snr: float = 100.0, stars=STARS, **effects) -> SpectrumSet:
    """Emulated spectra with white noise, and its size as their errors."""
    clean = load_emulator(instrument).spectra(stars, instrument, **effects)
    noise = np.random.default_rng(5).standard_normal(clean.flux.shape)
    error = np.full(clean.flux.shape, 1.0 / snr)
    flux = clean.flux + noise / snr
    return SpectrumSet(clean.ids + 10, clean.wavelength, flux, error, None, instrument)


def fit(spectra: SpectrumSet, labels=LABELS, **options):
    return snb.fit_spectra(spectra, labels, progress=False, **options)


def with_flux(spectra: SpectrumSet, flux, error=None, mask=None) -> SpectrumSet:
    return SpectrumSet(spectra.ids, spectra.wavelength, flux, error, mask, spectra.instrument.id)


@pytest.fixture(scope="module")
def rvs() -> SpectrumSet:
    return observed("gaia-rvs")


@pytest.fixture(scope="module")
def fitted(rvs):
    return fit(rvs)


@pytest.mark.parametrize("instrument", ["gaia-rvs", "rave", "giraffe-hr15n"])
def test_labels_are_found_again_within_their_errors(instrument: str) -> None:
    labels = fit(observed(instrument), floor=False)
    for name in LABELS:
        pull = (labels.values(name) - STARS[name]) / labels.values(f"{name}_error")
        assert np.abs(pull).max() < 4
    assert np.all(labels["chi2"] == pytest.approx(1.0, abs=0.15))
    assert labels["good"].all()


def test_columns_are_those_of_every_model(fitted, rvs) -> None:
    assert fitted.names == list(LABELS)
    assert fitted["source_id"].tolist() == rvs.ids.tolist()
    for name in ("boundary", "novelty", "good", "chi2", "radial_velocity", "at_bound"):
        assert name in fitted
    assert fitted["boundary"].tolist() == ["0000"] * 3
    assert fitted.units["teff"] == "K"
    assert "synthetic-trained" in fitted.model


def test_lithium_is_fitted_and_its_flaw_does_not_hide_it() -> None:
    stars = {**STARS, "a_li": [2.8, 1.5, 2.4]}
    labels = fit(observed("giraffe-hr15n", stars=stars), ("teff", "a_li"))
    np.testing.assert_allclose(labels["a_li"], stars["a_li"], atol=0.25)


def test_fits_do_not_depend_on_the_company(rvs, fitted) -> None:
    alone = fit(rvs[[1]])
    for name in LABELS:
        assert alone[name][0] == pytest.approx(fitted[name][1], rel=1e-3, abs=2e-3)


@pytest.mark.parametrize("speed", [-13.0, 4.3, 11.0])
def test_a_velocity_is_fitted_along(speed: float, fitted) -> None:
    labels = fit(observed("gaia-rvs", velocity=speed))
    np.testing.assert_allclose(labels["radial_velocity"], speed, atol=1.0)
    assert labels["good"].all()
    np.testing.assert_allclose(labels["teff"], fitted["teff"], atol=80)


def test_a_velocity_beyond_the_limit_is_refused_and_said() -> None:
    labels = fit(observed("gaia-rvs", velocity=9.0), velocity_limit=5.0)
    assert not labels["good"].any()
    assert all("velocity at 5 km/s" in text for text in labels["at_bound"])


def test_rotation_is_fitted_along(fitted) -> None:
    labels = fit(observed("giraffe-hr15n", vsini=22.0))
    np.testing.assert_allclose(labels["vsini"], 22.0, atol=1.0)
    np.testing.assert_allclose(labels["fe_h"], STARS["fe_h"], atol=0.1)


def test_rotation_can_be_given() -> None:
    labels = fit(observed("rave", vsini=30.0), vsini=30.0)
    assert labels["vsini"].tolist() == [30.0] * 3
    assert labels.provenance["vsini"] == 30.0
    np.testing.assert_allclose(labels["teff"], STARS["teff"], atol=250)


def test_a_slope_of_the_continuum_is_fitted_along(rvs, fitted) -> None:
    slope = 1.0 + 0.04 * np.linspace(-1, 1, rvs.flux.shape[1])
    labels = fit(with_flux(rvs, 0.97 * rvs.flux * slope, rvs.error))
    assert labels["good"].all()
    np.testing.assert_allclose(labels["continuum_level"], 0.97, atol=0.02)
    np.testing.assert_allclose(labels["continuum_variation"], 0.078, atol=0.02)
    np.testing.assert_allclose(labels["fe_h"], fitted["fe_h"], atol=0.05)


def test_a_continuum_that_is_off_is_refused_and_said(rvs) -> None:
    slope = 1.0 + 0.3 * np.linspace(-1, 1, rvs.flux.shape[1])
    labels = fit(with_flux(rvs, rvs.flux * slope, rvs.error))
    assert not labels["good"].any()
    assert all("continuum varies" in text for text in labels["at_bound"])


def test_masked_pixels_count_for_nothing(rvs, fitted) -> None:
    flux, mask = rvs.flux.copy(), np.zeros(rvs.flux.shape, bool)
    mask[:, 300:420] = True
    labels, spoiled = fit(with_flux(rvs, flux, rvs.error, mask)), flux.copy()
    spoiled[:, 300:420] = 7.0
    again = fit(with_flux(rvs, spoiled, rvs.error, mask))
    for name in LABELS:
        assert labels[name].tolist() == again[name].tolist()
    assert labels["masked_fraction"] == pytest.approx(120 / 2401)


def test_cores_take_part_only_where_asked_for(rvs) -> None:
    filled = rvs.flux.copy()
    core = np.abs(rvs.wavelength.value - 854.444) < 0.05
    filled[:, core] += 0.02
    plain, spoiled = fit(rvs, floor=False), fit(with_flux(rvs, filled, rvs.error), floor=False)
    np.testing.assert_allclose(plain["teff"], spoiled["teff"], atol=1e-3)
    kept = fit(with_flux(rvs, filled, rvs.error), mask_cores=False)
    assert np.abs(kept["teff"] - plain["teff"]).max() > 0.5


def test_filled_cores_make_a_star_novel(rvs) -> None:
    filled = rvs.flux.copy()
    for line in (850.035, 854.444, 866.452):
        filled[:, np.abs(rvs.wavelength.value - line) < 0.12] *= 1.4
    labels = fit(with_flux(rvs, filled, rvs.error))
    np.testing.assert_allclose(labels["core_excess"], 0.4, atol=0.1)
    assert (labels["novelty"] > 1).all()
    assert not labels["good"].any()


def test_a_star_of_another_kind_is_novel(rvs) -> None:
    flux = np.ones_like(rvs.flux)
    flux[:, ::40] = 0.5
    labels = fit(with_flux(rvs, flux, rvs.error))
    assert (labels["novelty"] > 1).all()


def test_a_label_at_its_limit_is_flagged_and_named() -> None:
    # Deeper lines than any node has: the fit must stop, and say where.
    rich = {"teff": 5000.0, "logg": 4.5, "fe_h": 0.95}
    clean = load_emulator("gaia-rvs").spectra(rich, "gaia-rvs")
    labels = fit(with_flux(clean, clean.flux, np.full(clean.flux.shape, 0.003)))
    assert labels["fe_h_flag"][0]
    assert labels["fe_h"][0] == pytest.approx(0.6, abs=1e-3)
    assert "fe_h at 0.6" in labels["at_bound"][0]
    assert labels["boundary"][0][2] == "1"
    assert not labels["good"][0]


def test_a_held_label_stays_and_narrows_the_others(rvs, fitted) -> None:
    labels = fit(rvs, held={"logg": np.array(STARS["logg"])}, floor=False)
    np.testing.assert_allclose(labels["logg"], STARS["logg"], atol=0.01)
    free = fit(rvs, floor=False)
    assert (labels["fe_h_error"] <= free["fe_h_error"]).all()
    assert labels.provenance["held"] == ["logg"]


def test_the_floor_is_added_in_quadrature(rvs, fitted) -> None:
    bare = fit(rvs, floor=False)
    floor = load_emulator("cat").card.labels[0].floor
    np.testing.assert_allclose(fitted["teff_error"], np.hypot(bare["teff_error"], floor), rtol=1e-4)


def test_without_errors_the_noise_is_estimated_and_said(rvs, fitted) -> None:
    labels = fit(with_flux(rvs, rvs.flux))
    assert "estimated" in labels.provenance["flux_errors"]
    np.testing.assert_allclose(labels["teff"], fitted["teff"], atol=120)


def test_smaller_noise_gives_smaller_errors() -> None:
    errors = [fit(observed("rave", snr), floor=False)["teff_error"] for snr in (30.0, 120.0)]
    assert (errors[0] > 2 * errors[1]).all()


def test_stated_errors_that_are_too_small_do_not_make_labels_surer(rvs) -> None:
    honest = fit(rvs, floor=False)
    boast = fit(with_flux(rvs, rvs.flux, 0.2 * rvs.error), floor=False)
    assert (boast["chi2"] > 15).all()
    np.testing.assert_allclose(boast["teff_error"], honest["teff_error"], rtol=0.35)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_spectrum_with_nothing_in_it_gives_no_labels(rvs, value: float) -> None:
    flux = rvs.flux.copy()
    flux[1] = value
    labels = fit(with_flux(rvs, flux, rvs.error))
    assert np.isnan(labels["teff"]).tolist() == [False, True, False]
    assert labels["teff_flag"][1]
    assert not labels["good"][1]
    assert labels["at_bound"][1] == "no usable pixels"


def test_no_spectra_give_no_rows(rvs) -> None:
    labels = fit(rvs[:0])
    assert len(labels) == 0
    assert labels.names == list(LABELS)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": ("teff", "m_h")},
        {"labels": ()},
        {"held": {"logg": 9.0}},
        {"held": {"xx": 1.0}},
        {"held": {"logg": [4.0, 4.0]}},
        {"vsini": -1.0},
        {"vsini": 300.0},
        {"velocity_limit": 1000.0},
        {"continuum": 20},
    ],
)
def test_settings_that_make_no_sense_are_refused(rvs, options) -> None:
    with pytest.raises(InvalidInput):
        fit(rvs, **options)


def test_other_grids_and_instruments_are_refused(rvs) -> None:
    with pytest.raises(GridMismatch, match="to_instrument"):
        part = slice(0, 2000)
        fit(SpectrumSet(rvs.ids, rvs.wavelength[part], rvs.flux[:, part], instrument="gaia-rvs"))
    xp = get_instrument("gaia-xp").wavelength
    with pytest.raises(InvalidInput, match="gaia-xp"):
        fit(SpectrumSet([1], xp, np.ones((1, len(xp)))))
    with pytest.raises(InvalidInput, match="SpectrumSet"):
        snb.fit_spectra(np.ones(3))


def test_it_can_be_stopped_and_keeps_what_is_done(monkeypatch, rvs) -> None:
    from stellarnb.models.fitting import api as fitting

    monkeypatch.setattr(fitting, "BATCH", 1)
    cancel = Cancel()
    original = fitting._fit

    def once(*args):
        cancel.set()
        return original(*args)

    monkeypatch.setattr(fitting, "_fit", once)
    with pytest.raises(Interrupted) as stopped:
        fit(rvs, cancel=cancel)
    assert len(stopped.value.partial) == 1
