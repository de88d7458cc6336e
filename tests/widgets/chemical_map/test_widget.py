import json

import numpy as np
import pytest

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.views.live.figure import MapFigure
from stellarnb.widgets import ChemicalMap


def texts(widget, kind="HTML", name="value"):
    """Return all HTML of a widget and its children; or what stands in parts of another kind."""
    own = [getattr(widget, name)] if type(widget).__name__ == kind else []
    inside = getattr(widget, "children", ())
    return own + [text for child in inside for text in texts(child, kind, name)]


def said(widget):
    """Return the lines of plain text, which the page never reads as HTML."""
    return texts(widget, "Said", "text")


def send(view, *requests):
    """Let the page send a request, as link.js does."""
    number = str(np.random.default_rng().integers(1 << 60))
    view._page.link.mailbox.message = {"id": number, "requests": list(requests)}
    assert view._page.link.mailbox.answered == number


def zoom_request(key, x, y, size=(300, 280)):
    return {"kind": "view", "key": key, "x": x, "y": y, "width": size[0], "height": size[1]}


def find(widget, kind):
    for child in getattr(widget, "children", ()):
        found = child if type(child).__name__ == kind else find(child, kind)
        if found is not None:
            return found
    return None


def test_it_starts_with_the_recommended_cut(labels):
    view = ChemicalMap(labels)
    assert view.good_only
    assert len(view.selection) == labels["good"].sum()
    assert set(view.figures) == {"kiel", "tinsley_wallerstein", "sky"}


def test_each_control_and_its_twin_move_together(labels):
    view = ChemicalMap(labels)
    box, menu = find(view, "Checkbox"), find(view, "Dropdown")
    before = view.figures["kiel"].picture
    box.value = False
    assert view.good_only is False
    view.color_by = "alpha_m"
    assert menu.value == "alpha_m"
    after = view.figures["kiel"].picture
    assert after.n_in > before.n_in
    assert after.bar_title == "mean [α/M] [dex]"


def test_the_reset_button_shows_all_stars_again(labels):
    view = ChemicalMap(labels)
    view.zoom("kiel", (4500, 4600), (2, 3))
    assert "kiel" in view.views
    find(view, "Button").click()
    assert view.views == {}


@pytest.mark.parametrize("good_only", [True, False])
def test_the_code_makes_the_selection_again(labels, good_only):
    view = ChemicalMap(labels, good_only=good_only)
    view.zoom("kiel", (4400, 5200), (1.8, 3.3))
    view.zoom("tinsley_wallerstein", (-0.5, 0.1), (0.0, 0.2))
    view.zoom("sky", (-1.5, 1.1), (-0.9, 0.7))
    names = {"labels": labels}
    exec(view.to_code(), names)  # noqa: S102
    selection = view.selection
    assert names["selection"].arrow.equals(selection.arrow)
    assert 0 < len(selection) < 200


def test_the_selection_of_one_zoomed_diagram_is_what_it_shows(labels):
    view = ChemicalMap(labels)
    for key, x, y in (("kiel", (4400, 5200), (1.8, 3.3)), ("sky", (-1.5, 1.1), (-0.9, 0.7))):
        view.reset()
        view.zoom(key, x, y)
        assert len(view.selection) == view.figures[key].picture.n_in > 0


def test_two_maps_share_nothing(labels):
    one, other = ChemicalMap(labels), ChemicalMap(labels)
    one.color_by = "teff"
    one.good_only = False
    one.zoom("kiel", (4400, 5200), (1.8, 3.3))
    assert (other.color_by, other.good_only, other.views) == ("count", True, {})


def test_a_figure_that_is_shown_late_is_shown_as_it_is_now(labels):
    view = ChemicalMap(labels)
    view.zoom("kiel", (4400, 5200), (1.8, 3.3))
    state = find(view, "LiveModel").get_state()
    (document,) = json.loads(state["render_bundle"])["docs_json"].values()
    assert '"start": 5200' in json.dumps(document)


def test_an_error_while_drawing_is_said_in_place(labels, monkeypatch):
    view = ChemicalMap(labels)

    def fail(self):
        raise ValueError("<i>no pixels</i>")

    monkeypatch.setattr(MapFigure, "refresh", fail)
    send(view, zoom_request("kiel", [4400, 5200], [1.8, 3.3]))
    assert "no pixels" in view.status
    assert "<i>no pixels" in "".join(said(view))
    assert "no pixels" not in "".join(texts(view))
    monkeypatch.undo()
    send(view, zoom_request("kiel", [4500, 5200], [1.8, 3.3]))
    assert view.status == ""


def test_words_from_outside_never_become_markup(labels):
    view = ChemicalMap(labels, title="<script>x</script>")
    everything = "".join(texts(view))
    assert "<script>" not in everything
    assert "test <b>net</b>" not in everything
    assert "test <b>net</b>" in "".join(said(view))


def test_a_saved_notebook_has_the_widget_a_picture_and_words(labels):
    data = ChemicalMap(labels)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/png"].startswith("iVBORw0KGgo")
    assert "of 500 stars" in data["text/plain"]


@pytest.mark.parametrize("refused", [True, False])
def test_no_stars_are_said_in_words(labels, refused):
    if refused:
        table = labels.to_pandas()
        table["good"] = False
    else:
        table = labels.take(slice(0, 0))
    view = ChemicalMap(table)
    assert all(live.picture.caption == "no stars" for live in view.figures.values())
    assert len(view.selection) == 0


def test_a_table_without_positions_says_so_in_the_panel(labels):
    table = labels.to_pandas().drop(columns=["ra", "good"])
    view = ChemicalMap(table)
    assert "ra and dec" in "".join(texts(view))
    assert not view.good_only
    assert find(view, "Checkbox").disabled
    with pytest.raises(MissingInput, match="good"):
        view.good_only = True


def test_bad_input_is_refused(labels):
    with pytest.raises(InvalidInput, match=r"check the spelling.*'color_by'"):
        ChemicalMap(labels, colour_by="teff")
    with pytest.raises(InvalidInput, match="theme"):
        ChemicalMap(labels, theme="pink")
    with pytest.raises(InvalidInput, match="mass"):
        ChemicalMap(labels, color_by="mass")
    with pytest.raises(InvalidInput, match="not a table"):
        ChemicalMap(3)
    view = ChemicalMap(labels)
    with pytest.raises(InvalidInput, match="mass"):
        view.color_by = "mass"
    assert view.color_by == "count"
    with pytest.raises(InvalidInput, match="kiel"):
        view.zoom("hr", (0, 1), (0, 1))
    with pytest.raises(InvalidInput):
        view.zoom("kiel", (0, np.nan), (0, 1))


@pytest.mark.parametrize("ending", ["html", "png"])
def test_it_is_saved_as_it_is_shown(labels, tmp_path, ending):
    view = ChemicalMap(labels, theme="dark", color_by="fe_h")
    view.zoom("kiel", (4400, 5200), (1.8, 3.3))
    path = view.save(tmp_path / f"map.{ending}")
    assert path.stat().st_size > 10_000


def test_closing_leaves_nothing(placed, leaves_nothing):
    leaves_nothing(lambda: ChemicalMap(placed, panels=["kiel"]).close(), warm=8)
