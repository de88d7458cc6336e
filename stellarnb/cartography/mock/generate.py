"""A mock Milky Way, for maps and tests with no archive at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.memory import give_back_memory, need_memory
from stellarnb.cartography.mock.truth import (
    COMPONENTS,
    DUST_SCATTER,
    G_LIMIT,
    alpha_of,
    dust,
    magnitudes,
    mass_of,
    signal_to_noise,
    teff_of,
    truth,
)
from stellarnb.cartography.place.galactocentric import (
    FRAME,
    KM_S_PER_MAS_YR_KPC,
    frame,
    sky_basis,
    unit_vectors,
)
from stellarnb.cartography.place.luminosity import A_G_PER_A_V, surface_gravity
from stellarnb.cartography.place.place import DESCRIPTIONS, UNITS
from stellarnb.errors import InvalidInput
from stellarnb.tables import Labels

__all__ = ["mock_milky_way"]

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]

NAME = "mock Milky Way (no real stars)"
#: Memory [bytes] a star while the table is made.
_BYTES_PER_STAR = 600
#: Error of a label = floor + slope / (S/N).
_ERRORS = {
    "teff": (30.0, 1200.0),
    "logg": (0.05, 2.0),
    "m_h": (0.025, 1.2),
    "fe_h": (0.025, 1.3),
    "alpha_m": (0.015, 0.55),
}
#: Limits that the flags refer to.
_LIMITS = {
    "teff": (3600.0, 7000.0),
    "logg": (0.0, 5.0),
    "m_h": (-2.4, 0.6),
    "fe_h": (-2.4, 0.6),
    "alpha_m": (-0.15, 0.45),
}
_PHOTOMETRY = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag")
#: Teff [K] against the colour BP - RP without dust.
_COLOUR = ((3500, 4000, 4500, 5000, 5500, 6000, 6500), (2.5, 1.8, 1.38, 1.1, 0.9, 0.75, 0.6))


def mock_milky_way(n: int = 690_000, *, seed: int = 2) -> Labels:
    """Simulate the stars of a Milky Way as a survey like Gaia RVS would see them.

    Thin disc (flared), thick disc, bar and halo, each with its metallicities, gradients,
    [α/M] sequence and velocities; dust; everything brighter than G = 14, where about a third of
    the stars have a S/N between 15 and 25. The labels scatter by errors that depend on S/N; the
    parallaxes, proper motions and radial velocities by errors like Gaia's. ``R Z X Y phi`` and
    ``distance`` are the true places, without error; give the table to `place` for places as
    they would be measured.

    Parameters
    ----------
    n : int, optional
        Number of stars.
    seed : int, optional
        Same seed and same `n`, same stars.

    Returns
    -------
    Labels
        With the usual label columns, then ``snr component ra dec parallax parallax_error pmra
        pmdec radial_velocity`` and their errors, ``phot_g_mean_mag phot_bp_mean_mag
        phot_rp_mean_mag av distance X Y Z R phi``. The provenance says that it is a mock; its
        entry ``truth`` holds the gradients and sequences that were put in.

    Raises
    ------
    InvalidInput
        If `n` or `seed` is not a whole number, 0 or larger.
    OutOfMemory
        If so many stars don't fit; the message says how many would.
    """
    for key, value in (("n", n), ("seed", seed)):
        if not _is_whole(value):
            raise InvalidInput(
                f"mock_milky_way: {key}={value!r} is not a whole number, 0 or larger."
            )
    need_memory(int(n), _BYTES_PER_STAR, "mock_milky_way")
    columns = _draw(int(n), int(seed))
    give_back_memory()
    names = set(columns)
    return Labels(
        columns,
        units={name: unit for name, unit in UNITS.items() if name in names},
        descriptions={name: text for name, text in DESCRIPTIONS.items() if name in names},
        provenance={
            "model": NAME,
            "mock": True,
            "seed": int(seed),
            "n": int(n),
            "frame": FRAME,
            "parallax_zero_point": 0.0,
            "truth": truth(),
        },
    )


def _draw(n: int, seed: int) -> dict[str, Any]:
    """Draw the stars' columns; each part is slimmed before the next: a notebook has little memory."""
    rng = np.random.default_rng(seed)
    where, part = _draw_places(n, rng)
    stars = _draw_stars(where, part, rng)
    columns: dict[str, Any] = {"source_id": np.arange(1, n + 1)}
    columns |= _slimmed(_measure_labels(stars, rng))
    columns |= _slimmed({"snr": stars["snr"], "component": _names(part)})
    columns |= _slimmed(_measure_sky(where, part, stars, rng))
    return columns


@dataclass(frozen=True)
class _Places:
    """Hold ICRS directions [3, n], distances [kpc], places in the frame [kpc] and A_V [mag]."""

    direction: Floats
    distance: Floats
    xyz: Floats
    av: Floats

    @property
    def radius(self) -> Floats:
        """Galactocentric R [kpc]."""
        return np.asarray(np.hypot(self.xyz[0], self.xyz[1]))


def _draw_places(n: int, rng: np.random.Generator) -> tuple[_Places, NDArray[np.int8]]:
    """Draw positions and components by what a magnitude-limited survey sees of each cell."""
    lon = np.linspace(0.0, 360.0, 49)
    half = np.linspace(0.0, 1.0, 25) ** 2.2
    sin_b = np.concatenate([-half[:0:-1], half])
    far = np.geomspace(0.02, 16.0, 49)
    grid = np.meshgrid(*(_middle(edges) for edges in (lon, sin_b, far)), indexing="ij")
    l_c, b_c, d_c = (axis.ravel() for axis in grid)
    xyz = _to_frame(_icrs_of(unit_vectors(l_c, np.degrees(np.arcsin(b_c)))), d_c)
    m_g, brighter = magnitudes()
    seen = np.interp(_faintest(d_c, dust(d_c, l_c, b_c)), m_g, brighter)
    volume = (np.diff(sin_b)[:, None] * np.diff(far**3)[None, :]).ravel()
    seen *= np.tile(volume, len(lon) - 1)
    weight = np.concatenate([component.at(*xyz) * seen for component in COMPONENTS])
    edges = np.cumsum(weight)
    cell = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    part, cell = (v.astype(np.int64) for v in np.divmod(cell, len(l_c)))
    cell, k = np.divmod(cell, len(far) - 1)
    i, j = np.divmod(cell, len(sin_b) - 1)
    around, above = _between(lon, i, rng), _between(sin_b, j, rng)
    distance = np.cbrt(_between(far**3, k, rng))
    direction = _icrs_of(unit_vectors(around, np.degrees(np.arcsin(above))))
    av = dust(distance, around, above) * np.exp(DUST_SCATTER * rng.standard_normal(n))
    # Through more dust than this not even the brightest giants would be seen.
    av = np.minimum(av, (_faintest(distance, np.zeros(n)) - m_g[10]) / A_G_PER_A_V)
    places = _Places(direction, distance, _to_frame(direction, distance), av)
    return places, part.astype(np.int8)


def _draw_stars(where: _Places, part: NDArray[np.int8], rng: np.random.Generator) -> Columns:
    """Draw what the stars are: metals, sequence, luminosity and all that follows from it."""
    n = len(part)
    m_h = _of("m_h", part) + _of("scatter", part) * rng.standard_normal(n)
    m_h += _of("dm_h_dr", part) * (where.radius - truth()["pivot_kpc"])
    m_h += _of("dm_h_dz", part) * np.abs(where.xyz[2])
    m_h = np.clip(m_h, -2.9, 1.0)  # far out, so that no gradient is bent
    kind = np.array([component.alpha for component in COMPONENTS])[part]
    # In the bar the metal-poor half lies on the upper sequence.
    high = (kind == "high") | ((kind == "both") & (m_h < 0.0))
    alpha, scatter = alpha_of(m_h, high)
    alpha += scatter * rng.standard_normal(n)
    m_g, brighter = magnitudes()
    limit = np.interp(_faintest(where.distance, where.av), m_g, brighter)
    absolute = np.interp(rng.random(n) * limit, brighter, m_g)
    teff = teff_of(absolute, m_h) + 15.0 * rng.standard_normal(n)
    mean_mass, mass_scatter = mass_of(absolute)
    log_mass = mean_mass + mass_scatter * rng.standard_normal(n)
    g = absolute + A_G_PER_A_V * where.av + 5 * np.log10(where.distance) + 10.0
    return {
        "teff": teff,
        "logg": surface_gravity(teff, absolute, log_mass),
        "m_h": m_h,
        "fe_h": m_h - 0.009,
        "alpha_m": alpha,
        "phot_g_mean_mag": g,
        "snr": signal_to_noise(g),
    }


def _measure_labels(stars: Columns, rng: np.random.Generator) -> dict[str, Any]:
    """Scatter the labels by their errors, and flag what lies outside the limits."""
    out: dict[str, Any] = {}
    code = np.zeros(len(stars["snr"]), dtype=np.int64)
    for name, (floor, slope) in _ERRORS.items():
        error = floor + slope / stars["snr"]
        out[name] = stars[name] + error * rng.standard_normal(len(error))
        low, high = _LIMITS[name]
        flag = (out[name] < low) | (out[name] > high)
        out |= {f"{name}_error": error, f"{name}_flag": flag}
        code = 2 * code + flag
    texts = [f"{i:0{len(_ERRORS)}b}" + "0" * len(_PHOTOMETRY) for i in range(2 ** len(_ERRORS))]
    out["boundary"] = pa.array(texts).take(pa.array(code))
    out["novelty"] = 0.35 * np.exp(0.35 * rng.standard_normal(len(code)))
    out["good"] = (code == 0) & (out["novelty"] < 1.0)
    return out


def _measure_sky(
    where: _Places, part: NDArray[np.int8], stars: Columns, rng: np.random.Generator
) -> Columns:
    """Return positions, photometry, astrometry and radial velocity as measured."""
    n = len(part)
    x, y, z = where.direction
    ra = np.degrees(np.arctan2(y, x)) % 360.0
    dec = np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))
    pm_true, rv_true = _motions(where, part, (ra, dec), rng)
    error = 0.016 * np.exp(0.2 * rng.standard_normal(n))
    rv_error = 0.3 + 25.0 / stars["snr"]
    colour = np.interp(stars["teff"], *_COLOUR) + 0.415 * where.av
    g = stars["phot_g_mean_mag"]
    phi = np.degrees(np.arctan2(where.xyz[1], where.xyz[0])) % 360.0
    return {
        "ra": ra,
        "dec": dec,
        "parallax": 1.0 / where.distance + error * rng.standard_normal(n),
        "parallax_error": error,
        "pmra": pm_true[0] + error * rng.standard_normal(n),
        "pmra_error": error,
        "pmdec": pm_true[1] + error * rng.standard_normal(n),
        "pmdec_error": error,
        "radial_velocity": rv_true + rv_error * rng.standard_normal(n),
        "radial_velocity_error": rv_error,
        "phot_g_mean_mag": g,
        "phot_bp_mean_mag": g + 0.45 * colour,
        "phot_rp_mean_mag": g - 0.55 * colour,
        "av": where.av,
        "distance": where.distance,
        "X": where.xyz[0],
        "Y": where.xyz[1],
        "Z": where.xyz[2],
        "R": where.radius,
        "phi": phi,
    }


def _motions(
    where: _Places, part: NDArray[np.int8], sky: tuple[Floats, Floats], rng: np.random.Generator
) -> tuple[tuple[Floats, Floats], Floats]:
    """Return the true proper motions [mas/yr] and radial velocities [km/s]."""
    spread = np.array([component.dispersion for component in COMPONENTS])[part].T
    v_r, v_phi, v_z = spread * rng.standard_normal(spread.shape)
    v_phi += _of("v_phi", part) * np.tanh(where.radius / 1.5)
    x, y = where.xyz[:2] / np.maximum(where.radius, 1e-9)
    # Rotation runs from X < 0 towards Y > 0, against the sense of phi.
    velocity = np.stack([v_r * x + v_phi * y, v_r * y - v_phi * x, v_z])
    own = frame().matrix.T @ (velocity - frame().sun_velocity[:, None])
    east, north = sky_basis(*sky)
    scale = KM_S_PER_MAS_YR_KPC * where.distance
    pm = np.sum(own * east, axis=0) / scale, np.sum(own * north, axis=0) / scale
    return pm, np.sum(own * where.direction, axis=0)


def _icrs_of(galactic: Floats) -> Floats:
    """Turn Galactic unit vectors [3, n] into ICRS ones."""
    from astropy.coordinates import ICRS, CartesianRepresentation, Galactic

    axes = Galactic(CartesianRepresentation(np.eye(3))).transform_to(ICRS()).cartesian.xyz.value
    return np.asarray(axes @ galactic)


def _to_frame(direction: Floats, distance: Floats) -> Floats:
    return np.asarray(frame().matrix @ direction * distance + frame().sun[:, None])


def _faintest(distance: Floats, av: Floats) -> Floats:
    """Return the absolute G that is at the limit of the survey."""
    return np.asarray(G_LIMIT - A_G_PER_A_V * av - 5 * np.log10(distance) - 10.0)


def _middle(edges: Floats) -> Floats:
    return 0.5 * (edges[1:] + edges[:-1])


def _between(edges: Floats, index: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    return np.asarray(edges[index] + np.diff(edges)[index] * rng.random(len(index)))


def _of(key: str, part: NDArray[np.int8]) -> Floats:
    return np.array([getattr(component, key) for component in COMPONENTS], dtype=float)[part]


def _names(part: NDArray[np.int8]) -> pa.Array:
    names = pa.array([component.name for component in COMPONENTS])
    return names.take(pa.array(part.astype(np.int64)))


def _slimmed(columns: dict[str, Any]) -> dict[str, Any]:
    """Return float columns as float32, but for positions on the sky; `columns` is used up."""
    out = {}
    for name in list(columns):
        values = columns.pop(name)
        wide = isinstance(values, np.ndarray) and values.dtype == np.float64
        out[name] = values.astype(np.float32) if wide and name not in {"ra", "dec"} else values
    return out


def _is_whole(value: Any) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and int(value) >= 0
