"""Turn parallaxes into distances: subtract the zero-point, and use a prior for weak ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.compiled import compiled

__all__ = [
    "CONSTANT_ZERO_POINT",
    "LENGTH_SCALE",
    "STRONG",
    "ParallaxDistances",
    "distances",
    "zero_point",
]

#: Mean of the formula below over 9 < G < 14 and effective wavenumbers of 1.3-1.6 per micron [mas].
CONSTANT_ZERO_POINT = -0.028
#: 1/parallax is used only above this parallax/error.
STRONG = 5.0
#: Below this parallax/error the measurement contradicts itself, and gives no distance.
_BROKEN = -5.0
#: Scale of the prior [kpc], after Astraatmadja & Bailer-Jones (2016, ApJ 833, 119).
LENGTH_SCALE = 1.35
_NODES = 128

Floats = NDArray[np.float64]


def zero_point(
    g: NDArray[Any],
    nu_eff: NDArray[Any],
    pseudocolour: NDArray[Any],
    ecl_lat: NDArray[Any],
    params_solved: NDArray[Any],
) -> Floats:
    """Return the zero-point [mas] to subtract from Gaia (E)DR3 parallaxes; NaN outside its range.

    Lindegren et al. (2021, A&A 649, A4), as their package ``gaiadr3-zeropoint`` evaluates it.
    """
    from zero_point import zpt

    zpt.load_tables()
    solved = np.nan_to_num(np.asarray(params_solved, dtype=float), nan=0.0)
    usable = np.isin(solved, (31, 95)) & np.isfinite(g) & np.isfinite(ecl_lat)
    colour = np.where(solved == 31, nu_eff, pseudocolour)
    usable &= np.isfinite(colour)
    out = np.full(len(solved), np.nan)
    if usable.any():
        # It compares the colour of the other solution too, which may be NaN.
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore")
            out[usable] = zpt.get_zpt(
                np.asarray(g, dtype=float)[usable],
                colour[usable],
                colour[usable],
                np.asarray(ecl_lat, dtype=float)[usable],
                solved[usable],
                _warnings=False,
            )
    return out


@dataclass(frozen=True)
class ParallaxDistances:
    """Hold distances and errors [kpc], and which stars needed the prior; shape [n] each."""

    distance: Floats
    error: Floats
    by_prior: NDArray[np.bool_]


def distances(
    parallax: NDArray[Any], error: NDArray[Any], length_scale: float = LENGTH_SCALE
) -> ParallaxDistances:
    """Return distances [kpc] from parallaxes [mas] that are free of their zero-point.

    Above 5 sigma 1/parallax; from -5 to 5 the median and half of 16-84 % of the posterior under the
    prior r² exp(-r/L) (Bailer-Jones 2015, PASP 127, 994); none below.
    """
    p, s = (np.asarray(v, dtype=np.float64) for v in (parallax, error))
    known = np.isfinite(p) & np.isfinite(s) & (s > 0)
    with np.errstate(over="ignore"):
        ratio = np.divide(p, s, out=np.full_like(p, -np.inf), where=known)
    strong, weak = ratio > STRONG, (ratio <= STRONG) & (ratio >= _BROKEN)
    distance, spread = np.full_like(p, np.nan), np.full_like(p, np.nan)
    with np.errstate(over="ignore"):  # 1 / 1e-300 mas
        distance[strong] = 1.0 / p[strong]
        spread[strong] = distance[strong] / ratio[strong]
    if weak.any():
        low, middle, high = _posterior(p[weak], s[weak], length_scale)
        distance[weak], spread[weak] = middle, 0.5 * (high - low)
    return ParallaxDistances(distance, spread, weak)


def _posterior(parallax: Floats, error: Floats, length_scale: float) -> tuple[Floats, ...]:
    """Return the 16 %, 50 % and 84 % points of the posterior [kpc]; shape [n] each."""
    out = np.empty((3, len(parallax)))
    _posterior_loop(parallax, error, float(length_scale), _NODES, out)
    return out[0], out[1], out[2]


@compiled
def _posterior_loop(
    parallax: Floats, error: Floats, scale: float, nodes: int, out: Floats
) -> None:  # pragma: no cover - numba
    """Integrate in log r: coarsely from end to end, then finely where there is anything."""
    density = np.empty(nodes)
    wanted = (0.15865525393145707, 0.5, 0.8413447460685429)
    for i in range(parallax.size):
        p, s = parallax[i], error[i]
        # From where likelihood or prior vanish to where both do.
        low = np.log(min(1.0 / (p + 8.0 * s), 0.02 * scale))
        high = np.log(max(30.0 * scale, 3.0 / max(p, s)))
        for _ in range(2):
            step = (high - low) / (nodes - 1)
            top = -np.inf
            for k in range(nodes):
                r = np.exp(low + k * step)
                # One r of the three is dr / dlog r.
                density[k] = 3.0 * (low + k * step) - r / scale - 0.5 * ((p - 1.0 / r) / s) ** 2
                top = max(top, density[k])
            first, last = 0, nodes - 1
            while density[first] < top - 16.0:
                first += 1
            while density[last] < top - 16.0:
                last -= 1
            if first == 0 and last == nodes - 1:
                break
            low, high = low + max(first - 1, 0) * step, low + min(last + 1, nodes - 1) * step
        step = (high - low) / (nodes - 1)
        total = 0.0
        for k in range(nodes):
            r = np.exp(low + k * step)
            value = 3.0 * (low + k * step) - r / scale - 0.5 * ((p - 1.0 / r) / s) ** 2
            # The integral up to the middle between this node and the next.
            total += np.exp(value - top)
            density[k] = total
        k = 0
        for j in range(3):
            goal = wanted[j] * total
            while density[k] < goal:
                k += 1
            before = density[k - 1] if k > 0 else 0.0
            part = (goal - before) / (density[k] - before)
            out[j, i] = np.exp(low + (k - 0.5 + part) * step)
