"""The tables: what an archive returns and what a model returns."""

from stellarnb.tables.labels import Labels
from stellarnb.tables.result import Result
from stellarnb.tables.table import Table

__all__ = ["Labels", "Result", "Table"]
