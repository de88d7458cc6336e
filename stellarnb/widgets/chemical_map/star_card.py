"""One star of a map: found under the mouse, described, with its spectrum."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.tables import Table
from stellarnb.views.data.style import SERIES, Theme, symbol, unit_of
from stellarnb.views.live.bokeh_parts import dress

__all__ = ["REACH", "SpectrumFigure", "card_html", "hover_words", "nearest"]

#: A star so far from the mouse is still meant [pixel].
REACH = 12.0
#: What tells one star from another, as far as the table has it.
_NAMES = ("source_id", "apogee_id", "name", "component")
_LABELS = (
    *("teff", "logg", "m_h", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li"),
    *("snr", "phot_g_mean_mag", "R", "Z", "X", "Y", "distance", "novelty"),
)


def nearest(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    place: tuple[float, float],
    per_pixel: tuple[float, float],
    chosen: NDArray[np.bool_] | None = None,
) -> int | None:
    """Return the row of the star nearest to a place on the page.

    Parameters
    ----------
    x, y : numpy.ndarray of float32, shape [n]
        Where the stars are.
    place : tuple of float
        Where the mouse is.
    per_pixel : tuple of float
        What a pixel is in x and in y.
    chosen : numpy.ndarray of bool, shape [n], optional
        The stars that may be meant; all of them if omitted.

    Returns
    -------
    int or None
        None where no star is within `REACH` pixels.
    """
    (x0, y0), (reach_x, reach_y) = place, (REACH * abs(step) for step in per_pixel)
    # Few stars are near: only these are measured.
    near = (np.abs(x - np.float32(x0)) <= reach_x) & (np.abs(y - np.float32(y0)) <= reach_y)
    if chosen is not None:
        near &= chosen
    rows = np.flatnonzero(near)
    if len(rows) == 0:
        return None
    square = ((x[rows] - x0) / reach_x) ** 2 + ((y[rows] - y0) / reach_y) ** 2
    best = int(np.argmin(square))
    return int(rows[best]) if square[best] <= 1.0 else None


def card_html(table: Table, row: int) -> str:
    """Return a star as HTML: identifiers, labels with errors and units, flags.

    Whatever comes from the table is escaped.
    """
    star = table.take(np.array([row]))
    names = [f"{name} {_text(star, name)}" for name in _NAMES if name in star]
    cells = [(symbol(name), _value(star, name), _flag(star, name)) for name in _labels(star)]
    lines = "".join(
        f"<tr><td>{escape(what)}</td><td>{escape(value)}</td><td>{escape(flag)}</td></tr>"
        for what, value, flag in cells
    )
    verdict = [f"{name}: {_text(star, name)}" for name in ("good", "boundary") if name in star]
    head = escape(" · ".join([*names, f"row {row}"]))
    return f"<b>{head}</b><table>{lines}</table>{escape(' · '.join(verdict))}"


def hover_words(table: Table, row: int, columns: tuple[str, ...]) -> str:
    """Return the lines that stand beside a star under the mouse, as plain text."""
    star = table.take(np.array([row]))
    name = next((f"{key} {_text(star, key)}" for key in _NAMES if key in star), f"row {row}")
    wanted = [c for c in dict.fromkeys((*columns, *_labels(star)[:5])) if c in star]
    flags = [symbol(c) for c in wanted if _flag(star, c)]
    lines = [name, *(f"{symbol(c)}  {_value(star, c)}" for c in wanted)]
    if flags:
        lines.append(f"outside the training limits: {', '.join(flags)}")
    return "\n".join(lines)


class SpectrumFigure:
    """The spectrum of the star that was tapped.

    Parameters
    ----------
    spectra : SpectrumSet
        The spectra at hand.
    theme : Theme, optional
        Colours; those of the page if omitted.

    Attributes
    ----------
    figure : bokeh.plotting.figure
        What to show.
    """

    def __init__(self, spectra: Any, theme: Theme | None) -> None:
        from bokeh.models import ColumnDataSource
        from bokeh.plotting import figure

        self._spectra = spectra
        self._source = ColumnDataSource({"wavelength": [], "flux": []})
        unit = spectra.wavelength.unit
        self.figure = figure(
            height=220,
            sizing_mode="stretch_width",
            tools="pan,wheel_zoom,reset",
            active_scroll="wheel_zoom",
            title="Spectrum: tap a star",
            x_axis_label=f"wavelength [{unit}]",
            y_axis_label="flux",
            name="spectrum",
            toolbar_location=None,
        )
        self.figure.line("wavelength", "flux", source=self._source, line_color=SERIES[0])
        dress(self.figure, theme)

    def show(self, source_id: int | None) -> bool:
        """Draw a star's spectrum; return whether it is at hand."""
        rows = np.flatnonzero(self._spectra.source_id == (-1 if source_id is None else source_id))
        if len(rows) == 0:
            self._source.data = {"wavelength": [], "flux": []}
            self.figure.title.text = "Spectrum: not at hand for this star"
            return False
        row = int(rows[0])
        flux = np.where(self._spectra.mask[row], np.nan, self._spectra.flux[row])
        wavelength = np.asarray(self._spectra.wavelength.value, dtype=np.float64)
        self._source.data = {"wavelength": wavelength, "flux": flux.astype(np.float64)}
        self.figure.title.text = f"Spectrum of source_id {source_id}"
        return True


def _labels(star: Table) -> list[str]:
    return [name for name in _LABELS if name in star]


def _text(star: Table, name: str) -> str:
    return str(star.arrow[name][0].as_py())


def _number(star: Table, name: str) -> float:
    value = star.arrow[name][0].as_py() if name in star else None
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _value(star: Table, name: str) -> str:
    value, error = _number(star, name), _number(star, f"{name}_error")
    unit = unit_of(name, star.units)
    if not np.isfinite(value):
        return "no value"
    digits = 0 if unit == "K" else 3
    shown = f"{value:.{digits}f}"
    if np.isfinite(error):
        shown += f" ± {error:.{digits}f}"
    return f"{shown} {unit}".rstrip()


def _flag(star: Table, name: str) -> str:
    flag = f"{name}_flag"
    outside = flag in star and bool(star.arrow[flag][0].as_py())
    return "outside the training limits" if outside else ""
