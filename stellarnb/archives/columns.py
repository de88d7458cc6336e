"""Which column of the archive an output column of a query is."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from stellarnb.archives.catalog import ColumnInfo, TableInfo

__all__ = ["output_columns"]

#: Output columns in order: an archive's column, or None where it is computed.
Columns = dict[str, ColumnInfo | None]


def output_columns(tree: exp.Expression, tables: Mapping[str, TableInfo]) -> Columns:
    """Return for each named output column of a query the archive's column that it is.

    Parameters
    ----------
    tree : sqlglot.exp.Expression
        A SELECT, or several joined by UNION and the like.
    tables : mapping of str to TableInfo
        The archive's tables.

    Returns
    -------
    dict of str to ColumnInfo or None
        By name in lower case; None for a computed column.
    """
    return _query(tree, {name: dict(info.columns) for name, info in tables.items()})


def _query(node: exp.Expression, known: dict[str, Columns]) -> Columns:
    known = dict(known)
    with_ = node.args.get("with_") or node.args.get("with")
    for cte in with_.expressions if with_ else ():
        known[cte.alias.lower()] = _renamed(_query(cte.this, known), cte.args.get("alias"))
    if isinstance(node, exp.Subquery):
        return _query(node.this, known)
    if isinstance(node, exp.SetOperation):
        left, right = _query(node.this, known), _query(node.expression, known)
        others = [*right.values(), *[None] * len(left)]
        pairs = zip(left.items(), others, strict=False)
        return {name: info if info == other else None for (name, info), other in pairs}
    if isinstance(node, exp.Select):
        return _select(node, known)
    return {}


def _select(node: exp.Select, known: dict[str, Columns]) -> Columns:
    sources = _sources(node, known)
    out: Columns = {}
    for item in node.expressions:
        plain = item.this if isinstance(item, exp.Alias) else item
        if isinstance(plain, exp.Star):
            new = _merged(sources)
        elif isinstance(plain, exp.Column) and isinstance(plain.this, exp.Star):
            new = sources.get(plain.table.lower(), {})
        elif isinstance(plain, exp.Column):
            wanted = plain.table.lower()
            pool = sources.get(wanted, {}) if wanted else _merged(sources)
            new = {item.alias_or_name.lower(): pool.get(plain.name.lower())}
        else:
            new = {item.alias_or_name.lower(): None}
        # Of two columns with one name the first keeps it; see `local.tidy`.
        out = out | {name: info for name, info in new.items() if name not in out}
    return out


def _sources(node: exp.Select, known: dict[str, Columns]) -> dict[str, Columns]:
    """Return the columns of each table or query after FROM, by alias."""
    parts = [node.args.get("from_") or node.args.get("from"), *(node.args.get("joins") or ())]
    out: dict[str, Columns] = {}
    for part in parts:
        source = part.this if part is not None else None
        if isinstance(source, exp.Table):
            columns = known.get(source.name.lower(), {})
        elif isinstance(source, exp.Subquery):
            columns = _query(source, known)
        else:
            continue
        out[source.alias_or_name.lower()] = _renamed(columns, source.args.get("alias"))
    return out


def _merged(sources: dict[str, Columns]) -> Columns:
    out: Columns = {}
    for columns in sources.values():
        for name, info in columns.items():
            out.setdefault(name, info)
    return out


def _renamed(columns: Columns, alias: exp.Expression | None) -> Columns:
    """Apply the column names of ``AS t(a, b)``."""
    names = [part.name.lower() for part in (alias.args.get("columns") or ())] if alias else []
    kept = list(columns)[len(names) :]
    return dict(zip([*names, *kept], columns.values(), strict=False))
