"""The source_ids of a table of stars, or of a sequence of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.ids import as_source_ids
from stellarnb.tables.convert import as_arrow, column_to_numpy

__all__ = ["ids_of"]


def ids_of(stars: Any) -> NDArray[np.int64]:
    """Return the identifiers of a table of stars, or of a sequence of them."""
    tabular = hasattr(stars, "colnames") or isinstance(stars, (pa.Table, Mapping))
    tabular = tabular or (hasattr(stars, "iloc") and getattr(stars, "ndim", 1) == 2)
    if not (tabular or (isinstance(stars, np.ndarray) and stars.dtype.names)):
        return as_source_ids(stars)
    table = as_arrow(stars)
    names = [name for name in table.column_names if name.lower() == "source_id"]
    if not names:
        known = ", ".join(table.column_names)
        raise MissingInput(
            f"The table has no column source_id to find spectra by. Its columns: {known}. Add "
            "source_id to the query's SELECT."
        )
    return as_source_ids(column_to_numpy(table[names[0]]))
