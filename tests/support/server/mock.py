"""Made-up stars with made-up RVS spectra, for tests of transport: not a measurement of anything."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.ids import match_ids
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables import Result

__all__ = ["coefficients", "identifiers", "rvs", "stars"]

_TITLE = "Made-up stars with made-up RVS spectra; not a measurement"
#: The calcium triplet [nm], which gives the made-up spectra something to look at.
_LINES = (849.8, 854.2, 866.2)


def identifiers(n: int) -> NDArray[np.int64]:
    """Return the identifiers of `n` made-up stars, evenly over the order-12 pixels of the sky."""
    pixels = (np.arange(n, dtype=np.float64) * (12 * 4**12 / max(n, 1))).astype(np.int64)
    return (pixels << 35) + (1 << 34) + np.arange(n)


def stars(ids: NDArray[np.int64]) -> Result:
    """Return the table of the made-up stars: positions at their pixels' centres."""
    from astropy_healpix import HEALPix

    lon, lat = HEALPix(nside=4096, order="nested").healpix_to_lonlat(ids >> 35)
    columns = {
        "source_id": ids,
        "ra": lon.deg,
        "dec": lat.deg,
        "phot_g_mean_mag": (8 + 6 * np.modf(np.arange(len(ids)) * 0.618)[0]).astype(np.float32),
        "has_rvs": np.ones(len(ids), dtype=bool),
    }
    return Result(
        columns,
        units={"ra": "deg", "dec": "deg", "phot_g_mean_mag": "mag"},
        descriptions=dict.fromkeys(columns, "Made up"),
        provenance={"title": _TITLE},
    )


def rvs(wanted: NDArray[np.int64], known: NDArray[np.int64]) -> SpectrumSet:
    """Return the made-up spectra of those of the wanted stars that are made up."""
    row = match_ids(wanted, known)
    found = row >= 0
    instrument = get_instrument("gaia-rvs")
    wave = np.asarray(instrument.wavelength, dtype=np.float64)
    n = int(found.sum())
    flux = np.empty((n, instrument.n_pix), dtype=np.float32)
    for i, star in enumerate(wanted[found].tolist()):
        dice = np.random.default_rng(star)
        depths, width = dice.uniform(0.3, 0.7, len(_LINES)), dice.uniform(0.1, 0.2)
        lines = [
            d * np.exp(-(((wave - c) / width) ** 2)) for d, c in zip(depths, _LINES, strict=True)
        ]
        flux[i] = 1 - np.sum(lines, axis=0) + dice.normal(0, 0.01, len(wave))
    error = np.full_like(flux, 0.01)
    for array in (flux, error):
        array[:, :3] = array[:, -3:] = np.nan
    missing = tuple(dict.fromkeys(wanted[~found].tolist()))
    return SpectrumSet(
        wanted[found],
        instrument.wavelength,
        flux,
        error,
        instrument=instrument.id,
        missing=missing,
        provenance={"title": _TITLE, "product": "rvs"},
    )


def coefficients(wanted: NDArray[np.int64], known: NDArray[np.int64]) -> pa.Table:
    """Return made-up BP/RP coefficients of those of the wanted stars that are made up."""
    stars_ = wanted[match_ids(wanted, known) >= 0]
    n, n_bases = len(stars_), 55
    columns: dict[str, pa.Array] = {"source_id": pa.array(stars_)}
    columns["solution_id"] = pa.array(np.zeros(n, dtype=np.int64))
    values = [np.random.default_rng(star).normal(0, 20, (2, n_bases)) for star in stars_.tolist()]
    for i, band in enumerate(("bp", "rp")):
        own = np.array([value[i] for value in values]).reshape(n, n_bases)
        own[:, 0] += 5000
        arrays = {
            "coefficients": own,
            "coefficient_errors": np.ones((n, n_bases), dtype=np.float32),
            "coefficient_correlations": np.zeros((n, n_bases * (n_bases - 1) // 2), np.float32),
        }
        columns[f"{band}_n_parameters"] = pa.array(np.full(n, n_bases, dtype=np.int16))
        columns[f"{band}_standard_deviation"] = pa.array(np.ones(n, dtype=np.float32))
        for name, rows in arrays.items():
            flat = pa.array(rows.reshape(-1))
            columns[f"{band}_{name}"] = pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
        columns[f"{band}_n_relevant_bases"] = pa.array(np.full(n, n_bases, dtype=np.int16))
        columns[f"{band}_relative_shrinking"] = pa.array(np.ones(n, dtype=np.float32))
    return pa.table(columns)
