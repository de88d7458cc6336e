"""The page's side of a spectrum viewer, and the messages to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from anywidget import AnyWidget
from numpy.typing import NDArray

from stellarnb.spectra import SpectrumSet
from stellarnb.views.data.lines import SOURCE, Line, line_groups
from stellarnb.views.data.style import Theme, symbol, unit_of
from stellarnb.widgets.core.formatting import page_file
from stellarnb.widgets.spectrum_viewer.source import LabelRow, Overlay, Sensitivity, StarLabels

if TYPE_CHECKING:
    from stellarnb.widgets.spectrum_viewer.source import SpectrumSource

__all__ = ["SpectrumFront", "page_setup", "verdict", "worded"]

#: One after the other they are one module of the page.
_SCRIPTS = ("spectrum_draw.js", "spectrum_store.js", "spectrum_front.js")
#: Spectra that may be asked for at once.
MOST = 64
#: Lowest and highest S/N per pixel of the slider.
SNR_RANGE = (2.0, 300.0)


class SpectrumFront(AnyWidget):  # type: ignore[misc]  # anywidget's base has no types
    """The figure, controls and table of labels on the page (spectrum_front.js).

    `grid` has the wavelengths, float64; the other traits are `SpectrumViewer`'s.
    """

    _esm = traitlets.Unicode("".join(map(page_file, _SCRIPTS))).tag(sync=True)
    _css = traitlets.Unicode(page_file("spectrum_front.css")).tag(sync=True)
    grid = traitlets.Bytes(b"").tag(sync=True)
    setup = traitlets.Dict().tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    resolution = traitlets.Any(None, allow_none=True).tag(sync=True)
    snr = traitlets.Any(None, allow_none=True).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    lines: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    show: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view: Any = traitlets.List(traitlets.Float()).tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)

    def send_spectra(self, spectra: SpectrumSet, rows: Sequence[int]) -> None:
        """Send some rows of the spectra, as they are."""
        some = spectra[np.asarray(rows, dtype=np.int64)]
        buffers = [_floats(some.flux)]
        if some.error is not None:
            buffers.append(_floats(some.error))
        buffers.append(some.mask.astype(np.uint8).tobytes())
        self.send(
            {
                "kind": "spectra",
                "rows": [int(row) for row in rows],
                # As text: a page's numbers have 53 bits.
                "ids": [str(int(name)) for name in some.source_id],
                "names": [
                    "" if some.names is None else str(some.names[i]) for i in range(len(some))
                ],
                "snr": [_plain(value) for value in some.snr],
                "errors": some.error is not None,
            },
            buffers,
        )

    def send_degraded(self, row: int, star: SpectrumSet) -> None:
        """Send a spectrum as it was degraded."""
        error = np.full_like(star.flux, np.nan) if star.error is None else star.error
        content = {"kind": "degraded", "row": row, "snr": _plain(star.snr[0])}
        self.send(
            content, [_floats(star.flux), _floats(error), star.mask.astype(np.uint8).tobytes()]
        )

    def send_labels(self, row: int, serial: int, labels: StarLabels | None, words: str) -> None:
        """Send the labels of a star, or why there are none."""
        rows = [] if labels is None else [_row(entry) for entry in labels.rows]
        caption = "" if labels is None else f"Labels: {labels.origin}"
        content = {"kind": "labels", "row": row, "serial": serial, "rows": rows}
        self.send({**content, "caption": caption, "words": words})

    def send_overlay(self, row: int, overlay: Overlay) -> None:
        """Send an emulated spectrum, or why there is none."""
        parts = [part for part in (overlay.flux, overlay.continuum) if part is not None]
        content = {"kind": "overlay", "row": row, "words": overlay.words}
        self.send(content, [_floats(part) for part in parts])

    def send_sensitivity(self, row: int, sensitivity: Sensitivity) -> None:
        """Send what a label rests on, or why that is not known."""
        parts = [p for p in (sensitivity.value, sensitivity.scatter) if p is not None]
        content = {"kind": "sensitivity", "row": row, "words": sensitivity.words}
        self.send({**content, "label": sensitivity.label}, [_floats(part) for part in parts])


def page_setup(
    source: SpectrumSource,
    can: Sequence[str],
    lines: Sequence[Line],
    places: Sequence[float],
    theme: Theme | None,
) -> dict[str, Any]:
    """Return what the page has to know once: words, units, lines and ranges."""
    spectra, model = source.spectra, source.model
    instrument, names = spectra.instrument, source.label_names()
    highest = float(np.min(spectra.resolution))
    units = {} if model is None else {spec.name: spec.unit for spec in model.card.labels}
    marks = zip(lines, places, strict=True)
    labelled = model is not None or source.labels is not None
    absent = labelled and "overlay" not in can
    return {
        "n": len(spectra),
        "title": instrument.title,
        "x_title": f"wavelength in {instrument.medium} [{instrument.unit}]",
        "unit": instrument.unit,
        "medium": instrument.medium,
        "flux_unit": instrument.flux_unit,
        "normalised": instrument.normalisation == "continuum",
        "snr_estimated": spectra.snr_estimated,
        "can": list(can),
        "emulator": "overlay" in can,
        "absent": f"No emulator covers {instrument.title}: no emulated one." if absent else "",
        "groups": list(line_groups(lines)),
        "lines": [{"group": line.group, "name": line.name, "at": at} for line, at in marks],
        "source": SOURCE,
        "labels": [{"name": n, "symbol": symbol(n), "unit": unit_of(n, units)} for n in names],
        "model": "" if model is None else model.card.display_name,
        "predicts": model is not None,
        "r_range": [highest / 20.0, highest],
        "snr_range": list(SNR_RANGE),
        "theme": "" if theme is None else theme.name,
    }


def worded(row: LabelRow) -> str:
    """Return value and error of a label as text, without the unit."""
    digits = 0 if row.unit == "K" else 3
    if not np.isfinite(row.value):
        return "no value"
    error = f" ± {row.error:.{digits}f}" if np.isfinite(row.error) else ""
    return f"{row.value:.{digits}f}{error}"


def verdict(labels: StarLabels) -> str:
    """Return a sentence on whether the labels may be trusted."""
    if labels.good is None:
        return ""
    if labels.good:
        return "In the recommended cut (good)."
    why = [row.symbol for row in labels.rows if row.flagged]
    reasons = [f"outside the training limits in {', '.join(why)}"] if why else []
    if labels.novelty > 1:
        much = f" ({labels.novelty:.2g})" if np.isfinite(labels.novelty) else ""
        reasons.append(f"the spectrum is unlike the training set: novelty{much} above 1")
    if not any(np.isfinite(row.value) for row in labels.rows):
        reasons = ["nothing can be read from this spectrum"]
    more = "; ".join(reasons) or "too near to a limit of the training, or too many masked pixels"
    return f"Not in the recommended cut: {more}."


def _row(row: LabelRow) -> dict[str, str]:
    flag = "outside the training limits" if row.flagged else ""
    return {
        "symbol": row.symbol,
        "value": worded(row),
        "unit": row.unit or unit_of(row.name),
        "flag": flag,
    }


def _floats(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float32).tobytes()


def _plain(value: float) -> float | None:
    """Return a number as JSON has it: no NaN and no infinity."""
    return float(value) if np.isfinite(value) else None
