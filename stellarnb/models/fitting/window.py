"""An emulator as an instrument sees it, at any velocity and rotation: the model of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.models.synthetic.instrument import LIGHT, ROTATION, response
from stellarnb.spectra import Instrument

__all__ = ["Basis", "EmulatorView"]

#: Velocities [km/s] are expanded to second order about multiples of this: 0.1 % of a line's depth.
VELOCITY_BIN = 2.0


@dataclass(frozen=True)
class Basis:
    """Flux and its derivatives, each float32 [k + 1, n_pix]: the mean, then the components.

    Attributes
    ----------
    flux, by_velocity, by_velocity2, by_rotation : torch.Tensor
        Value, first and second derivative by velocity [km/s], and slope by the square of v sin i.
    velocity, rotation2 : float
        Where the expansion is made.
    """

    flux: torch.Tensor
    by_velocity: torch.Tensor
    by_velocity2: torch.Tensor
    by_rotation: torch.Tensor
    velocity: float
    rotation2: float


class EmulatorView:
    """An emulator seen through an instrument.

    Parameters
    ----------
    emulator : Emulator
        Of a window that covers the instrument.
    instrument : Instrument
        Whose grid and line-spread function.
    resolution : float, optional
        R, where it is not the instrument's own.
    vmac : float, optional
        Macroturbulence [km/s].
    """

    def __init__(
        self,
        emulator: Emulator,
        instrument: Instrument,
        resolution: float | None = None,
        vmac: float = 0.0,
    ) -> None:
        self.emulator, self.instrument = emulator, instrument
        self.resolution, self.vmac = resolution, vmac
        rows = np.concatenate([emulator.mean[None], emulator.components]).astype(np.float64)
        slope = -np.gradient(rows, emulator.wavelength, axis=1) * emulator.wavelength / LIGHT
        curve = -np.gradient(slope, emulator.wavelength, axis=1) * emulator.wavelength / LIGHT
        self._native = np.concatenate([rows, slope, curve]).T
        self._n_rows = len(rows)
        self._basis = lru_cache(maxsize=128)(self._make_basis)
        self._seen = lru_cache(maxsize=128)(self._see)

    def _see(self, velocity: float, vsini: float) -> NDArray[np.float32]:
        """Return flux and velocity derivatives [3 (k + 1), n_pix] at one velocity and rotation."""
        matrix = response(
            self.emulator.wavelength,
            self.instrument,
            resolution=self.resolution,
            velocity=velocity,
            vsini=vsini,
            vmac=self.vmac,
        )
        return np.ascontiguousarray((matrix @ self._native).T, dtype=np.float32)

    def _make_basis(self, velocity_bin: int, rotation_bin: int, turning: bool) -> Basis:
        velocity = VELOCITY_BIN * velocity_bin
        low, high = ROTATION[rotation_bin], ROTATION[rotation_bin + 1]
        seen = self._seen(velocity, float(low))
        k = self._n_rows
        by_rotation = np.zeros_like(seen[:k])
        if turning:
            by_rotation = (self._seen(velocity, float(high))[:k] - seen[:k]) / (high**2 - low**2)
        arrays = (seen[:k], seen[k : 2 * k], seen[2 * k :], by_rotation.astype(np.float32))
        flux, first, second, turn = (torch.from_numpy(array) for array in arrays)
        return Basis(flux, first, second, turn, velocity, float(low**2))

    def bins(
        self, velocity: NDArray[np.float64], rotation2: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return which expansion serves each star, int [n, 2]."""
        first = np.rint(velocity / VELOCITY_BIN).astype(np.int64)
        second = np.searchsorted(ROTATION**2, rotation2, side="right") - 1
        return np.stack([first, np.clip(second, 0, len(ROTATION) - 2)], axis=1)

    def model(
        self,
        scaled: NDArray[np.float64],
        velocity: NDArray[np.float64],
        rotation2: NDArray[np.float64],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return flux [n, n_pix] and its slopes [n, n_labels + 2, n_pix].

        Slopes are by scaled label, velocity [km/s] and the square of v sin i [km2/s2].
        """
        value, slope = self.emulator.coefficients_with_slopes(scaled)
        n, n_labels, k = slope.shape
        coefficients = torch.ones(n, k + 1, dtype=torch.float32)
        coefficients[:, 1:] = torch.from_numpy(value)
        slopes = torch.from_numpy(slope).float()
        flux = torch.empty(n, self.instrument.n_pix)
        out = torch.empty(n, n_labels + 2, self.instrument.n_pix)
        turning = bool(np.any(rotation2 != rotation2[:1])) or bool(np.any(rotation2 > 0))
        where = self.bins(velocity, rotation2)
        for pair in np.unique(where, axis=0):
            chosen = np.flatnonzero((where == pair).all(axis=1))
            rows = torch.from_numpy(chosen)
            basis = self._basis(int(pair[0]), int(pair[1]), turning)
            dv = torch.from_numpy(velocity[chosen] - basis.velocity).float()[:, None]
            du = torch.from_numpy(rotation2[chosen] - basis.rotation2).float()[:, None]
            some = coefficients[rows]
            first, second = some @ basis.by_velocity, some @ basis.by_velocity2
            by_rotation = some @ basis.by_rotation
            flux[rows] = some @ basis.flux + dv * first + 0.5 * dv**2 * second + du * by_rotation
            # By labels at the centre of the bin: the step needs no more.
            centre = basis.flux[1:] + float(du.mean()) * basis.by_rotation[1:]
            out[rows, :n_labels] = slopes[rows] @ centre
            out[rows, n_labels] = first + dv * second
            out[rows, n_labels + 1] = by_rotation
        return flux, out

    def node_flux(self, velocity: float, every: int) -> tuple[NDArray[np.float64], torch.Tensor]:
        """Return scaled labels of every so many nodes, and their flux at a velocity."""
        scaled = self.emulator.scale(self.emulator.node_labels[::every])
        coefficients = self.emulator.coefficients(scaled).astype(np.float32)
        seen = self._seen(velocity, 0.0)[: self._n_rows]
        return scaled, torch.from_numpy(seen[0] + coefficients @ seen[1:])
