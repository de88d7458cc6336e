"""Training spectra: emulated or recorded."""
