"""Damped least squares for many stars at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from stellarnb.models.fitting.prior import Prior
from stellarnb.models.fitting.window import EmulatorView

__all__ = ["FitResult", "FitTask", "Solver"]

#: Steps of the three rounds; between them weights of pixels and the noise are learned anew.
ROUNDS = (14, 8, 8)
#: A step that changes chi-square by less than this is the last: 0.03 errors of a label.
ENOUGH = 1e-3
#: A pixel that is off by more than this many deviations counts less (Huber).
HUBER = 3.0
#: Every so many nodes are tried as a beginning, at velocities so far apart [km/s].
NODES_TRIED, VELOCITY_TRIED = 3, 6.0
#: Nothing is less noisy than this part of what its errors say (variance).
LEAST_NOISE = 0.2

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FitTask:
    """What is fitted, and within what.

    Attributes
    ----------
    flux, precision : torch.Tensor of float32, shape [n, n_pix]
        Precision is 1 / error^2, and 0 for pixels that are left out.
    low, high : numpy.ndarray, shape [n_parameters]
        Limits of scaled labels, velocity, square of v sin i and continuum terms.
    continuum : torch.Tensor of float32, shape [n_terms, n_pix]
        Chebyshev polynomials; the first is 1.
    prior : Prior
        Of labels that are not free.
    rotation2 : float or None
        Square of v sin i [km2/s2] where it is held.
    lags : int
        How many pixels apart noise may be dependent.
    """

    flux: torch.Tensor
    precision: torch.Tensor
    low: Floats
    high: Floats
    continuum: torch.Tensor
    prior: Prior
    rotation2: float | None
    lags: int


@dataclass
class FitResult:
    """Where a fit ended.

    Attributes
    ----------
    parameters : numpy.ndarray, shape [n, n_parameters]
        As in `FitTask`.
    covariance : numpy.ndarray, shape [n, n_parameters, n_parameters]
        From the curvature.
    chi2, noise : numpy.ndarray, shape [n]
        Reduced chi-square by the errors as given, and the variance of the noise of lines' width
        in units of theirs, by which the curvature is divided.
    residual : torch.Tensor of float32, shape [n, n_pix]
        Data minus model.
    model : torch.Tensor of float32, shape [n, n_pix]
    steps : int
    """

    parameters: Floats
    covariance: Floats
    chi2: Floats
    noise: Floats
    residual: torch.Tensor
    model: torch.Tensor
    steps: int = 0


@dataclass
class _State:
    parameters: Floats
    cost: Floats
    curvature: Floats
    gradient: Floats
    damping: Floats = field(default_factory=lambda: np.zeros(0))


class Solver:
    """Levenberg-Marquardt, all stars of a batch side by side.

    Parameters
    ----------
    window : EmulatorView
        The model.
    task : FitTask
        The data.
    """

    def __init__(self, window: EmulatorView, task: FitTask) -> None:
        self.window, self.task = window, task
        self.n_labels = len(window.emulator.names)
        self.weight = task.precision.clone()
        self.noise = np.ones(len(task.flux))

    def run(self) -> FitResult:
        """Fit, learn weights and noise from the residuals, and fit again."""
        parameters = self._begin()
        steps = 0
        for turn, most in enumerate(ROUNDS):
            parameters, taken = self._round(parameters, most)
            steps += taken
            model, _ = self._model(parameters)
            residual = self.task.flux - model
            if turn + 1 < len(ROUNDS):
                self._learn(residual)
        state = self._evaluate(parameters, np.arange(len(parameters)))
        covariance = np.asarray(
            np.linalg.inv(state.curvature + 1e-12 * np.eye(parameters.shape[1])), dtype=np.float64
        )
        used = (self.task.precision > 0).sum(dim=1).numpy()
        free = np.maximum(used - self._n_free(), 1)
        squares = (self.task.precision * residual**2).sum(dim=1).double().numpy()
        return FitResult(parameters, covariance, squares / free, self.noise, residual, model, steps)

    def _n_free(self) -> int:
        return int(np.sum(self.task.high > self.task.low))

    def _begin(self) -> Floats:
        """Return the node and velocity that come nearest, at a constant continuum."""
        task, limit = self.task, float(self.task.high[self.n_labels])
        n = len(task.flux)
        count = int(limit // VELOCITY_TRIED)
        best = np.full(n, np.inf)
        out = np.zeros((n, len(task.low)))
        weighted = task.precision * task.flux
        for velocity in VELOCITY_TRIED * np.arange(-count, count + 1):
            scaled, nodes = self.window.node_flux(float(velocity), NODES_TRIED)
            cross = (weighted @ nodes.T).double().numpy()
            square = (task.precision @ (nodes**2).T).double().numpy()
            level = cross / np.maximum(square, 1e-30)
            gain = -level * cross
            node = np.argmin(gain, axis=1)
            rows = np.arange(n)
            better = gain[rows, node] < best
            best = np.where(better, gain[rows, node], best)
            out[better, : self.n_labels] = scaled[node[better]]
            out[better, self.n_labels] = velocity
            out[better, self.n_labels + 2] = level[rows, node][better]
        out[:, self.n_labels + 1] = 16.0 if task.rotation2 is None else task.rotation2
        return np.clip(out, task.low, task.high)

    def _round(self, parameters: Floats, most: int) -> tuple[Floats, int]:
        """Take damped steps until none helps."""
        rows = np.arange(len(parameters))
        out = parameters.copy()
        state = self._evaluate(out, rows)
        state.damping = np.full(len(rows), 1e-2)
        taken = 0
        for _ in range(most):
            taken += 1
            trial = np.clip(state.parameters + self._step(state), self.task.low, self.task.high)
            new = self._evaluate(trial, rows)
            better = new.cost < state.cost
            small = np.abs(state.cost - new.cost) < ENOUGH
            for name in ("parameters", "cost", "curvature", "gradient"):
                getattr(state, name)[better] = getattr(new, name)[better]
            state.damping = np.where(better, state.damping * 0.2, state.damping * 8.0)
            out[rows] = state.parameters
            keep = ~small & (state.damping < 1e8)
            if not keep.any():
                break
            rows = rows[keep]
            for name in ("parameters", "cost", "curvature", "gradient", "damping"):
                setattr(state, name, getattr(state, name)[keep])
        return out, taken

    def _step(self, state: _State) -> Floats:
        """Return the damped step; a parameter at a limit that pulls outward stays there."""
        task = self.task
        outward = (state.parameters <= task.low) & (state.gradient < 0)
        outward |= (state.parameters >= task.high) & (state.gradient > 0)
        curvature, gradient = state.curvature.copy(), np.where(outward, 0.0, state.gradient)
        diagonal = np.einsum("nii->ni", curvature)
        diagonal *= 1.0 + state.damping[:, None]
        diagonal += 1e-9
        star, held = np.nonzero(outward)
        curvature[star, held, :] = 0.0
        curvature[star, :, held] = 0.0
        curvature[star, held, held] = 1.0
        return np.asarray(np.linalg.solve(curvature, gradient[..., None])[..., 0])

    def _model(self, parameters: Floats) -> tuple[torch.Tensor, torch.Tensor]:
        """Return flux [m, n_pix] and its derivatives [m, n_parameters, n_pix]."""
        k = self.n_labels
        flux, slopes = self.window.model(parameters[:, :k], parameters[:, k], parameters[:, k + 1])
        terms = torch.from_numpy(parameters[:, k + 2 :]).float()
        continuum = terms @ self.task.continuum
        by_terms = flux[:, None, :] * self.task.continuum[None]
        return flux * continuum, torch.cat([slopes * continuum[:, None, :], by_terms], dim=1)

    def _evaluate(self, parameters: Floats, rows: NDArray[np.int64]) -> _State:
        """Return cost, curvature and (negative) gradient of some stars."""
        index = torch.from_numpy(rows)
        model, slopes = self._model(parameters)
        residual = self.task.flux[index] - model
        weight = self.weight[index]
        leaning = slopes * weight[:, None, :]
        curvature = torch.bmm(leaning, slopes.transpose(1, 2)).double().numpy()
        gradient = torch.bmm(leaning, residual[:, :, None])[..., 0].double().numpy()
        cost = (weight * residual**2).sum(dim=1).double().numpy()
        noise = self.noise[rows]
        cost, gradient = cost / noise, gradient / noise[:, None]
        curvature /= noise[:, None, None]
        pulled = self.task.prior.at(parameters[:, : self.n_labels], rows)
        k = self.n_labels
        cost = cost + pulled.cost
        gradient[:, :k] += pulled.gradient
        curvature[:, :k, :k] += pulled.curvature
        held = self.task.high <= self.task.low
        gradient[:, held] = 0.0
        curvature[:, held, :] = 0.0
        curvature[:, :, held] = 0.0
        curvature[:, held, held] = 1.0
        return _State(parameters.copy(), cost, curvature, gradient)

    def _learn(self, residual: torch.Tensor) -> None:
        """Weigh outlying pixels down, and measure the noise that lines feel.

        Noise that neighbouring pixels share (a resampled spectrum, a flaw of the synthesis as
        wide as a line) has more of its power at the width of a line than a pixel's error says:
        the sum of the residuals' autocovariance over one line width is that power.
        """
        precision = self.task.precision
        pull = residual * precision.sqrt()
        used = precision > 0
        spread = torch.nanmedian(torch.where(used, pull.abs(), torch.nan), dim=1).values * 1.4826
        scale = HUBER * spread.clamp(min=1e-6)[:, None]
        huber = torch.where(used, (scale / pull.abs().clamp(min=1e-12)).clamp(max=1.0), 0.0)
        self.weight = precision * huber
        pull = pull * huber.sqrt()
        power = (pull * pull).sum(dim=1)
        for lag in range(1, self.task.lags + 1):
            power += 2.0 * (pull[:, lag:] * pull[:, :-lag]).sum(dim=1)
        count = used.sum(dim=1).numpy() / (self.task.lags + 1)
        n_free = min(self._n_free(), 14)
        power = power.double().numpy() / np.maximum(used.sum(dim=1).numpy(), 1)
        self.noise = np.maximum(
            power / np.maximum(1.0 - 0.5 * n_free / np.maximum(count, 1), 0.3), LEAST_NOISE
        )
