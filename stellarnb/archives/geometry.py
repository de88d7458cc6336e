"""The sky in SQL: ADQL's points, regions and distances as arithmetic, with a quick look first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from stellarnb.archives.regions import cone_ranges
from stellarnb.archives.shapes import (
    DISTANCE,
    GEOMETRY,
    MARGIN,
    Complain,
    Shapes,
    call,
    constant,
    group,
    number,
)

__all__ = ["PadOf", "translate_geometry"]

#: Returns for a table how far [deg] a star may lie from the centre of the HEALPix pixel that its
#: source_id names, or None where the table's identifiers say nothing about its positions.
PadOf = Callable[[str], float | None]

#: For a circle wider than this [deg] every row is looked at.
_WIDEST = 45.0


class _Sky(Shapes):
    """Replaces the geometry of one query."""

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
        """Replace DISTANCE; where it is compared with a radius, a quick look comes first."""
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
        """Put a condition in the place of an old one, behind what it implies."""
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
        """Return the condition on source_id that a cone implies, where it implies one."""
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

    Parameters
    ----------
    tree : sqlglot.exp.Expression
        The query, its tables under their own names.
    tables : mapping of str to set of str
        Columns of each table.
    pad_of : callable
        See `PadOf`.
    complain : callable
        See `Complain`.
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
    """Whether all that matters of a condition is where it is true: then NULL may become false."""
    place = node.parent
    while isinstance(place, (exp.And, exp.Or, exp.Paren)):
        place = place.parent
    return isinstance(place, (exp.Where, exp.Join, exp.Having))


def _owner(
    node: exp.Expression,
    position: tuple[exp.Expression, exp.Expression],
    tables: Mapping[str, set[str]],
) -> tuple[str, str] | None:
    """Return the alias and the table whose own ra and dec a point is, if it is one's."""
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
