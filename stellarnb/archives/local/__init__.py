"""Archives in a folder: the embedded sample, or Parquet and FITS files."""
