"""What is known of one star beside its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelRow", "Overlay", "Sensitivity", "StarLabels"]


@dataclass(frozen=True)
class LabelRow:
    """One label of one star.

    Attributes
    ----------
    name, symbol, unit : str
        ``teff``, ``Teff`` and ``K``.
    value, error : float
        NaN where there is none.
    flagged : bool
        Whether it lies outside the training limits.
    """

    name: str
    symbol: str
    unit: str
    value: float
    error: float
    flagged: bool


@dataclass(frozen=True)
class StarLabels:
    """The labels of one star.

    Attributes
    ----------
    rows : tuple of LabelRow
        In the order of the model.
    origin : str
        The model's name as it must be shown, or where a table has the labels from.
    good : bool or None
        Whether the star passes the recommended cut; None where that is not known.
    novelty : float
        Above 1 the spectrum is unlike the training set; NaN where that is not known.
    """

    rows: tuple[LabelRow, ...]
    origin: str
    good: bool | None
    novelty: float


@dataclass(frozen=True)
class Overlay:
    """An emulated spectrum beside the star's own.

    Attributes
    ----------
    flux : numpy.ndarray of float32 [n_pix] or None
        Emulator times `continuum`; None where there is none.
    continuum : numpy.ndarray of float32 [n_pix] or None
        A polynomial of degree 2 through flux / emulator.
    words : str
        What it is, or why there is none.
    """

    flux: NDArray[np.float32] | None
    continuum: NDArray[np.float32] | None
    words: str


@dataclass(frozen=True)
class Sensitivity:
    """What a label rests on.

    Attributes
    ----------
    value, scatter : numpy.ndarray of float32 [n_pix] or None
        Slope of the label by the flux of each pixel, and its scatter over the networks.
    label : str
        Which.
    words : str
        What it is, or why there is none.
    """

    value: NDArray[np.float32] | None
    scatter: NDArray[np.float32] | None
    label: str
    words: str
