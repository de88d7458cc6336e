"""Networks that join a spectrum with what else is known of a star, any of which may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["HybridNetwork", "build_hybrid_network"]

#: Range of the logarithm of a stated scale: labels are never surer than e^-7 of their unit.
LOG_SCALE = (-7.0, 3.0)


class HybridNetwork(nn.Module):
    """A branch for each input, joined after Guiglion et al. (2024, A&A 682, A9).

    The spectrum goes through convolutions, whose strides take the place of pooling, and past them
    through one dense layer, in which a weak line keeps its exact place. An XP spectrum, where the
    network reads one, is projected on principal components that are brought to unit variance. A
    missing branch arrives as zeros, and the scalars say that it is missing.

    Parameters
    ----------
    n_pix, n_xp, n_extra, n_labels : int
        Sizes of spectrum, XP spectrum (0 = none), scalars and output.
    channels, kernels, strides : sequence of int
        Of the convolutions.
    hidden, hidden_xp, hidden_extra, hidden_joint : int
        Width of the dense layers of each branch, and of what joins them.
    n_components : int, optional
        Principal components of the XP spectrum.
    channels_xp : sequence of int, optional
        Of the convolutions over the XP spectrum and what the components say of it.
    """

    components: Tensor
    inverse: Tensor

    def __init__(
        self,
        *,
        n_pix: int,
        n_extra: int,
        n_labels: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        hidden: int,
        hidden_extra: int,
        hidden_joint: int,
        n_xp: int = 0,
        hidden_xp: int = 0,
        n_components: int = 0,
        channels_xp: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.n_labels, self.n_xp = n_labels, n_xp
        layers: list[nn.Module] = []
        before = 1
        for after, kernel, stride in zip(channels, kernels, strides, strict=True):
            layers += [nn.Conv1d(before, after, kernel, stride, padding=kernel // 2), nn.SiLU()]
            before = after
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            n_flat = self.convolutions(torch.zeros(1, 1, n_pix)).shape[1]
        self.spectral = nn.Linear(n_flat, hidden)
        self.direct = nn.Linear(n_pix, hidden)
        self.after = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        if n_xp:
            self._add_low(n_xp, n_components, hidden_xp, channels_xp)
        self.scalar = nn.Sequential(nn.Linear(n_extra, hidden_extra), nn.SiLU())
        n_joint = hidden + ((2 if channels_xp else 1) * hidden_xp if n_xp else 0) + hidden_extra
        self.joint = nn.Sequential(
            nn.Linear(n_joint, hidden_joint),
            nn.SiLU(),
            nn.Linear(hidden_joint, hidden_joint),
            nn.SiLU(),
            nn.Linear(hidden_joint, n_labels),
        )
        # The scale has layers of its own: what makes a label uncertain is not what it is.
        self.scale = nn.Sequential(
            nn.Linear(n_joint, hidden_joint), nn.SiLU(), nn.Linear(hidden_joint, n_labels)
        )

    def _add_low(self, n_xp: int, n_components: int, hidden: int, channels: Sequence[int]) -> None:
        """Add the branch that reads XP spectra."""
        self.register_buffer("components", torch.zeros(n_components, n_xp), persistent=False)
        self.register_buffer("inverse", torch.ones(n_components), persistent=False)
        self.low = nn.Sequential(
            nn.Linear(n_components, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
        )
        self.has_low_convolutions = bool(channels)
        if channels:
            first, second = channels
            self.low_convolutions = nn.Sequential(
                nn.Conv1d(2, first, 16, 4, padding=8),
                nn.SiLU(),
                nn.Conv1d(first, second, 5, 2, padding=2),
                nn.SiLU(),
                nn.Flatten(),
            )
            with torch.no_grad():
                n_flat = self.low_convolutions(torch.zeros(1, 2, n_xp)).shape[1]
            self.low_spectral = nn.Sequential(nn.Linear(n_flat, hidden), nn.SiLU())

    def set_components(self, components: Tensor, deviations: Tensor) -> None:
        """Set the principal components [k, n_xp] and what to divide them by [k]."""
        self.components.copy_(components)
        self.inverse.copy_(1.0 / deviations)

    def _features(self, *inputs: Tensor) -> Tensor:
        flux, extra = inputs[0], inputs[-1]
        spectral = self.spectral(self.convolutions(flux.unsqueeze(1))) + self.direct(flux)
        parts = [self.after(spectral)]
        if self.n_xp:
            low = inputs[1]
            white = 2 * torch.asinh((low @ self.components.T) * self.inverse / 2)
            parts.append(self.low(white))
            if self.has_low_convolutions:
                channels = torch.stack([low, 3 * white @ self.components], dim=1)
                parts.append(self.low_spectral(self.low_convolutions(channels)))
        return torch.cat([*parts, self.scalar(extra)], dim=1)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the scaled labels [n, n_labels] from flux [n, n_pix], perhaps xp [n, n_xp], and extra [n, n_extra]."""
        labels: Tensor = self.joint(self._features(*inputs))
        return labels

    def distribution(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled labels and the natural logarithm of their scale, both [n, n_labels]."""
        features = self._features(*inputs)
        return self.joint(features), self.scale(features).clamp(*LOG_SCALE)


def build_hybrid_network(sizes: Mapping[str, Any]) -> HybridNetwork:
    """Build one member of an ensemble, untrained, from the ``network`` table of a card."""
    return HybridNetwork(**{k: v for k, v in sizes.items() if k not in {"members", "scalars"}})
