"""Radial and vertical gradients, running medians, and distributions bin by bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.aggregate.api import Mask, grid, star_mask
from stellarnb.cartography.aggregate.bins import Bins
from stellarnb.cartography.aggregate.window import Window
from stellarnb.cartography.place.galactocentric import frame
from stellarnb.cartography.tables import as_float32
from stellarnb.errors import InvalidInput
from stellarnb.tables import Table

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Gradients", "distributions", "gradients", "profile"]

#: Stars are drawn anew in so many groups at most: beyond, the errors no longer change.
_GROUPS = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Gradients:
    """A plane ``value + radial (R - pivot) + vertical |Z|`` through a label.

    Attributes
    ----------
    of : str
        The label.
    value, radial, vertical : float
        The label at the pivot on the plane, and its change with R and abs(Z) [per kpc]; NaN if the
        stars do not determine it.
    value_error, radial_error, vertical_error : float
        Standard deviations over bootstrap samples.
    pivot : float
        R [kpc].
    n, n_left_out : int
        Stars used, and chosen stars without a finite value or place.
    """

    of: str
    value: float
    radial: float
    vertical: float
    value_error: float
    radial_error: float
    vertical_error: float
    pivot: float
    n: int
    n_left_out: int

    def at(self, r: NDArray[Any], abs_z: NDArray[Any]) -> Floats:
        """Return the plane's label at R and abs(Z) [kpc], shape [n]."""
        return np.asarray(self.value + self.radial * (r - self.pivot) + self.vertical * abs_z)


def gradients(
    table: Any,
    of: str = "m_h",
    *,
    where: Mask | None = None,
    pivot: float | None = None,
    samples: int = 500,
    seed: int = 0,
) -> Gradients:
    """Fit the radial and the vertical gradient of a label together, by least squares.

    Parameters
    ----------
    table : table
        With ``R`` and ``Z`` [kpc] and the label.
    of : str, optional
        The label.
    where : numpy.ndarray of bool, shape [n], optional
        Which stars; all if omitted.
    pivot : float, optional
        R [kpc] at which the fit's value is given; the Sun's if omitted.
    samples, seed : int, optional
        Bootstrap samples, and the seed of their drawing. Stars are drawn one by one up to 1000
        of them, and in 1000 random groups above.

    Returns
    -------
    Gradients

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If there are fewer than two samples.

    Examples
    --------
    >>> stars = {"R": [7.0, 8.0, 9.0, 8.0], "Z": [0.0, 1.0, 0.0, 0.0], "m_h": [0.1, -0.3, -0.1, 0.0]}
    >>> fit = gradients(stars, pivot=8.0, samples=2)
    >>> round(fit.radial, 3), round(fit.vertical, 3)
    (-0.1, -0.3)
    """
    if samples < 2:
        raise InvalidInput(
            f"gradients: samples={samples}; expected 2 or more for a bootstrap error."
        )
    pivot = frame().sun_radius if pivot is None else float(pivot)
    r, z, values, left_out = _finite(table, ("R", "Z", of), where)
    design = np.stack([np.ones_like(r), r - pivot, np.abs(z)])
    rng = np.random.default_rng(seed)
    groups = _grouped(design, values, rng)
    best, error = np.full(3, np.nan), np.full(3, np.nan)
    if len(groups):
        best = _solve(groups.sum(axis=0)[None])[0]
        weights = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), samples)
        drawn = _solve(np.tensordot(weights.astype(float), groups, axes=1))
        if len(values) > 3 and np.isfinite(drawn).all():
            error = drawn.std(axis=0, ddof=1)
    value, radial, vertical = best.tolist()
    value_error, radial_error, vertical_error = error.tolist()
    return Gradients(
        of,
        value,
        radial,
        vertical,
        value_error,
        radial_error,
        vertical_error,
        pivot,
        len(values),
        left_out,
    )


def _grouped(design: Floats, values: Floats, rng: np.random.Generator) -> Floats:
    """Return the normal equations of random groups of stars, [groups, 3, 4]."""
    n = len(values)
    m = min(n, _GROUPS)
    group = rng.permutation(n) % m if n > m else np.arange(n)
    rows = np.vstack([design, values])
    out = np.empty((m, 3, 4))
    for i in range(3):
        for j in range(4):
            out[:, i, j] = np.bincount(group, design[i] * rows[j], minlength=m)
    return out


def _solve(equations: Floats) -> Floats:
    """Solve sets of normal equations [k, 3, 4]; NaN where they don't determine the plane."""
    matrix, right = equations[..., :3], equations[..., 3:]
    out = np.full((len(equations), 3), np.nan)
    good = np.linalg.matrix_rank(matrix, hermitian=True) == 3
    if good.any():
        out[good] = np.linalg.solve(matrix[good], right[good])[..., 0]
    return out


def profile(
    table: Any,
    of: str = "m_h",
    along: str = "R",
    edges: Sequence[float] | None = None,
    *,
    where: Mask | None = None,
    samples: int = 500,
    seed: int = 0,
) -> Table:
    """Return how a label runs with R, with height or with any column, bin by bin.

    Parameters
    ----------
    table : table
        The stars.
    of : str, optional
        The label.
    along : str, optional
        A column, such as ``R``; ``|Z|`` is the height.
    edges : sequence of float, optional
        Rising edges; those of `Bins` for R, steps of 0.25 kpc up to 3 for abs(Z).
    where, samples, seed
        As for `gradients`.

    Returns
    -------
    Table
        One row a bin: ``low high`` edges, ``n``, ``median``, ``median_error`` by bootstrap,
        ``p16`` and ``p84``; NaN without stars (without two, for the error).

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If edges are needed or don't rise.

    Examples
    --------
    >>> stars = {"R": [7.5, 8.5, 8.6], "m_h": [0.0, -0.5, -0.25]}
    >>> profile(stars, edges=(7.0, 8.0, 9.0), samples=2)["median"].tolist()
    [0.0, -0.375]
    """
    heights = np.arange(0.0, 3.01, 0.25).tolist()
    defaults: dict[str, Sequence[float]] = {"R": Bins().r, "|Z|": heights}
    chosen = np.asarray(defaults.get(along, ()) if edges is None else edges, dtype=np.float64)
    if chosen.ndim != 1 or len(chosen) < 2 or not np.all(np.diff(chosen) > 0):
        raise InvalidInput(f"profile along {along}: give rising edges, such as (0, 0.5, 1, 2).")
    name = "Z" if along == "|Z|" else along
    place, values, left_out = _finite(table, (name, of), where)
    place = np.abs(place) if along == "|Z|" else place
    index = np.searchsorted(chosen, place, side="right") - 1
    rng = np.random.default_rng(seed)
    rows = [_summary(np.sort(values[index == i]), samples, rng) for i in range(len(chosen) - 1)]
    names = ("n", "median", "median_error", "p16", "p84")
    columns = {
        name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }
    note = {"of": of, "along": along, "n_left_out": left_out, "samples": samples, "seed": seed}
    return Table(
        {"low": chosen[:-1], "high": chosen[1:], **columns},
        provenance=note,
    )


def _summary(
    ordered: Floats, samples: int, rng: np.random.Generator
) -> tuple[int, float, float, float, float]:
    """Return number, median, its bootstrap error, 16 % and 84 % of sorted values."""
    n = len(ordered)
    if n == 0:
        return 0, np.nan, np.nan, np.nan, np.nan
    p16, middle, p84 = (float(q) for q in np.quantile(ordered, (0.16, 0.5, 0.84)))
    # The median of n stars drawn from n is the star at the median of n uniform numbers, whose
    # distribution is known: nothing needs to be drawn n times.
    at = rng.beta(0.5 * (n + 1), 0.5 * (n + 1), samples)
    drawn = ordered[np.minimum((at * n).astype(np.int64), n - 1)]
    return n, middle, float(drawn.std(ddof=1)) if n > 1 else np.nan, p16, p84


def distributions(
    table: Any,
    of: str = "m_h",
    limits: tuple[float, float] = (-2.0, 0.6),
    steps: int = 65,
    bins: Bins | None = None,
    *,
    where: Mask | None = None,
    codes: NDArray[np.int16] | None = None,
) -> xr.DataArray:
    """Return the distribution of a label in each bin of R and abs(Z), such as the MDFs.

    Parameters
    ----------
    table : table
        The stars.
    of : str, optional
        The label.
    limits : tuple of float, optional
        Its range.
    steps : int, optional
        How many steps of it.
    bins, where, codes
        As for `stellarnb.cartography.grid`.

    Returns
    -------
    xarray.DataArray
        uint32 counts [abs(Z) bins, R bins, steps] with the steps' centres; ``attrs`` as for
        `stellarnb.cartography.grid`. ``normalise(counts, "row")`` makes fractions of them.

    Examples
    --------
    >>> stars = {"R": [8.0, 8.0], "Z": [0.1, 0.2], "m_h": [-0.4, 0.4]}
    >>> distributions(stars, limits=(-0.5, 0.5), steps=2, bins=Bins((7, 9), (0, 1))).values.ravel().tolist()
    [1, 1]
    """
    window = Window(limits, limits, steps, 1)
    counts = grid(table, of, of, window, bins, where=where, codes=codes)
    return counts.isel({f"{of}_y": 0}, drop=True)


def _finite(table: Any, names: tuple[str, ...], where: Mask | None) -> tuple[Any, ...]:
    """Return float64 columns of the chosen complete stars, and the number of incomplete ones."""
    found = as_float32(table, names)
    n = len(found[names[0]])
    mask = star_mask(where, n)
    chosen = mask if mask.size else np.ones(n, dtype=bool)
    good = chosen & np.all([np.isfinite(found[name]) for name in names], axis=0)
    return (*(found[name][good].astype(np.float64) for name in names), int((chosen & ~good).sum()))
