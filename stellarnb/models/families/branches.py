"""What a hybrid network reads beside spectra: colours, luminosity by parallax, absolute magnitudes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from stellarnb.models.families.base import Scalars
from stellarnb.models.families.rave import absolute_magnitudes

__all__ = ["SCALAR_KINDS", "GaiaScalars", "NoScalars", "RaveScalars", "ScalarBranch"]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

#: Scaled features are clipped here: further out no training star lies.
LIMIT = 8.0
#: Parallax over 10 ** (-0.2 (G + 5)), in arcsec, below which a luminosity is linear in it.
FAINT = 0.05
#: Typical error of a parallax [mas] by G, where none is given (Lindegren et al. 2021, A&A 649, A2).
TYPICAL_G = np.array([13.0, 14, 15, 16, 17, 18, 19, 20, 21])
TYPICAL_ERROR = np.array([0.015, 0.018, 0.025, 0.04, 0.07, 0.12, 0.22, 0.45, 1.3])


class ScalarBranch(Protocol):
    """How a kind of network reads scalars."""

    @property
    def names(self) -> tuple[str, ...]:
        """Scalar inputs, in the card's order."""
        ...

    @property
    def optional(self) -> tuple[str, ...]:
        """Scalars that are read where there are any."""
        ...

    @property
    def branches(self) -> tuple[str, ...]:
        """What may be missing."""
        ...

    @property
    def n_features(self) -> int:
        """Number of features."""
        ...

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the quantities that the limits of the card's scalars are about."""
        ...

    def features(self, scalars: Scalars, n: int) -> tuple[Floats, Bools]:
        """Return scaled features [n, n_features] and which branches are there [n, n_branches]."""
        ...

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        ...


@dataclass(frozen=True)
class NoScalars:
    """For networks that read the spectrum alone."""

    names: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    n_features: int = 0

    @classmethod
    def from_arrays(cls, names: tuple[str, ...], arrays: Mapping[str, Any]) -> Self:  # noqa: ARG003
        """Return it; there is nothing to set."""
        return cls()

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the scalars as they are."""
        return scalars

    def features(self, scalars: Scalars, n: int) -> tuple[Floats, Bools]:  # noqa: ARG002
        """Return no features and no branches of n stars."""
        return np.zeros((n, 0), dtype=np.float32), np.zeros((n, 0), dtype=bool)

    def to_arrays(self) -> dict[str, Floats]:
        """Return nothing."""
        return {}


def typical_parallax_error(g: Floats) -> NDArray[np.float64]:
    """Return the usual error of a Gaia DR3 parallax [mas] at magnitude G, shape [n]."""
    return np.asarray(np.interp(g, TYPICAL_G, TYPICAL_ERROR))


@dataclass(frozen=True)
class GaiaScalars:
    """Colours BP-RP and G-RP, and luminosity by parallax.

    The luminosity goes in as parallax x 10 ** (0.2 (G + 5)), which is 10 ** (0.2 M_G) without
    extinction and stays linear in the parallax, negative ones included (Arenou & Luri 1999, ASP
    Conf. 167, 13). No apparent magnitude goes in: it would teach a survey's selection.

    Attributes
    ----------
    centre, width : numpy.ndarray [2]
        Of the two colours.
    """

    centre: Floats
    width: Floats
    names: tuple[str, ...] = ("phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "parallax")
    optional: tuple[str, ...] = ("parallax_error",)
    branches: tuple[str, ...] = ("photometry", "parallax")
    n_features: int = 6

    @classmethod
    def from_arrays(cls, names: tuple[str, ...], arrays: Mapping[str, Any]) -> Self:  # noqa: ARG003
        """Return it with the arrays that `to_arrays` gave."""
        return cls(np.asarray(arrays["centre"]), np.asarray(arrays["width"]))

    def limited(self, scalars: Scalars) -> Scalars:
        """Return the scalars as they are."""
        return scalars

    def features(self, scalars: Scalars, n: int) -> tuple[Floats, Bools]:
        """Return colours, whether they are missing, luminosity and its error, whether missing."""
        g, bp, rp, parallax = (scalars[name] for name in self.names)
        colours = (np.stack([bp - rp, g - rp], axis=1) - self.centre) / self.width
        has_colour = np.asarray(np.isfinite(colours).all(axis=1), dtype=np.bool_)
        error = scalars.get("parallax_error", np.full(n, np.nan))
        error = np.where(np.isfinite(error) & (error > 0), error, typical_parallax_error(g))
        unit = 1e-3 * 10.0 ** (0.2 * g)
        luminosity = np.arcsinh(parallax * unit / FAINT) / 2.0
        spread = np.arcsinh(error * unit / FAINT)
        has_parallax = np.isfinite(luminosity)
        columns = [
            np.clip(np.where(has_colour[:, None], colours, 0.0), -LIMIT, LIMIT),
            ~has_colour[:, None],
            np.where(has_parallax, luminosity, 0.0)[:, None],
            np.where(has_parallax, np.clip(spread, 0, LIMIT), 0.0)[:, None],
            ~has_parallax[:, None],
        ]
        present = np.stack([has_colour, has_parallax], axis=1)
        return np.concatenate(columns, axis=1).astype(np.float32), present

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        return {"centre": self.centre, "width": self.width}


@dataclass(frozen=True)
class RaveScalars:
    """The inputs of Guiglion et al. (2020, A&A 644, A168): absolute magnitudes and A_V.

    Attributes
    ----------
    names : tuple of str
        Parallax, magnitudes, A_V.
    centre, width : numpy.ndarray [n - 1]
        Of absolute magnitudes and A_V.
    """

    names: tuple[str, ...]
    centre: Floats
    width: Floats
    optional: tuple[str, ...] = ()
    branches: tuple[str, ...] = ("photometry",)

    @property
    def n_features(self) -> int:
        """Each quantity, and whether it is missing."""
        return 2 * (len(self.names) - 1)

    @classmethod
    def from_arrays(cls, names: tuple[str, ...], arrays: Mapping[str, Any]) -> Self:
        """Return it with the arrays that `to_arrays` gave."""
        return cls(names, np.asarray(arrays["centre"]), np.asarray(arrays["width"]))

    def limited(self, scalars: Scalars) -> Scalars:
        """Return parallax and A_V as they are, and absolute magnitudes."""
        parallax, *magnitudes, extinction = self.names
        values = {parallax: scalars[parallax], extinction: scalars[extinction]}
        for name in magnitudes:
            values[name] = absolute_magnitudes(scalars[name], scalars[parallax])
        return values

    def features(self, scalars: Scalars, n: int) -> tuple[Floats, Bools]:  # noqa: ARG002
        """Return absolute magnitudes and A_V, scaled, and which are missing."""
        values = self.limited(scalars)
        array = np.stack([values[name] for name in self.names[1:]], axis=1)
        missing = ~np.isfinite(array)
        scaled = np.where(missing, 0.0, (np.nan_to_num(array) - self.centre) / self.width)
        features = np.concatenate([np.clip(scaled, -LIMIT, LIMIT), missing], axis=1)
        return features.astype(np.float32), np.asarray(~missing.any(axis=1, keepdims=True))

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name, for a weights file."""
        return {"centre": self.centre, "width": self.width}


#: By the name that a card gives them.
SCALAR_KINDS: dict[str, Any] = {"none": NoScalars, "gaia": GaiaScalars, "rave": RaveScalars}
