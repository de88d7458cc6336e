"""Synthetic spectra at any labels: an emulator between nodes, seen through an instrument."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stellarnb.errors import InvalidInput
from stellarnb.models.card import Card
from stellarnb.models.synthetic.instrument import response
from stellarnb.models.synthetic.relations import LabelRelations
from stellarnb.models.weights.store import load_tensors, subset
from stellarnb.spectra import SpectrumSet, get_instrument

if TYPE_CHECKING:
    from torch import Tensor

    from stellarnb.models.synthetic.gaussian_process import Interpolator

__all__ = ["Emulator", "emulator_card", "emulator_names", "load_emulator"]

Labels = Mapping[str, ArrayLike] | ArrayLike
#: A label beyond its limit by less than this is rounding.
ROUNDING = 1e-5


class Emulator:
    """Spectra of one window between synthetic nodes; made by `load_emulator`.

    Principal components of the nodes' flux, each coefficient interpolated by a Gaussian process.

    Parameters
    ----------
    card : Card
        What it is; ``labels`` are its inputs, in order.
    tensors : mapping of str to torch.Tensor
        Its weights.

    Attributes
    ----------
    wavelength : numpy.ndarray, shape [n_pix]
        Of the nodes, in air [Angstrom].
    names : tuple of str
        The labels, in order.
    limits : numpy.ndarray, shape [n_labels, 2]
        Between which the nodes lie.
    mean, components : numpy.ndarray of float32, shapes [n_pix] and [k, n_pix]
        Flux = mean + coefficients @ components.
    relations : LabelRelations
        What the nodes' labels say about each other.
    """

    def __init__(self, card: Card, tensors: Mapping[str, Tensor]) -> None:
        self.card = card
        self.names = tuple(spec.name for spec in card.labels)
        self.limits = np.array([spec.limits for spec in card.labels])
        start, step, n_pix = card.network["grid"]
        self.wavelength = start + step * np.arange(n_pix, dtype=np.float64)
        self._tensors = dict(tensors)
        self.centre = tensors["centre"].double().numpy()
        self.width = tensors["width"].double().numpy()
        self.mean = np.zeros(n_pix, np.float32)
        parts = []
        for i in range(int(card.network["blocks"])):
            block = subset(tensors, f"block{i}")
            pixels = block["pixels"].numpy().astype(bool)
            part = np.zeros((len(block["components"]), n_pix), np.float32)
            part[:, pixels] = (block["components"].float() * block["scale"][:, None]).numpy()
            self.mean[pixels] = block["mean"].numpy()
            parts.append(part)
        self.components = np.concatenate(parts)
        self.relations = LabelRelations(self.names, self.node_labels)

    def __repr__(self) -> str:
        span = f"{self.wavelength[0]:g}-{self.wavelength[-1]:g} Angstrom (air)"
        return f"<Emulator {self.card.display_name}: {span}, {len(self.names)} labels>"

    @property
    def node_labels(self) -> NDArray[np.float64]:
        """Labels of the nodes that it was made from, shape [n, n_labels]."""
        return np.asarray(self._tensors["labels"].double().numpy())

    @cached_property
    def _interpolators(self) -> list[Interpolator]:
        """One a block; solved for here, since that is smaller than shipping the solution."""
        import torch

        from stellarnb.models.synthetic.gaussian_process import Interpolator

        nodes = torch.from_numpy(self.scale(self.node_labels))
        blocks = [subset(self._tensors, f"block{i}") for i in range(self.card.network["blocks"])]
        return [
            Interpolator(nodes, b["values"].double(), b["metric"].double(), float(b["noise"]))
            for b in blocks
        ]

    def scale(self, labels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return labels [n, n_labels] as the interpolation takes them: 5040 K / Teff, of unit width."""
        features = np.array(labels, dtype=np.float64)
        features[:, 0] = 5040.0 / features[:, 0]
        return np.asarray((features - self.centre) / self.width)

    def unscale(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return labels from scaled ones, shape [n, n_labels]."""
        labels = scaled * self.width + self.centre
        labels[:, 0] = 5040.0 / labels[:, 0]
        return np.asarray(labels)

    def coefficients(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coefficients of the components at scaled labels, shape [n, k]."""
        import torch

        x = torch.from_numpy(scaled)
        return torch.cat([block(x) for block in self._interpolators], dim=1).numpy()

    def coefficients_with_slopes(
        self, scaled: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return coefficients [n, k] and their derivatives by the scaled labels [n, n_labels, k]."""
        import torch

        x = torch.from_numpy(scaled)
        both = [block.with_slopes(x) for block in self._interpolators]
        value, slope = (torch.cat([pair[i] for pair in both], dim=-1).numpy() for i in (0, 1))
        return value, slope

    def as_labels(self, labels: Labels) -> NDArray[np.float64]:
        """Return labels as an array [n, n_labels].

        Parameters
        ----------
        labels : mapping of str to array_like, or array_like of shape [n, n_labels]
            In the order of `names`. In a mapping, labels may be absent except teff, logg and
            fe_h: they are then what nodes with such labels have in the mean.

        Returns
        -------
        numpy.ndarray of float64

        Raises
        ------
        InvalidInput
            If a name is unknown, one is absent, or a value is not finite.
        """
        if isinstance(labels, Mapping):
            array = self.relations.complete(labels)
        else:
            array = np.atleast_2d(np.asarray(labels, dtype=np.float64))
        if array.ndim != 2 or array.shape[1] != len(self.names):
            raise InvalidInput(
                f"labels have shape {array.shape}; n rows of {len(self.names)} are needed: "
                f"{', '.join(self.names)}."
            )
        if not np.all(np.isfinite(array)) or np.any(array[:, 0] <= 0):
            raise InvalidInput("labels: finite numbers are needed, and a positive teff [K].")
        return array

    def outside(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which labels lie outside the nodes' limits, shape [n, n_labels]."""
        array = self.as_labels(labels)
        slack = ROUNDING * (self.limits[:, 1] - self.limits[:, 0])
        return np.asarray((array < self.limits[:, 0] - slack) | (array > self.limits[:, 1] + slack))

    def sparsity(self, labels: Labels) -> NDArray[np.float64]:
        """Return how far from any node labels lie, shape [n].

        The standard deviation that the interpolation states, over the largest that it has at
        held-out nodes: above 1 there are no nodes near, whatever the single labels are.
        """
        import torch

        x = torch.from_numpy(self.scale(self.as_labels(labels)))
        return self._interpolators[0].spread(x).numpy() / float(self.card.network["spread_limit"])

    def flux(self, labels: Labels) -> NDArray[np.float32]:
        """Return continuum-normalised flux on the nodes' grid, shape [n, n_pix].

        Parameters
        ----------
        labels : mapping or array_like
            See `as_labels`. Nothing is clipped: ask `outside` and `sparsity` how far to trust it.

        Returns
        -------
        numpy.ndarray of float32
        """
        coefficients = self.coefficients(self.scale(self.as_labels(labels)))
        return np.asarray(self.mean + coefficients.astype(np.float32) @ self.components)

    def spectra(
        self,
        labels: Labels,
        instrument: str,
        *,
        vsini: float = 0.0,
        vmac: float = 0.0,
        velocity: float = 0.0,
        resolution: float | None = None,
    ) -> SpectrumSet:
        """Return spectra as an instrument would deliver them, without noise.

        Parameters
        ----------
        labels : mapping or array_like
            n stars; see `as_labels`.
        instrument : str
            Such as ``gaia-rvs``.
        vsini, vmac, velocity : float, optional
            Rotation, radial-tangential macroturbulence, radial velocity [km/s].
        resolution : float, optional
            R, where it is not the instrument's own.

        Returns
        -------
        SpectrumSet
            n spectra with running numbers for identifiers. ``provenance["outside"]`` lists the
            rows of which a label lies outside the nodes' limits, and ``["sparse"]`` those that no
            node is near.

        Raises
        ------
        InvalidInput
            For an unknown instrument or label.
        GridMismatch
            If the window does not cover the instrument's grid.
        """
        wanted = get_instrument(instrument)
        array = self.as_labels(labels)
        matrix = response(
            self.wavelength,
            wanted,
            resolution=resolution,
            velocity=velocity,
            vsini=vsini,
            vmac=vmac,
        )
        coefficients = self.coefficients(self.scale(array)).astype(np.float32)
        flux = (matrix @ self.mean) + coefficients @ (matrix @ self.components.T).T
        provenance = {
            "emulator": self.card.display_name,
            "version": self.card.version,
            "vsini": vsini,
            "vmac": vmac,
            "velocity": velocity,
            "outside": np.flatnonzero(self.outside(array).any(axis=1)).tolist(),
            "sparse": np.flatnonzero(self.sparsity(array) > 1).tolist(),
        }
        out = SpectrumSet(
            np.arange(len(array)),
            wanted.wavelength,
            flux,
            None,
            None,
            wanted,
            provenance=provenance,
        )
        if resolution is not None:
            out.set_resolution(np.full(wanted.n_pix, float(resolution)))
        return out


def emulator_names() -> list[str]:
    """Return the names of the emulators that the package carries."""
    folder = resources.files("stellarnb.models").joinpath("emulators")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_emulator(name: str) -> Emulator:
    """Load the emulator of a window.

    Parameters
    ----------
    name : str
        A window (``cat``, ``hr15n``), an instrument that one serves (``gaia-rvs``, ``rave``,
        ``giraffe-hr15n``), or the path of a card that the recipe wrote.

    Returns
    -------
    Emulator

    Raises
    ------
    InvalidInput
        If there is none.
    WeightsNotFound, ChecksumMismatch
        If its weights are not there or damaged.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            card = Card.from_dict(tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{name} cannot be read as an emulator's card: {error}") from error
        return Emulator(card, load_tensors(card, path.with_name(card.weights)))
    known: dict[str, str] = {}
    for window in emulator_names():
        known |= dict.fromkeys((window, *emulator_card(window).network["instruments"]), window)
    if name not in known:
        raise InvalidInput(f"No emulator for {name!r}; there are: {', '.join(known)}.")
    return _shipped(known[name])


@cache
def emulator_card(window: str) -> Card:
    """Return the card of an emulator that the package carries, by its window."""
    file: Any = resources.files("stellarnb.models").joinpath("emulators", f"{window}.toml")
    return Card.from_dict(tomllib.loads(file.read_text("utf-8")))


@cache
def _shipped(window: str) -> Emulator:
    card = emulator_card(window)
    return Emulator(card, load_tensors(card))
