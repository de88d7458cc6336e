import io

import numpy as np
import pytest
from matplotlib.image import imread

from stellarnb import views
from stellarnb.cartography import Between, Bins, Flag, Window, count, galactic, gradients, mollweide
from stellarnb.errors import InvalidInput, MissingInput, OutputError
from stellarnb.tables import Table
from stellarnb.views.all_sky import inverse_mollweide
from stellarnb.views.label_checks import EDGES
from stellarnb.views.scene.bokeh import BokehScene
from stellarnb.views.scene.contours import contours
from stellarnb.views.scene.model import Points, Steps


@pytest.fixture
def view(view_name, make_view):
    return make_view(view_name)


def test_each_view_says_mock_names_its_units_and_its_stars(view):
    assert "mock" in view.scene.title
    assert "net" in view.scene.line or "stars" in view.scene.line
    for pane in view.scene.panes:
        assert "mock" in pane.panel.title
        for title in (pane.panel.x_title, pane.panel.y_title):
            assert "[" in title or title in {"", "log₁₀ S/N"} or "dex" in title
    assert "mock" in repr(view)


def test_each_view_is_drawn_by_bokeh_holoviews_and_for_paper(view, tmp_path):
    import holoviews as hv

    assert view.to_bokeh() is not None
    assert hv.render(view.to_holoviews(), backend="bokeh") is not None
    figure = view.to_matplotlib()
    assert round(25.4 * figure.get_figwidth()) in {88, 180}
    page = view.save(tmp_path / "view.html").read_text()
    assert "mock" in page
    assert "https://" not in page.split("</script>")[-1]


def test_the_grid_counts_each_star_in_its_bin(galaxy):
    view, bins = views.r_z_grid(galaxy), Bins()
    codes = bins.codes(galaxy)
    scene = view._scene_of(((-1.0, 0.3), (0.0, 0.3)), (40, 30))
    assert len(scene.panes) == 18
    for pane in scene.panes:
        row, column = bins.shape[0] - 1 - pane.row, pane.column
        mask = codes == row * bins.shape[1] + column
        (x, y), shape = pane.picture.view, pane.picture.front.shape
        expected = count(galaxy, "m_h", "alpha_m", Window(x, y, *shape[::-1]), where=mask)
        np.testing.assert_array_equal(np.nan_to_num(pane.picture.front), expected)
        assert pane.words == f"N = {mask.sum():,}"


def test_the_grid_in_holoviews_moves_as_one_and_counts_once_a_zoom(galaxy, monkeypatch):
    import holoviews as hv

    passes = []
    real = views.plots.count_grid
    view = views.r_z_grid(galaxy)
    monkeypatch.setattr(
        views.plots, "count_grid", lambda *a, **k: passes.append(1) or real(*a, **k)
    )
    layout = view.to_holoviews()
    hv.render(layout, backend="bokeh")
    maps = [pane.callback.inputs[0] for pane in layout]
    streams = [stream for found in maps for stream in found.streams]
    assert len(streams) == 18
    before = len(passes)
    window = {"x_range": (-1.0, 0.3), "y_range": (0.0, 0.3)}
    for stream in streams:
        stream.event(**window)
    assert len(passes) == before + 1
    expected = view._scene_of((window["x_range"], window["y_range"]), view._size).panes
    for found, pane in zip(maps, expected, strict=True):
        np.testing.assert_array_equal(found[()].dimension_values(2, flat=False), pane.picture.front)


def test_a_bin_without_stars_says_so(galaxy):
    far = views.r_z_grid(galaxy, bins=Bins(r=(3, 9, 40, 50)))
    words = {(pane.row, pane.column): pane.words for pane in far.scene.panes}
    assert words[0, 2] == "no stars"
    none = views.mdf(galaxy.take(slice(0, 0)))
    assert all("no stars" in layer.label for pane in none.scene.panes for layer in pane.layers)
    assert views.kiel(galaxy.take(slice(0, 0))).scene.panes[0].words == "no stars"
    empty = views.gradient(galaxy.take(slice(0, 0)), samples=10)
    assert {pane.words for pane in empty.scene.panes} == {"no stars"}


def test_a_zoom_of_the_grid_aggregates_all_panes(galaxy):
    view = views.r_z_grid(galaxy)
    live = BokehScene(view._scene_of, view._size, None)
    link = live._link
    request = {"kind": "view", "key": "tinsley_wallerstein", "x": [-0.5, 0.5], "y": [0.0, 0.2]}
    link.take({"id": "a", "requests": [request | {"width": 100, "height": 90}]})
    assert link.mailbox.answered == "a"
    extents = {(source.data["x"][0], source.data["dw"][0]) for source in live._sources}
    assert extents == {(-0.5, 1.0)}
    link.take({"id": "b", "requests": [{"kind": "home", "key": "tinsley_wallerstein"}]})
    assert {source.data["x"][0] for source in live._sources} == {
        view.scene.panes[0].panel.home[0][0]
    }


def test_panes_with_axes_of_their_own_keep_them(galaxy, reference):
    view = views.validation(galaxy, reference)
    live = BokehScene(view._scene_of, view._size, None)
    before = live._figures[1].x_range.start
    request = {
        "kind": "view",
        "key": "m_h_one",
        "x": [0, 0.1],
        "y": [0, 0.1],
        "width": 9,
        "height": 9,
    }
    live._link.take({"id": "a", "requests": [request]})
    assert live._figures[1].x_range.start == before


def test_contours_hold_their_share_of_the_stars():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (2, 200_000))
    counts, *_ = np.histogram2d(y, x, bins=100, range=((-5, 5), (-5, 5)))
    for share, curve in zip((0.3, 0.6, 0.9), contours(counts, ((-5, 5), (-5, 5))), strict=True):
        radius = np.nanmedian(np.hypot(curve.x, curve.y))
        held = 1 - np.exp(-(radius**2) / 2)
        assert held == pytest.approx(share, abs=0.03)
    assert contours(np.zeros((5, 5)), ((0, 1), (0, 1))) == ()


def test_distributions_have_the_area_one(galaxy):
    for pane in views.mdf(galaxy).scene.panes:
        for layer in pane.layers:
            assert isinstance(layer, Steps)
            if "N = " in layer.label and np.isfinite(layer.heights).all():
                assert np.sum(layer.heights * np.diff(layer.edges)) == pytest.approx(1)
    few = views.mdf(galaxy.take(slice(0, 30)))
    assert all(np.isnan(layer.heights).all() for layer in few.scene.panes[1].layers)


def test_the_gradient_in_the_title_is_that_of_the_fit(galaxy):
    fit = gradients(galaxy, "m_h", samples=50)
    radial, vertical = (pane.panel.title for pane in views.gradient(galaxy, samples=50).scene.panes)
    assert f"{fit.radial:+.4f} ± {fit.radial_error:.4f} dex kpc⁻¹" in radial
    assert f"{fit.vertical:+.4f}" in vertical


def test_residuals_by_signal_to_noise_are_those_of_numpy(galaxy, reference):
    scene = views.validation(galaxy, reference, names=["m_h"]).scene
    lower = next(pane for pane in scene.panes if pane.row == 1)
    points = next(layer for layer in lower.layers if isinstance(layer, Points))
    residual = galaxy["m_h"][:2000].astype(np.float64) - reference["m_h"]
    index = np.digitize(reference["snr"], EDGES) - 1
    medians = [
        np.median(residual[index == i]) for i in range(len(EDGES) - 1) if (index == i).sum() >= 5
    ]
    np.testing.assert_allclose(points.y, medians, atol=1e-6)
    assert f"bias {np.median(residual):+.3f}" in scene.panes[0].words


def test_the_way_back_from_the_mollweide_map():
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(0, 360, 300), rng.uniform(-89, 89, 300)
    back = inverse_mollweide(*mollweide(lon, lat))
    np.testing.assert_allclose(np.cos(np.radians(back[0] - lon)), 1, atol=1e-9)
    np.testing.assert_allclose(back[1], lat, atol=1e-6)
    assert np.isnan(inverse_mollweide(np.array([3.0]), np.array([0.5]))).all()


def test_healpix_pixels_hold_the_stars_and_means_of_numpy(galaxy):
    from astropy import units as u
    from astropy_healpix import HEALPix

    picture = views.healpix(galaxy, order=2, color_by="m_h").scene.panes[0].picture
    pixels = HEALPix(nside=4, order="nested")
    lon, lat = galactic(galaxy["ra"], galaxy["dec"])
    index = pixels.lonlat_to_healpix(lon * u.deg, lat * u.deg)
    means = {round(float(np.mean(galaxy["m_h"][index == i])), 4) for i in np.unique(index)}
    seen = {round(float(v), 4) for v in np.unique(picture.front[np.isfinite(picture.front)])}
    assert seen == means
    assert picture.n_in == len(galaxy)


def test_a_rule_and_a_mask_choose_the_same_stars(galaxy):
    rule = Flag("good") & Between("snr", 40, 90)
    by_rule = views.r_z(galaxy, where=rule).scene.panes[0].picture
    by_mask = views.r_z(galaxy, where=rule.mask(galaxy)).scene.panes[0].picture
    np.testing.assert_array_equal(by_rule.front, by_mask.front)
    assert by_rule.n_in < len(galaxy)
    with pytest.raises(InvalidInput, match="mask of 3"):
        views.r_z(galaxy, where=np.ones(3, dtype=bool))


def test_what_cannot_be_drawn_is_refused_in_words(galaxy, reference, tmp_path):
    with pytest.raises(MissingInput, match="'R'"):
        views.r_z({"m_h": [0.0], "alpha_m": [0.0], "Z": [1.0]})
    with pytest.raises(InvalidInput, match="color_by"):
        views.kiel(galaxy, color_by="mass")
    with pytest.raises(InvalidInput, match="spelling"):
        views.uncertainty(galaxy, on="keil")
    with pytest.raises(InvalidInput, match="order"):
        views.healpix(galaxy, order=12)
    with pytest.raises(InvalidInput, match="no source_id"):
        views.validation(galaxy, {"source_id": [10**9], "m_h": [0.0], "snr": [9.0]})
    with pytest.raises(MissingInput, match="logg"):
        views.validation(galaxy, reference, names=["logg"])
    view = views.kiel(galaxy)
    with pytest.raises(InvalidInput, match="column"):
        view.to_matplotlib(width="poster")
    with pytest.raises(InvalidInput, match=r"\.html"):
        view.save(tmp_path / "x.gif")
    with pytest.raises(OutputError):
        view.save(tmp_path / "nowhere" / "x.png")


def test_one_star_nan_constant_columns_and_infinities_are_drawn():
    n = 40
    odd = Table(
        {
            "source_id": np.arange(n) + 1,
            "teff": np.full(n, np.nan),
            "logg": np.full(n, 2.0),
            "m_h": np.r_[np.inf, -np.inf, np.zeros(n - 2)],
            "alpha_m": np.full(n, 0.1),
            "R": np.full(n, 8.0),
            "Z": np.full(n, 0.2),
            "snr": np.full(n, 20.0),
        }
    )
    for table in (odd, odd.take(slice(5, 6))):
        for view in (
            views.kiel(table),
            views.r_z(table),
            views.r_z_grid(table),
            views.mdf(table),
            views.gradient(table, samples=5),
            views.validation(table, table),
        ):
            view.to_matplotlib()
            view.to_bokeh()


def test_a_vector_figure_keeps_text_and_an_svg_is_one(galaxy, tmp_path):
    view = views.tinsley_wallerstein(galaxy)
    assert view.save(tmp_path / "map.pdf").read_bytes().startswith(b"%PDF")
    svg = view.save(tmp_path / "map.svg").read_text()
    assert "<svg" in svg
    assert svg.count("<path") > 30
    again = view.save(tmp_path / "again.svg").read_text()
    assert svg == again


def test_a_saved_notebook_keeps_a_picture_and_words(galaxy):
    data = views.kiel(galaxy)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "mock" in data["text/plain"]
    import base64

    image = imread(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.shape[1] > 200
