"""A spectrum as a picture: for a notebook without a kernel, and for a paper."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.views.data.style import LIGHT, SERIES, Theme, symbol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stellarnb.spectra import SpectrumSet

__all__ = ["SpectrumLook", "spectrum_page"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SpectrumLook:
    """Describe what is shown of one star; `marks` and `view` are in its wavelength unit."""

    star: SpectrumSet
    marks: tuple[tuple[str, float], ...] = ()
    view: tuple[float, ...] = ()
    emulated: Floats | None = None
    slopes: Floats | None = None
    label: str = ""
    title: str = ""


def spectrum_page(look: SpectrumLook, theme: Theme = LIGHT) -> Figure:
    """Draw a spectrum, its residuals from the emulator and a label's sensitivity."""
    from matplotlib.figure import Figure

    star = look.star
    grid = np.asarray(star.wavelength.value)
    low, high = look.view or (grid[0], grid[-1])
    near = (grid >= low) & (grid <= high)
    parts = [3.0]
    parts += [1.1] * ((look.emulated is not None) + (look.slopes is not None))
    page = Figure(figsize=(10, 1.1 * sum(parts) + 1.1), layout="constrained", facecolor=theme.page)
    found: Any = page.subplots(len(parts), 1, sharex=True, squeeze=False, height_ratios=parts)
    axes = list(found[:, 0])
    flux = np.where(star.mask[0], np.nan, star.flux[0])[near]
    grid, mask = grid[near], star.mask[0][near]
    unit = star.instrument.flux_unit
    axes[0].plot(grid, flux, color=SERIES[5] if theme.name == "dark" else SERIES[0], lw=0.8)
    axes[0].set_ylabel(f"flux [{unit}]" if unit else "normalised flux")
    if star.error is not None:
        error = np.where(mask, np.nan, star.error[0][near])
        axes[0].fill_between(grid, flux - error, flux + error, color=SERIES[0], alpha=0.25, lw=0)
    rest = axes[1:]
    if look.emulated is not None:
        emulated = look.emulated[near]
        axes[0].plot(grid, emulated, color=SERIES[4], lw=0.8, label="emulator (synthetic)")
        axes[0].legend(loc="lower right", fontsize=8, labelcolor=theme.text, facecolor=theme.page)
        rest[0].plot(grid, flux - emulated, color=SERIES[4], lw=0.7)
        rest[0].set_ylabel("residual")
        rest = rest[1:]
    if look.slopes is not None:
        rest[0].plot(grid, look.slopes[near], color=SERIES[2], lw=0.7)
        rest[0].set_ylabel(f"∂{symbol(look.label)}/∂flux")
    for axis in axes:
        _dress(axis, grid, mask, theme)
    _mark(axes[0], [mark for mark in look.marks if low <= mark[1] <= high], (low, high), theme)
    words = "\n".join(textwrap.wrap(look.title, 120))
    page.suptitle(words, color=theme.text, fontsize=9, parse_math=False)
    medium = star.instrument.medium
    axes[-1].set_xlabel(f"wavelength in {medium} [{star.instrument.unit}]", color=theme.text)
    axes[-1].set_xlim(low, high)
    return page


def _dress(axis: Any, grid: Floats, mask: NDArray[np.bool_], theme: Theme) -> None:
    axis.set_facecolor(theme.page)
    axis.tick_params(colors=theme.text, labelsize=8)
    axis.yaxis.label.set(color=theme.text, fontsize=9)
    axis.grid(color=theme.line, lw=0.4)
    for spine in axis.spines.values():
        spine.set_color(theme.line)
    if mask.any():
        axis.fill_between(
            grid, 0, 1, where=mask, transform=axis.get_xaxis_transform(), color="#808080",
            alpha=0.25, lw=0, step="mid",
        )  # fmt: skip


def _mark(
    axis: Any, marks: list[tuple[str, float]], ends: tuple[float, float], theme: Theme
) -> None:
    """Mark lines, and name those for whose name there is room."""
    last = -np.inf
    for name, at in sorted(marks, key=lambda mark: mark[1]):
        axis.axvline(at, color=theme.text, lw=0.5, ls=":", zorder=0)
        if at - last > 0.035 * (ends[1] - ends[0]):
            last = at
            axis.annotate(
                name, (at, 1.01), xycoords=("data", "axes fraction"), ha="center", va="bottom",
                fontsize=8, color=theme.text, annotation_clip=False,
            )  # fmt: skip
