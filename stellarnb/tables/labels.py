"""What a model returns: labels with errors, and whether to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.tables import compare
from stellarnb.tables.table import Table

__all__ = ["Labels"]


class Labels(Table):
    """Stellar labels, one row a spectrum, in the order of the input.

    For each label there are the columns ``<label>``, ``<label>_error`` (the scatter to expect
    against the reference labels) and ``<label>_flag`` (True = outside the training limits);
    then ``boundary``, ``novelty`` and ``good``.
    """

    @property
    def names(self) -> list[str]:
        """Names of the labels, in the order of the model."""
        return [
            name for name in self.colnames if f"{name}_error" in self and f"{name}_flag" in self
        ]

    @property
    def model(self) -> str:
        """The model's name as it must be shown, with 'synthetic-trained' where it is."""
        return str(self.provenance.get("model", "unknown model"))

    def good(self) -> Self:
        """Return the rows of the recommended cut.

        Inside the training limits in each input and, by the label's own error, in each label;
        with a spectrum like those of the training set and enough of its pixels in use.
        """
        return self.take(np.asarray(self["good"], dtype=bool))

    def compare(
        self,
        reference: Any,
        *,
        labels: Sequence[str] | None = None,
        by: str | None = None,
        bins: Sequence[float] | None = None,
    ) -> Table:
        """Compare with reference labels, star by star.

        Parameters
        ----------
        reference : table
            With ``source_id`` and columns of the same label names; ``<label>_error`` is taken
            into no figure. A source_id that stands there twice counts with its first row.
        labels : sequence of str, optional
            Which labels; all that both tables have where not given.
        by : str, optional
            A column of `reference` to split by, such as ``snr``.
        bins : sequence of float, optional
            Edges for `by`.

        Returns
        -------
        Table
            A row a label (and bin): ``label, bin, n, bias, sigma, pull, mean_error``; bias is the
            median of (label - reference), sigma = 1.4826 MAD of it (robust, about the median),
            pull the same of (label - reference) / error.

        Raises
        ------
        MissingInput
            If the tables share no label, or a column is missing.
        """
        return compare.compare(self, reference, labels=labels, by=by, bins=bins)

    def values(self, name: str) -> NDArray[np.float32]:
        """Return one label as float32 [n]."""
        return np.asarray(self[name], dtype=np.float32)
