"""FITS spectra of single surveys, and any one-dimensional FITS image with a wavelength scale.

The generic image is tried on real HARPS spectra. Of APOGEE, RAVE and GALAH no real file was at
hand: these readers follow the surveys' documentation and are tried on files made after it.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.readers.parsed import MAX_PIXELS, Parsed, gaia_id

__all__ = [
    "is_apogee",
    "is_galah",
    "is_rave",
    "read_apogee",
    "read_galah",
    "read_image",
    "read_rave",
]

#: Bits of APOGEE_PIXMASK that make a pixel useless: bad, cosmic ray, saturated, unfixable, bad
#: dark, flat or error, no sky, and not enough of the profile.
APOGEE_BAD = sum(1 << bit for bit in (0, 1, 2, 3, 4, 5, 6, 7, 14))
#: Errors from here on are APOGEE's mark of a pixel without data.
APOGEE_NO_DATA = 1e9
#: Header keywords under which files carry a Gaia identifier.
GAIA_KEYS = ("GAIA_ID", "GAIADR3", "GAIAEDR3", "GAIA_DR3", "SOURCEID", "SOURCE_ID")
#: Where the four arms of GALAH begin, at most [Angstrom].
GALAH_ARMS = (("blue", 5000.0), ("green", 6000.0), ("red", 7000.0), ("infrared", 8000.0))


def _array(hdu: Any, name: str) -> NDArray[np.float64]:
    if hdu.data is None or not hasattr(hdu.data, "dtype") or hdu.data.dtype.names:
        raise InvalidInput(f"{name} holds no array")
    values = np.atleast_1d(np.asarray(hdu.data, dtype=np.float64))
    if not 2 <= values.shape[-1] <= MAX_PIXELS:
        raise InvalidInput(f"{name} has {values.shape[-1]} pixels")
    return values


def _scale(header: Any, n_pix: int) -> NDArray[np.float64]:
    """Return the linear scale of axis 1, logarithmic or not."""
    step = header.get("CDELT1", header.get("CD1_1"))
    start, reference = header.get("CRVAL1"), header.get("CRPIX1", 1.0)
    numbers = [step, start, reference]
    if any(not isinstance(n, (int, float)) or isinstance(n, bool) for n in numbers):
        raise InvalidInput("it has no wavelength scale (CRVAL1 and CDELT1)")
    pixel = np.arange(1, n_pix + 1, dtype=np.float64)
    scale = np.asarray(float(start) + float(step) * (pixel - float(reference)))
    if not np.all(np.isfinite(scale)) or step == 0:
        raise InvalidInput(f"its wavelength scale makes no sense (CRVAL1 {start}, CDELT1 {step})")
    return scale


def _power_of_ten(scale: NDArray[np.float64]) -> NDArray[np.float64]:
    if scale.min() < -10 or scale.max() > 10:
        raise InvalidInput("its logarithmic wavelength scale makes no sense")
    return np.power(10.0, scale)


def _gaia(hdus: Any) -> NDArray[np.int64] | None:
    return gaia_id(*(hdus[0].header.get(key) for key in GAIA_KEYS))


def _name(hdus: Any, keys: tuple[str, ...], label: str) -> str:
    for key in keys:
        value = str(hdus[0].header.get(key, "")).strip()
        if value:
            return value
    return PurePath(label).name.split(".")[0]


def _same_shape(flux: NDArray[Any], other: NDArray[Any], name: str) -> None:
    if flux.shape != other.shape:
        raise InvalidInput(f"{name} has shape {other.shape} and the flux {flux.shape}")


def is_apogee(hdus: Any) -> bool:
    """Return whether this is an apStar or aspcapStar file: a grid of 8575 pixels in log10."""
    if len(hdus) < 3:
        return False
    header = hdus[1].header
    start = header.get("CRVAL1")
    return header.get("NAXIS1") == 8575 and isinstance(start, float) and 4.1 < start < 4.3


def read_apogee(hdus: Any, label: str) -> Parsed:
    """Read apStar (the combined spectrum; visits are left out) or aspcapStar.

    HDU 1 flux, 2 error, 3 the pixel mask (apStar) or the best fit (aspcapStar); in apStar the
    first row is the combined spectrum. Vacuum, rest frame.
    """
    flux, error = _array(hdus[1], "HDU 1"), _array(hdus[2], "HDU 2")
    _same_shape(flux, error, "HDU 2")
    flux, error = np.atleast_2d(flux)[:1], np.atleast_2d(error)[:1]
    mask = (flux == 0) | (error >= APOGEE_NO_DATA)
    kind = "aspcapStar"
    if len(hdus) > 3 and hdus[3].header.get("BITPIX", -32) > 0:
        kind = "apStar"
        bits = np.atleast_2d(_array(hdus[3], "HDU 3"))[:1]
        _same_shape(flux, bits, "HDU 3")
        mask |= (np.nan_to_num(bits).clip(0, 2**31 - 1).astype(np.int64) & APOGEE_BAD) != 0
    return Parsed(
        flux,
        _power_of_ten(_scale(hdus[1].header, flux.shape[1])),
        error,
        mask,
        _gaia(hdus),
        [_name(hdus, ("OBJID", "APOGEE_ID", "OBJECT"), label)],
        "apogee",
        "Angstrom",
        "vacuum",
        {"kind": kind},
    )


def is_rave(hdus: Any) -> bool:
    """Return whether there are the extensions SPECTRUM and ERROR, as images."""
    names = {hdu.name.upper(): hdu for hdu in hdus}
    return {"SPECTRUM", "ERROR"} <= set(names) and "TFIELDS" not in names["SPECTRUM"].header


def read_rave(hdus: Any, label: str) -> Parsed:
    """Read a RAVE DR6 spectrum: air, rest frame, normalised; ERROR is a fraction of the flux."""
    flux, fraction = _array(hdus["SPECTRUM"], "SPECTRUM"), _array(hdus["ERROR"], "ERROR")
    _same_shape(flux, fraction, "ERROR")
    flux = np.atleast_2d(flux)
    return Parsed(
        flux,
        _scale(hdus["SPECTRUM"].header, flux.shape[1]),
        np.abs(flux) * np.atleast_2d(fraction),
        None,
        _gaia(hdus),
        [_name(hdus, ("RAVE_OBS_ID", "OBS_ID", "RAVEID", "OBJECT"), label)] * len(flux),
        "rave",
        "Angstrom",
        "air",
    )


def is_galah(hdus: Any) -> bool:
    """Return whether the header names GALAH as the origin, or HERMES as the instrument."""
    header = hdus[0].header
    origin = f"{header.get('ORIGIN', '')} {header.get('INSTRUME', '')} {header.get('SURVEY', '')}"
    return "GALAH" in origin.upper() or "HERMES" in origin.upper()


def read_galah(hdus: Any, label: str) -> Parsed:
    """Read one arm of a GALAH spectrum; `stellarnb.spectra.read` puts the four together.

    HDU 0 flux, 1 error as a fraction of the flux (as a standard deviation where the extension
    is called sigma), 4 the normalised flux, which is taken where it is there. Air.
    """
    flux, error = np.atleast_2d(_array(hdus[0], "HDU 0")), np.atleast_2d(_array(hdus[1], "HDU 1"))
    _same_shape(flux, error, "HDU 1")
    fraction = error
    if "SIGMA" in hdus[1].name.upper():
        fraction = np.divide(error, np.abs(flux), out=np.full_like(flux, np.nan), where=flux != 0)
    chosen = 4 if len(hdus) > 4 and hdus[4].data is not None else 0
    value = np.atleast_2d(_array(hdus[chosen], f"HDU {chosen}"))
    _same_shape(flux, value, f"HDU {chosen}")
    header = hdus[chosen].header if "CRVAL1" in hdus[chosen].header else hdus[0].header
    wavelength = _scale(header, flux.shape[1])
    arm = next((name for name, end in GALAH_ARMS if wavelength[0] < end), "")
    in_name = re.search(r"\d{15}", PurePath(label).name)
    name = in_name.group() if in_name else _name(hdus, ("SOBJ_ID", "SOBJECT_ID", "OBJECT"), label)
    return Parsed(
        value,
        wavelength,
        np.abs(value) * fraction,
        None,
        _gaia(hdus),
        [name] * len(flux),
        "galah",
        "Angstrom",
        "air",
        {"arm": arm, "kind": "normalised" if chosen else "flux"},
    )


def read_image(hdus: Any, label: str) -> Parsed | None:
    """Read the first one- or two-dimensional image with a wavelength scale on axis 1.

    Linear, or logarithmic where DC-FLAG is 1 or CTYPE1 asks for it; air or vacuum by CTYPE1
    (AWAV, WAVE), else left to the instrument.
    """
    for hdu in hdus:
        header = hdu.header
        if header.get("NAXIS") not in (1, 2) or "TFIELDS" in header or "CRVAL1" not in header:
            continue
        flux = np.atleast_2d(_array(hdu, hdu.name or "the image"))
        scale = _scale(header, flux.shape[1])
        kind = str(header.get("CTYPE1", "")).upper()
        unit = str(header.get("CUNIT1", "")).strip() or None
        # Only a scale that can be no wavelength in Angstrom is taken for a logarithm unasked.
        if header.get("DC-FLAG") == 1 or "LOG" in kind or (not unit and 0 < scale.max() < 5):
            scale = _power_of_ten(scale)
        if scale[0] > scale[-1]:
            scale, flux = scale[::-1], flux[:, ::-1]
        medium: Literal["air", "vacuum"] | None = None
        if kind.startswith(("AWAV", "WAVE")) and kind[:9] != "WAVELENGT":
            medium = "air" if kind.startswith("AWAV") else "vacuum"
        return Parsed(
            flux,
            scale,
            None,
            None,
            _gaia(hdus),
            [_name(hdus, ("OBJECT",), label)] * len(flux),
            None,
            unit or "Angstrom",
            medium,
        )
    return None
