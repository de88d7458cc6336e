"""What a spectrum viewer can be told, and whether it can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from stellarnb.errors import InvalidInput
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.checks import check_range

if TYPE_CHECKING:
    from stellarnb.widgets.spectrum_viewer.source import SpectrumSource

__all__ = ["SHOWN", "SNR_RANGE", "SpectrumTraits"]

#: What can be shown and hidden.
SHOWN = ("error", "mask", "continuum", "overlay", "sensitivity")
#: Between which the slider for S/N goes.
SNR_RANGE = (2.0, 300.0)


class SpectrumTraits(BaseWidget):
    """The traits of a spectrum viewer, each checked against its spectra."""

    _source: SpectrumSource
    _groups: tuple[str, ...]
    _can: tuple[str, ...]
    _least: float

    row = traitlets.Any(0, help="Row of the spectrum that is shown, from 0.")
    resolution = traitlets.Any(None, allow_none=True, help="R to degrade to, or None.")
    snr = traitlets.Any(None, allow_none=True, help="S/N per pixel to degrade to, or None.")
    label = traitlets.Unicode("", help="Label whose sensitivity is shown.")
    lines = traitlets.Any((), help="Groups of lines that are marked, such as 'Ca II'.")
    show = traitlets.Any((), help=f"What is shown, of {', '.join(SHOWN)}.")
    view = traitlets.Any((), help="Lowest and highest wavelength in view; the whole where empty.")

    @traitlets.validate("row")
    def _check_row(self, proposal: Any) -> int:
        value, n = proposal["value"], len(self._source)
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not 0 <= value < n:
            raise InvalidInput(f"row={value!r}: give a number from 0 to {n - 1}.")
        return int(value)

    @traitlets.validate("resolution")
    def _check_resolution(self, proposal: Any) -> float | None:
        value = _positive("resolution", proposal["value"])
        if value is None:
            return None
        own = float(np.min(self._source.spectra.resolution))
        if value > 1.01 * own:
            raise InvalidInput(
                f"resolution={value:g}: the spectra have R = {own:.0f}; detail that was never "
                "recorded cannot be put back."
            )
        return min(value, own)

    @traitlets.validate("snr")
    def _check_snr(self, proposal: Any) -> float | None:
        return _positive("snr", proposal["value"])

    @traitlets.validate("label")
    def _check_label(self, proposal: Any) -> str:
        value, names = str(proposal["value"]), self._source.label_names()
        if value not in (names or [""]):
            raise InvalidInput(f"label={value!r}: the model has {', '.join(names) or 'no labels'}.")
        return value

    @traitlets.validate("lines")
    def _check_lines(self, proposal: Any) -> tuple[str, ...]:
        return _some("lines", proposal["value"], self._groups)

    @traitlets.validate("show")
    def _check_show(self, proposal: Any) -> tuple[str, ...]:
        return _some("show", proposal["value"], self._can)

    @traitlets.validate("view")
    def _check_view(self, proposal: Any) -> tuple[float, ...]:
        value = proposal["value"]
        if value is None or len(value) == 0:
            return ()
        low, high = check_range("view", value)
        grid = self._source.wavelength
        if high <= grid[0] or low >= grid[-1]:
            raise InvalidInput(
                f"view={value!r}: the spectra reach from {grid[0]:g} to {grid[-1]:g} "
                f"{self._source.spectra.instrument.unit}."
            )
        return low, high


def _positive(name: str, value: Any) -> float | None:
    """Return a positive number, or None."""
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}={value!r}: give a positive number, or None.") from error
    if not (np.isfinite(number) and number > 0):
        raise InvalidInput(f"{name}={value!r}: give a positive number, or None.")
    return number


def _some(name: str, value: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return some of the names that there are, each once and in order."""
    if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
        raise InvalidInput(f"{name}={value!r}: give a list of names.")
    for part in value:
        if part not in known:
            there = ", ".join(known) or "none"
            raise InvalidInput(f"{name}: no {part!r} here; there are: {there}.")
    return tuple(part for part in known if part in value)
