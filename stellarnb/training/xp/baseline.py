"""Gradient boosting on principal components: the peer that a network has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import MissingInput
from stellarnb.training.data.apogee_xp import LABELS, ApogeeXP

__all__ = ["gradient_boosting"]

N_COMPONENTS = 60


def gradient_boosting(
    train: ApogeeXP, test: ApogeeXP, *, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Predict the labels of test stars with scikit-learn's HistGradientBoostingRegressor.

    Returns [n_test]: by label. Inputs: 60 principal components of the median-normalised flux, and
    colours.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError as error:
        raise MissingInput(
            'The baseline needs scikit-learn: pip install "stellarnb[train]"'
        ) from error
    components = PCA(N_COMPONENTS, random_state=seed).fit(train.flux)
    inputs, wanted = (
        np.concatenate([components.transform(part.flux), _colours(part)], axis=1)
        for part in (train, test)
    )
    out: dict[str, NDArray[np.float64]] = {}
    for name in LABELS:
        trees = HistGradientBoostingRegressor(max_iter=400, random_state=seed)
        out[name] = trees.fit(inputs, getattr(train, name)).predict(wanted)
    return out


def _colours(stars: ApogeeXP) -> NDArray[np.float32]:
    g, bp, rp = stars.phot_g_mean_mag, stars.phot_bp_mean_mag, stars.phot_rp_mean_mag
    j, h, k = stars.j, stars.h, stars.k
    return np.stack([bp - rp, g - rp, g - j, j - h, h - k, j - k], axis=1)
