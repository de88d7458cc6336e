"""The numbers that do what a mouse does on a chemical map."""

import numpy as np
import pytest

from stellarnb.cartography import galactic
from stellarnb.widgets import ChemicalMap
from stellarnb.widgets.chemical_map.region import RegionForm
from stellarnb.widgets.core.components import Fold

PANELS = ["kiel", "r_z", "sky"]


def parts(widget, kind):
    for child in getattr(widget, "children", ()):
        if isinstance(child, kind):
            yield child
        yield from parts(child, kind)


def named(form, name):
    """Return the control of a name, as a person finds it."""
    from ipywidgets import Widget

    found = [w for w in parts(form, Widget) if getattr(w, "description", "") == name]
    assert len(found) == 1, (name, found)
    return found[0]


@pytest.fixture
def view(placed):
    return ChemicalMap(placed, panels=PANELS, good_only=False)


@pytest.fixture
def form(view):
    (found,) = parts(view, RegionForm)
    return found


def fill(form, key, values):
    named(form, "diagram").value = key
    for name, value in values.items():
        named(form, name).value = value


def test_numbers_brush_as_a_mouse_does(view, form, placed):
    fill(form, "r_z", {"R [kpc] from": 12, "R [kpc] to": 6, "Z [kpc] from": -1, "Z [kpc] to": 1})
    named(form, "Brush").click()
    r, z = placed["R"], placed["Z"]
    inside = (r >= 6) & (r <= 12) & (z >= -1) & (z <= 1)
    assert view.status == ""
    assert 0 < len(view.selection) == inside.sum() < len(placed)
    named(form, "Clear selection").click()
    assert view.state.brush is None


def test_it_begins_with_what_the_diagram_shows_and_follows_the_mouse(view, form):
    (x0, _), (_, y1) = view.figures["kiel"].panel.home
    assert named(form, "Teff [K] from").value == pytest.approx(x0, abs=1)
    assert named(form, "log g [dex(cm s⁻²)] to").value == pytest.approx(y1, abs=0.01)
    view.brush("r_z", (6, 9), (-1, 2))
    assert named(form, "diagram").value == "r_z"
    assert [named(form, f"{axis} [kpc] {end}").value for axis in "RZ" for end in ("from", "to")] == [
        6, 9, -1, 2,
    ]  # fmt: skip


def test_what_was_typed_stays_as_it_was_typed(view, form):
    typed = {"Teff [K] from": 5000.123456, "Teff [K] to": 4500}
    fill(form, "kiel", typed)
    named(form, "Brush").click()
    assert view.state.brush.x == (4500, 5000.123456)
    assert {name: named(form, name).value for name in typed} == typed


def test_numbers_zoom(view, form):
    fill(form, "kiel", {"Teff [K] from": 5000, "Teff [K] to": 4500})
    named(form, "Zoom there").click()
    assert view.views["kiel"][0] == (4500, 5000)


def test_a_patch_of_the_sky_takes_its_stars(view, form, placed):
    ends = {"l, eastwards [deg] from": 300, "l, eastwards [deg] to": 20}
    fill(form, "sky", ends | {"b [deg] from": -40, "b [deg] to": 10})
    named(form, "Brush").click()
    lon, lat = galactic(placed["ra"], placed["dec"])
    inside = ((lon > 300) | (lon < 20)) & (lat > -40) & (lat < 10)
    taken = np.isin(placed["source_id"], view.selection["source_id"])
    # Points two degrees apart along a meridian: it is off by less than a hundredth of a degree.
    near = np.minimum(np.abs(lon - 300), np.abs(lon - 20)) < 0.02
    assert 0 < taken.sum() < len(placed)
    assert np.array_equal(taken[~near], inside[~near])


def test_what_cannot_be_a_region_is_said_and_changes_nothing(view, form):
    fill(form, "sky", {"l, eastwards [deg] from": 170, "l, eastwards [deg] to": 190})
    named(form, "Brush").click()
    assert "l = 180" in view.status
    assert view.state.brush is None


def test_a_star_by_its_source_id_and_back(view, form, placed):
    entry = named(form, "source_id")
    entry.value = str(placed["source_id"][7])
    assert view.star == 7
    view.star = 9
    assert entry.value == str(placed["source_id"][9])
    entry.value = ""
    assert view.star is None


@pytest.mark.parametrize("text", ["-1", "12.5", "<b>x</b>", "9" * 30, "٣"])
def test_what_is_no_star_is_said(view, form, text):
    named(form, "source_id").value = text
    assert text in view.status
    assert view.star is None


def test_without_diagrams_there_is_no_form():
    view = ChemicalMap({"fe_h": np.zeros(3)})
    assert list(parts(view, RegionForm)) == []


def test_a_fold_shows_what_is_in_it(view):
    fold = next(parts(view, Fold))
    inside = fold.children[1]
    assert (fold.shown, inside.layout.display) == (False, "none")
    fold.children[0].shown = True
    assert fold.shown
    assert inside.layout.display is None
