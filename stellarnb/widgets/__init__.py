"""Widgets for JupyterLab; every control has its twin in Python."""

from stellarnb.widgets.archive_explorer import ArchiveExplorer
from stellarnb.widgets.chemical_map import ChemicalMap
from stellarnb.widgets.model_card import ModelCardViewer
from stellarnb.widgets.parametrizer import Parametrizer
from stellarnb.widgets.spectrum_viewer import SpectrumViewer
from stellarnb.widgets.validation import Validation
from stellarnb.widgets.workbench import Workbench

__all__ = [
    "ArchiveExplorer",
    "ChemicalMap",
    "ModelCardViewer",
    "Parametrizer",
    "SpectrumViewer",
    "Validation",
    "Workbench",
]
