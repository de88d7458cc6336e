import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.errors import GridMismatch, InvalidInput, MissingInput
from stellarnb.models.inputs.pixels import clean_pixels, line_verdict, match_scalars
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables.names import find_column

GRID = get_instrument("gaia-xp").wavelength
MAGS = ("phot_g_mean_mag", "j")


def spectra(flux: np.ndarray, error: np.ndarray | None = None) -> SpectrumSet:
    return SpectrumSet(np.arange(len(flux)), GRID, flux, error)


def ramp(n: int = 1) -> np.ndarray:
    return np.tile(np.linspace(0.5, 1.5, 343), (n, 1))


@given(st.floats(1e-18, 1e6))
def test_the_scale_of_the_flux_does_not_matter(scale: float) -> None:
    one = clean_pixels(spectra(ramp(), 0.1 * ramp()))
    two = clean_pixels(spectra(ramp() * scale, 0.1 * ramp() * scale))
    np.testing.assert_allclose(two.flux, one.flux, rtol=1e-5)
    np.testing.assert_allclose(two.error, one.error, rtol=1e-5)


def test_noise_below_zero_is_kept_and_nonsense_is_not() -> None:
    flux, error = ramp(), np.full((1, 343), 0.1)
    flux[0, 10], flux[0, 20], flux[0, 30], error[0, 40] = -0.3, -0.6, np.nan, 0.0
    pixels = clean_pixels(spectra(flux, error))
    assert np.flatnonzero(~pixels.usable[0]).tolist() == [20, 30, 40]
    assert pixels.flux[0, 10] < 0
    assert pixels.masked_fraction[0] == pytest.approx(3 / 343)


def test_masked_pixels_are_bridged_and_carry_no_error() -> None:
    flux = ramp()
    flux[0, 100] = np.nan
    pixels = clean_pixels(spectra(flux, np.full((1, 343), 0.1)))
    assert pixels.flux[0, 100] == pytest.approx((pixels.flux[0, 99] + pixels.flux[0, 101]) / 2)
    assert pixels.error is not None
    assert np.isnan(pixels.error[0, 100])


@pytest.mark.parametrize("dead", [np.zeros(343), -np.ones(343), np.full(343, np.nan)])
def test_a_spectrum_of_nothing_is_not_alive_and_stays_finite(dead: np.ndarray) -> None:
    pixels = clean_pixels(spectra(np.stack([dead, ramp()[0]]), np.full((2, 343), 0.1)))
    assert pixels.alive.tolist() == [False, True]
    assert np.isfinite(pixels.flux).all()
    assert pixels.masked_fraction.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["phot_g_mean_mag", "PHOT_G_MEAN_MAG", "Gmag", "g"])
def test_usual_names_are_understood_in_any_case(name: str) -> None:
    assert find_column(["source_id", name], "phot_g_mean_mag") == name


def test_two_columns_that_differ_by_case_are_refused() -> None:
    with pytest.raises(InvalidInput, match="J or j"):
        find_column(["J", "j"], "j")


def test_stars_are_matched_by_identifier_in_the_order_of_the_spectra() -> None:
    stars = pd.DataFrame(
        {"source_id": [3, 1, 2], "phot_g_mean_mag": [13.0, 11.0, 12.0], "j": [np.nan, 10.0, np.inf]}
    )
    got = match_scalars(np.array([1, 2, 3, 4, 1]), stars, MAGS)
    np.testing.assert_array_equal(got["phot_g_mean_mag"], [11.0, 12.0, 13.0, np.nan, 11.0])
    np.testing.assert_array_equal(got["j"], [10.0, np.nan, np.nan, np.nan, 10.0])


def test_rows_with_repeated_identifiers_in_the_same_order_keep_their_own_values() -> None:
    stars = {"source_id": [5, 5], "phot_g_mean_mag": [10.0, 12.0], "j": [9.0, 8.0]}
    assert match_scalars(np.array([5, 5]), stars, MAGS)["phot_g_mean_mag"].tolist() == [10.0, 12.0]


@pytest.mark.parametrize("nonsense", [99.99, -9999.0, 1e20, np.nan, np.inf])
def test_sentinel_magnitudes_count_as_missing(nonsense: float) -> None:
    stars = {"source_id": [1], "phot_g_mean_mag": [nonsense], "j": [10.0]}
    assert np.isnan(match_scalars(np.array([1]), stars, MAGS)["phot_g_mean_mag"][0])


def test_a_missing_column_is_named_unless_it_may_be_absent() -> None:
    stars = {"source_id": [1], "phot_g_mean_mag": [10.0]}
    with pytest.raises(MissingInput, match=r"no column j\b"):
        match_scalars(np.array([1]), stars, MAGS)
    assert np.isnan(match_scalars(np.array([1]), stars, MAGS, allow_missing=True)["j"]).all()


def test_a_table_without_identifiers_is_refused() -> None:
    with pytest.raises(MissingInput, match="source_id"):
        match_scalars(np.array([1]), {"j": [1.0]}, MAGS)


def test_float_identifiers_and_text_columns_are_refused() -> None:
    with pytest.raises(InvalidInput, match="float"):
        match_scalars(
            np.array([1]), {"source_id": [1.0], "phot_g_mean_mag": [1.0], "j": [1.0]}, MAGS
        )
    with pytest.raises(InvalidInput, match="column j"):
        match_scalars(np.array([1]), {"source_id": [1], "phot_g_mean_mag": [1.0], "j": ["x"]}, MAGS)


def calcium(shift: float) -> SpectrumSet:
    """RAVE spectra with the Ca II triplet, moved by `shift` km/s."""
    grid = get_instrument("rave").wavelength
    flux = np.ones((3, len(grid)))
    for line, depth in ((8498.02, 0.4), (8542.09, 0.6), (8662.14, 0.5)):
        moved = line * (1 + shift / 299792.458)
        flux -= depth * np.exp(-0.5 * ((grid - moved) / 1.5) ** 2)
    flux += np.random.default_rng(0).normal(0, 0.02, flux.shape)
    return SpectrumSet([1, 2, 3], grid, flux, np.full_like(flux, 0.02), instrument="rave")


def test_lines_in_their_places_are_said_so() -> None:
    assert "agrees" in line_verdict(calcium(0.0))


@pytest.mark.parametrize("shift", [-82.3, 60.0])
def test_a_shifted_grid_is_refused_with_what_was_found(shift: float) -> None:
    with pytest.raises(GridMismatch, match="check_lines"):
        line_verdict(calcium(shift))


def test_a_single_star_is_refused_for_air_wavelengths_only() -> None:
    assert "-60" in line_verdict(calcium(-60.0)[:1])
    with pytest.raises(GridMismatch, match="vacuum"):
        line_verdict(calcium(82.5)[:1])


def test_peaks_of_noise_are_no_lines() -> None:
    grid = get_instrument("rave").wavelength
    flux = 1 + np.random.default_rng(1).normal(0, 0.1, (40, len(grid)))
    noise = SpectrumSet(np.arange(40), grid, flux, np.full_like(flux, 0.1), instrument="rave")
    assert line_verdict(noise)


def test_lines_cannot_be_checked_where_there_are_none() -> None:
    assert "not possible" in line_verdict(spectra(ramp(2)))
    assert "not possible" in line_verdict(spectra(ramp(2))[:0])
    assert "cannot be checked" in line_verdict(calcium(0.0)[:0])
