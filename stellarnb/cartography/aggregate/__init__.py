"""Stars into pixels: counts, means and quantiles."""
