"""Where stars are put, against astropy; what is said when they cannot be put anywhere."""

import json
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Galactocentric, SkyCoord, galactocentric_frame_defaults
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.cartography import MissingExtinction, NoZeroPoint, place
from stellarnb.cartography.place import galactocentric as geometry
from stellarnb.cartography.place.galactocentric import SUN, frame
from stellarnb.cartography.place.luminosity import surface_gravity
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Labels, Table

N = 200
RNG = np.random.default_rng(7)
RA, DEC = RNG.uniform(0, 360, N), np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
DISTANCE = RNG.uniform(0.05, 12, N)
MOTION = {
    "pmra": RNG.normal(0, 5, N),
    "pmdec": RNG.normal(0, 5, N),
    "radial_velocity": RNG.normal(0, 60, N),
}
SKY = {"ra": RA, "dec": DEC}


def in_astropy(ra, dec, distance, motion):
    with galactocentric_frame_defaults.set("v4.0"):
        frame = Galactocentric()
    here = SkyCoord(
        ra * u.deg,
        dec * u.deg,
        distance * u.kpc,
        pm_ra_cosdec=motion["pmra"] * u.mas / u.yr,
        pm_dec=motion["pmdec"] * u.mas / u.yr,
        radial_velocity=motion["radial_velocity"] * u.km / u.s,
    )
    return here.transform_to(frame)


def own(distance, motion):
    pairs = [(motion[name], np.zeros(len(distance))) for name in MOTION]
    zero = np.zeros(len(distance))
    return geometry.places(RA, DEC, distance, zero) | geometry.velocities(
        (RA, DEC), (distance, zero), *pairs
    )


def test_places_and_velocities_are_those_of_astropy():
    theirs = in_astropy(RA, DEC, DISTANCE, MOTION)
    ours = own(DISTANCE, MOTION)
    xyz = theirs.cartesian.xyz.to_value(u.kpc)
    v = theirs.velocity.d_xyz.to_value(u.km / u.s)
    for name, expected in zip("XYZ", xyz, strict=True):
        np.testing.assert_allclose(ours[name], expected, atol=1e-9)
    x, y = xyz[:2]
    r = np.hypot(x, y)
    np.testing.assert_allclose(ours["R"], r, atol=1e-9)
    np.testing.assert_allclose(ours["phi"], np.degrees(np.arctan2(y, x)) % 360, atol=1e-7)
    np.testing.assert_allclose(ours["v_R"], (x * v[0] + y * v[1]) / r, atol=1e-5)
    np.testing.assert_allclose(ours["v_phi"], -(x * v[1] - y * v[0]) / r, atol=1e-5)
    np.testing.assert_allclose(ours["v_Z"], v[2], atol=1e-5)
    np.testing.assert_allclose(ours["Lz"], -(x * v[1] - y * v[0]), atol=1e-4)


def test_the_sun_stands_where_astropy_has_it():
    np.testing.assert_allclose(frame().sun, SUN, rtol=0, atol=1e-12)


def test_the_sun_turns_with_the_galaxy():
    sun = geometry.velocities(
        (np.zeros(1), np.zeros(1)), (np.full(1, 1e-9), np.zeros(1)), *[(np.zeros(1),) * 2] * 3
    )
    assert sun["v_phi"][0] == pytest.approx(245.6, abs=1e-3)
    assert sun["Lz"][0] == pytest.approx(8.122 * 245.6, abs=1)
    here = geometry.places(np.zeros(1), np.zeros(1), np.full(1, 1e-9), np.zeros(1))
    assert (here["X"][0], here["R"][0], here["phi"][0]) == pytest.approx(
        (-8.122, 8.122, 180), abs=1e-3
    )
    assert here["Z"][0] == pytest.approx(0.0208, abs=1e-6)


def test_errors_are_the_derivatives_times_the_errors():
    """Each measurement is moved by a little, and all shifts are added in quadrature."""
    errors = {"distance": 0.1 * DISTANCE, "pmra": np.full(N, 0.1)}
    errors |= {"pmdec": np.full(N, 0.2), "radial_velocity": np.full(N, 2.0)}
    step = 1e-5
    squares = {}
    for name, error in errors.items():
        moved = MOTION | ({} if name == "distance" else {name: MOTION[name] + step * error})
        distance = DISTANCE + (step * error if name == "distance" else 0)
        for key, value in own(distance, moved).items():
            change = (value - own(DISTANCE, MOTION)[key]) / step
            squares[key] = squares.get(key, 0) + change**2
    pairs = [(MOTION[name], errors[name]) for name in MOTION]
    found = geometry.places(RA, DEC, DISTANCE, errors["distance"]) | geometry.velocities(
        (RA, DEC), (DISTANCE, errors["distance"]), *pairs
    )
    for key in ("X", "Y", "Z", "R", "v_R", "v_phi", "v_Z", "Lz"):
        np.testing.assert_allclose(
            found[f"{key}_error"], np.sqrt(squares[key]), rtol=2e-3, atol=1e-6
        )
    far = found["R"] > 0.5
    np.testing.assert_allclose(
        found["phi_error"][far], np.sqrt(squares["phi"])[far], rtol=2e-3, atol=1e-6
    )


def test_a_mock_is_put_back_where_it_was(some):
    for kind in ("parallax", "spectroscopic"):
        found = place(some, some, kind)
        known = np.isfinite(found["distance"])
        assert known.mean() > 0.999
        for name in ("distance", "R", "Z", "X", "Y"):
            pull = ((found[name] - some[name]) / found[f"{name}_error"])[known]
            assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1.0, abs=0.08), (kind, name)
            assert abs(np.median(pull)) < 0.08, (kind, name)


def test_labels_keep_their_kind_rows_order_and_notes(some):
    part = some.take(np.array([7, 3, 11]))
    found = place(part, some)
    assert isinstance(found, Labels)
    assert found["source_id"].tolist() == part["source_id"].tolist()
    np.testing.assert_array_equal(found["teff"], part["teff"])
    np.testing.assert_array_equal(found["ra"], part["ra"])
    assert found.model == some.model
    assert found.units["R"] == "kpc"
    assert found.provenance["place"]["frame"] == "astropy galactocentric_frame_defaults v4.0"
    json.dumps(found.provenance)
    direct = place(some, some)
    np.testing.assert_array_equal(found["R"], direct["R"][[7, 3, 11]])


def test_stars_without_a_distance_stay_and_are_counted_and_listed(some):
    stars = some.take(slice(0, 6)).to_astropy()
    columns = {name: np.array(stars[name]) for name in ("source_id", "ra", "dec", "parallax")}
    columns["parallax_error"] = np.array([0.02, np.nan, 0.0, 0.02, 0.02, -1.0])
    columns["parallax"][3] = -1.0  # fifty errors below zero
    columns["ra"][4] = np.nan
    table = Table(columns, provenance={"parallax_zero_point": 0.0})
    found = place(Table({"source_id": columns["source_id"]}), table)
    note = found.provenance["place"]
    assert len(found) == 6
    assert found["distance_method"].tolist() == ["parallax", *["none"] * 5]
    assert note["n_without_distance"] == 5
    assert note["n_without_position"] == 1
    assert note["without_distance"] == columns["source_id"][1:].tolist()
    for name in ("distance", "R", "X", "phi", "R_error"):
        assert np.isnan(found[name][1:]).all()
        assert np.isfinite(found[name][0])


def test_a_star_that_only_the_labels_know_has_no_place(some):
    labels = Table({"source_id": np.array([int(some["source_id"][0]), 10**15])})
    found = place(labels, some)
    assert found["distance_method"].tolist() == ["parallax", "none"]


def test_without_a_parallax_the_spectrum_gives_the_distance(some):
    arrow = some.take(slice(0, 50))
    stars = arrow.with_columns({"parallax": np.where(np.arange(50) % 2, arrow["parallax"], np.nan)})
    found = place(stars)
    assert set(found["distance_method"][::2]) == {"spectroscopic"}
    assert set(found["distance_method"][1::2]) == {"parallax"}


def test_without_any_parallax_all_distances_are_spectroscopic(some):
    bare = Table(some.arrow.drop_columns(["parallax", "parallax_error"]))
    found = place(bare)
    assert found.provenance["place"]["parallax"] == "none in these tables"
    assert set(found["distance_method"]) <= {"spectroscopic", "none"}


def test_the_zero_point_is_named_and_its_want_is_a_warning(some):
    names = ["source_id", "ra", "dec", "parallax", "parallax_error", "phot_g_mean_mag"]
    stars = Table(some.arrow.select(names))
    with pytest.warns(NoZeroPoint, match=r"-0\.028 mas, for want of nu_eff"):
        plain = place(stars)
    strong = plain["distance_method"] == "parallax"
    expected = 1 / (stars["parallax"][strong] + 0.028)
    assert plain["distance"][strong] == pytest.approx(expected, rel=1e-5)
    more = {
        "nu_eff_used_in_astrometry": np.full(len(stars), 1.5),
        "pseudocolour": np.full(len(stars), np.nan),
        "ecl_lat": np.zeros(len(stars)),
        "astrometric_params_solved": np.full(len(stars), 31),
    }
    more["ecl_lat"][0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = place(stars.with_columns(more))
    words = found.provenance["place"]["parallax_zero_point"]
    assert words.startswith("Lindegren et al. 2021")
    beyond = 1 + np.sum(stars["phot_g_mean_mag"] <= 6)
    assert f"for {beyond} stars beyond" in words


def test_starhorse_and_columns_are_taken_as_they_are():
    table = Table(SKY | {"dist50": DISTANCE, "dist16": 0.9 * DISTANCE, "dist84": 1.2 * DISTANCE})
    found = place(table, distance="starhorse")
    assert found["distance_error"] == pytest.approx(0.15 * DISTANCE, rel=1e-5)
    assert set(found["distance_method"]) == {"starhorse"}
    found = place(Table(SKY | {"mine": DISTANCE, "mine_error": 0.1 * DISTANCE}), distance="mine")
    assert found["R_error"].max() <= 0.1 * DISTANCE.max() + 1e-6
    in_pc = QTable({"ra": RA * u.deg, "dec": DEC * u.deg, "mine": 1000 * DISTANCE * u.pc})
    found = place(in_pc, distance="mine")
    assert found["distance"] == pytest.approx(DISTANCE, rel=1e-5)
    assert np.isnan(found["distance_error"]).all()
    odd = Table(SKY | {"mine": np.where(np.arange(N) % 2, DISTANCE, [-1, 0, np.inf, 1e9] * 50)})
    assert place(odd, distance="mine").provenance["place"]["n_without_distance"] == N // 2


def test_dust_that_is_not_known_is_a_warning(some):
    bare = Table(some.arrow.drop_columns(["av"]))
    with pytest.warns(MissingExtinction, match="too far"):
        without = place(bare, distance="spectroscopic")
    reddened = some["av"] > 1
    ratio = without["distance"] / place(some, distance="spectroscopic")["distance"]
    assert np.nanmedian(ratio[reddened]) > 1.4


def test_dust_may_be_known_in_another_band_and_nonsense_is_neglected(some):
    by_v = place(some, distance="spectroscopic")
    in_k = 0.078 * some["av"]
    in_k[:5] = [-86, 14, np.nan, np.inf, -0.001]
    bare = Table(some.arrow.drop_columns(["av"])).with_columns({"a_k": in_k})
    by_k = place(bare, distance="spectroscopic")
    np.testing.assert_allclose(by_k["distance"][5:], by_v["distance"][5:], rtol=1e-4)
    assert (by_k["distance"][:4] >= by_v["distance"][:4]).all()
    assert "neglected for 4 stars" in by_k.provenance["place"]["spectroscopic"]


def test_a_mass_may_be_given(some):
    one = place(some, distance="spectroscopic", mass=(1.0, 0.0))["distance"]
    four = place(some, distance="spectroscopic", mass=(4.0, 0.0))["distance"]
    assert np.nanmedian(four / one) == pytest.approx(2.0, rel=1e-4)  # L goes with the mass


def test_a_sun_is_where_it_looks_to_be():
    """A star like the Sun with G = 14.68 is at 1 kpc: BC_G of the Sun is 0.06 (Andrae+ 2018)."""
    table = {"ra": [10.0], "dec": [10.0], "teff": [5772.0], "logg": [4.438], "av": [0.0]}
    table |= {"phot_g_mean_mag": [14.68], "m_h": [0.0]}
    found = place(table, distance="spectroscopic", mass=(1.0, 0.0))
    assert found["distance"][0] == pytest.approx(1.0, rel=1e-3)
    assert place(table, distance="spectroscopic")["distance"][0] == pytest.approx(1.0, rel=0.03)
    assert surface_gravity(5772.0, 4.68, 0.0) == pytest.approx(4.438, abs=1e-6)


def test_no_stars_make_an_empty_galaxy():
    empty = {name: np.empty(0) for name in ("ra", "dec", "mine")}
    found = place(empty, distance="mine")
    assert len(found) == 0
    assert "R" in found


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=20, max_size=20),
)
def test_whatever_is_in_the_columns_no_star_has_half_a_place(parallax, error):
    n = len(parallax)
    table = Table(
        {"ra": RA[:n], "dec": DEC[:n], "parallax": parallax, "parallax_error": error[:n]},
        provenance={"parallax_zero_point": 0.0},
    )
    found = place(table)
    placed = found["distance_method"] != "none"
    for name in ("distance", "X", "Y", "Z", "R", "phi"):
        np.testing.assert_array_equal(np.isfinite(found[name]), placed)
    assert (found["distance"][placed] > 0).all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: place(SKY), MissingInput, "parallax"),
        (lambda: place({"mine": [1.0]}, distance="mine"), MissingInput, "ra"),
        (lambda: place(SKY, distance="paralax"), MissingInput, "mean 'parallax'"),
        (lambda: place(SKY, distance="starhorse"), MissingInput, "dist16"),
        (lambda: place(SKY, distance="spectroscopic"), MissingInput, "teff"),
        (lambda: place(SKY, {"ra": [1.0], "dec": [1.0]}), InvalidInput, "source_id"),
        (lambda: place(SKY, length_scale=0), InvalidInput, "length_scale"),
        (lambda: place(SKY, mass=(1.0,)), InvalidInput, "mass"),
        (lambda: place(3), InvalidInput, "int"),
        (lambda: place({"ra": [0.0, 0.0], "dec": [0.0, 91.0]}), InvalidInput, "row 1"),
    ],
)
def test_what_is_missing_is_named(call, error, words):
    with pytest.raises(error, match=words), warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingExtinction)
        call()


def test_a_column_that_is_no_length_is_refused():
    table = QTable({"ra": RA * u.deg, "dec": DEC * u.deg, "mine": DISTANCE * u.mag})
    with pytest.raises(InvalidInput, match="not a length"):
        place(table, distance="mine")
