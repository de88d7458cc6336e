"""FITS: opens the file safely and finds out what wrote it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.spectra.readers.gaia import canonical, from_columns
from stellarnb.spectra.readers.parsed import Parsed, Skipped, gaia_id
from stellarnb.spectra.readers.surveys import (
    is_apogee,
    is_galah,
    is_rave,
    read_apogee,
    read_galah,
    read_image,
    read_rave,
)

__all__ = ["check_size", "column", "read_fits"]

#: Most header-data units that are looked at.
MAX_HDUS = 200


def read_fits(data: bytes, label: str) -> list[Parsed]:
    """Read the spectra of a FITS file."""
    from astropy.io import fits

    # A tile-compressed image could unpack to any size; left packed it is a table without a flux.
    with fits.open(
        io.BytesIO(data), mode="readonly", memmap=False, disable_image_compression=True
    ) as hdus:
        count = 0
        while count < MAX_HDUS:
            try:
                hdu = hdus[count]
            except IndexError:
                break
            check_size(hdu, len(data))
            count += 1
        if is_apogee(hdus):
            return [read_apogee(hdus, label)]
        if is_rave(hdus):
            return [read_rave(hdus, label)]
        if is_galah(hdus):
            return [read_galah(hdus, label)]
        tables = [hdu for hdu in hdus[:count] if isinstance(hdu, fits.BinTableHDU)]
        found, reasons = [], []
        for table in tables:
            try:
                found += _read_table(table, hdus[0].header, label, len(data))
            except Skipped as reason:
                reasons.append(str(reason))
        if found:
            return found
        image = read_image(hdus, label)
        if image is not None:
            return [image]
        raise Skipped(reasons[0] if reasons else "it holds neither a table nor a spectrum")


def check_size(hdu: Any, size: int) -> None:
    """Refuse a header that announces more data than the file, of `size` bytes, has."""
    if hdu.size > size or hdu.size < 0:
        raise InvalidInput(
            f"it announces {hdu.size:,} bytes of data and has {size:,} in all: it was cut short"
        )


def _read_table(hdu: Any, primary: Any, label: str, size: int) -> list[Parsed]:
    """Read a binary table: of DataLink, or with arrays in its cells as ESO writes spectra."""
    names = list(hdu.columns.names)
    columns: dict[str, Any] = {}
    unit = None
    medium = None
    for index, name in enumerate(names):
        key = canonical(name)
        if not key or key in columns:
            continue
        columns[key] = column(hdu, name, size)
        if key == "wavelength":
            unit = hdu.columns[name].unit or None
            ucd = str(hdu.header.get(f"TUCD{index + 1}", ""))
            # ESO's phase 3 standard marks wavelengths in air so.
            medium = "air" if "obs.atmos" in ucd else None
    header = hdu.header
    source_id = gaia_id(header.get("SOURCEID"), header.get("SOURCE_ID"), primary.get("SOURCEID"))
    parsed = from_columns(
        columns,
        names,
        unit=unit,
        source_id=None if source_id is None else int(source_id[0]),
        label=label,
    )
    for part in parsed:
        part.medium = medium  # type: ignore[assignment]
        if part.instrument is None and part.source_id is None:
            _note_ges(part, primary)
    return parsed


def _note_ges(part: Parsed, primary: Any) -> None:
    """Mark Gaia-ESO spectra as ESO's phase 3 serves them: the object is the CNAME.

    Written from ESO's Science Data Products Standard; tried on files made after it.
    """
    name = str(primary.get("OBJECT", "")).strip()
    if name:
        part.names = [name] * len(part.flux)
    wavelength = part.wavelength
    if str(primary.get("INSTRUME", "")).strip().upper() != "GIRAFFE" or wavelength is None:
        return
    scale = 10.0 if (part.unit or "").strip().lower() in ("nm", "nanometer") else 1.0
    if scale * wavelength[0] > 6400 and scale * wavelength[-1] < 6850:
        part.instrument = "giraffe-hr15n"
        part.medium = part.medium or "air"


def column(hdu: Any, name: str, size: int) -> Any:
    """Return a column of a binary table as an array, or a list of arrays of any lengths."""
    if str(hdu.columns[name].format).lstrip("0123456789")[:1] in ("P", "Q"):
        # Many cells may point at the same bytes, and so unpack to more than the file holds.
        descriptors = np.asarray(hdu.data.view(np.ndarray)[name]).reshape(-1, 2)
        if int(descriptors[:, 0].clip(0).sum(dtype=np.float64)) > size:
            raise InvalidInput(f"column {name} announces more data than the file has")
        return [_native(np.asarray(row)) for row in hdu.data[name]]
    return _native(np.asarray(hdu.data[name]))


def _native(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "fiubSU":
        raise InvalidInput(f"a column holds {values.dtype}; numbers are needed")
    return values.astype(values.dtype.newbyteorder("="), copy=False)
