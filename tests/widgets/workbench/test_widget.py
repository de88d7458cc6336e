import os

import pytest

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_model
from stellarnb.widgets.workbench.widget import PAGES, Workbench


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model():
    return load_model("xp-apogee")


@pytest.fixture
def start(model):
    """Make workbenches that have the model at hand; they are closed after the test."""
    made = []

    def start_(*args, **keywords):
        bench = Workbench(*args, **keywords)
        bench.parametrizer._model = model
        made.append(bench)
        return bench

    yield start_
    for bench in made:
        bench.close()


@pytest.fixture
def bench(start):
    return start()


def found(bench, limit=300):
    """Stars and spectra of the embedded archive."""
    bench.explorer.limit = limit
    bench.explorer.run()
    assert bench.explorer.wait(60) == "done", bench.explorer.status
    bench.explorer.fetch_spectra()
    assert bench.explorer.wait(60) == "done", bench.explorer.status


def predicted(bench):
    bench.parametrizer.run()
    assert bench.parametrizer.task.wait(120) == "done", bench.parametrizer.status


def mapped(bench, distance="spectroscopic"):
    bench.distance = distance
    bench.make_map()
    assert bench.task.wait(120) == "done", bench._map.bar.words
    assert bench.status == ""


def test_data_flow_from_the_query_to_the_selection_and_the_script_makes_it_again(bench):
    found(bench)
    assert bench.stars is bench.parametrizer.stars is bench.explorer.result
    assert bench.spectra is bench.parametrizer.spectra is bench.explorer.spectra
    assert bench.parametrizer.missing == []
    predicted(bench)
    assert bench.labels is bench.parametrizer.labels
    mapped(bench)
    assert "R" in bench.chemical_map.table
    bench.chemical_map.brush("kiel", (4200, 5400), (1.0, 3.5))
    selection = bench.selection
    assert 0 < len(selection) < len(bench.labels)

    names = {}
    exec(bench.to_code(), names)  # noqa: S102
    assert names["selection"].to_pandas().equals(selection.to_pandas())
    # The button 'Copy as Python' gives what is shown now.
    bench.take_selection()
    assert bench._foot.code == bench.to_code()


def test_the_map_needs_no_distances(bench):
    found(bench, 100)
    predicted(bench)
    mapped(bench, distance="")
    names = {}
    exec(bench.to_code(), names)  # noqa: S102
    assert "snb.place" not in bench.to_code()
    assert names["selection"].arrow.equals(bench.selection.arrow)


def test_the_page_of_the_spectra_is_made_when_it_is_opened(bench):
    bench.page = 1
    assert bench.spectrum_viewer is None
    found(bench, 20)
    assert bench.spectrum_viewer is not None
    bench.page = 0
    found(bench, 30)
    assert bench.spectrum_viewer is None


def test_other_stars_let_go_of_what_was_found_for_the_ones_before(bench):
    found(bench, 50)
    predicted(bench)
    mapped(bench)
    bench.explorer.limit = 20
    bench.explorer.run()
    assert bench.explorer.wait(60) == "done"
    assert len(bench.stars) == 20
    assert bench.spectra is bench.labels is bench.parametrizer.labels is bench.chemical_map is None
    with pytest.raises(MissingInput, match="no map yet"):
        _ = bench.selection
    with pytest.raises(MissingInput, match="No labels yet"):
        bench.make_map()
    assert "predict" not in bench.to_code()


def test_an_empty_result_is_no_end(bench):
    bench.explorer.filters = {"phot_g_mean_mag": (-3, -2)}
    bench.explorer.run()
    assert bench.explorer.wait(60) == "done"
    assert len(bench.stars) == 0
    assert bench.status == ""
    assert "0 stars" in bench._line.value


def test_stars_of_ones_own_go_the_same_way(start):
    from stellarnb.archives import open_archive

    archive = open_archive("sample")
    stars = archive.query("SELECT TOP 60 * FROM stars")
    spectra = archive.spectra(stars)
    bench = start(stars=stars, spectra=spectra)
    predicted(bench)
    mapped(bench, distance="")
    names = {"stars": stars, "spectra": spectra}
    exec(bench.to_code(), names)  # noqa: S102
    assert names["selection"].arrow.equals(bench.selection.arrow)


def test_the_state_brings_the_forms_and_the_map_back(bench, start, tmp_path):
    found(bench, 200)
    predicted(bench)
    mapped(bench)
    bench.chemical_map.brush("kiel", (4200, 5400), (1.0, 3.5))
    bench.page = 3
    path = bench.save(tmp_path / "bench.json")
    again = start(state=path)
    assert again.state_values() == bench.state_values()
    found(again, 200)
    predicted(again)
    again.make_map()
    assert again.task.wait(120) == "done"
    assert again.selection.to_pandas().equals(bench.selection.to_pandas())


def test_a_wrong_state_and_wrong_arguments_are_refused(bench, tmp_path):
    with pytest.raises(InvalidInput, match="Did you mean 'archive'"):
        Workbench(archiv="sample")
    with pytest.raises(InvalidInput):
        bench.page = len(PAGES)
    values = bench.state_values()
    for name, wrong in (("page", 99), ("map", {"distance": "x", "variable": "a", "map": None})):
        with pytest.raises(InvalidInput):
            bench.restore(values | {name: wrong})
        assert bench.state_values() == values
    with pytest.raises(InvalidInput):
        bench.distance = "by eye"


def test_the_next_page_is_one_button_away(bench):
    for number, title in enumerate(PAGES[1:5], 1):
        assert bench._next.description == f"Next: {title}"
        bench._next.click()
        assert bench.page == bench._tabs.selected_index == number
    assert bench._next.layout.display == "none"


def test_the_model_of_the_prediction_has_its_card_open(bench):
    bench.parametrizer.model_name = "gaia-rvs"
    assert bench.model_card.card.name == "gaia-rvs"


def test_closing_leaves_nothing(leaves_nothing):
    leaves_nothing(lambda: Workbench().close())


def test_closing_with_all_pages_made_leaves_nothing(leaves_nothing, model):
    from stellarnb.archives import open_archive

    archive = open_archive("sample")
    stars = archive.query("SELECT TOP 60 * FROM stars")
    spectra = archive.spectra(stars)

    def open_close():
        bench = Workbench(stars=stars, spectra=spectra)
        bench.parametrizer._model = model
        bench.page = 1
        predicted(bench)
        mapped(bench, distance="")
        bench.page = 4
        assert bench.spectrum_viewer is not None
        assert bench.validation is not None
        bench.close()

    # A second each: a hundred by STELLARNB_CYCLES=100.
    cycles = int(os.environ.get("STELLARNB_CYCLES", "6"))
    leaves_nothing(open_close, cycles=cycles, warm=max(6, cycles // 5))
