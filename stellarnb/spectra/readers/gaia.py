"""Columns of a table with spectra, in the forms that Gaia's DataLink knows.

INDIVIDUAL: one row a pixel. RAW: one row a star, with arrays in the cells. Any other table of
wavelength, flux and error is read by the same rules. Tried on real files, but for RVS in RAW
form, of which none was at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.ids import as_source_ids
from stellarnb.spectra.instruments import get_instrument
from stellarnb.spectra.readers.parsed import MAX_PIXELS, Parsed, Skipped, gaia_id

__all__ = ["ALIASES", "WANTED", "canonical", "from_columns"]

#: Names under which tables carry what is needed.
ALIASES = {
    "wavelength": ("wavelength", "wave", "wl", "lambda", "waveobs"),
    "flux": ("flux", "flux_norm", "normalised_flux"),
    "flux_error": ("flux_error", "error", "err", "flux_err", "e_flux", "sigma", "uncertainty"),
    "source_id": ("source_id", "sourceid", "source", "gaia_source_id"),
    "mask": ("mask",),
}
#: All of these names.
WANTED = frozenset(name for names in ALIASES.values() for name in names)


def canonical(name: str) -> str | None:
    """Return which of the needed columns a name stands for, if any."""
    lowered = name.strip().lower()
    return next((key for key, names in ALIASES.items() if lowered in names), None)


def from_columns(
    columns: Mapping[str, Any],
    names: list[str],
    *,
    unit: str | None = None,
    source_id: Any = None,
    label: str = "",
) -> list[Parsed]:
    """Turn the columns of one table into spectra."""
    lowered = {name.lower() for name in names}
    if "bp_coefficients" in lowered or "rp_coefficients" in lowered:
        raise Skipped(
            "it holds XP coefficients (XP_CONTINUOUS), not a spectrum. Ask DataLink for "
            "XP_SAMPLED, or sample the coefficients with gaiaxpy.calibrate (pip install gaiaxpy)"
        )
    if "flux" not in columns:
        found = ", ".join(sorted(names)[:8]) or "none"
        raise Skipped(f"it has no column of flux (columns: {found})")
    if _is_nested(columns["flux"]):
        return _from_rows(columns, unit)
    return _from_pixels(columns, unit, gaia_id(source_id, label))


def _is_nested(values: Any) -> bool:
    return isinstance(values, list) or np.ndim(values) > 1


def _guess(wavelength: NDArray[np.float64] | None, n_pix: int) -> str | None:
    """Return the Gaia product whose grid this is; by its length where none is given."""
    for name in ("gaia-rvs", "gaia-xp"):
        instrument = get_instrument(name)
        if n_pix != instrument.n_pix:
            continue
        if wavelength is None or np.allclose(wavelength, instrument.wavelength, atol=1e-3):
            return name
    return None


def _from_rows(columns: Mapping[str, Any], unit: str | None) -> list[Parsed]:
    """One row a star."""
    flux = _stack(columns["flux"], "flux")
    error = _stack(columns["flux_error"], "flux_error") if "flux_error" in columns else None
    mask = _stack(columns["mask"], "mask") != 0 if "mask" in columns else None
    ids = as_source_ids(columns["source_id"]) if "source_id" in columns else None
    grids: NDArray[np.float64] | None = None
    if "wavelength" in columns:
        grids = _stack(columns["wavelength"], "wavelength").astype(np.float64)
        if grids.shape != flux.shape and len(grids) != 1:
            raise InvalidInput("the wavelength has not as many pixels as the flux")
        if not (grids == grids[:1]).all():
            raise InvalidInput(
                "its rows are on different wavelength grids; write each star to a file of its own"
            )
    for name, values in (("flux_error", error), ("mask", mask), ("source_id", ids)):
        if values is not None and len(values) != len(flux):
            raise InvalidInput(f"{name} has {len(values)} rows and flux has {len(flux)}")
    wavelength = None if grids is None else grids[0]
    return [
        Parsed(
            flux,
            wavelength,
            error,
            mask,
            ids,
            instrument=_guess(wavelength, flux.shape[1]) if unit in (None, "nm") else None,
            unit=unit,
        )
    ]


def _stack(values: Any, name: str) -> NDArray[Any]:
    lengths = {len(row) for row in values}
    if len(lengths) != 1 or max(lengths) > MAX_PIXELS:
        raise InvalidInput(f"its rows of {name} have different lengths: {sorted(lengths)[:4]}")
    return np.array(values) if isinstance(values, list) else np.asarray(values)


def _from_pixels(
    columns: Mapping[str, Any], unit: str | None, header_id: NDArray[np.int64] | None
) -> list[Parsed]:
    """One row a pixel; the stars follow each other."""
    if "wavelength" not in columns:
        raise InvalidInput("it has no column of wavelength")
    wavelength = np.asarray(columns["wavelength"], dtype=np.float64)
    if not len(wavelength):
        raise InvalidInput("the table of the spectrum is empty")
    starts = np.zeros(1, dtype=np.int64)
    ids = header_id
    if "source_id" in columns:
        every = as_source_ids(columns["source_id"])
        if len(every) != len(wavelength):
            raise InvalidInput("source_id has not as many rows as the wavelength")
        # A star may follow itself (two epochs): there the wavelength falls back.
        new = (np.diff(every) != 0) | (np.diff(wavelength) < 0)
        starts = np.concatenate([[0], np.flatnonzero(new) + 1])
        ids = every[starts]
    lengths = np.diff(np.append(starts, len(wavelength)))
    if len(set(lengths.tolist())) != 1:
        raise InvalidInput("its stars have different numbers of pixels: rows are missing")
    shape = (len(starts), int(lengths[0]))
    if shape[1] > MAX_PIXELS:
        raise InvalidInput(f"it has {shape[1]} pixels a spectrum, more than {MAX_PIXELS}")
    grids = wavelength.reshape(shape)
    if not np.array_equal(grids, np.broadcast_to(grids[0], shape)):
        raise InvalidInput("its stars are on different wavelength grids")
    fields = {
        name: np.asarray(columns[name]).reshape(shape)
        for name in ("flux", "flux_error", "mask")
        if name in columns
    }
    return [
        Parsed(
            fields["flux"],
            grids[0],
            fields.get("flux_error"),
            fields["mask"] != 0 if "mask" in fields else None,
            ids,
            instrument=_guess(grids[0], shape[1]) if unit in (None, "nm") else None,
            unit=unit,
        )
    ]
