"""Fits: the emulators' limits, errors on noisy nodes, and real stars."""

import numpy as np
import pytest

import stellarnb as snb
from stellarnb.models import load_emulator
from stellarnb.spectra import Instrument
from stellarnb.training.emulate.evaluate import evaluate_fits
from stellarnb.training.emulate.recipe import evaluate_emulator, load_nodes

pytestmark = pytest.mark.science

LABELS = ("teff", "logg", "fe_h", "alpha_m")
#: What a rough fit with a smaller emulator gave, and how far a good one may be off.
STARS = {
    "Sun": ((5771, 4.44, 0.0), (120, 0.25, 0.15), (5694, 4.17, -0.18)),
    "Procyon": ((6554, 4.00, 0.0), (200, 0.4, 0.2), (6410, 3.39, -0.23)),
    "Kepler-93": ((5669, 4.47, -0.18), (200, 0.35, 0.25), (5568, 4.31, -0.42)),
}


@pytest.fixture(scope="module", params=["cat", "hr15n"])
def nodes(request, shared_data):
    return request.param, load_nodes(shared_data / "synthetic_nodes" / f"{request.param}.npz")


def test_the_emulator_keeps_its_limits_on_held_out_nodes(nodes) -> None:
    window, spectra = nodes
    rows = evaluate_emulator(load_emulator(window), spectra)
    assert [row for row in rows if "limit" in row]
    assert all(row["meets"] for row in rows if "limit" in row)
    assert rows == load_emulator(window).card.metrics["held_out"]


def test_no_held_out_node_was_learned_from(nodes) -> None:
    window, spectra = nodes
    learned = {tuple(row) for row in load_emulator(window).node_labels.astype(np.float32)}
    held = {tuple(row) for row in spectra.labels[spectra.held_out].astype(np.float32)}
    assert len(held) > 100
    assert not learned & held


@pytest.mark.parametrize("snr", [50.0, 100.0])
def test_errors_hold_on_noisy_nodes(nodes, snr: float) -> None:
    window, spectra = nodes
    instrument, more = ("gaia-rvs", ()) if window == "cat" else ("giraffe-hr15n", ("a_li",))
    rows = evaluate_fits(spectra, instrument, (*LABELS, *more), snrs=(snr,), n=300)
    for row in rows:
        assert 0.85 <= row["pull"] <= 1.15, row
        assert row["n"] > 200


@pytest.fixture(scope="module")
def real(shared_data):
    harps = Instrument.custom("HARPS", 115_000.0)
    optical = shared_data / "optical_spectra"
    files = {"Sun": "Sun_HARPS.fits", "Procyon": "HARPS.GBOG_Procyon.fits"}
    found = {
        name: snb.read(optical / file, harps).to_instrument("giraffe-hr15n")
        for name, file in files.items()
    }
    found["Kepler-93"] = snb.read(shared_data / "gaia_rvs_spectra" / "Kepler-93.csv")
    return {name: snb.fit_spectra(s, LABELS, progress=False) for name, s in found.items()}


def offset(name: str, values) -> float:
    truth, tolerance, _ = STARS[name]
    return float(sum(((v - t) / w) ** 2 for v, t, w in zip(values, truth, tolerance, strict=True)))


def found_labels(labels) -> list[float]:
    return [float(labels[name][0]) for name in LABELS[:3]]


def test_real_stars_come_out_better_than_from_the_rough_fit(real) -> None:
    ours = sum(offset(name, found_labels(labels)) for name, labels in real.items())
    rough = sum(offset(name, STARS[name][2]) for name in STARS)
    assert rough == pytest.approx(8.6, abs=0.1)
    assert ours < 0.5 * rough


@pytest.mark.parametrize("star", STARS)
def test_each_real_star_is_within_two_and_a_half_of_its_own_errors(real, star: str) -> None:
    for name, value, true in zip(LABELS[:3], found_labels(real[star]), STARS[star][0], strict=True):
        assert abs(value - true) <= 2.5 * real[star][f"{name}_error"][0]
    assert real[star]["good"][0]


def test_the_sun_has_little_lithium(shared_data) -> None:
    harps = Instrument.custom("HARPS", 115_000.0)
    sun = snb.read(shared_data / "optical_spectra" / "Sun_HARPS.fits", harps)
    labels = snb.fit_spectra(sun.to_instrument("giraffe-hr15n"), ("teff", "a_li"), progress=False)
    assert labels["a_li"][0] < 1.7


@pytest.mark.parametrize("source", [1535964555128078720, 3174658066485297152])
def test_the_binary_and_the_active_star_are_caught(shared_data, source: int) -> None:
    spectrum = snb.read(shared_data / "gaia_rvs_spectra" / f"GaiaDR3-{source}.csv")
    labels = snb.fit_spectra(spectrum, LABELS, progress=False)
    assert labels["novelty"][0] > 1
    assert not labels["good"][0]
