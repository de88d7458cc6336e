"""What a kernel holds, for the panel in JupyterLab: data, maps, models, cache, memory.

The panel runs `listen` once, while the kernel has nothing to do, and then opens a comm each time it
wants to know: in a subshell where the kernel has such, so that it is answered while a cell runs. A
silent execute request would not do then: it shows the running cell's unfinished figures and takes
away its ``input``. For the same reason all that an answer needs is imported here, at the top, and
nothing in the subshell: two threads that import the same packages may see half of them.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from typing import Any

import psutil
from comm import get_comm_manager
from IPython.core.interactiveshell import InteractiveShell

from stellarnb.archives.cache.store import Store
from stellarnb.cartography.memory import available_memory
from stellarnb.errors import StellarnbError
from stellarnb.models import Model, load_card, model_names, whereabouts
from stellarnb.models.backends.device import device_memory
from stellarnb.settings import settings
from stellarnb.spectra import SpectrumSet
from stellarnb.tables import Labels, Table

__all__ = ["MOST", "PROTOCOL", "TARGET", "describe", "listen"]

#: The comm that answers.
TARGET = "stellarnb.kernel"
#: Raised when the answer changes so that an older panel would not understand it.
PROTOCOL = 1
#: Objects of a group that are described; of the rest there is only the number.
MOST = 200

Entry = dict[str, Any]


def listen() -> int:
    """Answer the panel from now on.

    Returns
    -------
    int
        Which form the answers have.
    """
    get_comm_manager().register_target(TARGET, _answer)
    # What is imported or opened for the first time is so now, while no cell runs.
    describe({})
    return PROTOCOL


def _answer(comm: Any, _message: Mapping[str, Any]) -> None:
    """Send what there is, and close the comm with it: nothing is left behind."""
    answer: Entry
    try:
        answer = {"state": describe(_namespace())}
    except Exception as error:  # noqa: BLE001  (the panel says it; a comm has nobody to raise to)
        answer = {"error": f"{type(error).__name__}: {error}"}
    comm.close(data=answer)


def _namespace() -> dict[str, Any]:
    """Return the user's names as they are now; a running cell may add to them meanwhile."""
    return dict(InteractiveShell.instance().user_ns) if InteractiveShell.initialized() else {}


def describe(names: Mapping[str, Any]) -> Entry:
    """Return what some names stand for, and what stellarnb has beside them, as JSON.

    Parameters
    ----------
    names : mapping of str to object
        The user's variables; names with a leading underscore are left out.

    Returns
    -------
    dict
        ``spectra``, ``tables``, ``maps``: lists of ``name, kind, detail, rows, bytes, code``, with
        None for what is not known, and how many more there are in ``more``. ``models``: ``name,
        where, synthetic, here, code``. ``cache``: ``folder, entries, bytes, limit``, or ``error``.
        ``memory``: bytes this kernel takes, bytes free, and the accelerator's. ``prelude``: what
        must run before any ``code``.
    """
    own = {name: value for name, value in names.items() if not name.startswith("_")}
    alias, prelude = _alias(own)
    groups: dict[str, list[Entry]] = {"spectra": [], "tables": [], "maps": []}
    loaded: dict[str, list[str]] = {}
    for name, value in own.items():
        if isinstance(value, Model):
            loaded.setdefault(value.card.name, []).append(name)
            continue
        found = _object(_reference(name), value, alias)
        if found is not None:
            group, entry = found
            groups[group].append({"name": name, **entry})
    return {
        "protocol": PROTOCOL,
        "prelude": prelude,
        **{group: entries[:MOST] for group, entries in groups.items()},
        "more": {group: max(0, len(entries) - MOST) for group, entries in groups.items()},
        "models": [_model(name, loaded.get(name, []), alias) for name in model_names()],
        "cache": _cache(),
        "memory": _memory(),
    }


def _alias(names: Mapping[str, Any]) -> tuple[str, str]:
    """Return what stellarnb is called here, and the import that it takes, if any."""
    for name, value in names.items():
        if getattr(value, "__name__", None) == "stellarnb" and hasattr(value, "__path__"):
            return name, ""
    # A name that stands for something else is not taken from the user.
    if "snb" in names:
        return "stellarnb", "import stellarnb"
    return "snb", "import stellarnb as snb"


def _reference(name: str) -> str:
    """Return Python that stands for a variable, whatever it is called."""
    if name.isidentifier() and not keyword.iskeyword(name):
        return name
    return f"globals()[{json.dumps(name)}]"


def _object(reference: str, value: Any, alias: str) -> tuple[str, Entry] | None:
    """Return the group and description of an object, or None for what is not of stellarnb."""
    kind = type(value)
    if isinstance(value, SpectrumSet):
        return "spectra", _spectra(value, f"{alias}.SpectrumViewer({reference})")
    if isinstance(value, Table):
        drawn = isinstance(value, Labels) or ("teff" in value and "logg" in value)
        return "tables", _table(value, f"{alias}.ChemicalMap({reference})" if drawn else reference)
    if kind.__module__.startswith("stellarnb.training.") and kind.__name__ == "TrainingSet":
        entry = _entry("TrainingSet", str(value.path), len(value), None, reference)
        return "tables", entry
    if kind.__module__.startswith(("stellarnb.widgets.", "stellarnb.views.")):
        table = value.table if kind.__name__ == "ChemicalMap" else None
        if table is None:
            return "maps", _entry(kind.__name__, "", None, None, reference)
        return "maps", {**_table(table, reference), "kind": kind.__name__}
    return None


def _entry(kind: str, detail: str, rows: int | None, size: int | None, code: str) -> Entry:
    return {"kind": kind, "detail": detail, "rows": rows, "bytes": size, "code": code}


def _spectra(value: SpectrumSet, code: str) -> Entry:
    arrays = (value.source_id, value.flux, value.mask, value.error, value.names)
    size = sum(array.nbytes for array in arrays if array is not None)
    pixels = value.flux.shape[1]
    detail = f"{value.instrument.title}, {pixels:,} pixels{_mock(value.provenance)}"
    return _entry("SpectrumSet", detail, len(value), size, code)


def _table(value: Table, code: str) -> Entry:
    detail = f"{len(value.colnames)} columns{_mock(value.provenance)}"
    if isinstance(value, Labels) and value.model:
        detail = f"{value.model}, {detail}"
    return _entry(type(value).__name__, detail, len(value), value.arrow.nbytes, code)


def _mock(provenance: Mapping[str, Any]) -> str:
    return ", mock" if provenance.get("mock") else ""


def _model(name: str, variables: list[str], alias: str) -> Entry:
    card = load_card(name)
    try:
        where = whereabouts(card)
    except StellarnbError:
        where = "unknown whether it was fetched"  # a wrong setting; the cache's line says which
    return {
        "name": card.name,
        "where": where,
        "synthetic": card.trained_on == "synthetic",
        "here": variables,
        "code": f"{alias}.load_model({json.dumps(card.name)})",
    }


def _cache() -> Entry:
    """Return how full the cache is; looking at it makes no folder."""
    try:
        folder = settings().cache / "archives"
        if not folder.is_dir():
            limit = settings().cache_bytes
            return {"folder": str(folder), "entries": 0, "bytes": 0, "limit": limit}
        store = Store(folder)
        return {
            "folder": str(folder),
            "entries": len(store.upkeep.list()),
            "bytes": store.upkeep.bytes,
            "limit": store.upkeep.limit_bytes,
        }
    except StellarnbError as error:
        return {"error": str(error)}


def _memory() -> Entry:
    memory: Entry = {
        "taken": psutil.Process().memory_info().rss,
        "free": available_memory(),
        "device": None,
    }
    try:
        device = device_memory()
    except StellarnbError as error:
        return memory | {"error": str(error)}
    if device is not None:
        memory["device"] = {
            "name": device.name,
            "free": device.free,
            "total": device.total,
            "taken": device.reserved,
        }
    return memory
