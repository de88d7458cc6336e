"""VOSI: what the service can do, whether it is up, and which tables it has."""

from __future__ import annotations

from xml.sax.saxutils import escape

from stellarnb.archives.base.tap_schema import vo_type, vo_unit
from tests.support.server.answers import AnswerField
from tests.support.server.calls import ServerCall, ServerReply, UnknownPath
from tests.support.server.faults import Fault
from tests.support.server.store import SCHEMA_TITLES, ServerStore, ServerTable
from tests.support.server.tap import HTML_NOTE

__all__ = ["availability", "capabilities", "tables"]

_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
#: What `stellarnb.archives.adql.geometry` translates; it refuses the rest by name.
_GEOMETRY = ("BOX", "CIRCLE", "CONTAINS", "COORD1", "COORD2", "DISTANCE", "POINT", "POLYGON")
_FORMATS = {
    "application/x-votable+xml;serialization=binary2": "votable",
    "application/x-votable+xml;serialization=tabledata": "votable_plain",
    "text/csv": "csv",
    "application/fits": "fits",
    "application/json": "json",
}


def availability() -> ServerReply:
    """Answer that the service is up."""
    return _xml(
        '<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">'
        "<vosi:available>true</vosi:available><vosi:note>A test server</vosi:note>"
        "</vosi:availability>"
    )


def capabilities(base: str, max_rows: int) -> ServerReply:
    """Answer what the service can do."""
    tap = f"{base}/tap-server/tap"
    ends = "".join(
        f'<capability standardID="ivo://ivoa.net/std/VOSI#{name}">'
        f'<interface xsi:type="vs:ParamHTTP" version="1.1"><accessURL use="full">{tap}/{name}'
        "</accessURL></interface></capability>"
        for name in ("capabilities", "availability", "tables")
    )
    formats = "".join(
        f"<outputFormat><mime>{mime}</mime><alias>{alias}</alias></outputFormat>"
        for mime, alias in _FORMATS.items()
    )
    features = "".join(f"<feature><form>{name}</form></feature>" for name in _GEOMETRY)
    return _xml(
        '<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" '
        'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
        f'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" {_XSI}>{ends}'
        '<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">'
        f'<interface role="std" xsi:type="vs:ParamHTTP" version="1.1"><accessURL use="base">{tap}'
        "</accessURL></interface>"
        '<language><name>ADQL</name><version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>'
        f'<languageFeatures type="ivo://ivoa.net/std/TAPRegExt#features-adqlgeo">{features}'
        f"</languageFeatures></language>{formats}"
        '<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#upload-inline"/>'
        f'<outputLimit><default unit="row">{max_rows}</default><hard unit="row">{max_rows}</hard>'
        "</outputLimit></capability></vosi:capabilities>"
    )


def tables(store: ServerStore, call: ServerCall) -> ServerReply:
    """Answer which tables there are."""
    one = call.path.strip("/").lower()
    names = (
        [one] if one else [n.strip().lower() for n in call.get("TABLES").split(",") if n.strip()]
    )
    unknown = [name for name in names if name not in store.entries]
    if unknown:
        raise UnknownPath(f"There is no table {unknown[0]!r}.")
    chosen = [entry for entry in store.entries.values() if not names or entry.full in names]
    bare = call.get("DETAIL") == "min" or call.get("ONLY_TABLES").lower() == "true"
    html = Fault.HTML_DESCRIPTION in call.faults
    space = (
        'xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
        f'xmlns:esatapplus="http://esa.int/xml/EsaTapPlus" {_XSI}'
    )
    if one:
        text = _table(chosen[0], bare, html, "vosi:table", f' {space} xsi:type="vs:Table"')
        return _xml(text)
    parts = []
    for schema in dict.fromkeys(entry.schema for entry in chosen):
        inside = "".join(
            _table(entry, bare, html, "table", ' esatapplus:size_bytes="0"')
            for entry in chosen
            if entry.schema == schema
        )
        title = escape(SCHEMA_TITLES.get(schema, schema))
        parts.append(
            f"<schema><name>{schema}</name><description>{title}</description>{inside}</schema>"
        )
    return _xml(f"<vosi:tableset {space}>{''.join(parts)}</vosi:tableset>")


def _table(entry: ServerTable, bare: bool, html: bool, tag: str, attributes: str) -> str:
    columns = []
    for info in [] if bare else entry.columns.values():
        field = AnswerField(info.name, vo_unit(info.unit), HTML_NOTE if html else info.description)
        datatype, arraysize = vo_type(info.type)
        size = f' arraysize="{arraysize}"' if arraysize else ""
        notes = {"name": field.name, "description": field.description}
        notes |= {"unit": field.unit, "ucd": field.ucd}
        texts = "".join(f"<{key}>{escape(text)}</{key}>" for key, text in notes.items() if text)
        columns.append(
            f'<column std="false" esatapplus:flags="0">{texts}'
            f'<dataType xsi:type="vs:VOTableType"{size}>{datatype}</dataType></column>'
        )
    return (
        f"<{tag}{attributes}><name>{entry.full}</name>"
        f"<description>{escape(entry.title)}</description>{''.join(columns)}</{tag}>"
    )


def _xml(text: str) -> ServerReply:
    return ServerReply(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), "text/xml")
