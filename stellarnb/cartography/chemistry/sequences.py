"""Find the two sequences in [α/M] against [M/H], and the line between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.aggregate.api import Mask, star_mask
from stellarnb.cartography.select.rules import Selection
from stellarnb.cartography.tables import as_float32
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table

__all__ = ["DIVIDING_LINE", "AlphaSide", "dividing_line", "find_sequences"]

#: The usual line between the sequences, as ([M/H], [α/M]): 0.12 - 0.13 [Fe/H], flat above
#: solar (Weinberg et al. 2019, ApJ 874, 102, for [Mg/Fe]).
DIVIDING_LINE = ((-1.5, 0.315), (0.0, 0.12), (0.6, 0.12))
#: [α/M] that is looked at, and its step [dex].
_LOW, _HIGH, _STEP = -0.2, 0.55, 0.0025
#: Fewest stars of a slice, least width [dex] of the smoothing.
_FEWEST, _SMOOTH = 100, 0.012
#: The valley between two sequences is below this share of the lower peak.
_VALLEY = 0.85
#: Slices of [M/H].
_EDGES = tuple(np.round(np.arange(-1.0, 0.31, 0.1), 3).tolist())

Floats = NDArray[np.float64]
Line = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class AlphaSide(Selection):
    """Stars above (or below) a line in [α/M] against [M/H]: the high-α (or low-α) sequence.

    Attributes
    ----------
    high : bool
        True for the stars above, or on, the line.
    line : tuple of (float, float)
        Nodes ([M/H], [α/M]) with rising [M/H], joined by straight lines and flat beyond them.
    m_h, alpha_m : str
        Columns.

    Raises
    ------
    InvalidInput
        If the nodes are not finite or do not rise.

    Examples
    --------
    >>> AlphaSide(high=True).mask({"m_h": [-0.5, -0.5], "alpha_m": [0.3, 0.05]}).tolist()
    [True, False]
    """

    high: bool = True
    line: Line = DIVIDING_LINE
    m_h: str = "m_h"
    alpha_m: str = "alpha_m"

    def __post_init__(self) -> None:
        try:
            nodes = np.array(self.line, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"AlphaSide: expected nodes as pairs of numbers: {error}") from error
        shaped = nodes.ndim == 2 and nodes.shape[1:] == (2,) and len(nodes) > 0
        if not shaped or not np.isfinite(nodes).all() or not np.all(np.diff(nodes[:, 0]) > 0):
            raise InvalidInput("AlphaSide: expected finite nodes ([M/H], [α/M]) with rising [M/H].")
        object.__setattr__(self, "line", tuple((float(a), float(b)) for a, b in nodes))
        object.__setattr__(self, "high", bool(self.high))

    def mask(self, table: Any) -> Mask:
        """Return bool [n], True for the rows that belong."""
        found = as_float32(table, (self.m_h, self.alpha_m))
        metals, alpha = found[self.m_h], found[self.alpha_m]
        nodes = np.array(self.line)
        above = alpha >= np.interp(metals, nodes[:, 0], nodes[:, 1])
        known = np.isfinite(metals) & np.isfinite(alpha)
        result: Mask = known & (above if self.high else ~above)
        return result

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the rule reads."""
        return frozenset({self.m_h, self.alpha_m})


def find_sequences(
    table: Any,
    m_h: str = "m_h",
    alpha_m: str = "alpha_m",
    edges: Sequence[float] = _EDGES,
    *,
    where: Mask | None = None,
    samples: int = 100,
    seed: int = 0,
) -> Table:
    """Look for two sequences of [α/M] in slices of [M/H].

    In each slice the smoothed distribution of [α/M] has two sequences if it has two peaks with a
    valley between them that is below 85 % of the lower peak, and is so in at least 95 % of
    bootstrap samples.

    Parameters
    ----------
    table : table
        The stars.
    m_h, alpha_m : str, optional
        Columns.
    edges : sequence of float, optional
        Rising edges of the slices [dex].
    where : numpy.ndarray of bool, shape [n], optional
        Which stars; all if omitted.
    samples, seed : int, optional
        Bootstrap samples, and the seed of their drawing.

    Returns
    -------
    Table
        One row a slice: ``m_h_low m_h_high``, number ``n``, ``two`` (whether there are two
        sequences), the peaks ``low`` and ``high`` [dex] with ``_error`` by bootstrap, the
        ``valley`` between them and the share ``high_share`` of the stars above it. With one
        sequence ``low`` is its peak and the rest is NaN; all is NaN with fewer than 100 stars.

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If the edges don't rise, or there are fewer than two samples.
    """
    cuts = np.asarray(edges, dtype=np.float64)
    if cuts.ndim != 1 or len(cuts) < 2 or not np.all(np.diff(cuts) > 0) or samples < 2:
        raise InvalidInput("find_sequences: expected rising edges and two or more samples.")
    found = as_float32(table, (m_h, alpha_m))
    metals, alpha = found[m_h], found[alpha_m]
    mask = star_mask(where, len(metals))
    good = (mask if mask.size else np.ones(len(metals), dtype=bool)) & np.isfinite(alpha)
    index = np.searchsorted(cuts, metals, side="right") - 1
    rng = np.random.default_rng(seed)
    rows = [
        _slice(alpha[good & (index == i)].astype(np.float64), samples, rng)
        for i in range(len(cuts) - 1)
    ]
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    note = {"m_h": m_h, "alpha_m": alpha_m, "samples": samples, "seed": seed}
    return Table({"m_h_low": cuts[:-1], "m_h_high": cuts[1:], **columns}, provenance=note)


def dividing_line(sequences: Table) -> Line:
    """Return the line along the valleys that `find_sequences` found, for `AlphaSide`.

    Raises
    ------
    InvalidInput
        If no slice has two sequences.

    Examples
    --------
    >>> rows = {"m_h_low": [-0.5, 0.0], "m_h_high": [0.0, 0.5], "two": [True, False]}
    >>> dividing_line(Table({**rows, "valley": [0.2, float("nan")]}))
    ((-0.25, 0.2),)
    """
    two = np.asarray(sequences["two"], dtype=bool)
    if not two.any():
        raise InvalidInput(
            "No slice of [M/H] has two sequences, so there is no dividing line. Use DIVIDING_LINE instead."
        )
    middle = 0.5 * (sequences["m_h_low"] + sequences["m_h_high"])
    return tuple(zip(middle[two].tolist(), sequences["valley"][two].tolist(), strict=True))


def _slice(alpha: Floats, samples: int, rng: np.random.Generator) -> dict[str, Any]:
    """Find the sequences of one slice, and their errors."""
    n = len(alpha)
    steps = round((_HIGH - _LOW) / _STEP)
    counts, ends = np.histogram(alpha, bins=steps, range=(_LOW, _HIGH))
    centres = 0.5 * (ends[1:] + ends[:-1])
    none = dict.fromkeys(("low", "high", "low_error", "high_error", "valley", "high_share"), np.nan)
    if counts.sum() < _FEWEST:
        return {"n": n, "two": False, **none}
    width = max(_SMOOTH, 0.9 * _core(alpha) * n**-0.2) / _STEP
    best = _peaks(counts, width, centres)
    drawn = [_peaks(rng.poisson(counts), width, centres) for _ in range(samples)]
    pairs = np.array([peaks for peaks in drawn if len(peaks) == 3])
    if len(best) == 3 and len(pairs) >= 0.95 * samples:
        low, valley, high = best
        error = pairs.std(axis=0, ddof=1)
        share = float(np.sum(alpha >= valley)) / n
        values = (low, high, float(error[0]), float(error[2]), valley, share)
        return {"n": n, "two": True, **dict(zip(none, values, strict=True))}
    tops = np.array([_top(rng.poisson(counts), width, centres) for _ in range(samples)])
    one = {"low": _top(counts, width, centres), "low_error": float(tops.std(ddof=1))}
    return {"n": n, "two": False, **(none | one)}


def _core(alpha: Floats) -> float:
    """Return a scale of the narrower structure, not of the whole: half the central range."""
    return 0.5 * float(np.subtract(*np.quantile(alpha, (0.75, 0.25)))) / 1.35


def _smooth(counts: NDArray[Any], width: float) -> Floats:
    from scipy.ndimage import gaussian_filter1d  # imported late: a map does not wait for it

    return np.asarray(gaussian_filter1d(counts.astype(float), width))


def _top(counts: NDArray[Any], width: float, centres: Floats) -> float:
    return float(centres[np.argmax(_smooth(counts, width))])


def _peaks(counts: NDArray[Any], width: float, centres: Floats) -> tuple[float, ...]:
    """Return the two peaks and the valley between them, or nothing."""
    from scipy.signal import find_peaks

    smooth = _smooth(counts, width)
    found, note = find_peaks(smooth, prominence=1e-3 * smooth.max())
    if len(found) < 2:
        return ()
    two = np.sort(found[np.argsort(note["prominences"])[-2:]])
    valley = two[0] + int(np.argmin(smooth[two[0] : two[1] + 1]))
    if smooth[valley] > _VALLEY * min(smooth[two[0]], smooth[two[1]]):
        return ()
    return float(centres[two[0]]), float(centres[valley]), float(centres[two[1]])
