"""The reference hybrid: a network of the published kind and size, with random weights.

Three convolutions of 16, 32 and 64 channels over an RVS spectrum (kernels 7, 7 and 5, pools 4, 4
and 2), a branch for 343 low-resolution fluxes, one for scalars: 0.69 million parameters. Speed
is measured on it, since it stays the same whatever is trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stellarnb.models.card import Card
from stellarnb.models.families.base import Scalars, Scaled
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.model import Model

__all__ = ["N_EXTRA", "N_LABELS", "N_PIX", "N_XP", "ReferenceHybrid", "reference_model"]

Floats = NDArray[np.floating[Any]]

N_PIX, N_XP, N_SCALARS, N_LABELS = 2401, 343, 10, 5
N_EXTRA = N_XP + N_SCALARS
_LABELS = (("teff", "K"), ("logg", "dex"), ("m_h", "dex"), ("fe_h", "dex"), ("alpha_m", "dex"))
_PATTERNS = ("complete",)


class ReferenceHybrid(nn.Module):
    """The reference hybrid."""

    def __init__(self) -> None:
        super().__init__()
        self.spectral = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(4),
            nn.Conv1d(16, 32, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(4),
            nn.Conv1d(32, 64, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(64 * (N_PIX // 32), 128),
            nn.ReLU(),
        )
        self.low = nn.Sequential(nn.Linear(N_XP, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU())
        self.scalar = nn.Sequential(nn.Linear(N_SCALARS, 32), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, 2 * N_LABELS))

    def forward(self, flux: Tensor, extra: Tensor) -> Tensor:
        """Return labels and log scales [n, 2 n_labels] from flux [n, n_pix], extra [n, 353]."""
        branches = [
            self.spectral(flux[:, None]),
            self.low(extra[:, :N_XP]),
            self.scalar(extra[:, N_XP:]),
        ]
        out: Tensor = self.head(torch.cat(branches, dim=1))
        return out

    def distribution(self, flux: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled labels and the logarithm of their scale, both [n, n_labels]."""
        out = self(flux, extra)
        return out[:, :N_LABELS], out[:, N_LABELS:]


@dataclass(frozen=True)
class ReferenceFamily:
    """The flux as it is; the low-resolution branch and the scalars get zeros."""

    patterns: tuple[str, ...] = _PATTERNS
    needs_all: bool = False
    reads_errors: bool = False
    optional: tuple[str, ...] = ()

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the scalars as they are."""
        return scalars

    def scale(self, pixels: Pixels, scalars: Scalars) -> Scaled:  # noqa: ARG002 - the protocol's
        """Return scaled inputs."""
        n = len(pixels.flux)
        return Scaled(
            flux=pixels.flux,
            extra=np.zeros((n, N_EXTRA), dtype=np.float32),
            pattern=np.zeros(n, dtype=np.intp),
            complete=pixels.alive,
        )

    def flux_slopes(self, pixels: Pixels, scaled: Scaled) -> tuple[Floats, ...]:  # noqa: ARG002
        """Return 1: the flux goes in as it is."""
        return (pixels.usable.astype(np.float32),)

    def novelty(
        self,
        pixels: Pixels,
        scaled: Scaled,  # noqa: ARG002 - the protocol's
        scalars: Scalars,  # noqa: ARG002
        spread: Floats,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Return zeros: random weights know no training set."""
        return np.zeros(len(pixels.flux), dtype=np.float32)


def reference_model(members: int = 1, seed: int = 0) -> Model:
    """Return an ensemble of reference hybrids that predicts RVS spectra."""
    generator_state = torch.get_rng_state()
    torch.manual_seed(seed)
    networks = [ReferenceHybrid() for _ in range(members)]
    torch.set_rng_state(generator_state)
    labels = [
        {
            "name": name,
            "unit": unit,
            "limits": (-1e6, 1e6),
            "error_factor": dict.fromkeys(_PATTERNS, 1.0),
        }
        for name, unit in _LABELS
    ]
    card = Card.from_dict(
        {
            "name": "reference-hybrid",
            "title": "Reference hybrid with random weights",
            "version": str(seed),
            "trained_on": "synthetic",
            "family": "reference",
            "instrument": "gaia-rvs",
            "network": {"members": members},
            "labels": labels,
            "scalars": (),
            "weights": "",
            "sha256": "",
            "max_masked": 0.2,
            "limit_margin": 0.0,
            "training": {},
            "metrics": {},
            "known_flaws": ("Its weights are random: the labels mean nothing.",),
            "credits": (),
            "citation": (),
            "licence": "BSD-3-Clause",
        }
    )
    scaler = LabelScaler(np.zeros(N_LABELS), np.ones(N_LABELS), np.zeros(N_LABELS, dtype=bool))
    return Model(card, networks, ReferenceFamily(), scaler)
