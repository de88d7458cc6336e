"""The network of Guiglion et al. (2020, A&A 644, A168) for RAVE spectra, as a torch module."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stellarnb.models.weights.keras import ExpectedLayers

__all__ = ["KERAS_CLASSES", "RaveNetwork", "build_rave_network"]


class RaveNetwork(nn.Module):
    """Convolutions over a spectrum, joined with a dense branch for magnitudes and extinction.

    The modules are defined in the order in which Keras stores them. Dropout, which does nothing
    in prediction, is left out.

    Parameters
    ----------
    n_pix, n_extra, n_labels : int
        Sizes of spectrum, scalar inputs and output.
    channels : sequence of int
        Of the convolutions, which do not pad.
    kernel : int
        Their width.
    hidden, hidden_extra, hidden_joint : int
        Width of the dense layers on the spectrum, on the scalars, and on both.
    slope : float
        Of the activation (LeakyReLU) below zero.
    """

    def __init__(
        self,
        *,
        n_pix: int,
        n_extra: int,
        n_labels: int,
        channels: Sequence[int],
        kernel: int,
        hidden: int,
        hidden_extra: int,
        hidden_joint: int,
        slope: float,
    ) -> None:
        super().__init__()
        widths = (1, *channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_in, n_out, kernel)
            for n_in, n_out in zip(widths[:-1], widths[1:], strict=True)
        )
        n_flat = channels[-1] * (n_pix - len(channels) * (kernel - 1))
        self.spectral = nn.Linear(n_flat, hidden)
        self.photometric = nn.Linear(n_extra, hidden_extra)
        self.joint = nn.Linear(hidden + hidden_extra, hidden_joint)
        self.head = nn.Linear(hidden_joint, n_labels)
        self.act = nn.LeakyReLU(slope)

    def forward(self, flux: Tensor, extra: Tensor) -> Tensor:
        """Return the scaled labels [n, n_labels] from flux [n, n_pix] and extra [n, n_extra].

        Flux is continuum-normalised; extra are absolute magnitudes and A_V, scaled to 0..1 on the
        training split.
        """
        x = flux.unsqueeze(1)
        for convolution in self.convolutions:
            x = self.act(convolution(x))
        # Keras flattens [n, pixels, channels].
        spectral = self.act(self.spectral(x.transpose(1, 2).flatten(1)))
        photometric = self.act(self.photometric(extra))
        joint = self.act(self.joint(torch.cat([spectral, photometric], dim=1)))
        labels: Tensor = self.head(joint)
        return labels

    def distribution(self, flux: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled labels and the natural logarithm of their scale, both [n, n_labels].

        The published network states no error of its own: the logarithm is -inf (a variance of
        exactly 0), and all of the ensemble's variance is the scatter over its members.
        """
        mean = self(flux, extra)
        return mean, torch.full_like(mean, -math.inf)


#: The Keras layers of the published files, with the settings that `RaveNetwork` stands for.
KERAS_CLASSES: dict[str, ExpectedLayers] = {
    "InputLayer": ExpectedLayers(2),
    "Conv1D": ExpectedLayers(
        3,
        {
            "strides": [1],
            "padding": "valid",
            "dilation_rate": [1],
            "groups": 1,
            "activation": "linear",
            "data_format": "channels_last",
        },
    ),
    "LeakyReLU": ExpectedLayers(6, {"alpha": 0.3}),
    "Dropout": ExpectedLayers(1),
    "Flatten": ExpectedLayers(2, {"data_format": "channels_last"}),
    "Dense": ExpectedLayers(4, {"activation": "linear"}),
    "Concatenate": ExpectedLayers(1),
}


def build_rave_network(sizes: Mapping[str, Any]) -> RaveNetwork:
    """Build one network, untrained, from the ``network`` table of a card."""
    return RaveNetwork(**{k: v for k, v in sizes.items() if k != "members"})
