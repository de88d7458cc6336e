"""Labels against references: one to one, residuals, pulls, and the numbers of it all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets

from stellarnb.errors import InvalidInput, MissingInput
from stellarnb.tables import Labels, Table
from stellarnb.tables.compare import match_reference
from stellarnb.tables.names import SURVEYS
from stellarnb.views.data.style import LIGHT, find_theme, symbol, unit_of
from stellarnb.views.label_checks import EDGES, label_check
from stellarnb.views.live.notebook import enable_notebook
from stellarnb.views.scene.bokeh import BokehScene
from stellarnb.views.view import View
from stellarnb.widgets.core.base import BaseWidget, close_tree
from stellarnb.widgets.core.checks import refuse_unknown
from stellarnb.widgets.core.formatting import error_words
from stellarnb.widgets.core.latest import Latest, Ticket
from stellarnb.widgets.validation.source import (
    check_edges,
    edges_text,
    named_references,
    named_surveys,
    numbers_html,
    numbers_of,
)

__all__ = ["Validation"]

_KEYWORDS = ("reference", "survey", "label", "edges", "good_only", "theme", "state")
#: Stills and code are brought up to date after such a rest [s].
REST = 0.5


class Validation(BaseWidget):
    """Labels of a model against reference labels, live.

    Four diagrams (one to one, residuals by S/N, pulls by region, pulls by S/N) and a table of
    numbers, of one label at a time.

    Parameters
    ----------
    labels : Labels or any table
        With ``source_id``, labels and their ``_error``.
    reference : table or dict of str to table, optional
        Reference labels with ``source_id``, or several by name, to choose from; by default those
        of APOGEE DR17 in the embedded archive.
    survey : str or dict of str to str, optional
        Whose column names the reference has (see `Labels.compare`): of all, or by name.
    label : str, optional
        Which label to begin with.
    edges : sequence of float, optional
        Rising edges of the bins in S/N.
    good_only : bool, optional
        Whether only the recommended cut counts; True where the table has a column ``good``.
    theme : {None, 'light', 'dark'}, optional
        Colours; those of JupyterLab by default.
    state : path-like or dict, optional
        What ``save("validation.json")`` wrote, to begin with.

    Attributes
    ----------
    label, reference : str
        Which label, against which reference.
    edges : tuple of float
        Edges of the bins in S/N.
    good_only : bool
        Whether only the recommended cut counts.

    Raises
    ------
    InvalidInput
        For an unknown keyword, survey, label or theme, or a table without stars.
    MissingInput
        If the tables share no label with errors, or `good_only` is asked of a table without it.

    Examples
    --------
    >>> check = Validation(labels, {"APOGEE": apogee, "GALAH": galah})  # doctest: +SKIP
    >>> check.label = "fe_h"  # doctest: +SKIP
    >>> check.numbers  # doctest: +SKIP
    """

    label = traitlets.Unicode("", help="Which label.")
    reference = traitlets.Unicode("", help="Against which reference, by name.")
    edges = traitlets.Any(EDGES, help="Rising edges of the bins in S/N.")
    good_only = traitlets.Bool(False, help="Whether only the recommended cut counts.")

    def __init__(
        self,
        labels: Any,
        reference: Any = None,
        *,
        survey: str | Mapping[str, str] | None = None,
        label: str | None = None,
        edges: Sequence[float] = EDGES,
        good_only: bool | None = None,
        theme: str | None = None,
        state: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown("Validation", unknown, _KEYWORDS)
        self._theme = None if theme is None else find_theme(theme)
        self._table = labels if isinstance(labels, Labels) else Labels(labels)
        self._references = named_references(reference)
        self._own_reference = reference is not None
        self._surveys = named_surveys(survey, self._references)
        self._names = self._shared()
        self._view: View | None = None
        self._numbers: Table | None = None
        self._told: Any = None
        super().__init__("Validation")
        self._work = Latest("stellarnb: validation")
        cut = "good" in self._table if good_only is None else good_only
        with self.hold_trait_notifications():
            self.reference = next(iter(self._names))
            first = self._names[self.reference]
            self.label = label if label is not None else first[0]
            self.edges, self.good_only = edges, cut
        enable_notebook()
        self.own(self._work)
        self._place = ipw.Box(layout=ipw.Layout(overflow="auto", width="100%"))
        self._words, self._figures = ipw.HTML(), ipw.HTML()
        self._controls = self._build()
        self.observe(lambda _: self._look(), ["label", "reference", "edges", "good_only"])
        self.show_parts(self._controls, self._words, self._place, self._figures)
        self.begin(state)
        self._look()

    @property
    def numbers(self) -> Table:
        """The numbers of what is shown.

        A row a bin: ``by`` (all, S/N or region), ``label, bin, n, bias, sigma, pull,
        mean_error``, as `Labels.compare` defines them.

        Raises
        ------
        MissingInput, InvalidInput
            If the two tables cannot be compared.
        """
        return numbers_of(*self._wish())

    @property
    def view(self) -> View:
        """What is shown, as a view: ``.to_matplotlib()`` and ``.save("check.pdf")`` are there.

        Raises
        ------
        MissingInput, InvalidInput
            If the two tables cannot be compared.
        """
        own, reference, name, survey, edges = self._wish()
        return label_check(own, reference, name, survey=survey, edges=edges)

    def wait(self, seconds: float = 60) -> None:
        """Wait until what is asked for is shown."""
        wish = self._key()
        with self._work.condition:
            self._work.condition.wait_for(lambda: self._told == wish, seconds)

    def to_code(self) -> str:
        """Return Python that makes `numbers` again from the table ``labels``."""
        survey = self._surveys.get(self.reference)
        named = f", survey={survey!r}" if survey else ""
        common = f"reference, labels=[{self.label!r}]{named}"
        lines = ["import stellarnb as snb", ""]
        if not self._own_reference:
            lines.append('reference = snb.open_archive("sample").query("SELECT * FROM apogee")')
        elif len(self._references) > 1:
            lines.append(f"reference = references[{self.reference!r}]")
        lines.append(f"chosen = labels{'.good()' if self.good_only else ''}")
        lines.append(f"overall = chosen.compare({common})")
        if self._has_snr():
            edges = ", ".join("float('inf')" if np.isinf(e) else f"{e:g}" for e in self.edges)
            lines.append(f"by_snr = chosen.compare({common}, by='snr', bins=({edges}))")
        lines.append(f"by_region = chosen.compare({common}, by='region')")
        more = {"label": self.label, "good_only": self.good_only}
        words = ", ".join(f"{key}={value!r}" for key, value in more.items())
        lines += ["", f"check = snb.Validation(labels, reference{named}, {words})"]
        return "\n".join(lines) + "\n"

    def state_values(self) -> dict[str, Any]:
        """Return what is shown, as plain values: no stars."""
        edges = [None if np.isinf(edge) else float(edge) for edge in self.edges]
        return {
            "label": self.label,
            "reference": self.reference,
            "edges": edges,
            "good_only": self.good_only,
        }

    def put_state(self, values: Mapping[str, Any]) -> None:
        """Show what `state_values` returned."""
        edges = [np.inf if edge is None else float(edge) for edge in values["edges"]]
        with self.hold_trait_notifications():
            self.reference = values["reference"]
            self.label = values["label"]
            self.edges, self.good_only = edges, values["good_only"] is True

    def still(self) -> str:
        """Return what is shown in one sentence."""
        cut = ", good stars only" if self.good_only else ""
        words = f"{self._table.model}: {symbol(self.label)} against {self.reference}{cut}"
        found = self._numbers
        if found is None or self._told != self._key():
            return words
        first = {name: found[name][0] for name in ("n", "bias", "sigma", "pull")}
        digits = 0 if unit_of(self.label, self._table.units) == "K" else 3
        return (
            f"{words}; N = {first['n']:,}, bias {first['bias'] + 0.0:+.{digits}f}, "
            f"σ {first['sigma']:.{digits}f}, pull {first['pull']:.2f}"
        )

    def still_picture(self) -> bytes | None:
        """Return the four diagrams as the bytes of a PNG file."""
        from stellarnb.views.export import bytes_of

        view = self._view
        if view is None or self._told != self._key():
            return None
        theme = (self._theme or LIGHT).name
        return bytes_of(view.to_matplotlib(width=7.5, theme=theme), "png", dpi=80)

    @traitlets.validate("reference")
    def _check_reference(self, proposal: Any) -> str:
        name = str(proposal["value"])
        if name not in self._names:
            raise InvalidInput(f"reference={name!r}: give one of {', '.join(self._names)}.")
        return name

    @traitlets.validate("label")
    def _check_label(self, proposal: Any) -> str:
        value = str(proposal["value"])
        known = list(dict.fromkeys(name for names in self._names.values() for name in names))
        if value not in known:
            raise InvalidInput(f"label={value!r}: give one of {', '.join(known)}.")
        return value

    @traitlets.validate("edges")
    def _check_edges(self, proposal: Any) -> tuple[float, ...]:
        return check_edges(proposal["value"])

    @traitlets.validate("good_only")
    def _check_good(self, proposal: Any) -> bool:
        if proposal["value"] and "good" not in self._table:
            raise MissingInput(
                "good_only=True: the table of labels has no column 'good'; set it to False."
            )
        return bool(proposal["value"])

    def _shared(self) -> dict[str, list[str]]:
        """Return the labels with errors that each reference has too."""
        own = [n for n in self._table.colnames if f"{n}_error" in self._table]
        names = {}
        for key, table in self._references.items():
            ref = match_reference(self._table, table, self._surveys.get(key))
            shared = [name for name in own if name in ref.columns]
            if shared:
                names[key] = shared
        if not names:
            raise MissingInput(
                "Validation: no reference has a label of this table that has an error column. The "
                f"table has: {', '.join(own) or 'no label with an error'}. For a survey's own column "
                f"names give survey=..., one of {', '.join(SURVEYS)}."
            )
        return names

    def _build(self) -> ipw.Widget:
        every = dict.fromkeys(name for names in self._names.values() for name in names)
        label = ipw.Dropdown(
            options=[(symbol(name), name) for name in every],
            description="label",
            tooltip=".label",
            layout=ipw.Layout(width="200px"),
        )
        reference = ipw.Dropdown(
            options=list(self._names),
            description="reference",
            tooltip=".reference",
            layout=ipw.Layout(width="360px"),
        )
        good = ipw.Checkbox(
            description="good stars only",
            indent=False,
            disabled="good" not in self._table,
            tooltip=".good_only",
            layout=ipw.Layout(width="auto"),
        )
        bins = ipw.Text(
            value=edges_text(self.edges),
            description="S/N bins",
            tooltip=".edges",
            continuous_update=False,
            layout=ipw.Layout(width="360px"),
        )
        for trait, control in (("label", label), ("reference", reference), ("good_only", good)):
            traitlets.link((self, trait), (control, "value"))
        bins.observe(
            lambda change: self.guarded(lambda: self.set_trait("edges", change["new"])), "value"
        )
        self.observe(lambda change: bins.set_trait("value", edges_text(change["new"])), "edges")
        return ipw.HBox([label, reference, good, bins], layout=ipw.Layout(flex_flow="row wrap"))

    def _has_snr(self) -> bool:
        return "snr" in self._references[self.reference].column_names

    def _key(self) -> Any:
        return self.label, self.reference, tuple(self.edges), self.good_only

    def _wish(self) -> tuple[Labels, Any, str, str | None, tuple[float, ...]]:
        own = self._table.good() if self.good_only else self._table
        name = self.reference
        return own, self._references[name], self.label, self._surveys.get(name), self.edges

    def _look(self) -> None:
        """Let the thread compare and draw what is asked for now."""
        key, wish = self._key(), self._wish()
        self._words.value = f"<i>{escape(symbol(self.label))}: comparing…</i>"
        self._work.submit(lambda ticket: self._tell(ticket, key, wish))

    def _tell(self, ticket: Ticket, key: Any, wish: Any) -> None:
        try:
            view = label_check(*wish[:3], survey=wish[3], edges=wish[4])
            numbers = numbers_of(*wish)
            shown = BokehScene(view._scene_of, view._size, self._theme).model()  # noqa: SLF001
        except Exception as error:  # noqa: BLE001  (whatever it is, the user must see it)
            if ticket.current:
                self._put(key, None, None, None, f"<b>{escape(error_words(error))}</b>")
            return
        if not ticket.current:
            close_tree(shown)
            return
        words = escape(f"{view.scene.title}: {self.reference} · {view.scene.line}")
        self._put(key, view, numbers, shown, words)
        if ticket.rest(REST):
            self.refresh()

    def _put(
        self, key: Any, view: View | None, numbers: Table | None, shown: Any, words: str
    ) -> None:
        """Show what was found, and forget what stood there."""
        before = self._place.children
        self._place.children = () if shown is None else (shown,)
        for old in before:
            close_tree(old)
        self._view, self._numbers = view, numbers
        self._words.value = words
        self._figures.value = "" if numbers is None else numbers_html(numbers)
        with self._work.condition:
            self._told = key
            self._work.condition.notify_all()
