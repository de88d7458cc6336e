"""The cache of archive answers and spectra."""
