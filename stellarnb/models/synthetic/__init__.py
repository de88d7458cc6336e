"""Emulated spectra, and the instruments that observe them."""
