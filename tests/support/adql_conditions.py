"""Conditions by chance, each with its truth for every star: the WHERE of `adql_suite`'s queries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.support.adql_truth import Truth, Values, in_circle, in_polygon, vectors

__all__ = ["Draw", "Stars", "condition", "expression", "place", "region"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

_NUMBERS = ("ra", "dec", "g", "n")
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "!=": np.not_equal,  # DaCHS 2.7 does not read <>
}


#: Draws the text of a condition, and its truth.
Condition = Callable[[Draw, "Stars"], tuple[str, Truth]]


@dataclass(frozen=True)
class Stars:
    """The stars as a query sees them, under an alias."""

    columns: Mapping[str, Values]
    alias: str = ""

    def name(self, column: str) -> str:
        """Return a column as the query writes it."""
        return f"{self.alias}.{column}" if self.alias else column

    @property
    def point(self) -> str:
        """The stars' position in ADQL."""
        return f"POINT('ICRS', {self.name('ra')}, {self.name('dec')})"

    @property
    def places(self) -> Any:
        """The stars' unit vectors [n, 3]."""
        return vectors(self.columns["ra"].data, self.columns["dec"].data)


def condition(draw: Draw, stars: Stars, depth: int = 2) -> tuple[str, Truth]:
    """Draw a condition on the stars, and return its text and its truth."""
    kind = draw(st.integers(0, 5)) if depth else 5
    if kind > 2:
        kinds: list[Condition] = [_compared, _plain, region, region, _distance]
        chosen: Condition = draw(st.sampled_from(kinds))
        return chosen(draw, stars)
    text, truth = condition(draw, stars, depth - 1)
    if kind == 0:
        return f"NOT ({text})", ~truth
    other, also = condition(draw, stars, depth - 1)
    word, both = ("AND", truth & also) if kind == 1 else ("OR", truth | also)
    return f"(({text}) {word} ({other}))", both


def _compared(draw: Draw, stars: Stars) -> tuple[str, Truth]:
    text, values = expression(draw, stars)
    word = draw(st.sampled_from(list(_COMPARISONS)))
    limit = draw(st.integers(-90, 360)) + 0.25
    if draw(st.booleans()):
        truth = Truth.of(_COMPARISONS[word](values.data, limit), values.there)
        return f"{text} {word} {limit}", truth
    high = limit + draw(st.integers(0, 90))
    inside = (values.data >= limit) & (values.data <= high)
    return f"{text} BETWEEN {limit} AND {high}", Truth.of(inside, values.there)


def _plain(draw: Draw, stars: Stars) -> tuple[str, Truth]:
    g, n, word = (stars.columns[name] for name in ("g", "n", "word"))
    some = sorted(draw(st.sets(st.integers(-4, 4), min_size=1, max_size=3)))
    chosen: tuple[str, Truth] = draw(
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
    return chosen


def expression(draw: Draw, stars: Stars, depth: int = 2) -> tuple[str, Values]:
    """Draw a number computed of the stars' columns, and return its text and its values."""
    kind = draw(st.integers(0, 7)) if depth else 0
    if kind <= 1:
        name = draw(st.sampled_from(_NUMBERS))
        return stars.name(name), stars.columns[name]
    text, a = expression(draw, stars, depth - 1)
    if kind <= 4:
        other, b = expression(draw, stars, depth - 1)
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
                ("FLOOR({})", lambda x: np.floor(x.astype(float))),
                ("CEILING({})", lambda x: np.ceil(x.astype(float))),
                ("SQRT(ABS({}))", lambda x: np.sqrt(np.abs(x))),
                ("SIN(RADIANS({}))", lambda x: np.sin(np.radians(x))),
                ("(-{})", np.negative),  # two signs in a row begin a comment
                ("({} - 1.5)", lambda x: x - 1.5),
            ]
        )
    )
    return name.format(text), Values(function(a.data), a.there)


def _divided(values: Any, by: int) -> Any:
    """Divide as SQL does: whole numbers towards zero."""
    return np.trunc(values / by).astype(int) if values.dtype.kind == "i" else values / by


def place(draw: Draw) -> tuple[float, float]:
    """Draw a place on the sky: anywhere, near a pole, or where right ascension starts anew."""
    where: tuple[float, float] = draw(
        st.one_of(
            st.tuples(st.integers(0, 359), st.integers(-89, 89)),
            st.tuples(st.integers(0, 359), st.sampled_from([-90, -89.5, 89.5, 90])),
            st.tuples(st.sampled_from([0, 0.5, 359.5, 359.99]), st.integers(-4, 4)),
            st.tuples(st.integers(82, 84), st.integers(-6, -4)),
        )
    )
    return where


def region(draw: Draw, stars: Stars) -> tuple[str, Truth]:
    """Draw whether the stars lie in a circle, box or polygon."""
    ra, dec = place(draw)
    shape = draw(st.sampled_from(["circle", "polygon", "box"]))
    if shape == "circle":
        radius = draw(st.sampled_from([0.25, 1, 5.5, 40, 85]))
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
    centre = vectors(ra, dec)
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    north = np.array(
        [-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)]
    )
    out = []
    for turn in turns:
        angle = math.radians(10 * turn + 3)
        there = math.cos(angle) * north + math.sin(angle) * east
        x, y, z = math.cos(r) * centre + math.sin(r) * there
        corner = math.degrees(math.atan2(y, x)) % 360, math.degrees(math.asin(z))
        out.append((round(corner[0], 6), round(corner[1], 6)))
    return out


def _distance(draw: Draw, stars: Stars) -> tuple[str, Truth]:
    ra, dec = place(draw)
    radius = draw(st.sampled_from([0.5, 7, 60, 85]))
    inside, edge = in_circle(stars.places, ra, dec, radius)
    assume(not edge.any())
    far = draw(st.booleans())
    word = draw(st.sampled_from(["<", "<="])).replace("<", ">" if far else "<")
    text = f"DISTANCE({stars.point}, POINT('ICRS', {ra}, {dec})) {word} {radius}"
    return text, Truth.of(~inside if far else inside)
