"""What the authors of the RAVE networks published, made into one weights file.

The scalers and training limits are those of the training split, which is rebuilt from the
authors' tables; the errors are scaled to the residuals that they published.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import WeightsNotFound
from stellarnb.models.card import Card
from stellarnb.models.families.rave import absolute_magnitudes
from stellarnb.models.weights.keras import read_keras, to_state_dict

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

__all__ = ["TrainingTables", "calibrate", "convert_rave", "split_rows"]

Floats = NDArray[np.float64]

ID = "RAVE_OBS_ID"
LABELS = "data/training_sample_labels.csv"
PARAMETERS = "data/training_sample_parameters.csv"
TEST_PREDICTIONS = "output/res_test_cnn_version_1_True.csv"
#: The authors' split: sklearn's ``train_test_split(test_size=0.06, random_state=42)``.
TEST_SIZE = 0.06
SEED = 42
#: Fraction of the test stars whose scatter is beyond the limit, for each label.
REFUSED = 0.007
#: Degrees of freedom of the likelihood that chooses the calibration: tails count little.
_NU = 3.0


def split_rows(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the training and of the test split, in the authors' order.

    As sklearn splits: the test rows are the first of one permutation, rounded up.
    """
    n_test = int(np.ceil(TEST_SIZE * n))
    # numpy's legacy generator is what sklearn draws from; the published order depends on it.
    order = np.random.RandomState(SEED).permutation(n)
    return order[n_test:], order[:n_test]


@dataclass(frozen=True)
class TrainingTables:
    """The authors' tables.

    Attributes
    ----------
    ids : numpy.ndarray of str, shape [n]
        RAVE_OBS_ID.
    labels : numpy.ndarray, shape [n, 9]
        APOGEE DR16 labels.
    scalars : numpy.ndarray, shape [n, 10]
        In the card's order: parallax [mas], eight absolute magnitudes, A_V.
    """

    ids: NDArray[np.str_]
    labels: Floats
    scalars: Floats

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> TrainingTables:
        """Read them from the bytes of the published files."""
        labels = _table(files, LABELS)
        raw = _table(files, PARAMETERS).to_numpy(dtype=np.float64)
        if labels.shape[1] != 10 or raw.shape != labels.shape or ID not in labels:
            raise WeightsNotFound(
                f"{LABELS} has shape {labels.shape} and {PARAMETERS} {raw.shape}; an identifier "
                "and nine labels, and ten inputs for each of the same rows are expected."
            )
        magnitudes = absolute_magnitudes(raw[:, 1:9], raw[:, :1])
        scalars = np.concatenate([raw[:, :1], magnitudes, raw[:, 9:]], axis=1)
        ids = labels[ID].to_numpy(dtype=np.str_)
        return cls(ids, labels.drop(columns=ID).to_numpy(dtype=np.float64), scalars)


def _table(files: Mapping[str, bytes], path: str) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(io.BytesIO(files[path]), skipinitialspace=True, dtype={ID: str})
    except ValueError as error:
        raise WeightsNotFound(f"{path} cannot be read as a table: {error}") from error


def calibrate(residual: Floats, scatter: Floats) -> tuple[float, float]:
    """Return factor and floor of the error ``hypot(factor * scatter, floor)``, in the label's unit.

    The floor makes the pulls' 1.4826 MAD 1; the factor is the likeliest, at least 1.
    """
    from scipy.optimize import brentq

    from stellarnb.tables.compare import robust_sigma

    width = robust_sigma(residual)
    best = (np.inf, 1.0, width)
    for factor in np.arange(1.0, 6.01, 0.1):

        def excess(floor: float, factor: float = factor) -> float:
            return float(robust_sigma(residual / np.hypot(factor * scatter, floor)) - 1.0)

        low = 1e-3 * width
        if excess(low) <= 0:
            break  # the scatter alone is already too large
        floor = float(brentq(excess, low, 2.0 * width))
        error = np.hypot(factor * scatter, floor)
        pull = (residual - np.median(residual)) / error
        loss = float(np.mean(np.log(error) + 0.5 * (_NU + 1.0) * np.log1p(pull**2 / _NU)))
        best = min(best, (loss, float(factor), floor))
    return best[1], best[2]


def convert_rave(card: Card, files: Mapping[str, bytes]) -> dict[str, Tensor]:
    """Make the tensors of a weights file (``network<i>.

    labels. limits. scalars. calibration. novelty.``) from the published files, by path on the
    card.
    """
    import torch

    tensors: dict[str, Tensor] = {}
    paths = sorted(path for path in files if path.endswith(".h5"))
    if len(paths) != card.network["members"]:
        raise WeightsNotFound(
            f"{card.name}: {len(paths)} networks are there, {card.network['members']} are expected."
        )
    for i, path in enumerate(paths):
        for key, value in _network(card, path, files[path]).items():
            tensors[f"network{i}.{key}"] = value
    for key, array in _figures(files).items():
        tensors[key] = torch.from_numpy(np.array(array))
    return tensors


def _network(card: Card, path: str, data: bytes) -> dict[str, Tensor]:
    from stellarnb.models.networks.rave import KERAS_CLASSES, build_rave_network

    name = Path(path).name
    network = build_rave_network(card.network)
    return to_state_dict(
        read_keras(data, name), name, network, KERAS_CLASSES, int(card.network["n_pix"])
    )


def _figures(files: Mapping[str, bytes]) -> dict[str, NDArray[Any]]:
    """Return scaling, limits and calibration."""
    tables = TrainingTables.read(files)
    train, test = split_rows(len(tables.ids))
    published = _table(files, TEST_PREDICTIONS)
    if not np.array_equal(published[ID].to_numpy(dtype=np.str_), tables.ids[test]):
        raise WeightsNotFound(f"{TEST_PREDICTIONS} has other stars than the test split.")
    values = published.drop(columns=ID).to_numpy(dtype=np.float64)
    residual, scatter = values[:, :9] - tables.labels[test], values[:, 9:]
    low, high = tables.labels[train].min(axis=0), tables.labels[train].max(axis=0)
    pairs = [calibrate(residual[:, i], scatter[:, i]) for i in range(9)]
    return {
        "labels.centre": low,
        "labels.width": high - low,
        "labels.logarithm": np.zeros(9, dtype=np.uint8),
        "limits.low": low,
        "limits.high": high,
        "scalars.low": tables.scalars[train].min(axis=0),
        "scalars.high": tables.scalars[train].max(axis=0),
        "calibration.factor": np.array([factor for factor, _ in pairs]),
        "calibration.floor": np.array([floor for _, floor in pairs]),
        "novelty.scatter": np.quantile(scatter, 1.0 - REFUSED, axis=0) / (high - low),
    }
