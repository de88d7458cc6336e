"""The spectra of the same stars side by side, for networks that read more than one kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.models.card import Card
from stellarnb.models.inputs.pixels import Pixels, clean_pixels
from stellarnb.spectra import Instrument, SpectrumSet, get_instrument
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import find_column

__all__ = ["JoinedSpectra", "join_inputs"]


@dataclass(frozen=True)
class JoinedSpectra:
    """What is seen of n stars, row by row.

    Attributes
    ----------
    source_id : numpy.ndarray of int64, shape [n]
        The stars.
    instrument : Instrument
        Of the card.
    spectra : SpectrumSet or None
        On the grid of the card's instrument, of these stars; None where no star has one.
    xp : SpectrumSet or None
        XP spectra of these stars, all masked for a star without.
    """

    source_id: NDArray[np.int64]
    instrument: Instrument
    spectra: SpectrumSet | None
    xp: SpectrumSet | None = None

    def __len__(self) -> int:
        return len(self.source_id)

    def __getitem__(self, rows: slice) -> JoinedSpectra:
        """Return some of the stars."""
        return JoinedSpectra(
            self.source_id[rows],
            self.instrument,
            None if self.spectra is None else self.spectra[rows],
            None if self.xp is None else self.xp[rows],
        )

    def pixels(self) -> Pixels:
        """Return clean pixels of both; see `clean_pixels`. Without spectra none is alive."""
        if self.spectra is not None:
            pixels = clean_pixels(self.spectra)
        else:
            shape = (len(self), self.instrument.n_pix)
            nothing = np.zeros(shape, dtype=bool)
            pixels = Pixels(np.ones(shape, np.float32), None, nothing, np.zeros(shape[0], bool))
        return pixels if self.xp is None else replace(pixels, xp=clean_pixels(self.xp))


def join_inputs(
    card: Card, spectra: SpectrumSet | None, stars: Any, xp: SpectrumSet | None
) -> JoinedSpectra:
    """Return the inputs in the order of `spectra`; without them in that of `xp`, or of the table."""
    for given in (spectra, xp):
        if given is not None and not isinstance(given, SpectrumSet):
            raise InvalidInput(
                f"Spectra are a SpectrumSet, not {type(given).__name__}. Make one with "
                "snb.SpectrumSet, archive.spectra or snb.read."
            )
    if xp is not None and not card.second_instrument:
        raise InvalidInput(f"{card.display_name} reads no XP spectra beside its own; leave xp out.")
    instrument = get_instrument(card.instrument)
    if spectra is not None:
        spectra.check_grid(instrument)
    ids = _ids(card, stars, xp) if spectra is None else spectra.source_id
    if xp is not None:
        xp.check_grid(get_instrument(card.second_instrument))
        if not np.array_equal(xp.source_id, ids):
            xp = _in_order(xp, ids)
    return JoinedSpectra(ids, instrument, spectra, xp)


def _ids(card: Card, stars: Any, xp: SpectrumSet | None) -> NDArray[np.int64]:
    """Return the identifiers of stars of which there is no spectrum."""
    if not card.second_instrument:
        raise InvalidInput(
            f"{card.display_name} needs spectra. Pass a SpectrumSet, from snb.SpectrumSet or snb.read."
        )
    if xp is not None:
        return xp.source_id
    if stars is None:
        raise MissingInput(
            f"{card.display_name} has nothing to read. Give spectra, XP spectra (xp=...), or a table "
            f"with source_id, {', '.join(spec.name for spec in card.scalars)}."
        )
    table = as_arrow(stars)
    column = find_column(table.column_names, "source_id")
    if column is None:
        raise MissingInput(
            "stars has no column source_id; stars and spectra are joined by it. Add it."
        )
    return as_source_ids(column_to_numpy(table[column]))


def _in_order(xp: SpectrumSet, ids: NDArray[np.int64]) -> SpectrumSet | None:
    """Return XP spectra in the order of identifiers, all masked for a star that has none."""
    row = match_ids(ids, xp.source_id)
    lost = row < 0
    if lost.all():
        return None
    at = np.where(lost, 0, row)
    return SpectrumSet(
        ids,
        xp.wavelength,
        xp.flux[at],
        None if xp.error is None else xp.error[at],
        xp.mask[at] | lost[:, None],
        instrument=xp.instrument,
        provenance=xp.provenance,
    )
