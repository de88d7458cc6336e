"""Training stars as tensors, drawn anew in each epoch: noise, masked pixels, missing bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stellarnb.models.inputs.features import COLOURS, LIMIT, MAGNITUDES, XPScaler
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.networks.xp import XPNetwork

__all__ = ["BLOCKS", "Batches", "XPStars", "bridge_blocks"]

#: Chances with which a star is shown without photometry: none at all, no J H K, no BP and RP,
#: and each single band.
P_NONE, P_NO_2MASS, P_NO_COLOUR, P_BAND = 0.05, 0.12, 0.07, 0.01
#: Smallest label error believed, in scaled units of Teff, logg, [Fe/H], [alpha/M].
ERROR_FLOOR = np.array([0.01, 0.015, 0.02, 0.04])
#: Extinction A_K that is learned beside the labels: range believed, centre and unit.
EXTINCTION_RANGE, EXTINCTION_CENTRE, EXTINCTION_UNIT = (-0.05, 1.5), 0.1, 0.2
#: Masked blocks: chance and greatest length in pixels of a short and of a long one.
BLOCKS = ((0.5, 8), (0.15, 40))


@dataclass(frozen=True)
class XPStars:
    """What the training needs of n stars."""

    pixels: Pixels  #: Spectra, with errors
    magnitudes: NDArray[np.float64]  #: [n, 6]: NaN where missing
    #: labels, label_errors: [n, n_labels]: physical units; NaN where missing.
    labels: NDArray[np.float64]
    label_errors: NDArray[np.float64]
    extinction: NDArray[np.float64]  #: [n]: A_K; NaN where unknown
    clean: NDArray[np.bool_]  #: [n]: stars with sound labels

    def __len__(self) -> int:
        return len(self.labels)


class Batches:
    """Augmented batches of training stars, and the loss on them."""

    def __init__(
        self, stars: XPStars, scaler: XPScaler, labels: LabelScaler, config: dict[str, Any]
    ) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(int(config["seed"]))
        error = stars.pixels.error
        assert error is not None, "training spectra have errors"  # noqa: S101
        self.flux = _tensor(stars.pixels.flux)
        self.error = _tensor(np.nan_to_num(error))  # a masked pixel gets no noise on top
        self.softening = float(scaler.softening)
        self.centre, self.width = _tensor(scaler.flux_centre), _tensor(scaler.flux_width)
        self.extra = _tensor(scaler.extras(stars.pixels, stars.magnitudes))
        known = np.isfinite(stars.labels) & np.isfinite(stars.label_errors)
        scaled = labels.scale(stars.labels)
        errors = np.maximum(stars.label_errors / labels.slope(stars.labels), ERROR_FLOOR)
        self.labels = _tensor(np.where(known, scaled, 0.0))
        self.variance = _tensor(np.where(known, errors**2, 1.0))
        weight = np.where(stars.clean, 1.0, config["doubtful"])
        self.weight = _tensor(weight[:, None] * known)
        self.has_extinction = _tensor(np.isfinite(stars.extinction))
        extinction = np.clip(np.nan_to_num(stars.extinction), *EXTINCTION_RANGE)
        self.extinction = _tensor((extinction - EXTINCTION_CENTRE) / EXTINCTION_UNIT)
        self.first, self.second = (torch.tensor(x) for x in zip(*COLOURS, strict=True))

    def __len__(self) -> int:
        return len(self.flux)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator)

    def _drop_photometry(self, extra: Tensor) -> Tensor:
        """Take bands away, so that their absence becomes something the network knows."""
        n_colours, n_bands = len(COLOURS), len(MAGNITUDES)
        missing = extra[:, n_colours : n_colours + n_bands] > 0
        draw = self._uniform(len(extra))
        edges = np.cumsum([P_NONE, P_NO_2MASS, P_NO_COLOUR])
        missing[draw < edges[0]] = True
        missing[(draw >= edges[0]) & (draw < edges[1]), 3:] = True
        missing[(draw >= edges[1]) & (draw < edges[2]), 1:3] = True
        missing |= self._uniform(len(extra), n_bands) < P_BAND
        lost = missing[:, self.first] | missing[:, self.second]
        colour = extra[:, :n_colours].masked_fill(lost, 0)
        return torch.cat([colour, missing.float(), extra[:, n_colours + n_bands :]], dim=1)

    def draw(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return augmented scaled flux and extra inputs of some stars."""
        flux = self.flux[index]
        noise = torch.randn(flux.shape, generator=self.generator) * self.error[index]
        # XP errors are correlated and the spectra noisy already: never more than 0.3 sigma.
        flux = flux + noise * self._uniform(len(index), 1) * self.config["noise"]
        for chance, longest in BLOCKS:
            flux = bridge_blocks(flux, chance, longest, self.generator)
        scaled = (torch.asinh(flux / self.softening) - self.centre) / self.width
        return scaled.clamp(-LIMIT, LIMIT), self._drop_photometry(self.extra[index])

    def evaluate(self, network: XPNetwork, index: Tensor) -> Tensor:
        """Return the loss of a network on some stars, drawn anew."""
        return self.loss(index, network.all_outputs(*self.draw(index)))

    def loss(self, index: Tensor, outputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Return the Student-t negative log-likelihood of the labels, plus the auxiliary loss.

        The variance is that of the network plus that of the label; a missing label weighs
        nothing.
        """
        mean, log_sigma, extinction = outputs
        nu = float(self.config["freedom"])
        variance = torch.exp(2 * log_sigma) + self.variance[index]
        chi2 = (self.labels[index] - mean) ** 2 / variance
        terms = 0.5 * torch.log(variance) + 0.5 * (nu + 1) * torch.log1p(chi2 / nu)
        weight = self.weight[index]
        main = (terms * weight).sum() / weight.sum().clamp(min=1)
        other = nn.functional.smooth_l1_loss(extinction, self.extinction[index], reduction="none")
        auxiliary = (other * self.has_extinction[index]).mean()
        total: Tensor = main + self.config["auxiliary"] * auxiliary
        return total


def bridge_blocks(flux: Tensor, chance: float, longest: int, generator: torch.Generator) -> Tensor:
    """Bridge a random block of pixels of some stars, as `clean_pixels` bridges masked ones.

    flux [n, n_pix]: left as it is. Returns [n, n_pix].
    """
    n, n_pix = flux.shape
    length = torch.randint(1, longest + 1, (n, 1), generator=generator)
    start = torch.randint(1, n_pix - longest - 1, (n, 1), generator=generator)
    chosen = torch.rand(n, 1, generator=generator) < chance
    pixel = torch.arange(n_pix)[None]
    left, right = flux.gather(1, start - 1), flux.gather(1, start + length)
    fraction = (pixel - start + 1) / (length + 1)
    inside = chosen & (pixel >= start) & (pixel < start + length)
    return torch.where(inside, left + (right - left) * fraction, flux)


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32))
