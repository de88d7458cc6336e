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
        survey: str | None = None,
        by: str | None = None,
        bins: Sequence[float] | None = None,
    ) -> Table:
        """Compare with reference labels, star by star.

        Parameters
        ----------
        reference : table
            With ``source_id`` and labels: of another survey, of benchmark stars, of members of
            clusters. A source_id that stands there twice counts with its first row; a star
            without one, or without the label, does not count.
        labels : sequence of str, optional
            Which labels; by default, all that both tables have.
        survey : {"apogee", "galah", "gsp-phot", "gsp-spec", "starhorse", "benchmark"}, optional
            Survey whose column names the reference has. By default, columns have the labels' names.
        by : str, optional
            What to split by: a column of numbers of the reference (such as ``snr``, with `bins`),
            a column of names (such as ``cluster``), or ``region``: dwarfs, subgiants and giants by
            the reference's Teff and logg (below logg 3.0 giants, above 4.0 dwarfs; 3.5 and
            4.2 where cooler than 5300 K).
        bins : sequence of float, optional
            Edges for numbers.

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
        InvalidInput
            For an unknown survey, edges that do not rise, or a column that holds no numbers.
        """
        return compare.compare(self, reference, labels=labels, survey=survey, by=by, bins=bins)

    def values(self, name: str) -> NDArray[np.float32]:
        """Return one label as float32 [n]."""
        return np.asarray(self[name], dtype=np.float32)
