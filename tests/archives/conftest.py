"""Archives that the tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stellarnb.archives import LocalArchive, open_archive
from stellarnb.tables import Result


@pytest.fixture(scope="session")
def sample() -> LocalArchive:
    return open_archive("sample")


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write tables to a new folder as Parquet files."""

    def make(**tables: dict[str, object]) -> Path:
        folder = tmp_path_factory.mktemp("archive")
        for name, columns in tables.items():
            Result(columns).write(folder / f"{name}.parquet")
        return folder

    return make


@pytest.fixture(scope="session")
def sky(make_folder: Callable[..., Path]) -> LocalArchive:
    """20,000 stars over the whole sky, dense at the poles, at RA 0 and in one field."""
    from astropy import units as u
    from astropy_healpix import lonlat_to_healpix

    rng = np.random.default_rng(5)
    n = 5000
    ra = np.concatenate(
        [rng.uniform(0, 360, 2 * n), rng.normal(0, 0.5, n) % 360, rng.normal(83, 0.2, n)]
    )
    dec = np.concatenate(
        [
            np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            rng.choice([-1, 1], n) * (90 - np.abs(rng.normal(0, 0.5, n))),
            rng.normal(0, 1, n),
            rng.normal(-5, 0.2, n),
        ]
    )
    pixel = lonlat_to_healpix(ra * u.deg, dec * u.deg, nside=4096, order="nested")
    source_id = (pixel.astype(np.int64) << 35) + np.arange(len(ra))
    order = np.argsort(source_id)
    columns = {"source_id": source_id[order], "ra": ra[order], "dec": dec[order]}
    return LocalArchive(make_folder(stars=columns), name="sky")
