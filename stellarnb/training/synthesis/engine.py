"""One star through Turbospectrum: an atmosphere, two programs, a spectrum."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, OutputError
from stellarnb.training.emulate.recipe import UNIT
from stellarnb.training.synthesis.atmosphere import model_text
from stellarnb.training.synthesis.inputs import MODEL, SPECTRUM, babsma_text, bsyn_text
from stellarnb.training.synthesis.lines import atomic_lines, molecular_lines
from stellarnb.training.synthesis.recipe import LABELS, SynthesisWindow
from stellarnb.training.synthesis.tools import Tools

__all__ = ["Synthesis", "parse_spectrum"]

#: Seconds that one program may take. A star needs 4 to 6 on a core of its own; on a busy machine
#: that many CPU seconds have taken five minutes, and a slow star has not failed.
TIME_LIMIT = 1200.0
#: Lines of hydrogen, in Turbospectrum's own data.
HYDROGEN = "DATA/Hlinedata"
Counts = NDArray[np.uint16]


@dataclass(frozen=True)
class Synthesis:
    """How spectra of one window are made; `prepare` makes one."""

    tools: Tools  #: Programs and data
    window: SynthesisWindow  #: Wavelengths
    folder: Path  #: Where temporary files go
    line_lists: Mapping[str, Path]  #: Atomic and molecular lines of the window
    time_limit: float = TIME_LIMIT  #: Seconds that each program may take

    @classmethod
    def prepare(
        cls, tools: Tools, window: SynthesisWindow, folder: Path, time_limit: float = TIME_LIMIT
    ) -> Synthesis:
        """Cut the line lists to a window and write them to a folder."""
        if not time_limit > 0:
            raise InvalidInput(f"The time limit is {time_limit:g} s; it must be above 0.")
        lists = {"atoms": atomic_lines(tools.atoms.read_text("utf-8", errors="replace"), window)}
        for i, data in enumerate(tools.molecules):
            lists[f"molecules{i}"] = molecular_lines(data, window)
        folder = folder.resolve()
        try:
            for name, content in lists.items():
                (folder / name).write_text(content, "utf-8")
        except OSError as error:
            raise OutputError(f"Cannot write the line lists to {folder}: {error}.") from error
        return cls(tools, window, folder, {name: folder / name for name in lists}, time_limit)

    def __call__(self, labels: NDArray[np.floating]) -> Counts:
        """Make the spectrum of a star.

        labels [14]: in the order of `LABELS`. Returns [n_pixels]: continuum-normalised flux x
        50,000.
        """
        star = dict(zip(LABELS, labels.tolist(), strict=True))
        if not np.isfinite(labels).all():
            missing = [name for name in LABELS if not np.isfinite(star[name])]
            raise InvalidInput(f"no value of {', '.join(missing)}")
        structure = self.tools.atmospheres.structure(
            star["teff"], star["logg"], star["fe_h"], star["alpha_m"]
        )
        model = model_text(star["teff"], star["logg"], structure)
        try:
            return self._run(star, model)
        except OSError as error:
            raise OutputError(f"Turbospectrum cannot be run in {self.folder}: {error}.") from error

    def _run(self, star: Mapping[str, float], model: str) -> Counts:
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            (folder / "DATA").symlink_to(self.tools.data.resolve(), target_is_directory=True)
            # Links, because Turbospectrum cuts long paths off.
            for link, path in self.line_lists.items():
                (folder / link).symlink_to(path)
            (folder / MODEL).write_text(model, "ascii")
            lists = [HYDROGEN, *self.line_lists]
            self._program(self.tools.babsma, babsma_text(star, self.window), folder)
            said = self._program(self.tools.bsyn, bsyn_text(star, self.window, lists), folder)
            result = folder / SPECTRUM
            if not result.is_file():
                raise InvalidInput(f"no spectrum; bsyn_lu ended with: {_tail(said)}")
            return parse_spectrum(result.read_text("ascii", errors="replace"), self.window)

    def _program(self, program: Path, text: str, folder: Path) -> str:
        """Run a program and return what it printed; its exit status does not show all failures."""
        try:
            done = subprocess.run(  # noqa: S603 - a built program, no shell
                [str(program.resolve())],
                input=text,
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self.time_limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(f"{program.name} took over {self.time_limit:g} s") from error
        said = done.stdout + done.stderr
        if done.returncode:
            raise InvalidInput(f"{program.name} ended with {done.returncode}: {_tail(said)}")
        return said


def _tail(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " / ".join(lines[-2:])[:200] or "no output"


def parse_spectrum(text: str, window: SynthesisWindow) -> Counts:
    """Read what ``bsyn_lu`` wrote.

    text: wavelength [Angstrom], normalised flux and flux, one pixel a line. Returns [n_pixels]:
    normalised flux x 50,000, rounded to the nearest, ties to even.
    """
    try:
        rows = [line.split() for line in text.splitlines()]
        table = np.array([(float(row[0]), float(row[1])) for row in rows]).reshape(-1, 2)
    except (ValueError, IndexError) as error:
        raise InvalidInput(f"the spectrum cannot be read ({error})") from error
    if len(table) != window.n_pixels:
        raise InvalidInput(f"the spectrum has {len(table)} of {window.n_pixels} pixels")
    if np.abs(table[:, 0] - window.wavelength).max() > 0.002:
        raise InvalidInput("the spectrum is on other wavelengths than asked for")
    # Five decimals times 50,000 are halves; without the inner rounding ties would fall by chance.
    counts = np.rint(np.round(table[:, 1] * UNIT, 3))
    limit = np.iinfo(np.uint16).max
    if not ((counts >= 0) & (counts <= limit)).all():  # false for NaN too
        raise InvalidInput(f"the flux is not between 0 and {limit / UNIT:.2f} everywhere")
    return counts.astype(np.uint16)
