"""Queries by chance, each with the rows that it must return: a conformance suite for ADQL.

Hypothesis draws the queries, `tests.support.adql_truth` computes the rows in numpy. The same
query is put to the embedded archive and, where there is one, to another service.
"""
# ruff: noqa: S608 - queries are what is made here

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from stellarnb.tables import Result
from tests.support.adql_conditions import Draw, Stars, condition, expression, place, region
from tests.support.adql_truth import Values, in_circle

__all__ = ["SCHEMA", "Case", "cases", "same_rows"]

#: Schema of the tables in the queries.
SCHEMA = "snbsuite"


@dataclass(frozen=True, repr=False)
class Case:
    """A query and its rows."""

    #: The query.
    adql: str
    #: What it must return.
    rows: list[tuple[Any, ...]]
    #: Whether the order counts.
    ordered: bool = False
    #: Tables that go with it.
    upload: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Case of {len(self.rows)} rows: {self.adql}>"


@st.composite
def cases(draw: Draw, tables: Mapping[str, Result]) -> Case:
    """Draw a query over the tables of `made_up_sky`."""
    stars = {name: _values(tables["stars"], name) for name in tables["stars"].colnames}
    labels = {name: _values(tables["labels"], name) for name in tables["labels"].colnames}
    form = draw(st.sampled_from(_FORMS))
    case: Case = form(draw, stars, labels)
    return case


def same_rows(got: Result, case: Case) -> None:
    """Raise AssertionError unless a result has the rows of a case."""
    rows = list(zip(*(column.to_pylist() for column in got.arrow.columns), strict=True))
    want = case.rows
    if not case.ordered:
        rows, want = sorted(rows, key=_key), sorted(want, key=_key)
    assert len(rows) == len(want), f"{len(rows)} rows for {len(want)}: {case.adql}"
    for mine, theirs in zip(rows, want, strict=True):
        assert all(_same(a, b) for a, b in zip(mine, theirs, strict=True)), (
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
    where, truth = condition(draw, Stars(stars))
    text, values = expression(draw, Stars(stars))
    rows = np.flatnonzero(truth.yes)
    cells = [stars["source_id"].take(rows), stars["g"].take(rows), values.take(rows)]
    return Case(
        f"SELECT source_id, g, {text} AS x FROM {SCHEMA}.stars WHERE {where}", _rows(*cells)
    )


def _topped(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = condition(draw, Stars(stars))
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
    where, truth = condition(draw, Stars(stars))
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
    where, truth = condition(draw, Stars(stars, "s"))
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
    where, truth = region(draw, Stars(stars))
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
    where, truth = condition(draw, Stars(stars, "s"))
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
    sides = [condition(draw, Stars(stars)) for _ in range(2)]
    one, other = (set(stars["source_id"].data[truth.yes].tolist()) for _, truth in sides)
    word, ids = draw(
        st.sampled_from(
            [("UNION", one | other), ("INTERSECT", one & other), ("EXCEPT", one - other)]
        )
    )
    texts = [f"SELECT source_id FROM {SCHEMA}.stars WHERE {where}" for where, _ in sides]
    return Case(f" {word} ".join(texts), [(star,) for star in ids])


def _distinct(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    where, truth = condition(draw, Stars(stars))
    some = np.flatnonzero(truth.yes)
    pairs = set(zip(stars["n"].take(some).cells(), stars["word"].take(some).cells(), strict=True))
    return Case(f"SELECT DISTINCT n, word FROM {SCHEMA}.stars WHERE {where}", list(pairs))


def _uploaded(draw: Draw, stars: dict[str, Values], labels: dict[str, Values]) -> Case:
    del labels
    k = draw(st.integers(1, 8))
    radius = draw(st.sampled_from([0.01, 0.5, 3.0]))
    centres = [place(draw) for _ in range(k)]
    ra, dec = np.transpose(np.array(centres, dtype=float))
    rows = []
    places = Stars(stars).places
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
