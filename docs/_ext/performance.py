"""The page of figures that ``python -m benchmarks`` printed, and the record that they come from.

``python -m benchmarks import --json | python docs/_ext/performance.py`` puts figures into the record,
each with this machine and this day, in place of older ones of the same name.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

RECORD = Path(__file__).resolve().parents[1] / "performance.jsonl"
#: What each benchmark is about; those without a line in the record are said to be missing.
BENCHES = {
    "import": "What an import costs",
    "cnn": "Networks on a CPU",
    "archive": "Archives, own tables and the cache",
    "map": "Maps in JupyterLab",
    "spectrum": "The spectrum viewer",
}
_WHAT = {"name", "value", "unit", "peer", "goal", "meets", "runs", "machine", "date"}


def read_record(path: Path) -> list[dict[str, Any]]:
    """Return the lines of the record; raise ValueError for one that is not complete."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    for row in rows:
        if lacks := _WHAT - row.keys():
            raise ValueError(f"{path.name}: {row.get('name')} lacks {', '.join(sorted(lacks))}")
    return rows


def performance_page(path: Path) -> str:
    """Return the tables of the page."""
    rows = read_record(path)
    known = {str(row["name"]).split(".")[0] for row in rows}
    unknown = known - BENCHES.keys()
    if unknown:
        raise ValueError(f"{path.name} has figures of no benchmark: {', '.join(sorted(unknown))}")
    parts = []
    for bench, title in BENCHES.items():
        parts.append(f"## {title}\n\n`python -m benchmarks {bench}`")
        own = [row for row in rows if str(row["name"]).split(".")[0] == bench]
        parts.append(_tables(own) if own else "Not in the record: run it to see.")
    return "\n\n".join(parts) + "\n"


def _tables(rows: list[dict[str, Any]]) -> str:
    """Return a table for each machine and day."""
    parts = []
    for machine, date in dict.fromkeys((row["machine"], row["date"]) for row in rows):
        own = [row for row in rows if (row["machine"], row["date"]) == (machine, date)]
        lines = ["| figure | value | goal | met | against |", "|---|--:|--:|---|---|"]
        for row in own:
            met = "yes" if row["meets"] else "**no**"
            value = f"{row['value']:g} {row['unit']}".strip()
            lines.append(f"| `{row['name']}` | {value} | {row['goal']:g} | {met} | {row['peer']} |")
        missed = sum(not row["meets"] for row in own)
        words = f"{date}, {machine}: {len(own) - missed} of {len(own)} goals were met."
        parts.append(f"{words}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def this_machine() -> str:
    """Describe this machine: processor, cores and memory."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        cpu = next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "bokeh"))
    return (
        f"{cpu}, {cores} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def add(lines: list[str], path: Path = RECORD) -> int:
    """Put figures into the record, and return how many."""
    new = [json.loads(line) for line in lines if line.startswith("{")]
    stamp = {"machine": this_machine(), "date": dt.datetime.now(dt.UTC).date().isoformat()}
    names = {row["name"] for row in new}
    kept = [row for row in read_record(path) if row["name"] not in names] if path.exists() else []
    rows = kept + [row | stamp for row in new]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return len(new)


if __name__ == "__main__":
    sys.stdout.write(f"{add(sys.stdin.read().splitlines())} figures into {RECORD.name}\n")
