"""Widgets for JupyterLab; every control has its twin in Python."""

from stellarnb.widgets.archive_explorer import ArchiveExplorer
from stellarnb.widgets.chemical_map import ChemicalMap

__all__ = ["ArchiveExplorer", "ChemicalMap"]
