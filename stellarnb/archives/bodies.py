"""What a server really sent: judged by the bytes, not by the status or the media type."""

from __future__ import annotations

import re
from html import unescape

__all__ = ["kind_of", "plain_text", "query_status", "status_text", "whole"]

#: What a body may be; see `kind_of`.
_MAGIC = (
    (b"SIMPLE  =", "fits"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", "gzip"),
)
_FITS_BLOCK = 2880
_HEAD = 65_536
_ROOT = re.compile(rb"<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
#: A declaration, comment or instruction in front of the root; comments may hold anything.
_PROLOG = re.compile(rb"\s*(?:<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)", re.DOTALL)
_INFO = re.compile(rb"<(?:\w+:)?INFO\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>", re.DOTALL)
_ATTRIBUTE = re.compile(rb"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_SILENT = re.compile(r"<(script|style|head|title)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->|<!DOCTYPE[^>]*>", re.DOTALL | re.IGNORECASE)
#: Only what HTML knows is a tag: "Teff<Tmax" in a description is not.
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|big|blockquote|body|br|button|center|code|col|dd|div|dl|dt|em|embed|"
    r"font|footer|form|frame|h[1-6]|head|header|hr|html|i|iframe|img|input|li|link|main|meta|nav|"
    r"object|ol|option|p|pre|script|section|select|small|span|strong|style|sub|sup|svg|table|"
    r"tbody|td|textarea|tfoot|th|thead|title|tr|tt|u|ul|video)\b[^<>]*>",
    re.IGNORECASE,
)


def kind_of(body: bytes) -> str:
    """Return what a body is, by its first bytes.

    Parameters
    ----------
    body : bytes
        All of it, or its beginning.

    Returns
    -------
    str
        ``empty fits zip parquet gzip html votable xml json text`` or ``binary``.
    """
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    head = body[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return "empty"
    if head.startswith(b"<"):
        return _markup(head)
    if b"\x00" in head:
        return "binary"
    return "json" if head[:1] in b"{[" else "text"


def _markup(head: bytes) -> str:
    if head[:256].lower().startswith(b"<!doctype html"):
        return "html"
    name = _root(head).rpartition(b":")[2].lower()
    if name in {b"html", b"body", b"head", b"title", b"h1", b"p"}:
        return "html"
    return "votable" if name == b"votable" else "xml"


def _root(head: bytes) -> bytes:
    """Return the name of a document's first element, with its prefix."""
    rest = head.removeprefix(b"\xef\xbb\xbf")
    while match := _PROLOG.match(rest):
        rest = rest[match.end() :]
    root = _ROOT.match(rest.lstrip())
    return root[0][1:] if root else b""


def whole(head: bytes, tail: bytes, size: int) -> bool:
    """Return whether a body has the end that its kind must have.

    A stream that was cut where its announced length says so looks sound to HTTP. What has no
    end of its own (text) always passes.

    Parameters
    ----------
    head, tail : bytes
        Its first and last bytes, some 64 KiB of each.
    size : int
        Its size.
    """
    kind = kind_of(head)
    if kind == "fits":
        return size % _FITS_BLOCK == 0
    if kind == "zip":
        return b"PK\x05\x06" in tail
    if kind == "parquet":
        return tail.endswith(b"PAR1")
    if kind in {"votable", "xml"}:
        return _closed(head, tail)
    if kind == "json":
        return tail.rstrip()[-1:] in {b"}", b"]"}
    return True


def _closed(head: bytes, tail: bytes) -> bool:
    """Return whether a document's first element ends at its end, but for comments."""
    name = re.escape(_root(head))
    end = rb"(?:\s|<!--.*?-->)*$"
    if re.search(rb"</" + name + rb"\s*>" + end, tail, re.DOTALL):
        return True
    return re.search(rb"<" + name + rb"\b[^<>]*/>" + end, tail, re.DOTALL) is not None


def query_status(body: bytes) -> tuple[str, str]:
    """Return the last QUERY_STATUS of a VOTable and its text; both empty where there is none.

    It may stand before the table or, as OVERFLOW does, behind it.

    Parameters
    ----------
    body : bytes
        The VOTable, or its head and tail in one.
    """
    found = ("", "")
    for match in _INFO.finditer(body):
        notes = {name.lower(): a or b for name, a, b in _ATTRIBUTE.findall(match[1])}
        if notes.get(b"name", b"").upper() != b"QUERY_STATUS":
            continue
        text = b""
        if not match[2]:
            end = re.compile(rb"</(?:\w+:)?INFO\s*>").search(body, match.end())
            text = body[match.end() : end.start()] if end else b""
        value = notes.get(b"value", b"").decode("utf-8", "replace").strip().upper()
        found = (value, status_text(text))
        if value == "ERROR":
            return found
    return found


def status_text(text: bytes) -> str:
    """Return the words of an error message of a server, for people."""
    decoded = text.decode("utf-8", "replace").strip()
    return plain_text(decoded.removeprefix("<![CDATA[").removesuffix("]]>"))


def plain_text(text: str, limit: int = 500) -> str:
    """Return a server's text as plain words: no tags, no control characters, not too long.

    Parameters
    ----------
    text : str
        Words, or a page in HTML.
    limit : int, optional
        More characters than these are cut off.
    """
    bare = _COMMENT.sub(" ", _SILENT.sub(" ", text[: 100 * limit]))
    bare = unescape(_TAG.sub(" ", bare))
    # Once more: what was escaped twice must not become markup further on.
    bare = _TAG.sub(" ", _SILENT.sub(" ", bare))
    words = " ".join("".join(c if c.isprintable() else " " for c in bare).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"
