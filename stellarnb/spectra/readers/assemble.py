"""From what the readers found to one set of spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import GridMismatch, InvalidInput, StellarnbError
from stellarnb.spectra.instruments import Instrument, get_instrument, instrument_ids
from stellarnb.spectra.line_spread import convert_wavelength
from stellarnb.spectra.readers.parsed import Parsed
from stellarnb.spectra.resample import overlap_matrix, rebin
from stellarnb.spectra.spectrum_set import SpectrumSet, bare_wavelength, grids_agree

__all__ = ["assemble"]


def assemble(
    found: Sequence[tuple[str, Parsed]], instrument: str | Instrument | None
) -> SpectrumSet:
    """Put spectra of several files into one set."""
    chosen = _choose(found, instrument)
    custom = chosen.n_pix == 0
    parts = [(name, part) for name, part in found if custom or part.instrument in (None, chosen.id)]
    if not parts:
        others = sorted({str(part.instrument) for _, part in found})
        raise InvalidInput(
            f"{found[0][0]} holds {', '.join(others)} spectra, but instrument={chosen.id!r} was "
            "given. Leave instrument out, or give that of the file."
        )
    if chosen.id == "galah" and all(part.notes.get("arm") for _, part in parts):
        parts = _join_arms(parts, chosen)
    grid = _common_grid(parts, chosen)
    with_error = [part.error is not None for _, part in parts]
    if any(with_error) != all(with_error):
        raise InvalidInput(
            f"{parts[with_error.index(False)][0]} has no errors and other files have some: read "
            "the two kinds apart."
        )
    flux = np.concatenate([part.flux for _, part in parts])
    ids, unknown = _identifiers(parts)
    names = _names(parts) if unknown or any(part.names for _, part in parts) else None
    provenance: dict[str, Any] = {
        "files": [name for name, _ in parts][:100],
        "files_read": len(parts),
    }
    for _, part in parts:
        provenance |= {key: value for key, value in part.notes.items() if key != "arm"}
    if unknown:
        provenance["rows_without_source_id"] = unknown
    return SpectrumSet(
        ids,
        grid,
        flux,
        np.concatenate([part.error for _, part in parts if part.error is not None])
        if all(with_error)
        else None,
        np.concatenate(
            [np.zeros(p.flux.shape, bool) if p.mask is None else p.mask for _, p in parts]
        ),
        chosen,
        provenance=provenance,
        names=names,
    )


def _choose(found: Sequence[tuple[str, Parsed]], instrument: str | Instrument | None) -> Instrument:
    if isinstance(instrument, Instrument):
        return instrument
    if instrument is not None:
        return get_instrument(instrument)
    guesses = {part.instrument for _, part in found}
    known = sorted(guess for guess in guesses if guess)
    if len(known) > 1:
        raise InvalidInput(
            f"The files hold spectra of {' and '.join(known)}. Read one kind at a time: give "
            f"instrument={known[0]!r}, say."
        )
    if not known or None in guesses:
        name = next(name for name, part in found if part.instrument is None)
        raise InvalidInput(
            f"{name} does not say which instrument it is of. Give instrument= one of "
            f"{', '.join(instrument_ids())}, or stellarnb.spectra.Instrument.custom(title, R) for "
            "any other."
        )
    return get_instrument(known[0])


def _grid_of(part: Parsed, instrument: Instrument, name: str) -> NDArray[np.float64]:
    """Return the grid of one file in the instrument's unit and medium."""
    if part.wavelength is None:
        if part.flux.shape[1] != instrument.n_pix:
            raise GridMismatch(
                f"{name} gives no wavelengths and {part.flux.shape[1]} pixels; {instrument.id} has "
                f"{instrument.grid_words()}."
            )
        return instrument.wavelength
    grid = bare_wavelength(part.wavelength, instrument)
    if grid[0] <= 0:
        raise InvalidInput("its wavelengths are not positive")
    return convert_wavelength(
        grid,
        part.unit or instrument.unit,
        part.medium or instrument.medium,
        instrument.unit,
        instrument.medium,
    )


def _common_grid(
    parts: Sequence[tuple[str, Parsed]], instrument: Instrument
) -> NDArray[np.float64]:
    first: NDArray[np.float64] | None = None
    for name, part in parts:
        try:
            grid = _grid_of(part, instrument, name)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error}") from error
        except StellarnbError:
            raise
        except (ValueError, TypeError) as error:  # astropy does not know the unit
            raise InvalidInput(
                f"{name}: its unit of wavelength, {part.unit!r}, is not a unit of length."
            ) from error
        if first is None:
            first = grid
        elif not grids_agree(grid, first):
            raise GridMismatch(
                f"{name} is on another grid ({len(grid)} pixels, {grid[0]:g}-{grid[-1]:g} "
                f"{instrument.unit}) than {parts[0][0]} ({len(first)} pixels, {first[0]:g}-"
                f"{first[-1]:g}). Read each alone, bring it to a common grid with "
                f"to_instrument({instrument.id!r}), and join them with SpectrumSet.concat."
            )
    assert first is not None  # noqa: S101 - there is at least one part
    return first


def _identifiers(parts: Sequence[tuple[str, Parsed]]) -> tuple[NDArray[np.int64], int]:
    """Return Gaia identifiers, or the number of the row where there is none, and how many."""
    ids, unknown, row = [], 0, 0
    for _, part in parts:
        count = len(part.flux)
        if part.source_id is not None:
            ids.append(part.source_id)
        else:
            ids.append(np.arange(row, row + count, dtype=np.int64))
            unknown += count
        row += count
    return np.concatenate(ids), unknown


def _names(parts: Sequence[tuple[str, Parsed]]) -> list[str]:
    return [n for name, part in parts for n in (part.names or [name] * len(part.flux))]


def _join_arms(
    parts: Sequence[tuple[str, Parsed]], instrument: Instrument
) -> list[tuple[str, Parsed]]:
    """Bring each arm of a star to the instrument's grid; an arm that was not given is masked."""
    stars: dict[str, list[tuple[str, Parsed]]] = {}
    for name, part in parts:
        if part.names is None or len(part.flux) != 1:
            raise InvalidInput(f"{name}: a GALAH file must hold one star.")
        stars.setdefault(part.names[0], []).append((name, part))
    ends = np.cumsum([arm.n_pix for arm in instrument.arms])
    places = {
        arm.name: slice(int(end) - arm.n_pix, int(end))
        for arm, end in zip(instrument.arms, ends, strict=True)
    }
    joined = []
    for star, arms in stars.items():
        shape = (1, instrument.n_pix)
        flux, error = np.zeros(shape), np.full(shape, np.nan)
        mask = np.ones(shape, dtype=bool)
        for name, part in arms:
            place = places[part.notes["arm"]]
            if not mask[:, place].all():
                raise InvalidInput(f"{name}: the arm {part.notes['arm']} of {star} is given twice.")
            own = np.asarray(part.wavelength)
            part_error = np.asarray(part.error, dtype=np.float64)
            bad = ~np.isfinite(part.flux) | ~np.isfinite(part_error)
            matrix = overlap_matrix(own, instrument.wavelength[place])
            flux[:, place], new_error, mask[:, place] = rebin(
                matrix, np.where(bad, 0.0, part.flux), np.where(bad, 0.0, part_error), bad
            )
            error[:, place] = new_error
        notes = {"arms_resampled": True}
        first = arms[0][1]
        joined.append(
            (
                arms[0][0],
                Parsed(flux, None, error, mask, first.source_id, [star], "galah", notes=notes),
            )
        )
    return joined
