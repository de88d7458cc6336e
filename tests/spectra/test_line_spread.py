from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import quad
from scipy.optimize import curve_fit

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.spectra import (
    Instrument,
    SpectrumSet,
    air_to_vacuum,
    get_instrument,
    instrument_ids,
    read,
    vacuum_to_air,
)
from stellarnb.spectra.instruments import _from_entry
from stellarnb.spectra.resample import lsf_matrix, overlap_matrix, pixel_edges, rebin

RVS = get_instrument("gaia-rvs")
RAVE = get_instrument("rave")
SHARP = Instrument.custom("sharp", 500_000, unit="Angstrom", medium="vacuum")
FWHM = 2 * np.sqrt(2 * np.log(2))


def rvs(flux: np.ndarray, **more: object) -> SpectrumSet:
    flux = np.atleast_2d(flux)
    return SpectrumSet(
        np.arange(1, 1 + len(flux)), RVS.wavelength, flux, instrument="gaia-rvs", **more
    )  # type: ignore[arg-type]


def gaussian(x: np.ndarray, depth: float, centre: float, sigma: float) -> np.ndarray:
    return 1 - depth * np.exp(-0.5 * ((x - centre) / sigma) ** 2)


def test_every_instrument_has_a_rising_grid_and_a_resolution() -> None:
    wanted = {"gaia-rvs", "gaia-xp", "rave", "giraffe-hr15n", "apogee", "galah", "4most-lr"}
    assert set(instrument_ids()) == wanted
    for name in wanted:
        instrument = get_instrument(name)
        grid = instrument.wavelength
        assert len(grid) == instrument.n_pix
        assert (np.diff(grid) > 0).all()
        assert (instrument.resolution_at(grid) > 10).all()
        assert str(instrument.n_pix) in instrument.grid_words()


def test_grids_are_those_the_surveys_state() -> None:
    assert RAVE.wavelength[[0, -1]] == pytest.approx([8420.4, 8784.8])
    assert "start" in RAVE.unconfirmed
    hr15n = get_instrument("giraffe-hr15n")
    np.testing.assert_allclose(hr15n.wavelength, np.arange(6450, 6810, 0.05)[10:7191])
    apogee = get_instrument("apogee").wavelength
    assert apogee[0] == pytest.approx(15100.802, abs=1e-3)
    np.testing.assert_allclose(np.diff(np.log10(apogee)), 6e-6, rtol=1e-6)
    galah = get_instrument("galah")
    assert [arm.name for arm in galah.arms] == ["blue", "green", "red", "infrared"]
    xp = get_instrument("gaia-xp")
    assert xp.resolution_at([336.0, 678.0, 1020.0]) == pytest.approx([30, 65, 100])


@pytest.mark.parametrize(
    ("air", "vacuum"),
    # H beta, [O III] twice, H alpha: the SDSS list of lines in air and in vacuum.
    [(4861.363, 4862.721), (4958.911, 4960.295), (5006.843, 5008.239), (6562.801, 6564.614)],
)
def test_air_and_vacuum_agree_with_published_pairs(air: float, vacuum: float) -> None:
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=1.1e-3)
    assert vacuum_to_air(vacuum) == pytest.approx(air, abs=1.1e-3)


def test_the_calcium_triplet_lies_where_gaia_has_it() -> None:
    got = air_to_vacuum([8498.02, 8542.09, 8662.14])
    np.testing.assert_allclose(got, [8500.35, 8544.44, 8664.52], atol=0.011)


def test_air_and_vacuum_agree_with_another_formula_and_back() -> None:
    vacuum = np.geomspace(3500, 17000, 200)
    s = (1e4 / vacuum) ** 2
    # Morton 2000, ApJS 130, 403, eq. 8 (the formula of the IAU and of VALD).
    morton = 1 + 8.34254e-5 + 2.406147e-2 / (130 - s) + 1.5998e-4 / (38.9 - s)
    np.testing.assert_allclose(vacuum_to_air(vacuum), vacuum / morton, atol=1e-4, rtol=0)
    np.testing.assert_allclose(air_to_vacuum(vacuum_to_air(vacuum)), vacuum, atol=1e-7, rtol=0)


def test_flux_is_conserved_against_an_independent_integral() -> None:
    """A line's area in the RAVE spectrum is that of the formula it was made from."""
    centre, sigma, depth = 8600.0, 0.5, 0.6
    made = gaussian(RVS.wavelength * 10, depth, centre, sigma)
    out = rvs(made).to_instrument("rave")
    lower, upper = (air_to_vacuum(edge) for edge in pixel_edges(RAVE.wavelength))
    near = (lower > centre - 30) & (upper < centre + 30)
    assert not out.mask[0, near].any()
    area = ((1 - out.flux[0]) * (upper - lower))[near].sum()
    expected = quad(
        lambda x: 1 - float(gaussian(np.array(x), depth, centre, sigma)),
        centre - 30,
        centre + 30,
        points=[centre],
    )[0]
    assert area == pytest.approx(expected, rel=1e-4)


def test_a_flat_spectrum_stays_flat() -> None:
    out = rvs(np.ones(2401)).to_instrument("rave")
    np.testing.assert_allclose(out.flux[~out.mask], 1.0, rtol=1e-5)
    assert 0 < out.mask.sum() < 400


def test_each_pixel_is_the_gaussian_mean_of_what_lies_there() -> None:
    """One pixel of the result against the double integral, worked out numerically."""
    rng = np.random.default_rng(3)
    flux = 1 + 0.2 * rng.standard_normal(2401)
    out = rvs(flux).to_instrument("rave")
    pixel = 450
    lower, upper = (air_to_vacuum(edge[pixel]) for edge in pixel_edges(RAVE.wavelength))
    centre = 0.5 * (lower + upper)
    widen = (0.1**2 + (upper - lower) ** 2) / 12
    sigma = np.sqrt((centre / FWHM) ** 2 * (1 / 7500**2 - 1 / 11500**2) - widen)
    fine = np.arange(centre - 8, centre + 8, 0.001)
    stepped = flux[np.clip(np.round((fine - 8460) / 0.1).astype(int), 0, 2400)]
    inside = np.linspace(lower, upper, 41)
    kernel = np.exp(-0.5 * ((fine[None, :] - inside[:, None]) / sigma) ** 2)
    each = (kernel * stepped).sum(axis=1) / kernel.sum(axis=1)
    trapezium = (each.sum() - 0.5 * (each[0] + each[-1])) / 40
    assert out.flux[0, pixel] == pytest.approx(trapezium, rel=1e-4)


def test_errors_are_those_of_many_noisy_spectra() -> None:
    rng = np.random.default_rng(5)
    error = np.full((4000, 2401), 0.05, np.float32)
    noisy = rvs(1 + 0.05 * rng.standard_normal((4000, 2401)), flux_error=error)
    out = noisy.to_instrument("rave")
    keep = ~out.mask[0]
    assert out.error is not None
    np.testing.assert_allclose(out.flux[:, keep].std(axis=0), out.error[0, keep], rtol=0.07)


def test_masks_are_carried_where_they_weigh() -> None:
    mask = np.zeros((2, 2401), bool)
    mask[0, 1200:1260] = True
    mask[1, 1200] = True
    flux = np.ones((2, 2401))
    flux[mask] = np.nan
    out = rvs(flux, mask=mask).to_instrument("rave")
    extra = out.mask & ~rvs(np.ones(2401)).to_instrument("rave").mask
    masked = air_to_vacuum(RAVE.wavelength)[extra[0]]
    assert masked.min() == pytest.approx(8580.0, abs=1.5)
    assert masked.max() == pytest.approx(8586.0, abs=1.5)
    assert len(masked) > 14
    # One RVS pixel in ten under the kernel is too much of it; what is left is still 1.
    assert extra[1].sum() <= 4
    np.testing.assert_allclose(out.flux[1][~out.mask[1]], 1.0, rtol=1e-6)


def measured_resolution(out: SpectrumSet, around: float, reach: float) -> float:
    grid = out.wavelength.value
    near = (np.abs(grid - around) < reach) & ~out.mask[0]
    found, _ = curve_fit(gaussian, grid[near], out.flux[0, near], [0.2, around, reach / 10])
    return float(around / abs(found[2]) / FWHM)


@pytest.mark.parametrize(
    ("name", "around"), [("rave", 8600.0), ("4most-lr", 8600.0), ("4most-lr", 5000.0)]
)
def test_an_unresolved_line_has_the_instruments_resolution(name: str, around: float) -> None:
    wanted = get_instrument(name)
    grid = np.arange(around - 60, around + 60, 0.01)
    lsf = around / 11500 / FWHM
    source = Instrument.custom("source", 11500, medium=wanted.medium)
    spectra = SpectrumSet([1], grid, gaussian(grid, 0.5, around, lsf)[None], instrument=source)
    out = spectra.to_instrument(name)
    assert measured_resolution(out, around, 8.0) == pytest.approx(wanted.resolution[0], rel=0.01)


def test_a_resolution_that_changes_along_the_range_is_evened_out() -> None:
    table = ((5000.0, 20_000.0), (8600.0, 10_000.0))
    source = replace(Instrument.custom("echelle", 10_000, medium="vacuum"), resolution_table=table)
    assert source.resolution_at([6800.0]) == pytest.approx([15_000])
    grid = np.arange(4900.0, 8700.0, 0.02)
    flux = gaussian(grid, 0.5, 5000, 5000 / 20_000 / FWHM)
    flux *= gaussian(grid, 0.5, 8600, 8600 / 10_000 / FWHM)
    out = SpectrumSet([1], grid, flux[None], instrument=source).to_instrument("4most-lr")
    for around in (5000.0, 8600.0):
        assert measured_resolution(out, around, 8.0) == pytest.approx(5000, rel=0.01)


def test_a_table_of_resolutions_is_read_from_the_card() -> None:
    entry = {
        **dict.fromkeys(("title", "flux_unit", "id_column", "source"), ""),
        "start": 1.0,
        "step": 1.0,
        "n_pix": 3,
        "unit": "nm",
        "medium": "air",
        "normalisation": "median",
        "resolution": [[1, 10], [2, 30], [3, 20]],
    }
    read_back = _from_entry("new", entry)
    assert read_back.resolution == (10, 20)
    assert read_back.resolution_at([1.5, 2.5, 9.0]).tolist() == [20, 25, 20]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(bool, (2, 60)), st.floats(0.3, 3.0))
def test_a_pixel_is_masked_exactly_where_too_much_of_it_was(mask, sigma) -> None:
    edges = pixel_edges(np.arange(60.0))
    new = pixel_edges(np.arange(10.0, 50.0, 1.7))
    matrix = lsf_matrix(edges, new, np.full(len(new[0]), sigma))
    flux = np.where(mask, np.nan, 2.0).astype(np.float32)
    out, error, out_mask = rebin(matrix, flux, np.abs(flux), mask, 0.95)
    lost = mask.astype(float) @ matrix.toarray().T
    clear = np.abs(lost - 0.05) > 1e-6
    np.testing.assert_array_equal(out_mask[clear], (lost > 0.05)[clear])
    np.testing.assert_allclose(out[~out_mask], 2.0, rtol=1e-6)
    assert error is not None
    assert np.isfinite(error).all()


def test_real_rvs_spectra_become_rave_spectra(shared_data: Path) -> None:
    spectra = read(sorted((shared_data / "gaia_rvs_spectra").glob("*.csv")))
    out = spectra.to_instrument("rave")
    out.check_grid(RAVE)
    assert out.wavelength_check().ok
    line = gaussian(RVS.wavelength, 0.5, 858.0, 858.0 / 11500 / FWHM)
    same_path = SpectrumSet(
        [1], spectra.wavelength, line[None], instrument="gaia-rvs"
    ).to_instrument("rave")
    around = float(vacuum_to_air(8580.0))
    assert measured_resolution(same_path, around, 8.0) == pytest.approx(7500, rel=0.01)
    assert out.provenance["observed_with"] == "gaia-rvs"


def test_resolution_cannot_be_put_back() -> None:
    grid = np.arange(6400.0, 6900.0, 0.2)
    low = SpectrumSet([1], grid, np.ones((1, len(grid))), instrument=Instrument.custom("low", 5000))
    with pytest.raises(GridMismatch, match="R = 5000"):
        low.to_instrument("giraffe-hr15n")
    poorer = rvs(np.ones(2401)).degrade(5000)
    with pytest.raises(GridMismatch, match="R = 7500"):
        poorer.to_instrument("rave")
    assert poorer.to_instrument("gaia-rvs").resolution == pytest.approx(5000)


def test_instruments_that_do_not_meet_are_told_apart() -> None:
    with pytest.raises(GridMismatch, match="15100"):
        rvs(np.ones(2401)).to_instrument("apogee")


def test_a_wrong_instrument_is_told_with_the_way_there_if_there_is_one() -> None:
    with pytest.raises(GridMismatch, match=r"degrade these with spectra.to_instrument\('rave'\)"):
        rvs(np.ones(2401)).check_grid(RAVE)
    with pytest.raises(GridMismatch) as caught:
        rvs(np.ones(2401)).check_grid(get_instrument("apogee"))
    assert "degrade" not in str(caught.value)


def test_the_gap_between_arms_stays_empty() -> None:
    grid = np.arange(4600.0, 8000.0, 0.02)
    spectra = SpectrumSet(
        [1], grid, np.ones((1, len(grid))), instrument=Instrument.custom("e", 60_000)
    )
    out = spectra.to_instrument("galah")
    assert not out.mask.any()
    lower, upper = pixel_edges(out.wavelength.value)
    assert (upper - lower).max() < 0.1
    back = overlap_matrix(out.wavelength.value, np.arange(5000.0, 5500.0))
    assert back.sum() == 0


def test_a_single_pixel_is_refused_by_name() -> None:
    one = SpectrumSet([1], [850.0], [[1.0]], instrument="gaia-rvs")
    with pytest.raises(InvalidInput, match="1 pixel"):
        one.to_instrument("rave")
    with pytest.raises(InvalidInput, match="1 pixel"):
        one.to_instrument("gaia-rvs")


def test_no_spectra_are_a_set_too() -> None:
    for flux in ([], np.zeros((0, 2401))):
        empty = SpectrumSet(
            [], RVS.wavelength, flux, flux_error=flux, mask=flux, instrument="gaia-rvs"
        )
        assert (len(empty), empty.flux.shape) == (0, (0, 2401))
        assert len(empty.to_instrument("rave").degrade(5000, 20)) == 0
        assert empty.snr.shape == (0,)


def test_degrading_reaches_resolution_and_noise() -> None:
    line = gaussian(RVS.wavelength, 0.5, 858.0, 858.0 / 11500 / FWHM)
    spectra = rvs(np.stack([line] * 300))
    smooth = spectra.degrade(5000)
    assert measured_resolution(smooth, 858.0, 1.0) == pytest.approx(5000, rel=0.01)
    noisy = spectra.degrade(5000, 20, seed=4)
    assert noisy.snr == pytest.approx(20, rel=0.02)
    keep = ~noisy.mask[0]
    noise = (noisy.flux - smooth.flux)[:, keep]
    assert noise.std() == pytest.approx(0.05, rel=0.02)
    assert not noisy.snr_estimated
    np.testing.assert_array_equal(spectra.flux, rvs(np.stack([line] * 300)).flux)


def test_noise_depends_on_seed_and_star_alone() -> None:
    spectra = rvs(np.ones((5, 2401)))
    one = spectra.degrade(snr=10, seed=1)
    np.testing.assert_array_equal(one.flux[3:4], spectra[3:4].degrade(snr=10, seed=1).flux)
    assert not np.array_equal(one.flux, spectra.degrade(snr=10, seed=2).flux)
    assert not np.array_equal(one.flux[0], one.flux[1])


def test_noise_that_is_there_counts() -> None:
    error = np.full((2, 2401), 0.1)
    error[1] = 0.03
    out = rvs(np.ones((2, 2401)), flux_error=error).degrade(snr=20)
    assert out.snr == pytest.approx([10, 20], rel=1e-2)
    assert out.provenance["noisier_already"] == 1
    np.testing.assert_array_equal(out.flux[0], 1.0)
    assert out.flux[1].std() == pytest.approx(np.sqrt(0.05**2 - 0.03**2), rel=0.05)


@pytest.mark.parametrize(
    "wrong", [{"snr": 0}, {"snr": np.nan}, {"resolution": -1}, {"snr": 5, "seed": -1}]
)
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        rvs(np.ones(2401)).degrade(**wrong)  # type: ignore[arg-type]
