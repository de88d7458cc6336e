"""Queries for columns by their shared names."""

from __future__ import annotations

from collections.abc import Sequence

from stellarnb.archives.surveys.survey import MAIN, Survey, named

__all__ = ["EVERYTHING", "circle", "select"]

#: Instead of columns: all that the main table has.
EVERYTHING = "*"


def select(
    survey: Survey,
    labels: Sequence[str],
    conditions: Sequence[str] = (),
    *,
    limit: int | None = None,
    order: str = "",
    join: str = "",
) -> str:
    """Return the query for some columns of the stars that meet some conditions."""
    main = survey.main
    places = [f"{MAIN}.*" if label == EVERYTHING else survey.place(label) for label in labels]
    items = [
        place if label == EVERYTHING else f"{place} AS {named(label)}"
        for place, label in zip(places, labels, strict=True)
    ]
    source = f"{main.name} AS {MAIN}{f' {join}' if join else ''}"
    for part in survey.aliases([*places, *conditions, order])[1:]:
        source += f" LEFT JOIN {part.name} AS {part.alias} ON {part.on}"
    top = f"TOP {limit} " if limit is not None else ""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    behind = f" ORDER BY {order}" if order else ""
    return f"SELECT {top}{', '.join(items)} FROM {source}{where}{behind}"  # noqa: S608 - checked


def circle(survey: Survey, ra: str, dec: str, radius: float) -> tuple[str, str]:
    """Return the condition that a star lies in a circle, and its distance from the centre."""
    frame = f"'{survey.frame}'"
    star = f"POINT({frame}, {survey.place('ra')}, {survey.place('dec')})"
    inside = f"1 = CONTAINS({star}, CIRCLE({frame}, {ra}, {dec}, {radius!r}))"
    return inside, f"DISTANCE({star}, POINT({frame}, {ra}, {dec}))"
