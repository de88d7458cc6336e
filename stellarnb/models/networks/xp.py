"""The networks, as torch modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ResidualBlock", "XPNetwork", "build_network"]

#: Magnitudes, each with a missing-indicator among the extra inputs.
N_MISSING = 6


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input (He et al. 2016, pre-activated).

    Parameters
    ----------
    channels : int
        Of input and output.
    kernel : int
        Odd width.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        nn.init.zeros_(self.second.weight)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus what was learned, of the same shape."""
        correction: Tensor = self.second(self.act(self.first(self.act(x))))
        return x + correction


class XPNetwork(nn.Module):
    """A convolutional network over an XP spectrum, joined with a branch for photometry.

    The scaled spectrum is projected on fixed principal components, which are whitened: brought
    to unit variance, damped at the noise. They feed a dense branch; mapped back to pixels they
    are a second channel for the convolutions, in which weak features stand as high as strong
    ones. The stated error sees the spectrum and its noise but no colour, and each missing group
    of bands (G; BP and RP; J, H and K) can only enlarge it.

    Parameters
    ----------
    n_components : int
        Number of principal components.
    n_extra : int
        Colours, six missing-indicators, noise summaries.
    n_colours : int
        How many of these are colours.
    n_labels, n_pix : int
        Sizes of output and spectrum.
    channels : sequence of int
        Of the convolutions; each but the first halves the number of pixels.
    stem : (int, int)
        Kernel and stride of the first.
    kernel : int
        Of the others.
    blocks : int
        Residual blocks after the last.
    hidden : int
        Width of the dense layers.
    """

    components: Tensor
    inverse: Tensor

    def __init__(
        self,
        *,
        n_components: int,
        n_extra: int,
        n_colours: int,
        n_labels: int,
        n_pix: int,
        channels: Sequence[int],
        stem: Sequence[int],
        kernel: int,
        blocks: int,
        hidden: int,
    ) -> None:
        super().__init__()
        self.n_colours, self.n_labels = n_colours, n_labels
        # Shared by the members of an ensemble, so they are stored once and not by each.
        self.register_buffer("components", torch.zeros(n_components, n_pix), persistent=False)
        self.register_buffer("inverse", torch.ones(n_components), persistent=False)
        self.convolutions = _convolutions(channels, stem, kernel, blocks)
        with torch.no_grad():
            n_flat = self.convolutions(torch.zeros(1, 2, n_pix)).shape[1]
        self.spectral = nn.Linear(n_flat, hidden)
        self.photometric = nn.Sequential(nn.Linear(n_extra, 64), nn.SiLU())
        n_white = n_components + n_extra - n_colours - N_MISSING
        self.white = nn.Sequential(nn.Linear(n_white, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.head = nn.Sequential(
            nn.SiLU(),
            nn.Linear(2 * hidden + 64, hidden),
            nn.SiLU(),
            nn.Linear(hidden, n_labels + 1),
        )
        self.scale = nn.Sequential(nn.SiLU(), nn.Linear(2 * hidden, 64), nn.SiLU())
        self.scale_base = nn.Linear(64, n_labels)
        self.scale_growth = nn.Linear(64, 3 * n_labels)
        nn.init.constant_(self.scale_growth.bias, -3.0)

    def set_components(self, components: Tensor, deviations: Tensor) -> None:
        """Set the principal components [k, n_pix] and what to divide them by [k]."""
        self.components.copy_(components)
        self.inverse.copy_(1.0 / deviations)

    def _features(self, flux: Tensor, extra: Tensor) -> Tensor:
        white = 2 * torch.asinh((flux @ self.components.T) * self.inverse / 2)
        channels = torch.stack([flux, 3 * white @ self.components], dim=1)
        dense = torch.cat([white, extra[:, self.n_colours + N_MISSING :]], dim=1)
        return torch.cat([self.spectral(self.convolutions(channels)), self.white(dense)], dim=1)

    def _means(self, features: Tensor, extra: Tensor) -> Tensor:
        means: Tensor = self.head(torch.cat([features, self.photometric(extra)], dim=1))
        return means

    def _log_sigma(self, features: Tensor, extra: Tensor) -> Tensor:
        hidden = self.scale(features)
        missing = extra[:, self.n_colours : self.n_colours + N_MISSING]
        groups = (missing[:, :1], missing[:, 1:3], missing[:, 3:])
        flags = torch.stack([group.amax(dim=1) for group in groups], dim=1)
        growth = nn.functional.softplus(self.scale_growth(hidden)).reshape(-1, 3, self.n_labels)
        log_sigma: Tensor = self.scale_base(hidden) + (growth * flags[:, :, None]).sum(dim=1)
        return log_sigma.clamp(-7, 3)

    def forward(self, flux: Tensor, extra: Tensor) -> Tensor:
        """Return the scaled labels [n, n_labels] from scaled flux [n, n_pix] and extra inputs [n, n_extra]."""
        return self._means(self._features(flux, extra), extra)[:, : self.n_labels]

    def distribution(self, flux: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled labels and the natural logarithm of their scale, both [n, n_labels]."""
        mean, log_sigma, _ = self.all_outputs(flux, extra)
        return mean, log_sigma

    def all_outputs(self, flux: Tensor, extra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, log scale, and the extinction that is learned beside them [n]."""
        features = self._features(flux, extra)
        means = self._means(features, extra)
        log_sigma = self._log_sigma(features, extra)
        return means[:, : self.n_labels], log_sigma, means[:, self.n_labels]


def _convolutions(
    channels: Sequence[int], stem: Sequence[int], kernel: int, blocks: int
) -> nn.Sequential:
    """Return the convolutions over two channels, flattened at the end."""
    width, stride = stem
    layers: list[nn.Module] = [nn.Conv1d(2, channels[0], width, stride, padding=width // 2)]
    for before, after in zip(channels[:-1], channels[1:], strict=True):
        layers += [nn.SiLU(), nn.Conv1d(before, after, kernel, 2, padding=kernel // 2)]
    layers += [ResidualBlock(channels[-1], kernel) for _ in range(blocks)]
    return nn.Sequential(*layers, nn.SiLU(), nn.Flatten())


def build_network(sizes: Mapping[str, Any], member: int = 0) -> XPNetwork:
    """Build one untrained member of an ensemble; members take the card's ``architectures`` in turn."""
    turns = sizes["architectures"]
    shared = {k: v for k, v in sizes.items() if k not in {"architectures", "members"}}
    return XPNetwork(**shared, **turns[member % len(turns)])
