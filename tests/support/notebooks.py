"""The course's notebooks, run as a reader would run them, but with no network, time and memory taken.

``python -m tests.support.notebooks --out folder`` runs them all and prints what each took. What
was run is kept in the folder, with its pictures, and not run again while nothing has changed: tests
and documentation share it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write, make_folder, notebooks_folder
from stellarnb.settings import LEAN_MEMORY
from tests.support.exercises import Trial, trials_of
from tests.support.kernel_watch import KernelWatch

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

__all__ = ["Run", "executed", "guarded", "main", "notebook_names", "runs_in"]

#: What a notebook may take [s, GiB]; those that train may take longer.
SECONDS, SECONDS_TRAINING, MEMORY_GIB = 60.0, 120.0, 0.8
TRAINING = ("02", "07")


@dataclass
class Run:
    """How a notebook ran."""

    #: Such as ``00_tour``.
    name: str
    #: seconds, cpu_seconds: From the start of the kernel to the end of the last cell, by the
    #: clock and by the processors' work.
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    #: Largest memory (RSS) of the kernel with the processes that it started [GiB].
    peak_gib: float = 0.0
    #: What stopped it; empty where nothing did.
    error: str = ""
    #: Warnings that a reader would see.
    spoken: list[str] = field(default_factory=list)
    #: Hosts that it asked for; each was refused.
    foreign: list[str] = field(default_factory=list)
    #: What the checks of the exercises said to right and to wrong answers.
    trials: list[Trial] = field(default_factory=list)
    #: The notebook with its outputs.
    path: Path = Path()

    @property
    def limit_seconds(self) -> float:
        """What it may take [s]."""
        return SECONDS_TRAINING if self.name.startswith(TRAINING) else SECONDS

    @property
    def taken(self) -> float:
        """Time to compare with the limit [s].

        By the clock; on a machine that is busy otherwise, what its processors worked for it.
        """
        return min(self.seconds, self.cpu_seconds)

    def faults(self) -> list[str]:
        """Return a message about what is wrong with it, limits included."""
        found = [self.error] if self.error else []
        found += [f"a warning: {text}" for text in self.spoken]
        found += [f"asked for another host: {text}" for text in self.foreign]
        found += [text for trial in self.trials if (text := trial.fault())]
        if self.taken > self.limit_seconds:
            found.append(f"took {self.taken:.0f} s of {self.limit_seconds:.0f}")
        if self.peak_gib > MEMORY_GIB:
            found.append(f"took {self.peak_gib:.2f} GiB of {MEMORY_GIB:g}")
        return found

    def summary(self) -> str:
        """Return one line: time, memory, exercises, and what is wrong."""
        tried = f"{len(self.trials)} answers tried" if self.trials else "no exercises"
        faults = self.faults()
        return (
            f"{self.name:32} {self.seconds:6.1f} s ({self.cpu_seconds:5.1f} s of work) "
            f"{self.peak_gib:5.2f} GiB  {tried}{': ' if faults else ''}{'; '.join(faults)}"
        )


def notebook_names() -> list[str]:
    """Return the names of the course's notebooks, in order."""
    return sorted(path.stem for path in notebooks_folder().glob("*.ipynb"))


def executed(name: str, folder: str | os.PathLike[str]) -> Run:
    """Run a notebook with no network, or return how it ran if that is in the folder already."""
    source = notebooks_folder() / f"{name}.ipynb"
    if name not in notebook_names():
        raise InvalidInput(f"No notebook {name!r}; there are: {', '.join(notebook_names())}.")
    kept = make_folder(folder)
    key = _fingerprint(source)
    with FileLock(kept / f"{name}.lock"):
        found = _kept(kept / f"{name}.json", key)
        if found is None:
            found = _execute(source, kept / f"{name}.ipynb")
            with atomic_write(kept / f"{name}.json") as part:
                note = asdict(found) | {"path": found.path.name, "key": key}
                part.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    return found


def runs_in(folder: str | os.PathLike[str]) -> list[Run]:
    """Return all runs that a folder keeps, by name."""
    return [found for path in sorted(Path(folder).glob("*.json")) if (found := _kept(path, None))]


def _kept(path: Path, key: str | None) -> Run | None:
    """Return a run from its file, unless it is of another notebook or library."""
    if not path.exists():
        return None
    note = json.loads(path.read_text(encoding="utf-8"))
    known = note.pop("key")
    trials = [Trial(**trial) for trial in note.pop("trials")]
    if key is not None and key != known:
        return None
    return Run(**note | {"trials": trials, "path": path.parent / note["path"]})


def _fingerprint(source: Path) -> str:
    """Return what changes with the notebook and with each file that its kernel may read."""
    digest = hashlib.sha256(source.read_bytes())
    package = Path(__file__).resolve().parents[1]
    # The sources of the JupyterLab extension, with all that they are built with, are none of them.
    parts = [path for path in package.iterdir() if path.name != "labextension"]
    files = [path for part in parts for path in (part.rglob("*") if part.is_dir() else [part])]
    for path in sorted(files):
        if path.suffix in {".py", ".toml", ".js"}:
            digest.update(path.read_bytes())
        elif path.suffix in {".safetensors", ".parquet"}:
            digest.update(f"{path.name} {path.stat().st_size}".encode())
    return digest.hexdigest()


@contextmanager
def guarded(log: Path) -> Iterator[dict[str, str]]:
    """Give the environment of a kernel that reaches no other host, with a cache of its own.

    It keeps little freed memory, as on Binder and in the JupyterLab of ``stellarnb tour``.
    """
    guard = str(Path(__file__).with_name("guard"))
    paths = [guard, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    with tempfile.TemporaryDirectory(prefix="stellarnb-cache-") as cache:
        yield {
            **LEAN_MEMORY,
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "STELLARNB_GUARD_LOG": str(log),
            "STELLARNB_CACHE": cache,
        }


def _execute(source: Path, target: Path) -> Run:
    """Run a notebook in a folder of its own, and write it with its outputs."""
    import nbformat

    notebook = nbformat.read(source, as_version=4)  # type: ignore[no-untyped-call]
    run = Run(source.stem, path=target)
    with tempfile.TemporaryDirectory(prefix="stellarnb-notebook-") as place:
        work, log = Path(place) / "work", Path(place) / "refused.txt"
        work.mkdir()
        with guarded(log) as environment:
            _run_cells(notebook, run, work, environment)
        run.foreign = log.read_text().splitlines() if log.exists() else []
    run.spoken = _warnings(notebook)
    with atomic_write(target) as part:
        nbformat.write(notebook, part)  # type: ignore[no-untyped-call]
    return run


def _run_cells(notebook: NotebookNode, run: Run, work: Path, environment: dict[str, str]) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(work)}})
    start, paused, count = time.monotonic(), 0.0, 0
    client.reset_execution_trackers()
    with client.setup_kernel(env=environment), KernelWatch(_pid(client)) as watch:
        try:
            for index, cell in enumerate(notebook.cells):
                count += cell.cell_type == "code"
                client.execute_cell(cell, index, execution_count=count)
                with watch.pause() as pause:
                    run.trials += trials_of(client, notebook, index)
                paused += pause.seconds
        except CellExecutionError as error:  # the traceback is among the outputs
            run.error = f"cell {index}: {error.ename}: {error.evalue}"
        except (CellTimeoutError, DeadKernelError) as error:
            run.error = f"cell {index}: {error}"
        run.seconds = time.monotonic() - start - paused
        run.cpu_seconds, run.peak_gib = watch.cpu_seconds(), watch.peak_gib()
        client.set_widgets_metadata()


def _pid(client: NotebookClient) -> int:
    """Return the process of a client's kernel, which runs on this machine."""
    provisioner: Any = client.km.provisioner if client.km else None
    return int(provisioner.pid)


def _warnings(notebook: Any) -> list[str]:
    """Return what cells said on stderr, unless it is a progress bar."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    said = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    return [text.strip() for text in said if "Warning" in text or "Traceback" in text]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run notebooks and print what each took; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.notebooks",
        description="Run the course's notebooks with no network; print time and memory of each.",
    )
    parser.add_argument("names", nargs="*", help="such as 00_tour; all if omitted")
    parser.add_argument("--out", required=True, help="folder for the notebooks with their outputs")
    parser.add_argument("--json", action="store_true", help="one JSON object a notebook")
    chosen = parser.parse_args(arguments)
    wrong = 0
    for name in chosen.names or notebook_names():
        run = executed(name, chosen.out)
        faults = run.faults()
        line = json.dumps(
            {
                "name": run.name,
                "seconds": round(run.seconds, 1),
                "cpu_seconds": round(run.cpu_seconds, 1),
                "peak_gib": round(run.peak_gib, 3),
                "faults": faults,
            }
        )
        sys.stdout.write(f"{line if chosen.json else run.summary()}\n")
        sys.stdout.flush()
        wrong += bool(faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
