"""Spectra one after another, with what a network and an emulator make of each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import traitlets

from stellarnb.errors import InvalidInput, StellarnbError
from stellarnb.views.data.lines import Line, line_groups, lines_in
from stellarnb.views.data.style import LIGHT, find_theme
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.checks import check_range, refuse_unknown
from stellarnb.widgets.core.formatting import error_words
from stellarnb.widgets.core.latest import Latest, Ticket
from stellarnb.widgets.spectrum_viewer.front import MOST, SpectrumFront, page_setup, verdict, worded
from stellarnb.widgets.spectrum_viewer.source import (
    Overlay,
    Sensitivity,
    SpectrumSource,
    StarLabels,
)

if TYPE_CHECKING:
    from stellarnb.models.model import Model
    from stellarnb.spectra import SpectrumSet

__all__ = ["SpectrumViewer"]

_KEYWORDS = ("stars", "labels", "model", "xp", "lines", "theme", "state")
#: Traits that the page and Python share.
_SHARED = ("row", "resolution", "snr", "label", "lines", "show", "view")
#: The lines that are marked at first.
_MARKED = ("Ca II", "H I", "Li I", "Fe I", "Mg I", "Na I", "bands")
#: Emulator and sensitivity wait so long for a newer wish [s].
BREATH = 0.05
#: Code and stills of the notebook are brought up to date after such a rest [s].
REST = 1.0


#: What can be shown and hidden.
SHOWN = ("error", "mask", "continuum", "overlay", "sensitivity")


class _Wish(NamedTuple):
    """A spectrum that is looked at."""

    row: int
    resolution: float | None
    snr: float | None


class _Known(NamedTuple):
    """Labels, and what they belong to; None where there are none."""

    wish: _Wish | None
    labels: StarLabels | None


class SpectrumViewer(BaseWidget):
    """One spectrum or thousands: zoom, step, degrade, and see what the labels make of it.

    The page draws and zooms by itself, from spectra that are sent ahead; labels, emulator and
    sensitivity follow from a thread, and only for the star that is still shown. In the figure
    the keys n and p (or the arrows) step, + - 0 zoom. Each control has its twin in Python.

    Parameters
    ----------
    spectra : SpectrumSet
        n spectra of one grid, n at least 1; they are not copied.
    stars : table, optional
        The scalar inputs of the model, with ``source_id``; what is absent counts as missing.
    labels : table, optional
        Labels that are known already, with ``source_id``; shown where there is no model.
    model : Model or str, optional
        What predicts labels, or its name, such as ``'gaia-rvs'``.
    xp : SpectrumSet, optional
        XP spectra of the stars, for a hybrid.
    lines : sequence of stellarnb.views.data.lines.Line, optional
        Your own list of lines; that of the package by default.
    theme : {None, 'light', 'dark'}, optional
        Colours; those of JupyterLab by default.
    state : path-like or dict, optional
        What ``save("viewer.json")`` wrote, to begin with.

    Attributes
    ----------
    row : int
        Which spectrum is shown, from 0.
    resolution, snr : float or None
        R and S/N per pixel to degrade to; None leaves the spectrum as observed.
    label : str
        Whose sensitivity is shown.
    lines : tuple of str
        Groups of lines that are marked, of `line_groups`.
    show : tuple of str
        Which are shown of ``error mask continuum overlay sensitivity``.
    view : tuple of float
        Lowest and highest wavelength in view, in the unit of the spectra; the whole where empty.

    Raises
    ------
    InvalidInput
        If there is no spectrum, for an unknown keyword, theme or model.
    MissingInput
        If a table has no source_id.

    Examples
    --------
    >>> viewer = SpectrumViewer(spectra, stars, model="gaia-rvs")  # doctest: +SKIP
    >>> viewer.jump(2096390155412425856)  # doctest: +SKIP
    >>> viewer.snr = 20  # doctest: +SKIP
    >>> viewer.shown_labels  # doctest: +SKIP
    """

    row = traitlets.Any(0, help="Row of the spectrum that is shown, from 0.")
    resolution = traitlets.Any(None, allow_none=True, help="R to degrade to, or None.")
    snr = traitlets.Any(None, allow_none=True, help="S/N per pixel to degrade to, or None.")
    label = traitlets.Unicode("", help="Label whose sensitivity is shown.")
    lines = traitlets.Any((), help="Groups of lines that are marked, such as 'Ca II'.")
    show = traitlets.Any((), help=f"What is shown, of {', '.join(SHOWN)}.")
    view = traitlets.Any((), help="Lowest and highest wavelength in view; the whole where empty.")

    def __init__(
        self,
        spectra: SpectrumSet,
        stars: Any = None,
        labels: Any = None,
        model: Model | str | None = None,
        *,
        xp: SpectrumSet | None = None,
        lines: Sequence[Line] | None = None,
        theme: str | None = None,
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("SpectrumViewer", unknown, _KEYWORDS)
        self._theme = None if theme is None else find_theme(theme)
        self._source = SpectrumSource(spectra, stars, labels, model, xp)
        self._given = {
            "stars": stars is not None,
            "labels": labels is not None,
            "xp": xp is not None,
        }
        self._marks, self._places = lines_in(spectra, lines)
        self._groups = line_groups(self._marks)
        self._can = self._possible()
        self._labels = _Known(None, None)
        self._overlay: tuple[int, Overlay] | None = None
        self._sensitivity: tuple[int, Sensitivity] | None = None
        #: What the page has been told already, by kind.
        self._told: dict[str, Any] = {}
        super().__init__("SpectrumViewer")
        self._work = Latest("stellarnb: spectrum viewer")
        names = self._source.label_names()
        with self.hold_trait_notifications():
            self.label = names[0] if names else ""
            self.lines = tuple(g for g in self._groups if lines is not None or g in _MARKED)
            self.show = self._can
        self._front = SpectrumFront(
            grid=self._source.wavelength.tobytes(),
            setup=page_setup(self._source, self._can, self._marks, self._places, self._theme),
            **{name: _listed(getattr(self, name)) for name in _SHARED},
        )
        self.own(self._work)
        self._front.on_msg(self._hear)
        self._front.observe(self._from_page, list(_SHARED))
        self.observe(self._to_page, list(_SHARED))
        self.show_parts(self._front)
        self.begin(state)
        self._look()

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
                f"resolution={value:g}: the spectra have R = {own:.0f}, and detail that was never "
                "recorded cannot be restored; give at most this R."
            )
        return min(value, own)

    @traitlets.validate("snr")
    def _check_snr(self, proposal: Any) -> float | None:
        return _positive("snr", proposal["value"])

    @traitlets.validate("label")
    def _check_label(self, proposal: Any) -> str:
        value, names = str(proposal["value"]), self._source.label_names()
        if value not in (names or [""]):
            raise InvalidInput(f"label={value!r}: give one of {', '.join(names) or repr('')}.")
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

    @property
    def shown_labels(self) -> StarLabels | None:
        """The labels of the spectrum as it is shown; waits for them up to 30 s."""
        wish = _Wish(self.row, self.resolution, self.snr)
        with self._work.condition:
            self._work.condition.wait_for(lambda: self._labels.wish == wish, 30)
        return self._labels.labels if self._labels.wish == wish else None

    @property
    def source_id(self) -> int:
        """Identifier of the star that is shown."""
        return int(self._source.spectra.source_id[self.row])

    @property
    def shown(self) -> SpectrumSet:
        """The spectrum as it is shown: one row, degraded where R or a S/N is set."""
        return self._source.one(self.row, self.resolution, self.snr)

    @property
    def line_groups(self) -> tuple[str, ...]:
        """The groups of lines that lie in the range of the spectra."""
        return self._groups

    def step(self, by: int = 1) -> None:
        """Show the next spectrum, or one so many further on; stops at the ends."""
        self.row = int(np.clip(self.row + by, 0, len(self._source) - 1))

    def jump(self, star: int | str) -> None:
        """Show the spectrum of a star.

        Parameters
        ----------
        star : int or str
            A source_id, a name, or ``'#3'`` for the third spectrum.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        self.row = self._source.find(star)

    def to_code(self) -> str:
        """Return Python that shows the same, and that predicts these labels."""
        model = self._source.model
        lines = ["import stellarnb as snb", ""]
        star = f"star = spectra[{self.row}:{self.row + 1}]  # source_id {self.source_id}"
        degraded = {"resolution": self.resolution, "snr": self.snr}
        inside = ", ".join(f"{k}={v!r}" for k, v in degraded.items() if v is not None)
        stars = "stars" if self._given["stars"] else "None"
        given = [f"{name}={name}" for name in ("stars", "labels") if self._given[name]]
        if model is not None:
            given.append("model=model")
            lines.append(f"model = snb.load_model({model.origin or model.card.name!r})")
        lines.append(star)
        if inside:
            lines.append(f"star = star.degrade({inside})")
        low = ["xp=xp"] if self._given["xp"] else []
        if model is not None:
            more = ", ".join([stars, *low, "allow_missing=True", "check_lines=False"])
            lines.append(f"predicted = model.predict(star, {more})")
        lines += ["", f"viewer = snb.SpectrumViewer({', '.join(['spectra', *given, *low])})"]
        lines += [f"viewer.{name} = {getattr(self, name)!r}" for name in self._changed()]
        return "\n".join(lines) + "\n"

    def state_values(self) -> dict[str, Any]:
        """Return what is shown, as plain values: no spectra and no labels."""
        shared = {name: _listed(getattr(self, name)) for name in _SHARED}
        return {**shared, "source_id": str(self.source_id)}

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` returned, for the same spectra."""
        row = values["row"]
        found = self._source.spectra.source_id
        same = isinstance(row, int) and 0 <= row < len(found)
        if not same or str(int(found[row])) != values["source_id"]:
            row = self._source.find(str(values["source_id"]))
        for name in _SHARED:
            setattr(self, name, row if name == "row" else values[name])

    def still(self) -> str:
        """Return what is shown in one sentence."""
        n, spectra = len(self._source), self._source.spectra
        words = (
            f"Spectrum {self.row + 1:,} of {n:,}, {spectra.instrument.title}, "
            f"source_id {self.source_id}"
        )
        if spectra.names is not None:
            words += f" ({spectra.names[self.row]})"
        labels = self._labels.labels
        if labels is not None and self._labels.wish == _Wish(self.row, self.resolution, self.snr):
            each = ", ".join(f"{r.symbol} {worded(r)} {r.unit}".strip() for r in labels.rows)
            words += f"; {labels.origin}: {each}"
        return words

    def still_picture(self) -> bytes:
        """Return a picture of what is shown, as the bytes of a PNG file."""
        from stellarnb.views.export import bytes_of
        from stellarnb.views.spectrum import SpectrumLook, spectrum_page

        marks = [
            (line.name, at)
            for line, at in zip(self._marks, self._places, strict=True)
            if line.group in self.lines
        ]
        over, sense = self._overlay, self._sensitivity
        emulated = over[1] if over and over[0] == self.row and "overlay" in self.show else None
        slopes = sense[1] if sense and sense[0] == self.row and "sensitivity" in self.show else None
        look = SpectrumLook(
            self.shown,
            tuple(marks),
            self.view,
            None if emulated is None else emulated.flux,
            None if slopes is None else slopes.value,
            "" if slopes is None else slopes.label,
            self.still(),
        )
        return bytes_of(spectrum_page(look, self._theme or LIGHT), "png", dpi=80)

    def _possible(self) -> tuple[str, ...]:
        """Return what there is to show."""
        source = self._source
        labelled = source.model is not None or source.labels is not None
        emulated = labelled and source.has_emulator
        normalised = source.spectra.instrument.normalisation == "continuum"
        there = {
            "error": source.spectra.error is not None,
            "mask": True,
            "continuum": normalised or emulated,
            "overlay": emulated,
            "sensitivity": source.model is not None,
        }
        return tuple(name for name in SHOWN if there[name])

    def _changed(self) -> list[str]:
        """Return the traits that are not as they were at first."""
        names = self._source.label_names()
        first = {
            "row": 0,
            "resolution": None,
            "snr": None,
            "label": names[0] if names else "",
            "lines": tuple(g for g in self._groups if g in _MARKED),
            "show": self._can,
            "view": (),
        }
        return [name for name in _SHARED if getattr(self, name) != first[name]]

    # Messages between the page and Python.

    def _from_page(self, change: Any) -> None:
        name, value = change["name"], change["new"]
        try:
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        except Exception as error:  # noqa: BLE001  (whatever it is, the user must see it)
            self.say_error(error)
            self._front.set_trait(name, _listed(getattr(self, name)))

    def _to_page(self, change: Any) -> None:
        name = change["name"]
        if not self._closed:
            self._front.set_trait(name, _listed(change["new"]))
            self.say_error(None)
            self._look()

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Take a message of the page."""
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "want":
            n = len(self._source)
            rows = [r for r in content.get("rows", [])[:MOST] if isinstance(r, int) and 0 <= r < n]
            if rows:
                self._front.send_spectra(self._source.spectra, rows)
        elif kind == "jump":
            try:
                self.jump(str(content.get("text", "")))
            except StellarnbError as error:
                self.say_error(error)
            else:
                self.say_error(None)
        elif kind == "hello":  # a page that was loaded anew knows nothing
            self._told = {}
            self._look()

    def _look(self) -> None:
        """Let the thread compute labels, emulator and sensitivity of the star that is shown."""
        wish = _Wish(self.row, self.resolution, self.snr)
        self._work.submit(lambda ticket: self._tell(ticket, wish, self.label))

    def _tell(self, ticket: Ticket, wish: _Wish, label: str) -> None:
        """Send what has not been told of this wish, as long as it is wanted."""
        told = self._told
        try:
            star = self._source.one(*wish)
        except StellarnbError as error:
            self.say_error(error)
            return
        if told.get("labels") != wish:
            self._tell_labels(ticket, wish, star)
        if not ticket.rest(BREATH):
            return
        if told.get("overlay") != wish and "overlay" in self._can:
            degraded = wish.resolution is not None
            found = self._source.overlay(star, self._labels.labels, degraded=degraded)
            if not ticket.current:
                return
            self._overlay, told["overlay"] = (wish.row, found), wish
            self._front.send_overlay(wish.row, found)
        if told.get("sensitivity") != (wish, label) and "sensitivity" in self._can:
            value = self._source.sensitivity(wish.row, star, label)
            if not ticket.current:
                return
            self._sensitivity, told["sensitivity"] = (wish.row, value), (wish, label)
            self._front.send_sensitivity(wish.row, value)
        if not told.get("lines"):
            told["lines"] = True
            self._front.note = self._source.check_lines()
        if ticket.rest(REST):
            self.refresh()

    def _tell_labels(self, ticket: Ticket, wish: _Wish, star: SpectrumSet) -> None:
        """Send the degraded spectrum and its labels, or why there are none."""
        if wish.resolution is not None or wish.snr is not None:
            self._front.send_degraded(wish.row, star)
        labels, words = None, ""
        try:
            labels = self._source.star_labels(wish.row, star)
            words = "" if labels is None else verdict(labels)
        except Exception as error:  # noqa: BLE001  (it stands where the labels would)
            words = f"No labels: {error_words(error)}"
        if labels is None and not words and self._source.labels is not None:
            words = "The table of labels does not have this star."
        with self._work.condition:
            if not ticket.current:
                return
            self._labels, self._told["labels"] = _Known(wish, labels), wish
            self._work.condition.notify_all()
        self._front.send_labels(wish.row, ticket.number, labels, words)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


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
