"""Tables in the formats that archives answer in."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dc_field
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa

from stellarnb.archives.base.tap_schema import TYPES, ucd, vo_unit
from stellarnb.errors import InvalidInput
from stellarnb.tables import Result
from tests.support.server.cells import binary2, field_type, numbers, texts

__all__ = ["AnswerField", "ServerAnswer", "answer_of", "render"]

_ECSV = {"bool": "bool", "float": "float32", "double": "float64"}

#: What FORMAT may say, and which format it means.
_FORMATS = {
    "votable": "votable",
    "votable/b2": "votable",
    "text/xml": "votable",
    "application/x-votable+xml": "votable",
    "application/x-votable+xml;serialization=binary2": "votable",
    "votable_plain": "votable_plain",
    "votable/td": "votable_plain",
    "application/x-votable+xml;serialization=tabledata": "votable_plain",
    "votable_gzip": "votable_gzip",
    "csv": "csv",
    "text/csv": "csv",
    "ecsv": "ecsv",
    "fits": "fits",
    "application/fits": "fits",
    "json": "json",
    "application/json": "json",
}
_MEDIA = {
    "votable": "application/x-votable+xml;serialization=binary2",
    "votable_plain": "application/x-votable+xml;serialization=tabledata",
    "votable_gzip": "application/x-votable+xml",
    "csv": "text/csv",
    "ecsv": "text/csv",
    "fits": "application/fits",
    "json": "application/json",
}


@dataclass(frozen=True)
class AnswerField:
    """What a table's answer says of one column: all texts, empty where there is nothing."""

    name: str
    unit: str = ""
    description: str = ""

    @property
    def ucd(self) -> str:
        """Its unified content descriptor."""
        return ucd(self.name)


@dataclass(frozen=True)
class ServerAnswer:
    """A table to send."""

    #: The rows; a FixedSizeList is an array in a cell.
    table: pa.Table
    #: One for each column.
    fields: tuple[AnswerField, ...]
    #: INFO elements, for formats that have some.
    infos: Mapping[str, str]
    #: Whether rows were held back.
    overflow: bool = False
    #: PARAM elements.
    params: Mapping[str, int] = dc_field(default_factory=dict)

    def with_fields(self, fields: Sequence[AnswerField]) -> ServerAnswer:
        """Return the same rows under other names."""
        names = [field.name for field in fields]
        return replace(self, table=self.table.rename_columns(names), fields=tuple(fields))


def answer_of(result: Result, infos: Mapping[str, str], maxrec: int | None = None) -> ServerAnswer:
    """Return a query's result as an answer of `maxrec` rows at most."""
    fields = tuple(
        AnswerField(name, vo_unit(result.units.get(name, "")), result.descriptions.get(name, ""))
        for name in result.colnames
    )
    rows = result.arrow
    more = maxrec is not None and rows.num_rows > maxrec
    return ServerAnswer(_plain(rows.slice(0, maxrec) if more else rows), fields, dict(infos), more)


def render(answer: ServerAnswer, form: str) -> tuple[bytes, str]:
    """Return an answer's bytes and their media type."""
    key = _FORMATS.get(form.strip().lower().replace(" ", ""))
    if key is None:
        raise InvalidInput(f"FORMAT={form} is unknown; there are {', '.join(_MEDIA)}.")
    if key == "votable_gzip":
        return gzip.compress(_votable(answer, binary=True), 1), _MEDIA[key]
    if key.startswith("votable"):
        return _votable(answer, binary=key == "votable"), _MEDIA[key]
    writer = {"csv": _csv, "ecsv": _ecsv, "fits": _fits, "json": _json}[key]
    return writer(answer), _MEDIA[key]


def _plain(table: pa.Table) -> pa.Table:
    """Cast columns to types that VOTable has."""
    columns = [_known(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if str(kind) in TYPES or pa.types.is_fixed_size_list(kind):
        return column
    if pa.types.is_integer(kind):
        return column.cast(pa.int16() if str(kind) == "int8" else pa.int64())
    return column.cast(pa.float32() if str(kind) == "halffloat" else pa.string())


def _votable(answer: ServerAnswer, *, binary: bool) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
        '<RESOURCE type="results">',
        '<INFO name="QUERY_STATUS" value="OK"/>',
    ]
    lines += [
        f"<INFO name={quoteattr(name)} value={quoteattr(value)}/>"
        for name, value in answer.infos.items()
    ]
    lines.append("<TABLE>")
    lines += [
        f'<PARAM datatype="long" name={quoteattr(name)} value="{value}"/>'
        for name, value in answer.params.items()
    ]
    for field, column in zip(answer.fields, answer.table.columns, strict=True):
        datatype, arraysize = field_type(column)
        notes = {"arraysize": arraysize, "unit": field.unit, "ucd": field.ucd}
        more = "".join(f" {key}={quoteattr(text)}" for key, text in notes.items() if text)
        lines.append(f'<FIELD datatype="{datatype}" name={quoteattr(field.name)}{more}>')
        lines.append(f"<DESCRIPTION>{escape(field.description)}</DESCRIPTION>\n</FIELD>")
    lines.append("<DATA>")
    if binary:
        stream = base64.encodebytes(binary2(answer.table)).decode("ascii")
        lines.append(f'<BINARY2>\n<STREAM encoding="base64">\n{stream}</STREAM>\n</BINARY2>')
    else:
        columns = [[escape(text) for text in texts(column)] for column in answer.table.columns]
        rows = zip(*columns, strict=True)
        cells = "\n".join(f"<TR><TD>{'</TD><TD>'.join(row)}</TD></TR>" for row in rows)
        lines.append(f"<TABLEDATA>\n{cells}\n</TABLEDATA>")
    lines.append("</DATA>\n</TABLE>")
    if answer.overflow:
        lines.append('<INFO name="QUERY_STATUS" value="OVERFLOW"/>')
    lines.append("</RESOURCE>\n</VOTABLE>\n")
    return "\n".join(lines).encode()


def _csv(answer: ServerAnswer, brackets: str = "()") -> bytes:
    columns = [_csv_cells(column, brackets) for column in answer.table.columns]
    lines = [",".join(_quoted(field.name) for field in answer.fields)]
    lines += map(",".join, zip(*columns, strict=True))
    return ("\n".join(lines) + "\n").encode()


def _csv_cells(column: pa.ChunkedArray, brackets: str) -> list[str]:
    if pa.types.is_fixed_size_list(column.type):
        rows = (text.replace(" ", ", ") for text in texts(column))
        return [f'"{brackets[0]}{row}{brackets[1]}"' for row in rows]
    cells = texts(column)
    if pa.types.is_boolean(column.type):
        return [text.title() for text in cells]
    return [_quoted(text) for text in cells] if pa.types.is_string(column.type) else cells


def _quoted(text: str) -> str:
    if any(letter in text for letter in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _ecsv(answer: ServerAnswer) -> bytes:
    lines = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:"]
    for field, column in zip(answer.fields, answer.table.columns, strict=True):
        kind = str(column.type)
        lines += ["-", f"  name: {json.dumps(field.name)}"]
        if pa.types.is_fixed_size_list(column.type):
            inner = _ECSV[str(column.type.value_type)]
            lines += ["  datatype: string", f"  subtype: {inner}[{column.type.list_size}]"]
        else:
            lines.append(f"  datatype: {_ECSV.get(kind, kind)}")
        lines += [f"  unit: {field.unit}"] if field.unit else []
        lines += [f"  description: {json.dumps(field.description)}"] if field.description else []
    if answer.params:
        lines += ["meta:", *(f"  {name}: {value}" for name, value in answer.params.items())]
    head = "\n".join(f"# {line}" for line in lines)
    return head.encode() + b"\n" + _csv(answer, "[]")


def _json(answer: ServerAnswer) -> bytes:
    notes = []
    for field, column in zip(answer.fields, answer.table.columns, strict=True):
        datatype, arraysize = field_type(column)
        note = {"name": field.name, "datatype": datatype, "xtype": None}
        note |= {"arraysize": arraysize or None, "description": field.description or None}
        notes.append(note | {"unit": field.unit or None, "ucd": field.ucd or None, "utype": None})
    columns = [_json_cells(column) for column in answer.table.columns]
    rows = ",\n".join(f"[{','.join(row)}]" for row in zip(*columns, strict=True))
    metadata = ",\n".join(json.dumps(note) for note in notes)
    return f'{{"metadata":\n[\n{metadata}\n],\n"data":\n[\n{rows}\n]\n}}\n'.encode()


def _json_cells(column: pa.ChunkedArray) -> list[str]:
    if pa.types.is_string(column.type):
        return [json.dumps(text) for text in column.to_pylist()]
    if pa.types.is_fixed_size_list(column.type):
        return [f"[{_finite(text.replace(' ', ', '))}]" for text in texts(column)]
    return [_finite(text) for text in texts(column)]


def _finite(text: str) -> str:
    for word in ("NaN", "-Inf", "Inf"):
        text = text.replace(word, "null")
    return text or "null"


def _fits(answer: ServerAnswer) -> bytes:
    from astropy.io import fits

    columns = []
    for field, column in zip(answer.fields, answer.table.columns, strict=True):
        kind, null = column.type, None
        if pa.types.is_string(kind):
            array = np.array(
                [t.encode("ascii", "replace") for t in column.fill_null("").to_pylist()]
            )
            array = array.astype(f"S{max(array.dtype.itemsize, 1)}") if len(array) else array
            form = f"{max(array.dtype.itemsize, 1)}A" if array.dtype.kind == "S" else "1A"
            array = array if array.dtype.kind == "S" else array.astype("S1")
        elif pa.types.is_fixed_size_list(kind):
            array, form = numbers(column), f"{kind.list_size}{TYPES[str(kind.value_type)][1]}"
        else:
            array, form = numbers(column), TYPES[str(kind)][1]
            if pa.types.is_boolean(kind):
                array = array == b"T"
            elif pa.types.is_integer(kind) and column.null_count:
                null = int(np.iinfo(array.dtype).min)
                array = np.where(np.asarray(column.is_null()), null, array)
        columns.append(
            fits.Column(field.name, form, unit=field.unit or None, null=null, array=array)
        )
    table = fits.BinTableHDU.from_columns(columns)
    for i, field in enumerate(answer.fields, start=1):
        table.header[f"TCOMM{i}"] = field.description.encode("ascii", "replace").decode()[:60]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()
