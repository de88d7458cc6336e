"""Aggregate many stars into few pixels: counts, means, spreads and quantiles on a grid.

Everything here is a pure function of columns and a `Window`, so that a notebook, a file and a
cluster node get the same numbers. The bins are Datashader's, pixel for pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.cartography.aggregate import kernels as loops
from stellarnb.cartography.aggregate.bins import Bins
from stellarnb.cartography.aggregate.window import Window
from stellarnb.cartography.tables import as_float32, category_codes
from stellarnb.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Aggregate",
    "categories",
    "count",
    "grid",
    "mean",
    "median",
    "quantiles",
    "star_mask",
    "std",
]

Mask = NDArray[np.bool_]

#: Stand for 'no third column' and 'no panels' in the loops.
_NO_VALUES, _NO_CODES = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int16)
#: Largest memory [bytes] of one aggregate.
_MAX_BYTES = 2**31


class Aggregate:
    """Add up stars in bins, table by table: counts, or the mean or spread of column `of`.

    With `panels`, each star's code names the panel that it is counted in.
    """

    def __init__(
        self,
        x: str,
        y: str,
        window: Window,
        *,
        of: str | None = None,
        spread: bool = False,
        panels: int | None = None,
    ) -> None:
        if spread and (of is None or panels is not None):
            raise InvalidInput(
                "spread=True needs a column (of=...) and works on one panel at a time: drop panels or spread."
            )
        self.x, self.y, self.window, self.of = x, y, window, of
        self.columns = [x, y] if of is None else [x, y, of]
        self._spread, self._panels, self._n = spread, panels, 0
        self._shape = (1 if panels is None else panels, window.height, window.width)
        self._size = int(np.prod(self._shape, dtype=np.int64))
        numbers = 1 if of is None else 3 if spread else 2
        kind = np.dtype(np.uint32 if of is None else np.float64)
        if self._size * numbers * kind.itemsize > _MAX_BYTES:
            raise TooLarge(
                f"{self._shape[0]} panels of {window.width} x {window.height} bins need "
                f"{self._size * numbers * kind.itemsize / 1e9:.2g} GB of memory. Use fewer panels or coarser bins."
            )
        places = self._size + loops.SPARES
        self._out: NDArray[Any] = np.zeros(places if of is None else (places, numbers), kind)

    def add(
        self, table: Any, *, where: Mask | None = None, codes: NDArray[np.int16] | None = None
    ) -> Self:
        """Add the stars of a table; `codes`, int16 [n], are their panels, negative for none."""
        data = as_float32(table, self.columns)
        x, y = data[self.x], data[self.y]
        of = _NO_VALUES if self.of is None else data[self.of]
        codes = _NO_CODES if self._panels is None else _codes(codes, len(x), self._panels)
        mask = star_mask(where, len(x))
        loop = loops.count_loop if self.of is None else loops.mean_loop
        loop = loops.spread_loop if self._spread else loop
        loop((x, y, of, codes, mask), self.window.scales, self._shape, self._out)
        self._n += len(x)
        return self

    def values(self) -> NDArray[Any]:
        """Return the pixels: uint32 counts, or float64 with NaN in bins with too few stars.

        The next `add` changes the counts in place: copy them to keep them.
        """
        shape = self._shape[1:] if self._panels is None else self._shape
        if self.of is None:
            return self._out[: self._size].reshape(shape)
        values = np.empty(self._size)
        if not self._spread:
            loops.means(self._out[: self._size], values)
            return values.reshape(shape)
        n, squares = self._out[: self._size, 0], self._out[: self._size, 2]
        values.fill(np.nan)
        np.divide(squares, n - 1, out=values, where=n > 1)
        return np.sqrt(values).reshape(shape)

    def image(self) -> xr.DataArray:
        """Return `values` with coordinates, and the star counts of `notes` in ``attrs``."""
        more = None if self._panels is None else {"panel": np.arange(self._panels)}
        return self._labelled(self.values(), more)

    def grid_image(self, bins: Bins) -> xr.DataArray:
        """Return the panels as rows in abs(Z) and columns in R; see `grid`."""
        more = {"z_bin": np.arange(bins.shape[0]), "r_bin": np.arange(bins.shape[1])}
        values = self.values().reshape(*bins.shape, *self._shape[1:])
        image = self._labelled(values, more)
        image.attrs["panel_stars"] = self._panel_stars().reshape(bins.shape).tolist()
        return image

    def category_image(self, by: str, names: list[Any]) -> xr.DataArray:
        """Return the panels as categories; see `categories`."""
        return self._labelled(self.values(), {by: names})

    def notes(self) -> dict[str, int]:
        """Count the stars by outcome: ``n_in n_outside n_left_out``; see `count`."""
        counts = self._out if self.of is None else self._out[:, 0]
        outside, left_out, unchosen, no_panel = loops.tally(counts).tolist()
        notes = {
            "n_in": self._n - outside - left_out - unchosen - no_panel,
            "n_outside": outside,
            "n_left_out": left_out,
        }
        return notes | ({} if self._panels is None else {"n_no_panel": no_panel})

    def _labelled(self, values: NDArray[Any], more: Mapping[str, Any] | None) -> xr.DataArray:
        return _image_of(values, (self.x, self.y), self.window, self.notes(), more)

    def _panel_stars(self) -> NDArray[np.int64]:
        counts = self._out if self.of is None else self._out[:, 0]
        panels = counts[: self._size].reshape(self._shape[0], -1)
        # In the type of the pixels, which is fast: no panel has 4e9 stars.
        return np.asarray(panels.sum(axis=1, dtype=panels.dtype), dtype=np.int64)


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
        Which stars to count; all if omitted.

    Returns
    -------
    xarray.DataArray
        uint32 [height, width] with bin centres as coordinates, y rising. Its ``attrs`` count
        the chosen stars: ``n_in`` in the bins, ``n_outside`` beyond the window, ``n_left_out``
        with a value that is not finite.

    Raises
    ------
    MissingInput
        If a column is not there.
    InvalidInput
        If a column holds no numbers, or the mask has another length.

    Examples
    --------
    >>> stars = {"R": [8.1, 8.2, 9.5], "Z": [0.1, 0.2, 0.3]}
    >>> count(stars, "R", "Z", Window((8.0, 10.0), (0.0, 1.0), 2, 1)).values.tolist()
    [[2, 1]]
    """
    return Aggregate(x, y, window).add(table, where=where).image()


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

    Examples
    --------
    >>> stars = {"R": [8.1, 8.2, 9.5], "Z": [0.1, 0.2, 0.3], "m_h": [0.0, 0.5, -0.5]}
    >>> mean(stars, "R", "Z", "m_h", Window((8.0, 10.0), (0.0, 1.0), 2, 1)).values.tolist()
    [[0.25, -0.5]]
    """
    return Aggregate(x, y, window, of=of).add(table, where=where).image()


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
        float64 [height, width], the sum of squares divided by the number of stars less one, NaN
        in a bin with fewer than two; ``attrs`` as for `mean`.

    Examples
    --------
    >>> stars = {"R": [8.1, 8.2], "Z": [0.1, 0.2], "m_h": [0.0, 2.0]}
    >>> std(stars, "R", "Z", "m_h", Window((8.0, 9.0), (0.0, 1.0), 1, 1)).values.round(3).tolist()
    [[1.414]]
    """
    return Aggregate(x, y, window, of=of, spread=True).add(table, where=where).image()


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
        The bins; `Bins()` if omitted.
    of : str, optional
        The column to average; stars are counted if omitted.
    codes : numpy.ndarray of int16, shape [n], optional
        ``bins.codes(table)``, if known: it is the same for each window.

    Returns
    -------
    xarray.DataArray
        [abs(Z) bins, R bins, height, width] with dimensions ``z_bin r_bin``, y and x: uint32
        counts, each panel equal to `count` of its stars, or float64 means with NaN in a bin
        without stars. ``attrs`` as for `count`, and ``n_no_panel``, the chosen stars in no bin
        of R and abs(Z), and ``panel_stars``, how many are in each panel [abs(Z) bins][R bins].

    Examples
    --------
    >>> stars = {"R": [8.0, 8.5, 10.0], "Z": [0.1, 0.2, 0.3]}
    >>> panels = grid(stars, "R", "Z", Window((7.0, 11.0), (0.0, 1.0), 2, 1), Bins((7, 9, 11), (0, 1)))
    >>> panels.attrs["panel_stars"]
    [[2, 1]]
    """
    bins = bins or Bins()
    codes = bins.codes(table) if codes is None else codes
    aggregate = Aggregate(x, y, window, of=of, panels=len(bins))
    return aggregate.add(table, where=where, codes=codes).grid_image(bins)


def categories(
    table: Any, x: str, y: str, by: str, window: Window, *, where: Mask | None = None
) -> xr.DataArray:
    """Count the stars of each category in each bin, all in one pass.

    Parameters
    ----------
    table : table
        With a column `by` of strings, integers or truth values; not a frame from `columns`.
    x, y, window, where
        As for `count`.
    by : str
        The column of categories.

    Returns
    -------
    xarray.DataArray
        uint32 [categories, height, width], categories sorted; ``attrs`` as for `count`, and
        ``n_no_panel``, the chosen stars without a category.

    Raises
    ------
    InvalidInput
        If the column holds numbers with fractions, or is an axis as well.
    TooLarge
        If there are more than 256 categories.

    Examples
    --------
    >>> stars = {"R": [8.1, 8.2], "Z": [0.1, 0.2], "disc": ["thin", "thick"]}
    >>> image = categories(stars, "R", "Z", "disc", Window((8.0, 9.0), (0.0, 1.0), 1, 1))
    >>> image["disc"].values.tolist(), image.values.ravel().tolist()
    (['thick', 'thin'], [1, 1])
    """
    if by in {x, y}:
        raise InvalidInput(f"categories: by={by!r} is already an axis. Use another column.")
    names, codes = category_codes(table, by)
    aggregate = Aggregate(x, y, window, panels=len(names)).add(table, where=where, codes=codes)
    return aggregate.category_image(by, names)


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
        As for `mean`.
    wanted : sequence of float, optional
        Between 0 and 1.

    Returns
    -------
    xarray.DataArray
        float64 [quantiles, height, width], linear between two stars as in `numpy.quantile`, NaN
        in a bin without stars; ``attrs`` as for `mean`.

    Raises
    ------
    InvalidInput
        If a quantile is not between 0 and 1.

    Examples
    --------
    >>> stars = {"R": [8.1, 8.2, 8.3], "Z": [0.1, 0.2, 0.3], "m_h": [0.0, 0.5, 2.0]}
    >>> window = Window((8.0, 9.0), (0.0, 1.0), 1, 1)
    >>> quantiles(stars, "R", "Z", "m_h", window, (0.0, 0.5)).values.ravel().tolist()
    [0.0, 0.5]
    """
    levels = np.asarray(wanted, dtype=np.float64)
    if levels.ndim != 1 or not np.all((levels >= 0) & (levels <= 1)):
        raise InvalidInput(f"quantiles: expected numbers between 0 and 1; got {wanted!r}.")
    data = as_float32(table, (x, y, of))
    bins, shape = np.empty(len(data[x]), dtype=np.int32), (1, window.height, window.width)
    where = star_mask(where, len(bins))
    stars = (data[x], data[y], data[of], _NO_CODES, where)
    loops.bin_loop(stars, window.scales, shape, bins)
    size = window.height * window.width
    out = np.full((len(levels), size), np.nan)
    loops.quantile_loop(bins, data[of], levels, out)
    spares = np.bincount(bins[bins >= size] - size, minlength=loops.SPARES)
    outside, left_out, _, _ = loops.tally(spares).tolist()
    notes = {"n_in": int(np.sum(bins < size)), "n_outside": outside, "n_left_out": left_out}
    values = out.reshape(len(levels), *shape[1:])
    return _image_of(values, (x, y), window, notes, {"quantile": levels})


def star_mask(where: Mask | None, n: int) -> Mask:
    """Return a checked mask of `n` stars; an empty one selects all of them."""
    if where is None:
        return np.empty(0, dtype=bool)
    mask = np.asarray(where)
    if mask.shape != (n,) or mask.dtype != bool:
        raise InvalidInput(
            f"where: got a mask of {mask.size} rows ({mask.dtype}); expected {n} rows of bool."
        )
    return mask


def _image_of(
    values: NDArray[Any],
    names: tuple[str, str],
    window: Window,
    notes: Mapping[str, int],
    more: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Give pixels their coordinates, those of more dimensions first, and notes on the stars."""
    # Half a second, which a map that only draws the pixels does not spend.
    import xarray as xr

    x, y = names
    if x == y:  # a dimension cannot stand twice
        y = f"{y}_y"
    coords, dims = _coordinates(x, y, window), [y, x]
    if more:
        coords, dims = coords.assign(more), [*more, y, x]
    return xr.DataArray(values, coords=coords, dims=dims, attrs=dict(notes))


@lru_cache(maxsize=64)
def _coordinates(x: str, y: str, window: Window) -> xr.Coordinates:
    """Return the bins' centres; linked panels ask for the same ones again and again."""
    import xarray as xr

    x_centres, y_centres = window.centres()
    return xr.Coordinates({y: y_centres, x: x_centres})


def _codes(codes: NDArray[Any] | None, n: int, panels: int) -> NDArray[np.int16]:
    array = np.asarray(codes)
    if array.shape != (n,) or array.dtype != np.int16 or (n and array.max() >= panels):
        raise InvalidInput(
            f"codes: expected int16 of {n} rows, each below {panels}. Use bins.codes(table)."
        )
    return array
