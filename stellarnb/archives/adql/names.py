"""Resolve the table and column names of a query."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from stellarnb.archives.adql.dialect import QueryText
from stellarnb.archives.base.catalog import UPLOAD, TableInfo, nearest
from stellarnb.archives.base.tap_schema import TAP_SCHEMA

__all__ = ["check_columns", "name_outputs", "resolve_tables"]

_OWN = (TAP_SCHEMA, UPLOAD)


def resolve_tables(
    tree: exp.Expression, query: QueryText, archive: str, tables: Mapping[str, TableInfo]
) -> tuple[str, ...]:
    """Replace table names by their names in `tables`, in place; return the tables used."""
    used: dict[str, None] = {}
    schemas = {info.schema for info in tables.values()} - {""}
    for node in tree.find_all(exp.Table):
        if not isinstance(node.this, exp.Identifier):
            query.fail("only a table or a query can stand after FROM", node)
        name, schema = node.name.lower(), node.db.lower()
        if node.args.get("catalog"):
            query.fail(f"{node.sql()!r} has too many parts; write schema.table", node)
        if not schema and name in _visible_ctes(node):
            continue
        if schema not in {"", archive.lower(), *schemas, *_OWN}:
            known = ", ".join(sorted({archive.lower(), *schemas, TAP_SCHEMA}))
            query.fail(f"there is no schema {node.db!r} (schemas: {known})", node)
        key = _key(name, schema, archive, tables)
        if key is None:
            query.fail(_unknown(node, schema, tables), node)
        if not node.alias:
            node.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        node.set("db", None)
        node.this.set("this", key)
        node.this.set("quoted", True)
        used[key] = None
    for column in tree.find_all(exp.Column):
        known_schema = column.db.lower() in {"", archive.lower(), *schemas, *_OWN}
        if column.args.get("catalog") or not known_schema:
            query.fail(f"{column.sql()!r} has too many parts; write table.column", column)
        column.set("db", None)
    return tuple(used)


def _key(name: str, schema: str, archive: str, tables: Mapping[str, TableInfo]) -> str | None:
    """Return a table's full name; without a schema only if it is unambiguous."""
    if schema:
        if f"{schema}.{name}" in tables:
            return f"{schema}.{name}"
        return name if schema == archive.lower() and name in tables else None
    if name in tables:
        return name
    ends = [
        key
        for key, info in tables.items()
        if info.schema not in {"", TAP_SCHEMA} and info.bare == name
    ]
    return ends[0] if len(ends) == 1 else None


def _unknown(node: exp.Table, schema: str, tables: Mapping[str, TableInfo]) -> str:
    own = {key: info for key, info in tables.items() if info.schema not in _OWN}
    if schema == UPLOAD:
        own = {key: info for key, info in tables.items() if info.schema == UPLOAD}
        if not own:
            return "no table was uploaded; call query(…, upload={'name': table})"
    elif schema == TAP_SCHEMA:
        own = {key: info for key, info in tables.items() if info.schema == TAP_SCHEMA}
    several = [info.written for info in own.values() if info.schema and info.bare == node.name]
    if len(several) > 1 and not schema:
        return f"there are several tables {node.name!r}: {', '.join(several)}"
    written = f"{node.db}.{node.name}" if schema else node.name
    known = ", ".join(info.written for info in own.values())
    return f"there is no table {written!r}{nearest(written, own)} (tables: {known})"


def _visible_ctes(node: exp.Expression) -> set[str]:
    """Return the WITH names visible to a table; a definition does not see itself."""
    names: set[str] = set()
    inside: exp.Expression = node
    place = node.parent
    while place is not None:
        with_ = place.args.get("with_") or place.args.get("with")
        if isinstance(place, exp.With):
            here = next(i for i, cte in enumerate(place.expressions) if cte is inside)
            names |= {cte.alias.lower() for cte in place.expressions[:here]}
        elif with_ is not None and with_ is not inside:
            names |= {cte.alias.lower() for cte in with_.expressions}
        inside, place = place, place.parent
    return names


def check_columns(tree: exp.Expression, query: QueryText, tables: Mapping[str, TableInfo]) -> None:
    """Raise `QueryError` for unknown columns and aliases; DuckDB checks the rest."""
    used = {node.name.lower() for node in tree.find_all(exp.Table)} & set(tables)
    pool = {name for table in used for name in tables[table].columns}
    pool |= {node.alias.lower() for node in tree.find_all(exp.Alias)}
    sources = {node.alias_or_name.lower() for node in tree.find_all(exp.Table, exp.Subquery)}
    for alias in tree.find_all(exp.TableAlias):
        sources.add(alias.name.lower())
        pool |= {column.name.lower() for column in alias.args.get("columns") or ()}
    for node in tree.find_all(exp.Column):
        if node.table and node.table.lower() not in sources:
            query.fail(
                f"there is no table or alias {node.table!r}{nearest(node.table, sorted(sources))}",
                node,
            )
        name = node.name.lower()
        if isinstance(node.this, exp.Star) or name in pool:
            continue
        own = {key: info for key, info in tables.items() if info.schema not in _OWN}
        elsewhere = [info.written for info in own.values() if name in info.columns]
        if elsewhere:
            how = f"; it is in table {elsewhere[0]!r}: JOIN {elsewhere[0]} USING (source_id)"
        else:
            how = nearest(name, sorted(pool))
        query.fail(f"there is no column {node.name!r}{how}", node)


def name_outputs(tree: exp.Expression, tables: Mapping[str, TableInfo]) -> None:
    """Name computed columns by their expression, in place: AVG(teff) becomes avg_teff."""
    taken = {name for info in tables.values() for name in info.columns}
    for select in tree.find_all(exp.Select):
        for item in select.expressions:
            if isinstance(item, (exp.Alias, exp.Column, exp.Star, exp.Subquery)):
                continue
            name = re.sub(r"\W+", "_", item.sql(comments=False).lower()).strip("_")[:40]
            if name in taken or not name[:1].isalpha():  # ORDER BY must not mistake it
                name = f"col_{name}"
            item.replace(exp.alias_(item.copy(), name))
