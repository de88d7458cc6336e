"""What the linked map does beyond zooming: brush, bins, cuts, stars, undo, state."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.cartography import Aggregate, Bins
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Table
from stellarnb.widgets import ChemicalMap
from stellarnb.widgets.chemical_map.star_card import REACH, nearest
from stellarnb.widgets.chemical_map.state import Brush, History, MapState

PANELS = ["kiel", "tinsley_wallerstein", "r_z", "sky"]


def request(view, **what):
    """Let the page send a request, as link.js does."""
    number = str(np.random.default_rng().integers(1 << 60))
    view._page.link.mailbox.message = {"id": number, "requests": [what]}
    assert view._page.link.mailbox.answered == number


def children(widget, kind):
    for child in getattr(widget, "children", ()):
        if type(child).__name__ == kind:
            yield child
        yield from children(child, kind)


def same(view):
    """Whether the map's code, run in a namespace of its own, selects what the map does."""
    names = {"labels": view.table}
    exec(view.to_code(), names)  # noqa: S102
    return np.array_equal(names["selection"]["source_id"], view.selection["source_id"])


def test_a_brush_in_one_panel_shows_in_all(placed):
    view = ChemicalMap(placed, panels=PANELS, good_only=False)
    request(view, kind="brush", key="r_z", x=[12.0, 6.0], y=[1.0, -1.0])
    r, z = placed["R"], placed["Z"]
    inside = (r >= 6) & (r <= 12) & (z >= -1) & (z <= 1)
    for live in view.figures.values():
        assert live.picture.n_in == inside.sum()
        # All other stars are still there, in grey.
        assert np.isfinite(live.picture.back).sum() > np.isfinite(live.picture.front).sum()
    assert len(view.selection) == inside.sum()
    view.clear_brush()
    assert view.figures["kiel"].picture.n_in > inside.sum()


def test_the_grey_background_is_not_counted_again_for_a_brush(placed, monkeypatch):
    view = ChemicalMap(placed, panels=PANELS, good_only=False)
    calls = []
    added = Aggregate.add
    monkeypatch.setattr(
        Aggregate, "add", lambda *a, **k: calls.append(k.get("where")) or added(*a, **k)
    )
    view.brush("kiel", (4500, 4900), (2, 3))
    assert len(calls) == len(PANELS)
    assert all(where is not None for where in calls)


@pytest.mark.parametrize("key", PANELS)
def test_a_lasso_and_its_code_choose_the_same_stars(placed, key):
    view = ChemicalMap(placed, panels=PANELS)
    (x0, x1), (y0, y1) = view.figures[key].panel.home
    shape = np.array([[0.3, 0.3], [0.7, 0.35], [0.6, 0.8], [0.5, 0.4], [0.35, 0.7]])
    x, y = x0 + shape[:, 0] * (x1 - x0), y0 + shape[:, 1] * (y1 - y0)
    request(view, kind="brush", key=key, x=x.tolist(), y=y.tolist())
    assert same(view)
    assert 0 < len(view.selection) < len(placed)


def test_bins_snr_and_flags_cut_together(placed):
    view = ChemicalMap(placed, panels=PANELS)
    view.bins = [(0, 2), (1, 3)]
    view.snr = (40, 120)
    view.unflagged = ["m_h_flag"]
    z, r, snr = np.abs(placed["Z"]), placed["R"], placed["snr"]
    inside = ((z < 0.5) & (r >= 7) & (r < 9)) | ((z >= 0.5) & (z < 1) & (r >= 9) & (r < 11))
    inside &= (snr >= 40) & (snr <= 120) & ~placed["m_h_flag"] & placed["good"]
    assert len(view.selection) == inside.sum() > 0
    assert same(view)


def test_each_control_moves_with_its_twin(placed):
    view = ChemicalMap(placed, panels=PANELS)
    (slider,) = children(view, "FloatRangeSlider")
    (flags,) = children(view, "SelectMultiple")
    buttons = list(children(view, "ToggleButton"))
    (drag,) = children(view, "ToggleButtons")
    slider.value = (30.0, 90.0)
    assert view.snr == (30.0, 90.0)
    view.snr = None
    assert slider.value == (slider.min, slider.max)
    flags.value = ("teff_flag",)
    assert view.unflagged == ("teff_flag",)
    view.bins = [(2, 0)]
    assert [button.value for button in buttons].count(True) == 1
    picked = next(button for button in buttons if button.value)
    picked.value = False
    assert view.bins == []
    drag.value = "lasso"
    tools = {type(live.figure.toolbar.active_drag).__name__ for live in view.figures.values()}
    assert tools == {"LassoSelectTool"}


def test_undo_goes_back_step_by_step(placed):
    view = ChemicalMap(placed, panels=PANELS)
    states = [view.state]
    view.brush("kiel", (4500, 4900), (2, 3))
    states.append(view.state)
    view.color_by = "m_h"
    states.append(view.state)
    view.bins = [(0, 1)]
    states.append(view.state)
    view.zoom("kiel", (4500, 4900), (2, 3))
    for state in reversed(states):
        view.undo()
        assert view.state == state
    view.undo()
    assert view.state == states[0]


def test_the_steps_of_one_turn_of_the_wheel_are_one_step_back():
    history = History(MapState())
    for width in (3, 2, 1):
        history.add(MapState(views={"kiel": ((0, width), (0, 1))}))
    history.add(MapState(views={"kiel": ((0, 1), (0, 1))}, color_by="teff"))
    assert len(history) == 2
    assert history.back().color_by == "count"
    assert history.back() == MapState()
    assert history.back() is None


def test_the_state_is_saved_and_comes_back(placed, tmp_path):
    view = ChemicalMap(placed, panels=[*PANELS, ("snr", "m_h")], grid=Bins(z=(0, 1, 3)))
    view.brush("sky", [-1, 1, 0.4, -0.7], [-0.6, -0.5, 0.8, 0.7])
    view.bins = [(1, 2)]
    view.snr = (20, 100)
    view.color_by = "alpha_m"
    view.zoom("snr:m_h", (20, 90), (-0.6, 0.4))
    path = view.save(tmp_path / "map.json")
    again = ChemicalMap(placed, state=path)
    assert again.state == view.state
    assert list(again.figures) == list(view.figures)
    assert np.array_equal(again.selection["source_id"], view.selection["source_id"])
    view.reset()
    view.bins = []
    view.restore(path)
    assert view.state == again.state


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"format": "stellarnb chemical map", "version": 99}',
        json.dumps(json.loads(MapState().to_json(["kiel"], Bins())) | {"bins": [[9, 9]]}),
        json.dumps(json.loads(MapState().to_json(["kiel"], Bins())) | {"snr": ["a", 1]}),
        json.dumps(json.loads(MapState().to_json(["kiel"], Bins())) | {"views": {"kiel": 3}}),
    ],
)
def test_a_file_that_is_no_state_is_refused(placed, tmp_path, text):
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="not a saved chemical map"):
        ChemicalMap(placed, state=path)


def test_a_state_that_does_not_fit_leaves_the_map_as_it_was(placed, tmp_path):
    path = tmp_path / "map.json"
    path.write_text(MapState(color_by="mass", snr=(20, 30)).to_json(["kiel"], Bins()))
    view = ChemicalMap(placed, panels=PANELS, color_by="teff")
    before = view.state
    with pytest.raises(InvalidInput, match="mass"):
        view.restore(path)
    assert view.state == before
    with pytest.raises(InvalidInput, match="cannot be read"):
        view.restore(tmp_path / "none.json")


@settings(max_examples=60, deadline=None)
@given(
    st.builds(
        MapState,
        color_by=st.sampled_from(["count", "m_h"]),
        good_only=st.booleans(),
        snr=st.none() | st.tuples(st.floats(1, 50), st.floats(51, 900)),
        unflagged=st.just(()) | st.just(("teff_flag",)),
        bins=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=4).map(tuple),
        brush=st.none()
        | st.builds(
            lambda x, y: Brush.of("kiel", x, y),
            st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4),
            st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4),
        ),
        views=st.dictionaries(
            st.sampled_from(PANELS),
            st.tuples(
                st.tuples(st.floats(-9, 0), st.floats(1, 9)),
                st.tuples(st.floats(-9, 0), st.floats(1, 9)),
            ),
            max_size=2,
        ),
    )
)
def test_any_state_survives_json(state):
    back, panels, grid = MapState.from_json(state.to_json(PANELS, Bins()))
    assert (back, panels, grid) == (state, PANELS, Bins())


def test_any_brush_chooses_what_its_code_does(placed):
    view = ChemicalMap(placed, panels=["tinsley_wallerstein", "r_z"])

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(list(view.figures)), st.integers(2, 6), st.data())
    def check(key, n, data):
        places = st.lists(st.floats(-2, 16, allow_nan=False), min_size=n, max_size=n)
        view.brush(key, data.draw(places), data.draw(places))
        assert same(view)

    check()


def test_a_tap_names_the_star_and_shows_its_spectrum(placed):
    spectra = SpectrumSet(
        placed["source_id"][:5],
        np.arange(336.0, 1021.0, 2.0),
        np.ones((5, 343)) * np.arange(1, 6)[:, None],
    )
    view = ChemicalMap(placed, panels=PANELS, spectra=spectra, good_only=False)
    at = view.figures["kiel"].place(3)
    request(view, kind="tap", key="kiel", x=at[0], y=at[1], dx=0.5, dy=0.001)
    assert view.star == 3
    card = view._card.value
    assert "source_id 13" in card
    assert f"{placed['teff'][3]:.0f} ± {placed['teff_error'][3]:.0f} K" in card
    assert view._spectrum._source.data["flux"][0] == 4.0
    view.star = 7
    assert view._spectrum.figure.title.text == "Spectrum: not at hand for this star"
    request(view, kind="tap", key="kiel", x=1e6, y=1e6, dx=0.5, dy=0.001)
    assert view.star is None
    assert view._card.value == ""


def test_the_mouse_at_rest_shows_a_star_in_words(placed):
    view = ChemicalMap(placed, panels=PANELS, good_only=False)
    live = view.figures["tinsley_wallerstein"]
    x, y = live.place(9)
    request(view, kind="hover", key="tinsley_wallerstein", x=x, y=y, dx=1e-4, dy=1e-4)
    label = live._hover
    assert label.visible
    assert label.text.startswith("source_id 19")
    request(view, kind="leave", key="tinsley_wallerstein")
    assert not label.visible


def test_a_star_from_outside_never_becomes_markup(placed):
    table = placed.to_pandas().assign(name="<script>x</script>")
    view = ChemicalMap(table, panels=PANELS)
    view.star = 1
    assert "<script>" not in view._card.value
    assert "&lt;script&gt;" in view._card.value


def test_only_a_star_within_reach_is_meant():
    x, y = np.array([0.0, 5.0, np.nan], np.float32), np.array([0.0, 5.0, 1.0], np.float32)
    assert nearest(x, y, (-0.5 * REACH, 0), (1, 1)) == 0
    assert nearest(x, y, (2 * REACH, 0), (1, 1)) is None
    assert nearest(x, y, (0, 0), (1, 1), np.array([False, True, True])) == 1
    assert nearest(x[:0], y[:0], (0, 0), (1, 1)) is None


def test_panels_are_the_users_choice(placed):
    assert list(ChemicalMap(placed).figures) == ["kiel", "tinsley_wallerstein", "sky", "r_z"]
    view = ChemicalMap(placed, panels=[("snr", "teff_error"), "x:y" if "x" in placed else "R:m_h"])
    assert list(view.figures) == ["snr:teff_error", "R:m_h"]
    assert view.figures["R:m_h"].panel.y_title == "[M/H] [dex]"
    for wrong, words in (
        (["keil"], "spelling"),
        (["kiel", "kiel"], "twice"),
        ("kiel", "list"),
        ([3], "neither"),
        ([], "list"),
    ):
        with pytest.raises(InvalidInput, match=words):
            ChemicalMap(placed, panels=wrong)
    with pytest.raises(MissingInput, match="'X'"):
        ChemicalMap(placed, panels=["x_y"])
    with pytest.raises(InvalidInput, match="no numbers"):
        ChemicalMap(placed.to_pandas().assign(kind="thin"), panels=["kind:snr"])


def test_what_a_map_cannot_do_is_refused_and_it_stays_as_it_is(placed, labels):
    view = ChemicalMap(placed, panels=PANELS)
    before = view.state
    for change, words in (
        ({"snr": (30, 30)}, "two different"),
        ({"snr": "high"}, "pair"),
        ({"unflagged": ["good"]}, "no flag 'good'"),
        ({"bins": [(3, 0)]}, "no bin"),
        ({"star": 10**6}, "row"),
    ):
        with pytest.raises(InvalidInput, match=words):
            view.set_trait(*next(iter(change.items())))
    for x, y in (((0, np.inf), (0, 1)), ((1,), (1,)), (("a", "b"), (0, 1)), ((0, 1, 2), (0, 1))):
        with pytest.raises(InvalidInput, match="brush"):
            view.brush("kiel", x, y)
    assert view.state == before
    plain = ChemicalMap(labels)
    with pytest.raises(MissingInput, match="snr"):
        plain.snr = (1, 2)
    with pytest.raises(MissingInput, match="place"):
        plain.bins = [(0, 0)]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_star_and_one_star_work(placed, rows):
    view = ChemicalMap(placed.take(slice(5, 5 + rows)), panels=PANELS)
    captions = {live.picture.caption for live in view.figures.values()}
    assert captions <= {"no stars", "1 star"}
    view.brush("kiel", (0, 1), (0, 1))
    assert len(view.selection) == 0
    assert {live.picture.caption for live in view.figures.values()} == {"no stars"}


def test_nan_columns_infinities_and_masked_columns_work(placed):
    columns = {name: np.array(placed[name]) for name in placed.colnames}
    columns["alpha_m"][:] = np.nan
    columns["m_h"][:3] = np.inf
    columns["R"] = np.ma.MaskedArray(columns["R"], columns["R"] > 9)
    columns["snr"][:] = 30.0
    view = ChemicalMap(Table(columns), panels=PANELS, color_by="alpha_m")
    assert view.figures["tinsley_wallerstein"].picture.caption.startswith("no stars")
    assert view.figures["r_z"].picture.n_left_out > 0
    assert list(children(view, "FloatRangeSlider")) == []


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_a_brushed_map_is_saved_as_vectors(placed, tmp_path, ending):
    view = ChemicalMap(placed, panels=PANELS)
    view.brush("kiel", (4500, 4900), (2, 3))
    content = view.save(tmp_path / f"map.{ending}").read_bytes()
    assert content.startswith(b"%PDF" if ending == "pdf" else b"<?xml")


def test_made_up_stars_are_called_so(placed):
    view = ChemicalMap(placed, panels=PANELS)
    assert all("mock" in live.figure.title.text for live in view.figures.values())
    assert "(mock)" in view.children[0].value


def test_the_page_gets_one_message_for_all_panels(placed):
    view = ChemicalMap(placed, panels=PANELS, good_only=False)
    sent = []
    view._page.live.send = lambda content, buffers=None: sent.append((content, buffers))
    request(view, kind="brush", key="r_z", x=[6.0, 12.0], y=[-1.0, 1.0])
    texts = [json.loads(c["payload"]) for c, b in sent if b is None]
    patches = [text["events"] for text in texts if "events" in text]
    # Beside the request itself, which is the test's own doing.
    (answer,) = (events for events in patches if events[0]["attr"] != "message")
    changed = {event["model"]["id"] for event in answer}
    assert {live._source.id for live in view.figures.values()} <= changed
    # The pixels travel as bytes.
    assert sum(b is not None for _, b in sent) >= len(PANELS)


def test_a_zoom_sends_the_zoomed_panel_alone(placed):
    view = ChemicalMap(placed, panels=PANELS)
    sent = []
    view._page.live.send = lambda content, buffers=None: sent.append((content, buffers))
    request(view, kind="view", key="kiel", x=[5000, 4500], y=[3, 2], width=340, height=320)
    text = json.dumps([content for content, _ in sent])
    for key, live in view.figures.items():
        assert (live._source.id in text) == (key == "kiel")
    # Its ranges are known to the page already.
    assert view.figures["kiel"].figure.x_range.id not in text
