"""The archive explorer on archives of this machine."""

import json

import numpy as np
import pytest
import traitlets
from astropy import units as u

import stellarnb as snb
from stellarnb.archives import LocalArchive, open_archive
from stellarnb.errors import InvalidInput, MissingInput, QueryError, TooLarge
from stellarnb.tables import Result
from stellarnb.widgets.archive_explorer import runs as archive_explorer_work
from stellarnb.widgets.archive_explorer.table import PAGE


@pytest.fixture
def space():
    return {}


@pytest.fixture
def make(space):
    made = []

    def make_(archive="sample", **options):
        made.append(snb.ArchiveExplorer(archive, **{"namespace": space, **options}))
        return made[-1]

    yield make_
    for explorer in made:
        explorer.close()


@pytest.fixture
def explorer(make):
    return make()


def button(view, words):
    """Return the first button of a name, anywhere inside."""
    for part in view.children:
        if getattr(part, "description", None) == words and hasattr(part, "click"):
            return part
        found = button(part, words) if hasattr(part, "children") else None
        if found is not None:
            return found
    return None


def ran(explorer):
    """Run, and return the result."""
    explorer.run()
    assert explorer.wait(30) == "done", explorer.status
    return explorer.result


def again(code):
    """Run code in a notebook of its own, and return its variables."""
    names = {}
    exec(code, names)  # noqa: S102
    return names


FORMS = [
    {},
    {"table": "apogee", "columns": ["source_id", "teff"], "filters": {"snr": (100, None)}},
    {"center": "150 20", "radius": 20 * u.deg},
    {"center": (10, 41), "radius": 40, "limit": 7, "columns": ["source_id", "ra", "dec"]},
    {"center": "00:40:00 +41:00:00", "radius": 40, "filters": {"k": (None, 10 * u.mag)}},
    {"adql": "SELECT TOP 5 source_id, teff -- comment\nFROM apogee WHERE logg < 2 ORDER BY teff"},
]


@pytest.mark.parametrize("form", FORMS)
def test_the_code_makes_the_identical_table_and_spectra(make, space, form):
    explorer = make(**form)
    result = ran(explorer)
    assert len(result) > 0
    assert space["stars"] is result
    explorer.fetch_spectra()
    assert explorer.wait(30) == "done", explorer.status
    assert space["spectra"] is explorer.spectra
    names = again(explorer.to_code())
    assert names["stars"].arrow.equals(result.arrow)
    assert names["stars"].units == result.units
    np.testing.assert_array_equal(names["spectra"].flux, explorer.spectra.flux)
    assert explorer._foot.code == explorer.to_code()


def test_a_cone_has_the_nearest_star_first_and_with_filters_is_a_query(make):
    assert ".cone((150.0, 20.0), 5.0, table='stars')" in make(center="150 20", radius=5).to_code()
    filtered = make(center="150 20", radius=5, filters={"j": (None, 12)}).to_code()
    assert "CIRCLE(150.0, 20.0, 5.0)" in filtered
    assert "j <= 12" in filtered


def test_each_control_sets_its_trait_and_follows_it(explorer):
    form = explorer._form
    form.tables.chosen = ["apogee"]
    assert explorer.table == "apogee"
    form.columns.chosen = ["teff", "logg"]
    form.center.value, form.radius.value = "10 20", "30"
    form.unit.value = "arcmin"
    form.limit.value = "12"
    form.snr_low.value = "50"
    assert (explorer.columns, explorer.center, explorer.radius) == (["teff", "logg"], "10 20", 30.0)
    assert (explorer.limit, explorer.filters) == (12, {"snr": ("50", None)})
    assert form.radius.value == "1800"
    button(explorer, "Add a filter").click()
    (row,) = form.filters._rows
    row.column.value, row.high.value = "teff", "5 kK"
    assert explorer.filters == {"snr": ("50", None), "teff": (None, "5 kK")}
    row.kind.value = "any"
    assert explorer.filters["teff"] == (None, None)
    button(explorer, "Remove").click()
    assert explorer.filters == {"snr": ("50", None)}

    explorer.filters = {"fe_h": (-1, 0.5), "apogee_id": ["a", "b, c"], "logg": None}
    assert [row.column.value for row in form.filters._rows] == ["fe_h", "apogee_id", "logg"]
    assert form.filters.values() == {
        "fe_h": ("-1", "0.5"),
        "apogee_id": ["a", "b, c"],
        "logg": None,
    }
    explorer.limit, explorer.mode, explorer.adql = None, "adql", "SELECT 1"
    assert (form.limit.value, form.mode.value, form.editor.value) == ("", "adql", "SELECT 1")
    explorer.table = "stars"
    assert form.tables.chosen == ["stars"]
    assert (explorer.columns, explorer.filters) == ([], {})


def test_columns_come_with_units_and_descriptions(explorer):
    explorer.table = "apogee"
    entries = {name: (unit, words) for name, unit, words in explorer._form.columns.entries}
    assert entries["teff"] == ("K", "Effective temperature, APOGEE DR17")
    named = {entry["name"] for entry in explorer._form.editor.names}
    assert {"apogee", "stars", "teff", "phot_g_mean_mag"} <= named


@pytest.mark.parametrize(
    ("control", "typed", "words"),
    [
        ("limit", "many", "must be a whole number"),
        ("radius", "wide", "must be a number in deg"),
        ("radius", "181", "within 0 and 180"),
        ("center", "10 95", "within -90 and 90"),
    ],
)
def test_what_cannot_be_is_said_in_place_and_stays_as_typed(explorer, control, typed, words):
    field = getattr(explorer._form, control)
    field.value = typed
    assert words in explorer.status
    assert field.value == typed
    field.value = {"limit": "3", "radius": "1", "center": "10 5"}[control]
    assert explorer.status == ""


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("table", "nope"),
        ("columns", ["tef"]),
        ("filters", {"tef": (1, 2)}),
        ("filters", {"j": (1, 2, 3)}),
        ("limit", -1),
        ("limit", True),
        ("product", "rvs"),
        ("variable", "for"),
        ("variable", "list"),
        ("archive", "samples"),
        ("archive", "https://me:word@tap.example/tap"),
    ],
)
def test_what_python_sets_wrong_raises_and_changes_nothing(explorer, trait, value):
    before = explorer.state_values()
    with pytest.raises((InvalidInput, traitlets.TraitError)):
        setattr(explorer, trait, value)
    assert explorer.state_values() == before


def test_a_form_that_cannot_be_asked_is_refused_at_once(make):
    explorer = make(table="apogee", filters={"teff": ("warm", None)})
    with pytest.raises(InvalidInput, match=r"must be a number.*'warm'"):
        explorer.run()
    with pytest.raises(InvalidInput, match="not a position"):
        make(center=(1,))


def test_another_archive_does_not_get_the_spectra_of_the_first(make, odd):
    explorer = make(limit=3)
    ran(explorer)
    explorer.fetch_spectra()
    explorer.wait(30)
    assert "archive.spectra" in explorer.to_code()
    explorer.choose_archive(odd)
    assert "archive.spectra" not in explorer.to_code()


def test_an_unknown_keyword_is_refused():
    with pytest.raises(InvalidInput, match="Did you mean 'columns'"):
        snb.ArchiveExplorer("sample", colums=["teff"])


def test_preview_count_and_pages(explorer):
    explorer.preview()
    assert explorer.wait(30) == "done"
    pager = explorer._panel.pager
    assert pager.html.count("<tr>") == 51
    assert "Preview: the first 50 rows" in pager.html
    assert explorer.result is None
    explorer.estimate()
    explorer.wait(30)
    assert explorer.rows == 4039
    assert "4,039 rows, counted" in explorer._panel.notes
    explorer.limit = 10
    assert explorer.rows is None
    explorer.limit = None
    ran(explorer)
    assert pager.pages == 81
    assert pager.html.count("<tr>") == PAGE + 1
    button(pager, "Last").click()
    assert '<th scope="row">4,039</th>' in pager.html
    assert pager.html.count("<tr>") == 4039 - 80 * PAGE + 1
    button(pager, "Previous").click()
    assert pager.page == 79


def test_a_query_of_ones_own_is_previewed_in_its_order_and_counted(make):
    explorer = make(adql="SELECT teff FROM apogee WHERE teff > 5000 ORDER BY teff DESC")
    explorer.preview()
    assert explorer.wait(30) == "done"
    shown = explorer._panel.pager._table["teff"]
    assert len(shown) == 50
    assert (np.diff(shown) <= 0).all()
    explorer.estimate()
    explorer.wait(30)
    assert explorer.rows == len(ran(explorer))


def test_an_empty_answer_is_said(make, space):
    explorer = make(table="apogee", filters={"teff": (90000, None)})
    assert len(ran(explorer)) == 0
    assert len(space["stars"]) == 0
    assert "no rows" in explorer._panel.pager.html
    explorer.fetch_spectra()
    assert explorer.wait(30) == "done", explorer.status


def test_errors_of_a_query_are_marked_at_their_place(explorer):
    explorer.mode, explorer.adql = "adql", "SELECT source_id\nFROM apoge"
    error = explorer._form.editor.error
    assert explorer.adql[error["start"] : error["end"]] == "apoge"
    with pytest.raises(QueryError, match="line 2, column 6"):
        explorer.run()
    button(explorer, "Run").click()
    assert "did you mean 'apogee'" in explorer.status
    explorer.adql = "SELECT source_id\nFROM apogee"
    assert explorer._form.editor.error == {}
    assert len(ran(explorer)) == 4039


def test_the_forms_query_can_be_edited_as_adql(make):
    explorer = make(table="apogee", filters={"snr": (100, None)})
    first = ran(explorer)
    button(explorer, "Edit as ADQL").click()
    assert explorer.mode == "adql"
    assert ran(explorer).arrow.equals(first.arrow)


def test_a_name_is_looked_up_once_and_said_where_it_cannot_be(make, monkeypatch):
    asked = []

    def sesame(name):
        asked.append(name)
        if name == "Nobody":
            raise InvalidInput("No object is called 'Nobody'.")
        return 150.0, 20.0

    monkeypatch.setattr(
        "stellarnb.widgets.archive_explorer.source.resolve", lambda name, *_, **__: sesame(name)
    )
    explorer = make(center="Leo  X", radius=20)
    with pytest.raises(MissingInput, match="looked up"):
        explorer.to_code()
    result = ran(explorer)
    assert again(explorer.to_code())["stars"].arrow.equals(result.arrow)
    explorer.edit_as_adql()
    assert "CIRCLE(150.0, 20.0, 20.0)" in explorer.adql
    assert asked == ["Leo X"]
    explorer.mode, explorer.center = "form", "Nobody"
    explorer.run()
    assert explorer.wait(30) == "failed"
    assert "Nobody" in explorer.status
    assert explorer.center == "Nobody"
    explorer.mode = "form"
    explorer.center = "Leo X"
    button(explorer, "Edit as ADQL").click()
    assert explorer.mode == "adql"


def test_a_variable_of_somebody_else_is_left_alone(make, space):
    space["stars"] = "mine"
    explorer = make()
    with pytest.raises(InvalidInput, match="already"):
        explorer.run()
    button(explorer, "Run").click()
    assert "There is a variable stars already (a str)" in explorer.status
    explorer.overwrite = True
    assert ran(explorer) is space["stars"]
    explorer.overwrite = False
    assert ran(explorer) is space["stars"]


def test_two_explorers_do_not_take_each_others_variable(make, space):
    first, second = make(), make()
    kept = ran(first)
    with pytest.raises(InvalidInput, match="already"):
        second.run()
    second.variable = "others"
    ran(second)
    assert space["stars"] is kept
    assert ran(first) is space["stars"]


def test_a_variable_that_comes_into_being_meanwhile_is_left_alone(make, space, monkeypatch):
    explorer = make()
    query = explorer._source.run

    def slow(*args):
        space["stars"] = "mine"
        return query(*args)

    monkeypatch.setattr(explorer._source, "run", slow)
    result = ran(explorer)
    assert space["stars"] == "mine"
    assert len(result) == 4039
    assert "alone" in explorer._panel.notes


def test_without_a_notebook_the_result_is_there_all_the_same(monkeypatch):
    explorer = snb.ArchiveExplorer("sample", limit=3)
    assert len(ran(explorer)) == 3
    assert "in .result" in explorer._panel.notes
    explorer.close()


def test_missing_spectra_are_said(make, tmp_path):
    ids = open_archive("sample").query("SELECT TOP 3 source_id FROM stars")["source_id"]
    explorer = make()
    explorer.result = Result({"source_id": np.append(ids, [5, 6])})
    explorer._runs.source_of_result = explorer._source
    explorer.fetch_spectra()
    assert explorer.wait(30) == "done"
    assert explorer.spectra.missing == (5, 6)
    assert "2 stars without a spectrum xp_sampled: 5, 6 (.spectra.missing)" in explorer._panel.notes


def test_spectra_without_stars_or_of_too_many_are_refused(explorer, monkeypatch):
    with pytest.raises(MissingInput, match="run a query first"):
        explorer.fetch_spectra()
    ran(explorer)
    monkeypatch.setattr(archive_explorer_work, "MOST_SPECTRA", 4000)
    explorer.fetch_spectra()
    assert explorer.wait(30) == "failed"
    assert isinstance(explorer._runs.bar.task.run.error, TooLarge)
    monkeypatch.undo()
    explorer.adql, explorer.mode = "SELECT teff FROM apogee", "adql"
    ran(explorer)
    explorer.fetch_spectra()
    assert explorer.wait(30) == "failed"
    assert "no column source_id" in explorer.status


def test_history_is_kept_in_the_state_and_runs_again(make, space, tmp_path):
    explorer = make(table="apogee", filters={"snr": (100, None)}, columns=["source_id"])
    first = ran(explorer)
    explorer.mode, explorer.adql = "adql", "SELECT TOP 3 * FROM stars"
    ran(explorer)
    assert [entry.rows for entry in explorer.history] == [3, len(first)]
    explorer.save(tmp_path / "explorer.json")
    other = make(state=tmp_path / "explorer.json", variable="x")
    assert other.adql == "SELECT TOP 3 * FROM stars"
    other.variable = "other"
    other.rerun(1)
    assert other.wait(30) == "done"
    assert other.mode == "form"
    assert space["other"].arrow.equals(first.arrow)
    other._panel._list.value = 2
    button(other, "Run again").click()
    other.wait(30)
    assert len(other.result) == len(first)
    with pytest.raises(InvalidInput, match="history"):
        other.recall(99)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("archive", "nowhere"),
        ("archive", 3),
        ("options", {"password": "x"}),
        ("options", {"url": "https://a:b@c/tap"}),
        ("mode", "sql"),
        ("form", {}),
        ("history", [{"archive": "sample"}]),
        ("history", 5),
        ("variable", "a b"),
        ("adql", 5),
    ],
)
def test_a_wrong_state_is_refused_and_nothing_changes(make, key, value):
    explorer = make(table="apogee", filters={"snr": (100, None)}, limit=5)
    before = explorer.state_values()
    with pytest.raises(InvalidInput):
        explorer.restore({**before, key: value})
    assert explorer.state_values() == before
    json.dumps(before)


@pytest.fixture
def odd(tmp_path):
    """A folder with VizieR's names, and markup wherever there may be text."""
    columns = {
        "source_id": np.arange(120) + 1,
        "ra": np.linspace(0, 359, 120),
        "dec": np.linspace(-80, 80, 120),
        "e_[fe/h]": np.linspace(0, 1, 120),
        "<img src=x onerror=alert(1)>": ["<script>alert(2)</script>"] * 120,
    }
    Result(
        columns,
        units={"e_[fe/h]": "dex"},
        descriptions={"e_[fe/h]": "<b>error</b>"},
    ).write(tmp_path / "J%2FA+A%2F682%2FA9%2Ftable1.parquet")
    return tmp_path


def test_odd_names_work_and_markup_is_text(make, odd):
    explorer = make(odd, filters={"e_[Fe/H]": (0.5, None)})
    assert explorer.table == "j/a+a/682/a9/table1"
    result = ran(explorer)
    assert len(result) == 60
    assert '"e_[fe/h]" >= 0.5' in explorer.to_code()
    assert again(explorer.to_code())["stars"].arrow.equals(result.arrow)
    html = explorer._panel.pager.html
    assert "<script>" not in html
    assert "<img" not in html
    assert "<b>error" not in html
    assert "&lt;script&gt;" in html
    explorer.adql, explorer.mode = 'SELECT "<i>x" FROM "J/A+A/682/A9/table1"', "adql"
    assert "<i>x" in explorer._form.editor.error["message"]


def test_an_archive_that_is_open_is_taken_as_it_is(make, odd):
    archive = LocalArchive(odd, name="mine")
    explorer = make(archive)
    assert explorer.to_code().startswith("# archive: <LocalArchive 'mine'")
    names = {"archive": archive}
    exec(explorer.to_code(), names)  # noqa: S102
    assert names["stars"].arrow.equals(ran(explorer).arrow)
    explorer.restore(explorer.state_values())
    explorer.choose_archive("sample")
    assert explorer.table == "stars"
    with pytest.raises(InvalidInput, match="open already"):
        explorer.choose_archive(archive, mirror="ari")


def test_the_archive_control_keeps_what_was_typed(explorer):
    explorer._form.archive.value = "smaple"
    button(explorer, "Open").click()
    assert "did you mean 'sample'" in explorer.status
    assert explorer._form.archive.value == "smaple"
    assert explorer.archive == "sample"


def test_cancel_leaves_an_archive_that_cannot_be_stopped(explorer, monkeypatch):
    import threading

    go = threading.Event()
    monkeypatch.setattr(explorer._source, "run", lambda *_: go.wait(20))
    explorer.run()
    with pytest.raises(InvalidInput, match="still running"):
        explorer.preview()
    assert explorer.cancel()
    assert explorer.wait(5) == "stopped"
    go.set()
    assert explorer.result is None
    assert explorer.history[0].note == "stopped"
    assert not explorer.cancel()


def test_a_notebook_without_a_kernel_has_a_sentence(make):
    explorer = make(adql="SELECT '<b>' AS x FROM stars")
    bundle = explorer._still_bundle()
    assert "Archive explorer of sample" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]


def test_displayed_twice_it_is_one_widget(explorer):
    mime = "application/vnd.jupyter.widget-view+json"
    assert explorer._repr_mimebundle_()[mime] == explorer._repr_mimebundle_()[mime]


def test_opening_and_closing_leaves_nothing(leaves_nothing):
    archive = open_archive("sample")

    def open_close():
        explorer = snb.ArchiveExplorer(
            archive, limit=5, filters={"j": (None, 12)}, namespace={}, table="stars"
        )
        explorer.run()
        explorer.wait(30)
        explorer.close()

    leaves_nothing(open_close)


def test_one_that_cannot_be_made_leaves_nothing_either():
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    with pytest.raises(InvalidInput):
        snb.ArchiveExplorer("sample", table="nope")
    assert set(_instances) == before
