import json
import threading
import tracemalloc

import numpy as np
import pytest

import stellarnb as snb
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import load_emulator, load_model
from stellarnb.spectra import SpectrumSet
from stellarnb.views.data.lines import LINES, Line, lines_in
from stellarnb.widgets.spectrum_viewer.source import SpectrumSource

BIG = 4_611_686_018_427_387_905  # two above 2**62: no float holds it


@pytest.fixture(scope="module")
def model():
    return load_model("gaia-rvs")


@pytest.fixture(scope="module")
def spectra():
    """Twelve emulated stars with S/N 100; of the last one nothing is left, and names are markup."""
    n = 12
    labels = {
        "teff": np.linspace(4500, 6000, n),
        "logg": np.linspace(2.0, 4.4, n),
        "fe_h": np.full(n, -0.2),
    }
    made = load_emulator("gaia-rvs").spectra(labels, "gaia-rvs")
    mask = np.zeros(made.flux.shape, dtype=bool)
    mask[:, :25] = True
    mask[-1] = True
    names = [f"<b>star {i}</b>" for i in range(n)]
    ids = BIG + 2 * np.arange(n, dtype=np.int64)
    clean = SpectrumSet(ids, made.wavelength, made.flux, None, mask, "gaia-rvs", names=names)
    return clean.degrade(snr=100.0)


@pytest.fixture
def view(spectra, model):
    made = snb.SpectrumViewer(spectra, model=model)
    yield made
    made.close()


def sent(viewer, monkeypatch):
    """Note what the page is sent."""
    messages = []
    monkeypatch.setattr(
        viewer._front, "send", lambda content, buffers=None: messages.append((content, buffers))
    )
    return messages


def page(viewer, **content):
    viewer._hear(None, content, None)


def test_the_labels_are_those_of_the_code_that_it_shows(view, spectra, model):
    view.row, view.snr, view.resolution = 3, 40.0, 6000.0
    names = {"spectra": spectra, "snb": snb}
    exec(view.to_code().split("viewer =")[0], names)  # noqa: S102 - our own code
    found = {row.name: (row.value, row.error) for row in view.shown_labels.rows}
    for name in model.card.labels:
        predicted = names["predicted"]
        want = predicted[name.name][0], predicted[f"{name.name}_error"][0]
        assert found[name.name] == pytest.approx(want, rel=1e-6)
    assert "synthetic-trained" in view.shown_labels.origin
    assert "viewer.snr = 40.0" in view.to_code()


def test_the_emulator_fits_the_spectrum_that_it_made(view):
    star = view.shown
    over = view._source.overlay(star, view.shown_labels, degraded=False)
    use = ~star.mask[0]
    pull = (star.flux[0] - over.flux)[use] / star.error[0][use]
    assert 0.9 < np.std(pull) < 1.3
    assert "synthetic-trained" in over.words


def test_the_emulator_is_seen_at_the_degraded_resolution(view):
    view.resolution = 4000.0
    star, labels = view.shown, view.shown_labels
    blurred = view._source.overlay(star, labels, degraded=True).flux
    sharp = view._source.overlay(star, labels, degraded=False).flux
    use = ~star.mask[0]
    assert np.std((star.flux[0] - blurred)[use]) < 0.7 * np.std((star.flux[0] - sharp)[use])


def test_the_sensitivity_is_that_of_the_model(view, spectra, model):
    view.label = "logg"
    view._work.wait(30)
    want = model.explain(spectra[0:1], "logg")
    np.testing.assert_allclose(view._sensitivity[1].value, want.sensitivity[0], rtol=1e-5)


def test_without_a_spectrum_it_says_so(spectra):
    with pytest.raises(InvalidInput, match="the set is empty"):
        snb.SpectrumViewer(spectra[:0])
    with pytest.raises(InvalidInput, match="takes a SpectrumSet"):
        snb.SpectrumViewer(spectra.flux)
    with pytest.raises(InvalidInput, match="Did you mean 'model'"):
        snb.SpectrumViewer(spectra, modle="x")


def test_one_spectrum_is_enough_and_stepping_stops_at_its_ends(spectra):
    view = snb.SpectrumViewer(spectra[:1])
    view.step()
    view.step(-5)
    assert view.row == 0
    assert view.shown_labels is None
    view.close()


def test_a_star_without_a_pixel_has_no_labels_and_no_emulator(view):
    view.row = len(view._source) - 1
    labels = view.shown_labels
    assert not np.isfinite(labels.rows[0].value)
    assert "no Teff" in view._source.overlay(view.shown, labels, degraded=False).words
    assert view.still_picture().startswith(b"\x89PNG")


def test_flux_that_is_not_a_number_is_masked_and_travels(spectra, monkeypatch):
    flux = spectra.flux.copy()
    flux[2, 100:200] = np.nan
    broken = SpectrumSet(spectra.source_id, spectra.wavelength, flux, None, None, "gaia-rvs")
    view = snb.SpectrumViewer(broken)
    messages = sent(view, monkeypatch)
    page(view, kind="want", rows=[2, 99, "x"])
    content, buffers = messages[-1]
    assert content["rows"] == [2]
    assert np.frombuffer(buffers[-1], np.uint8)[100:200].all()
    json.dumps(content, allow_nan=False)
    view.close()


def test_spectra_of_another_grid_are_shown_and_the_reason_is_told(spectra, model, monkeypatch):
    view = snb.SpectrumViewer(spectra.to_instrument("rave"), model=model)
    messages = sent(view, monkeypatch)
    page(view, kind="hello")
    view._work.wait(30)
    words = [m["words"] for m, _ in messages if m["kind"] == "labels"]
    assert "These are RAVE DR6 spectrum spectra" in words[-1]
    assert view.status == ""
    view.close()


def test_a_huge_set_is_not_copied():
    n = 100_000
    flux = np.ones((n, 40), dtype=np.float32)
    many = SpectrumSet(np.arange(n), np.linspace(846.0, 846.39, 40), flux, None, None, "gaia-rvs")
    tracemalloc.start()
    view = snb.SpectrumViewer(many)
    view.row = n - 1
    view.jump(50_000)
    view.still_picture()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.shares_memory(view._source.spectra.flux, flux)
    assert peak < 0.5 * flux.nbytes
    view.close()


def test_a_star_is_found_by_its_exact_source_id_its_name_or_its_number(view):
    view.jump(BIG + 6)
    assert view.row == 3
    assert view.source_id == BIG + 6
    view.jump("<b>star 5</b>")
    assert view.row == 5
    view.jump("#2")
    assert view.row == 1
    with pytest.raises(InvalidInput, match="No spectrum of"):
        view.jump(BIG + 7)
    page(view, kind="jump", text="<script>")
    assert "No spectrum of '<script>'" in view.status
    page(view, kind="jump", text=str(BIG + 8))
    assert (view.row, view.status) == (4, "")


def test_an_identifier_travels_as_text(view, monkeypatch):
    messages = sent(view, monkeypatch)
    page(view, kind="want", rows=[1])
    assert messages[-1][0]["ids"] == [str(BIG + 2)]


def test_the_newest_wish_wins_and_nothing_queues_up(view, monkeypatch):
    view._work.wait(30)
    began, go, seen = threading.Event(), threading.Event(), []
    predict = view._source.star_labels

    def slow(row, star):
        seen.append(row)
        began.set()
        go.wait(10)
        return predict(row, star)

    monkeypatch.setattr(view._source, "star_labels", slow)
    messages = sent(view, monkeypatch)
    view.row = 1
    began.wait(10)
    for row in range(2, 9):
        view.row = row
    go.set()
    assert view.shown_labels is not None
    view._work.wait(30)
    assert seen == [1, 8]
    assert {m["row"] for m, _ in messages} == {8}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("row", 12, "from 0 to 11"),
        ("row", 1.0, "from 0 to 11"),
        ("resolution", 20000.0, "never"),
        ("resolution", -1, "positive"),
        ("snr", float("nan"), "positive"),
        ("label", "vmic", "give one of teff"),
        ("lines", ["Fe XV"], "no 'Fe XV' here"),
        ("show", "mask", "list of names"),
        ("view", (900.0, 910.0), "from 846 to 870"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(view, name, value, words):
    before = getattr(view, name)
    with pytest.raises(InvalidInput, match=words):
        setattr(view, name, value)
    assert getattr(view, name) == before


def test_what_the_page_may_not_ask_is_said_in_place_and_taken_back(view):
    view._front.snr = -3.0
    assert "positive" in view.status
    assert view._front.snr is None
    view._front.snr = 30.0
    assert (view.snr, view.status) == (30.0, "")


def test_the_state_comes_back_by_the_star(view, spectra, tmp_path):
    view.row, view.snr, view.view, view.lines = 4, 25.0, (849.0, 851.0), ("Ca II",)
    path = view.save(tmp_path / "viewer.json")
    # The same star in another place of another set.
    again = snb.SpectrumViewer(spectra[2:], model=view._source.model, state=path)
    assert again.source_id == view.source_id
    assert (again.row, again.snr, again.view, again.lines) == (2, 25.0, (849.0, 851.0), ("Ca II",))
    with pytest.raises(InvalidInput):
        again.restore({**view.state_values(), "snr": "many"})
    assert again.snr == 25.0
    again.close()


def test_names_are_text_in_what_a_saved_notebook_shows(view):
    html = view._still_bundle()["text/html"]
    assert "<b>" not in html
    assert "&lt;b&gt;star 0" in html


def test_known_labels_are_shown_without_a_model(spectra):
    known = snb.Labels(
        {
            "source_id": spectra.source_id[:3],
            "teff": [4500.0, 4600.0, 4700.0],
            "teff_error": [50.0, 60.0, 70.0],
            "logg": [2.0, 2.2, 2.4],
            "fe_h": [-0.2, -0.2, -0.2],
        }
    )
    view = snb.SpectrumViewer(spectra, labels=known)
    view.row = 1
    row = view.shown_labels.rows[0]
    assert (row.value, row.error) == (4600.0, 60.0)
    assert "overlay" in view.show
    assert "sensitivity" not in view.show
    view.row = 5
    assert view.shown_labels is None
    with pytest.raises(MissingInput, match="no column source_id"):
        snb.SpectrumViewer(spectra, labels={"teff": [4500.0]})
    view.close()


def test_stars_are_joined_by_source_id(spectra, model):
    stars = {"source_id": spectra.source_id[::-1], "phot_g_mean_mag": np.arange(12.0)}
    source = SpectrumSource(spectra, stars, None, model)
    assert source._star(0)["phot_g_mean_mag"].to_pylist() == [11.0]


def test_lines_lie_in_air_or_vacuum_as_the_spectrum_does(spectra):
    def triplet(some):
        lines, places = lines_in(some)
        return [at for line, at in zip(lines, places, strict=True) if line.group == "Ca II"]

    assert triplet(spectra) == pytest.approx([850.035, 854.444, 866.452], abs=6e-4)
    assert triplet(spectra.to_instrument("rave")) == pytest.approx([8498.02, 8542.09, 8662.14])
    with pytest.raises(InvalidInput, match="is not a line"):
        lines_in(spectra, ["Ca II"])


@pytest.mark.parametrize("window", ["cat", "hr15n"])
def test_each_line_in_an_emulators_window_is_a_line_of_its_element(window):
    """The spectrum of a cool star is darker there with more of the element, within 0.12 Å."""
    emulator = load_emulator(window)
    of = {
        "Fe I": "fe_h",
        "Ca II": "ca_fe",
        "Ca I": "ca_fe",
        "Li I": "a_li",
        "H I": None,
        "Ba II": None,
    }
    stars = [
        {"teff": [4600.0], "logg": [2.3], "fe_h": [-0.1]},
        {"teff": [5700.0], "logg": [4.4], "fe_h": [0.0]},
    ]
    grid, checked = emulator.wavelength, 0
    gains = []
    for star in stars:
        base = emulator.as_labels(star)
        flux = emulator.flux(base)[0]
        gain = {}
        for i, name in enumerate(emulator.names):
            more = base.copy()
            more[0, i] += 0.1
            gain[name] = flux - emulator.flux(more)[0]
        gains.append(gain)
    for line in LINES:
        label = of.get(line.group, f"{line.group.split()[0].lower()}_fe")
        if label not in emulator.names or not grid[5] < line.air < grid[-5]:
            continue
        near = np.abs(grid - line.air) <= 0.12
        beside = np.abs(grid - line.air) <= 0.5
        darker = [g[label][near].max() for g in gains]
        # The cores of Ca II are saturated: what grows there are the wings.
        if line.group != "Ca II":
            assert (
                any(g[label][near].max() >= 0.999 * g[label][beside].max() for g in gains)
                or max(darker) > 0.01
            ), line
        assert max(darker) > 0.001, line
        checked += 1
    assert checked > 20


def test_an_own_list_of_lines_is_marked(spectra):
    view = snb.SpectrumViewer(spectra, lines=[Line("mine", "x", 8600.0)])
    assert view.line_groups == view.lines == ("mine",)
    view.close()


def test_it_leaves_nothing_behind(spectra, model, leaves_nothing):
    def once():
        view = snb.SpectrumViewer(spectra, model=model)
        view.row = 3
        assert view.shown_labels is not None
        view.close()

    leaves_nothing(once)
