"""One engine on many machines: a model mapped over the partitions of a Dask collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from stellarnb.errors import InvalidInput
from stellarnb.models.columns import spectra_of, xp_of
from stellarnb.spectra import SpectrumSet, get_instrument

if TYPE_CHECKING:
    from stellarnb.models.model import Model

__all__ = ["PartitionPredictor", "predict_partitions"]


class PartitionPredictor:
    """Predicts one partition, in whatever process it is called.

    Parameters
    ----------
    model : Model
        Sent to the workers by its name where it has one; they load it once a process.
    allow_missing : bool
        As for `Model.predict`.
    """

    def __init__(self, model: Model, *, allow_missing: bool = False) -> None:
        self.model, self.allow_missing = model, allow_missing

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the labels of a partition, with the partition's own index.

        Parameters
        ----------
        frame : pandas.DataFrame
            ``source_id``, ``flux`` (bytes of float32 or float16, or lists), perhaps
            ``flux_error``, and scalars.

        Returns
        -------
        pandas.DataFrame
        """
        if len(frame) == 0:
            return self.empty().set_index(frame.index)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        labels = self.model.predict(
            spectra_of(table, self.model.card),
            table,
            xp=xp_of(table, self.model.card),
            allow_missing=self.allow_missing,
            progress=False,
        )
        return labels.to_pandas().set_index(frame.index)

    def empty(self, carried: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the labels of no star, for names and types."""
        instrument = get_instrument(self.model.card.instrument)
        none = SpectrumSet(
            np.empty(0, dtype=np.int64),
            instrument.wavelength,
            np.empty((0, len(instrument.wavelength)), dtype=np.float32),
            instrument=instrument,
        )
        return self.model.predict(none, carried, allow_missing=True, progress=False).to_pandas()


def predict_partitions(model: Model, collection: Any, *, allow_missing: bool = False) -> Any:
    """Map a model over a Dask DataFrame or an LSDB catalogue.

    Parameters
    ----------
    model : Model
        Which.
    collection : dask.dataframe.DataFrame or lsdb.Catalog
        Each partition has ``source_id``, ``flux`` (bytes or lists), perhaps ``flux_error``, and
        the scalars by name. Dask takes Python's bytes for text: let it read them as Arrow's, with
        ``dask.dataframe.read_parquet(..., dtype_backend="pyarrow")``.
    allow_missing : bool, optional
        Whether columns of scalars may be absent.

    Returns
    -------
    The same kind of collection
        Of labels, not yet computed: call ``.compute()`` on your own cluster. A worker that is
        lost costs its partition, which another computes again.

    Raises
    ------
    InvalidInput
        If it has no partitions to map over.
    """
    if not (hasattr(collection, "map_partitions") and hasattr(collection, "columns")):
        raise InvalidInput(
            f"predict_partitions takes a Dask DataFrame or an LSDB catalogue, not "
            f"{type(collection).__name__}; use predict or predict_dataset."
        )
    predictor = PartitionPredictor(model, allow_missing=allow_missing)
    names = ["source_id", *(name for name in collection.columns if name in {"ra", "dec"})]
    stars = pd.DataFrame({name: np.empty(0, dtype=np.float64) for name in names})
    stars["source_id"] = stars["source_id"].astype(np.int64)
    return collection.map_partitions(predictor, meta=predictor.empty(stars))
