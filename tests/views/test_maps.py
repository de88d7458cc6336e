import io
from html.parser import HTMLParser

import holoviews as hv
import numpy as np
import pytest
from matplotlib.image import imread

from stellarnb import views
from stellarnb.errors import InvalidInput, MissingInput, OutputError
from stellarnb.tables import Table
from stellarnb.views import hv as maps
from stellarnb.views import save_maps
from stellarnb.views.data.panels import Absent, find_panels, kiel, sky, tinsley_wallerstein
from stellarnb.views.data.raster import draw
from stellarnb.views.data.stars import MapStars
from stellarnb.views.data.style import axis_title
from stellarnb.views.live.figure import MapFigure
from stellarnb.views.live.link import Link


def resources(page):
    """Return every address that a browser would fetch for a page."""
    found = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag, attrs):
            fetched = {"script": "src", "link": "href", "img": "src", "iframe": "src"}
            found.extend(value for name, value in attrs if name == fetched.get(tag))

    Finder().feed(page)
    return found


def test_a_picture_counts_each_star_once(labels):
    stars = MapStars.of(labels)
    for make in (kiel, tinsley_wallerstein, sky):
        picture = draw(stars, make(stars))
        assert np.nansum(picture.front) == picture.n_in
    assert draw(stars, tinsley_wallerstein(stars)).n_left_out == 7


def test_stars_that_are_not_chosen_stay_in_grey(labels):
    stars = MapStars.of(labels)
    chosen = stars.chosen(good_only=True)
    picture = draw(stars, kiel(stars), chosen=chosen)
    assert picture.n_in == chosen.sum()
    assert np.isfinite(picture.back[np.isfinite(picture.front)]).all()
    assert np.isfinite(picture.back).sum() > np.isfinite(picture.front).sum()


def test_a_mean_is_that_of_the_stars_in_the_bin(labels):
    stars = MapStars.of(labels)
    picture = draw(stars, kiel(stars), size=(1, 1), color_by="fe_h")
    assert picture.front[0, 0] == pytest.approx(labels.values("fe_h").mean(), abs=1e-5)


def test_few_stars_are_drawn_in_coarser_bins(labels):
    few, many = MapStars.of(labels.take(slice(0, 20))), MapStars.of(labels)
    assert draw(few, kiel(few), size=(80, 80)).front.size < 80 * 80
    assert draw(many, kiel(many), size=(30, 30)).front.size == 30 * 30


def test_metals_are_m_h_where_the_table_has_it(labels):
    assert tinsley_wallerstein(MapStars.of(labels)).x == "fe_h"
    table = {"m_h": [0.0, 0.1], "fe_h": [0.0, 0.2], "alpha_m": [0.1, 0.2]}
    assert tinsley_wallerstein(MapStars.of(table)).x == "m_h"


def test_a_diagram_without_its_columns_says_so():
    panels = {
        panel.key: panel for panel in find_panels(MapStars.of({"teff": [5000.0], "logg": [4.0]}))
    }
    assert not isinstance(panels["kiel"], Absent)
    assert "ra and dec" in panels["sky"].words
    with pytest.raises(MissingInput, match="alpha_m"):
        maps.tinsley_wallerstein({"fe_h": [0.0]})


def test_axes_fall_as_astronomers_draw_them_and_carry_units(labels):
    stars = MapStars.of(labels)
    plot = MapFigure(stars, kiel(stars)).figure
    assert plot.x_range.start > plot.x_range.end
    assert plot.y_range.start > plot.y_range.end
    assert plot.xaxis.axis_label == "Teff [K]"
    assert axis_title("alpha_m") == "[α/M] [dex]"


def test_a_zoom_aggregates_anew(labels):
    stars = MapStars.of(labels)
    live = MapFigure(stars, kiel(stars))
    before = live.picture
    link = Link({"view": lambda request: live.look(request, link)})
    live.join(link)
    request = {"kind": "view", "key": "kiel", "x": [5000, 4600], "y": [3, 2]}
    link.take({"id": "1", "requests": [request | {"width": 200, "height": 100}]})
    assert link.mailbox.answered == "1"
    teff, logg = labels.values("teff"), labels.values("logg")
    inside = (teff >= 4600) & (teff <= 5000) & (logg >= 2) & (logg <= 3)
    assert np.nansum(live.picture.front) == inside.sum() != np.nansum(before.front)
    source = live.figure.select_one({"name": "stars"}).data_source.data
    assert (source["x"], source["dw"]) == ([4600.0], [400.0])
    np.testing.assert_array_equal(source["shades"][0], live.picture.shades())
    assert live.view == ((4600.0, 5000.0), (2.0, 3.0))
    live.reset()
    assert live.view == live.panel.home


def test_a_reset_of_the_sky_keeps_its_shape(labels):
    stars = MapStars.of(labels)
    live = MapFigure(stars, sky(stars), size=(400, 300))
    (x0, x1), (y0, y1) = live.picture.view
    assert (y1 - y0) / (x1 - x0) == pytest.approx(300 / 400)
    assert live.view == live.panel.home


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_needs_no_other_host(labels, tmp_path, theme):
    path = save_maps(labels, tmp_path / "map.html", theme=theme, title="</title><script>x</script>")
    page = path.read_text()
    assert resources(page) == []
    assert len(page) > 500_000
    assert "</title><script>x" not in page
    assert "test <b>net</b>" not in page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("color_by", ["count", "alpha_m"])
def test_a_png_shows_three_coloured_diagrams(labels, tmp_path, theme, color_by):
    path = save_maps(labels, tmp_path / "map.png", theme=theme, color_by=color_by, good_only=True)
    image = imread(io.BytesIO(path.read_bytes()))[..., :3]
    upper = image[: int(0.7 * image.shape[0])]
    for third in np.array_split(upper, 3, axis=1):
        colourful = np.ptp(third, axis=2) > 0.2
        assert 0.001 < colourful.mean() < 0.5


@pytest.mark.parametrize("ending", ["html", "png"])
def test_a_table_without_stars_makes_a_file(labels, tmp_path, ending):
    path = save_maps(labels.take(slice(0, 0)), tmp_path / f"map.{ending}")
    assert path.stat().st_size > 1000


def test_a_page_says_in_words_what_it_cannot_draw(labels, tmp_path):
    one = save_maps({"teff": [5000.0], "logg": [4.0]}, tmp_path / "one.html").read_text()
    assert "A sky map needs the columns ra and dec" in one
    none = save_maps({"x": [1.0]}, tmp_path / "none.html").read_text()
    assert "column &#x27;teff&#x27;" in none


def test_no_finite_value_and_one_value_and_infinities_make_a_file(tmp_path):
    n = 4
    table = {
        "teff": np.full(n, np.nan),
        "logg": np.full(n, 2.0),
        "fe_h": [np.inf, -np.inf, 0.0, 0.0],
        "alpha_m": np.full(n, 0.1),
    }
    save_maps(table, tmp_path / "map.png")
    save_maps(Table(table), tmp_path / "map.html", color_by="teff")


def test_files_that_cannot_be_are_refused(labels, tmp_path):
    with pytest.raises(InvalidInput, match=r"\.html, \.png, \.svg or \.pdf"):
        save_maps(labels, tmp_path / "map.jpg")
    with pytest.raises(InvalidInput, match="theme"):
        save_maps(labels, tmp_path / "map.png", theme="pink")
    with pytest.raises(InvalidInput, match="color_by"):
        save_maps(labels, tmp_path / "map.png", color_by="mass")
    with pytest.raises(OutputError):
        save_maps(labels, tmp_path / "nowhere" / "map.png")
    with pytest.raises(MissingInput, match="good"):
        save_maps({"teff": [1.0], "logg": [1.0]}, tmp_path / "map.png", good_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [maps.kiel, maps.tinsley_wallerstein, maps.sky])
@pytest.mark.parametrize("color_by", ["count", "fe_h"])
def test_holoviews_objects_hold_the_same_numbers_and_compose(labels, make, color_by):
    thing = make(labels, color_by=color_by, live=False)
    image = thing if isinstance(thing, hv.Image) else thing.get(0)
    picture = getattr(views, make.__name__)(labels, color_by=color_by).scene.panes[0].picture
    np.testing.assert_array_equal(image.dimension_values(2, flat=False), picture.front)
    assert hv.render(thing + thing, backend="bokeh") is not None


def test_a_holoviews_object_is_aggregated_anew_at_each_zoom(labels):
    thing = maps.kiel(labels)
    assert isinstance(thing, hv.DynamicMap)
    hv.render(thing * hv.VLine(4800) + maps.tinsley_wallerstein(labels), backend="bokeh")
    (stream,) = thing.streams
    stream.event(x_range=(4500, 5000), y_range=(2.0, 3.0))
    teff, logg = labels.values("teff"), labels.values("logg")
    inside = (teff >= 4500) & (teff <= 5000) & (logg >= 2) & (logg <= 3)
    assert np.nansum(thing[()].dimension_values(2)) == inside.sum() > 0


def test_names_of_columns_never_become_markup(labels, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    table = labels.to_pandas().rename(columns={"fe_h": evil})
    page = save_maps(table, tmp_path / "map.html", panels=[("teff", evil)]).read_text()
    assert evil not in page
    assert "<img" not in page.lower().split("</head>")[-1]


def test_a_file_goes_back_to_the_whole_and_has_no_brushes(labels, tmp_path):
    stars = MapStars.of(labels)
    tools = {type(t).__name__ for t in MapFigure(stars, kiel(stars), live=False).figure.tools}
    assert tools == {"PanTool", "WheelZoomTool", "ResetTool"}
