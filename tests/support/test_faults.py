"""Each fault does what its name says, seen through plain HTTP."""

import http.client
import io
import time
import zipfile
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
import requests
from astropy.io.votable import parse

from stellarnb.errors import InvalidInput
from tests.support.archive_server import Fault
from tests.support.server.faults import Faults, parse_fault

QUERY = "SELECT TOP 50 source_id, ra FROM gaiadr3.gaia_source ORDER BY source_id"


def ask(server, **more):
    return requests.post(f"{server.tap_url}/sync", {"QUERY": QUERY, **more}, timeout=20)


def fetch(server, ids, **more):
    params = {"ID": ",".join(map(str, ids)), "RETRIEVAL_TYPE": "XP_SAMPLED", "FORMAT": "fits"}
    params |= {"USE_ZIP_ALWAYS": "true", **more}
    return requests.post(server.data_url, params, timeout=30)


def names(reply):
    return zipfile.ZipFile(io.BytesIO(reply.content)).namelist()


def raw(server, fault):
    """Ask with a client that judges nothing; return the headers and what could be read."""
    server.faults.inject(fault, times=1)
    link = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        link.request("GET", "/tap-server/tap/sync?" + urlencode({"QUERY": QUERY, "FORMAT": "csv"}))
        reply = link.getresponse()
        return reply.headers, reply.read()
    finally:
        link.close()


def make_job(server):
    data = {"QUERY": QUERY, "PHASE": "RUN"}
    reply = requests.post(f"{server.tap_url}/async", data, allow_redirects=False, timeout=20)
    assert reply.status_code == 303
    return reply.headers["Location"]


def phase(url):
    return requests.get(f"{url}/phase", timeout=20).text


def settled(url):
    deadline = time.monotonic() + 20
    while phase(url) in {"PENDING", "QUEUED", "EXECUTING"} and time.monotonic() < deadline:
        time.sleep(0.02)
    return phase(url)


def test_unavailable_is_a_503_as_often_as_told(server):
    server.faults.inject(Fault.UNAVAILABLE, times=2)
    replies = [ask(server) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].headers["Retry-After"] == "1"
    assert server.faults.struck == {Fault.UNAVAILABLE: 2}


def test_pool_empty(server, xp_ids):
    server.faults.inject(Fault.POOL_EMPTY, where="data")
    reply = fetch(server, xp_ids)
    assert reply.status_code == 500
    assert "Pool empty" in reply.text
    assert ask(server).ok
    assert not server.log.served


def test_maintenance_is_a_page_with_status_200(server):
    server.faults.inject(Fault.MAINTENANCE)
    reply = ask(server)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "down for maintenance" in reply.text


def test_error_200(server):
    server.faults.inject(Fault.ERROR_200)
    reply = ask(server)
    assert reply.status_code == 200
    info = parse(io.BytesIO(reply.content)).resources[0].infos[0]
    assert (info.name, info.value) == ("QUERY_STATUS", "ERROR")


def test_entity_bomb_is_small_and_would_grow(server):
    server.faults.inject(Fault.ENTITY_BOMB)
    body = ask(server).content
    assert len(body) < 10_000
    assert body.count(b"<!ENTITY") == 10
    assert b"&e9;" in body


def test_cut_stream_ends_before_its_length(server):
    with pytest.raises(http.client.IncompleteRead) as caught:
        raw(server, Fault.CUT_STREAM)
    assert caught.value.expected > 100


def test_cut_chunked_ends_without_its_last_chunk(server):
    with pytest.raises(http.client.IncompleteRead):
        raw(server, Fault.CUT_CHUNKED)
    server.faults.inject(Fault.CUT_CHUNKED, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(server)


def test_wrong_length_reads_as_a_whole_answer_that_lacks_half(server):
    whole = ask(server, FORMAT="csv").content
    headers, body = raw(server, Fault.WRONG_LENGTH)
    assert body == whole[: len(whole) // 2]
    assert int(headers["Content-Length"]) == len(body)


def test_slow_drip_comes_in_pieces_and_whole(server, xp_ids):
    server.faults.inject(Fault.SLOW_DRIP, times=1)
    link = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    query = "SELECT TOP 500 source_id FROM sample.stars ORDER BY source_id"
    link.request("GET", "/tap-server/tap/sync?" + urlencode({"QUERY": query, "FORMAT": "csv"}))
    reply = link.getresponse()
    pieces = list(iter(reply.read1, b""))
    link.close()
    assert len(pieces) > 2
    assert b"".join(pieces).count(b"\n") == 501
    server.faults.inject(Fault.SLOW_DRIP, times=1)
    assert len(names(fetch(server, xp_ids[:1]))) == 1
    assert server.log.served == {("XP_SAMPLED", xp_ids[0]): 1}


def test_overflow_is_said_behind_the_table(server):
    whole = parse(io.BytesIO(ask(server).content)).get_first_table().array["source_id"].tolist()
    server.faults.inject(Fault.OVERFLOW)
    body = ask(server).content
    assert body.index(b"OVERFLOW") > body.index(b"</TABLE>")
    half = parse(io.BytesIO(body)).get_first_table().array["source_id"].tolist()
    assert half == whole[:25]


def test_upper_case_columns(server, xp_ids):
    server.faults.inject(Fault.UPPER_CASE)
    assert ask(server, FORMAT="csv").text.splitlines()[0] == "SOURCE_ID,RA"
    bundle = zipfile.ZipFile(io.BytesIO(fetch(server, xp_ids[:1], FORMAT="csv").content))
    header = bundle.read(bundle.namelist()[0]).splitlines()[0]
    assert header.endswith(b"WAVELENGTH,FLUX,FLUX_ERROR")


def test_html_description_is_escaped_but_there(server):
    server.faults.inject(Fault.HTML_DESCRIPTION)
    body = ask(server).content
    assert b"<script>" not in body
    field = parse(io.BytesIO(body)).get_first_table().fields[0]
    assert field.description.startswith("<script>")
    assert "&lt;script&gt;" in requests.get(f"{server.tap_url}/tables", timeout=20).text


@pytest.mark.parametrize(
    ("fault", "stays"),
    [
        (Fault.STUCK_PENDING, "PENDING"),
        (Fault.STUCK_QUEUED, "QUEUED"),
        (Fault.STUCK_EXECUTING, "EXECUTING"),
    ],
)
def test_stuck_jobs_stay_and_the_next_does_not(server, fault, stays):
    server.faults.inject(fault, times=1)
    stuck, sound = make_job(server), make_job(server)
    assert settled(sound) == "COMPLETED"
    assert phase(stuck) == stays
    waited = requests.get(stuck, {"WAIT": "1"}, timeout=20)
    assert f"<uws:phase>{stays}</uws:phase>" in waited.text
    assert requests.get(f"{stuck}/results/result", timeout=20).status_code == 404


def test_expired_job_is_gone(server):
    server.faults.inject(Fault.EXPIRED_JOB, times=1)
    url = make_job(server)
    for part in ("", "/phase", "/results/result"):
        assert requests.get(url + part, timeout=20).status_code == 404


def test_missing_ids_are_left_out_silently(server, xp_ids):
    server.faults.inject(Fault.MISSING_IDS, times=1)
    reply = fetch(server, xp_ids)
    assert reply.status_code == 200
    kept = [star for i, star in enumerate(xp_ids) if i % 10]
    assert names(reply) == [f"XP_SAMPLED-Gaia DR3 {star}.fits" for star in kept]
    assert set(server.log.served) == {("XP_SAMPLED", star) for star in kept}


def test_duplicate_products(server, xp_ids):
    server.faults.inject(Fault.DUPLICATE_PRODUCTS)
    found = names(fetch(server, xp_ids))
    assert len(found) == 22
    assert found[0] == found[1]
    assert set(server.log.served.values()) == {1}


def test_zip_bomb_grows(server, xp_ids):
    server.faults.inject(Fault.ZIP_BOMB)
    reply = fetch(server, xp_ids[:1])
    sizes = [info.file_size for info in zipfile.ZipFile(io.BytesIO(reply.content)).infolist()]
    assert max(sizes) == server.service.limits.bomb_bytes
    assert len(reply.content) < max(sizes) / 100


def test_path_traversal_names_leave_the_folder(server, xp_ids):
    server.faults.inject(Fault.PATH_TRAVERSAL)
    found = names(fetch(server, xp_ids[:1]))
    assert "../../escaped.fits" in found
    assert "/escaped.fits" in found


def test_every_fault_has_a_test():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [fault.name for fault in Fault if f"Fault.{fault.name}" not in text] == []


def test_the_same_seed_strikes_the_same_requests():
    def strikes(seed):
        faults = Faults()
        faults.inject(Fault.UNAVAILABLE, probability=0.3, seed=seed)
        return [bool(faults.draw("data")) for _ in range(200)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 30 < np.sum(strikes(1)) < 90


def test_after_lets_the_first_requests_through():
    faults = Faults()
    faults.inject(Fault.MAINTENANCE, after=2, times=1, where="sync")
    assert [bool(faults.draw("sync")) for _ in range(4)] == [False, False, True, False]
    assert not faults.draw("data")


def test_only_one_fault_takes_an_answers_place():
    faults = Faults()
    faults.inject(Fault.MAINTENANCE)
    faults.inject(Fault.UNAVAILABLE)
    faults.inject(Fault.UPPER_CASE)
    assert faults.draw("sync") == {Fault.MAINTENANCE, Fault.UPPER_CASE}


def test_faults_on_the_command_line():
    assert parse_fault("unavailable:3") == (Fault.UNAVAILABLE, {"times": 3})
    assert parse_fault("missing-ids@0.05/data") == (
        Fault.MISSING_IDS,
        {"probability": 0.05, "where": "data"},
    )
    with pytest.raises(InvalidInput, match="no fault 'flood'"):
        parse_fault("flood")
    with pytest.raises(InvalidInput, match="NAME"):
        parse_fault("unavailable three times")
    with pytest.raises(InvalidInput, match="cannot strike 'data'"):
        Faults().inject(Fault.OVERFLOW, where="data")
