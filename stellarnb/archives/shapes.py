"""ADQL's points and regions: what a query says of them, and whether a point lies inside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlglot import exp

from stellarnb.archives.regions import bounding_circle, sides_cross

__all__ = [
    "DISTANCE",
    "GEOMETRY",
    "MARGIN",
    "SKY_MACROS",
    "Complain",
    "Region",
    "Shapes",
    "call",
    "constant",
    "group",
    "number",
]

#: What is translated, and what ADQL knows of geometry besides; that is refused by name.
_UNDERSTOOD = ("POINT", "CIRCLE", "BOX", "POLYGON", "CONTAINS", "DISTANCE", "COORD1", "COORD2")
GEOMETRY = frozenset(
    {*_UNDERSTOOD, "AREA", "CENTROID", "COORDSYS", "INTERSECTS", "REGION", "GAIA_HEALPIX_INDEX"}
)

#: Says that a node is wrong, with its place in the query.
Complain = Callable[[str, exp.Expression], NoReturn]

#: Rounding must lose no star on the edge [deg].
MARGIN = 1e-9

DISTANCE, _COSINE, _TURN = "sky_distance", "sky_cosine", "sky_turn"
#: SQL that gives a database the functions that translated queries call.
# Vincenty's formula: exact to 1e-11 arcsec at every distance, and NULL where a position is. A
# polygon's corners, seen from a point inside, turn once around it: `sky_turn` counts for a side
# how often the azimuth jumps by a full turn on the way from one corner to the next.
SKY_MACROS = (
    f"""CREATE MACRO {DISTANCE}(lon1, lat1, lon2, lat2) AS DEGREES(ATAN2(
  SQRT(POWER(COS(RADIANS(lat2)) * SIN(RADIANS(lon2 - lon1)), 2)
    + POWER(COS(RADIANS(lat1)) * SIN(RADIANS(lat2))
      - SIN(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1)), 2)),
  SIN(RADIANS(lat1)) * SIN(RADIANS(lat2))
    + COS(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1))))""",
    f"""CREATE MACRO {_COSINE}(lon1, lat1, lon2, lat2) AS
  SIN(RADIANS(lat1)) * SIN(RADIANS(lat2))
    + COS(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1))""",
    """CREATE MACRO sky_azimuth(lon1, lat1, lon2, lat2) AS ATAN2(
  COS(RADIANS(lat2)) * SIN(RADIANS(lon2 - lon1)),
  COS(RADIANS(lat1)) * SIN(RADIANS(lat2))
    - SIN(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1)))""",
    f"""CREATE MACRO {_TURN}(lon, lat, lon1, lat1, lon2, lat2) AS ROUND(
  (sky_azimuth(lon, lat, lon1, lat1) - sky_azimuth(lon, lat, lon2, lat2)) / (2 * PI()))""",
)


@dataclass(frozen=True)
class Region:
    """What stands for a region: the exact condition, and a circle (ra, dec, radius) around it."""

    inside: exp.Expression
    circle: tuple[exp.Expression, exp.Expression, exp.Expression] | None


class Shapes:
    """Reads the geometry of one query.

    Parameters
    ----------
    complain : callable
        See `Complain`.
    """

    def __init__(self, complain: Complain) -> None:
        self.complain = complain

    def region(
        self, lon: exp.Expression, lat: exp.Expression, shape: Any, node: exp.Expression
    ) -> Region:
        """Return whether a point lies in a CIRCLE, BOX or POLYGON."""
        if isinstance(shape, exp.Anonymous) and shape.name.upper() not in _UNDERSTOOD:
            self.refuse(shape)
        if not any(_is(shape, name) for name in ("CIRCLE", "BOX", "POLYGON")):
            self.complain(
                "CONTAINS needs a POINT and a region: CONTAINS(POINT(…), CIRCLE(…)); regions are "
                "CIRCLE, BOX and POLYGON",
                node,
            )
        if _is(shape, "CIRCLE"):
            return self.circle(lon, lat, shape)
        corners = self.box_corners(shape) if _is(shape, "BOX") else self.corners(shape)
        return self.polygon(lon, lat, corners, shape)

    def circle(self, lon: exp.Expression, lat: exp.Expression, shape: exp.Anonymous) -> Region:
        """Return whether a point lies in a CIRCLE; its edge belongs to it."""
        *centre, radius = self.arguments(shape)
        centre = self.pair(centre, shape, "CIRCLE needs ra, dec and a radius in degrees")
        size = constant(radius)
        if size is not None and not 0 <= size <= 180:
            self.complain(f"the radius {size:g} is not within 0 to 180 degrees", shape)
        inside = exp.LTE(this=call(DISTANCE, lon, lat, *centre), expression=group(radius))
        return Region(inside, (centre[0], centre[1], radius))

    def box_corners(self, shape: exp.Anonymous) -> list[list[exp.Expression]]:
        """Return the corners of a BOX: ra ± width / 2, dec ± height / 2."""
        words = "BOX needs ra, dec, width and height in degrees"
        parts = self.arguments(shape)
        if len(parts) < 3:
            self.complain(words, shape)
        *centre, width, height = parts
        centre = self.pair(centre, shape, words)
        numbers = [constant(part) for part in (*centre, width, height)]
        if any(size is not None and not 0 < size < 180 for size in numbers[2:]):
            self.complain("a BOX is wider than 0 and narrower than 180 degrees", shape)
        dec, tall = numbers[1], numbers[3]
        if dec is not None and tall is not None and abs(dec) + tall / 2 > 90:
            self.complain("this BOX reaches over a pole; use a POLYGON or a CIRCLE", shape)
        halves = [
            exp.Div(this=group(size), expression=exp.Literal.number("2e0"))
            for size in (width, height)
        ]
        signs = ((exp.Sub, exp.Sub), (exp.Sub, exp.Add), (exp.Add, exp.Add), (exp.Add, exp.Sub))
        return [
            [
                exp.paren(sign(this=group(middle), expression=half.copy()))
                for sign, middle, half in zip(both, centre, halves, strict=True)
            ]
            for both in signs
        ]

    def corners(self, shape: exp.Anonymous) -> list[list[exp.Expression]]:
        """Return the corners of a POLYGON."""
        parts = self.arguments(shape)
        if all(_is(part, "POINT") for part in parts):
            corners = [self.point(part, shape) for part in parts]
        else:
            corners = [self.checked(parts[i : i + 2], shape) for i in range(0, len(parts), 2)]
        if len(corners) < 3:
            self.complain("POLYGON needs three corners or more: ra1, dec1, ra2, dec2, …", shape)
        return corners

    def polygon(
        self,
        lon: exp.Expression,
        lat: exp.Expression,
        corners: Sequence[Sequence[exp.Expression]],
        shape: exp.Anonymous,
    ) -> Region:
        """Return whether a point lies in a polygon whose sides are parts of great circles.

        The inside is the smaller part of the sky, whichever way round the corners are given.
        """
        turns: list[exp.Expression] = [
            call(_TURN, lon, lat, *a, *b)
            for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)
        ]
        around = exp.GT(this=exp.Abs(this=_sum(turns)), expression=number(0.5))
        numbers = [(constant(a), constant(b)) for a, b in corners]
        known = [(a, b) for a, b in numbers if a is not None and b is not None]
        if len(known) < len(numbers):
            # The same holds for a point on the far side of the sky: it must be on this one.
            side = _sum([call(_COSINE, lon, lat, *corner) for corner in corners])
            return Region(exp.and_(exp.GT(this=side, expression=number(0.0)), around), None)
        ra, dec, radius = bounding_circle(known)
        if radius > 90 - 1e-6:
            self.complain("this region is as wide as a hemisphere; cut it into smaller ones", shape)
        if sides_cross(known):
            self.complain("the sides of this POLYGON cross; give its corners in order", shape)
        circle = (number(ra), number(dec), number(radius + MARGIN))
        close = exp.LTE(this=call(DISTANCE, lon, lat, *circle[:2]), expression=circle[2].copy())
        return Region(exp.and_(close, around), circle)

    def point(self, node: Any, outer: exp.Expression) -> list[exp.Expression]:
        """Return longitude and latitude of a POINT."""
        if not _is(node, "POINT"):
            if isinstance(node, exp.Anonymous) and node.name.upper() not in _UNDERSTOOD:
                self.refuse(node)
            self.complain("a POINT is needed here: POINT(ra, dec)", outer)
        return self.pair(self.arguments(node), node, "POINT needs ra and dec in degrees")

    def pair(
        self, parts: Sequence[exp.Expression], node: exp.Expression, words: str
    ) -> list[exp.Expression]:
        """Return a pair of coordinates, which may be a POINT."""
        if len(parts) == 1 and _is(parts[0], "POINT"):
            return self.point(parts[0], node)
        if len(parts) != 2:
            self.complain(words, node)
        return self.checked(parts, node)

    def checked(
        self, parts: Sequence[exp.Expression], node: exp.Expression
    ) -> list[exp.Expression]:
        """Return a pair of coordinates; refuse numbers that are none."""
        if len(parts) != 2:
            self.complain("coordinates come in pairs: ra, dec", node)
        numbers = [constant(part) for part in parts]
        if not all(number is None or math.isfinite(number) for number in numbers):
            self.complain("a number here is too large", node)
        if numbers[1] is not None and abs(numbers[1]) > 90:
            self.complain(f"the declination {numbers[1]:g} is not within -90 to 90 degrees", node)
        return list(parts)

    def arguments(self, node: exp.Expression) -> list[exp.Expression]:
        """Return the arguments of a geometry without the coordinate system."""
        parts: list[Any] = list(node.expressions)
        if parts and isinstance(parts[0], exp.Literal) and parts[0].is_string:
            frame = parts.pop(0).name.strip().upper()
            if frame.split(" ")[0] not in {"ICRS", ""}:
                self.complain(f"the frame {frame!r} is not known; positions are in ICRS", node)
        if not parts:
            self.complain(f"{node.name.upper()} needs coordinates", node)
        return parts

    def refuse(self, node: exp.Anonymous) -> NoReturn:
        """Refuse what is not understood, by name."""
        known = ", ".join(_UNDERSTOOD[:-1])
        self.complain(
            f"{node.name.upper()} is not understood here; of ADQL's geometry there are {known} "
            f"and {_UNDERSTOOD[-1]}",
            node,
        )


def call(name: str, *angles: exp.Expression) -> exp.Anonymous:
    """Return a call of one of the macros, with copies of its arguments."""
    return exp.Anonymous(this=name, expressions=[angle.copy() for angle in angles])


def _sum(parts: Sequence[exp.Expression]) -> exp.Expression:
    total = parts[0]
    for part in parts[1:]:
        total = exp.Add(this=total, expression=part)
    return total


def group(node: exp.Expression) -> exp.Expression:
    """Return a copy of an expression that holds together inside another."""
    return node.copy() if isinstance(node, (exp.Literal, exp.Column)) else exp.paren(node.copy())


def number(value: float) -> exp.Expression:
    """Return a number as it stands in SQL, exactly."""
    literal = exp.Literal(this=f"{abs(value):.17e}", is_string=False)
    return exp.paren(exp.Neg(this=literal)) if value < 0 else literal


def _is(node: Any, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == name


def constant(node: exp.Expression | None) -> float | None:
    """Return the number that an expression is, with the query's integer division; else None."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Literal) and not node.is_string:
        return int(node.name) if node.name.isdigit() else float(node.name)
    if isinstance(node, exp.Neg):
        value = constant(node.this)
        return None if value is None else -value
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
        a, b = constant(node.this), constant(node.expression)
        return None if a is None or b is None else _calculate(node, a, b)
    return None


def _calculate(node: exp.Expression, a: float, b: float) -> float | None:
    if isinstance(node, exp.Add):
        return a + b
    if isinstance(node, exp.Sub):
        return a - b
    if isinstance(node, exp.Mul):
        return a * b
    if b == 0:
        return None
    return int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b
