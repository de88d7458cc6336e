"""ADQL geometry as SQL arithmetic, with a fast pre-selection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlglot import exp

from stellarnb.archives.base.healpix import bounding_circle, cone_ranges, sides_cross

__all__ = [
    "DISTANCE",
    "GEOMETRY",
    "MARGIN",
    "SKY_MACROS",
    "Complain",
    "PadOf",
    "Region",
    "Shapes",
    "call",
    "constant",
    "group",
    "number",
    "translate_geometry",
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
    """A region as an exact condition and a circle (ra, dec, radius) around it."""

    inside: exp.Expression
    circle: tuple[exp.Expression, exp.Expression, exp.Expression] | None


class Shapes:
    """Read the geometry of one query."""

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
        """Return a pair of coordinates; raise `QueryError` for numbers out of range."""
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
        """Raise `QueryError` for unsupported geometry."""
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
    """Return a copy of an expression, in parentheses if needed."""
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


#: Returns for a table how far [deg] a star may lie from the centre of the HEALPix pixel that its
#: source_id names, or None where the table's identifiers say nothing about its positions.
PadOf = Callable[[str], float | None]

#: For a circle wider than this [deg] every row is looked at.
_WIDEST = 45.0


class _Sky(Shapes):
    """Replace the geometry of one query."""

    def __init__(self, tables: Mapping[str, set[str]], pad_of: PadOf, complain: Complain) -> None:
        super().__init__(complain)
        self.tables, self.pad_of = tables, pad_of

    def contains(self, node: exp.Contains) -> None:
        """Replace CONTAINS(POINT, region)."""
        lon, lat = self.point(node.this, node)
        region = self.region(lon, lat, node.expression, node)
        parent = node.parent
        if not (isinstance(parent, exp.EQ) and constant(_other(parent, node)) == 1):
            node.replace(exp.cast(exp.paren(region.inside, copy=False), "INT"))
            return
        self.settle(parent, region.inside, (lon, lat), region.circle)

    def distance(self, node: exp.Anonymous) -> None:
        """Replace DISTANCE, with a fast pre-selection if it is compared with a radius."""
        parts = node.expressions
        if len(parts) == 2:
            points = [self.point(part, node) for part in parts]
        elif len(parts) == 4:
            points = [self.checked(parts[:2], node), self.checked(parts[2:], node)]
        else:
            self.complain("DISTANCE needs two POINTs, or ra1, dec1, ra2, dec2 in degrees", node)
        exact = call(DISTANCE, *points[0], *points[1])
        parent = node.parent
        upper = (exp.LT, exp.LTE) if parent and parent.this is node else (exp.GT, exp.GTE)
        if parent is None or not isinstance(parent, upper):
            node.replace(exact)
            return
        radius = _other(parent, node)
        node.replace(exact)
        star, centre = points if isinstance(points[0][1], exp.Column) else points[::-1]
        self.settle(parent, parent.copy(), (star[0], star[1]), (centre[0], centre[1], radius))

    def settle(
        self,
        old: exp.Expression,
        inside: exp.Expression,
        star: tuple[exp.Expression, exp.Expression],
        circle: tuple[exp.Expression, exp.Expression, exp.Expression] | None,
    ) -> None:
        """Replace a condition, preceded by the faster conditions that it implies."""
        near = [] if circle is None or not _only_counts(old) else self.near(old, star, circle)
        old.replace(exp.paren(exp.and_(*near, inside, copy=False), copy=False))

    def near(
        self,
        node: exp.Expression,
        star: tuple[exp.Expression, exp.Expression],
        circle: tuple[exp.Expression, exp.Expression, exp.Expression],
    ) -> list[exp.Expression]:
        """Return conditions on source_id and declination that a star in a circle fulfils."""
        ra, dec, radius = (constant(part) for part in circle)
        if radius is not None and radius > _WIDEST:
            return []
        out: list[exp.Expression] = []
        owner = _owner(node, star, self.tables)
        if owner is not None and ra is not None and dec is not None and radius is not None:
            out += self.ranges(owner, (ra, dec, radius))
        if isinstance(star[1], exp.Column):
            reach = exp.paren(exp.Add(this=group(circle[2]), expression=number(MARGIN)))
            out.append(
                exp.Between(
                    this=star[1].copy(),
                    low=exp.Sub(this=group(circle[1]), expression=reach),
                    high=exp.Add(this=group(circle[1]), expression=reach.copy()),
                )
            )
        return out

    def ranges(
        self, owner: tuple[str, str], circle: tuple[float, float, float]
    ) -> list[exp.Expression]:
        """Return the condition on source_id that a cone implies, or None."""
        alias, table = owner
        pad = self.pad_of(table)
        ranges = None if pad is None else cone_ranges(*circle, pad)
        if ranges is None:
            return []
        limits = [
            exp.Between(
                this=exp.column("source_id", table=alias, quoted=True),
                low=exp.Literal.number(first),
                high=exp.Literal.number(last),
            )
            for first, last in ranges
        ]
        return [exp.paren(exp.or_(*limits, copy=False), copy=False)]

    def coordinate(self, node: exp.Anonymous) -> None:
        """Replace COORD1 and COORD2."""
        if len(node.expressions) != 1:
            self.complain(f"{node.name.upper()} needs one POINT", node)
        pair = self.point(node.expressions[0], node)
        node.replace(exp.paren(pair[int(node.name[-1]) - 1].copy()))

    def pixel(self, node: exp.Anonymous) -> None:
        """Replace Gaia's function GAIA_HEALPIX_INDEX(order, source_id)."""
        order = constant(node.expressions[0]) if len(node.expressions) == 2 else None
        if order not in range(13):
            self.complain("GAIA_HEALPIX_INDEX needs an order from 0 to 12 and a source_id", node)
        shift = exp.Literal.number(59 - 2 * int(order or 0))
        whole = exp.cast(node.expressions[1].copy(), "BIGINT")
        node.replace(exp.paren(exp.BitwiseRightShift(this=whole, expression=shift)))


def translate_geometry(
    tree: exp.Expression, tables: Mapping[str, set[str]], pad_of: PadOf, complain: Complain
) -> None:
    """Replace ADQL's geometry by arithmetic, in place.

    A BOX is the polygon of its four corners, ra ± width / 2 and dec ± height / 2, as GAVO DaCHS
    has it. Sides of a POLYGON are parts of great circles, its inside is the smaller part of the
    sky. A condition that asks for the stars in a region gets a quick look before it: at the
    ranges of source_id that the region touches, and at the declination.
    """
    sky = _Sky(tables, pad_of, complain)
    replace: dict[str, Callable[[Any], None]] = {
        "DISTANCE": sky.distance,
        "COORD1": sky.coordinate,
        "COORD2": sky.coordinate,
        "GAIA_HEALPIX_INDEX": sky.pixel,
    }
    # Inner calls come first: an outer one copies what stands in its arguments.
    for node in reversed(list(tree.find_all(exp.Contains, exp.Anonymous))):
        if isinstance(node, exp.Contains):
            sky.contains(node)
        elif node.name.upper() in replace:
            replace[node.name.upper()](node)
    for node in tree.find_all(exp.Anonymous):
        name = node.name.upper()
        if name in {"POINT", "CIRCLE", "BOX", "POLYGON"}:
            complain(f"{name} stands alone; it works inside CONTAINS and DISTANCE only", node)
        if name in GEOMETRY:
            sky.refuse(node)


def _only_counts(node: exp.Expression) -> bool:
    """Return whether NULL and false are equivalent for a condition."""
    place = node.parent
    while isinstance(place, (exp.And, exp.Or, exp.Paren)):
        place = place.parent
    return isinstance(place, (exp.Where, exp.Join, exp.Having))


def _owner(
    node: exp.Expression,
    position: tuple[exp.Expression, exp.Expression],
    tables: Mapping[str, set[str]],
) -> tuple[str, str] | None:
    """Return alias and table if a point is a table's own ra and dec, else None."""
    lon, lat = position
    select = node.find_ancestor(exp.Select)
    columns = isinstance(lon, exp.Column) and isinstance(lat, exp.Column)
    if select is None or not columns or (lon.name.lower(), lat.name.lower()) != ("ra", "dec"):
        return None
    hidden = {cte.alias.lower() for cte in select.root().find_all(exp.CTE)}
    parts = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", [])]
    sources = [part.this for part in parts if part is not None]
    own = {
        source.alias_or_name.lower(): source.name.lower()
        for source in sources
        if isinstance(source, exp.Table) and source.name.lower() not in hidden
    }
    alias = lon.table.lower()
    if not alias and lat.table == "" and len(own) == len(sources):
        having = [name for name, table in own.items() if {"ra", "dec"} & tables[table]]
        alias = having[0] if len(having) == 1 else ""
    elif lat.table.lower() != alias:
        return None
    table = own.get(alias, "")
    wanted = {"source_id", "ra", "dec"}
    return (alias, table) if wanted <= tables.get(table, set()) else None


def _other(parent: exp.Expression, node: exp.Expression) -> exp.Expression:
    """Return the other side of an equation."""
    return parent.expression if parent.this is node else parent.this
