from pathlib import Path

import numpy as np
import pytest

from stellarnb.errors import GridMismatch, InvalidInput, MissingInput
from stellarnb.spectra import (
    Instrument,
    SpectrumSet,
    air_to_vacuum,
    from_specutils,
    get_instrument,
    read,
    to_specutils,
    vacuum_to_air,
)

RVS = get_instrument("gaia-rvs").wavelength


@pytest.fixture
def real(shared_data: Path) -> SpectrumSet:
    return read(sorted((shared_data / "gaia_rvs_spectra").glob("*.csv")))


def relabel(spectra: SpectrumSet, wavelength: np.ndarray, name: str = "gaia-rvs") -> SpectrumSet:
    return SpectrumSet(
        spectra.source_id, wavelength, spectra.flux, spectra.error, spectra.mask, name
    )


def test_snr_is_the_median_of_flux_over_error() -> None:
    flux = np.ones((2, 2401))
    error = np.full((2, 2401), 0.1)
    flux[1, 5:] = np.nan
    flux[1, :5] = 2.0
    spectra = SpectrumSet([1, 2], RVS, flux, error, instrument="gaia-rvs")
    assert spectra.snr == pytest.approx([10, 20])
    assert not spectra.snr_estimated


def test_snr_without_errors_is_estimated_and_says_so() -> None:
    rng = np.random.default_rng(1)
    level = np.array([[5.0], [20.0], [100.0]])
    slope = 1 + 0.1 * np.linspace(0, 1, 2401)
    flux = slope + rng.standard_normal((3, 2401)) / level
    spectra = SpectrumSet([1, 2, 3], RVS, flux, instrument="gaia-rvs")
    assert spectra.snr_estimated
    assert spectra.snr == pytest.approx(1.05 * level[:, 0], rel=0.1)


def test_snr_of_nothing_is_zero() -> None:
    flux = np.full((2, 2401), np.nan)
    flux[1] = -1.0
    assert SpectrumSet([1, 2], RVS, flux, instrument="gaia-rvs").snr.tolist() == [0.0, 0.0]


def test_the_estimate_agrees_with_the_errors_of_real_spectra(real: SpectrumSet) -> None:
    bare = SpectrumSet(real.source_id, RVS, real.flux, None, real.mask, "gaia-rvs")
    assert bare.snr == pytest.approx(real.snr, rel=0.15)


def test_real_spectra_lie_where_they_should(real: SpectrumSet) -> None:
    check = real.wavelength_check()
    assert check.ok
    assert np.abs(check.shift).max() < 5
    assert "agrees" in check.verdict


@pytest.mark.parametrize("snr", [None, 20])
def test_air_given_for_vacuum_is_found(real: SpectrumSet, snr: float | None) -> None:
    in_air = relabel(real, vacuum_to_air(10 * RVS) / 10).degrade(snr=snr, seed=8)
    check = in_air.wavelength_check()
    assert not check.ok
    assert check.found.all()
    assert check.median == pytest.approx(-82, abs=5)
    assert "air given for vacuum" in check.verdict
    repaired = relabel(real, air_to_vacuum(10 * in_air.wavelength.value) / 10)
    assert repaired.wavelength_check().ok


def test_vacuum_given_for_air_is_found(real: SpectrumSet) -> None:
    wrong = relabel(real, 10 * RVS, "rave").wavelength_check()
    assert wrong.median == pytest.approx(82, abs=5)
    assert "vacuum given for air" in wrong.verdict


def test_a_shifted_grid_is_measured(real: SpectrumSet) -> None:
    check = relabel(real, RVS * (1 + 200 / 299792.458)).wavelength_check()
    assert not check.ok
    assert check.median == pytest.approx(200, abs=5)
    assert "1.00066" in check.verdict


def test_noise_alone_shows_no_line() -> None:
    noise = np.random.default_rng(2).normal(1, 0.1, (20, 2401))
    check = SpectrumSet(np.arange(20), RVS, noise, instrument="gaia-rvs").wavelength_check()
    assert not check.ok
    assert check.found.sum() <= 1


def test_hr15n_is_checked_too(shared_data: Path) -> None:
    for name in ("Sun_HARPS.fits", "HARPS.GBOG_Procyon.fits"):
        path = shared_data / "optical_spectra" / name
        star = read(path, Instrument.custom("HARPS", 115_000)).to_instrument("giraffe-hr15n")
        assert star.wavelength_check().ok
        shifted = relabel(star, air_to_vacuum(star.wavelength.value), "giraffe-hr15n")
        assert "vacuum given for air" in shifted.wavelength_check().verdict


def test_where_no_line_can_tell_it_says_so() -> None:
    xp = get_instrument("gaia-xp")
    with pytest.raises(InvalidInput, match="resolution"):
        SpectrumSet([1], xp.wavelength, np.ones((1, 343))).wavelength_check()
    apogee = get_instrument("apogee")
    with pytest.raises(InvalidInput, match="No strong line"):
        SpectrumSet(
            [1], apogee.wavelength, np.ones((1, 8575)), instrument="apogee"
        ).wavelength_check()


def test_names_travel_with_the_rows() -> None:
    spectra = SpectrumSet([0, 1], RVS, np.ones((2, 2401)), instrument="gaia-rvs", names=["a", "b"])
    assert spectra[1:].names is not None
    assert spectra[1:].names.tolist() == ["b"]
    both = SpectrumSet.concat([spectra[1:], spectra[:1]])
    assert both.names is not None
    assert both.names.tolist() == ["b", "a"]
    with pytest.raises(InvalidInput, match="names"):
        SpectrumSet([0, 1], RVS, np.ones((2, 2401)), instrument="gaia-rvs", names=["a"])


def test_sets_on_different_grids_are_not_put_together() -> None:
    one = SpectrumSet([0], RVS, np.ones((1, 2401)), instrument="gaia-rvs")
    other = SpectrumSet([0], RVS + 0.004, np.ones((1, 2401)), instrument="gaia-rvs")
    with pytest.raises(GridMismatch, match="different grids"):
        SpectrumSet.concat([one, other])
    with pytest.raises(InvalidInput):
        SpectrumSet.concat([])


class FakeSpectrum:
    """What is used of specutils' Spectrum, where that is not installed."""

    def __init__(self, **fields: object) -> None:
        self.uncertainty = self.mask = self.meta = None
        self.__dict__.update(fields)


def test_a_spectrum_object_is_read() -> None:
    from astropy import units as u
    from astropy.nddata import InverseVariance

    flux = np.stack([np.linspace(1, 2, 2401), np.ones(2401)])
    spectrum = FakeSpectrum(
        spectral_axis=RVS[::-1] * u.nm,
        flux=flux * u.one,
        uncertainty=InverseVariance(np.full((2, 2401), 25.0)),
        meta={"source_id": [8, 9]},
    )
    spectra = read(spectrum, "gaia-rvs")
    assert spectra.ids.tolist() == [8, 9]
    spectra.check_grid(get_instrument("gaia-rvs"))
    np.testing.assert_allclose(spectra.flux[0], flux[0, ::-1], rtol=1e-6)
    assert spectra.error is not None
    np.testing.assert_allclose(spectra.error, 0.2)
    with pytest.raises(InvalidInput, match="instrument="):
        read(spectrum)
    with pytest.raises(InvalidInput, match="length"):
        from_specutils(FakeSpectrum(spectral_axis=RVS * u.GHz, flux=flux * u.one), "gaia-rvs")


def test_without_specutils_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "specutils", None)
    with pytest.raises(MissingInput, match="pip install specutils"):
        to_specutils(SpectrumSet([1], RVS, np.ones((1, 2401)), instrument="gaia-rvs"))


def test_specutils_and_back() -> None:
    pytest.importorskip("specutils", reason="specutils is not installed")
    flux = np.stack([np.linspace(1, 2, 2401), np.ones(2401)])
    flux[0, 3] = np.nan
    spectra = SpectrumSet([8, 9], RVS, flux, flux * 0.1, instrument="gaia-rvs", names=["a", "b"])
    back = read(to_specutils(spectra), "gaia-rvs")
    assert back.ids.tolist() == [8, 9]
    assert back.names is not None
    assert back.names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(back.flux, spectra.flux)
    np.testing.assert_array_equal(back.error, spectra.error)
    np.testing.assert_array_equal(back.mask, spectra.mask)
