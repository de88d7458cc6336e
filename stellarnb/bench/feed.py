"""What comes before the networks: reading, preparing, and how much memory that takes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stellarnb.bench.memory import peak_gb
from stellarnb.bench.reference import N_PIX
from stellarnb.models.columns import spectra_of
from stellarnb.models.dataset import read_tables
from stellarnb.models.engine import CHUNK, run_networks
from stellarnb.models.inputs import clean_pixels
from stellarnb.models.model import Model

__all__ = ["feed_ratio", "peak_memory_gb", "write_spectra"]

_CHILD = """
import sys
from stellarnb.bench.reference import reference_model
source, out = sys.argv[1:]
reference_model().predict_dataset(source, out, progress=False)
"""


def write_spectra(path: Path, n: int, *, group: int = 8192) -> Path:
    """Write made-up RVS spectra with errors, as fixed-size binary of float32.

    Parameters
    ----------
    path : pathlib.Path
        Of the Parquet file.
    n : int
        Stars.
    group : int, optional
        Stars of a row group.

    Returns
    -------
    pathlib.Path
        The same path.
    """
    rng = np.random.default_rng(0)
    tile = (1 + 0.02 * rng.standard_normal((min(n, group), N_PIX))).astype("<f4")
    kind = pa.binary(4 * N_PIX)
    schema = pa.schema([("source_id", pa.int64()), ("flux", kind), ("flux_error", kind)])
    error = pa.py_buffer(np.full(tile.shape, 0.02, dtype="<f4"))
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, n, group):
            rows = min(group, n - start)
            flux = pa.FixedSizeBinaryArray.from_buffers(kind, rows, [None, pa.py_buffer(tile)])
            sigma = pa.FixedSizeBinaryArray.from_buffers(kind, rows, [None, error])
            ids = pa.array(np.arange(start, start + rows))
            writer.write_table(pa.table([ids, flux, sigma], schema=schema), row_group_size=group)
    return path


def feed_ratio(model: Model, source: Path) -> float:
    """Return CPU time of reading and preparing spectra over that of the networks.

    Parameters
    ----------
    model : Model
        Which.
    source : pathlib.Path
        Parquet file.

    Returns
    -------
    float
    """
    feed = inference = 0.0
    start = time.process_time()
    for table in read_tables(model, source):
        spectra = spectra_of(table, model.card)
        for first in range(0, len(spectra), CHUNK):
            scaled = model.family.scale(clean_pixels(spectra[first : first + CHUNK]), {})
            ready = time.process_time()
            run_networks(model.networks, scaled.flux, scaled.extra)
            done = time.process_time()
            feed += ready - start
            inference += done - ready
            start = done
    return feed / inference


def peak_memory_gb(folder: Path, n: int = 200_000) -> float:
    """Return the peak memory of a process that predicts n spectra from a Parquet file [GB].

    Parameters
    ----------
    folder : pathlib.Path
        Empty, with room for 20 kB a star.
    n : int, optional
        Stars.

    Returns
    -------
    float

    Raises
    ------
    OutputError
        If the process fails; says why.
    """
    source = write_spectra(folder / "spectra.parquet", n)
    arguments = [str(source), str(folder / "labels")]
    return peak_gb(_CHILD, arguments, f"predicts {n} spectra")
