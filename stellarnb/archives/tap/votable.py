"""Read VOTables as Arrow; numpy reads the binary serialisations by column.

BINARY2 is what a query is asked for: unlike FITS and CSV it says in itself whether rows were held
back, whether it is complete, and what unit each column has.
"""

from __future__ import annotations

import binascii
import io
import re
import warnings
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.base.catalog import unique_names
from stellarnb.archives.base.units import astropy_unit
from stellarnb.archives.tap.votable_binary import VotableField, read_rows
from stellarnb.archives.transport.request import plain_text
from stellarnb.errors import ArchiveDown, QueryError, StellarnbError
from stellarnb.tables.convert import as_arrow

__all__ = ["Answer", "read_votable"]

_DATA = re.compile(rb"<(?:\w+:)?DATA\s*>")
_DATA_END = re.compile(rb"</(?:\w+:)?DATA\s*>")
_STREAM = re.compile(rb"<(?:\w+:)?STREAM\b([^>]*)>([^<]*)</(?:\w+:)?STREAM\s*>")
_FORM = re.compile(rb"\s*<(?:\w+:)?(BINARY2?|TABLEDATA|FITS|PARQUET)\b")


@dataclass(frozen=True)
class Answer:
    """A table as an archive sent it."""

    #: Names in lower case, each once; integers stay integers, missing values are nulls.
    table: pa.Table
    #: units, descriptions: By column; units as `astropy.units` spells them.
    units: dict[str, str]
    descriptions: dict[str, str]
    #: Whether the archive states that the answer is truncated.
    overflow: bool


def read_votable(body: bytes, host: str) -> Answer:
    """Read the first table of results."""
    try:
        return _read(body, host)
    except StellarnbError:
        raise
    except Exception as error:  # whatever a parser stumbles over in bytes from outside
        reason = plain_text(str(error), 120) or type(error).__name__
        raise ArchiveDown(
            f"{host} sent a VOTable that cannot be read ({reason}). Ask again; if it stays so, "
            "tell the archive's operators."
        ) from error


def _read(body: bytes, host: str) -> Answer:
    begin = _DATA.search(body)
    end = _DATA_END.search(body, begin.end()) if begin else None
    head = body[: begin.start()] + body[end.end() :] if begin and end else body
    root = _parse(head, host)
    overflow = _status(root, host)
    table = _first_table(root)
    if table is None:
        raise ArchiveDown(f"{host} answers with a VOTable that holds no table.")
    nodes = _children(table, "FIELD")
    fields = [_field(node) for node in nodes]
    data = body[begin.end() : end.start()] if begin and end else b""
    arrays = _columns(data, fields, body, host)
    rows = len(arrays[0]) if arrays else 0
    said = table.get("nrows", "")
    if said.isdigit() and int(said) != rows:
        raise ArchiveDown(f"{host} announces {said} rows and sends {rows}; ask again.")
    names = unique_names([field.name for field in fields])
    units: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    for name, node in zip(names, nodes, strict=True):
        written = plain_text(node.get("unit", ""), 60)
        unit = astropy_unit(written)
        words = (
            plain_text("".join(_children(node, "DESCRIPTION")[0].itertext()), 1000)
            if (_children(node, "DESCRIPTION"))
            else ""
        )
        if unit:
            units[name] = unit
        elif written:
            words = f"{words} [unit: {written}]".strip()
        if words:
            descriptions[name] = words
    return Answer(pa.table(arrays, names=names), units, descriptions, overflow)


def _parse(text: bytes, host: str) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(text)
    except DefusedXmlException as error:
        raise ArchiveDown(
            f"{host} sent a VOTable that declares entities, which can fill all memory; it was not "
            "read. Tell the archive's operators."
        ) from error
    except ParseError as error:
        raise ArchiveDown(
            f"{host} sent a VOTable that is not valid XML ({error}); ask again."
        ) from error
    if _local(root) != "VOTABLE":
        raise ArchiveDown(f"{host} sent {_local(root)!r} instead of a VOTable.")
    return root


def _status(root: Element, host: str) -> bool:
    """Return whether the answer is truncated; raise the query's error if it has one."""
    overflow = False
    for node in root.iter():
        if _local(node) != "INFO" or node.get("name", "").upper() != "QUERY_STATUS":
            continue
        value = node.get("value", "").upper()
        if value == "ERROR":
            words = plain_text("".join(node.itertext())) or "no reason is given"
            raise QueryError(f"{host} refuses the query: {words}")
        overflow |= value == "OVERFLOW"
    return overflow


def _first_table(root: Element) -> Element | None:
    resources = [node for node in root.iter() if _local(node) == "RESOURCE"]
    results = [node for node in resources if node.get("type", "").lower() == "results"]
    for node in [*results, *resources]:
        for table in _children(node, "TABLE"):
            return table
    return None


def _field(node: Element) -> VotableField:
    values = _children(node, "VALUES")
    null = values[0].get("null", "") if values else ""
    return VotableField(
        plain_text(node.get("name") or node.get("ID") or "", 120),
        node.get("datatype", ""),
        node.get("arraysize", ""),
        null,
    )


def _columns(data: bytes, fields: list[VotableField], body: bytes, host: str) -> list[pa.Array]:
    form = _FORM.match(data)
    name = form[1].decode() if form else ""
    if not data.strip():
        return [field.empty() for field in fields]
    stream = _STREAM.search(data)
    if stream and b"href" in stream[1]:
        raise ArchiveDown(f"{host} keeps the rows of its answer elsewhere, which is not followed.")
    simple = all(field.known for field in fields)
    if name in {"BINARY", "BINARY2"} and stream and b"base64" in stream[1] and simple:
        return read_rows(binascii.a2b_base64(stream[2]), fields, flags=name == "BINARY2")
    if name == "TABLEDATA" or (name in {"BINARY", "BINARY2"} and stream):
        return _by_astropy(body, fields)
    raise ArchiveDown(f"{host} answers with a VOTable of {name or 'an unknown form'}; ask again.")


def _by_astropy(body: bytes, fields: list[VotableField]) -> list[pa.Array]:
    from astropy.io.votable import parse

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it forgives
        array = parse(io.BytesIO(body), verify="ignore").get_first_table().array
    return [
        _masked(array[name], field) for name, field in zip(array.dtype.names, fields, strict=True)
    ]


def _masked(values: Any, field: VotableField) -> pa.Array:
    mask: NDArray[np.bool_] = np.asarray(np.ma.getmaskarray(values), dtype=bool)
    if values.ndim > 1:
        gone: NDArray[np.bool_] = np.asarray(mask.reshape(len(values), -1).all(axis=1))
        return field.arrays(np.asarray(values.data), gone)
    if values.dtype.kind == "O" and not field.text:
        cells = zip(values.data, mask, strict=True)
        return pa.array([None if gone else list(np.ravel(cell)) for cell, gone in cells])
    column = as_arrow({"x": values})["x"].combine_chunks()
    if not field.text:
        return column
    # An empty cell is what TABLEDATA has for a missing one.
    return pa.array([text or None for text in column.cast(pa.string()).to_pylist()], pa.string())


def _children(node: Element, name: str) -> list[Element]:
    return [child for child in node if _local(child) == name]


def _local(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]  # of a comment the tag is a function
