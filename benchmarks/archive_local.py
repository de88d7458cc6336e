"""How fast the embedded archive is: cones against DuckDB alone, a crossmatch against astropy."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.rows import row, timed
from stellarnb.archives import LocalArchive
from stellarnb.archives.base.crossmatch import Pairs, match_positions
from stellarnb.errors import OutputError
from stellarnb.tables import Result

__all__ = ["bench_archive_local"]

RUNS = 5
#: Stars of the table that cones are cut from.
N_CONE = 1_000_000
#: Stars of each list of the crossmatch.
N_MATCH = 690_000
RADIUS_DEG = 1.0
MATCH_ARCSEC = 1.0
#: Where cones are cut: anywhere, at a pole, where right ascension starts anew.
CENTRES = ((10.0, 20.0), (200.0, -60.0), (0.0, 0.0), (30.0, 89.9), (266.4, -29.0))

_HAVERSINE = """SELECT * FROM stars WHERE 2 * ASIN(SQRT(POWER(SIN(RADIANS("dec" - {dec}) / 2), 2)
  + COS(RADIANS("dec")) * COS(RADIANS({dec})) * POWER(SIN(RADIANS(ra - {ra}) / 2), 2)))
  <= RADIANS({radius})"""

Floats = NDArray[np.float64]


def bench_archive_local() -> list[dict[str, Any]]:
    """Measure the embedded archive, interleaved with its peers, median of five."""
    with tempfile.TemporaryDirectory(prefix="stellarnb-bench-") as folder:
        cones = _cones(Path(folder))
    matches = _matches()
    return [
        row("archive.cone", "times as fast, 1 deg of 1,000,000 stars", _CONE_PEER, 4.0, cones),
        row("archive.crossmatch", "times as fast, 690,000 x 690,000, 1 arcsec", _SKY, 3.0, matches),
    ]


_CONE_PEER = "haversine on each row, the same table of the same DuckDB"
_SKY = "astropy match_coordinates_sky, the same pairs"


def _cones(folder: Path) -> list[float]:
    """Return for each run how much longer the peer takes for all cones."""
    made_up_stars(N_CONE).write(folder / "stars.parquet")
    archive = LocalArchive(folder, name="bench")
    archive.cone(CENTRES[0], RADIUS_DEG)  # reads the table, and looks once where its stars lie
    ratios = []
    for _ in range(RUNS):
        ours = theirs = 0.0
        for centre in CENTRES:
            spent, mine = timed(partial(archive.cone, centre, RADIUS_DEG))
            ours += spent
            spent, all_ = timed(partial(_brute_force, archive, centre))
            theirs += spent
            if set(mine["source_id"].tolist()) != set(all_["source_id"].to_pylist()):
                raise OutputError(f"The cone at {centre} has other stars than the peer's.")
        ratios.append(theirs / ours)
    return ratios


def _brute_force(archive: LocalArchive, centre: tuple[float, float]) -> pa.Table:
    ra, dec = centre
    sql = _HAVERSINE.format(ra=ra, dec=dec, radius=RADIUS_DEG)
    return archive.engine.run(sql, ["stars"])


def _matches() -> list[float]:
    """Return for each run how much longer the peer takes for the crossmatch."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord, match_coordinates_sky

    rng = np.random.default_rng(3)
    ra, dec = _sky(rng, N_MATCH)
    shift = rng.normal(0, 0.3 / 3600, (2, N_MATCH))
    order = rng.permutation(N_MATCH)
    ra2 = (ra + shift[0] / np.cos(np.radians(dec)))[order] % 360
    dec2 = np.clip(dec + shift[1], -90, 90)[order]

    def peer() -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        mine, theirs = SkyCoord(ra2 * u.deg, dec2 * u.deg), SkyCoord(ra * u.deg, dec * u.deg)
        index, apart, _ = match_coordinates_sky(mine, theirs)
        return index, apart <= MATCH_ARCSEC * u.arcsec

    ratios = []
    for _ in range(RUNS):
        ours, pairs = timed(lambda: match_positions(ra2, dec2, ra, dec, MATCH_ARCSEC / 3600))
        theirs, (index, near) = timed(peer)
        _same(pairs, index, near)
        ratios.append(theirs / ours)
    return ratios


def _same(pairs: Pairs, index: NDArray[np.int64], near: NDArray[np.bool_]) -> None:
    """Raise unless both found the same pairs; at the very edge rounding may decide."""
    first = np.flatnonzero(near)
    sure = pairs.separation < MATCH_ARCSEC * (1 - 1e-9)
    mine = dict(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    theirs = dict(zip(first.tolist(), index[first].tolist(), strict=True))
    unlike = {row for row, star in mine.items() ^ theirs.items()}
    if unlike & set(pairs.first[sure].tolist()) or len(unlike) > 10:
        raise OutputError(f"The crossmatch differs from astropy's in {len(unlike)} rows.")


def _sky(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return made-up positions [deg] over the sky: half of them near the plane of the disc."""
    ra = rng.uniform(0, 360, n)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    disc = np.arange(n) % 2 == 0
    dec[disc] = np.clip(rng.normal(-20, 15, int(disc.sum())), -90, 90)
    return ra, dec


def made_up_stars(n: int) -> Result:
    """Return made-up stars with identifiers as Gaia's, sorted by them."""
    from astropy import units as u
    from astropy_healpix import lonlat_to_healpix

    rng = np.random.default_rng(1)
    ra, dec = _sky(rng, n)
    pixel = lonlat_to_healpix(ra * u.deg, dec * u.deg, nside=4096, order="nested")
    ids = (pixel.astype(np.int64) << 35) + np.arange(n)
    order = np.argsort(ids)
    columns = {
        "source_id": ids[order],
        "ra": ra[order],
        "dec": dec[order],
        "phot_g_mean_mag": rng.uniform(5, 18, n).astype(np.float32),
        "teff": rng.uniform(3500, 8000, n).astype(np.float32),
    }
    return Result(columns, provenance={"title": "Made up, for measurements of speed"})
