import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import torch

from stellarnb.errors import ChecksumMismatch, Interrupted, OutputError, WeightsNotFound
from stellarnb.models import Card, load_card, whereabouts
from stellarnb.models.card import SourceFile
from stellarnb.models.weights import download as fetch
from stellarnb.models.weights.download import (
    converted_path,
    load_converted,
    read_sources,
    source_folder,
)

FILES = {"a/one.bin": b"first file " * 500, "two.csv": b"x,y\n1,2\n" * 300}


@dataclass
class Server:
    """A server on this machine, with faults."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    cut: bool = False
    endless: bool = False
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/")
            state.asked.append(path)
            data = state.files.get(path)
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            if not state.endless:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                while state.endless:
                    self.wfile.write(bytes(2**16))
                self.wfile.write(data[: len(data) // 2] if state.cut else data)
            except OSError:
                return  # the client had enough

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def card(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card whose two sources lie on the server; an empty cache, no mirror, no second try."""
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("STELLARNB_MIRROR", raising=False)
    monkeypatch.delenv("STELLARNB_OFFLINE", raising=False)
    monkeypatch.setattr(fetch, "RETRIES", 0)
    sources = tuple(
        SourceFile(path, hashlib.sha256(data).hexdigest(), len(data))
        for path, data in FILES.items()
    )
    return replace(load_card("rave-guiglion2020"), source_url=server.url, sources=sources)


def left_behind(card: Card) -> list[str]:
    return sorted(p.name for p in source_folder(card).rglob("*") if p.is_file())


def test_files_are_downloaded_once_and_kept(card: Card, server: Server) -> None:
    assert read_sources(card, progress=False) == FILES
    assert sorted(server.asked) == sorted(FILES)
    assert read_sources(card, progress=False) == FILES
    assert len(server.asked) == 2
    assert left_behind(card) == ["one.bin", "two.csv"]


def test_a_damaged_file_in_the_cache_is_fetched_again(card: Card, server: Server) -> None:
    read_sources(card, progress=False)
    (source_folder(card) / "two.csv").write_bytes(b"x" * len(FILES["two.csv"]))
    assert read_sources(card, progress=False) == FILES
    assert server.asked[2:] == ["two.csv"]


def test_a_cut_stream_leaves_nothing_half_written(card: Card, server: Server) -> None:
    server.cut = True
    with pytest.raises(WeightsNotFound, match="download failed") as caught:
        read_sources(card, progress=False)
    assert f"{server.url}/a/one.bin" in str(caught.value)
    assert left_behind(card) == []


def test_a_wrong_file_is_a_checksum_mismatch_and_not_kept(card: Card, server: Server) -> None:
    server.files["two.csv"] = b"<html>Log in first</html>"
    with pytest.raises(ChecksumMismatch, match=card.sources[1].sha256):
        read_sources(card, progress=False)
    assert left_behind(card) == ["one.bin"]


def test_an_endless_answer_is_cut_off(card: Card, server: Server) -> None:
    server.endless = True
    with pytest.raises(ChecksumMismatch):
        read_sources(card, progress=False)
    assert left_behind(card) == []


def test_a_download_is_tried_again(
    card: Card, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "RETRIES", 1)
    monkeypatch.setattr("time.sleep", lambda seconds: server.files.update(FILES))
    server.files["two.csv"] = b"half"
    assert read_sources(card, progress=False) == FILES


@pytest.mark.parametrize("gone", ["file", "server"])
def test_without_an_answer_the_file_its_address_and_its_place_are_named(
    card: Card, server: Server, gone: str
) -> None:
    server.files.clear()
    if gone == "server":  # a port on which nothing listens
        card = replace(card, source_url="http://127.0.0.1:1")
    with pytest.raises(WeightsNotFound) as caught:
        read_sources(card, progress=False)
    assert f"{card.source_url}/a/one.bin" in str(caught.value)
    assert str(source_folder(card) / "a/one.bin") in str(caught.value)


def test_offline_nothing_is_asked_for(
    card: Card, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match="STELLARNB_OFFLINE is set and 2 files") as caught:
        read_sources(card, progress=False)
    for path in FILES:
        assert f"{server.url}/{path}\n    -> {source_folder(card) / path}" in str(caught.value)
    assert server.asked == []


def test_a_file_put_in_its_place_by_hand_is_taken(
    card: Card, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    for path, data in FILES.items():
        place = source_folder(card) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    assert read_sources(card) == FILES


def test_mirrors_are_searched_deeply_by_name_and_checksum(
    card: Card, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, right = tmp_path / "m1", tmp_path / "m2" / "deep" / "er"
    for folder in (wrong, right):
        folder.mkdir(parents=True)
    (wrong / "one.bin").write_bytes(bytes(len(FILES["a/one.bin"])))
    (right / "one.bin").write_bytes(FILES["a/one.bin"])
    monkeypatch.setenv("STELLARNB_MIRROR", os.pathsep.join([str(wrong), str(tmp_path / "m2")]))
    assert read_sources(card, progress=False) == FILES
    assert server.asked == ["two.csv"]  # only what no mirror has


def test_a_mirror_that_does_not_help_is_explained(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.bin").write_bytes(b"other")
    monkeypatch.setenv("STELLARNB_OFFLINE", "1")
    monkeypatch.setenv("STELLARNB_MIRROR", f"{tmp_path}{os.pathsep}{tmp_path / 'typo'}")
    with pytest.raises(WeightsNotFound) as caught:
        read_sources(card)
    assert f"{tmp_path / 'one.bin'} has the right name, but is not" in str(caught.value)
    assert f"{tmp_path / 'typo'}, which is not a folder" in str(caught.value)


def test_a_cache_that_cannot_be_written_is_said(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("STELLARNB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError):
        read_sources(card, progress=False)
    with pytest.raises(OutputError):
        load_converted(card, count([]), progress=False)


def test_ctrl_c_keeps_what_had_arrived(
    card: Card, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = requests.get

    def get(url: str, **options: object) -> requests.Response:
        if url.endswith("two.csv"):
            raise KeyboardInterrupt
        return whole(url, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requests, "get", get)
    with pytest.raises(Interrupted, match=r"two\.csv"):
        read_sources(card, progress=False)
    assert left_behind(card) == ["one.bin"]


def count(calls: list[int]) -> Callable[[Card, Mapping[str, bytes]], dict[str, torch.Tensor]]:
    """A conversion that notes when it is called."""

    def convert(card: Card, files: Mapping[str, bytes]) -> dict[str, torch.Tensor]:
        calls.append(len(files))
        return {"size": torch.tensor([len(data) for data in files.values()])}

    return convert


def test_the_conversion_is_kept(card: Card, server: Server) -> None:
    calls: list[int] = []
    assert whereabouts(card) == "to fetch (0 MB)"
    first = load_converted(card, count(calls), progress=False)
    assert whereabouts(card) == "fetched"
    server.files.clear()
    second = load_converted(card, count(calls), progress=False)
    assert calls == [2]
    assert torch.equal(first["size"], second["size"])


@pytest.mark.parametrize("damage", ["weights", "record", "format", "sources", "no record"])
def test_a_damaged_or_old_conversion_is_made_again(card: Card, damage: str) -> None:
    calls: list[int] = []
    load_converted(card, count(calls), progress=False)
    weights = converted_path(card)
    record = weights.with_suffix(".json")
    if damage == "weights":
        weights.write_bytes(weights.read_bytes()[:-1] + b"\xff")
    elif damage == "record":
        record.write_bytes(b"\xff{[" * 5)
    elif damage == "no record":
        record.unlink()
    else:
        entry = json.loads(record.read_text())
        entry["format"] = 0
        if damage == "sources":
            entry = entry | {"format": 1, "sources": {"a/one.bin": "0"}}
        record.write_text(json.dumps(entry))
    load_converted(card, count(calls), progress=False)
    assert calls == [2, 2]


def test_a_conversion_that_fails_leaves_nothing(card: Card) -> None:
    def convert(card: Card, files: Mapping[str, bytes]) -> dict[str, torch.Tensor]:
        raise WeightsNotFound("another architecture")

    with pytest.raises(WeightsNotFound, match="another architecture"):
        load_converted(card, convert, progress=False)
    assert not converted_path(card).exists()


_PROCESS = """
import hashlib, sys, time, torch
from dataclasses import replace
from stellarnb.models import load_card
from stellarnb.models.card import SourceFile
from stellarnb.models.weights.download import load_converted
url, log = sys.argv[1:]
data = {data!r}
source = SourceFile("two.csv", hashlib.sha256(data).hexdigest(), len(data))
card = replace(load_card("rave-guiglion2020"), source_url=url, sources=(source,))
def convert(card, files):
    with open(log, "a") as stream:
        stream.write("converted ")
    time.sleep(0.5)
    return {{"x": torch.ones(1)}}
print(load_converted(card, convert, progress=False)["x"].item())
"""


def test_two_processes_fetch_and_convert_once(card: Card, server: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = _PROCESS.format(data=FILES["two.csv"])
    command = [sys.executable, "-c", code, server.url, str(log)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=300)[0] for process in both] == ["1.0\n", "1.0\n"]
    assert log.read_text() == "converted "
    assert server.asked == ["two.csv"]
