"""What a label rests on: slopes, shares, and where they lie."""

import numpy as np
import pytest
import torch

import stellarnb as snb
from stellarnb.errors import InvalidInput
from stellarnb.models import load_emulator
from stellarnb.models.model import Model
from stellarnb.spectra import SpectrumSet


def emulated(instrument: str, **labels: object) -> SpectrumSet:
    made = load_emulator(instrument).spectra(labels, instrument, vsini=4.0, vmac=3.0)
    error = np.full(made.flux.shape, 0.01)
    return SpectrumSet(made.ids, made.wavelength, made.flux, error, instrument=instrument)


@pytest.fixture(scope="module")
def lithium() -> Model:
    return snb.load_model("ges-lithium")


@pytest.fixture(scope="module")
def dwarfs() -> SpectrumSet:
    return emulated(
        "giraffe-hr15n",
        teff=[5000.0, 5600.0, 6000.0, 6300.0],
        logg=[4.5, 4.4, 4.3, 4.2],
        fe_h=[0.0, -0.1, -0.3, 0.1],
        a_li=[2.0, 2.5, 2.2, 2.8],
    )


@pytest.fixture(scope="module")
def rvs() -> SpectrumSet:
    return emulated(
        "gaia-rvs", teff=[4700.0, 5300.0, 5900.0], logg=[2.5, 4.5, 4.2], fe_h=[-0.4, 0.0, -0.2]
    )


def changed(spectra: SpectrumSet, pixel: int, by: float) -> SpectrumSet:
    flux = spectra.flux.copy()
    flux[:, pixel] += by
    return SpectrumSet(
        spectra.ids, spectra.wavelength, flux, spectra.error, instrument=spectra.instrument
    )


def plain(model: Model, spectra: SpectrumSet) -> np.ndarray:
    inputs = model.scale_inputs(spectra)
    with torch.no_grad():
        mean = np.mean([network(*inputs).double().numpy() for network in model.networks], axis=0)
    return model.unscale_labels(mean)


def test_lithium_rests_on_its_line(lithium: Model, dwarfs: SpectrumSet) -> None:
    found = lithium.explain(dwarfs, "a_li")
    peak = found.peaks(1)
    assert abs(float(peak["wavelength"][0]) - 6707.8) < 0.3
    assert float(peak["sensitivity"][0]) < 0  # more light in the line, less lithium
    grid = dwarfs.wavelength.value
    off = np.abs(found.sensitivity[:, np.abs(grid - 6707.8) > 2]).max(axis=1)
    near = np.abs(found.sensitivity[:, np.abs(grid - 6707.8) <= 0.3]).max(axis=1)
    assert np.all(near > 3 * off)


@pytest.mark.parametrize(
    ("name", "centres", "reach", "width"),
    [
        ("ges-lithium", (6562.8,), 30.0, 5.0),
        # Single metal lines tell more there: only over their breadth do the wings stand out.
        ("gaia-rvs", (850.04, 854.44, 866.45), 1.2, 0.6),
    ],
)
def test_over_the_breadth_of_a_strong_line_teff_rests_on_its_wings(
    name, centres, reach, width, dwarfs, rvs
) -> None:
    spectra = dwarfs if name == "ges-lithium" else rvs
    found = snb.load_model(name).explain(spectra, "teff")
    grid = np.asarray(found.wavelength.value)
    n = round(width / (grid[1] - grid[0]))
    smooth = np.abs(np.convolve(found.sensitivity.mean(axis=0), np.ones(n) / n, "same"))
    best = grid[np.argmax(smooth)]
    assert min(abs(best - centre) for centre in centres) < reach


def test_cores_that_the_synthesis_gets_wrong_are_not_read(lithium, dwarfs) -> None:
    found = lithium.explain(dwarfs, "teff")
    core = np.abs(dwarfs.wavelength.value - 6562.81) < 1.9
    assert np.all(found.sensitivity[:, core] == 0)


def test_slopes_are_what_a_small_change_does(lithium: Model, dwarfs: SpectrumSet) -> None:
    found = lithium.explain(dwarfs, "a_li")
    # A pixel that no continuum is laid through: elsewhere the level moves along.
    pixel = int(np.argmax(np.abs(found.sensitivity.mean(axis=0))))
    assert not lithium.family.spectrum.continuum.pixels[pixel]
    up, down = (plain(lithium, changed(dwarfs, pixel, s * 1e-3))[:, 3] for s in (1, -1))
    level = lithium.predict(dwarfs, progress=False)["continuum_level"]
    np.testing.assert_allclose((up - down) / 2e-3 * level, found.sensitivity[:, pixel], rtol=0.02)


@pytest.mark.parametrize("label", ["teff", "fe_h"])
def test_shares_add_up(rvs: SpectrumSet, label: str) -> None:
    model = snb.load_model("gaia-rvs")
    found = model.explain(rvs, label, method="integrated")
    inputs = model.scale_inputs(rvs)
    base = [torch.zeros_like(x) for x in inputs[:-1]]
    with torch.no_grad():
        mean = np.mean([n(*base, inputs[-1]).double().numpy() for n in model.networks], axis=0)
    start = model.unscale_labels(mean)[:, [s.name for s in model.card.labels].index(label)]
    rise = found.value - start
    np.testing.assert_allclose(found.sensitivity.sum(axis=1), rise, atol=0.02 * np.abs(rise).max())


def test_inputs_have_slopes_where_the_star_has_them() -> None:
    model = snb.load_model("xp-apogee")
    archive = snb.open_archive("sample")
    stars = archive.query("SELECT TOP 4 * FROM stars ORDER BY source_id").to_pandas()
    stars.loc[0, "j"] = np.nan
    found = model.explain(archive.spectra(stars), "teff", stars)
    assert set(found.inputs) == {spec.name for spec in model.card.scalars}
    assert np.isnan(found.inputs["j"][0])
    assert np.isfinite(found.inputs["j"][1:]).all()
    assert np.any(found.inputs["phot_rp_mean_mag"][1:] != 0)
    assert found.sensitivity.shape == (4, 343)


def test_the_networks_of_an_ensemble_differ(lithium, dwarfs) -> None:
    found = lithium.explain(dwarfs, "teff")
    assert np.all(found.scatter.max(axis=1) > 0)
    assert found.unit == "K"
    assert len(found) == 4


def test_unknown_names_are_refused(lithium, dwarfs) -> None:
    with pytest.raises(InvalidInput, match="it has: teff"):
        lithium.explain(dwarfs, "mg_fe")
    with pytest.raises(InvalidInput, match="integrated"):
        lithium.explain(dwarfs, "teff", method="shap")  # type: ignore[arg-type]
