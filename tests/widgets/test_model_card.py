import pytest

from stellarnb.errors import InvalidInput
from stellarnb.models import load_card, model_names
from stellarnb.views.data.style import unit_of
from stellarnb.widgets.model_card import ModelCardViewer


def pages(view):
    return dict(zip(view._tabs.titles, (page.value for page in view._pages), strict=True))


@pytest.mark.parametrize("name", model_names())
def test_each_card_is_shown_whole(name):
    view = ModelCardViewer(name)
    card, found = load_card(name), pages(view)
    assert set(found) == {"Reads", "Labels", "Figures", "Training", "Flaws", "Licence, citation"}
    for spec in card.labels:
        assert f"<td>{spec.name}</td>" in found["Labels"]
        assert f"<td>{unit_of(spec.name)}</td>" in found["Labels"]
    for spec in card.scalars:
        assert f"<td>{spec.name}</td>" in found["Reads"]
    assert card.licence in found["Licence, citation"]
    assert found["Flaws"].count("<li>") == len(card.known_flaws)
    assert found["Figures"].count("<tr>") > len(card.metrics["test"])
    assert view._citation.code == card.cite()
    if card.trained_on == "synthetic":
        assert "(synthetic-trained)" in view._head.value
        assert "Trained on synthetic spectra" in view._head.value


def test_the_menu_and_the_name_move_together():
    view = ModelCardViewer()
    view._choice.value = "gaia-rvs"
    assert view.card.name == "gaia-rvs"
    view.name = "rave"
    assert view._choice.value == "rave"
    assert "'rave'" in view.to_code()
    assert any("to fetch" in words for words, _ in view._choice.options)


def test_a_model_that_is_not_there_is_named_and_the_card_stays():
    with pytest.raises(InvalidInput, match="Did you mean 'gaia-rvs'"):
        ModelCardViewer("gaia-rv")
    view = ModelCardViewer("rave")
    with pytest.raises(InvalidInput):
        view.restore({"name": "nothing", "page": 0})
    assert view.name == view.card.name == "rave"


def test_markup_in_a_card_stays_text(tmp_path):
    import tomllib
    from importlib import resources

    import tomli_w

    text = resources.files("stellarnb.models").joinpath("cards/xp-apogee.toml").read_text("utf-8")
    entry = tomllib.loads(text)
    bad = "<img src=x onerror=alert(1)>"
    entry["title"] = entry["licence"] = bad
    entry["known_flaws"] = [bad]
    entry["training"][bad] = bad
    entry["metrics"]["test"][0][bad] = bad
    (tmp_path / "card.toml").write_text(tomli_w.dumps(entry))
    view = ModelCardViewer(str(tmp_path / "card.toml"))
    assert "<img" not in view._head.value + "".join(pages(view).values())
    assert pages(view)["Flaws"] == "<ul><li>&lt;img src=x onerror=alert(1)&gt;</li></ul>"


def test_closing_leaves_nothing(leaves_nothing):
    leaves_nothing(lambda: ModelCardViewer("rave").close())
