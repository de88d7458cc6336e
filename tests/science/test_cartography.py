"""What is put into the mock comes out of it, and real giants show their two sequences."""

import numpy as np
import pytest

from stellarnb.cartography import (
    Bins,
    RZBins,
    Where,
    Window,
    find_sequences,
    gradients,
    grid,
    mock_milky_way,
)
from stellarnb.errors import MissingInput
from stellarnb.training.data.apogee_giants import load_giants

pytestmark = pytest.mark.science

#: A slice of [M/H] where the sequences lie 0.18 dex apart.
SLICE = (-0.55, -0.35)


@pytest.fixture(scope="module")
def mock():
    return mock_milky_way()


def test_the_gradients_that_were_put_in_are_recovered(mock):
    truth = mock.provenance["truth"]
    for name in ("thin", "thick"):
        part = truth["components"][name]
        found = gradients(mock, where=mock["component"] == name, pivot=truth["pivot_kpc"])
        for ours, theirs in (("value", "m_h"), ("radial", "dm_h_dr"), ("vertical", "dm_h_dz")):
            pull = (getattr(found, ours) - part[theirs]) / getattr(found, f"{ours}_error")
            assert abs(pull) < 3, (name, ours, pull)
        assert found.radial_error < 0.001
        assert found.vertical_error < 0.002


def test_the_two_sequences_that_were_put_in_are_recovered(mock):
    found = find_sequences(mock, edges=SLICE, where=Where("snr > 60").mask(mock))
    assert found["two"][0]
    for name in ("low", "high"):
        line = mock.provenance["truth"]["sequences"][name]
        expected = np.interp(-0.45, line["m_h"], line["alpha_m"])
        assert found[name][0] == pytest.approx(expected, abs=0.02)


def test_the_grid_shows_each_sequence_where_it_was_put(mock):
    """Of the stars with [M/H] near -0.45: low alpha far out, high alpha inside, both at the Sun."""
    window = Window(SLICE, (0.0, 0.36), 1, 36)
    panels = grid(mock, "m_h", "alpha_m", window, where=Where("snr > 40").mask(mock))
    alpha = panels["alpha_m"].to_numpy()
    share = panels.where(alpha[None, None, :, None] > 0.17).sum(("alpha_m", "m_h"))
    share = (share / panels.sum(("alpha_m", "m_h"))).to_numpy()
    assert (np.diff(share[:, 1:5], axis=1) < -0.05).all()  # falls outwards, at each height
    assert (share[2, 2:4] > share[0, 2:4] + 0.02).all()  # and is larger above the plane
    assert (share[:, :2] > 0.9).all()
    assert (share[:, 4:] < 0.35).all()
    near = RZBins(((1, 2),), Bins()).mask(mock) & Where("snr > 60").mask(mock)
    assert find_sequences(mock, edges=SLICE, where=near)["two"][0]


def test_real_giants_have_two_sequences():
    try:
        giants = load_giants()
    except MissingInput as error:
        pytest.skip(str(error))
    found = find_sequences(giants, "fe_h", edges=(-0.5, -0.4))
    assert found["n"][0] > 20_000
    assert found["two"][0]
    assert found["low"][0] == pytest.approx(0.08, abs=0.03)
    assert found["high"][0] == pytest.approx(0.26, abs=0.03)
    assert found["low"][0] < found["valley"][0] < found["high"][0]
