"""Files of every format, made after their documentation, small enough to break thousands of."""

import gzip
import io
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import Table

from stellarnb.spectra import get_instrument
from tests.support.survey_files import apogee, galah, giraffe, image, rave, to_bytes

XP = get_instrument("gaia-xp").wavelength
FLUX = (1.0 + 0.1 * np.sin(np.arange(343) / 9)).astype(np.float32)
ERROR = np.full(343, 0.02, np.float32)
SOURCE = 5937083312263887616


def table_hdu(columns: dict[str, object], **cards: object) -> fits.BinTableHDU:
    hdu = fits.table_to_hdu(Table(columns))
    hdu.header.update(cards)
    return hdu


def raw() -> Table:
    return Table(
        {
            "source_id": np.array([SOURCE, 7], np.int64),
            "flux": np.stack([FLUX, 2 * FLUX]),
            "flux_error": np.stack([ERROR, ERROR]),
        }
    )


def votable(table: Table, kind: str) -> bytes:
    stream = io.BytesIO()
    document = from_table(table)
    document.to_xml(stream, tabledata_format=kind)
    return stream.getvalue()


def csv_individual() -> str:
    lines = ["source_id,solution_id,wavelength,flux,flux_error"]
    lines += [
        f"{star},1,{w},{f},{e}"
        for star in (SOURCE, 7)
        for w, f, e in zip(XP, FLUX, ERROR, strict=True)
    ]
    return "\n".join(lines) + "\n"


def csv_raw() -> str:
    def cell(values: np.ndarray) -> str:
        return '"(' + ", ".join(str(v) for v in values) + ')"'

    return (
        f"source_id,flux,flux_error\n{SOURCE},{cell(FLUX)},{cell(ERROR)}\n"
        f"7,{cell(2 * FLUX)},{cell(ERROR)}\n"
    )


def ecsv() -> str:
    stream = io.StringIO()
    table = Table({"wavelength": XP, "flux": FLUX, "flux_error": ERROR}, meta={"source_id": SOURCE})
    table["wavelength"].unit = "nm"
    table.write(stream, format="ascii.ecsv")
    return stream.getvalue()


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return stream.getvalue()


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    individual = Table({"wavelength": XP, "flux": FLUX, "flux_error": ERROR})
    individual["wavelength"].unit = "nm"
    both = csv_individual().encode()
    variable = Table(
        {
            "source_id": np.array([SOURCE, 7], np.int64),
            "flux": np.array([FLUX, 2 * FLUX, None], dtype=object)[:2],
            "flux_error": np.array([ERROR, ERROR, None], dtype=object)[:2],
        }
    )
    return {
        "csv-individual": both,
        "csv-raw": csv_raw().encode(),
        "ecsv": ecsv().encode(),
        "votable-individual": votable(individual, "binary2"),
        "votable-raw": votable(raw(), "tabledata"),
        "votable-raw-binary": votable(raw(), "binary2"),
        "fits-individual": to_bytes(
            fits.PrimaryHDU(),
            table_hdu({"wavelength": XP, "flux": FLUX, "flux_error": ERROR}, SOURCEID=str(SOURCE)),
        ),
        "fits-raw": to_bytes(fits.PrimaryHDU(), fits.table_to_hdu(raw())),
        "fits-raw-variable": to_bytes(
            fits.PrimaryHDU(),
            fits.BinTableHDU.from_columns(
                [
                    fits.Column("source_id", "K", array=variable["source_id"]),
                    fits.Column("flux", "PE()", array=variable["flux"]),
                    fits.Column("flux_error", "PE()", array=variable["flux_error"]),
                ]
            ),
        ),
        "apstar": apogee("apStar"),
        "aspcapstar": apogee("aspcapStar"),
        "rave": rave(),
        "galah": galah(),
        "ges": giraffe(),
        "image": to_bytes(
            image(
                np.ones(500, np.float32),
                cls=fits.PrimaryHDU,
                CRVAL1=6000.0,
                CDELT1=0.1,
                CRPIX1=1.0,
                CTYPE1="AWAV",
                CUNIT1="Angstrom",
                OBJECT="Sun",
            )
        ),
        "zip": zipped(first__csv=both, second__csv=csv_raw().encode()),
        "gzip": gzip.compress(rave()),
    }
