"""From the sky and a distance to Galactocentric places and velocities, errors along."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.frame import KM_S_PER_MAS_YR_KPC, frame, sky_basis, unit_vectors

__all__ = ["places", "velocities"]

#: Keeps a star on the very axis [kpc] from a division by zero.
_TINY = 1e-9

Floats = NDArray[np.float64]
Columns = dict[str, Floats]


def places(ra: NDArray[Any], dec: NDArray[Any], distance: Floats, error: Floats) -> Columns:
    """Return where the stars are in the Galaxy.

    Parameters
    ----------
    ra, dec : numpy.ndarray, shape [n]
        ICRS [deg]; their errors are negligible.
    distance, error : numpy.ndarray, shape [n]
        [kpc].

    Returns
    -------
    dict of str to numpy.ndarray, shape [n]
        ``X Y Z R`` [kpc] and ``phi`` [deg, 0 to 360], each with its ``_error``, propagated
        linearly from the distance's; all NaN where the distance is.
    """
    along = frame().matrix @ unit_vectors(ra, dec)
    x, y, z = along * distance + frame().sun[:, None]
    r = np.maximum(np.hypot(x, y), _TINY)
    outward, sideward = (along[0] * x + along[1] * y) / r, (along[1] * x - along[0] * y) / r
    turn = np.degrees(np.abs(sideward) * error / r)
    return {
        "X": x,
        "Y": y,
        "Z": z,
        "R": r,
        "phi": np.degrees(np.arctan2(y, x)) % 360.0,
        "X_error": np.abs(along[0]) * error,
        "Y_error": np.abs(along[1]) * error,
        "Z_error": np.abs(along[2]) * error,
        "R_error": np.abs(outward) * error,
        "phi_error": np.minimum(turn, 180.0),
    }


def velocities(
    sky: tuple[Floats, Floats],
    distance: tuple[Floats, Floats],
    pmra: tuple[Floats, Floats],
    pmdec: tuple[Floats, Floats],
    radial_velocity: tuple[Floats, Floats],
) -> Columns:
    """Return how the stars move in the Galaxy.

    Parameters
    ----------
    sky : tuple of numpy.ndarray, shape [n]
        ICRS ra and dec [deg].
    distance, pmra, pmdec, radial_velocity : tuple of numpy.ndarray, shape [n]
        Value and error: [kpc], [mas/yr] (pmra with cos dec), [mas/yr], [km/s].

    Returns
    -------
    dict of str to numpy.ndarray, shape [n]
        ``v_R v_phi v_Z`` [km/s] and ``Lz`` [kpc km/s], each with its ``_error``: propagated
        linearly, the four measurements taken as independent. ``v_phi`` and ``Lz`` are positive
        along the Galactic rotation. NaN where a value or an error is.
    """
    matrix, d = frame().matrix, distance[0]
    axes = [matrix @ axis for axis in (unit_vectors(*sky), *sky_basis(*sky))]
    x, y, _ = axes[0] * d + frame().sun[:, None]
    r = np.maximum(np.hypot(x, y), _TINY)
    scale = KM_S_PER_MAS_YR_KPC
    sideways = scale * (pmra[0] * axes[1] + pmdec[0] * axes[2])
    total = radial_velocity[0] * axes[0] + sideways * d + frame().sun_velocity[:, None]
    out = _cylindrical(x, y, r, total)
    # How each measurement changes the components; the distance moves the star's place as well.
    by_distance = _cylindrical(x, y, r, sideways)
    for name, extra in _turned(x, y, r, total, axes[0]).items():
        by_distance[name] += extra
    changes = (
        (by_distance, distance[1]),
        (_cylindrical(x, y, r, scale * d * axes[1]), pmra[1]),
        (_cylindrical(x, y, r, scale * d * axes[2]), pmdec[1]),
        (_cylindrical(x, y, r, axes[0]), radial_velocity[1]),
    )
    for name in tuple(out):
        squares = sum((change[name] * error) ** 2 for change, error in changes)
        out[f"{name}_error"] = np.sqrt(squares)
    return out


def _cylindrical(x: Floats, y: Floats, r: Floats, v: Floats) -> Columns:
    spin = y * v[0] - x * v[1]
    return {"v_R": (x * v[0] + y * v[1]) / r, "v_phi": spin / r, "v_Z": v[2].copy(), "Lz": spin}


def _turned(x: Floats, y: Floats, r: Floats, v: Floats, along: Floats) -> Columns:
    """Return how the components of a velocity change as the star moves along a direction."""
    dx, dy, _ = along
    turn = (x * dy - y * dx) / r**2
    spin = y * v[0] - x * v[1]
    return {
        "v_R": -turn * spin / r,
        "v_phi": turn * (x * v[0] + y * v[1]) / r,
        "v_Z": np.zeros_like(r),
        "Lz": dy * v[0] - dx * v[1],
    }
