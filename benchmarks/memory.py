"""How much memory a piece of Python takes, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from stellarnb.errors import OutputError

__all__ = ["peak_gb"]

_REPORT = """
import json, pathlib, resource
status = pathlib.Path("/proc/self/status")
if status.exists():  # the peak of this program alone: getrusage counts its parent's too
    kb = next(line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line)
    peak = int(kb) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(peak))
"""


def peak_gb(code: str, arguments: Sequence[str], what: str) -> float:
    """Run Python in a new process and return its peak memory."""
    done = subprocess.run(
        [sys.executable, "-c", code + _REPORT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    if done.returncode:
        raise OutputError(f"The process that {what} failed: {done.stderr[-500:]}")
    return float(json.loads(done.stdout.splitlines()[-1])) / 1e9
