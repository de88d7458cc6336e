"""Small files for the file viewer, made by astropy and pyarrow; nothing in them is measured.

``python tests/browser/viewer_files.py FOLDER`` writes them, with what astropy reads in them as
``expected.json``: the fixtures in ``stellarnb/labextension/test/viewer/files``.
"""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.io.votable import from_table, writeto
from astropy.table import MaskedColumn, Table

#: More than a double holds: it ends in ...6 when it went through one.
SOURCE_ID = 5937083312263887617
MARKUP = "<img src=x onerror=\"console.error('markup')\"><b>bold</b>"
N_PIX = 200


def fluxes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return wavelength [Angstrom], flux and error of a made-up line near 8542 Angstrom."""
    wave = np.linspace(8500.0, 8600.0, N_PIX)
    flux = 1 - 0.6 * np.exp(-0.5 * ((wave - 8542.09) / 2.0) ** 2)
    return wave, flux, 0.01 + 0.01 * flux


def table() -> Table:
    """Return a small table with missing values, exact identifiers and markup in its names."""
    out = Table(
        {
            "source_id": np.array([SOURCE_ID, SOURCE_ID + 1, 2], dtype=np.int64),
            "teff": MaskedColumn([5777.5, 4321.0, 0.0], mask=[0, 0, 1], unit="K"),
            "single": np.array([0.1, 2.5e-17, np.nan], dtype=np.float32),
            "good": np.array([True, False, True]),
            MARKUP: [MARKUP, 'plain, "quoted"', "α Cen"],
        }
    )
    out["teff"].description = "Effective temperature <script>console.error('run')</script>"
    return out


def spectrum_table() -> Table:
    """Return a row a pixel, as DataLink's INDIVIDUAL products are."""
    wave, flux, error = fluxes()
    out = Table({"wavelength": wave, "flux": flux.astype("f4"), "flux_error": error.astype("f4")})
    out["wavelength"].unit = "Angstrom"
    return out


def all_types() -> fits.BinTableHDU:
    """Return a binary table with every kind of column."""
    ragged = np.empty(2, dtype=object)
    ragged[:] = [np.array([1.0, 2.0, 3.0]), np.array([], dtype=float)]
    column = fits.Column
    hdu = fits.BinTableHDU.from_columns(
        [
            column("flag", "L", array=[True, False]),
            column("bits", "11X", array=np.array([[1, 0, 1] + [0] * 7 + [1]] * 2, dtype=bool)),
            column("byte", "B", array=[0, 255]),
            column("short", "I", array=[-32768, 32767], null=-32768),
            column("unsigned", "I", bzero=32768, array=np.array([0, 65535], dtype=np.uint16)),
            column("scaled", "J", array=[2, 5]),
            column("long", "K", array=[SOURCE_ID, -1]),
            column("huge", "K", bzero=2**63, array=np.array([2**64 - 1, 0], dtype=np.uint64)),
            column("single", "E", unit="mag", array=[0.1, np.nan]),
            column("double", "D", array=[1e-300, np.inf]),
            column("complex", "C", array=[1 + 2j, -0.5j]),
            column("name", "12A", array=["Sun", MARKUP[:12]]),
            column("vector", "3E", array=[[1, 2, 3], [4, 5, 6]]),
            column("ragged", "PD()", array=ragged),
        ],
        name="TYPES",
    )
    hdu.header["TCOMM7"] = "Gaia's identifier"
    hdu.header["SOURCEID"] = SOURCE_ID
    hdu.header["LONGTEXT"] = "a long value " * 12
    hdu.header["HIERARCH ESO TEL NAME"] = "VLT"
    hdu.header["OBSERVER"] = "O'Brien <b>"
    return hdu


def images() -> fits.HDUList:
    """Return a spectrum on a logarithmic scale (CD1_1), and one with its errors as RAVE has it."""
    _, flux, _ = fluxes()
    log = fits.PrimaryHDU(flux.astype(">f4"))
    log.header.update(
        {"CRVAL1": 3.929419, "CD1_1": 2.54e-5, "CRPIX1": 1.0, "DC-FLAG": 1, "OBJECT": "Made up"}
    )
    log.header["BUNIT"] = "erg/s"
    scaled = fits.ImageHDU(np.array([[1, 2, -99], [4, 5, 6]], dtype=np.int16), name="GRID")
    scaled.header.update({"BSCALE": 0.1, "BZERO": 1.0, "BLANK": -99})
    rave = fits.ImageHDU(flux.astype("f4"), name="SPECTRUM")
    rave.header.update({"CRVAL1": 8410.0, "CDELT1": 0.5, "CUNIT1": "Angstrom", "CTYPE1": "AWAV"})
    error = fits.ImageHDU(np.full(N_PIX, 0.02, dtype="f4"), name="ERROR")
    return fits.HDUList([log, scaled, rave, error])


def arrow_table() -> pa.Table:
    """Return a table as stellarnb writes it: units and descriptions in the schema's metadata."""
    _, flux, _ = fluxes()
    note = {
        "units": {"teff": "K"},
        "descriptions": {"teff": "Effective temperature"},
        "provenance": {},
    }
    out = pa.table(
        {
            "source_id": pa.array([SOURCE_ID, None, 3], pa.int64()),
            "teff": pa.array([5777.5, None, 4000.0]),
            "single": pa.array([0.1, 0.2, 0.3], pa.float32()),
            "flux": pa.array([flux.tolist()] * 3, pa.list_(pa.float32())),
            MARKUP: pa.array(["a", MARKUP, None]),
            "when": pa.array([0, 86_400_000, None], pa.timestamp("ms")),
        }
    )
    return out.replace_schema_metadata({b"stellarnb": json.dumps(note).encode()})


def write_all(folder: Path) -> None:
    """Write one file of each kind, some damaged, and what is in them."""
    folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList([fits.PrimaryHDU(), all_types()]).writeto(
            folder / "types.fits", overwrite=True
        )
        # Set afterwards, as astropy would scale the numbers back and fail.
        for key, value in (("TSCAL6", 0.5), ("TZERO6", 10.0)):
            fits.setval(folder / "types.fits", key, value=value, ext=1)
        images().writeto(folder / "images.fits", overwrite=True)
        spectrum_table().write(folder / "spectrum.fits", overwrite=True)
        ascii_table = fits.TableHDU.from_columns(
            [
                fits.Column("id", "I20", array=np.array([SOURCE_ID, 7])),
                fits.Column("value", "E15.7", unit="m", array=[1.5, -2.25]),
                fits.Column("word", "A8", array=["one", "two"]),
            ]
        )
        fits.HDUList([fits.PrimaryHDU(), ascii_table]).writeto(
            folder / "ascii.fits", overwrite=True
        )
        table().write(folder / "table.ecsv", format="ascii.ecsv", overwrite=True)
        spectrum_table().write(
            folder / "spectrum.ecsv", format="ascii.ecsv", delimiter=",", overwrite=True
        )
        votable = table()
        votable["vector"] = np.arange(9.0).reshape(3, 3)
        for form in ("tabledata", "binary", "binary2"):
            document = from_table(votable)
            writeto(document, str(folder / f"{form}.vot"), tabledata_format=form)
    (folder / "types.fits.gz").write_bytes(
        gzip.compress((folder / "types.fits").read_bytes(), mtime=0)
    )
    for codec in ("snappy", "zstd", "none"):
        pq.write_table(arrow_table(), folder / f"{codec}.parquet", compression=codec)
    (folder / "expected.json").write_text(json.dumps(expected(folder), indent=1) + "\n")


def expected(folder: Path) -> dict[str, Any]:
    """Return what astropy finds in the table with every kind of column, as text."""
    with fits.open(folder / "types.fits") as hdus:
        data = hdus[1].data
        return {
            "long": [str(v) for v in data["long"]],
            "huge": [str(v) for v in data["huge"]],
            "unsigned": [int(v) for v in data["unsigned"]],
            "scaled": [float(v) for v in data["scaled"]],
            "bits": [[int(bit) for bit in row] for row in data["bits"]],
            "ragged": [[float(v) for v in row] for row in data["ragged"]],
            "longtext": str(hdus[1].header["LONGTEXT"]),
        }


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
