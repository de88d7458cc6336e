"""Gaussian-process interpolation between nodes, many outputs at a time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Interpolator", "matern"]

#: Inputs that are looked at together: each meets all nodes, 5 MB at 1200 nodes.
BATCH = 512
ROOT5 = 5.0**0.5


def matern(a: Tensor, b: Tensor) -> Tensor:
    """Return the Matérn 5/2 kernel of two sets of points, shapes [n, k] and [m, k] to [n, m]."""
    scaled = ROOT5 * torch.sqrt(_squared_distance(a, b) + 1e-18)
    return (1 + scaled + scaled * scaled / 3) * torch.exp(-scaled)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    # Through the scalar product: [n, m, k] differences would need k times the memory.
    square = (a * a).sum(-1)[:, None] + (b * b).sum(-1)[None, :] - 2 * a @ b.T
    return square.clamp(min=0.0)


def _parts(x: Tensor) -> list[Tensor]:
    """Return the rows of x in batches; one of none where there are none."""
    return [x[start : start + BATCH] for start in range(0, max(len(x), 1), BATCH)]


class Interpolator:
    """A Gaussian process with a Matérn 5/2 kernel, one metric for all outputs.

    Parameters
    ----------
    nodes : torch.Tensor of float64, shape [n, d]
        Scaled inputs of the nodes.
    values : torch.Tensor of float64, shape [n, k]
        Their outputs, each of unit variance or so.
    metric : torch.Tensor of float64, shape [d, d]
        Takes scaled inputs to the space in which the kernel is isotropic.
    noise : float
        Variance of the values that is not signal.
    """

    def __init__(self, nodes: Tensor, values: Tensor, metric: Tensor, noise: float) -> None:
        self.metric, self.noise = metric, noise
        self.points = nodes @ metric
        self.weights = torch.cholesky_solve(values, self.factor)

    @cached_property
    def factor(self) -> Tensor:
        """Cholesky factor of the nodes' covariance, shape [n, n]."""
        covariance = matern(self.points, self.points)
        eye = torch.eye(len(self.points), dtype=covariance.dtype)
        factor: Tensor = torch.linalg.cholesky(covariance + self.noise * eye)
        return factor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the outputs at scaled inputs [m, d], shape [m, k]."""
        parts = [matern(part @ self.metric, self.points) @ self.weights for part in _parts(x)]
        return torch.cat(parts)

    def with_slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs [m, k] and their slopes [m, d, k] by each scaled input, at float64 x [m, d]."""
        at = x @ self.metric
        scaled = ROOT5 * torch.sqrt(_squared_distance(at, self.points) + 1e-18)
        decay = torch.exp(-scaled)
        value = ((1 + scaled + scaled * scaled / 3) * decay) @ self.weights
        # d kernel / d at = -5/3 (1 + scaled) exp(-scaled) (at - point)
        factor = -(5.0 / 3.0) * (1 + scaled) * decay
        total = factor @ self.weights
        slope = at[:, :, None] * total[:, None, :]
        for i in range(at.shape[1]):
            slope[:, i] -= (factor * self.points[None, :, i]) @ self.weights
        return value, torch.einsum("ij,mjk->mik", self.metric, slope)

    def spread(self, x: Tensor) -> Tensor:
        """Return the standard deviation that is left, in that of the signal, shape [m]."""
        parts = []
        for part in _parts(x):
            near = matern(part @ self.metric, self.points)
            known = (near.T * torch.cholesky_solve(near.T, self.factor)).sum(0)
            parts.append(torch.sqrt((1.0 - known).clamp(min=0.0)))
        return torch.cat(parts)
