"""The main job, from an empty folder to a chemical map; used by the command and the notebook."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stellarnb.archives import open_archive
from stellarnb.errors import Interrupted, OutputError
from stellarnb.files import atomic_write, make_folder, notebooks_folder
from stellarnb.models import load_model
from stellarnb.settings import LEAN_MEMORY
from stellarnb.tables import Labels, Table
from stellarnb.views import save_maps

__all__ = ["TourReport", "open_lab", "run_tour"]

NOTEBOOK = "00_tour.ipynb"
MODEL = "xp-apogee"
#: The whole embedded archive, and the stars whose APOGEE labels are sound enough to compare with.
STARS_QUERY = "SELECT * FROM stars"
REFERENCE_QUERY = (
    "SELECT * FROM apogee WHERE snr > 70 AND teff > 3700 AND teff < 6800 AND teff_error < 150 "
    "AND logg IS NOT NULL AND fe_h IS NOT NULL AND alpha_m IS NOT NULL"
)
_VERSIONS = ("astropy", "bokeh", "datashader", "duckdb", "numpy", "pyarrow", "torch")


@dataclass(frozen=True)
class TourReport:
    """What the tour did.

    Attributes
    ----------
    folder : pathlib.Path
        Where its files are.
    labels : Labels
        Of all stars.
    comparison : Table
        With APOGEE, over the good stars with sound APOGEE labels.
    files : tuple of pathlib.Path
        Labels, maps, provenance and notebook.
    seconds : float
        What it took.
    """

    folder: Path
    labels: Labels
    comparison: Table
    files: tuple[Path, ...]
    seconds: float

    @property
    def title(self) -> str:
        """Heading of the comparison."""
        return f"{self.labels.model} against APOGEE DR17, good() stars"

    def comparison_rows(self) -> list[dict[str, Any]]:
        """Return the comparison as rows for people: label with unit, n, bias, sigma, pull."""
        units = self.labels.units
        return [
            {
                "label": f"{row['label']} [{units[row['label']]}]",
                "n": row["n"],
                "median bias": row["bias"],
                "robust sigma": row["sigma"],
                "pull": row["pull"],
                "median error": row["mean_error"],
            }
            for row in self.comparison.arrow.to_pylist()
        ]

    def summary(self) -> str:
        """Return one line: how many stars, how many good, how long."""
        good = int(np.sum(self.labels["good"]))
        return f"{len(self.labels)} stars, {good} of them good(), in {self.seconds:.0f} s:"


def run_tour(out: str | os.PathLike[str] | None = None, *, progress: bool = True) -> TourReport:
    """Query the embedded archive, predict its stars, compare with APOGEE, draw the maps.

    Parameters
    ----------
    out : path-like, optional
        Folder for ``labels.parquet``, ``maps.html``, ``maps.png``, ``provenance.json`` and the
        notebook; ``stellarnb-tour`` (or the first free ``stellarnb-tour-2`` ...) if omitted.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    TourReport

    Raises
    ------
    OutputError
        If the folder cannot be written; said before any work is done.
    Interrupted
        On Ctrl-C; the stars that were finished are in ``labels.partial.parquet``.
    """
    start = time.monotonic()
    folder = make_folder(out) if out is not None else _new_folder(Path("stellarnb-tour"))
    archive = open_archive("sample")
    stars = archive.query(STARS_QUERY)
    spectra = archive.spectra(stars)
    try:
        labels = load_model(MODEL).predict(spectra, stars, progress=progress)
    except Interrupted as stop:
        kept = stop.partial.write(folder / "labels.partial.parquet")
        raise Interrupted(
            f"Stopped; {len(stop.partial)} finished stars are kept in {kept}.", stop.partial
        ) from stop
    good = labels.good()
    comparison = good.compare(archive.query(REFERENCE_QUERY))
    files = [labels.write(folder / "labels.parquet")]
    title = f"Gaia XP stars of the embedded archive: good() labels of {labels.model}"
    files += [save_maps(good, folder / name, title=title) for name in ("maps.html", "maps.png")]
    files.append(_write_provenance(folder, labels, comparison, archive.cite()))
    files.append(_copy_notebook(folder))
    return TourReport(folder, labels, comparison, tuple(files), time.monotonic() - start)


def open_lab(folder: Path) -> int:
    """Open JupyterLab on the tour's notebook; return its exit status.

    Parameters
    ----------
    folder : pathlib.Path
        Where `run_tour` put the notebook.

    Returns
    -------
    int
    """
    command = [sys.executable, "-m", "jupyterlab", str(folder / NOTEBOOK)]
    lean = LEAN_MEMORY | os.environ
    return subprocess.run(command, env=lean, check=False).returncode  # noqa: S603 - our own


def notebook_source() -> Path:
    """Return the tour's notebook."""
    return notebooks_folder() / NOTEBOOK


def _new_folder(wanted: Path) -> Path:
    """Make the first of wanted, wanted-2, wanted-3 ... that is not there yet."""
    number = 1
    while True:
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        if not folder.exists():
            return make_folder(folder)
        number += 1


def _write_provenance(folder: Path, labels: Labels, comparison: Table, credit: str) -> Path:
    note = {
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "queries": {"stars": STARS_QUERY, "reference": REFERENCE_QUERY},
        "labels": labels.provenance,
        "comparison": comparison.arrow.to_pylist(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _VERSIONS},
        "credits": credit.splitlines(),
    }
    path = folder / "provenance.json"
    with atomic_write(path) as part:
        part.write_text(json.dumps(note, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _copy_notebook(folder: Path) -> Path:
    """Copy the notebook, unless the user has an own version of it there."""
    target = folder / NOTEBOOK
    if not target.exists():
        try:
            with atomic_write(target) as part:
                shutil.copyfile(notebook_source(), part)
        except FileNotFoundError as error:
            raise OutputError(f"The tour's notebook is not installed: {error}") from error
    return target
