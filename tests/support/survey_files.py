"""Made-up files of spectra, built as the surveys document theirs: not a measurement of anything."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.spectra import get_instrument

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["apogee", "galah", "giraffe", "image", "rave", "to_bytes"]

#: Begin and step of GALAH's arms [Angstrom].
_ARMS = {1: (4712.9, 0.0461), 2: (5647.8, 0.0547), 3: (6477.9, 0.0633), 4: (7584.9, 0.0737)}


def to_bytes(*hdus: Any) -> bytes:
    """Return a FITS file of some header-data units."""
    from astropy.io import fits

    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream)
    return stream.getvalue()


def image(data: NDArray[Any], name: str = "", cls: Any = None, **cards: Any) -> fits.ImageHDU:
    """Return an image with some cards in its header; ``DC_FLAG`` stands for DC-FLAG."""
    from astropy.io import fits

    hdu = (cls or fits.ImageHDU)(data)
    if name:
        hdu.name = name
    for key, value in cards.items():
        hdu.header[key.replace("_", "-") if key == "DC_FLAG" else key] = value
    return hdu


def apogee(kind: str, name: str = "2M00000002+7417074", level: float = 1.0) -> bytes:
    """Return an apStar or aspcapStar file."""
    from astropy.io import fits

    flux = np.full(8575, level, np.float32)
    flux[:50] = 0
    scale: dict[str, Any] = {
        "CRVAL1": 4.179,
        "CDELT1": 6e-6,
        "CRPIX1": 1,
        "CTYPE1": "LOG-LINEAR",
        "DC_FLAG": 1,
    }
    primary = fits.PrimaryHDU()
    primary.header["OBJID"] = name
    error = np.full(8575, 0.01, np.float32)
    parts: list[NDArray[Any]] = [flux, error, flux]
    if kind == "apStar":
        bits = np.zeros((3, 8575), np.int16)
        bits[0, 100], bits[0, 101] = 1, 1 << 9  # bad; persistence, which is kept
        parts = [np.stack([flux, 2 * flux, 3 * flux]), np.stack([error] * 3), bits]
    return to_bytes(primary, *(image(part, **scale) for part in parts))


def rave(name: str = "20030411_1507m23_001", level: float = 2.0) -> bytes:
    """Return a RAVE spectrum; its errors are 5 % of the flux."""
    from astropy.io import fits

    scale: dict[str, Any] = {"CRVAL1": 8420.4, "CDELT1": 0.4, "CRPIX1": 1}
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = name
    return to_bytes(
        primary,
        image(np.full(912, level, np.float32), "SPECTRUM", **scale),
        image(np.full(912, 0.05, np.float32), "ERROR", **scale),
    )


def galah(arm: int = 1, n_pix: int = 600, level: float = 1.0) -> bytes:
    """Return one of the four arms of a GALAH spectrum; its errors are 3 % of the flux."""
    from astropy.io import fits

    start, step = _ARMS[arm]
    scale: dict[str, Any] = {"CRVAL1": start, "CDELT1": step, "CRPIX1": 1}
    flux = np.full(n_pix, 500.0, np.float32)
    fraction = np.full(n_pix, 0.03, np.float32)
    primary = image(flux, cls=fits.PrimaryHDU, ORIGIN="GALAH", **scale)
    rest = [fraction, flux, fraction, np.full(n_pix, level, np.float32)]
    return to_bytes(primary, *(image(part, **scale) for part in rest))


def giraffe(n_pix: int = 400, name: str = "21295872+1208321", level: float = 0.9) -> bytes:
    """Return the first pixels of a Gaia-ESO spectrum of HR15N, as ESO's phase 3 writes it."""
    from astropy.io import fits

    wave = get_instrument("giraffe-hr15n").wavelength[:n_pix]
    columns = [
        fits.Column("WAVE", f"{n_pix}D", unit="angstrom", array=wave[None]),
        fits.Column("FLUX", f"{n_pix}E", array=np.full((1, n_pix), level, np.float32)),
        fits.Column("ERR", f"{n_pix}E", array=np.full((1, n_pix), 0.01, np.float32)),
    ]
    spectrum = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    spectrum.header["TUCD1"] = "em.wl;obs.atmos"
    primary = fits.PrimaryHDU()
    primary.header["INSTRUME"], primary.header["OBJECT"] = "GIRAFFE", name
    return to_bytes(primary, spectrum)
