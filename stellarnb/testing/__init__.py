"""Helpers for tests: a browser on JupyterLab."""
