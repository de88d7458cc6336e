"""Queries by chance, each with the rows that it must return: a conformance suite for ADQL.

Hypothesis draws the queries, `stellarnb.testing.adql_truth` computes the rows in numpy. The same
query is put to the embedded archive and, where there is one, to another service.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from stellarnb.tables import Result
from stellarnb.testing.adql_truth import Truth, Values, in_circle, in_polygon, vectors

__all__ = ["SCHEMA", "Case", "Draw", "cases", "same_rows"]

#: Schema of the tables in the queries.
SCHEMA = "snbsuite"
Draw = Callable[[st.SearchStrategy[Any]], Any]

_NUMBERS = ("ra", "dec", "g", "n")
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "<>": np.not_equal,
}


@dataclass(frozen=True)
class Case:
    """A query and its rows.

    Attributes
    ----------
    adql : str
        The query.
    rows : list of tuple
        What it must return.
    ordered : bool
        Whether the order counts.
    upload : dict
        Tables that go with it.
    """

    adql: str
    rows: list[tuple[Any, ...]] = field(repr=False)
    ordered: bool = False
    upload: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Stars:
    """The stars as a query sees them, under an alias."""

    columns: Mapping[str, Values]
    alias: str = ""

    def name(self, column: str) -> str:
        return f"{self.alias}.{column}" if self.alias else column

    @property
    def point(self) -> str:
        return f"POINT('ICRS', {self.name('ra')}, {self.name('dec')})"

    @property
    def places(self) -> Any:
        return vectors(self.columns["ra"].data, self.columns["dec"].data)


@st.composite
def cases(draw: Draw, tables: Mapping[str, Result]) -> Case:
    """Draw a query over the tables of `made_up_sky`.

    Parameters
    ----------
    draw : callable
        Hypothesis's.
    tables : mapping of str to Result
        ``stars`` and ``labels``.
    """
    stars = {name: _values(tables["stars"], name) for name in tables["stars"].colnames}
    labels = {name: _values(tables["labels"], name) for name in tables["labels"].colnames}
    form = draw(st.sampled_from(_FORMS))
    return form(draw, stars, labels)


def same_rows(got: Result, case: Case) -> None:
    """Raise AssertionError unless a result has the rows of a case.

    Parameters
    ----------
    got : Result
        What the archive returned.
    case : Case
        What was asked.
    """
    rows = list(zip(*(column.to_pylist() for column in got.arrow.columns), strict=True))
    want = case.rows
    if not case.ordered:
        rows, want = sorted(rows, key=_key), sorted(want, key=_key)
    assert len(rows) == len(want), f"{len(rows)} rows for {len(want)}: {case.adql}"  # noqa: S101
    for mine, theirs in zip(rows, want, strict=True):
        assert all(_same(a, b) for a, b in zip(mine, theirs, strict=True)), (  # noqa: S101
            f"{mine} for {theirs}: {case.adql}"
        )


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((cell is None, "" if cell is None else cell) for cell in row)


def _values(table: Result, name: str) -> Values:
    column = table.arrow[name]
    there = ~np.asarray(column.is_null())
    if str(column.type) == "string":
        return Values(np.array(column.fill_null("").to_pylist(), dtype=object), there)
    return Values(column.fill_null(0).to_numpy(), there)


def _filtered(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = _condition(draw, _Stars(stars))
    text, values = _expression(draw, _Stars(stars))
    rows = np.flatnonzero(truth.yes)
    cells = [stars["source_id"].take(rows), stars["g"].take(rows), values.take(rows)]
    return Case(
        f"SELECT source_id, g, {text} AS x FROM {SCHEMA}.stars WHERE {where}", _rows(*cells)
    )


def _topped(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = _condition(draw, _Stars(stars))
    top = draw(st.integers(1, 60))
    column, down = draw(st.sampled_from(["ra", "dec", "n"])), draw(st.booleans())
    rows = np.flatnonzero(truth.yes)
    key = stars[column].data[rows]
    rows = rows[np.lexsort((stars["source_id"].data[rows], -key if down else key))][:top]
    cells = [stars["source_id"].take(rows), stars[column].take(rows)]
    return Case(
        f"SELECT TOP {top} source_id, {column} FROM {SCHEMA}.stars WHERE {where} "
        f"ORDER BY {column} {'DESC' if down else 'ASC'}, source_id",
        _rows(*cells),
        ordered=True,
    )


def _offset(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    first, top = draw(st.integers(0, 1700)), draw(st.integers(1, 50))
    ids = np.sort(stars["source_id"].data)[first : first + top]
    return Case(
        f"SELECT TOP {top} source_id FROM {SCHEMA}.stars ORDER BY source_id OFFSET {first}",
        _rows(Values.of(ids)),
        ordered=True,
    )


def _grouped(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = _condition(draw, _Stars(stars))
    least = draw(st.integers(0, 20))
    rows = []
    for n in np.unique(stars["n"].data[truth.yes]).tolist():
        some = np.flatnonzero(truth.yes & (stars["n"].data == n))
        g = stars["g"].take(some)
        bright = g.data[g.there]
        if len(some) > least:
            extremes = (bright.min(), bright.max()) if len(bright) else (None, None)
            mean = stars["dec"].data[some].mean()
            words = stars["word"].take(some)
            unlike = len(set(words.data[words.there]))
            rows.append((n, len(some), len(bright), *extremes, mean, unlike, n * len(some)))
    return Case(
        "SELECT n, COUNT(*) AS a, COUNT(g) AS b, MIN(g) AS c, MAX(g) AS d, AVG(dec) AS e, "
        f"COUNT(DISTINCT word) AS f, SUM(n) AS h FROM {SCHEMA}.stars WHERE {where} GROUP BY n "
        f"HAVING COUNT(*) > {least}",
        rows,
    )


def _joined(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    where, truth = _condition(draw, _Stars(stars, "s"))
    outer = draw(st.booleans())
    rows = np.flatnonzero(truth.yes)
    partner = _partners(stars["source_id"].data[rows], labels["source_id"].data)
    if not outer:
        rows, partner = rows[partner >= 0], partner[partner >= 0]
    cells = [stars["source_id"].take(rows), labels["teff"].take(partner)]
    kind = "LEFT OUTER JOIN" if outer else draw(st.sampled_from(["JOIN", "INNER JOIN"]))
    return Case(
        f"SELECT s.source_id, l.teff FROM {SCHEMA}.stars AS s {kind} {SCHEMA}.labels AS l "
        f"ON s.source_id = l.source_id WHERE {where}",
        _rows(*cells),
    )


def _with(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    where, truth = _region(draw, _Stars(stars))
    snr = draw(st.integers(0, 200))
    rows = np.flatnonzero(truth.yes)
    partner = _partners(stars["source_id"].data[rows], labels["source_id"].data)
    kept = (partner >= 0) & (labels["snr"].data[partner] > snr)
    cells = [stars["source_id"].take(rows[kept]), labels["snr"].take(partner[kept])]
    return Case(
        f"WITH near AS (SELECT source_id AS id, ra FROM {SCHEMA}.stars WHERE {where}) "
        f"SELECT near.id, l.snr FROM near JOIN {SCHEMA}.labels AS l ON l.source_id = near.id "
        f"WHERE l.snr > {snr}",
        _rows(*cells),
    )


def _subquery(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    where, truth = _condition(draw, _Stars(stars, "s"))
    teff = draw(st.integers(3500, 8000))
    partner = _partners(stars["source_id"].data, labels["source_id"].data)
    within = (partner >= 0) & (labels["teff"].data[partner] > teff)
    not_, chosen = draw(st.sampled_from([("", within), ("NOT ", ~within)]))
    if draw(st.booleans()):
        inner = f"s.source_id {not_}IN (SELECT source_id FROM {SCHEMA}.labels WHERE teff > {teff})"
    else:
        inner = (
            f"{not_}EXISTS (SELECT * FROM {SCHEMA}.labels AS l WHERE l.source_id = s.source_id "
            f"AND l.teff > {teff})"
        )
    rows = np.flatnonzero(truth.yes & chosen)
    return Case(
        f"SELECT s.source_id FROM {SCHEMA}.stars AS s WHERE {where} AND {inner}",
        _rows(stars["source_id"].take(rows)),
    )


def _set_operation(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    sides = [_condition(draw, _Stars(stars)) for _ in range(2)]
    one, other = (set(stars["source_id"].data[truth.yes].tolist()) for _, truth in sides)
    word, ids = draw(
        st.sampled_from([("UNION", one | other), ("INTERSECT", one & other), ("EXCEPT", one - other)])
    )
    texts = [f"SELECT source_id FROM {SCHEMA}.stars WHERE {where}" for where, _ in sides]
    return Case(f" {word} ".join(texts), [(star,) for star in ids])


def _distinct(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = _condition(draw, _Stars(stars))
    some = np.flatnonzero(truth.yes)
    pairs = set(zip(stars["n"].take(some).cells(), stars["word"].take(some).cells(), strict=True))
    return Case(f"SELECT DISTINCT n, word FROM {SCHEMA}.stars WHERE {where}", list(pairs))


def _uploaded(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    k = draw(st.integers(1, 8))
    radius = draw(st.sampled_from([0.01, 0.5, 3.0]))
    centres = [_place(draw) for _ in range(k)]
    ra, dec = np.transpose(np.array(centres, dtype=float))
    rows = []
    places = _Stars(stars).places
    for i in range(k):
        inside, edge = in_circle(places, ra[i], dec[i], radius)
        assume(not edge.any())
        rows += [(i, star) for star in stars["source_id"].data[inside].tolist()]
    return Case(
        f"SELECT m.k, s.source_id FROM {SCHEMA}.stars AS s JOIN TAP_UPLOAD.mine AS m ON 1 = "
        "CONTAINS(POINT('ICRS', s.ra, s.dec), "
        f"CIRCLE('ICRS', m.alpha, m.delta, {radius}))",
        rows,
        upload={"mine": {"k": np.arange(k, dtype=np.int32), "alpha": ra, "delta": dec}},
    )


_FORMS = (
    _filtered,
    _filtered,
    _topped,
    _offset,
    _grouped,
    _joined,
    _with,
    _subquery,
    _set_operation,
    _distinct,
    _uploaded,
)


def _rows(*columns: Values) -> list[tuple[Any, ...]]:
    return list(zip(*(column.cells() for column in columns), strict=True))


def _partners(ids: Any, known: Any) -> Any:
    """Return for each id its row among the known ones, -1 where it has none."""
    place = {star: i for i, star in enumerate(known.tolist())}
    return np.array([place.get(star, -1) for star in ids.tolist()], dtype=np.int64)


def _condition(draw: Draw, stars: _Stars, depth: int = 2) -> tuple[str, Truth]:
    kind = draw(st.integers(0, 5)) if depth else 5
    if kind > 2:
        return draw(st.sampled_from([_compared, _plain, _region, _region, _distance]))(draw, stars)
    text, truth = _condition(draw, stars, depth - 1)
    if kind == 0:
        return f"NOT ({text})", ~truth
    other, also = _condition(draw, stars, depth - 1)
    word, both = ("AND", truth & also) if kind == 1 else ("OR", truth | also)
    return f"(({text}) {word} ({other}))", both


def _compared(draw: Draw, stars: _Stars) -> tuple[str, Truth]:
    text, values = _expression(draw, stars)
    word = draw(st.sampled_from(list(_COMPARISONS)))
    limit = draw(st.integers(-90, 360)) + 0.25
    if draw(st.booleans()):
        truth = Truth.of(_COMPARISONS[word](values.data, limit), values.there)
        return f"{text} {word} {limit}", truth
    high = limit + draw(st.integers(0, 90))
    inside = (values.data >= limit) & (values.data <= high)
    return f"{text} BETWEEN {limit} AND {high}", Truth.of(inside, values.there)


def _plain(draw: Draw, stars: _Stars) -> tuple[str, Truth]:
    g, n, word = (stars.columns[name] for name in ("g", "n", "word"))
    some = sorted(draw(st.sets(st.integers(-4, 4), min_size=1, max_size=3)))
    return draw(
        st.sampled_from(
            [
                (f"{stars.name('g')} IS NULL", Truth.of(~g.there)),
                (f"{stars.name('word')} IS NOT NULL", Truth.of(word.there)),
                (
                    f"{stars.name('n')} IN ({', '.join(map(str, some))})",
                    Truth.of(np.isin(n.data, some)),
                ),
                (f"{stars.name('word')} = 'it''s'", Truth.of(word.data == "it's", word.there)),
                (
                    f"{stars.name('word')} LIKE '%m_a%'",
                    Truth.of(np.array(["gamma" in text for text in word.data]), word.there),
                ),
                (
                    f"{stars.name('word')} LIKE 'B%'",
                    Truth.of(np.array([text.startswith("B") for text in word.data]), word.there),
                ),
            ]
        )
    )


def _expression(draw: Draw, stars: _Stars, depth: int = 2) -> tuple[str, Values]:
    kind = draw(st.integers(0, 7)) if depth else 0
    if kind <= 1:
        name = draw(st.sampled_from(_NUMBERS))
        return stars.name(name), stars.columns[name]
    text, a = _expression(draw, stars, depth - 1)
    if kind <= 4:
        other, b = _expression(draw, stars, depth - 1)
        sign, operate = draw(
            st.sampled_from([("+", np.add), ("-", np.subtract), ("*", np.multiply)])
        )
        return f"({text} {sign} {other})", a.with_(b, operate(a.data, b.data))
    if kind == 5:
        return f"({text} / 7)", Values(_divided(a.data, 7), a.there)
    name, function = draw(
        st.sampled_from(
            [
                ("ABS({})", np.abs),
                ("FLOOR({})", np.floor),
                ("CEILING({})", np.ceil),
                ("SQRT(ABS({}))", lambda x: np.sqrt(np.abs(x))),
                ("SIN(RADIANS({}))", lambda x: np.sin(np.radians(x))),
                ("-{}", np.negative),
                ("({} - 1.5)", lambda x: x - 1.5),
            ]
        )
    )
    return name.format(text), Values(function(a.data), a.there)


def _divided(values: Any, by: int) -> Any:
    """Divide as SQL does: whole numbers towards zero."""
    return np.trunc(values / by).astype(int) if values.dtype.kind == "i" else values / by


def _place(draw: Draw) -> tuple[float, float]:
    """Draw a place on the sky: anywhere, near a pole, or where right ascension starts anew."""
    place: tuple[float, float] = draw(
        st.one_of(
            st.tuples(st.integers(0, 359), st.integers(-89, 89)),
            st.tuples(st.integers(0, 359), st.sampled_from([-90, -89.5, 89.5, 90])),
            st.tuples(st.sampled_from([0, 0.5, 359.5, 359.99]), st.integers(-4, 4)),
            st.tuples(st.integers(82, 84), st.integers(-6, -4)),
        )
    )
    return place


def _region(draw: Draw, stars: _Stars) -> tuple[str, Truth]:
    ra, dec = _place(draw)
    shape = draw(st.sampled_from(["circle", "polygon", "box"]))
    if shape == "circle":
        radius = draw(st.sampled_from([0.25, 1, 5.5, 40, 90.5]))
        inside, edge = in_circle(stars.places, ra, dec, radius)
        text = f"CIRCLE('ICRS', {ra}, {dec}, {radius})"
    else:
        corners = _corners(draw, ra, dec)
        text = f"POLYGON('ICRS', {', '.join(f'{a!r}, {b!r}' for a, b in corners)})"
        if shape == "box":
            wide, tall = draw(st.sampled_from([0.5, 4, 30])), draw(st.sampled_from([1, 8.5]))
            assume(abs(dec) + tall / 2 < 90)
            sides = [(-1, -1), (-1, 1), (1, 1), (1, -1)]
            corners = [(ra + x * wide / 2, dec + y * tall / 2) for x, y in sides]
            text = f"BOX('ICRS', {ra}, {dec}, {wide}, {tall})"
        inside, edge = in_polygon(stars.places, corners)
    assume(not edge.any())
    if draw(st.booleans()):
        return f"1 = CONTAINS({stars.point}, {text})", Truth.of(inside)
    return f"CONTAINS({stars.point}, {text}) = 0", Truth.of(~inside)


def _corners(draw: Draw, ra: float, dec: float) -> list[tuple[float, float]]:
    """Draw the corners of a convex polygon: points on a circle, in order."""
    size = draw(st.sampled_from([0.3, 2.0, 12.0, 50.0]))
    turns = sorted(draw(st.sets(st.integers(0, 35), min_size=3, max_size=7)))
    # The inside is where the centre is only if no half of the circle is empty.
    assume(max(np.diff([*turns, turns[0] + 36])) < 17)
    if draw(st.booleans()):
        turns.reverse()
    lon, lat, r = math.radians(ra), math.radians(dec), math.radians(size)
    out = []
    for turn in turns:
        angle = math.radians(10 * turn + 3)
        d = math.asin(math.sin(lat) * math.cos(r) + math.cos(lat) * math.sin(r) * math.cos(angle))
        east = math.atan2(
            math.sin(angle) * math.sin(r) * math.cos(lat),
            math.cos(r) - math.sin(lat) * math.sin(d),
        )
        out.append((round(math.degrees(lon + east) % 360, 6), round(math.degrees(d), 6)))
    return out


def _distance(draw: Draw, stars: _Stars) -> tuple[str, Truth]:
    ra, dec = _place(draw)
    radius = draw(st.sampled_from([0.5, 7, 60, 120.5]))
    inside, edge = in_circle(stars.places, ra, dec, radius)
    assume(not edge.any())
    far = draw(st.booleans())
    word = draw(st.sampled_from(["<", "<="])).replace("<", ">" if far else "<")
    text = f"DISTANCE({stars.point}, POINT('ICRS', {ra}, {dec})) {word} {radius}"
    return text, Truth.of(~inside if far else inside)
