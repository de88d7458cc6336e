"""A spectrum, and beneath it what the labels make of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stellarnb.errors import InvalidInput
from stellarnb.views.data.style import LIGHT, Theme, symbol
from stellarnb.views.live.notebook import enable_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stellarnb.models.explain import Explanation
    from stellarnb.spectra import SpectrumSet

__all__ = ["sensitivity_figure"]

#: Lines that are named: name, and wavelength in air and in vacuum [Angstrom].
LINES = (
    ("Hα", 6562.81, 6564.62),
    ("Li I", 6707.80, 6709.65),
    ("Ca II", 8498.02, 8500.35),
    ("Ca II", 8542.09, 8544.44),
    ("Ca II", 8662.14, 8664.52),
)
#: Blue for less, red for more: told apart by all eyes.
INK, BAND = "#2c7fb8", "#9ecae1"


def sensitivity_figure(
    spectra: SpectrumSet, explanations: Sequence[Explanation], *, theme: Theme = LIGHT
) -> Figure:
    """Draw the mean spectrum, and the mean sensitivity of each label beneath it.

    Parameters
    ----------
    spectra : SpectrumSet
        The stars that were explained.
    explanations : sequence of Explanation
        One a label, of one model and these stars.
    theme : Theme, optional
        Colours.

    Returns
    -------
    matplotlib.figure.Figure
        A band shows the scatter over the networks.

    Raises
    ------
    InvalidInput
        Without anything to draw, or for explanations of other spectra.
    """
    from matplotlib.figure import Figure

    enable_figures()
    if not explanations or len(spectra) == 0:
        raise InvalidInput("sensitivity_figure: expected spectra and at least one explanation.")
    if any(len(e.wavelength) != spectra.flux.shape[1] for e in explanations):
        raise InvalidInput(
            "The explanations belong to spectra on another wavelength grid. Explain these spectra first."
        )
    n = len(explanations) + 1
    figure = Figure(figsize=(11, 1.9 * n + 0.6), layout="constrained", facecolor=theme.page)
    axes: Any = figure.subplots(n, 1, sharex=True)
    grid = np.asarray(spectra.wavelength.value)
    mean = np.ma.masked_array(spectra.flux, spectra.mask).mean(axis=0)
    axes[0].plot(grid, mean, color=theme.text, lw=0.7)
    axes[0].set_ylabel("mean flux")
    axes[0].set_title(
        f"{explanations[0].model}: what the labels rest on; {len(spectra)} stars",
        color=theme.text,
        fontsize=11,
    )
    for axis, found in zip(axes[1:], explanations, strict=True):
        value, spread = found.sensitivity.mean(axis=0), found.scatter.mean(axis=0)
        axis.fill_between(grid, value - spread, value + spread, color=BAND, lw=0, alpha=0.6)
        axis.plot(grid, value, color=INK, lw=0.7)
        axis.axhline(0.0, color=theme.line, lw=0.6)
        slope = found.method == "gradient"
        name = symbol(found.label)
        axis.set_ylabel(f"∂{name} / ∂flux [{found.unit}]" if slope else f"{name} [{found.unit}]")
    for axis in axes:
        _dress(axis, theme)
    _name_lines(axes[0], spectra, theme)
    medium = spectra.instrument.medium
    axes[-1].set_xlabel(f"wavelength in {medium} [{spectra.instrument.unit}]", color=theme.text)
    return figure


def _dress(axis: Any, theme: Theme) -> None:
    axis.set_facecolor(theme.page)
    axis.tick_params(colors=theme.text, labelsize=8)
    axis.yaxis.label.set_color(theme.text)
    axis.yaxis.label.set_fontsize(8)
    axis.grid(color=theme.line, lw=0.4)
    axis.margins(x=0.005)
    for spine in axis.spines.values():
        spine.set_color(theme.line)


def _name_lines(axis: Any, spectra: SpectrumSet, theme: Theme) -> None:
    """Write the names of strong lines above the spectrum."""
    instrument = spectra.instrument
    unit = 10.0 if instrument.unit == "nm" else 1.0
    low, high = np.asarray(spectra.wavelength.value)[[0, -1]]
    top = axis.get_ylim()[1]
    for name, air, vacuum in LINES:
        at = (air if instrument.medium == "air" else vacuum) / unit
        if low < at < high:
            axis.axvline(at, color=theme.line, lw=0.8, zorder=0)
            axis.annotate(
                name, (at, top), ha="center", va="bottom", fontsize=8, color=theme.text,
                annotation_clip=False,
            )  # fmt: skip
    axis.set_ylim(top=top + 0.06)
