"""Widgets for JupyterLab; every control has its twin in Python."""

from stellarnb.widgets.chemical_map import ChemicalMap
from stellarnb.widgets.spectrum_viewer import SpectrumViewer

__all__ = ["ChemicalMap", "SpectrumViewer"]
