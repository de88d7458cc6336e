"""The server's own promises: formats, parameters, products, jobs, and how it is started."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import requests
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from stellarnb.errors import InvalidInput, OutputError
from stellarnb.spectra.readers import read
from stellarnb.tables import Result
from tests.support.archive_server import Limits, archive_server
from tests.support.server.answers import answer_of, render


def sync(server, adql, **more):
    return requests.get(f"{server.tap_url}/sync", {"QUERY": adql, **more}, timeout=20)


def bundle(server, ids, product="XP_SAMPLED", **more):
    params = {"ID": ",".join(map(str, ids)), "RETRIEVAL_TYPE": product, "USE_ZIP_ALWAYS": "true"}
    reply = requests.post(server.data_url, params | more, timeout=30)
    assert reply.status_code == 200, reply.text
    return zipfile.ZipFile(io.BytesIO(reply.content)), reply


cells = st.lists(
    st.tuples(
        st.integers(0, 2**63 - 1),
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.floats(width=32),
        st.none() | st.booleans(),
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=6),
    ),
    max_size=12,
)


@given(cells)
@settings(max_examples=40, deadline=None)
def test_votables_hold_every_value(rows):
    names = ["source_id", "n", "x", "flag", "word"]
    kinds = [pa.int64(), pa.int32(), pa.float32(), pa.bool_(), pa.string()]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    table = pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names=names)
    answer = answer_of(Result(table), {})
    for form in ("votable", "votable_plain"):
        array = parse(io.BytesIO(render(answer, form)[0])).get_first_table().array
        assert array["source_id"].tolist() == [row[0] for row in rows]
        assert array["n"].tolist() == [row[1] for row in rows]
        assert array["flag"].tolist() == [row[3] for row in rows]
        assert array["word"].tolist() == [row[4] for row in rows]
        x = np.array([np.nan if row[2] is None else row[2] for row in rows], np.float32)
        assert np.array_equal(np.ma.filled(array["x"], np.nan), x, equal_nan=True)


def test_json_is_gaias(server):
    reply = sync(server, "SELECT TOP 2 source_id, ra FROM sample.stars", FORMAT="json")
    content = json.loads(reply.content)
    assert [column["name"] for column in content["metadata"]] == ["source_id", "ra"]
    assert set(content["metadata"][0]) == {
        "name", "datatype", "xtype", "arraysize", "description", "unit", "ucd", "utype",
    }  # fmt: skip
    assert isinstance(content["data"][0][0], int)


def test_names_of_parameters_have_no_case_and_upload_from_elsewhere_is_refused(server):
    url = f"{server.tap_url}/sync"
    query = "SELECT COUNT(*) AS n FROM sample.apogee"
    reply = requests.post(
        url, {"query": query, "Lang": "ADQL", "ResponseFormat": "csv"}, timeout=20
    )
    assert reply.text == "n\n4039\n"
    reply = sync(server, query, UPLOAD="t,http://192.0.2.1/t.xml")
    assert reply.status_code == 400
    assert "inline" in reply.text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"LANG": "PQL"}, "LANG=PQL"),
        ({"FORMAT": "xlsx"}, "FORMAT=xlsx"),
        ({"MAXREC": "-1"}, "MAXREC=-1"),
        ({"QUERY": ""}, "QUERY is missing"),
        ({"QUERY": "DROP TABLE gaiadr3.gaia_source"}, "only SELECT"),
        ({"REQUEST": "getCapabilities"}, "doQuery"),
    ],
)
def test_bad_requests_get_an_error_votable(server, more, words):
    params = {"QUERY": "SELECT TOP 1 ra FROM sample.stars"} | more
    reply = requests.get(f"{server.tap_url}/sync", params, timeout=20)
    assert reply.status_code == 400
    info = parse(io.BytesIO(reply.content)).resources[0].infos[0]
    assert info.value == "ERROR"
    assert words in reply.text


def test_the_geometry_that_is_announced_is_understood(server):
    text = requests.get(f"{server.tap_url}/capabilities", timeout=20).text
    announced = set(re.findall(r"<form>(\w+)</form>", text))
    adql = (
        "SELECT DISTANCE(POINT(ra, dec), POINT(10, 20)) AS d, COORD1(POINT(ra, dec)) AS a, "
        "COORD2(POINT(ra, dec)) AS b FROM sample.stars "
        "WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 10, 20, 5)) "
        "AND 1 = CONTAINS(POINT(ra, dec), BOX(10, 20, 9, 9)) "
        "AND 1 = CONTAINS(POINT(ra, dec), POLYGON(0, 10, 20, 10, 10, 40))"
    )
    assert announced == set(re.findall(r"\b(\w+)\(", adql))
    assert sync(server, adql).status_code == 200


def test_maxrec_zero_gives_columns_only(server):
    table = parse(io.BytesIO(sync(server, "SELECT * FROM sample.stars", MAXREC="0").content))
    assert len(table.get_first_table().array) == 0
    assert table.get_first_table().fields[0].name == "source_id"


def test_names_in_strings_are_left_alone(server):
    reply = sync(
        server, "SELECT TOP 1 'gaiadr3.gaia_source' AS t FROM gaiadr3.gaia_source", FORMAT="csv"
    )
    assert reply.text == "t\ngaiadr3.gaia_source\n"


def test_an_error_shows_the_users_own_words(server):
    reply = sync(server, "SELECT nonsense FROM gaiadr3.gaia_source")
    assert "SELECT nonsense FROM gaiadr3.gaia_source" in reply.text


def test_rvs_is_made_up_and_says_so(server):
    mocks = server.store.query("SELECT TOP 3 source_id FROM mock.stars").arrow["source_id"]
    files, reply = bundle(server, mocks.to_pylist(), "RVS", FORMAT="fits")
    assert "made up" in reply.headers["X-Mock"]
    hdus = fits.open(io.BytesIO(files.read(files.namelist()[0])))
    assert hdus[1].header["MOCK"] is True
    assert len(hdus[1].data) == 2401
    truth = server.store.spectra(mocks.to_numpy(), "RVS")
    assert hdus[1].data["flux"].astype("<f4").tobytes() == truth.flux[0].tobytes()
    assert np.isnan(truth.flux[0, 0])


def test_real_stars_have_no_rvs_and_mock_stars_no_xp(server, xp_ids):
    assert bundle(server, xp_ids, "RVS")[0].namelist() == []
    mocks = server.store.query("SELECT source_id FROM mock.stars").arrow["source_id"].to_pylist()
    assert bundle(server, mocks, "XP_SAMPLED")[0].namelist() == []


def test_all_products_and_ids_with_their_release(server, xp_ids):
    files, _ = bundle(server, [f"Gaia DR3 {xp_ids[0]}", xp_ids[0]], "ALL", FORMAT="csv")
    assert files.namelist() == [f"XP_SAMPLED-Gaia DR3 {xp_ids[0]}.csv"]
    lines = files.read(files.namelist()[0]).decode().splitlines()
    assert lines[0] == "source_id,solution_id,ra,dec,wavelength,flux,flux_error"
    place = server.store.query(
        f"SELECT ra FROM sample.stars WHERE source_id = {xp_ids[0]}"  # noqa: S608
    )
    assert float(lines[1].split(",")[2]) == place.arrow["ra"][0].as_py()


def test_one_file_may_come_without_a_zip(server, xp_ids):
    params = {"ID": xp_ids[0], "RETRIEVAL_TYPE": "XP_SAMPLED", "FORMAT": "fits"}
    reply = requests.get(server.data_url, params, timeout=20)
    assert reply.content.startswith(b"SIMPLE")


@pytest.mark.parametrize("form", ["fits", "csv", "votable", "votable_plain", "ecsv"])
@pytest.mark.parametrize("structure", ["INDIVIDUAL", "RAW"])
def test_files_of_datalink_are_read_by_our_readers(server, xp_ids, tmp_path, form, structure):
    _, reply = bundle(server, xp_ids[:3], FORMAT=form, DATA_STRUCTURE=structure)
    path = tmp_path / "products.zip"
    path.write_bytes(reply.content)
    spectra = read(path)
    order = np.argsort(spectra.source_id)
    truth = server.store.spectra(np.array(xp_ids[:3]), "XP_SAMPLED")
    assert spectra.source_id[order].tolist() == xp_ids[:3]
    assert spectra.flux[order].tobytes() == truth.flux.tobytes()


@pytest.mark.parametrize(
    ("form", "ending", "packed"),
    [("fits", "fits", "fits"), ("csv", "csv", "csv"), ("votable", "xml", "vot")],
)
def test_files_are_built_like_the_real_ones(server, xp_ids, shared_data, form, ending, packed):
    star = 5937083312263887616
    folder = shared_data / "gaia_datalink_astroquery"
    real = zipfile.ZipFile(folder / f"gaia_dr3_source_id_{star}_dl_products_{packed}.zip")
    mine, _ = bundle(server, xp_ids[:1], FORMAT=form)
    name = f"XP_SAMPLED-Gaia DR3 {{}}.{ending}"
    reader = {"csv": "ascii.csv", "xml": "votable"}.get(ending, ending)
    theirs, ours = (
        Table.read(io.BytesIO(archive.read(name.format(number))), format=reader)
        for archive, number in ((real, star), (mine, xp_ids[0]))
    )
    assert ours.dtype == theirs.dtype
    assert len(ours) == len(theirs)
    assert [ours[column].unit for column in ours.colnames] == [
        theirs[column].unit for column in theirs.colnames
    ]
    assert np.array_equal(ours["wavelength"], theirs["wavelength"])


def test_zips_may_be_left_uncompressed(xp_ids):
    with archive_server(limits=Limits(zip_level=0)) as server:
        files, _ = bundle(server, xp_ids[:2], FORMAT="fits")
    assert {info.compress_type for info in files.infolist()} == {zipfile.ZIP_STORED}
    assert files.testzip() is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"RETRIEVAL_TYPE": "EPOCH_PHOTOMETRY"}, "EPOCH_PHOTOMETRY is not at hand"),
        ({"FORMAT": "hdf5"}, "FORMAT=hdf5"),
        ({"DATA_STRUCTURE": "COMBINED"}, "DATA_STRUCTURE"),
        ({"ID": "5.9e18"}, "not an integer"),
        ({"ID": ",".join(map(str, range(5001)))}, "5000 at most"),
    ],
)
def test_datalink_refuses(server, more, words):
    reply = requests.post(server.data_url, {"ID": "1", "RETRIEVAL_TYPE": "RVS"} | more, timeout=20)
    assert reply.status_code == 400
    assert words in reply.text


def test_the_log_counts_what_left(server, xp_ids):
    bundle(server, xp_ids[:3])
    bundle(server, xp_ids[2:4])
    assert server.log.served[("XP_SAMPLED", xp_ids[2])] == 2
    assert sum(server.log.served.values()) == 5
    assert server.log.count("data") == 2


def test_job_parts(server):
    data = {"QUERY": "SELECT TOP 1 ra FROM sample.stars", "RUNID": "mine"}
    url = requests.post(f"{server.tap_url}/async", data, timeout=20).url
    for part, value in {
        "phase": "PENDING",
        "quote": "",
        "owner": "anonymous",
        "executionduration": "3600",
        "parameters/query": data["QUERY"],
    }.items():
        assert requests.get(f"{url}/{part}", timeout=20).text == value
    requests.post(f"{url}/phase", {"PHASE": "RUN"}, timeout=20)
    for _ in range(3):
        text = requests.get(url, {"WAIT": "20"}, timeout=30).text
    assert "<uws:phase>COMPLETED</uws:phase>" in text
    assert "<uws:runId>mine</uws:runId>" in text
    again = requests.post(f"{url}/phase", {"PHASE": "RUN"}, timeout=20)
    assert again.status_code == 400
    requests.post(f"{url}/destruction", {"DESTRUCTION": "2020-01-01T00:00:00Z"}, timeout=20)
    assert requests.get(url, timeout=20).status_code == 404


def test_a_folder_of_ones_own(tmp_path):
    ids = np.array([5937083312263887616, 7], np.int64)
    Result({"source_id": ids, "ra": [1.0, 2.0], "dec": [3.0, 4.0]}).write(
        tmp_path / "gaia_source.parquet"
    )
    with archive_server(tmp_path, mock_stars=0) as server:
        reply = sync(server, "SELECT source_id FROM gaiadr3.gaia_source", FORMAT="csv")
        assert reply.text == "source_id\n5937083312263887616\n7\n"
        assert server.store.products == ()


def test_a_folder_with_spectra_serves_them(tmp_path):
    ids = np.array([5937083312263887616, 7], np.int64)
    Result({"source_id": ids, "ra": [1.0, 2.0], "dec": [3.0, 4.0]}).write(
        tmp_path / "stars.parquet"
    )
    flux = np.linspace(0.5, 1, 2401).astype("<f2")
    packed = pa.array([flux.tobytes()], pa.binary(2 * 2401))
    spectra = {"source_id": ids[:1], "medflux": np.ones(1, np.float32)}
    Result(
        spectra | {"flux": packed, "flux_error": packed},
        provenance={"product": "rvs", "instrument": "gaia-rvs"},
    ).write(tmp_path / "rvs.parquet")
    with archive_server(tmp_path) as server:
        reply = sync(server, "SELECT has_rvs, source_id FROM gaiadr3.gaia_source", FORMAT="csv")
        assert reply.text == f"has_rvs,source_id\nTrue,{ids[0]}\nFalse,7\n"
        files, reply = bundle(server, ids, "RVS", FORMAT="fits")
        assert files.namelist() == [f"RVS-Gaia DR3 {ids[0]}.fits"]
        assert "X-Mock" not in reply.headers
        table = fits.getdata(io.BytesIO(files.read(files.namelist()[0])))
        assert np.array_equal(table["flux"], flux.astype(np.float32))


def test_a_job_ends_with_its_execution_duration(tmp_path):
    with archive_server(limits=Limits(job_seconds=30)) as server:
        data = {"QUERY": "SELECT TOP 1 ra FROM sample.stars"}
        url = requests.post(f"{server.tap_url}/async", data, timeout=20).url
        requests.post(f"{url}/executionduration", {"EXECUTIONDURATION": "1"}, timeout=20)
        requests.post(f"{url}/phase", {"PHASE": "RUN"}, timeout=20)
        for _ in range(3):
            text = requests.get(url, {"WAIT": "20"}, timeout=30).text
        assert "<uws:phase>ABORTED</uws:phase>" in text


def test_a_taken_port_and_a_missing_folder_are_refused(server, tmp_path):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OutputError, match=f"Port {port}"), archive_server(port=port):
        pass
    with pytest.raises(InvalidInput, match="no folder"), archive_server(tmp_path / "none"):
        pass


#: The command, with Ctrl-C as at a terminal: what runs behind a script may have been told to
#: ignore it, and hands that on.
SERVE = """import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("tests.support.archive_server", run_name="__main__")
"""


def test_the_command_line_serves_until_ctrl_c():
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, "--fault", "error-200:1/sync"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ) as process:
        url = process.stdout.readline().split()[-1]
        try:
            params = {"QUERY": "SELECT TOP 1 ra FROM sample.stars", "FORMAT": "csv"}
            first, second = (requests.get(f"{url}/sync", params, timeout=20) for _ in range(2))
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert b"ERROR" in first.content
        assert second.text.startswith("ra\n")
