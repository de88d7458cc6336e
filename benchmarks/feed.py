"""What comes before the networks: reading, preparing, and how much memory that takes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.memory import peak_gb
from benchmarks.reference import N_PIX, N_XP
from stellarnb.models.backends.loop import CHUNK, run_networks
from stellarnb.models.bulk import read_tables
from stellarnb.models.inputs.arrow import spectra_of, xp_of
from stellarnb.models.inputs.join import join_inputs
from stellarnb.models.model import Model

__all__ = ["feed_ratio", "peak_memory_gb", "write_spectra"]

#: Scalars of a made-up star.
SCALARS = {
    "phot_g_mean_mag": 13.0,
    "phot_bp_mean_mag": 13.5,
    "phot_rp_mean_mag": 12.4,
    "parallax": 1.0,
    "parallax_error": 0.5,
}

_CHILD = """
import sys
from stellarnb.models import load_model
source, out = sys.argv[1:]
load_model("gaia-rvs").predict_dataset(source, out, progress=False)
"""


def write_spectra(path: Path, n: int, *, group: int = 8192) -> Path:
    """Write made-up RVS and XP spectra with errors and scalars, as `gaia-rvs` reads them."""
    rng = np.random.default_rng(0)
    columns: dict[str, pa.Array] = {}
    rows = min(n, group)
    for name, n_pix in (("flux", N_PIX), ("xp_flux", N_XP)):
        flux = (1 + 0.02 * rng.standard_normal((rows, n_pix))).astype("<f4")
        columns[name] = _packed(flux)
        columns[f"{name}_error"] = _packed(np.full(flux.shape, 0.02, dtype="<f4"))
    for name, value in SCALARS.items():
        columns[name] = pa.array(value + 0.1 * rng.standard_normal(rows))
    with pq.ParquetWriter(
        path,
        pa.schema([("source_id", pa.int64()), *((k, v.type) for k, v in columns.items())]),
        compression="none",
        use_dictionary=False,
    ) as writer:
        for start in range(0, n, group):
            count = min(group, n - start)
            ids = pa.array(np.arange(start, start + count))
            table = pa.table({"source_id": ids, **{k: v[:count] for k, v in columns.items()}})
            writer.write_table(table, row_group_size=group)
    return path


def _packed(array: NDArray[np.float32]) -> pa.Array:
    """Return rows of an array as fixed-size binary, without a copy."""
    kind = pa.binary(array.shape[1] * array.itemsize)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(array), [None, pa.py_buffer(array)])


def feed_ratio(model: Model, source: Path) -> float:
    """Return CPU time of reading and preparing spectra over that of the networks."""
    feed = inference = 0.0
    start = time.process_time()
    for table in read_tables(model, source):
        seen = join_inputs(
            model.card, spectra_of(table, model.card), table, xp_of(table, model.card)
        )
        scalars = model.match_scalars(seen.source_id, table, allow_missing=True)
        for first in range(0, len(seen), CHUNK):
            rows = slice(first, first + CHUNK)
            some = {name: values[rows] for name, values in scalars.items()}
            scaled = model.family.scale(seen[rows].pixels(), some)
            ready = time.process_time()
            run_networks(model.networks, *scaled.inputs)
            done = time.process_time()
            feed += ready - start
            inference += done - ready
            start = done
    return feed / inference


def peak_memory_gb(folder: Path, n: int = 200_000) -> float:
    """Return the peak memory of a process that predicts n spectra from a Parquet file [GB]."""
    source = write_spectra(folder / "spectra.parquet", n)
    arguments = [str(source), str(folder / "labels")]
    return peak_gb(_CHILD, arguments, f"predicts {n} spectra")
