"""Chi-square fits of emulated spectra."""
