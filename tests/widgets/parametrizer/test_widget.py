import time

import numpy as np
import pytest

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_model
from stellarnb.spectra import SpectrumSet
from stellarnb.widgets.parametrizer import run as parametrizer_run
from stellarnb.widgets.parametrizer.widget import Parametrizer

PHOTOMETRY = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "j", "h", "k")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def sample():
    """600 stars of the embedded archive and their XP spectra."""
    from stellarnb.archives import open_archive

    archive = open_archive("sample")
    stars = archive.query("SELECT TOP 600 * FROM stars")
    return archive.spectra(stars), stars


@pytest.fixture(scope="module")
def model():
    return load_model("xp-apogee")


def done(view, seconds=120):
    view.run()
    state = view.task.wait(seconds)
    assert view.status == ""
    return state


def stop_after(monkeypatch, view, parts):
    """Let the user press Cancel once so many parts are done."""
    real, count = parametrizer_run._predict, []

    def predict(*args):
        count.append(1)
        if len(count) == parts + 1:
            view.cancel()
            view.task.run.cancel.wait(1)
            time.sleep(0.3)  # a part that is let go
        return real(*args)

    monkeypatch.setattr(parametrizer_run, "_predict", predict)
    return count


def test_labels_are_those_of_predict(sample, model):
    spectra, stars = sample
    some = spectra[::-1]  # in another order than the table
    view = Parametrizer(some, stars, model=model)
    assert view.missing == []
    assert done(view) == "done"
    wanted = model.predict(some, stars, progress=False)
    assert view.labels.arrow.equals(wanted.arrow)
    assert view.labels.provenance == wanted.provenance
    assert "600 of 600" in view.bar.words


def test_the_code_gives_the_same_labels(sample):
    spectra, stars = sample
    view = Parametrizer(spectra[:40], stars)
    assert done(view) == "done"
    names = {"spectra": spectra[:40], "stars": stars}
    exec(view.to_code(), names)  # noqa: S102
    assert names["labels"].arrow.equals(view.labels.arrow)
    assert len(names["good"]) == view.labels["good"].sum()


def test_what_is_missing_is_said_before_the_run(sample):
    spectra, stars = sample
    view = Parametrizer()
    assert any("spectra" in words for words in view.missing)
    view.spectra, view.stars = spectra, stars.to_pandas()[["source_id", "phot_g_mean_mag"]]
    assert len(view.missing) == 5
    assert view._button.disabled
    assert view._inputs.value.count("✗ missing") == 5
    with pytest.raises(MissingInput, match="phot_bp_mean_mag"):
        view.run()
    view.allow_missing = True
    assert view.missing == []
    assert not view._button.disabled
    view.model_name = "rave"
    assert any("912 pixels" in words for words in view.missing)
    view.stars = stars.to_pandas()[["ra", "dec"]]
    assert any("source_id" in words for words in view.missing)


def test_all_models_are_offered_with_what_they_are():
    words = [text for text, _ in Parametrizer()._choice.options]
    assert any(text.startswith("rave-guiglion2020 · to fetch") for text in words)
    assert "gaia-rvs (synthetic-trained) · in the package" in words
    view = Parametrizer(model="rave-guiglion2020")
    assert view._button.description == "Fetch and run"
    assert "Known" not in view._card_html.value
    assert "A&amp;A 644" in view._card_html.value


def test_cancel_keeps_what_is_done_and_a_new_kernel_goes_on(sample, model, monkeypatch):
    spectra, stars = sample
    view = Parametrizer(spectra, stars, model=model)
    monkeypatch.setattr(parametrizer_run, "chunk_size", lambda networks: 100)
    stop_after(monkeypatch, view, 2)
    assert done(view) == "stopped"
    assert len(view.partial) == 200
    assert view.labels is None
    assert view._button.description == "Resume"
    assert "200 stars are done" in view._result.value

    # Another widget, as after the end of the kernel: only the rest is predicted.
    again = Parametrizer(spectra, stars, model=model)
    count = stop_after(monkeypatch, again, 99)
    assert done(again) == "done"
    assert len(count) == 4
    assert again.labels.arrow.equals(model.predict(spectra, stars, progress=False).arrow)
    assert again.labels.provenance["unusable_spectra"] == 0
    # And nothing of it stays in the cache.
    assert list(parametrizer_run.settings().cache.joinpath("predictions").iterdir()) == []

    # The first widget goes on with what it has in memory.
    count.clear()
    assert done(view) == "done"
    assert view.labels.arrow.equals(again.labels.arrow)


def test_other_inputs_never_take_up_those_parts(sample, model):
    spectra, stars = sample
    given = parametrizer_run.PredictionInputs(spectra, None, stars)
    keys = {given.key(model)}
    brighter = SpectrumSet(
        spectra.source_id, spectra.wavelength, 2 * spectra.flux, spectra.error, spectra.mask
    )
    table = stars.to_pandas()
    table.loc[3, "j"] += 0.1
    for other in (
        parametrizer_run.PredictionInputs(brighter, None, stars),
        parametrizer_run.PredictionInputs(spectra, None, table),
        parametrizer_run.PredictionInputs(spectra, None, stars, allow_missing=True),
        parametrizer_run.PredictionInputs(spectra[:-1], None, stars),
        parametrizer_run.PredictionInputs(spectra, None, None),
    ):
        keys.add(other.key(model))
    assert len(keys) == 6


def test_damaged_parts_are_predicted_again(sample, model, monkeypatch):
    spectra, stars = sample
    view = Parametrizer(spectra, stars, model=model)
    monkeypatch.setattr(parametrizer_run, "chunk_size", lambda networks: 100)
    stop_after(monkeypatch, view, 1)
    assert done(view) == "stopped"
    folder = parametrizer_run.settings().cache / "predictions"
    for path in folder.rglob("part-*.parquet"):
        path.write_bytes(b"not a table")
    again = Parametrizer(spectra, stars, model=model)
    assert done(again) == "done"
    assert again.labels.arrow.equals(model.predict(spectra, stars, progress=False).arrow)


def test_a_cache_that_cannot_be_written_does_not_stop_it(sample, model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "file"))
    spectra, stars = sample
    view = Parametrizer(spectra[:5], stars, model=model)
    assert done(view) == "done"
    assert len(view.labels) == 5


def test_no_spectra_at_all_give_an_empty_table(sample, model):
    spectra, stars = sample
    view = Parametrizer(spectra[:0], stars, model=model)
    assert done(view) == "done"
    assert len(view.labels) == 0
    assert view._table.layout.display == "none"
    assert "no stars" in view._result.value


def test_a_hybrid_takes_xp_spectra_alone(sample):
    spectra, stars = sample
    table = stars.with_columns({"parallax": np.full(len(stars), 1.0)})
    view = Parametrizer(spectra[:20], table, model="gaia-rvs", allow_missing=True)
    assert view.missing == []
    assert done(view) == "done"
    wanted = load_model("gaia-rvs").predict(
        None, table, xp=spectra[:20], allow_missing=True, progress=False
    )
    assert view.labels.to_pandas().equals(wanted.to_pandas())  # NaN where there is no RVS
    assert "xp=" in view.to_code()


def test_flags_are_marked_by_signs_and_words_too(sample, model):
    spectra, stars = sample
    view = Parametrizer(spectra, stars, model=model)
    assert done(view) == "done"
    view._table._shown.value = "flagged only"
    assert "▲ " in view._table.html
    assert "✗ outside: Teff" in view._table.html
    view._table._shown.value = "good() only"
    assert "✗" not in view._table.html
    assert "±" in view._table.html
    assert f"{int(view.labels['good'].sum()):,} (" in view._result.value


def test_a_hundred_thousand_stars_are_shown_page_by_page(model, sample):
    spectra, stars = sample
    few = model.predict(spectra, stars, progress=False)
    many = few.take(np.arange(100_000) % len(few))
    view = Parametrizer(model=model)
    view._show_result(many, [])
    assert view._table.html.count("<tr>") == 21
    assert len(view._table.html) < 20_000
    view._table.turn(10**9)
    assert view._table._where.value == "rows 99,981 to 100,000 of 100,000"
    view._table.turn(-1)
    assert "99,961" in view._table._where.value


def test_a_reference_is_compared_with_the_good_stars(sample, model):
    from stellarnb.archives import open_archive

    spectra, stars = sample
    reference = open_archive("sample").query("SELECT * FROM apogee WHERE snr > 70")
    view = Parametrizer(spectra, stars, model=model, reference=reference)
    assert done(view) == "done"
    row = view.labels.good().compare(reference).arrow.to_pylist()[0]
    assert f'<td class="snb-number">{row["n"]}</td>' in view._compare._html.value
    assert "good.compare(" in view.to_code()
    view.reference = {"source_id": [1], "teff": [5000.0]}
    assert "No star has labels in both tables" in view._compare._html.value


def test_the_labels_go_to_a_variable_but_never_over_the_users(sample, model, monkeypatch):
    class Shell:
        user_ns = {"labels": "mine"}  # noqa: RUF012

    monkeypatch.setattr("stellarnb.widgets.core.variables._shell", lambda: shell)
    shell = Shell()
    spectra, stars = sample
    view = Parametrizer(spectra[:5], stars, model=model)
    assert done(view) == "done"
    assert shell.user_ns["labels"] == "mine"
    assert shell.user_ns["labels_2"] is view.labels
    assert "labels_2" in view._result.value
    view._name_box.value = "not a name"
    assert "cannot be the name" in view.status
    assert view._name_box.value == view.variable == "labels"


def test_the_state_comes_back_and_a_wrong_one_does_not(tmp_path):
    view = Parametrizer(model="gaia-rvs", allow_missing=True, variable="mine")
    again = Parametrizer(state=view.save(tmp_path / "state.json"))
    assert again.state_values() == view.state_values()
    with pytest.raises(InvalidInput):
        again.restore(view.state_values() | {"variable": "import os"})
    with pytest.raises(InvalidInput):
        again.restore(view.state_values() | {"model": "../../etc/passwd"})
    assert again.state_values() == view.state_values()


def test_wrong_arguments_are_named():
    with pytest.raises(InvalidInput, match="Did you mean 'spectra'"):
        Parametrizer(spectr=None)
    with pytest.raises(InvalidInput, match="SpectrumSet is needed"):
        Parametrizer([1, 2, 3])
    with pytest.raises(InvalidInput, match="No model"):
        Parametrizer(model="nothing")


def test_names_with_markup_stay_text(sample, model):
    spectra, stars = sample
    bad = "<img src=x>"
    view = Parametrizer(spectra[:3], stars, model=model)
    assert done(view) == "done"
    labels = view.labels.take(slice(None))
    labels.provenance = labels.provenance | {"model": bad, "line_check": bad}
    view._show_result(labels, [bad])
    assert bad not in view._result.value + view._table.html
    assert "&lt;img src=x&gt;" in view._result.value


def test_closing_leaves_nothing(leaves_nothing, sample, model):
    spectra, stars = sample

    def open_close():
        view = Parametrizer(spectra[:20], stars, model=model)
        view.run()
        view.close()

    leaves_nothing(open_close)
