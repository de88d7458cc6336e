"""Spectra as arrays, and the instruments they come from."""

from stellarnb.spectra.instruments import Instrument, get_instrument, instrument_ids
from stellarnb.spectra.spectrum_set import SpectrumSet

__all__ = ["Instrument", "SpectrumSet", "get_instrument", "instrument_ids"]
