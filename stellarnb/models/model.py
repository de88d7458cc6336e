"""A model: networks, their card, and `predict`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import Interrupted, MissingInput
from stellarnb.models.backends.loop import chunk_size, in_chunks, pick_device
from stellarnb.models.bulk import BATCH, predict_dataset, predict_iter, predict_partitions
from stellarnb.models.card import Card, load_card
from stellarnb.models.explain import Explanation, Method, explain
from stellarnb.models.families.base import Ensemble, Family
from stellarnb.models.families.registry import load_family
from stellarnb.models.inputs.arrow import CARRIED
from stellarnb.models.inputs.join import join_inputs
from stellarnb.models.inputs.pixels import line_verdict
from stellarnb.models.inputs.scaling import LabelScaler
from stellarnb.models.predict import chunk_columns, join_labels
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Model", "load_model"]


class Model:
    """A pretrained ensemble with its card; made by `load_model`.

    Parameters
    ----------
    card : Card
        What it is.
    networks : sequence of torch.nn.Module
        Members of the ensemble, in order.
    family : Family
        How its inputs are scaled, and what is unusual to it.
    labels : LabelScaler
        Scaling of the labels.
    backend : str, optional
        What runs the networks on a CPU, ``torch`` or ``openvino``; default:
        ``STELLARNB_BACKEND``.
    origin : str, optional
        What `load_model` was given: other processes load it by that.
    """

    def __init__(
        self,
        card: Card,
        networks: Sequence[nn.Module],
        family: Family,
        labels: LabelScaler,
        *,
        backend: str | None = None,
        origin: str | None = None,
    ) -> None:
        self.card = card
        self.backend, self.origin = backend, origin
        device = pick_device()
        self.networks = [network.to(device).eval() for network in networks]
        self.family = family
        self.label_scaler = labels

    def __repr__(self) -> str:
        names = ", ".join(spec.name for spec in self.card.labels)
        return f"<Model {self.card.display_name} {self.card.version}: {names}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process by name, where there is one: it has the weights too."""
        if self.origin is None:
            parts = (self.card, self.networks, self.family, self.label_scaler, self.backend)
            return _from_parts, parts
        return _from_origin, (self.origin, self.backend)

    @property
    def _ensemble(self) -> Ensemble:
        """The parts of the model that prediction and explanation read."""
        return Ensemble(self.card, self.networks, self.family, self.label_scaler, self.backend)

    def cite(self) -> str:
        """Return what to cite and whom to credit."""
        return self.card.cite()

    def predict(
        self,
        spectra: SpectrumSet | None,
        stars: Any = None,
        *,
        xp: SpectrumSet | None = None,
        allow_missing: bool = False,
        check_lines: bool = True,
        progress: bool = True,
        cancel: Cancel | None = None,
    ) -> Labels:
        """Predict labels with errors and trust flags.

        Parameters
        ----------
        spectra : SpectrumSet or None
            n spectra on the grid of the card's instrument. A hybrid may do without: the stars
            are then those of `xp`, or of the table.
        stars : table, optional
            Has ``source_id`` and the card's scalar inputs by their Gaia and 2MASS names, in any
            order; values may be missing (NaN), the error grows accordingly. Without it all are.
            A published network that has no notion of missing inputs needs the table, and gives a
            star that lacks one no labels.
        xp : SpectrumSet, optional
            XP spectra of some or all of the stars, in any order, for a hybrid that reads them.
        allow_missing : bool, optional
            Whether `stars` may lack columns of the card; their values count as missing.
        check_lines : bool, optional
            Whether to look, in some of the spectra, if the strong lines lie where the grid says:
            air wavelengths given for vacuum, or spectra not at rest, would be read as other stars.
        progress : bool, optional
            Whether to show a progress bar.
        cancel : Cancel, optional
            Stops the work between two batches.

        Returns
        -------
        Labels
            n rows in the order of the spectra. A spectrum from which nothing can be read has NaN
            labels, and is flagged in each and not good; the provenance counts such.

        Raises
        ------
        GridMismatch
            If the spectra are on another grid, or their lines are not where they should be.
        MissingInput
            If a column is absent, or no star has anything that the networks read.
        Interrupted
            On Ctrl-C or `cancel`; its ``partial`` has the rows that were finished.
        """
        seen = join_inputs(self.card, spectra, stars, xp)
        lines = "not asked for" if not check_lines else "no spectra"
        if check_lines and seen.spectra is not None:
            lines = line_verdict(seen.spectra)
        scalars = self.match_scalars(
            seen.source_id, stars, allow_missing=allow_missing, optional=CARRIED
        )
        if spectra is None and xp is None and not _anything(self.card, scalars):
            raise MissingInput(
                f"{self.card.display_name} has nothing to read. Give spectra, XP spectra (xp=...), or "
                f"stars with {', '.join(spec.name for spec in self.card.scalars)}."
            )
        ensemble = self._ensemble
        parts, complete = in_chunks(
            len(seen),
            lambda rows: chunk_columns(
                ensemble, seen[rows], {k: v[rows] for k, v in scalars.items()}
            ),
            label=self.card.display_name,
            progress=progress,
            cancel=cancel,
            chunk=chunk_size(self.networks),
        )
        # An empty set of spectra goes through the same code once, for names and types.
        none = slice(0, 0)
        empty = {k: v[none] for k, v in scalars.items()}
        parts = parts or [chunk_columns(ensemble, seen[none], empty)]
        labels = join_labels(self.card, self.family, parts, seen, scalars)
        labels.provenance["line_check"] = lines
        if not complete:
            raise Interrupted(
                f"Stopped after {len(labels)} of {len(seen)} stars; they are in the error's "
                "partial.",
                labels,
            )
        return labels

    def predict_iter(
        self, spectra: Iterable[Any], *, allow_missing: bool = False
    ) -> Iterator[Labels]:
        """Predict one set of spectra, or pair (spectra, stars), after another; see `predict`."""
        return predict_iter(self, spectra, allow_missing=allow_missing)

    def predict_dataset(
        self,
        source: str | os.PathLike[str],
        out: str | os.PathLike[str],
        *,
        batch: int = BATCH,
        allow_missing: bool = False,
        resume: bool = True,
        progress: bool = True,
        cancel: Cancel | None = None,
    ) -> Path:
        """Predict a Parquet dataset of any size; see `stellarnb.models.bulk.predict_dataset`."""
        return predict_dataset(
            self,
            source,
            out,
            batch=batch,
            allow_missing=allow_missing,
            resume=resume,
            progress=progress,
            cancel=cancel,
        )

    def predict_partitions(self, collection: Any, *, allow_missing: bool = False) -> Any:
        """Map the model over a Dask DataFrame or an LSDB catalogue of spectra.

        See `stellarnb.models.bulk.predict_partitions`.
        """
        return predict_partitions(self, collection, allow_missing=allow_missing)

    def explain(
        self,
        spectra: SpectrumSet | None,
        label: str,
        stars: Any = None,
        *,
        xp: SpectrumSet | None = None,
        method: Method = "gradient",
    ) -> Explanation:
        """Return which pixels and inputs a label rests on.

        Parameters
        ----------
        spectra, stars, xp
            As for `predict`; absent columns count as missing.
        label : str
            One of the card's.
        method : {'gradient', 'integrated'}, optional
            Slopes of the label by each pixel's flux; or integrated gradients (Sundararajan et
            al. 2017, arXiv:1703.01365): each pixel's share in what the label differs by from
            that of the mean training spectrum.

        Returns
        -------
        Explanation
            Mean and scatter over the networks, per pixel; and slopes by the scalar inputs.

        Raises
        ------
        InvalidInput
            For an unknown label or method.
        GridMismatch, MissingInput
            As `predict`.
        """
        return explain(self._ensemble, spectra, label, stars, xp=xp, method=method)

    def scale_inputs(
        self, spectra: SpectrumSet | None, stars: Any = None, *, xp: SpectrumSet | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Return the scaled tensors that each of `networks` takes.

        Parameters
        ----------
        spectra, stars, xp
            As for `predict`; absent columns count as missing.

        Returns
        -------
        flux, extra : torch.Tensor of float32, shapes [n, n_pix] and [n, k]
            For hybrids with the scaled XP spectra [n, 343] between them.
        """
        import torch

        seen = join_inputs(self.card, spectra, stars, xp)
        scalars = self.match_scalars(seen.source_id, stars, allow_missing=True)
        scaled = self.family.scale(seen.pixels(), scalars)
        return tuple(torch.from_numpy(array) for array in scaled.inputs)

    def unscale_labels(self, scaled: Any) -> NDArray[np.float64]:
        """Return labels in the card's units from scaled labels, shape [n, n_labels]."""
        return self._ensemble.unscale_labels(scaled)

    def match_scalars(
        self,
        source_id: NDArray[np.int64],
        stars: Any,
        *,
        allow_missing: bool,
        optional: Sequence[str] = (),
    ) -> dict[str, NDArray[np.float64]]:
        """Return the scalar inputs in the order of the stars, shape [n] each."""
        return self._ensemble.match_scalars(
            source_id, stars, allow_missing=allow_missing, optional=optional
        )


def _anything(card: Card, scalars: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether any star has any scalar input; no stars at all want nothing."""
    columns = [scalars[spec.name] for spec in card.scalars]
    return not columns or len(columns[0]) == 0 or bool(np.isfinite(columns).any())


def load_model(name: str, *, backend: str | None = None) -> Model:
    """Load a model.

    Parameters
    ----------
    name : str
        Such as ``xp-apogee`` (see `stellarnb.models.model_names`), or the path of a card that
        ``stellarnb train`` wrote; its weights lie beside it. A model that is not in the package
        is fetched from its authors and kept in the cache.
    backend : str, optional
        What runs it on a CPU: ``torch``, or ``openvino`` from the extra of that name.

    Returns
    -------
    Model

    Raises
    ------
    InvalidInput
        If there is none of this name.
    WeightsNotFound, ChecksumMismatch
        If its weights are not there, cannot be fetched, or are damaged.
    """
    card = load_card(name)
    own = Path(name).with_name(card.weights) if name.endswith(".toml") else None
    loaded = load_family(card, own)
    return Model(
        loaded.card,
        loaded.networks,
        loaded.family,
        loaded.labels,
        backend=backend,
        origin=name,
    )


@lru_cache(maxsize=4)
def _from_origin(name: str, backend: str | None) -> Model:
    """Load a model once a process."""
    return load_model(name, backend=backend)


def _from_parts(
    card: Card,
    networks: Sequence[nn.Module],
    family: Family,
    labels: LabelScaler,
    backend: str | None,
) -> Model:
    return Model(card, networks, family, labels, backend=backend)
