"""Many stars into few pixels: counts, means and spreads on a grid.

Everything here is a pure function of columns and a `Window`, so that a notebook, a file and a
cluster node get the same numbers. The bins are Datashader's, pixel for pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stellarnb.cartography import loops
from stellarnb.cartography.bins import Bins
from stellarnb.cartography.columns import as_float32
from stellarnb.cartography.window import Window
from stellarnb.errors import InvalidInput

__all__ = ["count", "grid", "mean", "std"]

Mask = NDArray[np.bool_]


def count(table: Any, x: str, y: str, window: Window, *, where: Mask | None = None) -> xr.DataArray:
    """Count the stars in each bin.

    Parameters
    ----------
    table : table or pandas.DataFrame
        A float32 frame from `columns` is used as it is; any other table is converted first.
    x, y : str
        Columns.
    window : Window
        Where to look, and how finely.
    where : numpy.ndarray of bool, shape [n], optional
        Which stars to count; all where not given.

    Returns
    -------
    xarray.DataArray
        uint32 [height, width] with bin centres as coordinates, y rising. Its ``attrs`` say what
        became of each chosen star: ``n_in`` are in the bins, ``n_outside`` beyond the window,
        ``n_left_out`` have a value that is not finite.

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If a column holds no numbers, or the mask has another length.
    """
    data = as_float32(table, (x, y))
    out, tally = np.zeros((window.height, window.width), dtype=np.uint32), _tally()
    loops.count_loop(data[x], data[y], _mask(where, len(data[x])), window.scales, out, tally)
    return _image(out, (x, y), window, tally)


def mean(
    table: Any, x: str, y: str, of: str, window: Window, *, where: Mask | None = None
) -> xr.DataArray:
    """Average a third column over the stars in each bin.

    Parameters
    ----------
    table, x, y, window, where
        As for `count`.
    of : str
        The column to average.

    Returns
    -------
    xarray.DataArray
        float64 [height, width], NaN in a bin without stars; ``attrs`` as for `count`, where a
        star whose third value is not finite is left out too.
    """
    data = as_float32(table, (x, y, of))
    out, tally = np.zeros((window.height, window.width, 2)), _tally()
    where = _mask(where, len(data[x]))
    loops.mean_loop(data[x], data[y], data[of], where, window.scales, out, tally)
    return _image(_ratio(out), (x, y), window, tally)


def std(
    table: Any, x: str, y: str, of: str, window: Window, *, where: Mask | None = None
) -> xr.DataArray:
    """Return the standard deviation of a third column over the stars in each bin.

    Parameters
    ----------
    table, x, y, of, window, where
        As for `mean`.

    Returns
    -------
    xarray.DataArray
        float64 [height, width] with the number of stars less one below the sum, NaN in a bin
        with fewer than two; ``attrs`` as for `mean`.
    """
    data = as_float32(table, (x, y, of))
    out, tally = np.zeros((window.height, window.width, 3)), _tally()
    where = _mask(where, len(data[x]))
    loops.spread_loop(data[x], data[y], data[of], where, window.scales, out, tally)
    n, squares = out[..., 0], out[..., 2]
    variance = np.divide(squares, n - 1, out=np.full_like(n, np.nan), where=n > 1)
    return _image(np.sqrt(variance), (x, y), window, tally)


def grid(
    table: Any,
    x: str,
    y: str,
    window: Window,
    bins: Bins | None = None,
    *,
    of: str | None = None,
    where: Mask | None = None,
    codes: NDArray[np.int16] | None = None,
) -> xr.DataArray:
    """Aggregate each bin in R and abs(Z) into a panel of its own, all in one pass.

    Parameters
    ----------
    table, x, y, window, where
        As for `count`.
    bins : Bins, optional
        The bins; the default ones where not given.
    of : str, optional
        The column to average; stars are counted where not given.
    codes : numpy.ndarray of int16, shape [n], optional
        ``bins.codes(table)``, where it is at hand: the same for each window.

    Returns
    -------
    xarray.DataArray
        [abs(Z) bins, R bins, height, width] with dimensions ``z_bin r_bin``, y and x: uint32
        counts, each panel equal to `count` of its stars, or float64 means with NaN in a bin
        without stars. ``attrs`` as for `count`, and ``n_no_panel``, the chosen stars in no bin
        of R and abs(Z), and ``panel_stars``, how many are in each panel [abs(Z) bins][R bins].
    """
    bins = bins or Bins()
    data = as_float32(table, (x, y) if of is None else (x, y, of))
    where = _mask(where, len(data[x]))
    codes = bins.codes(table) if codes is None else _codes(codes, len(data[x]), bins)
    tally, shape = _tally(), (len(bins), window.height, window.width)
    if of is None:
        values: NDArray[Any] = np.zeros(shape, dtype=np.uint32)
        loops.count_panels_loop(data[x], data[y], codes, where, window.scales, values, tally)
        stars = values.sum(axis=(1, 2))
    else:
        sums = np.zeros((*shape, 2))
        loops.mean_panels_loop(data[x], data[y], data[of], codes, where, window.scales, sums, tally)
        values, stars = _ratio(sums), sums[..., 0].sum(axis=(1, 2)).astype(int)
    image = _image(values.reshape(*bins.shape, *shape[1:]), (x, y), window, tally, bins)
    image.attrs |= {
        "n_no_panel": int(tally[3]),
        "panel_stars": stars.reshape(bins.shape).tolist(),
    }
    return image


def _tally() -> NDArray[np.int64]:
    return np.zeros(4, dtype=np.int64)


def _mask(where: Mask | None, n: int) -> Mask:
    """Return the mask, or an empty one that stands for all stars."""
    if where is None:
        return np.empty(0, dtype=bool)
    mask = np.asarray(where)
    if mask.shape != (n,) or mask.dtype != bool:
        raise InvalidInput(f"where: a mask of {mask.size} rows for a table of {n}.")
    # For a table without stars both mean the same.
    return mask


def _codes(codes: NDArray[Any], n: int, bins: Bins) -> NDArray[np.int16]:
    array = np.asarray(codes)
    if array.shape != (n,) or array.dtype != np.int16 or (n and array.max() >= len(bins)):
        raise InvalidInput(f"codes: give bins.codes(table), int16 of {n} rows below {len(bins)}.")
    return array


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    number, total = sums[..., 0], sums[..., 1]
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def _image(
    values: NDArray[Any],
    names: tuple[str, str],
    window: Window,
    tally: NDArray[np.int64],
    bins: Bins | None = None,
) -> xr.DataArray:
    """Give pixels their coordinates, and say what became of the stars."""
    (x, y), (x_centres, y_centres) = names, window.centres()
    if x == y:  # a dimension cannot stand twice
        y = f"{y}_y"
    coords: dict[str, Any] = {y: y_centres, x: x_centres}
    dims = [y, x]
    if bins is not None:
        coords |= {"z_bin": np.arange(bins.shape[0]), "r_bin": np.arange(bins.shape[1])}
        dims = ["z_bin", "r_bin", *dims]
    notes = dict(zip(("n_in", "n_outside", "n_left_out"), map(int, tally[:3]), strict=True))
    return xr.DataArray(values, coords=coords, dims=dims, attrs=notes)
