"""Widgets for JupyterLab; every control has its twin in Python."""

from stellarnb.widgets.chemical_map import ChemicalMap
from stellarnb.widgets.spectrum_viewer import SpectrumViewer
from stellarnb.widgets.validation import Validation

__all__ = ["ChemicalMap", "SpectrumViewer", "Validation"]
