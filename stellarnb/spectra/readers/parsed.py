"""What every reader hands back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput
from stellarnb.ids import as_source_ids

__all__ = ["MAX_BYTES", "MAX_PIXELS", "Parsed", "Skipped", "gaia_id"]

#: Largest file, and largest member of an archive or unpacked gzip file [bytes].
MAX_BYTES = 512 * 2**20
#: Most pixels in one spectrum: ten times what the longest echelle spectra have.
MAX_PIXELS = 5_000_000


class Skipped(Exception):
    """A sound file of a bundle that holds no spectrum; the message says what it holds."""


@dataclass
class Parsed:
    """Spectra of one file, on one grid, as the file has them."""

    flux: NDArray[Any]  #: [n, n_pix]: any number type and byte order
    #: [n_pix]: None where the file leaves it to the instrument.
    wavelength: NDArray[np.float64] | None = None
    #: error, mask: [n, n_pix]: standard deviations, in the unit of the flux; True = ignore.
    error: NDArray[Any] | None = None
    mask: NDArray[np.bool_] | None = None
    source_id: NDArray[np.int64] | None = None  #: [n]: Gaia identifiers, if the file knows any
    names: list[str] | None = None  #: The survey's own identifiers
    instrument: str | None = None  #: Which instrument the file shows itself to be of
    unit: str | None = None  #: Of the wavelength; None = the instrument's
    medium: Literal["air", "vacuum"] | None = None  #: Of the wavelength; None = the instrument's
    #: What else is worth keeping; it goes into the provenance.
    notes: dict[str, Any] = field(default_factory=dict)


def gaia_id(*candidates: Any) -> NDArray[np.int64] | None:
    """Return the first candidate that is a Gaia source_id, as an array of one.

    Returns [1].
    """
    for candidate in candidates:
        if candidate is None or isinstance(candidate, (bool, float)):
            continue
        text = str(candidate).strip()
        match = re.search(r"Gaia E?DR\d (\d{1,19})\b", text)
        digits = match.group(1) if match else text
        if digits.isascii() and digits.isdigit() and int(digits) > 0:
            try:
                return as_source_ids([digits])
            except InvalidInput:
                continue
    return None
