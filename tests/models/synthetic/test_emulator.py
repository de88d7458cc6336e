import dataclasses
import tomllib

import numpy as np
import pytest
import torch

from stellarnb.errors import ChecksumMismatch, GridMismatch, InvalidInput, MissingInput
from stellarnb.models import emulator_names, load_emulator, model_names
from stellarnb.models.synthetic import gaussian_process
from stellarnb.models.synthetic.gaussian_process import Interpolator
from stellarnb.models.synthetic.instrument import (
    LIGHT,
    broadening_matrix,
    macroturbulence_profile,
    response,
    rotation_profile,
)
from stellarnb.models.weights.store import load_tensors, shipped_path
from stellarnb.spectra import get_instrument
from stellarnb.training.emulate.recipe import evaluate_emulator, load_emulator_recipe, load_nodes

SUN = {"teff": 5770.0, "logg": 4.44, "fe_h": 0.0, "alpha_m": 0.0, "a_li": 1.05}


def test_emulators_are_no_models_that_predict() -> None:
    assert emulator_names() == ["cat", "hr15n"]
    assert not {"cat", "hr15n", "emulator-cat"} & set(model_names())


@pytest.mark.parametrize(
    ("name", "window"), [("gaia-rvs", "cat"), ("rave", "cat"), ("giraffe-hr15n", "hr15n")]
)
def test_an_instrument_finds_its_window(name: str, window: str) -> None:
    assert load_emulator(name) is load_emulator(window)


def test_an_unknown_window_is_told_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=r"gaia-xp.*gaia-rvs"):
        load_emulator("gaia-xp")


@pytest.mark.parametrize("window", ["cat", "hr15n"])
def test_the_name_says_synthetic(window: str) -> None:
    assert "synthetic-trained" in repr(load_emulator(window))


def test_together_the_weights_are_small() -> None:
    sizes = [shipped_path(load_emulator(w).card).stat().st_size for w in emulator_names()]
    assert sum(sizes) <= 5_000_000


def test_damaged_weights_are_refused() -> None:
    card = dataclasses.replace(load_emulator("cat").card, sha256="0" * 64)
    with pytest.raises(ChecksumMismatch):
        load_tensors(card)


def test_interpolation_meets_its_nodes_and_its_slopes_are_those_of_its_values() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(60, 3, generator=generator, dtype=torch.float64)
    y = torch.stack([torch.sin(x[:, 0]), x[:, 1] * x[:, 2]], dim=1)
    metric = torch.eye(3, dtype=torch.float64) * 0.3
    metric[0, 1] = 0.1
    process = Interpolator(x, y, metric, 1e-8)
    np.testing.assert_allclose(process(x), y, atol=1e-4)
    at = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    value, slope = process.with_slopes(at)
    np.testing.assert_allclose(value, process(at), rtol=1e-10)
    for i in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[i] = 1e-5
        numeric = (process(at + step) - process(at - step)) / 2e-5
        np.testing.assert_allclose(slope[:, i], numeric, atol=1e-5)
    assert process.spread(x).max() < 1e-3
    assert process.spread(torch.full((1, 3), 50.0, dtype=torch.float64)) > 0.99


def test_scaling_of_labels_goes_there_and_back() -> None:
    emulator = load_emulator("cat")
    labels = emulator.node_labels[:7]
    np.testing.assert_allclose(emulator.unscale(emulator.scale(labels)), labels, rtol=1e-12)


def test_labels_that_are_absent_follow_the_others() -> None:
    emulator = load_emulator("cat")
    rich = emulator.as_labels({"teff": 4800, "logg": 2.5, "fe_h": -0.8, "alpha_m": 0.3})
    poor = emulator.as_labels({"teff": 4800, "logg": 2.5, "fe_h": -0.8, "alpha_m": 0.0})
    i = emulator.names.index("ca_fe")
    assert rich[0, i] - poor[0, i] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize(
    "labels",
    [
        {"teff": 5000.0, "logg": 3.0},
        {"teff": 5000.0, "logg": 3.0, "fe_h": 0.0, "xx_fe": 0.1},
        {"teff": np.nan, "logg": 3.0, "fe_h": 0.0},
        {"teff": [5000.0, 5100.0], "logg": [3.0, 3.0, 3.0], "fe_h": 0.0},
        np.zeros((2, 5)),
    ],
)
def test_labels_that_make_no_sense_are_refused(labels: object) -> None:
    with pytest.raises(InvalidInput):
        load_emulator("cat").as_labels(labels)


def test_labels_out_of_range_are_named_and_not_clipped() -> None:
    emulator = load_emulator("cat")
    hot = {**SUN, "teff": np.array([5770.0, 9000.0])}
    flags = emulator.outside(hot)
    assert not flags[0].any()
    assert flags[1].tolist() == [name == "teff" for name in emulator.names]
    spectra = emulator.spectra(hot, "gaia-rvs")
    assert spectra.provenance["outside"] == [1]
    edge = emulator.flux({**SUN, "teff": emulator.limits[0, 1]})
    assert np.abs(emulator.flux(hot)[1] - edge[0]).max() > 0.01


def test_a_place_without_nodes_is_told_though_each_label_is_inside() -> None:
    emulator = load_emulator("cat")
    nowhere = {"teff": [7300.0, 5770.0], "logg": [0.3, 4.44], "fe_h": [0.5, 0.0]}
    assert not emulator.outside(nowhere)[:, :3].any()
    sparsity = emulator.sparsity(nowhere)
    assert sparsity[0] > 1 > sparsity[1]
    assert emulator.spectra(nowhere, "rave").provenance["sparse"] == [0]


def test_lithium_changes_its_line_alone() -> None:
    emulator = load_emulator("hr15n")
    flux = emulator.flux({**SUN, "a_li": [1.0, 3.0]})
    change = np.abs(flux[1] - flux[0])
    near = np.abs(emulator.wavelength - 6707.8) < 1.2
    assert emulator.wavelength[np.argmax(change)] == pytest.approx(6707.8, abs=0.15)
    assert change[near].max() > 0.3
    assert change[~near].max() < 0.005


def test_lines_of_rvs_lie_where_vacuum_wavelengths_put_them() -> None:
    spectra = load_emulator("cat").spectra(SUN, "gaia-rvs")
    grid = spectra.wavelength.value
    for line in (850.035, 854.444, 866.452):
        near = np.abs(grid - line) < 0.3
        assert grid[near][np.argmin(spectra.flux[0, near])] == pytest.approx(line, abs=0.011)


@pytest.mark.parametrize("instrument", ["gaia-rvs", "rave", "giraffe-hr15n"])
def test_one_matrix_does_what_the_containers_do(instrument: str) -> None:
    from stellarnb.spectra import Instrument, SpectrumSet

    emulator = load_emulator(instrument)
    fine = SpectrumSet(
        [1], emulator.wavelength, emulator.flux(SUN), instrument=Instrument.custom("s", 1e7)
    )
    expected = fine.to_instrument(instrument).flux
    np.testing.assert_allclose(emulator.spectra(SUN, instrument).flux, expected, atol=2e-6)


def test_a_velocity_moves_lines_by_as_much() -> None:
    emulator = load_emulator("hr15n")
    still, moved = (emulator.spectra(SUN, "giraffe-hr15n", velocity=v) for v in (0.0, 12.0))
    grid = still.wavelength.value
    expected = np.interp(grid / (1 + 12.0 / LIGHT), grid, still.flux[0])
    np.testing.assert_allclose(moved.flux[0, 50:-50], expected[50:-50], atol=5e-3)


def test_a_lower_resolution_makes_lines_shallower() -> None:
    emulator = load_emulator("rave")
    sharp, dull = (emulator.spectra(SUN, "rave", resolution=r) for r in (7500.0, 4000.0))
    assert dull.flux.min() > sharp.flux.min() + 0.02
    assert dull.resolution[0] == 4000.0


def test_an_instrument_out_of_the_window_is_refused() -> None:
    with pytest.raises(GridMismatch):
        response(load_emulator("cat").wavelength, get_instrument("giraffe-hr15n"))


@pytest.mark.parametrize("profile", [rotation_profile, macroturbulence_profile])
def test_profiles_of_gray_hold_all_the_light(profile) -> None:
    x = np.linspace(-8, 8, 160_001)
    assert np.trapezoid(profile(x), x) == pytest.approx(1.0, abs=1e-4)


def test_rotation_keeps_the_light_and_spreads_a_line_to_vsini() -> None:
    grid = 8500.0 + 0.06 * np.arange(2001)
    matrix = broadening_matrix(grid, vsini=40.0)
    line = np.zeros(2001)
    line[1000] = 1.0
    spread = matrix @ line
    assert spread.sum() == pytest.approx(1.0, abs=2e-3)
    speed = LIGHT * (grid / grid[1000] - 1)
    assert spread[np.abs(speed) > 43].max() < 1e-9
    assert spread[np.abs(speed) < 35].min() > 0
    np.testing.assert_allclose(matrix @ np.ones(2001), 1.0, atol=1e-12)


def test_no_broadening_is_no_matrix_and_a_negative_one_is_refused() -> None:
    grid = 8500.0 + 0.06 * np.arange(100)
    assert broadening_matrix(grid) is None
    with pytest.raises(InvalidInput, match="vsini"):
        broadening_matrix(grid, vsini=-1.0)


@pytest.mark.parametrize("window", ["cat", "hr15n"])
def test_the_card_keeps_its_limits(window: str) -> None:
    rows = load_emulator(window).card.metrics["held_out"]
    assert all(row["meets"] for row in rows if "limit" in row)
    assert {row["figure"] for row in rows} >= {"median absolute error", "rms"}


def test_recipes_are_for_known_windows() -> None:
    assert load_emulator_recipe("cat")["nodes"] == "cat.npz"
    with pytest.raises(InvalidInput, match="cat, hr15n"):
        load_emulator_recipe("uv")


def test_absent_nodes_are_told(tmp_path) -> None:
    with pytest.raises(MissingInput, match="--nodes"):
        load_nodes(tmp_path / "cat.npz")


@pytest.fixture
def small_nodes(tmp_path):
    """Nodes of a made-up window whose flux is a smooth function of two labels."""
    names = np.array(load_emulator("cat").names)
    rng = np.random.default_rng(0)
    nodes = load_emulator("cat").node_labels
    labels = nodes[rng.choice(len(nodes), 150, replace=False)]
    # Moved a little: those nodes were trained on, so the rule would hold none of them out.
    labels = (labels * (1 + 1e-4 * rng.random(labels.shape))).astype(np.float32)
    wavelength = 8412.0 + 0.06 * np.arange(300)
    depth = 0.5 * np.exp(-(((wavelength - 8420.0) / 0.5) ** 2))
    strength = 0.5 + 0.1 * labels[:, 2:3] + 0.1 * (labels[:, 0:1] / 5000 - 1)
    flux = np.round(50_000 * (1 - strength * depth)).astype(np.uint16)
    path = tmp_path / "cat.npz"
    np.savez(path, labels=labels, names=names, wavelength=wavelength, flux=flux)
    return load_nodes(path)


def test_the_recipe_gives_the_same_bytes_again_and_learns(
    small_nodes, tmp_path, monkeypatch
) -> None:
    from stellarnb.training.emulate import recipe as emulate

    recipe = load_emulator_recipe("cat")
    recipe["fit"] |= {"steps": 12, "subset": 100, "blocks": [{"components": 2}]}
    monkeypatch.setattr(emulate, "load_emulator_recipe", lambda window: recipe)
    files = [emulate.train_emulator("cat", small_nodes, tmp_path / part) for part in "ab"]
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    emulator = load_emulator(str(files[0][1]))
    rows = evaluate_emulator(emulator, small_nodes)
    assert rows[0]["value"] < 0.1
    entry = tomllib.loads(files[0][1].read_text())
    assert entry["trained_on"] == "synthetic"
    assert 3 <= small_nodes.held_out.sum() <= 35


def test_many_stars_are_interpolated_batch_by_batch_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emulator = load_emulator("cat")
    labels = {"teff": np.linspace(4500, 6500, 20), "logg": 4.0, "fe_h": np.linspace(-2, 0.3, 20)}
    flux, sparsity = emulator.flux(labels), emulator.sparsity(labels)
    monkeypatch.setattr(gaussian_process, "BATCH", 7)
    np.testing.assert_allclose(emulator.flux(labels), flux, atol=1e-6)
    np.testing.assert_allclose(emulator.sparsity(labels), sparsity, atol=1e-6)
    assert emulator.flux({name: np.zeros(0) for name in ("teff", "logg", "fe_h")}).shape[0] == 0
