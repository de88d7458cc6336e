import numpy as np
import pytest

import stellarnb as snb
from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.views.label_checks import label_check


@pytest.fixture
def reference(placed):
    """The same stars as another survey has them, in another order, with its own S/N."""
    rng = np.random.default_rng(3)
    n = len(placed)
    columns = {
        "source_id": placed["source_id"],
        "teff": placed["teff"] + rng.normal(20, 60, n),
        "logg": placed["logg"],
        "snr": rng.uniform(15, 150, n),
    }
    return snb.Result({k: np.asarray(v)[::-1] for k, v in columns.items()})


@pytest.fixture
def check(placed, reference):
    made = snb.Validation(placed, {"<b>mine</b>": reference}, good_only=False)
    made.wait()
    yield made
    made.close()


def test_the_numbers_are_those_of_compare_and_of_the_code(check, placed, reference):
    names = {"labels": placed, "reference": reference}
    exec(check.to_code().split("check =")[0], names)  # noqa: S102 - our own code
    rows = check.numbers.to_pandas()
    for by, table in (("all", "overall"), ("S/N", "by_snr"), ("region", "by_region")):
        mine = rows[rows["by"] == by].drop(columns="by").reset_index(drop=True)
        theirs = names[table].to_pandas()
        assert list(mine["n"]) == list(theirs["n"])
        np.testing.assert_array_equal(mine["pull"], theirs["pull"])
    assert rows["n"].iloc[0] == len(placed)
    assert -30 < rows["bias"].iloc[0] < -10


def test_the_four_diagrams_are_of_the_stars_that_both_have(check, placed):
    scene = check.view.scene
    assert [(p.row, p.column) for p in scene.panes] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert f"{len(placed):,} stars in both" in scene.line
    assert "(mock)" in scene.title


def test_the_cut_and_the_bins_change_the_numbers(check, placed):
    check.good_only, check.edges = True, "0, 60, inf"
    check.wait()
    rows = check.numbers.to_pandas()
    assert rows["n"].iloc[0] == placed["good"].sum()
    assert list(rows[rows["by"] == "S/N"]["bin"]) == ["0..60", "60..inf"]
    assert "good stars only" in repr(check)


def test_bins_that_make_no_sense_are_said_in_place(check):
    bins = check._controls.children[3]
    bins.value = "50, 20"
    assert "rising order" in check.status
    bins.value = "0, 50, inf"
    assert (check.status, check.edges) == ("", (0.0, 50.0, np.inf))


def test_a_name_with_markup_is_text(check):
    assert "<b>mine</b>" not in check._words.value
    assert "&lt;b&gt;mine" in check._words.value


def test_a_label_that_one_reference_lacks_is_said_in_place(placed, reference):
    other = {"source_id": placed["source_id"], "m_h": placed["m_h"]}
    table = placed.with_columns({"m_h_error": np.full(len(placed), 0.1)})
    check = snb.Validation(table, {"a": reference, "b": other}, good_only=False)
    check.label = "m_h"
    check.wait()
    assert "The reference has no m_h" in check._words.value
    check.reference = "b"
    check.wait()
    assert "stars in both" in check._words.value
    check.close()


def test_tables_that_share_nothing_are_refused(placed, reference):
    with pytest.raises(MissingInput, match="no reference has a label"):
        snb.Validation(placed, {"source_id": [1], "a_li": [1.0]})
    with pytest.raises(InvalidInput, match="share no star"):
        label_check(placed, {"source_id": [1], "teff": [5000.0], "snr": [9.0]}, "teff")
    with pytest.raises(InvalidInput, match="no reference x"):
        snb.Validation(placed, {"a": reference}, survey={"x": "apogee"})


def test_a_survey_with_its_own_names_and_no_snr(placed):
    gsp = {"source_id": placed["source_id"], "teff_gspphot": placed["teff"] + 10.0}
    check = snb.Validation(placed, gsp, survey="gsp-phot", good_only=False, edges=(0, 80, 200))
    rows = check.numbers.to_pandas()
    assert rows["bias"].iloc[0] == pytest.approx(-10.0, abs=1e-3)
    assert list(rows["bin"]) == ["all", "0..80", "80..200"]
    assert rows["n"].iloc[1] + rows["n"].iloc[2] == len(placed)
    check.close()


def test_the_state_comes_back(check, placed, reference, tmp_path):
    check.edges, check.good_only = (0, 100, np.inf), True
    path = check.save(tmp_path / "check.json")
    again = snb.Validation(placed, {"<b>mine</b>": reference}, state=path)
    assert (again.edges, again.good_only) == ((0.0, 100.0, np.inf), True)
    with pytest.raises(InvalidInput):
        again.restore({**check.state_values(), "label": "vmic"})
    assert again.label == "teff"
    again.close()


def test_a_saved_notebook_has_a_picture_and_the_numbers(check):
    bundle = check._still_bundle()
    assert "image/png" in bundle
    assert "bias -" in bundle["text/plain"]


def test_it_leaves_nothing_behind(placed, reference, leaves_nothing):
    def once():
        check = snb.Validation(placed, reference)
        check.wait()
        check.close()

    leaves_nothing(once, warm=8)
