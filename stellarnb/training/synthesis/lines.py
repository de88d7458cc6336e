"""Line lists in Turbospectrum's format, cut to a window."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterator

from stellarnb.errors import InvalidInput
from stellarnb.training.synthesis.recipe import SynthesisWindow

__all__ = ["ISOTOPOLOGUES", "atomic_lines", "molecular_lines"]

#: Turbospectrum takes in lines up to 2 Angstrom outside the window; what is further off is
#: read in vain.
MARGIN = 3.0
#: Wavelengths are given to 0.001 Angstrom.
SAME = 0.0006

#: What linemake (MOOG) and Turbospectrum call a molecule with its isotopes.
ISOTOPOLOGUES = {
    "607.01214": "0607.012014",
    "607.01314": "0607.013014",
    "606.01212": "0606.012012",
    "606.01213": "0606.012013",
}


def atomic_lines(text: str, window: SynthesisWindow) -> str:
    """Cut an atomic line list to a window, and leave out the window's removed lines."""
    out: list[str] = []
    missing = set(window.removed)
    for species, ion, comment, rows in _blocks(text):
        kept = []
        for row in rows:
            wavelength = float(row[:11])
            if not window.low - MARGIN <= wavelength <= window.high + MARGIN:
                continue
            fault = _removed(window, species, ion, wavelength)
            if fault is None:
                kept.append(row)
            else:
                missing.discard(fault)
        if kept:
            out += [_header(species, ion, len(kept)), comment, *kept]
    if missing or not out:
        lacking = ", ".join(f"{species} at {at} A" for species, at in sorted(missing)) or "any line"
        raise InvalidInput(f"The atomic line list lacks {lacking}: it is not the Gaia-ESO list.")
    return "\n".join([*out, ""])


def _removed(
    window: SynthesisWindow, species: str, ion: int, wavelength: float
) -> tuple[str, float] | None:
    for name, at in window.removed:
        if ion == 1 and name == species and abs(wavelength - at) < SAME:
            return name, at
    return None


def _blocks(text: str) -> Iterator[tuple[str, int, str, list[str]]]:
    rows = iter(text.splitlines())
    for header in rows:
        if not header.strip():
            continue
        try:
            _, species, numbers = header.split("'")
            ion, count = (int(word) for word in numbers.split())
            comment = next(rows)
            block = [next(rows) for _ in range(count)]
        except (ValueError, StopIteration) as error:
            raise InvalidInput(
                f"The atomic line list is cut short or garbled at {header[:40]!r}."
            ) from error
        yield species.strip(), ion, comment, block


def _header(species: str, ion: int, count: int) -> str:
    return f"'{species:<20}' {ion:4d} {count:9d}"


def molecular_lines(data: bytes, window: SynthesisWindow) -> str:
    """Cut a molecular list of linemake to a window, and write it as Turbospectrum reads it.

    data: the gzipped list: wavelength [Angstrom], species, lower level [eV], log gf, dissociation
    energy.
    """
    blocks: dict[str, list[str]] = defaultdict(list)
    try:
        for row in gzip.decompress(data).decode("ascii").splitlines():
            wavelength = float(row[:11])
            if window.low - MARGIN <= wavelength <= window.high + MARGIN:
                species, energy, strength = row[11:].split()[:3]
                # No damping constants: Turbospectrum then takes the natural width.
                blocks[ISOTOPOLOGUES[species]].append(
                    f"{wavelength:11.3f} {float(energy):7.3f} {float(strength):8.3f}"
                    "  0.00  1.0 0.00E+00 'X' 'X' 0.0 1.0"
                )
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise InvalidInput(f"A molecular line list cannot be read ({error}).") from error
    if not blocks:
        raise InvalidInput(f"A molecular line list has no line in the window {window.name}.")
    out: list[str] = []
    for species, rows in blocks.items():
        out += [_header(species, 1, len(rows)), "'linemake'", *rows]
    return "\n".join([*out, ""])
