"""From a path to the bytes of single files: size caps, gzip and zip, and what a file is."""

from __future__ import annotations

import gzip
import html
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from stellarnb.errors import InvalidInput, StellarnbError, TooLarge
from stellarnb.spectra.readers.parsed import MAX_BYTES

__all__ = ["kind_of", "load", "members"]

#: Most files in an archive, and most bytes they may unpack to: 5000 stars, two tables each.
MAX_MEMBERS = 20_000
MAX_UNPACKED = 8 * 2**30
#: A zip that unpacks to more than so many times its size, and to more than so many bytes, is a
#: bomb: tables of numbers as text shrink to a tenth at best.
MAX_RATIO = 100
MIN_BOMB = 16 * 2**20


def _too_large(label: str) -> TooLarge:
    return TooLarge(
        f"{label} is larger than {MAX_BYTES // 2**20} MiB, the most that is read at once. Split "
        "it, or ask the archive for fewer stars a file."
    )


def load(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file."""
    if isinstance(path, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", path):
        raise InvalidInput(f"{path} is an address; download the file first and give its path.")
    try:
        place = Path(path).expanduser()
        status = place.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder: give the files in it" if place.is_dir() else "no plain file"
            raise InvalidInput(f"{place} is {what}.")
        if status.st_size > MAX_BYTES:
            raise _too_large(str(place))
        data = place.read_bytes()
    except StellarnbError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"Cannot read {path}: {error}. Check the path.") from error
    if not data:
        raise InvalidInput(f"{place} is empty: the download broke off. Fetch it again.")
    return data


def members(data: bytes, label: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file inside, unpacked in memory and never onto the disk."""
    if data[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            inner = stream.read(MAX_BYTES + 1)
        if len(inner) > MAX_BYTES:
            raise _too_large(label)
        yield label.removesuffix(".gz"), inner
    elif data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        yield from _zip_members(data, label)
    else:
        yield label, data


def _zip_members(data: bytes, label: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if not entries:
            raise InvalidInput("the archive holds no file")
        if len(entries) > MAX_MEMBERS:
            raise TooLarge(f"{label} holds {len(entries)} files; {MAX_MEMBERS} are read at most.")
        _check_names(entries)
        most = min(MAX_UNPACKED, max(MIN_BOMB, MAX_RATIO * len(data)))
        total = 0
        for entry in entries:
            # The size in the directory may lie, so it is what comes out that is counted.
            with archive.open(entry) as stream:
                inner = stream.read(min(MAX_BYTES, most - total) + 1)
            total += len(inner)
            if len(inner) > MAX_BYTES:
                raise _too_large(f"{label} / {entry.filename}")
            if total > most:
                raise TooLarge(
                    f"{label}, {len(data):,} bytes, unpacks to more than {most:,}: no archive sends "
                    "that. It was not read."
                )
            yield entry.filename, inner


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse names that lead out of a folder: who unpacks such an archive loses files."""
    for entry in entries:
        parts = re.split(r"[/\\]", entry.filename)
        if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", parts[0]):
            raise InvalidInput(
                f"the archive holds a file named {entry.filename[:80]!r}, out of its folder: it was "
                "tampered with, and was not read"
            )


def kind_of(data: bytes) -> str:
    """Return what a file is, by its content.

    Returns ``fits``, ``votable`` or ``text``.
    """
    if not data:
        raise InvalidInput("it is empty")
    if data[:6] == b"SIMPLE":
        return "fits"
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    lowered = head.lower()
    if b"<votable" in lowered or b":votable" in lowered:
        return "votable"
    if b"<html" in lowered or b"<!doctype html" in lowered:
        raise InvalidInput(f"it is a web page, titled {_title(data)!r}: the archive sent no data")
    if head[:1] == b"<":
        raise InvalidInput("it is XML, but no VOTable")
    for magic, name in ((b"\x89HDF", "HDF5"), (b"PK", "an archive within an archive")):
        if head.startswith(magic):
            raise InvalidInput(f"it is {name}, which is not read here")
    if b"\x00" in head or head.startswith(b"\x1f\x8b"):
        raise InvalidInput("it is neither FITS, VOTable nor a table in text")
    return "text"


def _title(data: bytes) -> str:
    match = re.search(rb"<title[^>]{0,200}>([^<]{0,500})", data[:65536], re.IGNORECASE)
    text = match.group(1).decode("utf-8", "replace") if match else ""
    printable = "".join(c for c in html.unescape(text) if c.isprintable() or c == " ")
    return printable.strip()[:120] or "(no title)"
