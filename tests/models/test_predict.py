from pathlib import Path

import numpy as np
import pytest
import torch

import stellarnb as snb
from stellarnb.errors import (
    ChecksumMismatch,
    GridMismatch,
    Interrupted,
    InvalidInput,
    MissingInput,
    WeightsNotFound,
)
from stellarnb.models import load_card
from stellarnb.models import predict as chunk
from stellarnb.models.backends import loop as engine
from stellarnb.models.inputs.join import JoinedSpectra
from stellarnb.models.model import Model
from stellarnb.models.weights.store import load_tensors, shipped_path
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels, Result

BANDS = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "j", "h", "k")
NAMES = ("teff", "logg", "fe_h", "alpha_m")


@pytest.fixture(scope="module")
def model() -> Model:
    return snb.load_model("xp-apogee")


@pytest.fixture(scope="module")
def stars() -> Result:
    return snb.open_archive("sample").query(
        "SELECT TOP 60 * FROM stars JOIN apogee USING (source_id) "
        "WHERE snr > 70 AND teff BETWEEN 4000 AND 6000 AND fe_h IS NOT NULL ORDER BY source_id"
    )


@pytest.fixture(scope="module")
def spectra(stars: Result) -> SpectrumSet:
    return snb.open_archive("sample").spectra(stars)


@pytest.fixture(scope="module")
def labels(model: Model, spectra: SpectrumSet, stars: Result) -> Labels:
    return model.predict(spectra, stars, progress=False)


def changed(spectra: SpectrumSet, **arrays: object) -> SpectrumSet:
    parts = {
        "source_id": spectra.ids,
        "wavelength": spectra.wavelength,
        "flux": spectra.flux,
        "flux_error": spectra.error,
        "mask": spectra.mask,
        **arrays,
    }
    return SpectrumSet(**parts)  # type: ignore[arg-type]


def test_columns_are_the_promised_ones_in_order(labels: Labels) -> None:
    expected = ["source_id"]
    for name in NAMES:
        expected += [name, f"{name}_error", f"{name}_scatter", f"{name}_flag"]
    expected += ["boundary", "novelty", "good", "masked_fraction", "ra", "dec"]
    assert labels.colnames == expected
    assert labels["source_id"].dtype == np.int64
    assert labels["teff"].dtype == np.float32
    assert labels["teff_flag"].dtype == bool
    assert str(labels.to_astropy()["teff_error"].unit) == "K"


def test_provenance_names_model_weights_and_credits(labels: Labels) -> None:
    assert labels.provenance["model"] == "xp-apogee"
    assert labels.provenance["sha256"] == load_card("xp-apogee").sha256
    assert any("DPAC" in line for line in labels.provenance["credits"])


def test_rows_come_in_the_order_of_the_spectra_whatever_the_order_of_the_stars(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels
) -> None:
    order = np.random.default_rng(0).permutation(len(spectra))
    got = model.predict(spectra[order], stars[np.arange(len(stars))[::-1]], progress=False)
    assert got["source_id"].tolist() == spectra.ids[order].tolist()
    np.testing.assert_allclose(got["teff"], labels["teff"][order], rtol=1e-5)


def test_repeated_stars_are_kept(model: Model, spectra: SpectrumSet, stars: Result) -> None:
    got = model.predict(spectra[np.array([3, 3, 1])], stars, progress=False)
    assert got["source_id"].tolist() == spectra.ids[[3, 3, 1]].tolist()
    assert got["teff"][0] == got["teff"][1]


def test_the_scale_of_the_flux_does_not_matter(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels
) -> None:
    bright = changed(spectra, flux=spectra.flux * 1e3, flux_error=spectra.error * 1e3)
    got = model.predict(bright, stars, progress=False)
    np.testing.assert_allclose(got["fe_h"], labels["fe_h"], atol=1e-3)


@pytest.mark.parametrize("bands", [BANDS[3:], BANDS[1:3], BANDS])
def test_missing_photometry_widens_every_error_of_nearly_every_star(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels, bands: tuple[str, ...]
) -> None:
    table = stars.to_pandas()
    table[list(bands)] = np.nan
    got = model.predict(spectra, table, progress=False)
    for name in NAMES:
        wider = got[f"{name}_error"] > labels[f"{name}_error"]
        assert np.mean(wider) >= 0.95, name


def test_without_any_table_the_photometry_counts_as_missing(
    model: Model, spectra: SpectrumSet, stars: Result
) -> None:
    table = stars.to_pandas()
    table[list(BANDS)] = np.nan
    np.testing.assert_array_equal(
        model.predict(spectra, progress=False)["teff"],
        model.predict(spectra, table, progress=False)["teff"],
    )


def test_a_missing_column_is_named(model: Model, spectra: SpectrumSet, stars: Result) -> None:
    table = stars.to_pandas().drop(columns="j")
    with pytest.raises(MissingInput, match=r"no column j\b"):
        model.predict(spectra, table, progress=False)
    assert len(model.predict(spectra, table, allow_missing=True, progress=False)) == len(spectra)


@pytest.mark.parametrize("bad", ["nan flux", "no error", "far below zero", "mask"])
def test_bad_pixels_are_left_out_and_widen_the_errors(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels, bad: str
) -> None:
    assert spectra.error is not None
    flux, error, mask = spectra.flux.copy(), spectra.error.copy(), spectra.mask.copy()
    rows = slice(100, 130)
    if bad == "nan flux":
        flux[:, rows] = np.nan
    elif bad == "no error":
        error[:, rows] = 0
    elif bad == "far below zero":
        flux[:, rows] = -50 * error[:, rows]
    else:
        mask[:, rows] = True
    got = model.predict(
        changed(spectra, flux=flux, flux_error=error, mask=mask), stars, progress=False
    )
    np.testing.assert_allclose(got["masked_fraction"], 30 / 343, rtol=1e-5)
    for name in NAMES:
        assert np.isfinite(got[name]).all()
        assert np.mean(got[f"{name}_error"] > labels[f"{name}_error"]) >= 0.9


def test_too_many_masked_pixels_are_not_good(
    model: Model, spectra: SpectrumSet, stars: Result
) -> None:
    mask = np.zeros(spectra.flux.shape, bool)
    mask[:, :100] = True
    got = model.predict(changed(spectra, mask=mask), stars, progress=False)
    assert not got["good"].any()


def test_a_spectrum_of_nothing_is_flagged_in_everything(
    model: Model, spectra: SpectrumSet, stars: Result
) -> None:
    got = model.predict(changed(spectra, flux=spectra.flux * 0), stars, progress=False)
    assert np.isnan(got["teff"]).all()
    assert all(got[f"{name}_flag"].all() for name in NAMES)
    assert all(text.startswith("1111") for text in got["boundary"])
    assert np.isinf(got["novelty"]).all()
    assert not got["good"].any()
    assert got.provenance["unusable_spectra"] == len(spectra)


def test_without_flux_errors_it_says_what_was_assumed(
    model: Model, spectra: SpectrumSet, stars: Result
) -> None:
    got = model.predict(changed(spectra, flux_error=None), stars, progress=False)
    assert "assumed" in got.provenance["flux_errors"]
    assert np.isfinite(got["teff_error"]).all()


def test_no_spectra_give_an_empty_table_with_the_same_columns(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels
) -> None:
    got = model.predict(spectra[:0], stars, progress=False)
    assert len(got) == 0
    assert got.arrow.schema.equals(labels.arrow.schema)


def test_another_grid_is_refused_with_the_way_out(model: Model, spectra: SpectrumSet) -> None:
    other = SpectrumSet(spectra.ids, spectra.wavelength[:-1], spectra.flux[:, :-1])
    with pytest.raises(GridMismatch, match="to_instrument"):
        model.predict(other, progress=False)


def test_what_is_no_spectrum_set_is_refused(model: Model) -> None:
    with pytest.raises(InvalidInput, match="SpectrumSet"):
        model.predict(np.ones((3, 343)))  # type: ignore[arg-type]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CHUNK", 20)


@pytest.mark.usefixtures("small_chunks")
def test_cancel_keeps_what_is_finished(
    model: Model,
    spectra: SpectrumSet,
    stars: Result,
    labels: Labels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cancel = Cancel()
    original = chunk.chunk_columns

    def work(model: Model, part: JoinedSpectra, scalars: object) -> object:
        if len(part) and part.source_id[0] == spectra.ids[20]:
            cancel.set()
        return original(model, part, scalars)  # type: ignore[arg-type]

    monkeypatch.setattr("stellarnb.models.model.chunk_columns", work)
    with pytest.raises(Interrupted, match="40 of 60") as stop:
        model.predict(spectra, stars, progress=False, cancel=cancel)
    assert stop.value.partial["source_id"].tolist() == spectra.ids[:40].tolist()
    np.testing.assert_allclose(stop.value.partial["teff"], labels["teff"][:40], rtol=1e-5)


@pytest.mark.usefixtures("small_chunks")
def test_ctrl_c_keeps_what_is_finished(
    model: Model, spectra: SpectrumSet, stars: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = chunk.chunk_columns

    def work(model: Model, part: JoinedSpectra, scalars: object) -> object:
        if len(part) and part.source_id[0] == spectra.ids[40]:
            raise KeyboardInterrupt
        return original(model, part, scalars)  # type: ignore[arg-type]

    monkeypatch.setattr("stellarnb.models.model.chunk_columns", work)
    with pytest.raises(KeyboardInterrupt) as stop:
        model.predict(spectra, stars, progress=False)
    assert len(stop.value.partial) == 40  # type: ignore[attr-defined]


def test_networks_take_scaled_tensors_and_give_scaled_labels(
    model: Model, spectra: SpectrumSet, stars: Result, labels: Labels
) -> None:
    flux, extra = model.scale_inputs(spectra, stars)
    with torch.inference_mode():
        scaled = torch.stack([network(flux, extra) for network in model.networks]).mean(0)
    assert scaled.shape == (len(spectra), 4)
    offsets = [spec.offset for spec in model.card.labels]
    physical = model.unscale_labels(scaled.numpy() - np.array(offsets))
    np.testing.assert_allclose(physical[:, 0], labels["teff"], rtol=1e-5)
    np.testing.assert_allclose(physical[:, 2], labels["fe_h"], atol=1e-4)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    card = load_card("xp-apogee")
    data = bytearray(shipped_path(card).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(ChecksumMismatch, match="sha256"):
        load_tensors(card, tmp_path / "w.safetensors")


def test_absent_weights_say_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFound, match="nowhere"):
        load_tensors(load_card("xp-apogee"), tmp_path / "nowhere.safetensors")


def test_a_card_from_a_file_loads_the_weights_beside_it(
    tmp_path: Path, model: Model, spectra: SpectrumSet
) -> None:
    package = shipped_path(model.card).parent.parent
    for part in ("cards/xp-apogee.toml", "weights/xp-apogee.safetensors"):
        (tmp_path / Path(part).name).write_bytes((package / part).read_bytes())
    again = snb.load_model(str(tmp_path / "xp-apogee.toml"))
    np.testing.assert_array_equal(
        again.predict(spectra, progress=False)["teff"],
        model.predict(spectra, progress=False)["teff"],
    )


def test_a_device_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STELLARNB_DEVICE", "abacus")
    with pytest.raises(InvalidInput, match="abacus"):
        engine.pick_device()
