"""Model cards: what a network wants, gives, was trained on, and how well it does."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from stellarnb.errors import InvalidInput

__all__ = ["Card", "LabelSpec", "ScalarSpec", "SourceFile", "load_card", "model_names"]


@dataclass(frozen=True)
class LabelSpec:
    """One label of a model.

    Attributes
    ----------
    name, unit : str
        The field's term and an astropy unit.
    limits : tuple of float
        Training limits; outside them the label is flagged.
    offset : float
        Median bias on the validation split in scaled units, taken off the prediction.
    error_power, error_factor : float and mapping of str to float
        Scaled error = factor * (error as the networks state it) ** power, with a factor by what
        photometry is missing: the total scatter against the reference, calibrated on the
        validation split.
    mask_power : float
        With a fraction f of the pixels left out the error grows by (1 - f) ** -mask_power, as it
        does on validation stars with masked blocks; at least as for an average over pixels (1/2).
    floor : float
        Added to the error in quadrature for the step from training data to real data.
    zero_point : float
        Added to the label for the same step, in its unit: what the Sun's real spectrum comes out
        lower by.
    """

    name: str
    unit: str
    limits: tuple[float, float]
    offset: float = 0.0
    error_power: float = 1.0
    error_factor: Mapping[str, float] = field(default_factory=dict)
    mask_power: float = 0.5
    floor: float = 0.0
    zero_point: float = 0.0


@dataclass(frozen=True)
class ScalarSpec:
    """One scalar input of a model.

    Attributes
    ----------
    name, unit : str
        Its Gaia or 2MASS name and unit.
    limits : tuple of float
        Training limits; outside them the boundary string says 1. Missing is not outside.
    quantity : str
        What the limits are about, where the network reads something that is made of the input,
        such as the absolute magnitude; empty where it is the input itself.
    """

    name: str
    unit: str
    limits: tuple[float, float]
    quantity: str = ""


@dataclass(frozen=True)
class SourceFile:
    """One published file that a model is made from.

    Attributes
    ----------
    path : str
        Below the card's ``source_url``.
    sha256 : str
        Of its bytes.
    size : int
        In bytes.
    """

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Card:
    """All that has to be known of a model.

    Attributes
    ----------
    name, title, version : str
        What it is.
    trained_on : {"real", "synthetic"}
        Where "synthetic", the name is shown with a note of it; see `display_name`.
    family : str
        Which of `stellarnb.models.families.registry` it belongs to.
    instrument : str
        Whose spectra it reads, and on whose grid.
    second_instrument : str
        Whose spectra it reads beside those, such as ``gaia-xp``; empty for most.
    network : dict
        Class and sizes of the networks, number of members.
    labels, scalars : tuple
        Outputs and scalar inputs, in order (also that of the boundary string).
    weights, sha256 : str
        File in ``models/weights`` and its checksum. For a model that is fetched: its file in the
        cache, and the checksum of the list of its sources as ``sha256sum`` prints it.
    max_masked : float
        Largest fraction of masked pixels with which a star may be good.
    limit_margin : float
        A star is good only if its labels stay inside the limits when shifted by this many errors:
        what cannot be told from outside is not inside.
    training, metrics : dict
        Training set and recipe; figures on the test split, with the command that prints them.
    known_flaws, credits, citation : tuple of str
        For people.
    licence : str
        Of the weights.
    source_url, sources : str and tuple of SourceFile
        Where a model that is not in the package comes from, pinned to the byte.
    """

    name: str
    title: str
    version: str
    trained_on: Literal["real", "synthetic"]
    family: str
    instrument: str
    network: Mapping[str, Any]
    labels: tuple[LabelSpec, ...]
    scalars: tuple[ScalarSpec, ...]
    weights: str
    sha256: str
    max_masked: float
    limit_margin: float
    training: Mapping[str, Any]
    metrics: Mapping[str, Any]
    known_flaws: tuple[str, ...]
    credits: tuple[str, ...]
    citation: tuple[str, ...]
    licence: str
    second_instrument: str = ""
    source_url: str = ""
    sources: tuple[SourceFile, ...] = ()

    @property
    def display_name(self) -> str:
        """The name as it must be shown."""
        return f"{self.name} (synthetic-trained)" if self.trained_on == "synthetic" else self.name

    @property
    def boundary_order(self) -> tuple[str, ...]:
        """What each character of the boundary string stands for."""
        return (*(s.name for s in self.labels), *(s.name for s in self.scalars))

    def cite(self) -> str:
        """Return what to cite and whom to credit, one a line."""
        return "\n".join((*self.citation, *self.credits))

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Card:
        """Build a card from the tables of its TOML file.

        Parameters
        ----------
        entry : mapping
            As `tomllib` returns it.

        Returns
        -------
        Card

        Raises
        ------
        InvalidInput
            If an entry is missing or unknown.
        """
        try:
            fields = dict(entry)
            fields["labels"] = tuple(_spec(LabelSpec, e) for e in entry["labels"])
            fields["scalars"] = tuple(_spec(ScalarSpec, e) for e in entry["scalars"])
            fields["sources"] = tuple(_spec(SourceFile, e) for e in entry.get("sources", ()))
            for key in ("known_flaws", "credits", "citation"):
                fields[key] = tuple(entry[key])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"This model card is not complete: {error}.") from error


def _spec(kind: Any, entry: Mapping[str, Any]) -> Any:
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()})


def model_names() -> list[str]:
    """Return the names of the models that the package carries."""
    folder = resources.files("stellarnb.models").joinpath("cards")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


def load_card(name: str) -> Card:
    """Return the card of a model.

    Parameters
    ----------
    name : str
        Such as ``xp-apogee``, or the path of a card (``.toml``) that ``stellarnb train`` wrote.

    Returns
    -------
    Card

    Raises
    ------
    InvalidInput
        If there is none; the message names the nearest.
    """
    if name.endswith(".toml"):
        try:
            return Card.from_dict(tomllib.loads(Path(name).read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{name} cannot be read as a model card: {error}") from error
    names = model_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidInput(f"No model {name!r};{hint} there are: {', '.join(names)}.")
    file = resources.files("stellarnb.models").joinpath("cards", f"{name}.toml")
    return Card.from_dict(tomllib.loads(file.read_text("utf-8")))
