"""The sky in SQL: ADQL's points, circles and distances, and cones as ranges of source_id."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

__all__ = [
    "DISTANCE_MACRO",
    "GEOMETRY",
    "PadOf",
    "cone_ranges",
    "position_pad",
    "translate_geometry",
]

#: What ADQL knows of geometry; those without a translation are refused by name.
GEOMETRY = frozenset(
    {"AREA", "BOX", "CENTROID", "CIRCLE", "CONTAINS", "COORD1", "COORD2", "COORDSYS"}
    | {"DISTANCE", "INTERSECTS", "POINT", "POLYGON", "REGION"}
)

#: Returns for a table how far [deg] a star may lie from the centre of the HEALPix pixel that its
#: source_id names, or None where the table's identifiers say nothing about its positions.
PadOf = Callable[[str], float | None]

#: Says that a node is wrong, with its place in the query.
Complain = Callable[[str, exp.Expression], NoReturn]

#: A source_id holds the nested HEALPix pixel of this order above this bit.
ORDER, SHIFT = 12, 35
#: Side of the twelve pixels of order 0 [deg]; the corners lie nearer to the centre than that.
_SIDE = 58.7
#: A wider cone [deg] is not worth its ranges.
_WIDEST = 45.0
#: Stars farther [deg] from their pixel than this do not have Gaia identifiers.
_MAX_PAD = 0.5

_DISTANCE = "sky_distance"
#: SQL that gives a database the function that translated queries call.
# Vincenty's formula: exact to 1e-11 arcsec at every distance, and NULL where a position is.
DISTANCE_MACRO = f"""CREATE MACRO {_DISTANCE}(lon1, lat1, lon2, lat2) AS DEGREES(ATAN2(
  SQRT(POWER(COS(RADIANS(lat2)) * SIN(RADIANS(lon2 - lon1)), 2)
    + POWER(COS(RADIANS(lat1)) * SIN(RADIANS(lat2))
      - SIN(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1)), 2)),
  SIN(RADIANS(lat1)) * SIN(RADIANS(lat2))
    + COS(RADIANS(lat1)) * COS(RADIANS(lat2)) * COS(RADIANS(lon2 - lon1))))"""


def cone_ranges(
    ra: float, dec: float, radius: float, pad: float = 0.0
) -> list[tuple[int, int]] | None:
    """Return ranges of source_id that hold every star of a cone, and some around it.

    Parameters
    ----------
    ra, dec, radius : float
        The cone [deg].
    pad : float, optional
        How far [deg] a star may lie from the centre of its order-12 pixel.

    Returns
    -------
    list of (int, int) or None
        First and last source_id of each range, both included; None where the cone is so wide
        that looking at every row is the better way.
    """
    reach = radius + pad
    if reach > _WIDEST:
        return None
    from astropy import units as u
    from astropy_healpix import HEALPix

    # Pixels about a tenth of the cone: some hundred of them, and a margin that costs little.
    order = int(np.clip(math.log2(8 * _SIDE / max(reach, 1e-6)), 0, ORDER))
    # A pixel counts if its centre is near, so that the radius grows by the size of a pixel.
    search = min(reach + _SIDE / 2**order, 180.0)
    grid = HEALPix(nside=2**order, order="nested")
    centre = (ra % 360) * u.deg, dec * u.deg
    pixels = np.sort(grid.cone_search_lonlat(*centre, radius=search * u.deg))
    bits = SHIFT + 2 * (ORDER - order)
    breaks = np.flatnonzero(np.diff(pixels) > 1)
    first = pixels[np.r_[0, breaks + 1]]
    last = pixels[np.r_[breaks, len(pixels) - 1]]
    return [(int(a) << bits, ((int(b) + 1) << bits) - 1) for a, b in zip(first, last, strict=True)]


def position_pad(
    source_id: NDArray[np.int64], ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> float | None:
    """Return how far [deg] stars lie at most from the centres of their source_id's pixels.

    Parameters
    ----------
    source_id, ra, dec : numpy.ndarray, shape [n]
        Identifiers, and positions in degrees.

    Returns
    -------
    float or None
        None where the identifiers are not those of Gaia, or a position is no position: then
        ranges of source_id would lose stars.
    """
    from astropy import units as u
    from astropy.coordinates import angular_separation
    from astropy_healpix import healpix_to_lonlat

    pixel = source_id >> SHIFT
    sound = np.isfinite(ra) & np.isfinite(dec) & (pixel >= 0) & (pixel < 12 * 4**ORDER)
    if len(ra) == 0 or not sound.all():
        return None
    lon, lat = healpix_to_lonlat(pixel, nside=2**ORDER, order="nested")
    apart = angular_separation(lon, lat, ra * u.deg, dec * u.deg)
    pad = float(np.max(apart).to_value(u.deg))
    return pad * (1 + 1e-9) + 1e-9 if pad <= _MAX_PAD else None


def translate_geometry(
    tree: exp.Expression, tables: dict[str, set[str]], pad_of: PadOf, complain: Complain
) -> exp.Expression:
    """Replace ADQL's geometry by arithmetic, in place.

    Parameters
    ----------
    tree : sqlglot.exp.Expression
        The query.
    tables : dict of str to set of str
        Columns of each table.
    pad_of : callable
        See `PadOf`.
    complain : callable
        See `Complain`.

    Returns
    -------
    sqlglot.exp.Expression
        The query; what is left of geometry was refused through `complain`.
    """
    # Inner calls come first: an outer one copies what stands in its arguments.
    for node in reversed(list(tree.find_all(exp.Contains, exp.Anonymous))):
        if isinstance(node, exp.Contains):
            inside = _contains(node, tables, pad_of, complain)
            parent = node.parent
            if isinstance(parent, exp.EQ) and _constant(_other(parent, node)) == 1:
                parent.replace(inside)
            else:
                node.replace(exp.cast(inside, "INT"))
        elif node.name.upper() == "DISTANCE":
            node.replace(_distance(node, complain))
    for node in tree.find_all(exp.Anonymous):
        name = node.name.upper()
        if node.name == _DISTANCE:
            continue
        if name in {"POINT", "CIRCLE"}:
            complain(f"{name} stands alone; it works inside CONTAINS and DISTANCE only", node)
        complain(
            f"{name} is not understood here; of ADQL's geometry there are POINT, CIRCLE, "
            "CONTAINS and DISTANCE",
            node,
        )
    return tree


def _contains(
    node: exp.Contains, tables: dict[str, set[str]], pad_of: PadOf, complain: Complain
) -> exp.Expression:
    if not _is(node.this, "POINT") or not _is(node.expression, "CIRCLE"):
        for part in (node.this, node.expression):
            if isinstance(part, exp.Anonymous) and part.name.upper() not in {"POINT", "CIRCLE"}:
                complain(f"{part.name.upper()} is not understood; use a CIRCLE", part)
        complain("CONTAINS needs a POINT and a CIRCLE: CONTAINS(POINT(…), CIRCLE(…))", node)
    lon, lat = _point(node.this, complain)
    *centre, radius = _arguments(node.expression, complain)
    if len(centre) == 1 and _is(centre[0], "POINT"):
        centre = _point(centre[0], complain)
    if len(centre) != 2:
        complain("CIRCLE needs ra, dec and a radius in degrees", node.expression)
    numbers = [_constant(part) for part in (*centre, radius)]
    if not all(number is None or math.isfinite(number) for number in numbers):
        complain("a number of this CIRCLE is too large", node.expression)
    if numbers[1] is not None and abs(numbers[1]) > 90:
        complain(f"the declination {numbers[1]:g} is not within -90 to 90 degrees", node.expression)
    if numbers[2] is not None and not 0 <= numbers[2] <= 180:
        complain(f"the radius {numbers[2]:g} is not within 0 to 180 degrees", node.expression)
    inside: exp.Expression = exp.LTE(
        this=_separation(lon, lat, *centre), expression=exp.paren(radius.copy())
    )
    ranges = _ranges(node, (lon, lat), numbers, tables, pad_of)
    both = inside if ranges is None else exp.and_(ranges, inside, copy=False)
    return exp.paren(both, copy=False)


def _ranges(
    node: exp.Expression,
    position: tuple[exp.Expression, exp.Expression],
    cone: list[float | None],
    tables: dict[str, set[str]],
    pad_of: PadOf,
) -> exp.Expression | None:
    """Return the condition on source_id that a cone implies, where it implies one."""
    owner = _owner(node, position, tables)
    ra, dec, radius = cone
    if owner is None or ra is None or dec is None or radius is None:
        return None
    alias, table = owner
    pad = pad_of(table)
    ranges = None if pad is None else cone_ranges(ra, dec, radius, pad)
    if ranges is None:
        return None
    limits = [
        exp.Between(
            this=exp.column("source_id", table=alias),
            low=exp.Literal.number(first),
            high=exp.Literal.number(last),
        )
        for first, last in ranges
    ]
    return exp.paren(exp.or_(*limits, copy=False), copy=False)


def _owner(
    node: exp.Expression,
    position: tuple[exp.Expression, exp.Expression],
    tables: dict[str, set[str]],
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


def _distance(node: exp.Anonymous, complain: Complain) -> exp.Expression:
    parts = node.expressions
    if len(parts) == 2 and _is(parts[0], "POINT") and _is(parts[1], "POINT"):
        return _separation(*_point(parts[0], complain), *_point(parts[1], complain))
    if len(parts) != 4:
        complain("DISTANCE needs two POINTs, or ra1, dec1, ra2, dec2 in degrees", node)
    return _separation(*parts)


def _separation(*angles: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this=_DISTANCE, expressions=[angle.copy() for angle in angles])


def _point(node: exp.Expression, complain: Complain) -> list[exp.Expression]:
    parts = _arguments(node, complain)
    if len(parts) != 2:
        complain("POINT needs ra and dec in degrees", node)
    return parts


def _arguments(node: exp.Expression, complain: Complain) -> list[exp.Expression]:
    """Return the arguments of a POINT or CIRCLE without the coordinate system."""
    parts: list[Any] = list(node.expressions)
    if parts and isinstance(parts[0], exp.Literal) and parts[0].is_string:
        frame = parts.pop(0).name.strip().upper()
        if frame.split(" ")[0] not in {"ICRS", ""}:
            complain(f"the frame {frame!r} is not known; positions are in ICRS", node)
    if not parts:
        complain(f"{node.name.upper()} needs coordinates", node)
    return parts


def _other(parent: exp.Expression, node: exp.Expression) -> exp.Expression:
    """Return the other side of an equation."""
    return parent.expression if parent.this is node else parent.this


def _is(node: exp.Expression | None, name: str) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == name


def _constant(node: exp.Expression) -> float | None:
    """Return the number that an expression is, with the query's integer division; else None."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Literal) and not node.is_string:
        return int(node.name) if node.name.isdigit() else float(node.name)
    if isinstance(node, exp.Neg):
        value = _constant(node.this)
        return None if value is None else -value
    if isinstance(node, (exp.Mul, exp.Div)):
        a, b = _constant(node.this), _constant(node.expression)
        return None if a is None or b is None else _calculate(node, a, b)
    return None


def _calculate(node: exp.Expression, a: float, b: float) -> float | None:
    if isinstance(node, exp.Mul):
        return a * b
    if b == 0:
        return None
    return int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b
