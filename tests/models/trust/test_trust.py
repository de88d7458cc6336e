import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.errors import InvalidInput
from stellarnb.models import load_card
from stellarnb.models.card import Card, LabelSpec, ScalarSpec
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.trust.limits import boundary, outside
from stellarnb.models.trust.novelty import Novelty


@given(st.floats(allow_nan=False))
def test_the_limits_themselves_are_inside(value: float) -> None:
    spec = LabelSpec("teff", "K", (3700.0, 6800.0))
    assert outside(np.array([value]), spec, missing=True)[0] == (not 3700 <= value <= 6800)


def test_a_missing_label_is_outside_and_a_missing_input_is_not() -> None:
    nan = np.array([np.nan])
    assert outside(nan, LabelSpec("teff", "K", (0, 1)), missing=True)[0]
    assert not outside(nan, ScalarSpec("j", "mag", (0, 1)), missing=False)[0]


def test_the_boundary_string_has_the_cards_order() -> None:
    card = load_card("xp-apogee")
    labels = {s.name: np.array([np.mean(s.limits)] * 2) for s in card.labels}
    scalars = {s.name: np.array([np.mean(s.limits)] * 2) for s in card.scalars}
    labels["logg"][1] = 99.0
    scalars["k"][1] = -4.0
    flags, strings = boundary(card, labels, scalars)
    assert strings == ["0000000000", "0100000001"]
    assert card.boundary_order[1] == "logg"
    assert card.boundary_order[9] == "k"
    assert flags["logg"].tolist() == [False, True]


def test_an_incomplete_card_is_refused() -> None:
    with pytest.raises(InvalidInput, match="card"):
        Card.from_dict({"name": "x"})


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="xp-apogee"):
        load_card("xp-apoge")


def test_a_synthetic_trained_model_says_so_in_its_name() -> None:
    card = load_card("xp-apogee")
    assert card.display_name == "xp-apogee"
    synthetic = Card(**{**card.__dict__, "trained_on": "synthetic"})
    assert "synthetic-trained" in synthetic.display_name


@pytest.fixture(scope="module")
def world():
    """Spectra with three hidden parameters, and two colours that depend on them."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=(3, 60))

    def stars(n, seed):
        r = np.random.default_rng(seed)
        hidden = r.normal(size=(n, 3))
        flux = hidden @ base + 0.05 * r.normal(size=(n, 60))
        colours = hidden[:, :2] + 0.02 * r.normal(size=(n, 2))
        return flux, np.full((n, 60), 0.05), colours

    novelty = Novelty.fit(*stars(2000, 1), n_components=5, n_leading=3)
    novelty = novelty.calibrated(novelty.distances(*stars(2000, 2)), refused=0.01)
    return novelty, stars


def test_stars_like_the_training_set_are_not_novel(world) -> None:
    novelty, stars = world
    assert np.mean(novelty.score(*stars(2000, 4)) > 1) < 0.05


def test_each_kind_of_strangeness_is_novel(world) -> None:
    novelty, stars = world
    flux, noise, colours = stars(500, 5)
    strange = {
        "a line that no training star has": (flux + 0.5 * np.eye(60)[10], noise, colours),
        "far out": (flux * 8, noise, colours),
        "another star's colours": (flux, noise, np.roll(colours, 1, axis=0)),
    }
    for what, parts in strange.items():
        assert np.mean(novelty.score(*parts) > 1) > 0.9, what


def test_missing_colours_and_pixels_are_not_strange(world) -> None:
    novelty, stars = world
    flux, noise, colours = stars(500, 6)
    noise[:, ::3] = np.nan
    assert np.mean(novelty.score(flux, noise, np.full_like(colours, np.nan)) > 1) < 0.05


def test_novelty_survives_its_file(world) -> None:
    novelty, stars = world
    again = Novelty.from_arrays(novelty.to_arrays())
    np.testing.assert_array_equal(again.score(*stars(5, 7)), novelty.score(*stars(5, 7)))


def test_too_few_stars_cannot_teach_what_is_usual() -> None:
    with pytest.raises(InvalidInput, match="novelty"):
        Novelty.fit(np.ones((3, 60)), np.ones((3, 60)), np.ones((3, 2)))


@given(st.floats(3000.0, 20000.0), st.floats(-3.0, 5.0))
def test_labels_come_back_from_their_scaling(teff: float, logg: float) -> None:
    scaler = LabelScaler(np.array([3.68, 2.8]), np.array([0.08, 1.1]), np.array([True, False]))
    values = np.array([[teff, logg]])
    np.testing.assert_allclose(scaler.unscale(scaler.scale(values)), values, rtol=1e-9, atol=1e-12)
    step = np.array([[1e-6, 0.0]])
    numeric = (scaler.unscale(scaler.scale(values) + step) - values)[0, 0] / 1e-6
    assert scaler.slope(values)[0, 0] == pytest.approx(numeric, rel=1e-4)
