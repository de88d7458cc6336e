"""Training sets from archives: spectra of one survey, labels of another."""
