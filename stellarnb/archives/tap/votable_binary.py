"""The rows of VOTable's binary serialisations, column by column in numpy."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["VotableField", "read_rows"]

#: numpy types of VOTable datatypes, big-endian.
_NUMPY = {
    "boolean": "S1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
    "char": "S1",
    "unicodeChar": ">u2",
}
_ARROW = {
    "boolean": pa.bool_(),
    "unsignedByte": pa.int16(),
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
}
#: No cell of an answer has more items than this.
_MOST = 1 << 27
_SLICE = 1 << 16


@dataclass(frozen=True)
class VotableField:
    """A column as the VOTable declares it."""

    #: name, datatype, arraysize, null: Empty where there is nothing.
    name: str
    datatype: str
    arraysize: str = ""
    null: str = ""

    @property
    def known(self) -> bool:
        """Whether `read_rows` can read it."""
        dimensions = self.arraysize.replace("*", "").split("x")
        return self.datatype in _NUMPY and all(d.isdigit() or not d for d in dimensions)

    @property
    def text(self) -> bool:
        """Whether it holds text."""
        return self.datatype in {"char", "unicodeChar"}

    @property
    def variable(self) -> bool:
        """Whether the length differs from cell to cell."""
        return self.arraysize.endswith("*")

    @property
    def items(self) -> int:
        """How many items a cell has; 1 where that varies."""
        if self.variable or not self.arraysize:
            return 1
        count = math.prod(int(d) for d in self.arraysize.split("x") if d)
        if count > _MOST:
            raise ValueError(f"column {self.name!r} has cells of {count} items")
        return count

    @property
    def item(self) -> np.dtype[np.generic]:
        """The type of an item, as it is sent."""
        return np.dtype(_NUMPY[self.datatype])

    def empty(self) -> pa.Array:
        """Return the column without rows."""
        if self.text or self.datatype not in _ARROW:
            return pa.array([], pa.string())
        kind = _ARROW[self.datatype]
        return pa.array([], pa.list_(kind) if self.arraysize not in {"", "1"} else kind)

    def arrays(self, values: NDArray[np.generic], mask: NDArray[np.bool_]) -> pa.Array:
        """Return cells of several numbers as fixed-size lists; values [n, ...], mask [n]."""
        size = math.prod(values.shape[1:])
        flat = self.column(values.reshape(-1), np.zeros(values.size, dtype=bool))
        return pa.FixedSizeListArray.from_arrays(flat, size, mask=pa.array(mask))

    def column(self, values: NDArray[np.generic], mask: NDArray[np.bool_]) -> pa.Array:
        """Return numbers or booleans [n] as Arrow; `mask` [n] marks missing ones."""
        if self.datatype == "boolean":
            true = np.isin(values, [b"T", b"t", b"1"])
            mask = mask | ~(true | np.isin(values, [b"F", b"f", b"0"]))
            return pa.array(true, mask=mask)
        native = values.astype(values.dtype.newbyteorder("="), copy=False)
        if self.null and native.dtype.kind in "iu":
            mask = mask | (native == int(self.null, 0))
        return pa.array(np.ascontiguousarray(native), mask=mask).cast(_ARROW[self.datatype])


def read_rows(stream: bytes, fields: list[VotableField], *, flags: bool) -> list[pa.Array]:
    """Return the columns of a big-endian binary stream; `flags` for BINARY2's null flags."""
    n_flags = (len(fields) + 7) // 8 if flags else 0
    runs = _runs(fields, n_flags)
    raw = np.frombuffer(stream, dtype=np.uint8)
    if any(field.variable for field in fields):
        starts, cells = _walk(stream, fields, runs)
    else:
        size = runs[0].itemsize
        if size and len(stream) % size:
            raise ValueError("the rows end within a row")
        starts, cells = [np.arange(len(stream) // size if size else 0, dtype=np.int64) * size], {}
    blocks = [_gather(raw, start, kind) for start, kind in zip(starts, runs, strict=True)]
    mask = _missing(blocks[0]["flags"], len(fields)) if flags else None
    out: list[pa.Array] = []
    for i, field in enumerate(fields):
        absent = mask[:, i] if mask is not None else np.zeros(len(blocks[0]), dtype=bool)
        if field.variable:
            out.append(_variable(stream, field, *cells[i], absent))
        else:
            values = next(
                block[f"c{i}"] for block in blocks if f"c{i}" in (block.dtype.names or ())
            )
            out.append(_fixed(field, values, absent))
    return out


def _runs(fields: list[VotableField], n_flags: int) -> list[np.dtype[np.void]]:
    """Return the fixed-length runs between variable cells, each as one structure."""
    run: list[tuple[str, np.dtype[np.generic], tuple[int, ...]]] = []
    if n_flags:
        run.append(("flags", np.dtype("u1"), (n_flags,)))
    runs = []
    for i, field in enumerate(fields):
        if field.variable:
            runs.append(np.dtype(run))
            run = []
        else:
            shape = (field.items,) if field.arraysize not in {"", "1"} else ()
            kind = np.dtype(f"S{field.items}") if field.datatype == "char" else field.item
            run.append((f"c{i}", kind, () if field.datatype == "char" else shape))
    runs.append(np.dtype(run))
    return runs


def _walk(
    stream: bytes, fields: list[VotableField], runs: list[np.dtype[np.void]]
) -> tuple[list[NDArray[np.int64]], dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """Return the start of each run in each row, and start and length of variable cells."""
    variable = [i for i, field in enumerate(fields) if field.variable]
    steps = [
        (kind.itemsize, fields[i].item.itemsize) for kind, i in zip(runs, variable, strict=False)
    ]
    last = runs[-1].itemsize
    end, place, unpack = len(stream), 0, struct.Struct(">I").unpack_from
    positions: list[int] = []
    while place < end:
        for before, size in steps:
            positions.append(place)
            place += before
            if place + 4 > end:
                raise ValueError("the rows end within a row")
            count = unpack(stream, place)[0] * size
            positions.append(count)
            place += 4 + count
        positions.append(place)
        place += last
    if place != end:
        raise ValueError("the rows end within a row")
    table = np.array(positions, dtype=np.int64).reshape(-1, 2 * len(steps) + 1)
    starts = [table[:, 2 * i] for i in range(len(steps) + 1)]
    cells = {
        i: (table[:, 2 * k] + steps[k][0] + 4, table[:, 2 * k + 1]) for k, i in enumerate(variable)
    }
    return starts, cells


def _gather(
    raw: NDArray[np.uint8], starts: NDArray[np.int64], kind: np.dtype[np.void]
) -> NDArray[np.void]:
    """Return the structures that begin at given offsets as one array."""
    size = kind.itemsize
    if size == 0:
        return np.zeros(len(starts), dtype=kind)
    if len(starts) and len(raw) == size * len(starts):
        return raw.view(kind)
    out = np.empty((len(starts), size), dtype=np.uint8)
    steps = np.arange(size)
    for first in range(0, len(starts), _SLICE):
        part = starts[first : first + _SLICE, np.newaxis] + steps
        out[first : first + _SLICE] = raw[part]
    return out.reshape(-1).view(kind)


def _missing(flags: NDArray[np.uint8], n: int) -> NDArray[np.bool_]:
    bits: NDArray[np.bool_] = np.unpackbits(np.ascontiguousarray(flags), axis=1)[:, :n].astype(bool)
    return bits


def _fixed(field: VotableField, values: NDArray[np.generic], absent: NDArray[np.bool_]) -> pa.Array:
    if field.datatype == "char":
        # numpy drops the NULs behind a text; archives pad with blanks too.
        texts = [text.decode("utf-8", "replace").rstrip() for text in values.tolist()]
        return pa.array(texts, pa.string(), mask=absent)
    if field.datatype == "unicodeChar":
        rows = [np.atleast_1d(row).tobytes().decode("utf-16-be", "replace") for row in values]
        return pa.array([t.split("\x00")[0].rstrip() for t in rows], pa.string(), mask=absent)
    return field.arrays(values, absent) if values.ndim > 1 else field.column(values, absent)


def _variable(
    data: bytes,
    field: VotableField,
    begin: NDArray[np.int64],
    length: NDArray[np.int64],
    absent: NDArray[np.bool_],
) -> pa.Array:
    pairs = zip(begin.tolist(), (begin + length).tolist(), strict=True)
    if field.text:
        code = "utf-8" if field.datatype == "char" else "utf-16-be"
        texts = [data[a:b].decode(code, "replace").rstrip("\x00") for a, b in pairs]
        return pa.array(texts, pa.string(), mask=absent)
    packed = b"".join(data[a:b] for a, b in pairs)
    items = np.frombuffer(packed, dtype=field.item)
    offsets = np.concatenate([[0], np.cumsum(length // field.item.itemsize)]).astype(np.int64)
    values = field.column(items, np.zeros(len(items), dtype=bool))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values, mask=pa.array(absent))
    return lists.cast(pa.list_(values.type))
