"""Training stars of the hybrid networks, drawn anew in each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stellarnb.models.families.base import Scaled
from stellarnb.models.families.hybrid import HybridFamily
from stellarnb.models.inputs.pixels import Pixels
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.networks.hybrid import HybridNetwork
from stellarnb.training.populations.labels import Population
from stellarnb.training.spectra.sources import DrawnSpectra
from stellarnb.training.xp.batches import BLOCKS, bridge_blocks

__all__ = ["HybridBatches", "drop_branches", "observed"]

#: Photometry is shown with so large errors [mag]; A_V with the second.
JITTER, JITTER_AV = 0.01, 0.05
#: Relative error of a parallax that comes without one.
JITTER_PARALLAX = 0.03
#: Real XP spectra are noisy already, and their errors correlated: no more than this of it again.
XP_NOISE = 0.3
#: Chance with which a single scalar is missing where its branch is there.
P_SINGLE = 0.02

Scalars = dict[str, NDArray[np.float64]]


def observed(
    stars: Population, rows: NDArray[np.int64], draw: int | NDArray[np.int64]
) -> tuple[NDArray[np.float32], Scalars, Pixels | None]:
    """Return labels of the synthesis [n, 14], scalars [n] and XP spectra of some stars."""
    xp = stars.xp
    low = None
    if xp is not None:
        error = None if xp.error is None else xp.error[rows]
        low = Pixels(xp.flux[rows], error, xp.usable[rows], xp.alive[rows])
    scalars = {name: values[rows, draw] for name, values in stars.scalars.items()}
    return stars.nodes[rows, draw], scalars, low


def drop_branches(
    family: HybridFamily, there: NDArray[np.bool_], pixels: Pixels, scalars: Scalars
) -> tuple[Pixels, Scalars]:
    """Take branches away from stars.

    there [n, n_branches]: what is left.
    """
    has = dict(zip(family.branches, there.T, strict=True))
    low = pixels.xp
    if low is not None:
        low = Pixels(low.flux, low.error, low.usable, low.alive & has["xp"])
    pixels = Pixels(pixels.flux, pixels.error, pixels.usable, pixels.alive & has["spectrum"], low)
    out = {name: values.copy() for name, values in scalars.items()}
    for name, values in out.items():
        parallax = name.startswith("parallax") and "parallax" in has
        branch = "parallax" if parallax else "photometry"
        # G alone may be there for the parallax's sake.
        if name == "phot_g_mean_mag" and "parallax" in has:
            values[~(has["photometry"] | has["parallax"])] = np.nan
        else:
            values[~has[branch]] = np.nan
    return pixels, out


class HybridBatches:
    """Batches of stars whose spectra are seen anew each time.

    config: ``seed``, ``freedom`` (of the Student-t loss), ``presence`` (pairs of a set of branches,
    joined by ``+``, and its chance; the rest is any set, each branch with 0.7), ``repeat`` (stars
    below this [Fe/H] are shown so many times an epoch).
    """

    def __init__(
        self,
        stars: Population,
        source: DrawnSpectra,
        family: HybridFamily,
        labels: LabelScaler,
        config: Mapping[str, Any],
    ) -> None:
        self.stars, self.source, self.family = stars, source, family
        self.freedom = float(config["freedom"])
        self.generator = torch.Generator().manual_seed(int(config["seed"]))
        self.rng = np.random.default_rng([int(config["seed"]), 11])
        self.targets = torch.from_numpy(labels.scale(stars.targets).astype(np.float32))
        limit, times = config["repeat"]
        self.order = np.repeat(np.arange(len(stars)), np.where(stars.fe_h < limit, int(times), 1))
        self.presence = [
            (np.array([name in text.split("+") for name in family.branches]), float(chance))
            for text, chance in config["presence"]
        ]

    def __len__(self) -> int:
        return len(self.order)

    def _present(self, n: int) -> NDArray[np.bool_]:
        """Draw which branches n stars have."""
        there = self.rng.random((n, len(self.family.branches))) < 0.7
        u, edge = self.rng.random(n), 0.0
        for chosen, chance in self.presence:
            there[(u >= edge) & (u < edge + chance)] = chosen
            edge += chance
        there[~there.any(axis=1), 0] = True
        return there

    def _blur(self, scalars: Scalars) -> Scalars:
        """Give scalars the errors that those of other stars have."""
        out = {}
        for name, values in scalars.items():
            n, noise = len(values), self.rng.standard_normal(len(values))
            if name == "parallax" and "parallax_error" not in scalars:
                new = values * (1 + JITTER_PARALLAX * noise)
            elif "parallax" in name:
                new = values
            else:
                new = values + (JITTER_AV if name == "av" else JITTER) * noise
            out[name] = np.where(self.rng.random(n) < P_SINGLE, np.nan, new)
        return out

    def _blur_xp(self, low: Pixels) -> Pixels:
        """Give XP spectra a part of their noise again, and gaps."""
        flux = torch.from_numpy(low.flux)
        if low.error is not None:
            error = torch.from_numpy(np.nan_to_num(low.error))
            size = XP_NOISE * torch.rand(len(flux), 1, generator=self.generator)
            flux = flux + size * error * torch.randn(flux.shape, generator=self.generator)
        for chance, longest in BLOCKS:
            flux = bridge_blocks(flux, chance, longest, self.generator)
        return Pixels(flux.numpy(), low.error, low.usable, low.alive)

    def draw(self, index: Tensor) -> Scaled:
        """Return scaled inputs of some stars, seen anew."""
        rows = self.order[index.numpy()]
        n = len(rows)
        draw = self.rng.integers(self.stars.n_draws, size=n)
        _, scalars, low = observed(self.stars, rows, draw)
        low = None if low is None else self._blur_xp(low)
        flux, error, usable = self.source.draw(rows, draw, self.rng)
        pixels = Pixels(flux, error, usable, np.ones(n, dtype=bool), low)
        pixels, scalars = drop_branches(self.family, self._present(n), pixels, self._blur(scalars))
        return self.family.scale(pixels, scalars)

    def evaluate(self, network: HybridNetwork, index: Tensor) -> Tensor:
        """Return the Student-t negative log-likelihood of the labels of some stars."""
        scaled = self.draw(index)
        mean, log_sigma = network.distribution(*(torch.from_numpy(x) for x in scaled.inputs))
        nu = self.freedom
        residual = (self.targets[self.order[index.numpy()]] - mean) * torch.exp(-log_sigma)
        loss = 0.5 * (nu + 1) * torch.log1p(residual**2 / nu) + log_sigma
        # A star without any branch left teaches nothing.
        weight = torch.from_numpy(scaled.complete.astype(np.float32))[:, None]
        return (loss * weight).mean()
