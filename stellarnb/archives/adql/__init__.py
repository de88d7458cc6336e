"""ADQL: read, checked, and translated for DuckDB."""
