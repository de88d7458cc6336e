"""HTTP as archives need it, against a server that misbehaves on purpose."""

import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from stellarnb.archives.transport.client import AddressNotFound, Budget, Transport, scrub_url
from stellarnb.archives.transport.login import Cookie
from stellarnb.errors import (
    ArchiveDown,
    CacheMiss,
    Interrupted,
    InvalidInput,
    OutputError,
    QueryError,
    TooLarge,
)
from stellarnb.progress import Cancel
from tests.support.archive_server import Fault

QUERY = {"QUERY": "SELECT TOP 50 source_id, ra FROM gaiadr3.gaia_source ORDER BY source_id"}


def ask(server, transport, **how):
    form = {"FORMAT": "votable"} | QUERY
    return transport.post(f"{server.tap_url}/sync", form, expect={"votable"}, **how)


@contextmanager
def answering(handle: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server of one function."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            handle(self)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_503_is_asked_again_after_the_time_that_the_server_names(server, transport, clock):
    server.faults.inject(Fault.UNAVAILABLE, times=2)
    assert ask(server, transport).kind == "votable"
    assert clock.waited == [1, 1]
    assert server.log.count("sync") == 3


def test_a_server_that_stays_away_is_given_up_in_words(server, transport):
    server.faults.inject(Fault.UNAVAILABLE)
    with pytest.raises(ArchiveDown, match=r"asked 6 times: HTTP status 503.*Try again later"):
        ask(server, transport)
    assert server.log.count("sync") == 6


def test_pool_empty_backs_off_longer_each_time(server, transport, clock):
    server.faults.inject(Fault.POOL_EMPTY)
    with pytest.raises(ArchiveDown, match="Pool empty"):
        ask(server, transport)
    assert clock.waited == sorted(clock.waited)
    assert clock.waited[-1] > 4


def test_no_longer_wait_than_the_clock_budget_allows(transport, clock):
    with (
        answering(lambda h: send(h, b"busy", 503, Retry_After="3600")) as url,
        pytest.raises(ArchiveDown, match=r"asks to wait 3600 s, and 600 s are left"),
    ):
        transport.get(url)
    assert clock.waited == []


def test_retry_after_may_be_a_date_or_nonsense(transport, clock):
    said = iter(["Wed, 21 Oct 2015 07:28:00 GMT", "soon", None])

    def handle(handler):
        word = next(said)
        if word is None:
            send(handler, b"well")
        else:
            send(handler, b"busy", 429, Retry_After=word)

    with answering(handle) as url:
        assert transport.get(url).text == "well"
    assert len(clock.waited) <= 2


def test_an_error_in_a_votable_is_a_query_error_whatever_the_status(server, transport):
    server.faults.inject(Fault.ERROR_200)
    with pytest.raises(QueryError, match="the database is busy"):
        ask(server, transport)
    server.reset()
    with pytest.raises(QueryError, match="there is no column 'nonsense'"):
        transport.post(f"{server.tap_url}/sync", {"QUERY": "SELECT nonsense FROM mock.stars"})
    assert server.log.count("sync") == 1


def test_an_error_votable_with_status_500_is_not_asked_again(transport, clock):
    body = (
        b'<VOTABLE><RESOURCE type="results"><INFO value="ERROR" name="QUERY_STATUS">'
        b"<![CDATA[Column &lt;x&gt; is <b>unknown</b>]]></INFO></RESOURCE></VOTABLE>"
    )
    with (
        answering(lambda h: send(h, body, 500)) as url,
        pytest.raises(QueryError, match=r"Column <x> is unknown$"),
    ):
        transport.get(url)
    assert clock.waited == []


def test_a_maintenance_page_is_shown_as_plain_words(server, transport):
    server.faults.inject(Fault.MAINTENANCE)
    with pytest.raises(ArchiveDown) as caught:
        ask(server, transport)
    assert "The archive is down for maintenance Please try again on Tuesday." in str(caught.value)
    assert "<" not in str(caught.value)
    assert server.log.count("sync") == 1


def test_a_page_with_scripts_and_terminal_codes_is_disarmed(transport):
    page = b"<html><script>alert(1)</script><body>\x1b[31mGone\x07 &lt;img src=x&gt;</body></html>"
    with answering(lambda h: send(h, page)) as url, pytest.raises(ArchiveDown) as caught:
        transport.get(url)
    assert "'[31mGone'" in str(caught.value)


@pytest.mark.parametrize(
    "fault", [Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.WRONG_LENGTH], ids=lambda f: f.word
)
@pytest.mark.parametrize("form", ["votable", "fits"])
def test_half_an_answer_is_asked_for_again(server, transport, fault, form):
    whole = transport.post(f"{server.tap_url}/sync", {"FORMAT": form} | QUERY)
    server.faults.inject(fault, times=2)
    again = transport.post(f"{server.tap_url}/sync", {"FORMAT": form} | QUERY)
    assert again.body == whole.body
    assert again.kind == form
    server.faults.inject(fault)
    with pytest.raises(ArchiveDown, match=r"broke off|has no end"):
        transport.post(f"{server.tap_url}/sync", {"FORMAT": form} | QUERY)


def test_slow_drip_ends_at_the_clock_budget(server):
    server.faults.inject(Fault.SLOW_DRIP)
    transport = Transport(offline=False)
    form = {"QUERY": "SELECT TOP 1999 * FROM gaiadr3.gaia_source", "FORMAT": "csv"}
    with pytest.raises(ArchiveDown, match="answer within 1 s"):
        transport.post(f"{server.tap_url}/sync", form, budget=Budget(seconds=0.6))
    assert server.log.count("sync") == 1


def test_slow_drip_within_the_budget_is_read_whole(server, transport):
    server.faults.inject(Fault.SLOW_DRIP)
    seen = []
    reply = ask(server, transport, on_bytes=lambda done, total: seen.append((done, total)))
    assert len(seen) > 2
    assert seen[-1] == (len(reply.body), len(reply.body))


def test_more_bytes_than_the_budget_are_not_read(server, transport):
    with pytest.raises(TooLarge, match="Ask for fewer rows"):
        ask(server, transport, budget=Budget(bytes=1000))


def test_a_gzip_bomb_stops_at_the_byte_budget(transport):
    import gzip

    bomb = gzip.compress(bytes(50_000_000))
    with (
        answering(lambda h: send(h, bomb, Content_Encoding="gzip")) as url,
        pytest.raises(TooLarge),
    ):
        transport.get(url, budget=Budget(bytes=1_000_000))


def test_entity_bombs_are_not_read(server, transport):
    server.faults.inject(Fault.ENTITY_BOMB)
    with pytest.raises(ArchiveDown, match="declares entities"):
        ask(server, transport)


def test_another_kind_than_expected_is_named(server, transport):
    with pytest.raises(ArchiveDown, match="answers with text instead of votable"):
        transport.post(f"{server.tap_url}/sync", {"FORMAT": "csv"} | QUERY, expect={"votable"})


def test_what_creates_something_is_sent_once(server, transport, clock):
    for fault in (Fault.UNAVAILABLE, Fault.POOL_EMPTY):
        server.reset()
        server.faults.inject(fault)
        with pytest.raises(ArchiveDown, match="asked once only"):
            transport.post(f"{server.tap_url}/async", QUERY, once=True, redirect=False)
        assert server.log.count("async") == 1
    assert clock.waited == []


def test_not_there(server, transport):
    with pytest.raises(AddressNotFound, match="There is no job"):
        transport.get(f"{server.tap_url}/async/123")


def test_a_login_page_says_what_to_do(transport):
    with (
        answering(lambda h: send(h, b"<html>Who are you?</html>", 403)) as url,
        pytest.raises(ArchiveDown, match=r"no access \(403\): 'Who are you\?'.*archive.login"),
    ):
        transport.get(url)


def test_a_server_that_is_not_there(transport):
    with pytest.raises(ArchiveDown, match=r"127.0.0.1 was asked 6 times: cannot be reached"):
        transport.get("http://127.0.0.1:9/")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "no address", "http://", ""])
def test_only_web_addresses(transport, url):
    with pytest.raises(InvalidInput, match="not a valid address"):
        transport.get(url)


def test_offline_opens_no_socket():
    with pytest.raises(CacheMiss, match="STELLARNB_OFFLINE"):
        Transport(offline=True).get("http://127.0.0.1:9/")


def test_the_environment_says_offline(monkeypatch):
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    assert Transport().offline


def test_cancel_ends_the_waiting_for_a_server_that_says_nothing():
    free = threading.Event()
    cancel = Cancel()
    with answering(lambda h: free.wait(20)) as url:
        threading.Timer(0.2, cancel.set).start()
        start = time.monotonic()
        with pytest.raises(Interrupted, match=r"Stopped while waiting for 127\.0\.0\.1"):
            Transport(offline=False).get(url, cancel=cancel)
        assert time.monotonic() - start < 10
        free.set()


def test_cancel_ends_the_waiting_between_two_tries(server):
    server.faults.inject(Fault.UNAVAILABLE)
    cancel = Cancel()
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Interrupted):
        ask(server, Transport(offline=False), cancel=cancel)
    assert server.log.count("sync") < 3


def test_an_address_with_a_password_is_refused_without_repeating_it(transport):
    with pytest.raises(InvalidInput) as caught:
        transport.get("https://me:hunter2@archive.example/tap")
    assert "hunter2" not in str(caught.value)
    assert "me:" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://me:pw@a.org:8080/tap?x=1", "https://a.org:8080/tap?x=1"),
        ("https://a.org/tap?token=abc&x=1", "https://a.org/tap?token=%2A%2A%2A&x=1"),
        ("https://[::1]:80/x#frag", "https://[::1]:80/x"),
        ("https://a.org:port/", "(no address)"),
    ],
)
def test_scrub_url(url, clean):
    assert scrub_url(url) == clean


def test_a_session_is_shown_to_its_server_alone_and_to_no_reader(transport, caplog):
    caplog.set_level(logging.DEBUG)
    cookie = Cookie("127.0.0.1", "/", "SESSION", "s3cret", secure=False)
    seen = []

    def handle(handler):
        seen.append(handler.headers.get("Cookie"))
        send(handler, b"well")

    transport.use(cookie)
    with answering(handle) as url:
        transport.get(url)
        transport.get(url.replace("127.0.0.1", "localhost"))
        transport.forget()
        transport.get(url)
    assert seen == ["SESSION=s3cret", None, None]
    for text in (repr(cookie), repr(transport), str(vars(transport.budget)), caplog.text):
        assert "s3cret" not in text


class TestDownload:
    """Into a file, with ranges."""

    DATA = b"PAR1" + bytes(range(256)) * 4000 + b"PAR1"

    @pytest.fixture
    def url(self, server):
        server.files["big.parquet"] = self.DATA
        return f"{server.files_url}/big.parquet"

    def test_a_broken_download_goes_on(self, server, transport, url, tmp_path):
        server.faults.inject(Fault.CUT_STREAM, times=3, where="files")
        reply = transport.download(url, tmp_path / "x.parquet", expect={"parquet"})
        assert reply.path.read_bytes() == self.DATA
        assert [entry.status for entry in server.log.requests] == [200, 206, 206, 206]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["x.parquet", "x.parquet.lock"]

    def test_another_kernel_goes_on_where_the_first_was_killed(self, server, clock, url, tmp_path):
        server.faults.inject(Fault.CUT_STREAM, times=1, where="files")
        path = tmp_path / "x.parquet"
        with pytest.raises(ArchiveDown):
            Transport(offline=False, retries=0, clock=clock).download(url, path)
        arrived = path.with_name("x.parquet.part").stat().st_size
        assert 0 < arrived < len(self.DATA)
        sizes = []
        Transport(offline=False, clock=clock).download(
            url, path, on_bytes=lambda done, total: sizes.append((done, total))
        )
        assert sizes[0][0] > arrived
        assert sizes[-1] == (len(self.DATA), len(self.DATA))
        assert path.read_bytes() == self.DATA

    def test_another_file_under_the_address_is_fetched_anew(self, server, clock, url, tmp_path):
        server.faults.inject(Fault.CUT_STREAM, times=1, where="files")
        path = tmp_path / "x.parquet"
        with pytest.raises(ArchiveDown):
            Transport(offline=False, retries=0, clock=clock).download(url, path)
        other = b"PAR1" + b"another" * 1000 + b"PAR1"
        server.files["big.parquet"] = other
        Transport(offline=False, clock=clock).download(url, path)
        assert path.read_bytes() == other

    def test_a_part_of_another_address_is_not_continued(self, server, clock, url, tmp_path):
        path = tmp_path / "x.parquet"
        path.with_name("x.parquet.part").write_bytes(b"PAR1 something else")
        note = json.dumps({"source": "elsewhere", "tag": '"1"'})
        path.with_name("x.parquet.part.json").write_text(note)
        Transport(offline=False, clock=clock).download(url, path)
        assert path.read_bytes() == self.DATA
        assert [entry.status for entry in server.log.requests] == [200]

    def test_a_part_that_is_too_long_is_dropped(self, server, clock, url, tmp_path):
        path = tmp_path / "x.parquet"
        transport = Transport(offline=False, retries=0, clock=clock)
        server.faults.inject(Fault.CUT_STREAM, times=1, where="files")
        with pytest.raises(ArchiveDown):
            transport.download(url, path)
        with path.with_name("x.parquet.part").open("ab") as out:
            out.write(self.DATA)
        Transport(offline=False, clock=clock).download(url, path)
        assert path.read_bytes() == self.DATA

    def test_a_server_that_goes_on_elsewhere_is_not_believed(self, transport, tmp_path):
        body = b"PAR1" + b"x" * 5000 + b"PAR1"
        asked = []

        def handle(handler):
            asked.append(handler.headers.get("Range"))
            if len(asked) == 1:
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(body)))
                handler.send_header("ETag", '"1"')
                handler.end_headers()
                handler.wfile.write(body[:1000])
                handler.close_connection = True
            elif len(asked) == 2:
                wrong = f"bytes 500-{len(body) - 1}/{len(body)}"
                send(handler, body[500:], 206, ETag='"1"', Content_Range=wrong)
            else:
                send(handler, body, ETag='"1"')

        with answering(handle) as url:
            reply = transport.download(url, tmp_path / "x.parquet")
        assert reply.path.read_bytes() == body
        assert asked == [None, "bytes=1000-", None]

    def test_what_is_packed_on_the_way_is_not_continued(self, transport, tmp_path):
        import gzip

        body = b"PAR1" + b"x" * 50_000 + b"PAR1"
        packed = gzip.compress(body, 0)
        asked = []

        def handle(handler):
            asked.append(handler.headers.get("Range"))
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(packed)))
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("ETag", '"1"')
            handler.end_headers()
            handler.wfile.write(packed if len(asked) > 1 else packed[:20_000])
            handler.close_connection = len(asked) == 1

        with answering(handle) as url:
            reply = transport.download(url, tmp_path / "x.parquet")
        assert reply.path.read_bytes() == body
        assert asked == [None, None]

    def test_a_page_instead_of_a_file_leaves_nothing(self, server, transport, url, tmp_path):
        server.faults.inject(Fault.MAINTENANCE, where="files")
        with pytest.raises(ArchiveDown, match="down for maintenance"):
            transport.download(url, tmp_path / "x.parquet")
        assert [path.name for path in tmp_path.iterdir()] == ["x.parquet.lock"]

    def test_a_full_answer_that_ends_early_is_not_kept(self, server, transport, url, tmp_path):
        server.faults.inject(Fault.WRONG_LENGTH, where="files", times=1)
        transport.download(url, tmp_path / "x.parquet")
        assert (tmp_path / "x.parquet").read_bytes() == self.DATA

    def test_a_folder_that_cannot_be_written(self, transport, url, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError):
            transport.download(url, tmp_path / "file" / "x.parquet")

    def test_nothing_there(self, server, transport, tmp_path):
        with pytest.raises(AddressNotFound):
            transport.download(f"{server.files_url}/none", tmp_path / "x")
