"""The parametrizer: choose a network, see what it needs, predict, judge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as ipw
import traitlets

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.models import Card, Model, load_model, whereabouts
from stellarnb.progress import Cancel
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.checks import refuse_unknown
from stellarnb.widgets.core.components import Fold
from stellarnb.widgets.core.tables import html_words
from stellarnb.widgets.core.task import Report, TaskBar, TaskRun, beside
from stellarnb.widgets.core.variables import check_variable, name_of, put_variable
from stellarnb.widgets.model_card import (
    card_head,
    card_sections,
    find_card,
    first_model,
    model_options,
)
from stellarnb.widgets.parametrizer.comparison import Comparison
from stellarnb.widgets.parametrizer.inputs import device_words, match_inputs, matches_html
from stellarnb.widgets.parametrizer.run import PredictionInputs, PredictionParts, predict_in_parts
from stellarnb.widgets.parametrizer.table import LabelsTable, summary_words, where_words

__all__ = ["Parametrizer"]

_KEYWORDS = ("spectra", "stars", "xp", "model", "reference", "allow_missing", "variable", "state")
_RESUME = (
    "Run the cells up to this one again and press Run: stars that were predicted already are kept "
    "in the cache, and the rest is done."
)


class Parametrizer(BaseWidget):
    """Predict labels with one of the networks, by hand.

    Parameters
    ----------
    spectra : SpectrumSet, optional
        n spectra.
    stars : table, optional
        With ``source_id`` and the model's scalar inputs; any kind of table.
    model : str or Model, optional
        One of `stellarnb.models.model_names`; by default the one in the package for the
        instrument of the spectra.
    xp : SpectrumSet, optional
        XP spectra beside the others, for a hybrid that reads them.
    reference : table, optional
        With ``source_id`` and labels, to compare with.
    allow_missing : bool, optional
        Whether the table may lack whole columns of inputs; the errors then grow.
    variable : str, optional
        Variable of the notebook that gets the labels. One that holds something of the user's own
        is left alone: the labels then go to ``labels_2`` and so on, and the widget shows which.
    state : path-like or mapping, optional
        Of ``save("parametrizer.json")``.

    Attributes
    ----------
    model_name : str
        The model; setting it chooses another.
    spectra, xp, stars, reference : object or None
        What there is; setting one matches it anew.
    allow_missing : bool
        As above.
    variable : str
        As above.
    labels : Labels or None
        The result, once it is there; observe it.
    partial : Labels or None
        What a stopped run had finished.

    Raises
    ------
    InvalidInput
        For an unknown keyword, model or name of a variable.

    Examples
    --------
    >>> view = Parametrizer(spectra, stars)  # doctest: +SKIP
    >>> view.run()  # as the button does; returns at once  # doctest: +SKIP
    >>> view.task.wait()  # doctest: +SKIP
    >>> view.labels.good()  # doctest: +SKIP
    """

    model_name = traitlets.Unicode("xp-apogee", help="The model.")
    spectra = traitlets.Any(None, allow_none=True, help="The spectra, a SpectrumSet, or None.")
    xp = traitlets.Any(None, allow_none=True, help="XP spectra for a hybrid, or None.")
    stars = traitlets.Any(None, allow_none=True, help="A table with source_id and inputs, or None.")
    reference = traitlets.Any(None, allow_none=True, help="Labels to compare with, or None.")
    allow_missing = traitlets.Bool(False, help="Whether the table may lack whole columns.")
    variable = traitlets.Unicode("labels", help="Variable of the notebook for the labels.")
    labels = traitlets.Any(None, allow_none=True, help="The result, or None.")

    def __init__(
        self,
        spectra: SpectrumSet | None = None,
        stars: Any = None,
        *,
        model: str | Model | None = None,
        xp: SpectrumSet | None = None,
        reference: Any = None,
        allow_missing: bool = False,
        variable: str = "labels",
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("Parametrizer", unknown, _KEYWORDS)
        super().__init__("Parametrizer")
        self.partial: Labels | None = None
        self._model = model if isinstance(model, Model) else None
        self._parts: tuple[str, PredictionParts] | None = None
        self._written: str | None = None
        self.bar = self.own(TaskBar(resume=_RESUME))
        self._build()
        for name, value in (("spectra", spectra), ("xp", xp), ("stars", stars)):
            self.set_trait(name, value)
        self.set_trait("allow_missing", allow_missing)
        self.set_trait("variable", variable)
        self.set_trait("model_name", first_model(spectra, xp, model))
        self._choice.value = self.model_name
        self._connect()
        self._compare.reference = reference
        self.set_trait("reference", reference)
        self._match()
        self.begin(state)

    @traitlets.validate("model_name")
    def _check_model(self, proposal: Any) -> str:
        name = str(proposal["value"])
        if self._model is None or name != self._model.card.name:
            find_card(name)
        return name

    @traitlets.validate("variable")
    def _check_variable(self, proposal: Any) -> str:
        return check_variable(proposal["value"])

    @traitlets.validate("spectra", "xp")
    def _check_spectra(self, proposal: Any) -> SpectrumSet | None:
        value = proposal["value"]
        if value is not None and not isinstance(value, SpectrumSet):
            raise InvalidInput(
                f"{proposal['trait'].name}: a SpectrumSet is needed (snb.SpectrumSet, "
                f"archive.spectra, snb.read), not {type(value).__name__}."
            )
        return value

    @property
    def card(self) -> Card:
        """The card of the model."""
        if self._model is not None and self._model.card.name == self.model_name:
            return self._model.card
        return find_card(self.model_name)

    @property
    def task(self) -> Any:
        """The run: ``wait()``, ``cancel()``, ``state``; see `stellarnb.widgets.core.task.Task`."""
        return self.bar.task

    @property
    def inputs(self) -> PredictionInputs:
        """What the model would read now."""
        spectra, xp, card = self.spectra, self.xp, self.card
        if spectra is not None and xp is None and card.second_instrument == spectra.instrument.id:
            spectra, xp = None, spectra  # a hybrid may be given XP spectra alone
        return PredictionInputs(spectra, xp, self.stars, self.allow_missing)

    @property
    def missing(self) -> list[str]:
        """A line on each input that the model needs and that was not found."""
        found = match_inputs(self.card, self.inputs)
        return [f"{one.name}: {one.words}" for one in found if one.state == "missing"]

    def run(self) -> None:
        """Predict, as the button does; it returns at once, and the result comes to `labels`.

        A run of the same that was cancelled, or that ended with its kernel, is taken up where it
        was.

        Raises
        ------
        MissingInput
            If something that the model needs is not there.
        InvalidInput
            If a run is going on.
        """
        absent = self.missing
        if absent:
            raise MissingInput(f"{self.card.display_name} cannot run yet: {'; '.join(absent)}.")
        given = self.inputs
        self.bar.start(
            lambda cancel, report: self._predict(given, cancel, report),
            label=f"Predicting with {self.card.display_name}",
            unit="stars",
            ended=self._ended,
        )
        self._button.disabled = True

    def cancel(self) -> bool:
        """Stop the run; what is done is kept, and `run` goes on from there."""
        return self.bar.cancel()

    def to_code(self) -> str:
        """Return Python that predicts the same labels."""
        return (
            self.predict_code(
                name_of(self.spectra, "spectra"),
                name_of(self.stars, "stars"),
                name_of(self.xp, "xp"),
            )
            + self._compare.to_code()
        )

    def predict_code(self, spectra: str, stars: str, xp: str) -> str:
        """Return Python that predicts the same from variables of these names."""
        given = self.inputs
        args = ["None" if given.spectra is None else spectra]
        if given.stars is not None:
            args.append(stars)
        if given.xp is not None:
            # Of a hybrid that was given XP spectra alone, these are the spectra.
            args.append(f"xp={spectra if self.xp is None else xp}")
        if self.allow_missing:
            args.append("allow_missing=True")
        source = self.model_name
        if self._model is not None and self._model.card.name == source and self._model.origin:
            source = self._model.origin
        return (
            f"import stellarnb as snb\n\nmodel = snb.load_model({source!r})\n"
            f"{self.variable} = model.predict({', '.join(args)})\n"
            f"good = {self.variable}.good()\n"
        )

    def state_values(self) -> dict[str, Any]:
        """Return what was chosen; no stars and no spectra."""
        return {
            "model": self.model_name,
            "allow_missing": self.allow_missing,
            "variable": self.variable,
            "survey": self._compare.survey,
        }

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` returned."""
        self.model_name = values["model"]
        self.allow_missing = values["allow_missing"]
        self.variable = values["variable"]
        self._compare.survey = values["survey"]

    def still(self) -> str:
        """Return the model and the result in a few lines."""
        if self.labels is None:
            return f"Parametrizer: {self.card.display_name}, nothing predicted yet"
        return "\n".join(["Parametrizer: " + line for line in summary_words(self.labels)[:1]])

    # Parts of the page.

    def _build(self) -> None:
        wide = {"width": "100%", "max_width": "460px"}
        self._choice = ipw.Dropdown(options=model_options(), description="model", layout=wide)
        self._choice.tooltip = ".model_name"
        self._missing_box = ipw.Checkbox(
            description="allow missing columns (errors grow)", indent=False,
            tooltip=".allow_missing", layout={"width": "auto"},
        )  # fmt: skip
        self._name_box = ipw.Text(
            description="into variable", tooltip=".variable", continuous_update=False,
            style={"description_width": "initial"}, layout={"width": "240px"},
        )  # fmt: skip
        self._button = ipw.Button(description="Run", button_style="primary", tooltip=".run()")
        self._inputs, self._device = ipw.HTML(), ipw.HTML()
        self._stale, self._result = ipw.HTML(), ipw.HTML()
        self._card_html = ipw.HTML()
        beside = {"flex": "1 1 340px", "min_width": "0"}
        folded = Fold("Card of this model", self._card_html, layout=beside)
        self._table = LabelsTable(self.guarded)
        self._compare = Comparison(self.guarded, lambda: self.labels)
        wrap = ipw.Layout(flex_flow="row wrap")
        left = ipw.VBox(
            [self._inputs, self._device], layout={"flex": "1 1 600px", "min_width": "0"}
        )
        self.show_parts(
            ipw.HBox([self._choice, self._missing_box], layout=wrap),
            ipw.HBox([left, folded], layout=ipw.Layout(width="100%", flex_flow="row wrap")),
            ipw.HBox([self._button, self._name_box], layout=wrap),
            self.bar,
            self._stale,
            self._result,
            self._table,
            self._compare,
        )

    def _connect(self) -> None:
        traitlets.link((self, "allow_missing"), (self._missing_box, "value"))
        self._name_box.value = self.variable
        self._name_box.observe(self._on_name, "value")
        self.observe(lambda change: self._name_box.set_trait("value", change["new"]), "variable")
        self._choice.observe(lambda change: self.guarded(self._picked), "value")
        self._button.on_click(lambda _: self.guarded(self.run))
        self.observe(lambda change: self.guarded(self._match), ["model_name", "allow_missing"])
        self.observe(lambda change: self.guarded(self._match), ["spectra", "xp", "stars"])
        self.observe(lambda change: self._on_labels(), "labels")
        self.observe(lambda change: self._compare.set_reference(change["new"]), "reference")
        self._compare.on_change(lambda value: self.set_trait("reference", value))

    def _picked(self) -> None:
        if self._choice.value is not None:
            self.model_name = self._choice.value

    def _on_name(self, change: Any) -> None:
        if change["new"] == self.variable:  # put back below: what was said stays
            return
        if not self.guarded(lambda: self.set_trait("variable", change["new"])):
            self._name_box.value = self.variable

    def _match(self) -> None:
        """Show what the model needs, and what of it there is."""
        card, given = self.card, self.inputs
        known = [value for _, value in self._choice.options]
        self._choice.value = card.name if card.name in known else None
        found = match_inputs(card, given)
        absent = [one for one in found if one.state == "missing"]
        self._inputs.value = matches_html(found)
        n = 0 if absent else len(given.ids)
        self._device.value = html_words(device_words(card, n))
        if self.labels is not None and not self.task.running:
            self._stale.value = html_words(
                "Inputs or model have changed since the labels below: run again.", "warn"
            )
        self._card_html.value = card_head(card) + "".join(
            f"<h4>{escape(title)}</h4>{html}" for title, html in card_sections(card).items()
        )
        where = whereabouts(card)
        self._button.description = "Fetch and run" if where.startswith("to fetch") else "Run"
        self._button.layout.width = "auto"
        self._button.disabled = bool(absent) or self.task.running
        self._button.tooltip = ".run()" if not absent else "Something is missing: see the table"

    def _on_labels(self) -> None:
        if self.labels is None:  # other stars: what was found of these is let go
            self._table.show(None)
            self._result.value = self._stale.value = ""
            self.partial = None

    def _predict(self, given: PredictionInputs, cancel: Cancel, report: Report) -> Labels:
        """Predict, in the thread of the run."""
        report(0, doing="loading the model")
        name = self.model_name
        if self._model is None or self._model.card.name != name:
            self._model = beside(lambda: load_model(name), cancel)
        model = self._model
        report(0, doing="looking at the inputs")
        key = beside(lambda: given.key(model), cancel)
        if self._parts is None or self._parts[0] != key or not self._parts[1].done:
            self._parts = key, PredictionParts(key)
        return predict_in_parts(model, given, self._parts[1], cancel, report)

    def _ended(self, run: TaskRun) -> None:
        """Take the result, in the thread of the run."""
        if self._closed:
            return
        words: list[str] = []
        self._button.disabled = False
        if run.state == "done" and isinstance(run.result, Labels):
            if self._parts is not None:
                self._parts[1].forget()
            self._parts, self.partial = None, None
            self._written = put_variable(self.variable, run.result)
            self._button.description = "Run"
            self.labels = run.result
            self._show_result(run.result, [where_words(self.variable, self._written)])
        elif run.state == "stopped":
            self.partial = run.result if isinstance(run.result, Labels) else None
            self._button.description = "Resume"
            n = len(self.partial) if self.partial is not None else 0
            words = [f"Stopped: {n:,} stars are done and kept; Resume goes on with the others."]
            if self.partial is not None:
                words.append(
                    "The labels below are of these stars only: they are in .partial, not in the variable."
                )
                self._show_result(self.partial, words)
            else:
                self._result.value = "".join(map(html_words, words))
        self.refresh()

    def _show_result(self, labels: Labels, words: list[str]) -> None:
        self._stale.value = ""
        lines = [*words, *summary_words(labels)]
        self._result.value = "".join(html_words(line) for line in lines)
        self._table.show(labels)
        self._compare.update()
