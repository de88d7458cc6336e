"""List well-known spectral lines, in air or vacuum to match the spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from stellarnb.errors import InvalidInput
from stellarnb.spectra import Instrument, SpectrumSet
from stellarnb.spectra.line_spread import convert_wavelength

__all__ = ["LINES", "SOURCE", "Line", "line_groups", "lines_in", "place_lines"]

#: Where the wavelengths are from.
SOURCE = (
    "Wavelengths in standard air: NIST Atomic Spectra Database, and for the ranges of RVS and "
    "HR15N the Gaia-ESO line list (Heiter et al. 2021, A&A 645, A106); in vacuum by Ciddor (1996)."
)
#: Below this R lines blend: only those that shape such a spectrum are named.
LOW_RESOLUTION = 1000.0


@dataclass(frozen=True)
class Line:
    """Describe one spectral line or band head; `air` is its wavelength in standard air [Angstrom].

    `strong` lines shape a spectrum of low resolution; each `group` is shown and hidden as one.
    """

    group: str
    name: str
    air: float
    strong: bool = False


def _lines(group: str, air: Sequence[float], *, name: str = "", strong: bool = False) -> list[Line]:
    return [Line(group, name or group, at, strong) for at in air]


#: By group, the best known first. Of Li I the two isotopes' doublet as one.
LINES: tuple[Line, ...] = (
    *_lines("Ca II", (3933.66, 3968.47, 8498.02, 8542.09, 8662.14), strong=True),
    Line("H I", "Hα", 6562.80, True),
    Line("H I", "Hβ", 4861.35, True),
    Line("H I", "Hγ", 4340.47, True),
    Line("H I", "Hδ", 4101.74, True),
    Line("H I", "P12", 8750.47),
    Line("H I", "P13", 8665.02),
    Line("H I", "P14", 8598.39),
    Line("H I", "P15", 8545.38),
    Line("H I", "P16", 8502.48),
    *_lines("Li I", (6707.8,)),
    *_lines(
        "Fe I",
        (
            *(4957.60, 5269.54, 5328.04, 5371.49, 5446.92),
            *(6469.19, 6475.62, 6481.87, 6494.98, 6498.94, 6518.37, 6546.24, 6592.91, 6593.87),
            *(6609.11, 6663.44, 6677.99, 6703.57, 6705.10, 6726.67, 6750.15, 6806.85),
            *(8468.41, 8514.07, 8515.11, 8526.67, 8582.26, 8611.80, 8621.60, 8674.75, 8688.62),
            *(8757.19, 8763.97, 15207.53, 15294.56, 15621.65),
        ),
    ),
    *_lines("Mg I", (5167.32, 5172.68, 5183.60), name="Mg b", strong=True),
    *_lines(
        "Mg I",
        (
            *(5528.40, 5711.09, 8473.69, 8712.69, 8717.83, 8736.02, 8806.76),
            *(15740.72, 15748.99, 15765.84),
        ),
    ),
    *_lines(
        "Si I",
        (
            *(5690.43, 5701.10, 5772.15, 6721.85, 8443.97, 8501.55, 8502.22, 8536.16, 8556.78),
            *(8595.96, 8648.47, 8686.35, 8728.01, 8742.45, 8752.01),
            *(15888.41, 15960.06, 16680.77),
        ),
    ),
    *_lines(
        "Ti I",
        (
            *(6554.23, 6556.06, 6599.11, 6743.12, 8426.51, 8434.96, 8435.65, 8518.35, 8675.37),
            *(8682.98, 8692.33, 8734.71),
        ),
    ),
    *_lines("Al I", (6696.02, 6698.67, 8772.87, 8773.90, 16718.96, 16763.36)),
    *_lines("Ca I", (6122.22, 6162.17, 6439.07, 6462.57, 6471.66, 6493.78, 6499.65, 6717.68)),
    *_lines("Ca I", (4226.73,), strong=True),
    *_lines("Ni I", (6482.80, 6586.31, 6643.63, 6767.77, 6772.31, 8637.00, 8770.67)),
    *_lines("Na I", (5889.95, 5895.92), name="Na D", strong=True),
    *_lines("Na I", (8183.26, 8194.82)),
    *_lines("Ba II", (4934.08, 5853.67, 6141.71, 6496.90)),
    *_lines("K I", (7664.90, 7698.96, 15163.07, 15168.38)),
    *_lines("O I", (7771.94, 7774.17, 7775.39)),
    Line("bands", "CH G", 4305.0, True),
    Line("bands", "TiO", 7054.2, True),
)


def line_groups(lines: Iterable[Line]) -> tuple[str, ...]:
    """Return the names of the groups of some lines, each once, in order."""
    return tuple(dict.fromkeys(line.group for line in lines))


def place_lines(lines: Sequence[Line], instrument: Instrument) -> list[float]:
    """Return the wavelengths of lines in the unit and medium of an instrument (Ciddor 1996)."""
    air = np.array([line.air for line in lines], dtype=np.float64)
    found = convert_wavelength(air, "Angstrom", "air", instrument.unit, instrument.medium)
    return [float(at) for at in found]


def lines_in(
    spectra: SpectrumSet, lines: Sequence[Line] | None = None
) -> tuple[list[Line], list[float]]:
    """Return the lines within the range of some spectra, and their wavelengths in the same unit.

    Without `lines`, spectra of R below 1,000 get the strong lines of the built-in list only.
    """
    chosen = LINES if lines is None else tuple(lines)
    given: tuple[object, ...] = chosen
    for line in given:
        if not isinstance(line, Line) or not (np.isfinite(line.air) and line.air > 0):
            raise InvalidInput(
                f"lines: {line!r} is not a line. Use stellarnb.views.data.lines.Line(group, name, air), "
                "with the wavelength in air [Angstrom]."
            )
    grid = np.asarray(spectra.wavelength.value)
    if len(grid) == 0:
        return [], []
    if lines is None and float(np.median(spectra.resolution)) < LOW_RESOLUTION:
        chosen = tuple(line for line in chosen if line.strong)
    placed = zip(chosen, place_lines(chosen, spectra.instrument), strict=True)
    inside = [(line, at) for line, at in placed if grid[0] <= at <= grid[-1]]
    return [line for line, _ in inside], [at for _, at in inside]
