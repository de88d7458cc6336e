"""Where training spectra come from: made as they are asked for, or as a survey delivered them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stellarnb.files import atomic_write
from stellarnb.models.synthetic.emulator import Emulator
from stellarnb.spectra import Instrument
from stellarnb.training.populations.labels import Population
from stellarnb.training.spectra.nuisance import SpectrumMaker

__all__ = [
    "DrawnSpectra",
    "Emulated",
    "EmulatedStars",
    "Recorded",
    "RecordedStars",
    "StarSpectra",
    "emulate",
]

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Seen = tuple[Floats, Floats, NDArray[np.bool_]]

#: Recorded spectra are noisy already: no more than this part of their noise again.
MORE_NOISE = 0.3


class DrawnSpectra(Protocol):
    """Spectra of the stars of a population."""

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:
        """Return flux, errors and usable pixels [n, n_pix] of some stars, seen anew."""
        ...


@dataclass(frozen=True)
class Emulated:
    """Spectra from an emulator; see `SpectrumMaker`."""

    coefficients: Floats  #: [n, n_draws, k]: of the emulator's components
    maker: SpectrumMaker  #: Makes spectra of them

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:
        """Return spectra with flaws, noise and gaps."""
        snr = self.maker.draw_snr(rng, len(rows))
        return self.maker.make(self.coefficients[rows, draw], snr, rng)


@dataclass(frozen=True)
class Recorded:
    """Real spectra."""

    #: flux, error: [n, n_pix]: as `clean_pixels` gives them.
    flux: Floats
    error: Floats
    usable: NDArray[np.bool_]  #: [n, n_pix]

    def draw(self, rows: Rows, draw: Rows, rng: np.random.Generator) -> Seen:  # noqa: ARG002
        """Return spectra with a little of their noise again."""
        error = self.error[rows]
        size = MORE_NOISE * rng.random((len(rows), 1), dtype=np.float32)
        noise = rng.standard_normal(error.shape, dtype=np.float32)
        return self.flux[rows] + size * noise * np.nan_to_num(error), error, self.usable[rows]


class StarSpectra(Protocol):
    """Spectra of training and of validation stars."""

    def training(self, recipe: Mapping[str, Any], seed: int) -> DrawnSpectra:
        """Return those of the training stars."""
        ...

    def seen(
        self,
        recipe: Mapping[str, Any],
        stars: Population,
        rows: Rows,
        draw: Rows,
        *,
        snr: tuple[float, float],
        flaws: bool,
        seed: int,
    ) -> Seen:
        """Return spectra of some stars of a population as they are used, not as they are learned.

        Made-up ones have a given range of S/N, and flaws of the synthesis or none.
        """
        ...


@dataclass(frozen=True)
class EmulatedStars:
    """Emulated spectra."""

    #: emulator, instrument: What they are made of, and for.
    emulator: Emulator
    instrument: Instrument
    coefficients: Floats  #: [n_train, n_draws, k]: of the emulator, at the training stars

    def _maker(self, table: Mapping[str, Any], seed: int) -> SpectrumMaker:
        return SpectrumMaker(self.emulator, self.instrument, table, seed)

    def training(self, recipe: Mapping[str, Any], seed: int) -> DrawnSpectra:
        """Return spectra made anew each time."""
        return Emulated(self.coefficients, self._maker(recipe["spectra"], seed))

    def seen(
        self,
        recipe: Mapping[str, Any],
        stars: Population,
        rows: Rows,
        draw: Rows,
        *,
        snr: tuple[float, float],
        flaws: bool,
        seed: int,
    ) -> Seen:
        """Return spectra made for the labels of these stars, without gaps."""
        rng = np.random.default_rng([seed, 4])
        maker = self._maker({**recipe["spectra"], "snr": snr}, 1000 + seed)
        coefficients = emulate(self.emulator, stars.nodes[rows, draw][:, None])[:, 0]
        levels = maker.draw_snr(rng, len(rows))
        return maker.make(coefficients, levels, rng, flaws=flaws, gaps=False)


@dataclass(frozen=True)
class RecordedStars:
    """Real spectra."""

    parts: list[tuple[Population, Recorded]]  #: A population, and its spectra

    def training(self, recipe: Mapping[str, Any], seed: int) -> DrawnSpectra:  # noqa: ARG002
        """Return those of the first population."""
        return self.parts[0][1]

    def seen(
        self,
        recipe: Mapping[str, Any],  # noqa: ARG002 - the protocol's; real spectra are what they are
        stars: Population,
        rows: Rows,
        draw: Rows,  # noqa: ARG002
        *,
        snr: tuple[float, float],  # noqa: ARG002
        flaws: bool,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> Seen:
        """Return the spectra as they are."""
        own = next(spectra for population, spectra in self.parts if population is stars)
        return own.flux[rows], own.error[rows], own.usable[rows]


def emulate(
    emulator: Emulator, nodes: NDArray[np.float32], path: Path | None = None
) -> NDArray[np.float32]:
    """Return the emulator's coefficients at labels [n, n_draws, 14]; kept in a file if given one."""
    key = hashlib.sha256(nodes.tobytes() + emulator.card.sha256.encode()).hexdigest()[:16]
    kept = None if path is None else path / f"coefficients-{key}.npy"
    if kept is not None and kept.exists():
        return np.asarray(np.load(kept, allow_pickle=False), dtype=np.float32)
    flat = nodes.reshape(-1, nodes.shape[-1]).astype(np.float64)
    parts = [
        emulator.coefficients(emulator.scale(flat[i : i + 4096])).astype(np.float32)
        for i in range(0, len(flat), 4096)
    ]
    out = np.concatenate(parts).reshape(*nodes.shape[:2], -1)
    if kept is not None:
        with atomic_write(kept) as part, part.open("wb") as stream:
            np.save(stream, out)
    return out
