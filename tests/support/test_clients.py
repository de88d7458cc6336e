"""The clients that astronomers have, unmodified, against the test server."""

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from pyvo.dal.exceptions import DALOverflowWarning, DALQueryError

from tests.support.archive_server import ArchiveServer, Fault

pytestmark = [
    # Of these clients: sockets that they leave to the collector, units in which VOUnits differs.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUERY = (
    "SELECT TOP 5 source_id, ra, dec, phot_g_mean_mag FROM gaiadr3.gaia_source ORDER BY source_id"
)


@pytest.fixture(scope="module", autouse=True)
def swept() -> Iterator[None]:
    """Collect the sockets that the clients left open, while their warnings are expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def gaia_class(loopback_only: list[str]) -> type:
    """The class; its module asks the real archive for messages at import, in vain here."""
    from astroquery.gaia import GaiaClass

    assert all("esac.esa.int" in host for host in loopback_only)
    loopback_only.clear()
    return GaiaClass


@pytest.fixture
def gaia(
    gaia_class: type,
    server: ArchiveServer,
    loopback_only: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> object:
    monkeypatch.chdir(tmp_path)  # load_data writes into the current folder
    yield gaia_class(
        gaia_tap_server=f"{server.url}/",
        gaia_data_server=f"{server.url}/",
        show_server_messages=False,
    )
    assert loopback_only == []


@pytest.fixture
def tap(server: ArchiveServer) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(server.tap_url)


def truth(server: ArchiveServer, adql: str, column: str = "source_id") -> list[object]:
    return server.store.query(adql).arrow[column].to_pylist()


def test_gaia_shows_the_servers_messages(gaia_class, server, capsys):
    gaia_class(gaia_tap_server=f"{server.url}/", gaia_data_server=f"{server.url}/")
    assert "nothing here comes from a live archive" in capsys.readouterr().out


@pytest.mark.parametrize(
    "form", ["votable", "votable_gzip", "votable_plain", "csv", "ecsv", "json", "fits"]
)
def test_gaia_launch_job(gaia, server, form):
    table = gaia.launch_job(QUERY, output_format=form).get_results()
    assert np.asarray(table["source_id"]).tolist() == truth(server, QUERY)
    mags = np.asarray(table["phot_g_mean_mag"], dtype=np.float32).tolist()
    assert mags == truth(server, QUERY, "phot_g_mean_mag")


def test_gaia_launch_job_async_and_list(gaia, server):
    job = gaia.launch_job_async(QUERY)
    assert job.get_results()["source_id"].tolist() == truth(server, QUERY)
    assert job.get_phase(update=True) == "COMPLETED"
    assert job.jobid in [other.jobid for other in gaia.list_async_jobs()]
    again = gaia.load_async_job(jobid=job.jobid)
    assert again.get_results()["source_id"].tolist() == truth(server, QUERY)
    gaia.remove_jobs([job.jobid])
    assert job.jobid not in [other.jobid for other in gaia.list_async_jobs()]


def test_gaia_autorun_off(gaia, server):
    job = gaia.launch_job_async(QUERY, autorun=False)
    assert job.get_phase(update=True) == "PENDING"
    job.start()
    assert job.get_results()["source_id"].tolist() == truth(server, QUERY)


def test_gaia_says_what_is_wrong_with_a_query(gaia, capsys):
    with pytest.raises(requests.HTTPError, match="there is no column 'nonsense'"):
        gaia.launch_job("SELECT nonsense FROM gaiadr3.gaia_source")


def test_gaia_upload(gaia, server, xp_ids):
    table = Table({"source_id": np.array(xp_ids[:4]), "mine": np.arange(4)})
    job = gaia.launch_job(
        "SELECT g.source_id, u.mine FROM gaiadr3.gaia_source AS g "
        "JOIN tap_upload.mystars AS u ON g.source_id = u.source_id ORDER BY u.mine",
        upload_resource=table,
        upload_table_name="mystars",
    )
    assert job.get_results()["source_id"].tolist() == xp_ids[:4]


def test_gaia_tables(gaia):
    tables = {table.get_qualified_name(): table for table in gaia.load_tables()}
    assert {"gaiadr3.gaia_source", "sample.apogee", "mock.stars"} <= {
        name.split(".", 1)[1] if name.count(".") > 1 else name for name in tables
    }
    table = gaia.load_table("gaiadr3.gaia_source")
    columns = {column.name: column for column in table.columns}
    assert columns["ra"].unit == "deg"
    assert columns["has_xp_sampled"].data_type == "boolean"


def test_gaia_cone_search(gaia, server, xp_ids):
    row = server.store.query(
        f"SELECT ra, dec FROM gaiadr3.gaia_source WHERE source_id = {xp_ids[0]}"  # noqa: S608
    ).arrow.to_pylist()[0]
    centre = SkyCoord(row["ra"], row["dec"], unit="deg")
    job = gaia.cone_search_async(centre, radius=2 * u.deg)
    assert job.get_results()["source_id"][0] == xp_ids[0]
    near = gaia.cone_search(centre, radius=1 * u.arcsec).get_results()
    assert near["source_id"].tolist() == [xp_ids[0]]


@pytest.mark.parametrize("form", ["fits", "votable", "votable_plain", "csv"])
@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_gaia_load_data_is_byte_equal(gaia, server, xp_ids, form):
    products = gaia.load_data(xp_ids[:3], retrieval_type="XP_SAMPLED", format=form)
    spectra = server.store.spectra(np.array(xp_ids[:3]), "XP_SAMPLED")
    ending = {"votable": "xml", "votable_plain": "xml"}.get(form, form)
    assert sorted(products) == sorted(f"XP_SAMPLED-Gaia DR3 {star}.{ending}" for star in xp_ids[:3])
    for i, star in enumerate(xp_ids[:3]):
        table = products[f"XP_SAMPLED-Gaia DR3 {star}.{ending}"][0]
        table = table.to_table() if hasattr(table, "to_table") else table
        flux = np.asarray(table["flux"], dtype=np.float32)
        error = np.asarray(table["flux_error"], dtype=np.float32)
        assert flux.tobytes() == spectra.flux[i].tobytes()
        assert error.tobytes() == spectra.error[i].tobytes()
        assert np.array_equal(np.asarray(table["wavelength"]), np.arange(336, 1021, 2.0))


def test_gaia_load_data_in_one_file(gaia, server, xp_ids):
    products = gaia.load_data(
        xp_ids, retrieval_type="XP_SAMPLED", data_structure="RAW", format="fits"
    )
    table = products["XP_SAMPLED_RAW.fits"][0]
    assert table["source_id"].tolist() == xp_ids
    truth_ = server.store.spectra(np.array(xp_ids), "XP_SAMPLED").flux
    assert np.asarray(table["flux"], dtype="<f4").tobytes() == truth_.tobytes()


def test_gaia_links(gaia, xp_ids):
    table = gaia.get_datalinks(xp_ids[:2])
    assert list(table["ID"]) == [f"Gaia DR3 {star}" for star in xp_ids[:2]]


def test_pyvo_sync_and_tables(tap, server):
    result = tap.run_sync(QUERY)
    assert result["source_id"].tolist() == truth(server, QUERY)
    table = tap.tables["gaiadr3.gaia_source"]
    assert [column.name for column in table.columns][:3] == ["designation", "source_id", "ra"]
    assert tap.upload_methods[0].ivo_id.endswith("#upload-inline")
    assert tap.maxrec == server.service.limits.max_rows


def test_pyvo_tap_schema(tap):
    names = tap.run_sync("SELECT table_name FROM tap_schema.tables")["table_name"]
    assert {"gaiadr3.gaia_source", "tap_schema.columns"} <= set(names)
    rows = tap.run_sync(
        'SELECT column_name, unit, datatype, "size" FROM TAP_SCHEMA.columns '
        "WHERE table_name = 'gaiadr3.gaia_source' AND column_name = 'ra'"
    ).to_table()
    assert (rows["unit"][0], rows["datatype"][0]) == ("deg", "double")
    keys = tap.run_sync(
        "SELECT k.from_table, c.from_column FROM tap_schema.keys AS k "
        "JOIN tap_schema.key_columns AS c USING (key_id)"
    )
    assert set(keys["from_column"]) == {"source_id"}


def test_pyvo_async(tap, server):
    assert tap.run_async(QUERY)["source_id"].tolist() == truth(server, QUERY)


def test_pyvo_job_by_hand(tap, server):
    job = tap.submit_job(QUERY, maxrec=3)
    assert job.phase == "PENDING"
    job.execution_duration = 77
    assert job.execution_duration.sec == 77
    ids = job.run().wait(timeout=20).fetch_result()["source_id"].tolist()
    assert ids == truth(server, QUERY)[:3]
    assert job.job_id in [entry.jobid for entry in tap.get_job_list()]
    url = job.url
    job.delete()
    assert requests.get(url, timeout=20).status_code == 404


def test_pyvo_abort(tap, server):
    server.faults.inject(Fault.STUCK_EXECUTING, times=1)
    job = tap.submit_job(QUERY).run()
    assert job.phase == "EXECUTING"
    job.abort()
    assert job.phase == "ABORTED"


def test_pyvo_error(tap):
    with pytest.raises(
        DALQueryError, match=r"there is no table 'gaiadr3\.gaia_sauce'; did you mean"
    ):
        tap.run_sync("SELECT * FROM gaiadr3.gaia_sauce")
    job = tap.submit_job("SELECT * FROM gaiadr3.gaia_sauce").run().wait(timeout=20)
    assert job.phase == "ERROR"
    with pytest.raises(DALQueryError, match="there is no table"):
        job.raise_if_error()


def test_pyvo_upload(tap, xp_ids):
    table = Table({"source_id": np.array(xp_ids), "mine": np.arange(len(xp_ids))})
    result = tap.run_sync(
        "SELECT u.mine, g.source_id FROM tap_upload.stars AS u "
        "JOIN gaiadr3.gaia_source AS g USING (source_id) ORDER BY mine",
        uploads={"stars": table},
    )
    assert result["source_id"].tolist() == xp_ids
    result = tap.run_async("SELECT COUNT(*) AS n FROM tap_upload.stars", uploads={"stars": table})
    assert result["n"].tolist() == [len(xp_ids)]


def test_pyvo_is_told_of_overflow(tap, server):
    server.faults.inject("overflow", where="sync")
    with pytest.warns(DALOverflowWarning):
        assert tap.run_sync(QUERY)["source_id"].tolist() == truth(server, QUERY)[:2]
    server.reset()
    server.faults.inject("overflow", where="async")
    with pytest.warns(DALOverflowWarning):
        assert len(tap.run_async(QUERY)) == 2
