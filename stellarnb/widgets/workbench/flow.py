"""The workbench's stars, spectra and labels, each with the Python that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels

__all__ = ["Flow"]

_IMPORT = "import stellarnb as snb"
_XP = "gaia-xp"


class Flow:
    """The stars, spectra and labels; other stars clear what was made of those before."""

    def __init__(self) -> None:
        self.stars: Any = None
        self.labels: Labels | None = None
        self._sets: dict[str, SpectrumSet] = {}
        self._names = {"stars": "stars", "spectra": "spectra", "xp": "xp", "labels": "labels"}
        self._query = ""
        self._fetches: dict[str, str] = {}
        self._predict = ""

    @property
    def spectra(self) -> SpectrumSet | None:
        """The spectra: of two kinds those that are not XP."""
        others = [one for name, one in self._sets.items() if name != _XP]
        return others[-1] if others else self._sets.get(_XP)

    @property
    def xp(self) -> SpectrumSet | None:
        """XP spectra beside others; None where there is but one kind."""
        return self._sets.get(_XP) if len(self._sets) > 1 else None

    def words(self) -> str:
        """Return a line on how far the work is."""
        parts = ["no stars yet"] if self.stars is None else [f"{len(self.stars):,} stars"]
        parts += [f"{len(one):,} {name} spectra" for name, one in self._sets.items()]
        if self.labels is not None:
            good = int(self.labels["good"].sum()) if "good" in self.labels else 0
            parts.append(f"{len(self.labels):,} labels of {self.labels.model}, {good:,} good()")
        return " · ".join(parts)

    def take_own(self, stars: Any, spectra: SpectrumSet | None) -> None:
        """Take stars and spectra that the user has brought along."""
        self.take_stars(stars, "stars", "")
        if spectra is not None:
            self._sets[spectra.instrument.id] = spectra

    def take_stars(self, stars: Any, name: str, code: str) -> None:
        """Take other stars, and the code of the query."""
        self.stars, self.labels = stars, None
        self._sets, self._fetches, self._predict = {}, {}, ""
        self._names["stars"] = name
        self._query = _without_spectra(code)

    def take_spectra(self, spectra: SpectrumSet, name: str, code: str) -> None:
        """Take spectra of the stars, and the code that fetched them."""
        self.labels, self._predict = None, ""
        self._sets.pop(spectra.instrument.id, None)
        self._sets[spectra.instrument.id] = spectra
        self._names["spectra"] = name
        call = next((line for line in code.splitlines() if ".spectra(" in line), "")
        self._fetches[spectra.instrument.id] = call.partition("=")[2].strip()

    def take_labels(self, labels: Labels, name: str, code: Callable[..., str]) -> None:
        """Take labels, and what writes the code of the prediction."""
        self.labels = labels
        self._names["labels"] = name
        self._predict = code(self._names["spectra"], self._names["stars"], self._names["xp"])

    def to_code(self, map_code: Callable[[str, str], str]) -> str:
        """Return the script of all that was done; empty where nothing was."""
        if self.stars is None:
            return ""
        own = "" if self._query else "# stars and spectra: as they were given to Workbench\n"
        parts = [self._query, self._fetch_code()]
        if self.labels is not None:
            parts += [self._predict, map_code(self._names["labels"], self._names["stars"])]
        lines = [line for part in parts for line in [*part.splitlines(), ""]]
        body = "\n".join(line for line in lines if line.strip() != _IMPORT)
        while "\n\n\n" in body:
            body = body.replace("\n\n\n", "\n\n")
        return f"{_IMPORT}\n\n{own}{body.strip()}\n"

    def _fetch_code(self) -> str:
        lines = []
        for kind, call in self._fetches.items():
            name = self._names["xp" if kind == _XP and len(self._sets) > 1 else "spectra"]
            if call:
                lines.append(f"{name} = {call}")
        return "\n".join(lines)


def _without_spectra(code: str) -> str:
    return "\n".join(line for line in code.splitlines() if ".spectra(" not in line)
