"""Faults that the test server commits on demand: what real archives do to their users."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TypedDict

from stellarnb.errors import InvalidInput

__all__ = ["KINDS", "Fault", "FaultOptions", "Faults", "parse_fault"]

#: Kinds of requests: ``async`` creates a job, ``job`` is whatever concerns one that exists.
KINDS = frozenset({"sync", "async", "job", "vosi", "data", "links", "files"})
_QUERIES = frozenset({"sync", "async"})
_CREATION = frozenset({"async"})
_DATA = frozenset({"data"})


class FaultOptions(TypedDict, total=False):
    """When a fault strikes; see `Faults.inject`."""

    times: int
    probability: float
    where: str


class Fault(Enum):
    """One thing that goes wrong; `word` is its name on the command line."""

    UNAVAILABLE = ("unavailable", KINDS, "503 with Retry-After")
    POOL_EMPTY = ("pool-empty", KINDS, "500 'Pool empty', as DataLink under load")
    MAINTENANCE = ("maintenance", KINDS, "200 with an HTML maintenance page")
    ERROR_200 = ("error-200", KINDS, "200 with a VOTable whose QUERY_STATUS is ERROR")
    ENTITY_BOMB = ("entity-bomb", KINDS, "a VOTable whose entities grow to gigabytes")
    CUT_STREAM = ("cut-stream", KINDS, "the connection closes after half of Content-Length")
    CUT_CHUNKED = ("cut-chunked", KINDS, "a chunked answer whose connection closes half-way")
    WRONG_LENGTH = ("wrong-length", KINDS, "Content-Length is too small: the body ends early")
    SLOW_DRIP = ("slow-drip", KINDS, "the body comes in small pieces with pauses between")
    OVERFLOW = ("overflow", _QUERIES, "half of the rows, and INFO OVERFLOW behind the table")
    UPPER_CASE = ("upper-case", _QUERIES | _DATA, "column names in upper case")
    HTML_DESCRIPTION = (
        "html-description",
        _QUERIES | {"vosi"},
        "descriptions of columns hold a script and an image",
    )
    STUCK_PENDING = ("stuck-pending", _CREATION, "the job stays PENDING, whatever is asked")
    STUCK_QUEUED = ("stuck-queued", _CREATION, "the job is QUEUED for ever")
    STUCK_EXECUTING = ("stuck-executing", _CREATION, "the job is EXECUTING for ever")
    EXPIRED_JOB = ("expired-job", _CREATION, "the job is destroyed as soon as it was made: 404")
    MISSING_IDS = ("missing-ids", _DATA, "every tenth star, the first included, is left out")
    DUPLICATE_PRODUCTS = ("duplicate-products", _DATA, "every tenth product comes twice")
    ZIP_BOMB = ("zip-bomb", _DATA, "one file more in the zip, of zeros, huge when unpacked")
    PATH_TRAVERSAL = ("path-traversal", _DATA, "files more in the zip, named out of its folder")

    def __init__(self, word: str, where: frozenset[str], what: str) -> None:
        self.word = word
        self.where = where
        self.what = what

    @property
    def replaces(self) -> bool:
        """Whether it answers in place of the service."""
        return self in _REPLACING

    @property
    def transport(self) -> bool:
        """Whether it strikes the answer's bytes on their way."""
        return self in _TRANSPORT


_REPLACING = frozenset(
    {Fault.UNAVAILABLE, Fault.POOL_EMPTY, Fault.MAINTENANCE, Fault.ERROR_200, Fault.ENTITY_BOMB}
)
_TRANSPORT = frozenset({Fault.CUT_STREAM, Fault.CUT_CHUNKED, Fault.WRONG_LENGTH, Fault.SLOW_DRIP})


@dataclass
class _Rule:
    fault: Fault
    left: int | None
    skip: int
    probability: float
    where: frozenset[str]
    dice: random.Random

    def strikes(self, kind: str) -> bool:
        """Count a request, and decide."""
        if kind not in self.where or self.left == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.dice.random() >= self.probability:
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass
class Faults:
    """Which faults strike which requests; safe to change while the server runs."""

    #: How often each one struck.
    struck: Counter[Fault] = field(default_factory=Counter)
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(
        self,
        fault: Fault | str,
        *,
        times: int | None = None,
        after: int = 0,
        probability: float = 1.0,
        where: str | None = None,
        seed: int = 0,
    ) -> None:
        """Commit a fault from now on."""
        chosen = _fault(fault)
        if where is not None and where not in chosen.where:
            known = ", ".join(sorted(chosen.where))
            raise InvalidInput(f"{chosen.word} cannot strike {where!r}, only: {known}.")
        if not 0 <= probability <= 1:
            raise InvalidInput(f"probability is {probability}; it must lie within 0 and 1.")
        if after < 0 or (times is not None and times < 0):
            raise InvalidInput("times and after cannot be negative.")
        kinds = chosen.where if where is None else frozenset({where})
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        with self._lock:
            self._rules.append(_Rule(chosen, times, after, probability, kinds, dice))

    def clear(self) -> None:
        """Commit no more faults; `struck` stays."""
        with self._lock:
            self._rules.clear()

    def draw(self, kind: str) -> frozenset[Fault]:
        """Return the faults that strike a request of this kind.

        Of those that answer in place of the service, and of those that strike its bytes, at
        most one each.
        """
        drawn: list[Fault] = []
        with self._lock:
            for rule in self._rules:
                group = _REPLACING if rule.fault.replaces else _TRANSPORT
                taken = rule.fault in group and any(other in group for other in drawn)
                if rule.fault not in drawn and not taken and rule.strikes(kind):
                    drawn.append(rule.fault)
            self.struck.update(drawn)
        return frozenset(drawn)


def parse_fault(text: str) -> tuple[Fault, FaultOptions]:
    """Read a fault as the command line writes it: ``NAME[:TIMES][@PROBABILITY][/WHERE]``."""
    match = re.fullmatch(r"([\w-]+)(?::(\d+))?(?:@(\d*\.?\d+))?(?:/(\w+))?", text.strip())
    if match is None:
        raise InvalidInput(
            f"{text!r} is not a fault; write NAME[:TIMES][@PROBABILITY][/WHERE], as in unavailable:3."
        )
    options: FaultOptions = {}
    if match[2]:
        options["times"] = int(match[2])
    if match[3]:
        options["probability"] = float(match[3])
    if match[4]:
        options["where"] = match[4]
    return _fault(match[1]), options


def _fault(fault: Fault | str) -> Fault:
    if isinstance(fault, Fault):
        return fault
    word = fault.strip().lower().replace("_", "-")
    found = next((known for known in Fault if known.word == word), None)
    if found is None:
        raise InvalidInput(
            f"There is no fault {fault!r} (faults: {', '.join(known.word for known in Fault)})."
        )
    return found
