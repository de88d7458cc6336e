import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import stellarnb as snb
from stellarnb.errors import GridMismatch, MissingInput
from stellarnb.models import load_card
from stellarnb.models.families.rave import absolute_magnitudes
from stellarnb.models.families.rave_published import calibrate, split_rows
from stellarnb.models.model import Model
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables import Labels
from stellarnb.tables.compare import robust_sigma

NAMES = ("teff", "logg", "m_h", "fe_h", "alpha_m", "si_fe", "al_fe", "mg_fe", "ni_fe")
#: The card's scalars in order: parallax, eight magnitudes, A_V.
SCALARS = (
    *("parallax", "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"),
    *("j", "h", "k", "w1", "w2", "av"),
)
GRID = get_instrument("rave").wavelength
Plain = Callable[[bytes, np.ndarray, np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "rave_cnn_guiglion2020"


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STELLARNB_MIRROR", str(folder.parent))
        patch.setenv("STELLARNB_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("STELLARNB_OFFLINE", "1")
        first = snb.load_model("rave-guiglion2020")
        second = snb.load_model("rave-guiglion2020")  # from the cache this time
    weights = zip(first.networks[3].parameters(), second.networks[3].parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    return second


@pytest.fixture(scope="module")
def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("models/*.h5"))]


@pytest.fixture(scope="module")
def parameters(folder: Path) -> pd.DataFrame:
    """The authors' inputs, with the columns as stellarnb calls them."""
    table = pd.read_csv(folder / "data/training_sample_parameters.csv", skipinitialspace=True)
    table.columns = list(SCALARS)
    return table


def made_up(n: int, seed: int = 1) -> SpectrumSet:
    """Spectra with the three Ca II lines and noise, on the RAVE grid."""
    rng = np.random.default_rng(seed)
    flux = np.ones((n, 912))
    for centre, depth in ((8498.0, 0.4), (8542.1, 0.6), (8662.1, 0.5)):
        depths = depth * rng.uniform(0.7, 1.2, (n, 1))
        flux -= depths * np.exp(-0.5 * ((GRID - centre) / 2.5) ** 2)
    flux += rng.normal(0, 0.02, flux.shape)
    return SpectrumSet(np.arange(100, 100 + n), GRID, flux, instrument="rave")


@pytest.fixture(scope="module")
def spectra() -> SpectrumSet:
    return made_up(40)


@pytest.fixture(scope="module")
def stars(spectra: SpectrumSet, parameters: pd.DataFrame) -> pd.DataFrame:
    table = parameters.iloc[: len(spectra)].copy()
    table.insert(0, "source_id", spectra.ids)
    return table


@pytest.fixture(scope="module")
def labels(model: Model, spectra: SpectrumSet, stars: pd.DataFrame) -> Labels:
    return model.predict(spectra, stars, progress=False)


def test_each_of_the_ten_networks_is_the_published_one(
    model: Model, files: list[bytes], plain: Plain
) -> None:
    rng = np.random.default_rng(7)
    flux, extra = rng.uniform(0.3, 1.2, (300, 912)), rng.random((300, 9))
    assert len(model.networks) == len(files) == 10
    for network, data in zip(model.networks, files, strict=True):
        device = next(network.parameters()).device
        with torch.inference_mode():
            args = (torch.tensor(x).float().to(device) for x in (flux, extra))
            got = network(*args).cpu().numpy()
        # The labels are scaled to 0..1: this is the label range.
        np.testing.assert_allclose(got, plain(data, flux, extra), atol=1e-5)


def test_in_physical_units_predict_is_the_mean_and_scatter_of_the_published_networks(
    labels: Labels,
    spectra: SpectrumSet,
    stars: pd.DataFrame,
    files: list[bytes],
    folder: Path,
    parameters: pd.DataFrame,
    plain: Plain,
) -> None:
    truth = pd.read_csv(folder / "output/y_train_cnn_version_1_True.csv").iloc[:, :9].to_numpy()
    low, width = truth.min(axis=0), np.ptp(truth, axis=0)

    def read(table: pd.DataFrame) -> np.ndarray:
        distance = np.log10(np.clip(table["parallax"].to_numpy() / 1000, 1e-4, None))
        bright = table[list(SCALARS[1:9])].to_numpy() + 5 * (distance[:, None] + 1)
        return np.column_stack([bright, table["av"]])

    train = read(parameters.iloc[split_rows(3904)[0]])
    extra = (read(stars) - train.min(axis=0)) / np.ptp(train, axis=0)
    each = np.stack([plain(data, spectra.flux, extra) for data in files]) * width + low
    for i, name in enumerate(NAMES):
        np.testing.assert_allclose(labels[name], each[:, :, i].mean(axis=0), atol=1e-5 * width[i])
        got, wanted = labels[f"{name}_scatter"], each[:, :, i].std(axis=0)
        np.testing.assert_allclose(got, wanted, atol=1e-5 * width[i])


def test_the_split_gives_the_published_stars_in_the_published_order(folder: Path) -> None:
    ids = pd.read_csv(folder / "data/training_sample_labels.csv")["RAVE_OBS_ID"].to_numpy()
    for rows, name in zip(split_rows(len(ids)), ("train", "test"), strict=True):
        for table in (f"y_{name}", f"res_{name}"):
            published = pd.read_csv(folder / f"output/{table}_cnn_version_1_True.csv")
            assert published["RAVE_OBS_ID"].tolist() == ids[rows].tolist()


def test_split_and_scalers_are_those_of_scikit_learn(
    model: Model, folder: Path, parameters: pd.DataFrame
) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    table = pd.read_csv(folder / "data/training_sample_labels.csv").iloc[:, 1:].to_numpy()
    train, test = selection.train_test_split(np.arange(3904), test_size=0.06, random_state=42)
    assert [train.tolist(), test.tolist()] == [rows.tolist() for rows in split_rows(3904)]
    scaler = preprocessing.MinMaxScaler().fit(table[train])
    np.testing.assert_allclose(model.label_scaler.scale(table), scaler.transform(table), atol=1e-12)
    scaled = scaler.transform(table)
    np.testing.assert_allclose(model.unscale_labels(scaled), table, rtol=1e-9, atol=1e-9)
    spectra = SpectrumSet(np.arange(3904), GRID, np.ones((3904, 912)), instrument="rave")
    _, extra = model.scale_inputs(spectra, parameters.assign(source_id=np.arange(3904)))
    assert extra[train].min(dim=0).values.tolist() == [0.0] * 9
    assert extra[train].max(dim=0).values.tolist() == [1.0] * 9


def test_the_flux_reaches_the_networks_as_it_is(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame
) -> None:
    flux, _ = model.scale_inputs(spectra, stars)
    np.testing.assert_array_equal(flux.numpy(), spectra.flux)


def test_limits_are_those_of_the_training_split_and_the_card_shows_them(model: Model) -> None:
    card = load_card("rave-guiglion2020")
    assert model.card.labels[0].limits == pytest.approx((3658.8894, 7286.503))
    assert model.card.labels[4].limits == pytest.approx((-0.140845, 0.42081898))
    for shown, used in zip(
        (*card.labels, *card.scalars), (*model.card.labels, *model.card.scalars), strict=True
    ):
        assert shown.limits == pytest.approx(used.limits, rel=1e-6)
    for shown, used in zip(card.labels, model.card.labels, strict=True):
        assert shown.error_factor == pytest.approx(used.error_factor)
        assert shown.floor == pytest.approx(used.floor, rel=1e-3)


def test_errors_hold_on_the_published_residuals_and_the_card_shows_the_figures(
    model: Model, folder: Path
) -> None:
    truth = pd.read_csv(folder / "output/y_test_cnn_version_1_True.csv")
    published = pd.read_csv(folder / "output/res_test_cnn_version_1_True.csv")
    rows = model.card.metrics["test"]
    for i, (spec, row) in enumerate(zip(model.card.labels, rows, strict=True)):
        residual = (published.iloc[:, i] - truth.iloc[:, i]).to_numpy()
        scatter = published.iloc[:, 9 + i].to_numpy()
        error = np.hypot(spec.error_factor["full"] * scatter, spec.floor)
        assert robust_sigma(residual / error) == pytest.approx(1.0, abs=1e-3)
        assert spec.error_factor["full"] >= 1.0
        assert row["label"] == spec.name
        figures = (np.median(residual), robust_sigma(residual), residual.std())
        shown = (row["bias"], row["sigma"], row["standard_deviation"])
        assert shown == pytest.approx(figures, rel=2e-3)
        assert row["pull_of_scatter"] == pytest.approx(robust_sigma(residual / scatter), rel=5e-3)


def test_the_card_says_how_many_published_stars_the_novelty_refuses(
    model: Model, folder: Path
) -> None:
    for split in ("train", "test"):
        published = pd.read_csv(folder / f"output/res_{split}_cnn_version_1_True.csv")
        spread = published.iloc[:, 9:18].to_numpy() / model.label_scaler.width
        score = model.family.novelty(None, None, {}, spread)  # type: ignore[arg-type]
        refused = model.card.metrics["refused"][split]
        assert float(np.mean(score > 1)) == pytest.approx(refused, abs=6e-4)


def test_calibration_finds_scatter_and_floor_of_made_up_residuals() -> None:
    rng = np.random.default_rng(3)
    scatter = rng.uniform(0.05, 0.5, 20000)
    factor, floor = calibrate(rng.normal(0, np.hypot(2.0 * scatter, 0.3)), scatter)
    assert factor == pytest.approx(2.0, abs=0.15)
    assert floor == pytest.approx(0.3, rel=0.1)
    # Where the scatter says nothing it still counts once, and the floor carries the rest.
    factor, floor = calibrate(rng.normal(0, 1.0, 20000), scatter)
    assert factor == 1.0
    assert floor == pytest.approx(1.0, rel=0.1)


def test_the_error_is_the_scaled_scatter_with_the_floor(model: Model, labels: Labels) -> None:
    for spec in model.card.labels:
        expected = np.hypot(spec.error_factor["full"] * labels[f"{spec.name}_scatter"], spec.floor)
        np.testing.assert_allclose(labels[f"{spec.name}_error"], expected, rtol=1e-5)


def test_nine_labels_in_the_published_order(labels: Labels) -> None:
    assert labels.names == list(NAMES)
    assert {len(text) for text in labels["boundary"]} == {19}
    order = load_card("rave-guiglion2020").boundary_order
    assert order == (*NAMES, *SCALARS)


def test_rows_come_in_the_order_of_the_spectra(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame, labels: Labels
) -> None:
    rows = np.array([7, 3, 3, 39])
    got = model.predict(spectra[rows], stars.iloc[::-1], progress=False)
    assert got["source_id"].tolist() == spectra.ids[rows].tolist()
    np.testing.assert_allclose(got["teff"], labels["teff"][rows], rtol=1e-5)


def test_no_spectra_give_no_rows(model: Model, spectra: SpectrumSet, stars: pd.DataFrame) -> None:
    got = model.predict(spectra[:0], stars, progress=False)
    assert len(got) == 0
    assert got.names == list(NAMES)


@pytest.mark.parametrize("column", ["parallax", "w2", "av"])
@pytest.mark.parametrize("value", [np.nan, -9999.0])
def test_a_star_that_lacks_an_input_has_no_labels_and_is_counted(
    model: Model,
    spectra: SpectrumSet,
    stars: pd.DataFrame,
    labels: Labels,
    column: str,
    value: float,
) -> None:
    table = stars.copy()
    table.loc[4, column] = value
    got = model.predict(spectra, table, progress=False)
    for name in NAMES:
        assert np.flatnonzero(np.isnan(got[name])).tolist() == [4]
        assert np.isnan(got[f"{name}_error"][4])
        assert got[f"{name}_flag"][4]
    assert got["boundary"][4] == "1" * 9 + "0" * 10  # missing is not outside
    assert not got["good"][4]
    assert got["novelty"][4] == np.inf
    assert got.provenance["incomplete_inputs"] == 1
    assert got.provenance["unusable_spectra"] == 0
    others = np.arange(len(stars)) != 4
    np.testing.assert_allclose(got["logg"][others], labels["logg"][others], rtol=1e-6)


def test_a_star_that_is_not_in_the_table_has_no_labels(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame
) -> None:
    got = model.predict(spectra, stars.iloc[1:], progress=False)
    assert np.flatnonzero(np.isnan(got["teff"])).tolist() == [0]
    assert got.provenance["incomplete_inputs"] == 1


@pytest.mark.parametrize("allow_missing", [False, True])
def test_without_the_table_or_a_column_nothing_is_guessed(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame, allow_missing: bool
) -> None:
    with pytest.raises(MissingInput, match="pass stars, a table with source_id, parallax"):
        model.predict(spectra, allow_missing=allow_missing, progress=False)
    with pytest.raises(MissingInput, match="no column av"):
        model.predict(spectra, stars.drop(columns="av"), allow_missing=allow_missing)


def test_spectra_of_nothing_or_in_counts_are_refused(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame
) -> None:
    flux = spectra.flux.copy()
    flux[0], flux[1] = np.nan, 3500 * flux[1]
    bad = SpectrumSet(spectra.ids, GRID, flux, instrument="rave")
    got = model.predict(bad, stars, progress=False)
    assert np.flatnonzero(np.isnan(got["teff"])).tolist() == [0, 1]
    assert got["masked_fraction"][:2].tolist() == [1.0, 1.0]
    assert not got["good"][:2].any()
    assert got.provenance["unusable_spectra"] == 2
    assert got.provenance["incomplete_inputs"] == 0


def test_masked_pixels_are_bridged_and_counted(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame, labels: Labels
) -> None:
    mask = np.zeros(spectra.flux.shape, dtype=bool)
    mask[:, 100:103] = mask[:, -4:] = True
    flux = np.where(mask, 1e6, spectra.flux)
    got = model.predict(SpectrumSet(spectra.ids, GRID, flux, None, mask, "rave"), stars)
    assert np.abs(got["teff"] - labels["teff"]).max() < 150
    assert got["masked_fraction"][0] == pytest.approx(7 / 912)


def test_a_shifted_grid_is_refused(model: Model, spectra: SpectrumSet, stars: pd.DataFrame) -> None:
    vacuum = SpectrumSet(spectra.ids, GRID + 2.3, spectra.flux, instrument="rave")
    with pytest.raises(GridMismatch):
        model.predict(vacuum, stars)


def test_limits_of_magnitudes_are_about_what_the_network_reads(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame
) -> None:
    """Apparent magnitude and parallax may each be usual, and the star fainter than any known."""
    table = stars.copy()
    table.loc[0, ["phot_g_mean_mag", "parallax"]] = [14.3, 44.0]
    got = model.predict(spectra, table, progress=False)
    at = model.card.boundary_order.index("phot_g_mean_mag")
    assert got["boundary"][0][at] == "1"
    assert got["boundary"][0][at - 1] == "0"  # the parallax
    assert not got["good"][0]


def test_absolute_magnitudes_are_the_authors() -> None:
    parallax = np.array([100.0, 1.0, 0.1, 0.0, -3.0])
    got = absolute_magnitudes(np.full(5, 10.0), parallax)
    np.testing.assert_allclose(got, [10.0, 0.0, -5.0, -5.0, -5.0])


def test_pure_noise_is_unlike_the_training_set(
    model: Model, spectra: SpectrumSet, stars: pd.DataFrame
) -> None:
    flux = np.random.default_rng(0).normal(1, 0.5, spectra.flux.shape)
    noise = SpectrumSet(spectra.ids, GRID, flux, instrument="rave")
    got = model.predict(noise, stars, progress=False)
    assert (got["novelty"] > 1).mean() > 0.9


@pytest.mark.science
def test_a_real_spectrum_from_another_survey(model: Model, shared_data: Path) -> None:
    """Kepler-93, observed by Gaia RVS, brought to RAVE: Teff 5669 K, logg 4.47."""
    rvs = snb.read(shared_data / "gaia_rvs_spectra/Kepler-93.csv", instrument="gaia-rvs")
    photometry = (10.4, 9.83, 10.17, 9.33, 8.77, 8.44, 8.37, 8.33, 8.39, 0.05)
    table = pd.DataFrame([photometry], columns=list(SCALARS))
    got = model.predict(rvs.to_instrument("rave"), table.assign(source_id=rvs.ids), progress=False)
    for name, known in (("teff", 5669.0), ("logg", 4.47)):
        assert abs(got[name][0] - known) < 2 * got[f"{name}_error"][0]
    # RVS begins 40 Å further to the red, so a part of the pixels is missing: not good.
    assert got["masked_fraction"][0] > 0.1
    assert not got["good"][0]


def test_provenance_names_the_published_files(labels: Labels) -> None:
    card = load_card("rave-guiglion2020")
    lines = "".join(f"{source.sha256}  {source.path}\n" for source in card.sources)
    assert labels.provenance["sha256"] == card.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert labels.provenance["citation"] == ["Guiglion et al. 2020, A&A 644, A168"]
    assert labels.provenance["flux_errors"] == "not read by these networks"
    assert card.licence == "MIT"
    assert "inferred" in card.known_flaws[0]


def test_no_fetched_file_is_part_of_the_package() -> None:
    card: Any = load_card("rave-guiglion2020")
    package = Path(snb.__file__).parent
    names = {path.name for path in package.rglob("*") if path.is_file()}
    assert not names & {card.weights, *(Path(source.path).name for source in card.sources)}
    assert not [name for name in names if name.endswith((".h5", ".hdf5", ".pkl", ".pt"))]
