"""The archive explorer on a remote archive: a TAP service on loopback, well and broken."""

import json
import time

import numpy as np
import pytest

import stellarnb as snb
from stellarnb.archives.registry import open_archive
from stellarnb.errors import ArchiveDown, InvalidInput, QueryError, Truncated
from stellarnb.tables import Result
from tests.support.archive_server import Fault, Limits, archive_server


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    n = 300
    columns = {
        "source_id": np.arange(n) + 1000,
        "ra": np.linspace(0, 359, n),
        "dec": np.linspace(-80, 80, n),
        "has_rvs": np.arange(n) % 2 == 0,
        "rvs_spec_sig_to_noise": np.linspace(5, 60, n),
        "<b>odd</b>": ["<b>x</b><script>alert(2)</script>"] * n,
    }
    units = {"ra": "deg", "dec": "deg"}
    words = {"ra": "Right <script>alert(1)</script> ascension", "has_rvs": "Whether it has one"}
    Result(columns, units=units, descriptions=words).write(folder / "gaia_source.parquet")
    with archive_server(folder, mock_stars=20, limits=Limits(max_rows=200)) as server:
        yield server


@pytest.fixture
def server(serving):
    serving.reset()
    yield serving
    serving.reset()


@pytest.fixture
def space():
    return {}


@pytest.fixture
def make(server, space, tmp_path, monkeypatch):
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    made = []

    def make_(archive="gaia", **options):
        where = {"url": server.tap_url, "data_url": server.data_url} if archive == "gaia" else {}
        made.append(snb.ArchiveExplorer(archive, **{"namespace": space, **where, **options}))
        made[-1].wait(30)
        return made[-1]

    yield make_
    for explorer in made:
        explorer.close()


def ended(explorer, state="done"):
    assert explorer.wait(30) == state, explorer.status
    return explorer.result


def asked(server, text):
    return [entry for entry in server.log.requests if text in str(entry.params)]


def test_tables_and_columns_are_read_beside_the_cells(make, server):
    explorer = make()
    assert explorer.table == "gaiadr3.gaia_source"
    assert explorer._form.tables.entries[0][0] == "gaiadr3.gaia_source"
    entries = {name: (unit, words) for name, unit, words in explorer._form.columns.entries}
    assert entries["ra"][0] == "deg"
    assert entries["has_rvs"] == ("", "Whether it has one")
    assert explorer._form.reading.value == ""
    assert explorer._form.has["has_rvs"].layout.display == ""
    assert explorer._form.snr_low.layout.display == ""
    explorer.table = "mock.stars"
    explorer.wait(30)
    assert "phot_g_mean_mag" in [name for name, _, _ in explorer._form.columns.entries]


def test_form_to_table_to_code(make, space):
    explorer = make(limit=50)
    explorer._form.has["has_rvs"].value = True
    explorer._form.snr_low.value = "20"
    assert explorer.filters == {"has_rvs": True, "snr": ("20", None)}
    explorer.estimate()
    explorer.wait(30)
    assert explorer.rows == 50
    assert "an estimate, counted by gaia" in explorer._panel.notes
    explorer.preview()
    explorer.wait(30)
    assert len(explorer._panel.pager._table) == 50
    explorer.run()
    result = ended(explorer)
    assert len(result) == 50
    assert result["rvs_spec_sig_to_noise"].min() >= 20
    assert space["stars"] is result
    names = {}
    exec(explorer.to_code(), names)  # noqa: S102
    assert names["stars"].arrow.equals(result.arrow)


@pytest.mark.parametrize("columns", [[], ["source_id", "dec"]])
def test_a_cone_is_a_cone(make, columns):
    explorer = make(center="180 0", radius=60, columns=columns)
    assert ".cone((180.0, 0.0), 60.0, table='gaiadr3.gaia_source'" in explorer.to_code()
    explorer.run()
    result = ended(explorer)
    assert len(result) > 10
    names = {}
    exec(explorer.to_code(), names)  # noqa: S102
    assert names["stars"].arrow.equals(result.arrow)
    explorer.preview()
    explorer.wait(30)
    assert explorer._panel.pager._table.arrow.equals(result.arrow.slice(0, 50))


def test_a_cut_answer_is_refused_or_said(make, space, server):
    explorer = make(adql="SELECT * FROM gaiadr3.gaia_source ORDER BY source_id")
    explorer.run()
    assert explorer.wait(30) == "failed"
    assert isinstance(explorer._runs.bar.task.run.error, Truncated)
    assert "stars" not in space
    explorer.allow_truncated = True
    explorer.run()
    result = ended(explorer)
    assert result.truncated
    assert len(result) == 200
    assert "Incomplete: the archive held back rows" in explorer._panel.notes
    assert "allow_truncated=True" in explorer.to_code()


def test_cancel_aborts_the_archives_job(make, server):
    server.faults.inject(Fault.STUCK_EXECUTING)
    explorer = make()
    explorer.run()
    deadline = time.monotonic() + 20
    while "executing" not in explorer._runs.bar.words and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "executing" in explorer._runs.bar.words
    start = time.monotonic()
    assert explorer.cancel()
    assert explorer.wait(10) == "stopped"
    assert time.monotonic() - start < 5  # at once, on whatever machine this runs
    assert asked(server, "ABORT")
    assert explorer.history[0].note == "stopped"
    server.faults.clear()
    explorer.limit = 100
    explorer.run()
    assert len(ended(explorer)) == 100


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.MAINTENANCE, ArchiveDown),
        (Fault.ERROR_200, QueryError),
        (Fault.ENTITY_BOMB, ArchiveDown),
    ],
)
def test_an_archive_in_trouble_is_said_and_the_form_is_kept(make, server, fault, error):
    explorer = make(limit=10, center="180 0", radius=90)
    before = explorer.state_values()
    server.faults.inject(fault)
    explorer.run()
    assert explorer.wait(60) == "failed"
    assert isinstance(explorer._runs.bar.task.run.error, error)
    assert explorer.status
    after = explorer.state_values()
    assert {**after, "history": []} == before
    server.faults.clear()
    explorer.run()
    assert len(ended(explorer)) == 10


def test_an_archive_that_is_down_from_the_start_is_said_in_place(make, server):
    server.faults.inject(Fault.MAINTENANCE)
    explorer = make()
    assert "could not be read" in explorer._form.reading.value
    assert "maintenance" in explorer._form.reading.value
    assert "<script" not in explorer._form.reading.value
    server.faults.clear()
    explorer.choose_archive("gaia", url=server.tap_url)
    explorer.wait(30)
    assert explorer._form.reading.value == ""
    assert explorer._form.columns.entries


def test_what_the_archive_says_of_a_query_is_marked(make):
    explorer = make(adql="SELECT source_id\nFROM gaiadr3.gaia_source\nWHERE colour > 1")
    assert explorer._form.editor.error == {}
    explorer.run()
    assert explorer.wait(30) == "failed"
    error = explorer._form.editor.error
    assert explorer.adql[error["start"] : error["end"]] == "colour"
    assert "refuses the query" in explorer.status


def test_offline_is_said(make):
    explorer = make("gaia", offline=True, adql="SELECT TOP 1 source_id FROM gaiadr3.gaia_source")
    explorer.run()
    assert explorer.wait(30) == "failed"
    assert "offline" in explorer.status


def test_markup_of_the_archive_is_text(make, server):
    server.faults.inject(Fault.HTML_DESCRIPTION)
    explorer = make(limit=5, columns=["ra", "<b>odd</b>"])
    explorer.run()
    assert len(ended(explorer)) == 5
    html = explorer._panel.pager.html
    assert "<b>" not in html
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;b&gt;x&lt;/b&gt;&lt;script&gt;" in html


def test_spectra_and_those_that_are_missing(make, server, space):
    explorer = make(adql="SELECT TOP 10 source_id FROM mock.stars ORDER BY source_id")
    explorer.run()
    ended(explorer)
    server.faults.inject(Fault.MISSING_IDS)
    explorer.fetch_spectra("rvs")
    ended(explorer)
    assert len(explorer.spectra) + len(explorer.spectra.missing) == 10
    assert len(explorer.spectra.missing) > 0
    assert ".spectra.missing" in explorer._panel.notes
    assert space["spectra"] is explorer.spectra


def test_no_secret_gets_into_the_state(make, server):
    explorer = make()
    with pytest.raises(InvalidInput, match="password or a key"):
        explorer.choose_archive("gaia", url="https://me:hunter2@tap.example/tap")
    explorer._form.archive.value = "https://tap.example/tap?token=hunter2"
    explorer.guarded(lambda: explorer.choose_archive(explorer._form.archive.value))
    assert "password or a key" in explorer.status
    assert "hunter2" not in json.dumps(explorer.state_values())
    assert "hunter2" not in explorer.status


def test_an_open_archive_of_a_session_is_taken(make, server):
    archive = open_archive("gaia", url=server.tap_url, cache=False)
    explorer = make(archive, adql="SELECT TOP 3 source_id FROM gaiadr3.gaia_source")
    explorer.run()
    assert len(ended(explorer)) == 3
    assert "# archive: <RemoteArchive 'gaia'" in explorer.to_code()


def test_closing_in_the_middle_leaves_nothing(make, server):
    import threading

    server.faults.inject(Fault.STUCK_EXECUTING)
    explorer = make()
    explorer.run()
    explorer.close()
    named = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("stellarnb: ") for name in named)
