"""Labels, emulated spectra and sensitivities, computed for one star at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stellarnb.errors import GridMismatch, InvalidInput, MissingInput, StellarnbError
from stellarnb.ids import as_source_ids, match_ids
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.tables import Labels, Table
from stellarnb.tables.convert import as_arrow, column_to_numpy
from stellarnb.tables.names import find_column
from stellarnb.views.data.style import symbol, unit_of

if TYPE_CHECKING:
    from stellarnb.models.model import Model
    from stellarnb.models.synthetic.emulator import Emulator

__all__ = ["LabelRow", "Overlay", "Sensitivity", "SpectrumSource", "StarLabels"]


@dataclass(frozen=True)
class LabelRow:
    """One label of one star; flagged outside the training limits, NaN without a value."""

    name: str
    symbol: str
    unit: str
    value: float
    error: float
    flagged: bool


@dataclass(frozen=True)
class StarLabels:
    """The labels of one star, and the model or table they come from.

    `good` is None if unknown; `novelty` above 1: unlike the training set, NaN if unknown.
    """

    rows: tuple[LabelRow, ...]
    origin: str
    good: bool | None
    novelty: float


@dataclass(frozen=True)
class Overlay:
    """An emulated spectrum [n_pix] beside the star's own: emulator times `continuum`.

    The continuum is a polynomial of degree 2 through flux / emulator; None without an emulator.
    """

    flux: NDArray[np.float32] | None
    continuum: NDArray[np.float32] | None
    words: str


@dataclass(frozen=True)
class Sensitivity:
    """Slope of a label by the flux of each pixel, and its scatter over the networks, [n_pix].

    `words` tells what it is, or why value and scatter are None.
    """

    value: NDArray[np.float32] | None
    scatter: NDArray[np.float32] | None
    label: str
    words: str


Floats = NDArray[np.floating[Any]]

#: Degree of the polynomial by which a spectrum may differ from the emulator.
CONTINUUM = 2
#: Pixels further from it than this many robust deviations are lines, or faults.
CLIP = 3.0
#: Emulators are asked by these labels; those that are absent are what such stars have in the mean.
_EMULATED = ("teff", "logg", "fe_h", "alpha_m", "mg_fe", "si_fe", "al_fe", "ni_fe", "a_li")
#: What an emulator cannot do without.
_NEEDED = ("teff", "logg", "fe_h")


class SpectrumSource:
    """The n >= 1 spectra with their stars, labels and model; tables are joined by source_id."""

    def __init__(
        self,
        spectra: SpectrumSet,
        stars: Any = None,
        labels: Any = None,
        model: Model | str | None = None,
        xp: SpectrumSet | None = None,
    ) -> None:
        for name, given in (("spectra", spectra), ("xp", xp)):
            if not isinstance(given, SpectrumSet) and not (name == "xp" and given is None):
                raise InvalidInput(
                    f"SpectrumViewer takes a SpectrumSet as {name}, not {type(given).__name__}: see "
                    "snb.read, archive.spectra or snb.SpectrumSet."
                )
        if len(spectra) == 0:
            missing = len(spectra.missing)
            more = f" ({missing:,} were asked for and are missing)" if missing else ""
            raise InvalidInput(
                f"There is no spectrum to show: the set is empty{more}. Give at least one."
            )
        if spectra.flux.shape[1] < 2:
            raise InvalidInput(
                "Spectra of a single pixel cannot be shown: give spectra of two pixels or more."
            )
        if isinstance(model, str):
            from stellarnb.models import load_model

            model = load_model(model)
        self.spectra, self.model, self.xp = spectra, model, xp
        self.wavelength: NDArray[np.float64] = np.asarray(spectra.wavelength.value, np.float64)
        self._stars = None if stars is None else as_arrow(stars)
        self._star_row = _rows_of(spectra.source_id, self._stars, "stars")
        own = labels if labels is None or isinstance(labels, Table) else Labels(labels)
        self.labels: Table | None = own
        self._label_row = _rows_of(spectra.source_id, None if own is None else own.arrow, "labels")
        self._xp_row = None if xp is None else match_ids(spectra.source_id, xp.source_id)
        self._emulator: Emulator | str | None = None

    def __len__(self) -> int:
        return len(self.spectra)

    def one(
        self, row: int, resolution: float | None = None, snr: float | None = None
    ) -> SpectrumSet:
        """Return the spectrum of a row, degraded where R or a S/N is given."""
        star = self.spectra[row : row + 1]
        if resolution is None and snr is None:
            return star
        return star.degrade(resolution, snr)

    def find(self, text: str | int) -> int:
        """Return the row of a source_id, a name, or ``#3`` for the third star; else InvalidInput."""
        words = str(text).strip()
        number = words.removeprefix("#")
        whole = number.isascii() and number.isdigit() and len(number) < 20
        if whole and number == words and int(number) <= np.iinfo(np.int64).max:
            rows = np.flatnonzero(self.spectra.source_id == np.int64(int(number)))
            if len(rows):
                return int(rows[0])
        if self.spectra.names is not None:
            rows = np.flatnonzero(self.spectra.names == words)
            if len(rows):
                return int(rows[0])
        if whole and number != words and 1 <= int(number) <= len(self):
            return int(number) - 1
        raise InvalidInput(
            f"No spectrum of {words[:60]!r} here: give a source_id, a name, or #1 to #{len(self)} for "
            "the number of a spectrum."
        )

    def label_names(self) -> list[str]:
        """Return the labels of the model."""
        return [] if self.model is None else [spec.name for spec in self.model.card.labels]

    def star_labels(self, row: int, star: SpectrumSet) -> StarLabels | None:
        """Return the labels of a star: predicted where there is a model, else those of the table."""
        if self.model is None:
            return None if self.labels is None else self._known(row)
        found = self.model.predict(
            star,
            self._star(row),
            xp=self._low(row),
            allow_missing=True,
            check_lines=False,
            progress=False,
        )
        return _read(found, 0, self.label_names(), found.model)

    def check_lines(self) -> str:
        """Return what is wrong with the wavelengths, or nothing; looks at 32 of the spectra."""
        if self.model is None:
            return ""
        from stellarnb.models.inputs.pixels import line_verdict

        try:
            line_verdict(self.spectra)
        except GridMismatch as error:
            return str(error)
        return ""

    def overlay(self, star: SpectrumSet, labels: StarLabels | None, *, degraded: bool) -> Overlay:
        """Return the emulated spectrum of a star with these labels."""
        if labels is None:
            return Overlay(None, None, "An emulated spectrum needs labels: give a model or labels.")
        known = {row.name: row.value for row in labels.rows if np.isfinite(row.value)}
        if "fe_h" not in known and "m_h" in known:
            known["fe_h"] = known["m_h"]
        lacking = [symbol(name) for name in _NEEDED if name not in known]
        if lacking:
            return Overlay(
                None, None, f"No emulated spectrum: the star has no {', '.join(lacking)}."
            )
        try:
            emulator = self._load_emulator()
            star.check_grid(get_instrument(star.instrument.id))
            return _emulated(emulator, star, known, degraded=degraded)
        except StellarnbError as error:
            return Overlay(None, None, f"No emulated spectrum: {error}")

    def sensitivity(self, row: int, star: SpectrumSet, label: str) -> Sensitivity:
        """Return what a label of a star rests on."""
        if self.model is None:
            return Sensitivity(None, None, label, "What a label rests on needs a model.")
        try:
            found = self.model.explain(star, label, self._star(row), xp=self._low(row))
        except StellarnbError as error:
            return Sensitivity(None, None, label, f"No sensitivity: {error}")
        value, scatter = (a[0].astype(np.float32) for a in (found.sensitivity, found.scatter))
        words = (
            f"∂{symbol(label)} / ∂flux of {found.model}, mean and scatter over its networks"
            if np.any(value)
            else f"{found.model} does not read this spectrum"
        )
        return Sensitivity(value, scatter, label, words)

    @property
    def has_emulator(self) -> bool:
        """Whether an emulator covers the instrument."""
        try:
            self._load_emulator()
        except StellarnbError:
            return False
        return True

    def _load_emulator(self) -> Emulator:
        """Return the emulator of the instrument, asked for once."""
        if self._emulator is None:
            from stellarnb.models import load_emulator

            try:
                self._emulator = load_emulator(self.spectra.instrument.id)
            except InvalidInput:
                self._emulator = f"no emulator covers {self.spectra.instrument.title}."
        if isinstance(self._emulator, str):
            raise MissingInput(self._emulator)
        return self._emulator

    def _star(self, row: int) -> Any:
        """Return the row of the table of stars that belongs to a spectrum, as a table."""
        if self._stars is None or self._star_row is None:
            return None
        at = int(self._star_row[row])
        return self._stars.slice(max(at, 0), 1 if at >= 0 else 0)

    def _low(self, row: int) -> SpectrumSet | None:
        if self.xp is None or self._xp_row is None or self._xp_row[row] < 0:
            return None
        at = int(self._xp_row[row])
        return self.xp[at : at + 1]

    def _known(self, row: int) -> StarLabels | None:
        at = -1 if self._label_row is None else int(self._label_row[row])
        if self.labels is None or at < 0:
            return None
        names = [n for n in self.labels.colnames if n in _EMULATED or f"{n}_error" in self.labels]
        origin = str(self.labels.provenance.get("model", "the table of labels"))
        return _read(self.labels.take(np.array([at])), 0, names, origin)


def _rows_of(source_id: NDArray[np.int64], table: Any, name: str) -> NDArray[np.int64] | None:
    """Return the row of each spectrum in a table, -1 where it has none."""
    if table is None:
        return None
    key = find_column(table.column_names, "source_id")
    if key is None:
        raise MissingInput(f"{name}: no column source_id, by which stars and spectra are joined.")
    ids = as_source_ids(column_to_numpy(table[key]))
    if np.array_equal(ids, source_id):
        return np.arange(len(ids))
    return match_ids(source_id, ids)


def _read(table: Table, row: int, names: Sequence[str], origin: str) -> StarLabels:
    """Return the labels of one row of a table."""

    def number(column: str) -> float:
        value = table.arrow[column][row].as_py() if column in table else None
        return float(value) if isinstance(value, (int, float)) else float("nan")

    rows = tuple(
        LabelRow(
            name,
            symbol(name),
            unit_of(name, table.units),
            number(name),
            number(f"{name}_error"),
            bool(number(f"{name}_flag") == 1.0),
        )
        for name in names
    )
    good = bool(table.arrow["good"][row].as_py()) if "good" in table else None
    return StarLabels(rows, origin, good, number("novelty"))


def _emulated(
    emulator: Emulator, star: SpectrumSet, known: Mapping[str, float], *, degraded: bool
) -> Overlay:
    """Return an emulator's spectrum times the polynomial that brings it to the star's."""
    asked = {name: [known[name]] for name in _EMULATED if name in known and name in emulator.names}
    power = float(np.median(star.resolution)) if degraded else None
    made = emulator.spectra(asked, star.instrument.id, resolution=power)
    flux, use = made.flux[0].astype(np.float64), ~star.mask[0]
    continuum = _continuum(star.flux[0].astype(np.float64), flux, use)
    words = (
        f"{emulator.card.display_name} at these labels, times a polynomial of degree {CONTINUUM}"
    )
    if continuum is None:
        continuum = np.ones(len(flux))
        words = f"{emulator.card.display_name} at these labels"
    outside = emulator.outside(asked)[0]
    if outside.any():
        beyond = [symbol(n) for n, out in zip(emulator.names, outside, strict=True) if out]
        words += f"; outside its limits in {', '.join(beyond)}"
    elif made.provenance["sparse"]:
        words += "; no node of it is near"
    return Overlay((flux * continuum).astype(np.float32), continuum.astype(np.float32), words)


def _continuum(flux: Floats, model: Floats, use: NDArray[np.bool_]) -> Floats | None:
    """Return the polynomial through flux / model, or None where too few pixels tell it."""
    use = use & (model > 0.2)
    x = np.linspace(-1.0, 1.0, len(flux))
    ratio = np.divide(flux, model, out=np.ones(len(flux)), where=use)
    for _ in range(3):
        if use.sum() < 10 * (CONTINUUM + 1):
            return None
        terms = np.polynomial.chebyshev.chebfit(x[use], ratio[use], CONTINUUM)
        level = np.polynomial.chebyshev.chebval(x, terms)
        off = np.abs(ratio - level)
        spread = 1.4826 * float(np.median(off[use]))
        use = use & (off <= CLIP * max(spread, 1e-6))
    return np.asarray(level) if np.all(level > 0) else None
