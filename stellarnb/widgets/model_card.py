"""The card of a model: what it reads, gives, was trained on, and how well it does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import ipywidgets as ipw
import traitlets

from stellarnb.models import Card, Model, load_card, model_names, whereabouts
from stellarnb.spectra import SpectrumSet, get_instrument
from stellarnb.views.data.style import axis_title, symbol, unit_of
from stellarnb.widgets.core.base import BaseWidget, Foot
from stellarnb.widgets.core.checks import refuse_unknown
from stellarnb.widgets.core.tables import Cell, html_list, html_table, html_words, number

__all__ = [
    "ModelCardViewer",
    "card_head",
    "card_sections",
    "find_card",
    "first_model",
    "model_options",
    "packaged_card",
]

_KEYWORDS = ("state",)
_TITLES = {
    "command": "Printed by",
    "test": "On test stars, by S/N",
    "refused": "Share that is not good(), of stars that should be and of those that should not",
}
#: Titles of columns of the figures whose names a reader may not know.
_HEADS = {
    "snr": "S/N",
    "sigma": "σ",
    "baseline_sigma": "σ of the baseline",
    "pull_synthesis": "pull against the synthesis",
    "refused": "share",
    "at_most": "at most",
    "at_least": "at least",
}


class ModelCardViewer(BaseWidget):
    """The card of a model as tables: grid, inputs, labels, domain, figures, flaws, citation.

    Parameters
    ----------
    name : str, optional
        One of `stellarnb.models.model_names`, or the path of a card that ``stellarnb train`` wrote.
    state : path-like or mapping, optional
        Of ``save("card.json")``.

    Attributes
    ----------
    name : str
        The model; setting it shows another card.
    card : Card
        What is shown.

    Raises
    ------
    InvalidInput
        If there is no such model; the message names the nearest.

    Examples
    --------
    >>> ModelCardViewer("xp-apogee").card.licence
    'BSD-3-Clause'
    """

    name = traitlets.Unicode("xp-apogee", help="The model whose card is shown.")

    def __init__(
        self,
        name: str = "xp-apogee",
        *,
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("ModelCardViewer", unknown, _KEYWORDS)
        self._card = find_card(name)
        super().__init__("Model card")
        self._pages: list[ipw.HTML] = []
        self._choice = ipw.Dropdown(
            options=model_options(), description="model", tooltip=".name", layout={"width": "100%"}
        )
        self._choice.layout.max_width = "460px"
        self._head = ipw.HTML()
        self._tabs = ipw.Tab(layout=ipw.Layout(width="100%", min_width="0"))
        self.set_trait("name", name)
        self._choice.observe(lambda change: self.guarded(self._picked), "value")
        self.observe(lambda change: self._show(), "name")
        self._citation = Foot(name="this model", what="citation")
        self.show_parts(self._choice, self._head, self._tabs, self._citation)
        self._show()
        self.begin(state)

    @traitlets.validate("name")
    def _check_name(self, proposal: Any) -> str:
        self._card = find_card(proposal["value"])
        return str(proposal["value"])

    @property
    def card(self) -> Card:
        """The card that is shown."""
        return self._card

    def to_code(self) -> str:
        """Return Python that reads the same card."""
        return (
            f"import stellarnb as snb\n\nmodel = snb.load_model({self.name!r})\n"
            "print(model.card)\nprint(model.cite())\n"
        )

    def state_values(self) -> dict[str, Any]:
        """Return the model and the page that is open."""
        return {"name": self.name, "page": self._tabs.selected_index or 0}

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` said."""
        self.name = values["name"]
        self._tabs.selected_index = min(max(int(values["page"]), 0), len(self._pages) - 1)

    def still(self) -> str:
        """Return the card in a few lines."""
        card = self.card
        labels = ", ".join(symbol(spec.name) for spec in card.labels)
        return (
            f"Model card: {card.display_name} {card.version}, {card.title}\n"
            f"Labels: {labels}\nLicence: {card.licence}\n{card.cite()}"
        )

    def _picked(self) -> None:
        if self._choice.value is not None:
            self.name = self._choice.value

    def _show(self) -> None:
        known = [value for _, value in self._choice.options]
        self._choice.value = self.name if self.name in known else None
        self._head.value = card_head(self.card)
        self._citation.code = self.card.cite()
        sections = card_sections(self.card)
        if not self._pages:
            self._pages = [ipw.HTML() for _ in sections]
            self._tabs.children = self._pages
            self._tabs.titles = tuple(sections)
            self._tabs.selected_index = 0
        for page, html in zip(self._pages, sections.values(), strict=True):
            page.value = html
        self.refresh()


@lru_cache(maxsize=32)
def packaged_card(name: str) -> Card:
    """Return the card of a model that the package carries, read once."""
    return load_card(name)


def find_card(name: str) -> Card:
    """Return a card by name, or by the path of its file, which may have changed."""
    return load_card(name) if name.endswith(".toml") else packaged_card(name)


def model_options() -> list[tuple[str, str]]:
    """Return the models for a menu: their names as they must be shown, and where they are."""
    found = []
    for name in model_names():
        card = packaged_card(name)
        found.append((f"{card.display_name} · {whereabouts(card)}", name))
    return found


def card_head(card: Card) -> str:
    """Return what stands above the tables of a card."""
    warning = (
        html_words("Trained on synthetic spectra: see the known flaws before use.", "warn")
        if card.trained_on == "synthetic"
        else ""
    )
    return (
        html_words(f"{card.display_name}, version {card.version}: {card.title}", "title") + warning
    )


def card_sections(card: Card) -> dict[str, str]:
    """Return the tables of a card as HTML, by the title of their page."""
    return {
        "Reads": _reads(card),
        "Labels": _labels(card),
        "Figures": _figures(card),
        "Training": _training(card),
        "Flaws": html_list(card.known_flaws) if card.known_flaws else html_words("None known."),
        "Licence, citation": html_words(f"Licence of the weights: {card.licence}")
        + html_words("Please cite and credit:")
        + html_list(card.cite().splitlines()),
    }


def _reads(card: Card) -> str:
    rows: list[list[object]] = []
    for name in (card.instrument, card.second_instrument):
        if name:
            made = get_instrument(name)
            grid = made.wavelength
            span = f"{grid[0]:g} to {grid[-1]:g}"
            more = (made.unit, made.medium, made.normalisation)
            rows.append([name, made.title, number(len(grid)), span, *more])
    head = ("instrument", "spectra", "pixels", "grid", "unit", "wavelengths in", "normalised by")
    spectra = html_table(head, rows, "Spectra")
    if not card.scalars:
        return spectra + html_words("Nothing beside the spectrum.")
    scalars = [
        [spec.name, spec.unit, *map(number, spec.limits), spec.quantity or "the input itself"]
        for spec in card.scalars
    ]
    names = ("column", "unit", "from", "to", "limits of")
    return spectra + html_table(names, scalars, "Columns beside the spectrum")


def _labels(card: Card) -> str:
    rows = [
        [
            symbol(spec.name),
            spec.name,
            unit_of(spec.name) or spec.unit,
            *map(number, spec.limits),
            number(spec.floor),
        ]
        for spec in card.labels
    ]
    head = ("label", "column", "unit", "from", "to", "floor of the error")
    return html_table(head, rows, "Labels and training limits; outside them a label is flagged")


def _figures(card: Card) -> str:
    parts = []
    for key, value in card.metrics.items():
        if isinstance(value, str):
            parts.append(html_words(f"{_TITLES.get(key, key)}: {value}"))
        elif isinstance(value, Mapping):
            parts.append(_rows_table([value], _TITLES.get(key, key)))
        else:
            parts.append(_rows_table(value, _TITLES.get(key, key)))
    return "".join(parts) or html_words("No figures of this project's own: see the publication.")


def _rows_table(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    """Return rows of figures; columns in the order in which they come up."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_figure(key, row.get(key)) for key in keys] for row in rows]
    return html_table([_HEADS.get(key, key) for key in keys], cells, caption)


def _figure(key: str, value: Any) -> Cell | str:
    if isinstance(value, str):
        return axis_title(value) if key == "label" else value
    return number(value)


def _training(card: Card) -> str:
    rows = [["trained on", f"{card.trained_on} spectra"]]
    rows += [[key, str(value)] for key, value in card.training.items()]
    rows += [[key, str(value)] for key, value in card.network.items() if not isinstance(value, list)]  # fmt: skip
    rows.append(["most masked pixels of a good star", f"{100 * card.max_masked:g} %"])
    rows.append(["sha256 of the weights", card.sha256])
    return html_table(("what", "how"), rows, "Training set, recipe and network")


def first_model(spectra: Any, xp: Any, model: str | Model | None) -> str:
    """Return the model to begin with: as asked, or one in the package for these spectra."""
    if isinstance(model, Model):
        return model.card.name
    if model is not None:
        return model
    first = spectra if spectra is not None else xp
    for _, name in model_options() if isinstance(first, SpectrumSet) else ():
        card = find_card(name)
        if card.instrument == first.instrument.id and not card.sources:
            return name
    return "xp-apogee"
