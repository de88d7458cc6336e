"""Comparison of a survey in the registry with its service."""

from __future__ import annotations

from stellarnb.archives.remote.runner import QueryRunner
from stellarnb.archives.remote.schema import read_columns
from stellarnb.archives.surveys import Survey
from stellarnb.archives.surveys.survey import MAIN, bare
from stellarnb.tables import Table

__all__ = ["check_survey"]


def check_survey(survey: Survey, runner: QueryRunner) -> Table:
    """Return the result of each comparison; see `RemoteArchive.check`."""
    found: list[tuple[str, str, bool, str]] = []
    listed = read_columns(runner, [part.name for part in survey.parts], refresh=True)
    for part in survey.parts:
        table = listed.get(bare(part.name))
        words = f"{len(table.columns)} columns" if table else "TAP_SCHEMA does not list it"
        found.append((part.name, "is listed", table is not None, words))
    spelt = survey.resolved({name: table.columns for name, table in listed.items()})
    for label, places in survey.columns.items():
        if label not in spelt.columns:
            found.append((label, "is there", False, f"none of {', '.join(places)}"))
            continue
        place = spelt.columns[label][0]
        alias, _, column = place.partition(".")
        table = next(
            (listed.get(bare(part.name)) for part in survey.parts if part.alias == alias), None
        )
        info = table.columns.get(column) if table else None
        if info is None:
            sure = place.startswith("(")
            words = "computed" if sure else "cannot be told: its table is not listed"
            found.append((label, "is there", sure, f"{place}: {words}"))
            continue
        unit = f" [{info.unit}]" if info.unit else ""
        found.append((label, "is there", True, f"{place}: {info.type}{unit}"))
        if label == "source_id":
            whole = info.type == "int64"
            found.append((label, "is a 64-bit integer", whole, info.type))
    if not survey.parts:
        found.append((survey.name, f"has a main table ({MAIN})", False, "none is known here"))
    what, check, ok, note = zip(*found, strict=True)
    return Table({"what": list(what), "check": list(check), "ok": list(ok), "note": list(note)})
