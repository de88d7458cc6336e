"""Widgets for JupyterLab; every control has its twin in Python."""

from stellarnb.widgets.chemical_map import ChemicalMap

__all__ = ["ChemicalMap"]
