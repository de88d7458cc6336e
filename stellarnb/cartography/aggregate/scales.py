"""Turn counts and values into shades: normalised by row or column, logarithmic, equalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["normalise", "shade"]

Image = TypeVar("Image", "xr.DataArray", NDArray[Any])
Scale = Literal["linear", "log", "equalise"]
Along = Literal["row", "column", "all"]


def normalise(
    counts: Image, along: Along = "column", *, to: Literal["sum", "max"] = "sum"
) -> Image:
    """Divide counts by the total of their row, their column or the image.

    Parameters
    ----------
    counts : xarray.DataArray or numpy.ndarray, shape [..., height, width]
        Of `count`, `grid` or `categories`; each panel is taken by itself.
    along : {"row", "column", "all"}, optional
        ``"column"`` gives the distribution of y at each x, such as of [α/M] at each [M/H];
        ``"row"`` that of x at each y.
    to : {"sum", "max"}, optional
        Whether each row or column shall add up to 1 or have its highest bin at 1.

    Returns
    -------
    xarray.DataArray or numpy.ndarray
        float64 of the same shape, NaN where a row or column has no stars.

    Raises
    ------
    InvalidInput
        If `along` or `to` is another word.

    Examples
    --------
    >>> normalise(np.array([[1, 0], [3, 0]]), "column").tolist()
    [[0.25, nan], [0.75, nan]]
    """
    axes = {"row": (-1,), "column": (-2,), "all": (-2, -1)}
    if along not in axes or to not in {"sum", "max"}:
        raise InvalidInput(
            f"normalise: along={along!r}, to={to!r}; along is row, column or all, to sum or max."
        )
    values = np.asarray(counts, dtype=np.float64)
    whole = getattr(np, to)(values, axis=axes[along], keepdims=True)
    out = np.divide(values, whole, out=np.full_like(values, np.nan), where=whole > 0)
    return _like(counts, out)


def shade(
    values: Image, scale: Scale = "linear", limits: tuple[float, float] | None = None
) -> Image:
    """Map values onto 0..1, for a colour map.

    Parameters
    ----------
    values : xarray.DataArray or numpy.ndarray
        Any shape; a count of 0 in an array of integers and NaN are 'no stars'.
    scale : {"linear", "log", "equalise"}, optional
        ``"equalise"`` gives each shade the same number of pixels (Datashader's `eq_hist`).
    limits : tuple of float, optional
        What becomes 0 and 1, beyond which values are clipped; the range of the values where not
        given. Not for ``"equalise"``.

    Returns
    -------
    xarray.DataArray or numpy.ndarray
        float64 of the same shape, NaN without stars. Where all values are the same, 1 with
        ``"equalise"`` and 0.5 otherwise.

    Raises
    ------
    InvalidInput
        If `scale` is another word, or the limits do not rise, or are not positive on a
        logarithmic scale.

    Examples
    --------
    >>> shade(np.array([1, 10, 100, 0]), "log").tolist()
    [0.0, 0.5, 1.0, nan]
    """
    if scale not in {"linear", "log", "equalise"}:
        raise InvalidInput(f"scale={scale!r}: use linear, log or equalise.")
    array = np.asarray(values)
    empty = array == 0 if array.dtype.kind in "ui" else ~np.isfinite(array)
    if scale == "log":
        empty = empty | (array <= 0)
    if empty.all():
        return _like(values, np.full(array.shape, np.nan))
    if scale == "equalise":
        from datashader.transfer_functions import eq_hist

        return _like(values, np.asarray(eq_hist(array, empty)[0], dtype=np.float64))
    numbers = np.where(empty, np.nan, array.astype(np.float64))
    if limits is None:
        limits = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    elif not (np.isfinite(limits[1] - limits[0]) and limits[0] < limits[1]):
        raise InvalidInput(f"limits={limits!r} are not a rising pair.")
    if scale == "log":
        if limits[0] <= 0:
            raise InvalidInput(
                f"limits={limits!r}: expected a lower limit above 0 for a logarithmic scale."
            )
        numbers, limits = np.log(numbers), (np.log(limits[0]), np.log(limits[1]))
    low, high = limits
    if high == low:
        return _like(values, np.where(empty, np.nan, 0.5))
    return _like(values, np.clip((numbers - low) / (high - low), 0.0, 1.0))


def _like(image: Image, values: NDArray[np.float64]) -> Image:
    labelled: Any = image
    out = labelled.copy(data=values) if hasattr(image, "dims") else values
    return cast("Image", out)
