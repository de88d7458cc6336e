"""Queries by shared column names: stars, cones, crossmatches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.archives.base.catalog import ColumnInfo, TableInfo
from stellarnb.archives.base.conditions import condition
from stellarnb.archives.base.crossmatch import SkyTree, separations
from stellarnb.archives.base.options import QueryOptions
from stellarnb.archives.base.uploads import describe_table
from stellarnb.archives.remote.columns import ResolvedSurvey, SurveyColumns
from stellarnb.archives.remote.runner import QueryRunner, joined
from stellarnb.archives.surveys.selection import EVERYTHING, circle, select
from stellarnb.archives.tap.service import Query
from stellarnb.errors import ArchiveDown, InvalidInput, MissingInput
from stellarnb.ids import as_source_ids
from stellarnb.tables import Result

__all__ = ["StarQueries"]

#: Identifiers in one query, written out or sent along as a table; positions to match.
IN_LIST, IN_TABLE, POSITIONS = 2_000, 20_000, 5_000
_HIDDEN = "stellarnb_"


class StarQueries:
    """Write and run the queries for stars, cones and crossmatches."""

    def __init__(self, runner: QueryRunner) -> None:
        self._runner = runner
        self._survey_columns = SurveyColumns(runner)

    def known(self, table: str | None = None) -> ResolvedSurvey:
        """Return what is known of the columns."""
        return self._survey_columns.of(table)

    def stars(
        self,
        ids: NDArray[np.int64] | None,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        where: str,
        conditions: Mapping[str, Any],
        options: QueryOptions,
        *,
        good: bool,
    ) -> Result:
        """Return the stars that fulfil some conditions; see `RemoteArchive.stars`."""
        known = self.known(table)
        labels = _chosen(known, columns)
        told = [
            condition(known.every.place(word), known.infos[word], value)
            for word, value in ((word.lower(), value) for word, value in conditions.items())
        ]
        told += [f"({where})"] if where.strip() else []
        if good:
            if not known.survey.good:
                raise InvalidInput(
                    f"{known.survey.name!r} recommends no cut for good=True. Write one in where=."
                )
            told.append(f"({known.survey.good})")
        if ids is not None:
            return self._by_id(known, ids, labels, told, limit, options)
        if limit is None:
            return self._asked(known, select(known.every, labels, told), labels, options)
        # One row more than is wanted tells whether there are more.
        adql = select(known.every, labels, told, limit=limit + 1)
        found = self._asked(known, adql, labels, options)
        more = len(found) > limit or found.truncated
        out = found.take(slice(0, limit))
        out.truncated = more
        shown = select(known.every, labels, told, limit=limit)
        out.provenance = {**out.provenance, "adql": shown, "rows": len(out)}
        return out

    def cone(
        self,
        ra: float,
        dec: float,
        radius: float,
        table: str | None,
        columns: Sequence[str] | None,
        limit: int | None,
        options: QueryOptions,
    ) -> Result:
        """Return the stars of a cone, the nearest first; see `RemoteArchive.cone`."""
        known = _with_positions(self.known(table))
        labels = _chosen(known, columns)
        inside, apart = circle(known.every, repr(ra), repr(dec), radius)
        if limit is not None:
            adql = select(known.every, labels, [inside], limit=limit, order=apart)
            return self._asked(known, adql, labels, options)
        hidden = [name for name in ("ra", "dec") if not {name, EVERYTHING} & set(labels)]
        adql = select(known.every, [*labels, *hidden], [inside])
        found = self._asked(known, adql, [*labels, *hidden], options)
        places = [_places(known, found, name) for name in ("ra", "dec")]
        out = found.take(np.argsort(separations(ra, dec, *places), kind="stable"))
        out.arrow = out.arrow.drop_columns(hidden)
        return out

    def crossmatch(
        self,
        stars: Any,
        radius: float,
        table: str | None,
        columns: Sequence[str] | None,
        keep: str,
        options: QueryOptions,
    ) -> Result:
        """Return pairs of the user's stars with the archive's; see `RemoteArchive.crossmatch`."""
        from stellarnb.archives.base.crossmatch import as_table, crossmatch_table, sky_positions

        own = as_table(stars)
        ra, dec = sky_positions(describe_table(own, "the table to match"))
        known = _with_positions(self.known(table))
        labels = _chosen(known, columns)
        if EVERYTHING in labels:
            labels = list(known.every.columns)
        hidden = {"ra": f"{_HIDDEN}ra", "dec": f"{_HIDDEN}dec"}
        there = {hidden[name]: known.every.columns[name] for name in hidden}
        every = replace(known.every, columns={**known.every.columns, **there})
        inside, _ = circle(every, "u.my_ra", "u.my_dec", radius)
        adql = select(every, [*labels, *there], join=f"JOIN tap_upload.mine AS u ON {inside}")
        sound = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)
        tables = [
            pa.table(
                {"my_ra": ra[sound][i : i + POSITIONS], "my_dec": dec[sound][i : i + POSITIONS]}
            )
            for i in range(0, max(int(sound.sum()), 1), POSITIONS)
        ]
        parts = [
            self._asked(known, adql, labels, _sync(options), upload={"mine": mine})
            for mine in tables
        ]
        answer = joined(parts)
        # A star near two of the user's stars came twice.
        rows = answer.table.group_by(answer.table.column_names).aggregate([])
        tree = SkyTree(*(np.asarray(rows[name], dtype=float) for name in there))
        infos = {n: _info(parts[0], n, rows[n].type) for n in rows.column_names if n not in there}
        info = TableInfo(known.every.main.name, rows.num_rows, known.survey.title, infos)
        found = crossmatch_table(
            own,
            tree,
            radius,
            keep,
            info,
            list(infos),
            lambda _, at, names: rows.select(names).take(at),
        )
        notes = self._runner.result(answer, Query(adql), {}).provenance
        notes["columns"] = _meanings(known, labels)
        found.provenance = {**notes, "pieces": len(parts), **found.provenance}
        found.truncated = answer.overflow
        return found

    def _by_id(
        self,
        known: ResolvedSurvey,
        ids: NDArray[np.int64],
        labels: list[str],
        told: list[str],
        limit: int | None,
        options: QueryOptions,
    ) -> Result:
        if "source_id" not in known.every.columns:
            raise MissingInput(
                f"{known.survey.name!r} has no source_id; use crossmatch() with positions."
            )
        if limit is not None:
            raise InvalidInput("ids= and limit= cannot be combined. Give fewer ids.")
        wanted = np.array(list(dict.fromkeys(ids.tolist())), dtype=np.int64)
        hidden = [] if {"source_id", EVERYTHING} & set(labels) else ["source_id"]
        place = known.every.place("source_id")
        parts = [
            self._some_ids(known, some, place, [*labels, *hidden], told, options)
            for some in _pieces(wanted, IN_TABLE if known.survey.uploads else IN_LIST)
        ]
        answer = joined(parts)
        digest = hashlib.sha256(wanted.tobytes()).hexdigest()
        more = {"ids": {"n": len(wanted), "sha256": digest}, "pieces": len(parts)}
        out = self._runner.result(answer, Query(parts[0].provenance["adql"]), {}, more=more)
        out.provenance["columns"] = _meanings(known, labels)
        here = as_source_ids(out[_id_name(known, out)])
        rank = {star: i for i, star in enumerate(wanted.tolist())}
        order = np.argsort([rank.get(star, len(rank)) for star in here.tolist()], kind="stable")
        out = out.take(order.astype(np.int64))
        out.arrow = out.arrow.drop_columns(hidden)
        out.missing = tuple(wanted[~np.isin(wanted, here)].tolist())
        return out

    def _some_ids(
        self,
        known: ResolvedSurvey,
        ids: NDArray[np.int64],
        place: str,
        labels: list[str],
        told: list[str],
        options: QueryOptions,
    ) -> Result:
        if len(ids) <= IN_LIST:
            listed = ", ".join(map(str, ids.tolist()))
            here = f"{place} IN ({listed})" if len(ids) else "1 = 0"
            adql = select(known.every, labels, [here, *told])
            return self._asked(known, adql, labels, _sync(options))
        join = f"JOIN tap_upload.mine AS u ON u.source_id = {place}"
        adql = select(known.every, labels, told, join=join)
        upload = {"mine": pa.table({"source_id": ids})}
        return self._asked(known, adql, labels, _sync(options), upload=upload)

    def _asked(
        self,
        known: ResolvedSurvey,
        adql: str,
        labels: Sequence[str],
        options: QueryOptions,
        upload: Mapping[str, pa.Table] | None = None,
    ) -> Result:
        uploads = {
            f"tap_upload.{name}": describe_table(table, f"tap_upload.{name}")
            for name, table in (upload or {}).items()
        }
        out = self._runner.ask(Query(adql, options.maxrec, upload or {}), uploads, options)
        out.arrow = _whole_ids(out.arrow, known.survey.name)
        out.provenance["columns"] = _meanings(known, labels)
        return out


def _chosen(known: ResolvedSurvey, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return known.usual
    if isinstance(columns, str):
        columns = [columns]
    labels = list(dict.fromkeys(str(column).lower() for column in columns))
    for label in labels:
        if label != EVERYTHING:
            known.every.place(label)  # raises where there is none
    return labels


def _meanings(known: ResolvedSurvey, labels: Sequence[str]) -> dict[str, str]:
    return {name: known.every.place(name) for name in labels if name != EVERYTHING}


def _with_positions(known: ResolvedSurvey) -> ResolvedSurvey:
    lacking = [name for name in ("ra", "dec") if name not in known.every.columns]
    if lacking:
        raise MissingInput(
            f"No {' and '.join(lacking)} is known in {known.every.main.name}, so there are no "
            "cones. Say where the stars are with table=…, or write a query."
        )
    return known


def _places(known: ResolvedSurvey, found: Result, name: str) -> NDArray[np.float64]:
    """Return positions [deg] of an answer, also where it has them under the table's own name."""
    own = known.every.columns[name][0].rpartition(".")[2].strip('"').lower()
    column = name if name in found else own
    return np.ma.filled(np.ma.asarray(found[column], dtype=np.float64), np.nan)


def _id_name(known: ResolvedSurvey, found: Result) -> str:
    own = known.every.columns["source_id"][0].rpartition(".")[2].strip('"').lower()
    return "source_id" if "source_id" in found else own


def _whole_ids(table: pa.Table, name: str) -> pa.Table:
    """Return a table whose source_id is int64, however the service sent it."""
    if "source_id" not in table.column_names:
        return table
    column = table["source_id"]
    if pa.types.is_int64(column.type):
        return table
    if pa.types.is_floating(column.type):
        raise ArchiveDown(
            f"{name} sends source_id as floating-point numbers, whose rounding names other stars. "
            "Report it to the service."
        )
    texts = column.cast(pa.string())
    present = texts.is_valid()
    try:
        whole = pa.compute.if_else(present, texts, None).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise ArchiveDown(f"{name} sends a source_id that is not a number: {error}.") from error
    place = table.column_names.index("source_id")
    return table.set_column(place, "source_id", whole)


def _pieces(ids: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [ids[i : i + size] for i in range(0, max(len(ids), 1), size)]


def _sync(options: QueryOptions) -> QueryOptions:
    return options if options.async_ is not None else replace(options, async_=False)


def _info(result: Result, name: str, kind: pa.DataType) -> ColumnInfo:
    return ColumnInfo(
        name, str(kind), result.units.get(name, ""), result.descriptions.get(name, "")
    )
