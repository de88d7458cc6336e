import numpy as np
import pytest

from stellarnb.cartography import count, memory, mock_milky_way, place
from stellarnb.cartography.place.luminosity import absolute_g
from stellarnb.cartography.tables import columns
from stellarnb.errors import InvalidInput, MissingInput, OutOfMemory, TooLarge
from stellarnb.tables import Labels

LABELS = ["teff", "logg", "m_h", "fe_h", "alpha_m"]


def test_it_is_labels_with_places_and_says_that_it_is_a_mock(some):
    assert isinstance(some, Labels)
    assert some.names == LABELS
    assert "mock" in some.model
    assert some.provenance["mock"] is True
    assert some.provenance["frame"] == "astropy galactocentric_frame_defaults v4.0"
    assert len(set(some["source_id"])) == len(some)
    assert {len(text) for text in some["boundary"]} == {8}
    for name in ("R", "Z", "X", "Y", "phi", "snr", "ra", "dec", "parallax", "novelty", "pmra"):
        assert np.isfinite(some[name]).all(), name
    np.testing.assert_allclose(some["R"], np.hypot(some["X"], some["Y"]), rtol=1e-5)


def test_the_same_seed_makes_the_same_stars():
    one, two, other = (mock_milky_way(500, seed=seed) for seed in (3, 3, 4))
    assert one.arrow.equals(two.arrow)
    assert not one.arrow.equals(other.arrow)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_stars_are_stars_too(n):
    stars = mock_milky_way(n)
    assert len(stars) == n
    assert stars.colnames == mock_milky_way(5).colnames
    assert len(place(stars)) == n


def test_the_survey_is_limited_and_a_third_of_its_spectra_are_poor(galaxy):
    assert len(galaxy) == 690_000
    assert galaxy["phot_g_mean_mag"].max() <= 14.0001
    snr = galaxy["snr"]
    assert snr.min() >= 15
    assert np.mean(snr < 25) == pytest.approx(1 / 3, abs=0.02)
    faint, bright = snr < 20, snr > 100
    assert np.median(galaxy["m_h_error"][faint]) > 2 * np.median(galaxy["m_h_error"][bright])


def test_each_population_is_there_and_where_it_belongs(galaxy):
    part = galaxy["component"]
    height = np.abs(galaxy["Z"])
    median = {
        name: np.median(height[(part == name) & (galaxy["R"] > 5)])
        for name in ("thin", "thick", "halo")
    }
    assert median["thin"] < median["thick"] < median["halo"]
    bar = part == "bar"
    assert bar.sum() > 5000
    assert np.median(galaxy["R"][bar]) < 3.5
    assert np.median(galaxy["m_h"][part == "halo"]) < -1
    # The bar points towards us on the side of positive longitudes, where Y is positive.
    assert np.mean((galaxy["X"] * galaxy["Y"])[bar & (galaxy["R"] > 1)]) < 0


def test_the_thin_disc_flares(galaxy):
    """Near the Sun and far out, where stars are seen up to the same heights."""
    thin = galaxy["component"] == "thin"
    r, height = galaxy["R"][thin], np.abs(galaxy["Z"][thin])
    far = np.hypot(galaxy["X"] + 8.122, galaxy["Y"])[thin] > 2.5
    inner, outer = far & (r < 6.5), far & (r > 11.5)
    assert np.median(height[outer]) > 1.5 * np.median(height[inner])


def test_the_disc_rotates_and_the_halo_does_not(some):
    found = place(some)
    part = some["component"]
    assert np.median(found["v_phi"][part == "thin"]) == pytest.approx(222, abs=3)
    assert abs(np.nanmedian(found["v_phi"][part == "halo"])) < 40
    assert np.median(found["Lz"][part == "thin"]) > 1500


def test_stars_look_as_bright_as_they_are(some):
    """The labels, the mass prior, dust and distance together give the apparent magnitude."""
    modulus = 5 * np.log10(some["distance"]) + 10
    absolute = some["phot_g_mean_mag"] - 0.789 * some["av"] - modulus
    giants = (some["logg"] < 3) & (some["snr"] > 50)
    expected = absolute_g(some["teff"], some["logg"], np.full(len(some), 0.05))
    difference = (absolute - expected)[giants]
    assert np.nanmedian(difference) == pytest.approx(0, abs=0.05)
    assert np.nanstd(difference) < 0.6


def test_flags_and_boundary_agree(some):
    digits = np.array([list(text) for text in some["boundary"]]) == "1"
    for i, name in enumerate(LABELS):
        np.testing.assert_array_equal(digits[:, i], some[f"{name}_flag"])
    assert not (some["good"] & digits.any(axis=1)).any()
    assert 0.9 < some["good"].mean() < 1


@pytest.mark.parametrize("kwargs", [{"n": -1}, {"n": 1.5}, {"n": True}, {"seed": -1}, {"n": "9"}])
def test_numbers_that_are_none_are_refused(kwargs):
    with pytest.raises(InvalidInput, match="whole number"):
        mock_milky_way(**kwargs)


def test_a_billion_stars_are_refused_with_what_would_fit(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 8_000_000_000)
    with pytest.raises(OutOfMemory, match="10,666,666 stars would fit") as caught:
        mock_milky_way(10**9)
    assert isinstance(caught.value, MissingInput)
    assert isinstance(caught.value, TooLarge)


def test_a_table_that_does_not_fit_as_columns_is_refused_with_what_would(some, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 100_000)
    with pytest.raises(OutOfMemory, match=r"20,000 stars .* 5,000 stars would fit.*stream"):
        columns(some, ["m_h", "alpha_m"])


def test_memory_is_found_by_the_machine_and_by_the_container(tmp_path, monkeypatch):
    assert memory.available_memory() > 1e6
    (tmp_path / "memory.max").write_text("2000000\n")
    (tmp_path / "memory.current").write_text("500000\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_memory() == 1_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_memory() > 1_500_000


def test_all_stars_are_in_the_diagrams_of_the_mock(galaxy):
    from stellarnb.cartography import Window

    image = count(galaxy, "m_h", "alpha_m", Window((-3.5, 1.5), (-0.6, 0.9)))
    assert image.attrs == {"n_in": 690_000, "n_outside": 0, "n_left_out": 0}


def test_freed_memory_is_given_back_or_nothing_happens(monkeypatch):
    assert memory.give_back_memory() in {True, False}
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.give_back_memory() is False
