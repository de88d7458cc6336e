from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stellarnb as snb
from stellarnb.errors import InvalidInput
from stellarnb.models.bulk import PartitionPredictor
from stellarnb.models.model import Model

dd = pytest.importorskip("dask.dataframe", reason="the extra [lsdb] is not installed")


@pytest.fixture(scope="module")
def model() -> Model:
    return snb.load_model("xp-apogee")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    archive = snb.open_archive("sample")
    stars = archive.query("SELECT TOP 400 * FROM stars ORDER BY source_id")
    spectra = archive.spectra(stars)
    table = stars.to_pandas().set_index("source_id").loc[spectra.ids].reset_index()
    assert spectra.error is not None
    binary = pd.ArrowDtype(pa.binary(4 * spectra.flux.shape[1]))
    for name, rows in (("flux", spectra.flux), ("flux_error", spectra.error)):
        table[name] = pd.Series([row.tobytes() for row in rows], dtype=binary)
    return table


@pytest.fixture(scope="module")
def local(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    return PartitionPredictor(model, allow_missing=True)(frame)


def check(found: pd.DataFrame, local: pd.DataFrame) -> None:
    assert found["source_id"].tolist() == local["source_id"].tolist()
    assert list(found.columns) == list(local.columns)
    for name in ("teff", "fe_h", "teff_error", "novelty"):
        np.testing.assert_allclose(found[name], local[name], rtol=1e-4, atol=1e-5)
    assert found["boundary"].tolist() == local["boundary"].tolist()


def test_partitions_give_what_predict_gives(
    model: Model, frame: pd.DataFrame, local: pd.DataFrame
) -> None:
    labels = model.predict_partitions(dd.from_pandas(frame, npartitions=5), allow_missing=True)
    assert labels.npartitions == 5
    check(labels.compute(scheduler="synchronous"), local)


def test_a_parquet_dataset_is_read_by_the_workers(
    model: Model, frame: pd.DataFrame, local: pd.DataFrame, tmp_path: Path
) -> None:
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "stars.parquet", row_group_size=150)
    parts = dd.read_parquet(tmp_path, dtype_backend="pyarrow", split_row_groups=True)
    labels = model.predict_partitions(parts, allow_missing=True)
    assert labels.npartitions == 3
    check(labels.compute(scheduler="synchronous"), local)


def test_what_has_no_partitions_is_refused(model: Model, frame: pd.DataFrame) -> None:
    with pytest.raises(InvalidInput, match="DataFrame"):
        model.predict_partitions(frame)


class Deadly(PartitionPredictor):
    """Kills the first worker process that comes to a certain star."""

    def __init__(self, model: Model, note: Path, star: int) -> None:
        super().__init__(model, allow_missing=True)
        self.note, self.star = note, star

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        if (frame["source_id"] == self.star).any() and not self.note.exists():
            self.note.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(frame)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_worker_killed_in_the_middle_costs_its_partition_only(
    model: Model, frame: pd.DataFrame, local: pd.DataFrame, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra [lsdb] is not installed")
    note = tmp_path / "killed"
    predictor = Deadly(model, note, int(frame["source_id"].iloc[210]))
    parts = dd.from_pandas(frame, npartitions=6)
    names = pd.DataFrame({"source_id": np.empty(0, np.int64), "ra": [], "dec": []})
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        labels = parts.map_partitions(predictor, meta=predictor.empty(names))
        found = client.compute(labels).result(timeout=180)
    assert int(note.read_text()) != os.getpid()
    check(found, local)
