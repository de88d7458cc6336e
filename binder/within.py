"""Run notebooks at once beside JupyterLab, and end them all if they take more memory than Binder has.

``python binder/within.py 2.0 notebook.ipynb …``: memory is that of all processes together, what
they share counted once (PSS). Prints time and peak; exit status 1 if it was too much or one failed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

START = Path(__file__).with_name("start")


def _memory(process: psutil.Process) -> int:
    """Return what a process takes [byte]: its own, and its part of what is shared."""
    with suppress(psutil.Error):
        info = process.memory_full_info()
        return int(getattr(info, "pss", 0) or info.uss)
    return 0


def _total() -> int:
    family = psutil.Process().children(recursive=True)
    return sum(_memory(process) for process in family)


def run(limit_gb: float, notebooks: list[Path]) -> int:
    """Run the notebooks within the limit, and return the exit status."""
    peak, begin = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stellarnb-binder-") as place:
        folder = Path(place)
        server = [
            str(START),
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            "--ServerApp.port=0",
        ]
        server += [f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1"]
        log = (folder / "log").open("wb")
        lab = subprocess.Popen(server, stdout=log, stderr=log)
        running = []
        execute = str(Path(sys.executable).with_name("jupyter-execute"))
        for number, path in enumerate(notebooks):
            own = folder / str(number)
            own.mkdir()
            shutil.copy(path, own)
            command = [str(START), execute, path.name, "--timeout=600"]
            running.append(subprocess.Popen(command, cwd=own, stdout=log, stderr=log))
        while any(process.poll() is None for process in running) and peak <= limit_gb * 1e9:
            peak = max(peak, _total())
            time.sleep(0.2)
        states = [process.poll() for process in running]
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
        for process in (lab, *running):
            process.wait()
        log.close()
        failed = any(state != 0 for state in states)
        if failed:
            sys.stderr.write((folder / "log").read_text(errors="replace")[-4000:])
    row = {
        "notebooks": [path.stem for path in notebooks],
        "exit": states,
        "seconds": round(time.monotonic() - begin, 1),
        "peak_gb": round(peak / 1e9, 2),
        "limit_gb": limit_gb,
        "within": peak <= limit_gb * 1e9,
    }
    sys.stdout.write(json.dumps(row) + "\n")
    return 1 if failed or not row["within"] else 0


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]), [Path(name).resolve() for name in sys.argv[2:]]))
