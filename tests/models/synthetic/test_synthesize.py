"""Synthetic spectra of given stars: identity, noise, and what is refused."""

import numpy as np
import pytest

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_emulator, synthesize
from stellarnb.tables import Result

IDS = np.array([7, 3, 5_000_000_000_000_000_001], dtype=np.int64)
STARS = {
    "source_id": IDS,
    "ra": [10.0, 20.0, 30.0],
    "teff": [5772.0, 4800.0, 6200.0],
    "logg": [4.44, 2.5, 4.1],
    "fe_h": [0.0, -0.5, -1.0],
}


@pytest.mark.parametrize("instrument", ["gaia-rvs", "rave", "giraffe-hr15n"])
def test_without_noise_they_are_the_emulators_and_keep_their_names(instrument: str) -> None:
    made = synthesize(Result(STARS), instrument)
    known = {name: STARS[name] for name in ("teff", "logg", "fe_h")}
    np.testing.assert_array_equal(
        made.flux, load_emulator(instrument).spectra(known, instrument).flux
    )
    np.testing.assert_array_equal(made.source_id, IDS)
    assert made.error is None
    assert made.provenance["synthetic"] is True


def test_labels_that_are_given_matter_and_other_columns_do_not() -> None:
    plain = synthesize(STARS)
    richer = synthesize({**STARS, "alpha_m": [0.3, 0.3, 0.3], "snr": [1.0, 2.0, 3.0]})
    assert np.abs(plain.flux - richer.flux).max() > 0.01
    np.testing.assert_array_equal(synthesize({**STARS, "snr": [1, 2, 3]}).flux, plain.flux)


def test_one_star_may_come_as_bare_numbers() -> None:
    sun = synthesize({"teff": 5772, "logg": 4.44, "fe_h": 0.0})
    assert len(sun) == 1
    assert sun.source_id[0] == 0


def test_noise_is_white_on_the_detector_and_as_strong_as_asked() -> None:
    many = {name: np.full(400, STARS[name][0]) for name in ("teff", "logg", "fe_h")}
    clean = synthesize(many, "rave").flux
    noise = synthesize(many, "rave", snr=20).flux - clean
    assert np.std(noise) * 20 == pytest.approx(1.0, abs=0.01)
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.01
    rvs = synthesize(many, "gaia-rvs", snr=20)
    shared = rvs.flux - synthesize(many, "gaia-rvs").flux
    # As the networks were trained; KOI-1, a real star with S/N 23, has 0.69.
    lag = np.corrcoef(shared[:, :-1].ravel(), shared[:, 1:].ravel())[0, 1]
    assert lag == pytest.approx(0.80, abs=0.02)
    assert rvs.error is not None
    assert np.all(rvs.error == np.float32(0.05))


def test_a_subset_gets_the_same_noise_and_another_seed_gets_another() -> None:
    whole = synthesize(STARS, snr=[15, 20, 50])
    part = synthesize({name: values[1:] for name, values in STARS.items()}, snr=[20, 50])
    np.testing.assert_array_equal(part.flux, whole.flux[1:])
    assert np.abs(synthesize(STARS, snr=[15, 20, 50], seed=1).flux - whole.flux).max() > 0.01


def test_a_poorer_resolution_makes_lines_shallower() -> None:
    sharp, blurred = synthesize(STARS), synthesize(STARS, resolution=5000)
    assert np.all(blurred.flux.min(axis=1) > sharp.flux.min(axis=1) + 0.01)
    assert np.all(blurred.resolution == 5000)


def test_stars_beyond_the_nodes_are_named() -> None:
    assert synthesize({"teff": [5772, 9000], "logg": 4.4, "fe_h": 0.0}).provenance["outside"] == [1]


@pytest.mark.parametrize(
    ("change", "keywords", "error", "words"),
    [
        ({"fe_h": [0.0, np.nan, 0.0]}, {}, InvalidInput, "fe_h is not known in 1 rows"),
        ({}, {"snr": 0}, InvalidInput, "positive"),
        ({}, {"snr": [10, 20]}, InvalidInput, "or 3 of them"),
        ({}, {"seed": -1, "snr": 5}, InvalidInput, "seed"),
        ({}, {"instrument": "gaia-xp"}, InvalidInput, "No emulator"),
    ],
)
def test_what_cannot_be_made_is_refused(
    change: dict, keywords: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        synthesize({**STARS, **change}, **keywords)


def test_a_table_without_a_temperature_is_told_so() -> None:
    with pytest.raises(MissingInput, match="No teff"):
        synthesize({name: values for name, values in STARS.items() if name != "teff"})


def test_no_stars_give_no_spectra() -> None:
    none = Result({name: np.asarray(values)[:0] for name, values in STARS.items()})
    assert len(synthesize(none, snr=20)) == 0
