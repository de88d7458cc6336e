"""Synthetic spectra as a survey delivers them: an emulator, and all that stands between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.models.synthetic.instrument import response
from stellarnb.spectra import Instrument
from stellarnb.spectra.line_spread import convert_wavelength
from stellarnb.spectra.noise import Interpolation

__all__ = ["SpectrumMaker", "air_wavelength", "detector_noise"]

Floats = NDArray[np.float32]

#: Stars that share rotation, macroturbulence, velocity and resolution in a batch.
GROUP = 16


def air_wavelength(instrument: Instrument) -> NDArray[np.float64]:
    """Return the wavelengths of an instrument's pixels, in air [Angstrom]."""
    grid = np.asarray(instrument.wavelength, dtype=np.float64)
    return convert_wavelength(grid, instrument.unit, instrument.medium, "Angstrom", "air")


def detector_noise(instrument: Instrument, step: float | None) -> Interpolation:
    """Return how noise that is white on the detector looks on an instrument's pixels."""
    return Interpolation.of(instrument.n_pix, (step or instrument.step) / instrument.step)


class SpectrumMaker:
    """Draws spectra of stars: emulated, broadened, with flaws of the synthesis, noise and gaps.

    table: the recipe's ``spectra``: ``settings`` (how many combinations of rotation, velocity and
    so on), ``vsini_scale, vsini_fast, fast`` (two exponentials [km/s] and the part of fast ones),
    ``vmac`` (range [km/s]), ``velocity`` (standard deviation [km/s]), ``resolution`` (relative),
    ``line_depth`` and ``line_step`` (flaws of single lines: relative depth, and pixels), ``broad``
    (flaws of strong lines: centre in air, half-width, mean and scatter of the relative depth),
    ``continuum`` (standard deviation of level, then of each term of a polynomial), ``snr`` (range),
    ``detector_step`` (in the grid's unit, 0 = the grid's own), ``masked`` (chance of a block, its
    largest length in pixels, largest length at the ends).
    """

    def __init__(
        self, emulator: Emulator, instrument: Instrument, table: Mapping[str, Any], seed: int
    ) -> None:
        self.emulator, self.instrument, self.table = emulator, instrument, table
        rng = np.random.default_rng([seed, 7])
        rows = np.concatenate([emulator.mean[None], emulator.components]).astype(np.float64).T
        self.settings = [self._setting(rng) for _ in range(int(table["settings"]))]
        self.bases = [
            torch.from_numpy(
                np.ascontiguousarray(
                    (response(emulator.wavelength, instrument, **setting) @ rows).T,
                    dtype=np.float32,
                )
            )
            for setting in self.settings
        ]
        self.noise = detector_noise(instrument, table["detector_step"] or None)
        self.lines = Interpolation.of(instrument.n_pix, float(table["line_step"]))
        air = air_wavelength(instrument)
        self.broad = [
            (np.exp(-0.5 * ((air - centre) / half) ** 4).astype(np.float32), mean, scatter)
            for centre, half, mean, scatter in table["broad"]
        ]
        x = np.linspace(-1.0, 1.0, instrument.n_pix)
        degree = len(table["continuum"]) - 1
        self.terms = np.polynomial.chebyshev.chebvander(x, degree).T.astype(np.float32)

    def _setting(self, rng: np.random.Generator) -> dict[str, float]:
        table = self.table
        fast = rng.random() < table["fast"]
        vsini = rng.exponential(table["vsini_fast"] if fast else table["vsini_scale"])
        resolution = float(np.median(self.instrument.resolution_at(self.instrument.wavelength)))
        return {
            "vsini": float(min(vsini, 60.0)),
            "vmac": float(rng.uniform(*table["vmac"])),
            "velocity": float(np.clip(rng.normal(0, table["velocity"]), -15, 15)),
            "resolution": resolution * float(np.exp(rng.normal(0, table["resolution"]))),
        }

    def draw_snr(self, rng: np.random.Generator, n: int) -> Floats:
        """Return S/N spread evenly in its logarithm, shape [n]."""
        low, high = np.log(self.table["snr"])
        return np.exp(rng.uniform(low, high, n)).astype(np.float32)

    def clean(self, coefficients: Floats, rng: np.random.Generator) -> Floats:
        """Return broadened spectra without any flaw [n, n_pix], from the emulator's coefficients."""
        n = len(coefficients)
        flux = np.empty((n, self.instrument.n_pix), dtype=np.float32)
        for start in range(0, n, GROUP):
            basis = self.bases[int(rng.integers(len(self.bases)))]
            some = torch.from_numpy(coefficients[start : start + GROUP])
            flux[start : start + GROUP] = torch.addmm(basis[:1], some, basis[1:]).numpy()
        return flux

    def make(
        self,
        coefficients: Floats,
        snr: Floats,
        rng: np.random.Generator,
        *,
        flaws: bool = True,
        gaps: bool = True,
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Return flux and errors [n, n_pix], and which pixels may be used.

        coefficients [n, k]: of the emulator's components; snr [n]: signal to noise of a detector
        pixel at the continuum. Returns flux, error [n, n_pix]; usable [n, n_pix].
        """
        flux = self.clean(coefficients, rng)
        if flaws:
            self._err(flux, rng)
        return self.observe(flux, snr, rng, gaps=gaps)

    def observe(
        self, flux: Floats, snr: Floats, rng: np.random.Generator, *, gaps: bool = True
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Give spectra a continuum, noise and gaps; `flux` is used up. See `make`."""
        n = len(flux)
        sizes = np.asarray(self.table["continuum"], dtype=np.float32)
        curve = rng.standard_normal((n, len(sizes)), dtype=np.float32) * sizes
        level = curve @ self.terms
        level += 1.0
        flux *= level
        # Between noise of the sky and the detector, the same everywhere, and that of photons.
        photons = rng.random((n, 1), dtype=np.float32)
        error = (1.0 + photons * (np.sqrt(np.clip(flux, 0.05, 1.2)) - 1.0)) / snr[:, None]
        flux += error * self.noise.draw(rng, n)
        usable = np.ones(flux.shape, dtype=bool)
        if gaps:
            self._gap(usable, rng)
        return flux, np.asarray(error, dtype=np.float32), usable

    def _err(self, flux: Floats, rng: np.random.Generator) -> None:
        """Let the lines err in depth, some stars' more than others'."""
        n = len(flux)
        size = self.table["line_depth"] * rng.uniform(0.2, 1.5, (n, 1)).astype(np.float32)
        factor = self.lines.draw(rng, n, tails=True)
        factor *= size
        factor += 1.0
        np.clip(factor, 0.0, 2.0, out=factor)
        for shape, mean, scatter in self.broad:
            size = mean + scatter * rng.standard_normal((n, 1), dtype=np.float32)
            factor += size.astype(np.float32) * shape
        flux -= 1.0
        flux *= factor
        flux += 1.0

    def _gap(self, usable: NDArray[np.bool_], rng: np.random.Generator) -> None:
        chance, longest, ends = self.table["masked"]
        n, n_pix = usable.shape
        for row in np.flatnonzero(rng.random(n) < chance):
            length = int(rng.integers(1, longest + 1))
            start = int(rng.integers(0, n_pix - length))
            usable[row, start : start + length] = False
        for row in np.flatnonzero(rng.random(n) < 0.5):
            usable[row, : int(rng.integers(0, ends + 1))] = False
            usable[row, n_pix - int(rng.integers(0, ends + 1)) :] = False
