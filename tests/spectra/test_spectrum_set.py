import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellarnb.errors import GridMismatch, InvalidInput
from stellarnb.spectra import SpectrumSet, get_instrument, instrument_ids
from stellarnb.spectra.resample import overlap_matrix, rebin

XP = get_instrument("gaia-xp")


def make(n: int = 3, **changes: object) -> SpectrumSet:
    given_ = {
        "source_id": np.arange(n),
        "wavelength": XP.wavelength,
        "flux": np.ones((n, 343)),
        "flux_error": np.full((n, 343), 0.1),
        **changes,
    }
    return SpectrumSet(**given_)  # type: ignore[arg-type]


def test_grids_are_those_of_the_data_products() -> None:
    assert XP.wavelength[[0, -1]].tolist() == [336.0, 1020.0]
    rvs = get_instrument("gaia-rvs")
    assert (len(rvs.wavelength), rvs.medium) == (2401, "vacuum")
    np.testing.assert_allclose(rvs.wavelength[[0, -1]], [846.0, 870.0])


def test_an_unknown_instrument_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="gaia-xp"):
        get_instrument("gaia_xp")
    assert "gaia-xp" in instrument_ids()


def test_arrays_have_the_promised_types() -> None:
    spectra = make()
    assert spectra.ids.dtype == np.int64
    assert spectra.flux.dtype == np.float32
    assert spectra.wavelength.unit == u.nm
    assert len(spectra) == 3
    assert not spectra.mask.any()


def test_wavelengths_may_come_in_another_unit() -> None:
    spectra = make(wavelength=XP.wavelength * 10 * u.AA)
    np.testing.assert_allclose(spectra.wavelength.to_value(u.nm), XP.wavelength)


def test_pixels_that_cannot_be_used_are_masked() -> None:
    flux, error = np.ones((1, 343)), np.full((1, 343), 0.1)
    flux[0, 0], flux[0, 1], error[0, 2], error[0, 3] = np.nan, np.inf, 0.0, -1.0
    mask = np.zeros((1, 343), bool)
    mask[0, 4] = True
    assert np.flatnonzero(make(1, flux=flux, flux_error=error, mask=mask).mask[0]).tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"source_id": [1.0, 2.0, 3.0]},
        {"source_id": [1, 2]},
        {"flux": np.ones((3, 342))},
        {"flux_error": np.ones((2, 343))},
        {"mask": np.zeros((3, 1), bool)},
        {"wavelength": XP.wavelength[::-1]},
        {"wavelength": np.full(343, np.nan)},
        {"flux": np.full((3, 343), "x")},
        {"flux": np.full((3, 343), 1e300)},
    ],
)
def test_bad_input_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        make(**changes)


def test_rows_can_be_taken() -> None:
    spectra = make(3, source_id=[7, 7, 9])
    assert spectra[1:].ids.tolist() == [7, 9]
    assert spectra[np.array([2, 0])].ids.tolist() == [9, 7]
    assert spectra[1].flux.shape == (1, 343)
    assert len(spectra[:0]) == 0


def test_another_grid_is_told_with_the_way_out() -> None:
    other = make(wavelength=XP.wavelength + 1)
    with pytest.raises(GridMismatch, match=r"to_instrument\('gaia-xp'\)"):
        other.check_grid(XP)
    with pytest.raises(GridMismatch, match="846-870"):
        make().check_grid(get_instrument("gaia-rvs"))


def test_resampling_brings_a_finer_grid_to_the_instruments() -> None:
    fine = np.arange(330.0, 1030.0, 0.5)
    slope = np.stack([1 + fine / 1000, np.ones_like(fine)])
    spectra = SpectrumSet([1, 2], fine, slope, np.full_like(slope, 0.1))
    out = spectra.to_instrument("gaia-xp")
    out.check_grid(XP)
    np.testing.assert_allclose(out.flux[0], 1 + XP.wavelength / 1000, rtol=1e-6)
    assert out.error is not None
    # Half, three whole and half a fine pixel: sqrt(2 * 0.5^2 + 3) / 4 of one error.
    np.testing.assert_allclose(out.error[1], 0.1 * np.sqrt(2 * 0.25 + 3) / 4, rtol=1e-5)


def test_what_the_old_grid_does_not_cover_is_masked() -> None:
    short = XP.wavelength[20:-20]
    out = SpectrumSet([1], short, np.ones((1, len(short)))).to_instrument("gaia-xp")
    assert out.mask[0, :20].all()
    assert out.mask[0, -20:].all()
    assert not out.mask[0, 20:-20].any()


@settings(max_examples=50)
@given(
    hnp.arrays(float, 40, elements=st.floats(0.1, 3.0)),
    hnp.arrays(float, 12, elements=st.floats(0.5, 5.0)),
)
def test_resampling_conserves_the_integral(flux, steps) -> None:
    old = np.arange(40.0)
    new = 3.0 + np.concatenate([[0.0], np.cumsum(steps)])
    new = new[new < 35.0]
    got, _, mask = rebin(
        overlap_matrix(old, new), flux[None].astype(np.float32), None, np.zeros((1, 40), bool)
    )
    edges = np.concatenate(
        [[1.5 * new[0] - 0.5 * new[1]], (new[1:] + new[:-1]) / 2, [1.5 * new[-1] - 0.5 * new[-2]]]
    )
    cumulative = np.concatenate([[0], np.cumsum(flux.astype(np.float32))])
    integral = np.diff(np.interp(edges, np.arange(41) - 0.5, cumulative))
    keep = ~mask[0]
    np.testing.assert_allclose((got[0] * np.diff(edges))[keep], integral[keep], rtol=1e-4)
