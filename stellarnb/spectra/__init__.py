"""Spectra as arrays, and the instruments they come from."""

from stellarnb.spectra.air import air_to_vacuum, vacuum_to_air
from stellarnb.spectra.instruments import Instrument, get_instrument, instrument_ids
from stellarnb.spectra.lines import WavelengthCheck
from stellarnb.spectra.readers import from_specutils, read, to_specutils
from stellarnb.spectra.spectrum_set import SpectrumSet

__all__ = [
    "Instrument",
    "SpectrumSet",
    "WavelengthCheck",
    "air_to_vacuum",
    "from_specutils",
    "get_instrument",
    "instrument_ids",
    "read",
    "to_specutils",
    "vacuum_to_air",
]
