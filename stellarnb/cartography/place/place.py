"""Place stars in the Galaxy: find a distance for each, then convert to Galactocentric."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stellarnb.cartography.place import galactocentric as geometry
from stellarnb.cartography.place import parallax
from stellarnb.cartography.place.galactocentric import FRAME
from stellarnb.cartography.place.luminosity import A_G_PER_A_K, A_G_PER_A_V, BC_RANGE
from stellarnb.cartography.place.spectroscopic import SpectroscopicInputs, spectroscopic_distances
from stellarnb.cartography.stars import StarColumns
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table

__all__ = ["DESCRIPTIONS", "UNITS", "MissingExtinction", "NoZeroPoint", "place"]

Floats = NDArray[np.float64]

#: Units of the columns that `place` and the mock add, by name.
UNITS = {
    "teff": "K",
    "teff_error": "K",
    "logg": "dex(cm s-2)",
    "logg_error": "dex(cm s-2)",
    **{
        name + end: "dex"
        for name in ("m_h", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li")
        for end in ("", "_error")
    },
    **{name + end: "kpc" for name in ("distance", "X", "Y", "Z", "R") for end in ("", "_error")},
    **{name + end: "km / s" for name in ("v_R", "v_phi", "v_Z") for end in ("", "_error")},
    "Lz": "kpc km / s",
    "Lz_error": "kpc km / s",
    **dict.fromkeys(("phi", "phi_error", "ra", "dec"), "deg"),
    **dict.fromkeys(("parallax", "parallax_error"), "mas"),
    **{name + end: "mas / yr" for name in ("pmra", "pmdec") for end in ("", "_error")},
    "radial_velocity": "km / s",
    "radial_velocity_error": "km / s",
    **{f"phot_{band}_mean_mag": "mag" for band in ("g", "bp", "rp")},
    "av": "mag",
}

#: Descriptions of those columns.
DESCRIPTIONS = {
    "X": "Galactocentric X, from the Sun through the centre: negative at the Sun",
    "Y": "Galactocentric Y, along the rotation at the Sun",
    "Z": "Galactocentric Z, height above the plane",
    "R": "distance from the Galactic axis",
    "phi": "Galactocentric azimuth from +X towards +Y: 180 at the Sun, falling along the rotation",
    "distance": "distance from the Sun",
    "distance_method": "how the distance was found; 'none' where there is no valid one",
    "v_R": "velocity away from the Galactic axis",
    "v_phi": "velocity along the Galactic rotation, positive with the Sun's",
    "v_Z": "velocity to the north",
    "Lz": "angular momentum about the axis, positive along the Galactic rotation",
    "snr": "signal-to-noise ratio of the spectrum",
    "component": "the part of the mock that the star was drawn from",
}

_KINDS = ("parallax", "spectroscopic", "starhorse")
#: Distances [kpc] beyond these are none of a star of the Milky Way.
_NEAREST, _FARTHEST = 1e-6, 1000.0
#: How many of the stars without a distance the provenance names.
_LISTED = 1000
#: Relative error of an extinction whose error is not known.
_A_G_RELATIVE = 0.15
#: A_G [mag] beyond these is none: targeting tables hold numbers like -86.
_A_G_LIMITS = (-0.5, 15.0)
#: Columns of extinctions, and A_G for one magnitude of each.
_EXTINCTIONS = {"a_g": 1.0, "ag_gspphot": 1.0, "av": A_G_PER_A_V, "a_k": A_G_PER_A_K}
_ZERO_POINT_INPUTS = (
    "nu_eff_used_in_astrometry",
    "pseudocolour",
    "ecl_lat",
    "astrometric_params_solved",
)


class NoZeroPoint(UserWarning):
    """A constant stands in for the zero-point of parallaxes."""


class MissingExtinction(UserWarning):
    """No extinction is known, so that spectroscopic distances come out too large."""


@dataclass
class _Distances:
    """Hold a distance for each star, the method that gave it, and notes for the provenance."""

    distance: Floats
    error: Floats
    method: NDArray[np.object_]
    notes: dict[str, Any] = field(default_factory=dict)

    def fill(self, rows: NDArray[np.bool_], distance: Floats, error: Floats, method: str) -> None:
        """Set the distances of some rows where they are valid."""
        with np.errstate(invalid="ignore"):
            use = rows & (distance > _NEAREST) & (distance < _FARTHEST)
        self.distance[use], self.error[use], self.method[use] = distance[use], error[use], method


def place(
    labels: Any,
    stars: Any = None,
    distance: str = "parallax",
    *,
    length_scale: float = parallax.LENGTH_SCALE,
    mass: tuple[float, float] | None = None,
) -> Table:
    """Find where the stars are in the Galaxy and, where their motions are known, how they move.

    Parameters
    ----------
    labels : table
        What a model returned, or any table of stars; its rows are kept, in their order.
    stars : table, optional
        Positions, parallaxes, photometry by their Gaia names (usual aliases are understood),
        matched by ``source_id``, or row by row where one of the tables has none. What it lacks
        is looked for in `labels`; without `stars` everything is.
    distance : str, optional
        ``"parallax"``: corrected for its zero-point (Lindegren et al. 2021; needs
        ``nu_eff_used_in_astrometry pseudocolour ecl_lat astrometric_params_solved``, else a
        constant of -0.028 mas is subtracted with the warning `NoZeroPoint`), 1/parallax where parallax/error > 5,
        the median under a prior of exponentially decreasing space density (Bailer-Jones 2015)
        below; spectroscopic for stars without a usable parallax.
        ``"spectroscopic"``: from Teff, log g, a prior on the mass, a bolometric correction, G
        and the extinction. ``"starhorse"``: ``dist50 dist16 dist84`` [kpc]. Any other name: that
        column [kpc, or its own unit of length], with ``<column>_error``.
    length_scale : float, optional
        L of the prior [kpc].
    mass : tuple of float, optional
        Mass and its scatter [solar masses] for spectroscopic distances, instead of the prior of
        `stellarnb.cartography.place.luminosity.expected_mass`.

    Returns
    -------
    Table
        Of the kind of `labels`, each of its rows, with ``distance X Y Z R`` [kpc] and ``phi``
        [deg] and their ``_error``, ``distance_method``, and with ``pmra pmdec
        radial_velocity`` also ``v_R v_phi v_Z`` [km/s] and ``Lz`` [kpc km/s] with theirs. NaN,
        and ``"none"`` as the method, where there is no valid distance. The provenance names
        the frame, the methods and priors, and counts and lists the stars without a distance.

    Raises
    ------
    MissingInput
        If there are no positions, or no column for this kind of distance.
    InvalidInput
        If the tables cannot be matched, or a parameter is not a positive number.

    Warns
    -----
    NoZeroPoint
        If the constant is used for the zero-point.
    MissingExtinction
        If spectroscopic distances are made without an extinction.
    """
    _check(length_scale, mass)
    columns = StarColumns.of(labels, stars)
    ra, dec = _sky(columns)
    found = _find_distances(columns, distance, length_scale, mass)
    known = np.isfinite(ra) & np.isfinite(dec)
    found.distance[~known], found.error[~known], found.method[~known] = np.nan, np.nan, "none"
    added: dict[str, Any] = {
        "distance": found.distance,
        "distance_error": found.error,
        "distance_method": pa.array(found.method, pa.string()),
        **geometry.places(ra, dec, found.distance, found.error),
        **_velocities(columns, (ra, dec), found),
    }
    sky = {"ra": ra, "dec": dec}
    added = {name: v for name, v in sky.items() if name not in columns.labels} | added
    return columns.labels.with_columns(
        {name: _slim(name, values) for name, values in added.items()},
        units=UNITS,
        descriptions=DESCRIPTIONS,
        provenance=_provenance(columns, found, distance, known),
    )


def _check(length_scale: float, mass: tuple[float, float] | None) -> None:
    if not (np.isfinite(length_scale) and length_scale > 0):
        raise InvalidInput(f"length_scale={length_scale!r}: give a length in kpc, such as 1.35.")
    if mass is not None and not (np.shape(mass) == (2,) and mass[0] > 0 and mass[1] >= 0):
        raise InvalidInput(f"mass={mass!r}: give a mass and its scatter, such as (1.1, 0.25).")


def _sky(columns: StarColumns) -> tuple[Floats, Floats]:
    ra, dec = columns.need("ra"), columns.need("dec")
    beyond = np.flatnonzero(np.isfinite(dec) & (np.abs(dec) > 90.0))
    if len(beyond):
        row = int(beyond[0])
        raise InvalidInput(f"dec: row {row} holds {dec[row]:g} deg, beyond a pole. Is it in deg?")
    return ra, dec


def _find_distances(
    columns: StarColumns, kind: str, length_scale: float, mass: tuple[float, float] | None
) -> _Distances:
    n = len(columns)
    out = _Distances(np.full(n, np.nan), np.full(n, np.nan), np.full(n, "none", dtype=object))
    every = np.ones(n, dtype=bool)
    if kind == "parallax":
        spectra = not columns.lacking("teff", "logg", "phot_g_mean_mag")
        if spectra and columns.lacking("parallax"):
            out.notes["parallax"] = "none in these tables"
        else:
            _by_parallax(columns, out, length_scale)
        left = np.asarray(out.method == "none")
        if spectra and left.any():
            _by_spectrum(columns, out, left, mass)
    elif kind == "spectroscopic":
        _by_spectrum(columns, out, every, mass)
    elif kind == "starhorse":
        d16, d50, d84 = (columns.need(name) for name in ("dist16", "dist50", "dist84"))
        out.fill(every, d50, 0.5 * (d84 - d16), "starhorse")
        out.notes["source"] = (
            "StarHorse (Anders et al. 2022, A&A 658, A91): dist50, half of 16-84 %"
        )
    else:
        value, error = columns.length(kind, _KINDS)
        out.fill(every, value, error, kind)
    return out


def _by_parallax(columns: StarColumns, out: _Distances, length_scale: float) -> None:
    value, error = columns.need("parallax"), columns.need("parallax_error")
    offset, out.notes["parallax_zero_point"] = _zero_point(columns)
    found = parallax.distances(value - offset, error, length_scale)
    out.fill(~found.by_prior, found.distance, found.error, "parallax")
    out.fill(found.by_prior, found.distance, found.error, "prior")
    out.notes["prior"] = (
        f"parallax/error < {parallax.STRONG:g}: exponentially decreasing space density, "
        f"L = {length_scale:g} kpc (Bailer-Jones 2015), median and half of 16-84 %"
    )


def _zero_point(columns: StarColumns) -> tuple[Floats, str]:
    """Return the zero-point of each parallax [mas] and a description of its source."""
    n = len(columns)
    stated = columns.stars.provenance.get("parallax_zero_point")
    if isinstance(stated, float):  # a mock knows its own
        return np.full(n, stated), f"{stated:g} mas, stated by the table of stars"
    constant = parallax.CONSTANT_ZERO_POINT
    lacking = columns.lacking("phot_g_mean_mag", *_ZERO_POINT_INPUTS)
    if lacking:
        words = f"constant {constant:g} mas, for want of {', '.join(lacking)}"
        warnings.warn(f"Parallax zero-point: {words}.", NoZeroPoint, stacklevel=5)
        return np.full(n, constant), words
    inputs = (columns.need(name) for name in ("phot_g_mean_mag", *_ZERO_POINT_INPUTS))
    offset = parallax.zero_point(*inputs)
    beyond = np.isnan(offset)
    words = "Lindegren et al. 2021 (gaiadr3-zeropoint)"
    if beyond.any():
        words += f"; constant {constant:g} mas for {int(beyond.sum())} stars beyond its range"
    return np.where(beyond, constant, offset), words


def _by_spectrum(
    columns: StarColumns,
    out: _Distances,
    rows: NDArray[np.bool_],
    mass: tuple[float, float] | None,
) -> None:
    a_g, a_g_error, source = _extinction(columns)
    metals = "m_h" if columns.has("m_h") else "fe_h"
    inputs = SpectroscopicInputs(
        teff=columns.need("teff"),
        teff_error=columns.get("teff_error"),
        logg=columns.need("logg"),
        logg_error=columns.get("logg_error"),
        m_h=columns.get(metals),
        g=columns.need("phot_g_mean_mag"),
        a_g=a_g,
        a_g_error=a_g_error,
    )
    out.fill(rows, *spectroscopic_distances(inputs, mass), "spectroscopic")
    prior = "giants 10^(0.05±0.10), dwarfs Torres et al. 2010" if mass is None else f"{mass[0]:g}"
    out.notes["spectroscopic"] = (
        f"BC_G of Andrae et al. 2018 ({BC_RANGE[0]:g}-{BC_RANGE[1]:g} K); mass [solar]: {prior}; "
        f"extinction: {source}"
    )


def _extinction(columns: StarColumns) -> tuple[Floats, Floats, str]:
    """Return A_G and its error [mag], and where it comes from."""
    for name, factor in _EXTINCTIONS.items():
        if columns.has(name):
            value = factor * columns.need(name)
            with np.errstate(invalid="ignore"):
                known = (value >= _A_G_LIMITS[0]) & (value <= _A_G_LIMITS[1])
            value = np.where(known, np.maximum(value, 0.0), 0.0)
            text = name if factor == 1.0 else f"{factor:.4g} {name} (Wang & Chen 2019)"
            n = int(np.sum(~known))
            text += f", neglected for {n} stars without a credible one" if n else ""
            return value, _A_G_RELATIVE * value, f"{text}, ±{_A_G_RELATIVE:.0%}"
    warnings.warn(
        "Spectroscopic distances: no extinction (a_g, ag_gspphot, av or a_k), so dust is "
        "neglected and reddened stars come out too far away.",
        MissingExtinction,
        stacklevel=5,
    )
    return np.zeros(len(columns)), np.zeros(len(columns)), "none known, neglected"


def _velocities(
    columns: StarColumns, sky: tuple[Floats, Floats], found: _Distances
) -> dict[str, Floats]:
    if columns.lacking("pmra", "pmdec", "radial_velocity"):
        return {}
    measured = (
        (columns.need(name), columns.get(f"{name}_error"))
        for name in ("pmra", "pmdec", "radial_velocity")
    )
    return geometry.velocities(sky, (found.distance, found.error), *measured)


def _provenance(
    columns: StarColumns, found: _Distances, kind: str, known: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return the note that `place` adds: frame, methods, and who was left without a place."""
    names, counts = np.unique(found.method.astype(str), return_counts=True)
    without = np.flatnonzero(found.method == "none")
    ids = columns.source_id
    note = {
        "frame": FRAME,
        "distance": kind,
        "methods": {str(name): int(number) for name, number in zip(names, counts, strict=True)},
        **found.notes,
        "errors": "linear; positions exact, measurements independent",
        "n_without_distance": len(without),
        "n_without_position": int(np.sum(~known)),
        "without_distance": (without if ids is None else ids[without])[:_LISTED].tolist(),
        "without_distance_lists": "rows" if ids is None else "source_id",
    }
    return {"frame": FRAME, "place": note}


def _slim(name: str, values: Any) -> Any:
    exact = name in {"ra", "dec"} or not isinstance(values, np.ndarray)
    return values if exact else values.astype(np.float32)
