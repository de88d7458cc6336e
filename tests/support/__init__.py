"""Helpers for tests: a browser on JupyterLab, an archive on loopback."""
