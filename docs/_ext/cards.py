"""Model cards as pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stellarnb.models import Card, whereabouts

#: Rows of figures a table may have before it is folded.
_LONG = 12


def card_page(card: Card) -> str:
    """Return the page of a model, all of it from its card."""
    where = "in the package" if not card.sources else whereabouts(card).split(" (")[0]
    head = [
        f"# {card.display_name}",
        f"{card.title}. Version {card.version}; weights: {where}; licence: {card.licence}.",
    ]
    if card.trained_on == "synthetic":
        head.append(
            ":::{warning}\n**Synthetic-trained.** No real spectrum of this instrument was learned "
            "from; see the known flaws.\n:::"
        )
    reads = ", ".join(f"`{name}`" for name in (card.instrument, card.second_instrument) if name)
    head.append(f'Reads spectra of {reads}: `stellarnb.load_model("{card.name}")`.')
    parts = [
        *head,
        "## Labels and their training limits",
        _table(_limits(card.labels)),
        "## Inputs beside the spectrum",
        _table(_limits(card.scalars)) if card.scalars else "None.",
        "## Known flaws",
        _list(card.known_flaws),
        "## Training",
        _list(f"**{key}**: {value}" for key, value in card.training.items()),
        "## Figures on stars that it never saw",
        *_metrics(card.metrics),
        "## Whom to cite and credit",
        _list((*card.citation, *card.credits)),
        "## Identity",
        f"`{card.weights}`, sha256 `{card.sha256}`.",
    ]
    if card.sources:
        parts.append(f"Fetched from <{card.source_url}>, {len(card.sources)} files, each checked.")
    return "\n\n".join(parts) + "\n"


def _limits(specs: Iterable[Any]) -> list[dict[str, Any]]:
    rows = []
    for spec in specs:
        row = {"name": f"`{spec.name}`", "unit": spec.unit}
        row |= {"from": spec.limits[0], "to": spec.limits[1]}
        if getattr(spec, "quantity", ""):
            row["limits of"] = spec.quantity
        rows.append(row)
    return rows


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    """Return the figures as tables, each below what it is."""
    parts = []
    if "command" in metrics:
        parts.append(
            f"As `{metrics['command']}` printed them. σ is 1.4826 MAD, in the label's unit."
        )
    for key, value in metrics.items():
        if key == "command":
            continue
        if isinstance(value, (list, tuple)):
            rows = [dict(row) for row in value]
            table = _table(rows)
            if len(rows) > _LONG:
                table = f"<details><summary>{key}: {len(rows)} rows</summary>\n\n{_table(rows)}\n\n</details>"
            else:
                table = f"**{key}**\n\n{table}"
            parts.append(table)
        elif isinstance(value, Mapping):
            parts.append(f"**{key}**: " + ", ".join(f"{k} {v:g}" for k, v in value.items()))
        else:
            parts.append(f"**{key}**: {value}")
    return parts


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(name, "")) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", r"\|")


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "None are known."
