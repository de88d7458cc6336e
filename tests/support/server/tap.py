"""TAP's queries: parameters in, table out."""

from __future__ import annotations

import gzip
from dataclasses import replace

from stellarnb.errors import InvalidInput
from tests.support.server.answers import ServerAnswer, answer_of, render
from tests.support.server.calls import ServerCall, ServerReply
from tests.support.server.faults import Fault
from tests.support.server.store import ServerStore

__all__ = ["HTML_NOTE", "run_query"]

_FITS = "application/fits"
_GZIP = b"\x1f\x8b"
#: What `Fault.HTML_DESCRIPTION` writes into descriptions.
HTML_NOTE = "<script>alert('description')</script><img src=x onerror=alert(1)> & more"


def run_query(store: ServerStore, call: ServerCall, max_rows: int) -> ServerReply:
    """Answer a query, as ``sync`` does it and as jobs do it."""
    if call.get("REQUEST", "doQuery").lower() != "doquery":
        raise InvalidInput(f"REQUEST={call.get('REQUEST')} is unknown; there is doQuery.")
    if call.get("LANG", "ADQL").upper() not in {"ADQL", "ADQL-2.0"}:
        raise InvalidInput(f"LANG={call.get('LANG')} is unknown; there is ADQL.")
    adql = call.get("QUERY")
    if not adql:
        raise InvalidInput("QUERY is missing.")
    limit = _maxrec(call, max_rows)
    result = store.query(adql, _uploads(call))
    if Fault.OVERFLOW in call.faults:
        limit = min(limit, len(result) // 2)
    answer = _spoilt(answer_of(result, {"QUERY": adql}, limit), call.faults)
    body, media = render(answer, call.get("RESPONSEFORMAT") or call.get("FORMAT", "votable"))
    if media == _FITS:  # Gaia's archive packs FITS unasked, and astroquery counts on it
        body = gzip.compress(body, 1)
    headers = {"Content-Encoding": "gzip"} if body.startswith(_GZIP) else {}
    return ServerReply(body, media, 200, headers)


def _maxrec(call: ServerCall, max_rows: int) -> int:
    text = call.get("MAXREC", str(max_rows))
    if not text.isdigit():
        raise InvalidInput(f"MAXREC={text} is not a number of rows.")
    return min(int(text), max_rows)


def _uploads(call: ServerCall) -> dict[str, bytes]:
    """Return the uploaded tables; only those that came in the same request."""
    out: dict[str, bytes] = {}
    for item in (item for text in call.params.get("UPLOAD", []) for item in text.split(";")):
        name, _, source = item.partition(",")
        scheme, _, part = source.strip().partition(":")
        if scheme.lower() != "param":
            raise InvalidInput(f"UPLOAD={item}: only tables sent inline (param:) are taken.")
        if part not in call.files:
            raise InvalidInput(f"UPLOAD={item}: the request has no part {part!r}.")
        out[name.strip()] = call.files[part]
    return out


def _spoilt(answer: ServerAnswer, faults: frozenset[Fault]) -> ServerAnswer:
    fields = list(answer.fields)
    if Fault.UPPER_CASE in faults:
        fields = [replace(field, name=field.name.upper()) for field in fields]
    if Fault.HTML_DESCRIPTION in faults:
        fields = [replace(field, description=HTML_NOTE) for field in fields]
    return answer.with_fields(fields)
