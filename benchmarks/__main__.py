"""Run a benchmark: ``python -m benchmarks NAME --json``; exit 1 if a goal is missed."""

from __future__ import annotations

import argparse
import json
import sys

from benchmarks import run_bench
from stellarnb.errors import StellarnbError


def main(arguments: list[str] | None = None) -> int:
    """Run a benchmark and print its figures; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", help="archive, cnn, import, map or spectrum")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    options = parser.parse_args(arguments)
    try:
        rows = run_bench(options.name)
    except StellarnbError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    for row in rows:
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            verdict = "ok" if row["meets"] else "missed"
            print(
                f"{row['name']:24} {row['value']:10.4g} {row['unit']} (goal {row['goal']}: {verdict})"
            )
    return 0 if all(row["meets"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
