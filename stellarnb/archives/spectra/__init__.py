"""Spectra of remote archives, fetched through the cache."""
