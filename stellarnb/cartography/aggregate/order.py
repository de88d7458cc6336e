"""Medians and other quantiles in bins: they need all stars of a bin at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stellarnb.cartography.aggregate import kernels as loops
from stellarnb.cartography.aggregate.api import NO_CODES, Mask, image_of, star_mask
from stellarnb.cartography.aggregate.window import Window
from stellarnb.cartography.tables import as_float32
from stellarnb.errors import InvalidInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["median", "quantiles"]


def median(
    table: Any, x: str, y: str, of: str, window: Window, *, where: Mask | None = None
) -> xr.DataArray:
    """Return the median of a third column over the stars in each bin; see `quantiles`."""
    return quantiles(table, x, y, of, window, (0.5,), where=where).isel(quantile=0, drop=True)


def quantiles(
    table: Any,
    x: str,
    y: str,
    of: str,
    window: Window,
    wanted: Sequence[float] = (0.16, 0.5, 0.84),
    *,
    where: Mask | None = None,
) -> xr.DataArray:
    """Return quantiles of a third column over the stars in each bin.

    Parameters
    ----------
    table, x, y, of, window, where
        As for `stellarnb.cartography.mean`.
    wanted : sequence of float, optional
        Between 0 and 1.

    Returns
    -------
    xarray.DataArray
        float64 [quantiles, height, width], linear between two stars as in `numpy.quantile`, NaN
        in a bin without stars; ``attrs`` as for `stellarnb.cartography.mean`.

    Raises
    ------
    InvalidInput
        If a quantile is not between 0 and 1.
    """
    levels = np.asarray(wanted, dtype=np.float64)
    if levels.ndim != 1 or not np.all((levels >= 0) & (levels <= 1)):
        raise InvalidInput(f"quantiles: {wanted!r} are not numbers between 0 and 1.")
    data = as_float32(table, (x, y, of))
    bins, shape = np.empty(len(data[x]), dtype=np.int32), (1, window.height, window.width)
    where = star_mask(where, len(bins))
    stars = (data[x], data[y], data[of], NO_CODES, where)
    loops.bin_loop(stars, window.scales, shape, bins)
    size = window.height * window.width
    out = np.full((len(levels), size), np.nan)
    loops.quantile_loop(bins, data[of], levels, out)
    spares = np.bincount(bins[bins >= size] - size, minlength=loops.SPARES)
    outside, left_out, _, _ = loops.tally(spares).tolist()
    notes = {"n_in": int(np.sum(bins < size)), "n_outside": outside, "n_left_out": left_out}
    values = out.reshape(len(levels), *shape[1:])
    return image_of(values, (x, y), window, notes, {"quantile": levels})
